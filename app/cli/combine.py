"""``candlecast combine``: networks and baselines as one forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.arguments import AsJson, ExportFiles, KeepInJournal, SourceArguments
from app.cli.exporting import (
    ExportOptions,
    check_names,
    check_targets,
    each_attempted,
    options_from,
)
from app.cli.exporting import export as export_to
from app.cli.flags import flagged, input_files
from app.cli.journal import keep
from app.cli.loading import Loaded, prepared
from app.cli.progress import Stopper, finish
from app.cli.terminal import show
from forecasting.checks import ended, living
from forecasting.config import GROUPS
from forecasting.sources.options import ReadOptions, TickerOptions

if TYPE_CHECKING:
    from forecasting.jobs import CombinationFinished


@flagged(*GROUPS.values(), ExportOptions, ReadOptions, TickerOptions)
def combine(
    source: SourceArguments,
    models: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="What is combined, parted by commas: baselines, files of saved networks, "
            "'network' for one that is trained now, files of forecasts that other programs made, "
            "and run:KEY for a run that was kept.",
        ),
    ] = "network,har,garch-t",
    export: ExportFiles = None,
    journal: KeepInJournal = True,
    as_json: AsJson = False,
    **settings: Any,
) -> int:
    """Combine networks and baselines by a weighted mean of their quantiles, weighted on the
    validation part, and judge that as one more configuration.
    """
    from forecasting import jobs

    targets = export or []
    pictures = options_from(settings, targets)
    check_targets(targets, [*source.sources, *input_files(settings)])
    experiment, loaded = prepared(source, settings)
    check_names(targets, living(loaded.panel), pictures)
    names = [name.strip() for name in models.split(",") if name.strip()]
    with Stopper().listening() as stopper:
        job = jobs.combine(loaded.panel, experiment, names, stopper)
        finished = finish(stopper.following(job), jobs.CombinationFinished)
        result = finished.result
        with each_attempted() as attempt:
            attempt(lambda: export_to(targets, result, pictures))
            if journal:
                keep(result.forecasts, result.panel, result.config)
            attempt(lambda: _show(finished, loaded, as_json))
    return stopper.exit_status


def _show(finished: CombinationFinished, loaded: Loaded, as_json: bool) -> None:
    result = finished.result
    series = {item.symbol: item for item in result.panel}
    shown = [series[item.symbol] for item in result.forecasts]
    left_out = {**loaded.left_out, **ended(loaded.panel), **result.left_out}
    if as_json:
        from app.cli import documents

        weights = dict(
            zip(finished.weights.names, map(float, finished.weights.values), strict=True)
        )
        found = [
            item | {"weights": weights, "left_out": documents.left_out(left_out)}
            for item in documents.forecasts(result.forecasts, shown, result, loaded.refused)
        ]
        show(documents.to_json(found if len(found) > 1 else found[0]))
        return
    from app.cli.tables import show_findings, show_forecasts, show_judgement, show_left_out

    show_findings(result.panel)
    show_forecasts(result.forecasts, shown)
    show_left_out(left_out)
    levels = next(iter(result.outcomes.values())).scored_levels
    show_judgement(result.scores, result.verdict, None, levels)
