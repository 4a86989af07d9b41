"""``candlecast candles``: open, high, low and close of the next bars, jointly."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from app.cli.arguments import AsJson, KeepRun, SourceArguments
from app.cli.exporting import check_suffixes, check_targets, each_attempted
from app.cli.flags import flagged, input_files
from app.cli.outcomes import WRITERS, write_tables
from app.cli.path_origin import PathOrigin, followed, loaded_for, path_plan
from app.cli.progress import Stopper
from app.cli.runs import keep_run
from app.cli.terminal import say, show
from forecasting.config import GROUPS
from forecasting.sources.options import ReadOptions, TickerOptions

if TYPE_CHECKING:
    import pyarrow as pa

    from app.cli.documents import Document
    from forecasting.paths.candles import CandleRecord, Candles, CandlesMade
    from forecasting.series import PriceSeries


@flagged(*GROUPS.values(), ReadOptions, TickerOptions)
def candles(
    source: SourceArguments,
    origin: PathOrigin,
    backtest: Annotated[
        bool, typer.Option("--backtest", help="Judge such candles from past cutoffs.")
    ] = False,
    export: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Write the quantiles: unique_id, ds, part, q0.1, ... (.parquet, .csv). "
            "Repeatable.",
        ),
    ] = None,
    as_json: AsJson = False,
    keep_it: KeepRun = True,
    **settings: Any,
) -> int:
    """Forecast whole candles: open, high, low and close of the next bars as joint quantiles, of
    which no low lies above open or close and no high below.
    """
    from forecasting import jobs
    from forecasting.paths.candles import CandlesMade

    origin.check(source.config, settings)
    check_suffixes(export or [], WRITERS)
    check_targets(export or [], [*source.sources, *input_files(settings)])
    experiment, loaded = loaded_for(origin, source, settings)
    with Stopper().listening() as stopper:
        plan = path_plan(origin, loaded.panel, experiment)
        job = jobs.candles(loaded.panel, experiment, plan, stopper, backtest=backtest)
        made, finished = followed(stopper, job, CandlesMade)
        with each_attempted() as attempt:
            for path in export or []:
                attempt(partial(_write, path, made))
            if finished is not None and keep_it:
                keep_run(finished.result, settings, candles=True)
            attempt(lambda: _show(made, as_json))
    return stopper.exit_status


def _show(made: CandlesMade, as_json: bool) -> None:
    series = {item.symbol: item for item in made.panel}
    if as_json:
        from app.cli import documents

        found = [_document(item, series[item.symbol], made) for item in made.candles]
        show(documents.to_json(found if len(found) > 1 else found[0]))
        return
    if made.supposed:
        show(made.supposed)
    for item in made.candles:
        _show_candles(item, series[item.symbol])
    if made.record is not None:
        for line in _judged(made.record):
            show(line)


def _document(item: Candles, series: PriceSeries, made: CandlesMade) -> Document:
    from app.cli.documents import stamps
    from forecasting.paths.candles import PARTS

    stamp = stamps(series)
    found: Document = {
        "symbol": item.symbol,
        "model": item.model,
        "cutoff": stamp(item.cutoff),
        "last_close": item.y0,
        "horizon": len(item.ds),
        "ds": [stamp(ds) for ds in item.ds],
    }
    for part, values in zip(PARTS, item.values, strict=True):
        by_level = zip(item.levels, values.T, strict=True)
        found[part] = {f"{level:g}": steps.tolist() for level, steps in by_level}
    if made.supposed:
        found["supposed"] = made.supposed
    if made.record is not None:
        found["backtest"] = {
            "cutoffs": made.record.cutoffs,
            "coverage": {
                part: {str(band): share for band, share in bands.items()}
                for part, bands in made.record.coverage.items()
            },
            "crps_bp": dict(made.record.crps),
            "crps_bp_past_changes": dict(made.record.crps_walk),
            "verdict": list(_judged(made.record)),
        }
    return found


def _show_candles(item: Candles, series: PriceSeries) -> None:

    from app.cli.console import console, titled_table
    from app.cli.documents import stamps
    from app.cli.tables import price_format
    from forecasting.paths.candles import PARTS

    stamp, price = stamps(series), price_format(item.y0)
    title = f"{item.symbol}: {item.model} from {stamp(item.cutoff)[:10]}, close {price(item.y0)}"
    table = titled_table(title)
    table.add_column("Session")
    for part in PARTS:
        table.add_column(f"{part.capitalize()}, 80 % band", justify="right")
    low, middle, high = (item.levels.index(level) for level in (0.1, 0.5, 0.9))
    for step, ds in enumerate(item.ds):
        cells = [
            f"{price(values[step, middle])} ({price(values[step, low])} - "
            f"{price(values[step, high])})"
            for values in item.values
        ]
        table.add_row(stamp(ds).removesuffix(" 00:00:00"), *cells)
    console().print(table)


def _judged(record: CandleRecord) -> Iterator[str]:
    """Say how such candles fared in the past."""
    shares = ", ".join(f"{part} {100 * bands[80]:.1f} %" for part, bands in record.coverage.items())
    yield f"From {record.cutoffs:,} past cutoffs the 80 % bands held: {shares}."
    gains = ", ".join(
        f"{part} {1 - record.crps[part] / record.crps_walk[part]:+.1%}"
        for part in record.crps
        if record.crps_walk[part] > 0
    )
    yield f"CRPS saved beside past changes of the same part over as many bars: {gains}."


def _write(path: Path, made: CandlesMade) -> None:
    write_tables(path, _tables(made, path.suffix.lower() == ".csv"))
    say(f"Wrote {path}")


def _tables(made: CandlesMade, text: bool) -> Iterator[pa.Table]:
    """Make one table a series; in a ``text`` no name is one that spreadsheets take for a
    formula.
    """
    import pyarrow as pa

    from app.export.tables import cell_text
    from forecasting.paths.candles import PARTS

    for item in made.candles:
        name = cell_text(item.symbol) if text else item.symbol
        steps = len(item.ds)
        columns: dict[str, Any] = {
            "unique_id": pa.array([name] * (steps * len(PARTS))),
            "ds": pa.array(np.tile(item.ds, len(PARTS)).astype("datetime64[us]")),
            "part": pa.array(np.repeat(PARTS, steps).tolist()),
        }
        for index, level in enumerate(item.levels):
            columns[f"q{level:g}"] = pa.array(item.values[:, :, index].reshape(-1))
        yield pa.table(columns)
