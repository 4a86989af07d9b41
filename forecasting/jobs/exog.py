"""The inputs that settings name are found: among the columns of each file, in files of inputs,
in other series.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from forecasting.checks import DAY_US, some_names, usual_distance
from forecasting.config import InputConfig
from forecasting.corporate_events import event_kind
from forecasting.errors import CandlecastError, DataError, SourceError
from forecasting.exog import ExogSpec
from forecasting.series import Dates, ExogColumn, Panel, PriceSeries

_DAY = np.timedelta64(1, "D")
#: Most series of a file of prices that are taken for inputs.
_MOST_SERIES = 1000
#: Names of candidates that an error lists.
_MOST_LISTED = 30

#: Where columns are looked up by name: those of all series under "", those of single ones by
#: symbol.
_Book = dict[str, dict[str, ExogColumn]]


def with_inputs(panel: Panel, inputs: InputConfig, loaded: Panel | None = None) -> Panel:
    """Return a panel whose series carry the inputs that the settings name.

    A name is looked up among the columns of the series' own file, in the files of inputs, among the
    series of the panel, and last among the bars' own columns. The panel itself is returned where no
    input is named.

    Parameters
    ----------
    panel : Panel
    inputs : InputConfig
    loaded : Panel, optional
        Series that may be inputs of others; by default those of the panel.

    Raises
    ------
    DataError
        An input that a series has not; names it and what there is.
    CandlecastError
        A file of inputs that cannot be read.
    """
    specs = inputs.exog
    if not specs:
        return (
            Panel(tuple(replace(series, exog=()) for series in panel))
            if any(series.exog for series in panel)
            else panel
        )
    book = _read_all(inputs.exog_references, panel)
    others = {series.symbol: series for series in loaded or panel}
    return Panel(tuple(_supplied(series, specs, book, others) for series in panel))


def candidates(panel: Panel, inputs: InputConfig | None = None) -> dict[str, ExogColumn]:
    """Return what may be chosen as input of the panel, by name: columns that one of its series
    has, and those of files of inputs.
    """
    found: dict[str, ExogColumn] = {}
    for series in panel:
        for column in series.extras:
            found.setdefault(column.name, column)
    book = _read_all(inputs.exog_references, panel) if inputs is not None else {}
    for columns in book.values():
        for name, column in columns.items():
            found.setdefault(name, column)
    return found


def candidates_of(series: PriceSeries, inputs: InputConfig) -> dict[str, ExogColumn]:
    """Return what may be chosen as input of one series, by name: its own columns, then those of
    files of inputs that hold for it.

    Raises
    ------
    CandlecastError
        A file of inputs that cannot be read.
    """
    book = _read_all(inputs.exog_references, Panel((series,)))
    found = {column.name: column for column in series.extras}
    for symbol in (series.symbol, ""):
        for name, column in book.get(symbol, {}).items():
            found.setdefault(name, column)
    return found


def _supplied(
    series: PriceSeries, specs: Sequence[ExogSpec], book: _Book, others: Mapping[str, PriceSeries]
) -> PriceSeries:
    exog = tuple(_column(series, spec, book, others) for spec in specs)
    return replace(series, exog=exog)


def _column(
    series: PriceSeries, spec: ExogSpec, book: _Book, others: Mapping[str, PriceSeries]
) -> ExogColumn:
    """Return the observations of an input with the moments at which they were known.

    Raises
    ------
    DataError
        There is no such column, or no such column of release dates.
    """
    own = {column.name: column for column in series.extras}
    named = {**book.get("", {}), **book.get(series.symbol, {}), **own}
    column = _by_name(named, spec.name)
    if column is None:
        column = _of_series(series, spec.name, others)
    if column is None:
        raise _lacking(series, spec.name, book, named, others)
    column = _in_zone(series, replace(column, name=spec.name))
    if column.form == "date":
        raise DataError(
            f"The input {spec.name} of {series.symbol} holds dates, and is none by itself.",
            f"Name it as the dates of release of another: --input NAME:released={spec.name}.",
        )
    if spec.transform != "level" and column.form == "category":
        form = spec.transform.replace("_", " ").replace("zscore", "z-score")
        raise DataError(
            f"The input {spec.name} of {series.symbol} holds texts, which have no {form}.",
            f"Name it alone, as in --input {spec.name}.",
        )
    if spec.kind == "futr":
        _check_announced(series, column)
        return column
    if spec.released:
        return _released(series, column, spec, named)
    return _known(series, column, spec)


def _check_announced(series: PriceSeries, column: ExogColumn) -> None:
    """Refuse dividends and splits as known ahead where only past ones are there.

    Raises
    ------
    DataError
        They are known from their declaration on, whose date is not there.
    """
    past = not column.ds.size or column.ds[-1] <= series.ds[-1]
    if past and event_kind(column.name) in ("dividends", "splits"):
        raise DataError(
            f"The {column.name} of {series.symbol} are known ahead from their declaration only, "
            "whose dates these prices do not have.",
            f"Read them as a past input (--input {column.name}), or name a file that holds the "
            "declared ones for the days ahead with --inputs FILE.",
        )


def find_column(series: PriceSeries, name: str, panel: Panel, inputs: InputConfig) -> ExogColumn:
    """Return a column by its name, looked up as an input is, with its values known on their dates.

    Raises
    ------
    DataError
        There is none.
    """
    book = _read_all(inputs.exog_references, panel)
    others = {item.symbol: item for item in panel}
    column = _column(series, ExogSpec(name, "futr"), book, others)
    return replace(column, known=None)


def _by_name(named: Mapping[str, ExogColumn], name: str) -> ExogColumn | None:
    """Return the column of a name, or the only one whose name differs in case or blanks alone."""
    if name in named:
        return named[name]
    alike = [column for other, column in named.items() if _plain(other) == _plain(name)]
    return alike[0] if len(alike) == 1 else None


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).casefold()


def _of_series(
    series: PriceSeries, name: str, others: Mapping[str, PriceSeries]
) -> ExogColumn | None:
    """Return the values of another series, ``VIX`` or ``VIX.volume``, or a column of the bars."""
    if name in series and name != "close":
        return ExogColumn(name, series.ds, series[name])
    symbol, _, column = name.rpartition(".")
    for key, part in ((name, "close"), (symbol, column)):
        other = next(
            (item for known, item in others.items() if known.casefold() == key.casefold()), None
        )
        if other is not None and part in other:
            return replace(series_column(other, part), name=name)
    return next(
        (
            ExogColumn(name, series.ds, series[part])
            for part in series.columns
            if _plain(part) == _plain(name)
        ),
        None,
    )


def series_column(series: PriceSeries, part: str) -> ExogColumn:
    """Return a column of a series as observations; a joined series of another zone keeps it in
    ``source``.
    """
    source = f"{series.provenance.source}\n{series.tz}"
    return ExogColumn(
        series.symbol if part == "close" else f"{series.symbol}.{part}",
        series.ds,
        series[part],
        source=source,
    )


def _known(series: PriceSeries, column: ExogColumn, spec: ExogSpec) -> ExogColumn:
    """Set when each value was known: on its date, at the end of the day where the bars are finer,
    and later by a delay of time.

    A delay of bars is counted along the bars when values are aligned with them.
    """
    known = np.array(column.ds)
    ends_with_day = bool(column.source) and _is_finer(series) and _is_daily(column.ds)
    if ends_with_day or _closes_later(series, column):
        known = known + _DAY
    if ends_with_day:
        known = _moved(known, _zone(column), series.tz)
    if spec.unit == "days":
        known = known + spec.delay * _DAY
    elif spec.unit == "hours":
        known = known + np.timedelta64(spec.delay, "h")
    return replace(column, known=known)


def _is_finer(series: PriceSeries) -> bool:
    """Whether bars are shorter than a day."""
    return 0 < usual_distance(series) < DAY_US


def _zone(column: ExogColumn) -> str:
    """Return the time zone of a column of another source, "" where it is not known."""
    return column.source.partition("\n")[2]


def _in_zone(series: PriceSeries, column: ExogColumn) -> ExogColumn:
    """Return a column with its times of day in the zone of a series; days stay days."""
    zone = _zone(column)
    if column.known is not None or _is_daily(column.ds):
        return column
    return replace(column, ds=np.maximum.accumulate(_moved(column.ds, zone, series.tz)))


def _moved(ds: Dates, zone: str, other: str) -> Dates:
    """Return the wall-clock of another zone at some moments; as it is where a zone is not known.
    Of an hour that comes twice in autumn the later one is meant.
    """
    if not zone or not other or zone == other:
        return ds
    import pandas as pd

    moments = pd.DatetimeIndex(ds).tz_localize(
        zone, ambiguous=np.zeros(ds.size, bool), nonexistent="shift_forward"
    )
    found: Dates = moments.tz_convert(other).tz_localize(None).to_numpy()
    return found.astype("datetime64[us]")


def _is_daily(ds: Dates) -> bool:
    return bool((ds == ds.astype("datetime64[D]")).all())


def _closes_later(series: PriceSeries, column: ExogColumn) -> bool:
    """Whether daily bars of another series end after those of this one on the same date, because
    its exchange lies to the west.
    """
    zone = _zone(column)
    if not zone or not series.tz or zone == series.tz or usual_distance(series) < DAY_US:
        return False
    import pandas as pd

    offsets = [
        pd.Timestamp(series.ds[-1])
        .tz_localize(item, ambiguous=False, nonexistent="shift_forward")
        .utcoffset()
        for item in (zone, series.tz)
    ]
    return offsets[0] is not None and offsets[1] is not None and offsets[0] < offsets[1]


def _released(
    series: PriceSeries, column: ExogColumn, spec: ExogSpec, named: Mapping[str, ExogColumn]
) -> ExogColumn:
    """Set when each value was known by the column of release dates."""
    stamps = _by_name(named, spec.released)
    stamps = None if stamps is None else _in_zone(series, stamps)
    if stamps is None or stamps.form != "date":
        what = "there is no such column" if stamps is None else "it holds no dates"
        raise DataError(
            f"The input {spec.name} of {series.symbol} is said to be published on "
            f"{spec.released}: {what}.",
            "Name a column of dates, or give a delay: NAME:delay=30d.",
        )
    index = np.searchsorted(stamps.ds, column.ds)
    index = np.minimum(index, len(stamps) - 1)
    moments = np.where(stamps.ds[index] == column.ds, stamps.values[index], np.nan)
    known: Dates = np.full(len(column), np.datetime64("NaT", "us"))
    there = np.isfinite(moments)
    known[there] = moments[there].astype(np.int64).astype("datetime64[us]")
    if _is_finer(series) and _is_daily(known[there]):  # published in the course of that day
        known = known + _DAY
    if _is_finer(series):
        known[there] = _moved(known[there], _zone(stamps), series.tz)
    early = there & (known < column.ds)
    if early.any():
        first = int(np.argmax(early))
        raise DataError(
            f"The input {spec.name} of {series.symbol} for {str(column.ds[first])[:10]} is "
            "said to be published before, "
            f"on {str(known[first])[:10]}.",
            "Correct the column of release dates, or read the input as known ahead.",
        )
    values = np.where(there, column.values, np.nan)
    return replace(column, values=values, known=np.where(there, known, column.ds))


def _lacking(
    series: PriceSeries,
    name: str,
    book: _Book,
    named: Mapping[str, ExogColumn],
    others: Mapping[str, PriceSeries],
) -> DataError:
    owners = [symbol for symbol, columns in book.items() if symbol and _by_name(columns, name)]
    if owners:
        return DataError(
            f"The input {name} is there for {some_names(owners)}, but not for {series.symbol}.",
            f"Add rows of the symbol {series.symbol} to its file, or leave the series out.",
        )
    there = [
        *named,
        *(item for item in series.columns if item != "close"),
        *(item for item in others if item != series.symbol),
    ]
    listed = ", ".join(there[:_MOST_LISTED]) + (", ..." if len(there) > _MOST_LISTED else "")
    return DataError(
        f"{series.symbol} has no input {name}.",
        f"There {'are' if len(there) > 1 else 'is'}: {listed}."
        if there
        else "Load a file that has it, or name one with --inputs FILE.",
    )


def _read_all(references: Sequence[str], panel: Panel) -> _Book:
    """Read the files, tickers and samples that hold inputs."""
    book: _Book = {"": {}}
    for reference in references:
        columns = _read(reference)
        for symbol, found in columns.items():
            mine = book.setdefault(_symbol_in(panel, symbol), {})
            for column in found:
                mine.setdefault(column.name, _as_events(column))
    return book


def _as_events(column: ExogColumn) -> ExogColumn:
    """Return a list of days on which something happens as 1 on these days and 0 from the next
    day on.
    """
    if column.form != "flag" or not len(column) or not (column.values == 1).all():
        return column
    following = np.setdiff1d(column.ds + _DAY, column.ds)
    ds = np.concatenate([column.ds, following])
    values = np.repeat([1.0, 0.0], [len(column), following.size])
    order = np.argsort(ds, kind="stable")
    return replace(column, ds=ds[order], values=values[order])


def _symbol_in(panel: Panel, symbol: str) -> str:
    return next((item for item in panel.symbols if item.casefold() == symbol.casefold()), symbol)


def _read(reference: str) -> Mapping[str, Sequence[ExogColumn]]:
    """Return the columns of one source of inputs by symbol, "" for those that hold for all series.

    Raises
    ------
    CandlecastError
        It cannot be read, or holds no dates.
    """
    path = Path(reference)
    if reference.partition(":")[0].lower() in ("yahoo", "sample") and not path.is_file():
        return {"": tuple(_series_columns(reference))}
    if not path.is_file():
        raise DataError(
            f"There is no file of inputs {reference}.", "Check the path given to --inputs."
        )
    stat = path.stat()
    return _table(str(path.resolve()), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _table(path: str, _changed: int, _size: int) -> Mapping[str, Sequence[ExogColumn]]:
    """Return the columns of a file and, where it holds prices, the closes by the symbols."""
    from forecasting.sources.files.reader import read, read_inputs

    columns = dict(read_inputs(path).columns)
    with contextlib.suppress(SourceError):
        series = read(path)[:_MOST_SERIES]
        columns[""] = (*columns.get("", ()), *(series_column(item, "close") for item in series))
    return columns


def _series_columns(reference: str) -> Iterator[ExogColumn]:
    from forecasting import store
    from forecasting.sources import source

    for series in store.load(source(reference), "auto"):
        yield from (series_column(series, part) for part in series.columns if part != "close")
        yield series_column(series, "close")
        if series.symbol != series.symbol.lstrip("^"):
            yield replace(series_column(series, "close"), name=series.symbol.lstrip("^"))


def check_horizon(panel: Panel, inputs: InputConfig, horizon: int) -> None:
    """Refuse inputs known ahead that end before the last bar of the horizon.

    Raises
    ------
    DataError
        Names the input, the series, the date on which it ends and that up to which it is needed.
    """
    from forecasting.calendars import future_sessions

    ahead = [index for index, spec in enumerate(inputs.exog) if spec.kind == "futr"]
    for series in panel if ahead else ():
        needed = future_sessions(series, horizon)
        for index in ahead:
            column = series.exog[index]
            last = column.ds[np.isfinite(column.values)][-1:]
            if not last.size or last[0].astype("datetime64[D]") < needed[-1].astype(
                "datetime64[D]"
            ):
                raise _ends_early(series, column, needed, last)


def _ends_early(
    series: PriceSeries, column: ExogColumn, needed: Dates, last: Dates
) -> CandlecastError:
    end = str(last[0])[:10] if last.size else "never"
    known = (
        int(np.count_nonzero(needed.astype("datetime64[D]") <= last[0].astype("datetime64[D]")))
        if last.size
        else 0
    )
    lower = f"lower the horizon to {known}, " if known else ""
    return DataError(
        f"The input {column.name} of {series.symbol} is known up to {end}; the forecast "
        f"reaches {str(needed[-1])[:10]}.",
        f"Extend it up to that date, {lower}or read it as a past input (--input {column.name}).",
    )
