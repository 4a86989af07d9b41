"""Data frames: read as files are, by the same stages."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import numpy as np

from forecasting.errors import DataError, SourceError
from forecasting.series import PriceSeries, Provenance
from forecasting.sources.files.reader import read_table
from forecasting.sources.options import AS_FOUND, ReadOptions
from forecasting.sources.quality import with_session_gaps
from forecasting.sources.resample import shaped
from forecasting.sources.trading_hours import with_exchange
from forecasting.sources.unfinished_bar import without_running_bar

#: Columns of a long frame as forecasting libraries name them, and their roles.
LONG_COLUMNS = {"unique_id": "symbol", "ds": "date", "y": "close"}
#: An index of whole numbers between these is one of years, not of rows.
_FIRST_YEAR, _LAST_YEAR = 1500, 2200
#: What a series is called that no column names.
UNNAMED = "series"


def read_frame(frame: Any, options: ReadOptions | None = None) -> tuple[PriceSeries, ...]:
    """Read all series of a data frame.

    Parameters
    ----------
    frame : pandas.DataFrame, pandas.Series, or any table that exports Arrow data (polars, pyarrow)
        Long (``unique_id, ds, y``), OHLCV, or wide with one column a series. Dates are a column or
        the index.
    options : ReadOptions, optional
        What is settled beforehand; the rest is found in the frame, as in a file.

    Returns
    -------
    tuple of PriceSeries
        At least one. Each carries as findings what was ambiguous, repaired or odd.

    Raises
    ------
    SourceError
        No rows, no dates or no prices: the message says what was found and what was tried.
    DataError
        Something that is no frame, or a frame with two columns of one name.
    """
    options, table = options or AS_FOUND, _arrow_table(frame)
    roles = {role: column for column, role in LONG_COLUMNS.items() if column in table.column_names}
    if "close" in roles and "date" in roles:
        options = options.model_copy(update={"columns": {**roles, **options.columns}})
    retrieved_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    about = Provenance("memory", "unknown", retrieved_at, _digest(table))
    with np.errstate(all="ignore"):
        found = read_table(table, options, about, UNNAMED)
    series = [without_running_bar(shaped(item, options)) for item in found]
    return tuple(with_session_gaps(with_exchange(item, options)) for item in series)


def _arrow_table(frame: Any) -> Any:
    """Return a frame as an Arrow table, an index that means something as its first columns."""
    import pyarrow as pa

    names: Any = getattr(frame, "columns", ())
    texts = [
        name for name in names if isinstance(name, str | tuple | int)
    ]  # of pyarrow these are the columns themselves
    double = next((name for name in texts if texts.count(name) > 1), None)
    if double is not None:
        raise DataError(
            f"The data frame has two columns called {double}.", "Rename or drop one of them."
        )
    if type(frame).__module__.partition(".")[0] == "pandas":
        frame = _with_index_as_columns(frame)
    elif not hasattr(frame, "__arrow_c_stream__"):
        raise DataError(
            f"A data frame is needed, not {type(frame).__name__}.",
            "Give a pandas or polars frame with the columns unique_id, ds, y or with OHLCV "
            "columns, a PriceSeries, or the path of a file.",
        )
    try:
        return (
            pa.Table.from_pandas(frame, preserve_index=False)
            if hasattr(frame, "iloc")
            else pa.table(frame)
        )
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        if not hasattr(frame, "iloc"):
            raise SourceError(
                f"The data frame cannot be read: {error}",
                "Give dates as datetimes and prices as numbers.",
            ) from error
    mixed = {
        column: frame[column].map(str, na_action="ignore")
        for column in frame.columns
        if frame[column].dtype == object
    }
    try:
        return pa.Table.from_pandas(frame.assign(**mixed), preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise SourceError(
            f"The data frame cannot be read: {error}",
            "Give dates as datetimes and prices as numbers.",
        ) from error


def _with_index_as_columns(frame: Any) -> Any:
    """Return a pandas frame whose dates and names are columns: an index of row numbers is left
    out, periods become their start.
    """
    import pandas as pd

    if isinstance(frame, pd.Series):
        frame = frame.to_frame("y" if frame.name is None else str(frame.name))
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"A data frame is needed, not {type(frame).__name__}.",
            "Give a DataFrame with dates and prices.",
        )
    index = frame.index
    numbered = (
        index.nlevels == 1 and index.name is None and pd.api.types.is_integer_dtype(index.dtype)
    )
    years = (
        numbered
        and frame.shape[1] == 1
        and len(index) > 0
        and index.min() >= _FIRST_YEAR
        and index.max() <= _LAST_YEAR
    )
    if not numbered or years:
        levels = [
            level if level is not None else _level_name(index, position)
            for position, level in enumerate(index.names)
        ]
        frame = frame.copy(deep=False)
        frame.index = index.set_names(levels)
        frame = frame.drop(
            columns=[level for level in levels if level in frame.columns]
        ).reset_index()
    periods = [
        column for column in frame.columns if isinstance(frame[column].dtype, pd.PeriodDtype)
    ]
    frame = frame.assign(**{str(column): frame[column].dt.to_timestamp() for column in periods})
    frame.columns = [str(column) for column in frame.columns]
    return frame


def _level_name(index: Any, place: int) -> str:
    """Return the column name of a nameless level of an index: ``ds`` for dates, ``unique_id``
    beside them.
    """
    import pandas as pd

    values = index.get_level_values(place)
    dated = isinstance(values, pd.DatetimeIndex | pd.PeriodIndex) or index.nlevels == 1
    return "ds" if dated else "unique_id"


def _digest(table: Any) -> str:
    """Return the SHA-256 (hex) of a table's values."""
    import pyarrow as pa

    bare = table.replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, bare.schema) as stream:
        stream.write_table(bare)
    return sha256(sink.getvalue()).hexdigest()


def one_series(frame: Any, symbol: str = "", options: ReadOptions | None = None) -> PriceSeries:
    """Read a data frame that holds one series; parameters and errors as :func:`read_frame`.

    Raises
    ------
    DataError
        The frame holds several series, and ``symbol`` names none of them.
    """
    options = options or AS_FOUND
    found = read_frame(frame, options.model_copy(update={"symbol": symbol}) if symbol else options)
    if len(found) > 1:
        names = ", ".join(item.symbol for item in found[:5])
        raise DataError(
            f"The data frame holds {len(found)} series: {names}.",
            "Name one of them with symbol=, or read all with Panel.from_frame.",
        )
    return found[0]
