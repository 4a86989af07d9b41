"""Walk-forward outcomes as one long table, so that anyone can score them with code of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.cli.terminal import say
from forecasting.errors import ExportError
from forecasting.files.atomic import atomic_open

if TYPE_CHECKING:
    import pyarrow as pa

    from forecasting.series import Outcomes

#: Rows that are in memory at once while writing.
_ROWS = 200_000
#: Columns whose values come many times.
_REPEATED = ("model", "unique_id", "cutoff", "ds")


def write_outcomes(
    path: str | Path, outcomes: Mapping[str, Outcomes], quantiles: Sequence[float]
) -> None:
    """Write one row for each model, series, cutoff and bar ahead.

    Columns are ``model, unique_id, cutoff, ds, y0`` (value at the cutoff), ``y`` (what happened)
    and one column a quantile, ``q0.025``, ``q0.1`` ..., all in price units as float64.

    Parameters
    ----------
    path : str or Path
        Target; its suffix, a key of :data:`WRITERS`, decides the format. Replaced only once the
        whole table is on disk.
    outcomes : mapping of str to Outcomes
    quantiles : sequence of float
        Levels to be written, all of which the outcomes have.

    Raises
    ------
    ExportError
        An unknown suffix, or a file that cannot be written.
    """
    path = Path(path)
    write_tables(path, _tables(outcomes, quantiles, path.suffix.lower() == ".csv"))
    say(f"Wrote {path}")


def write_tables(path: Path, tables: Iterator[pa.Table]) -> None:
    """Write tables of one schema one after the other; the file is replaced only once all are on
    disk.

    Raises
    ------
    ExportError
        An unknown suffix, or a file that cannot be written.
    """
    make = WRITERS.get(path.suffix.lower())
    if make is None:
        raise ExportError(
            f"{path.name}: tables cannot be written as '{path.suffix}'.",
            f"Possible are {', '.join(WRITERS)}.",
        )
    with atomic_open(path) as part:
        writer = None
        for table in tables:
            writer = writer or make(part, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()


def _parquet(path: Path, schema: pa.Schema) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=[name for name in _REPEATED if name in schema.names],
    )


def _csv(path: Path, schema: pa.Schema) -> Any:
    from pyarrow import csv

    return csv.CSVWriter(path, schema, write_options=csv.WriteOptions(quoting_style="needed"))


#: What writes the table, by suffix.
WRITERS: dict[str, Callable[[Path, Any], Any]] = {".parquet": _parquet, ".csv": _csv}


def _tables(
    outcomes: Mapping[str, Outcomes], quantiles: Sequence[float], text: bool = False
) -> Iterator[pa.Table]:
    """Cut the outcomes into tables of bounded size, model by model; in a ``text`` no name is one
    that spreadsheets take for a formula.
    """
    from app.export.tables import cell_text

    unit = "s" if all(_whole_seconds(item) for item in outcomes.values()) else "us"
    for name, item in outcomes.items():
        origins = max(1, _ROWS // item.horizon)
        for start in range(0, len(item), origins):
            names = [str(symbol) for symbol in item.symbol[start : start + origins]]
            yield _table(
                name,
                [cell_text(symbol) for symbol in names] if text else names,
                item,
                slice(start, start + origins),
                quantiles,
                unit,
            )


def _table(
    name: str,
    symbols: Sequence[str],
    item: Outcomes,
    part: slice,
    quantiles: Sequence[float],
    unit: str,
) -> pa.Table:
    import pyarrow as pa

    ds, horizon = item.ds[part], item.horizon
    columns: dict[str, Any] = {
        "model": pa.array(np.full(ds.size, name)),
        "unique_id": pa.array(np.repeat(np.array(symbols), horizon)),
        "cutoff": pa.array(np.repeat(item.cutoff[part], horizon).astype(f"datetime64[{unit}]")),
        "ds": pa.array(ds.reshape(-1).astype(f"datetime64[{unit}]")),
        "y0": pa.array(np.repeat(item.y0[part], horizon)),
        "y": pa.array(item.y[part].reshape(-1)),
    }
    for level in quantiles:
        columns[f"q{level:g}"] = pa.array(
            np.ascontiguousarray(item.quantile(level)[part]).reshape(-1)
        )
    return pa.table(columns)


def _whole_seconds(item: Outcomes) -> bool:
    times = (item.cutoff, item.ds)
    return all(bool((time == time.astype("datetime64[s]")).all()) for time in times)
