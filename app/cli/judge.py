"""``candlecast judge``: forecasts of others, judged as our own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.arguments import BaseRate
from app.cli.exporting import check_suffixes, check_targets, each_attempted
from app.cli.flags import given, pairs
from app.cli.progress import Stopper, finish
from app.cli.terminal import say, show
from app.export.figure import read_size
from forecasting.errors import ExportError
from forecasting.imported_forecasts.options import ForecastOptions
from forecasting.sources.options import TickerOptions

if TYPE_CHECKING:
    from app.cli.documents import Document
    from forecasting.imported_forecasts.results import ForecastsJudged, ModelJudgement
    from forecasting.series import Panel

Forecasts = Annotated[
    Path, typer.Argument(metavar="FORECASTS", help="File of forecasts: CSV, JSON, Excel, Parquet.")
]
Prices = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PRICES",
        help="What they are about: files, yahoo:TICKER or sample:NAME. Default: the actual values "
        "in FORECASTS.",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(metavar="FILE.html", help="Write the judgement with its plots as one page."),
]
Exports = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Write every forecast beside what happened (.parquet, .csv), or plots (.png, .svg, "
        ".pdf). Repeatable.",
    ),
]
Journal = Annotated[
    bool,
    typer.Option(
        "--journal",
        help="Enter forecasts of bars still to come in the journal, to await what happens.",
    ),
]
Baselines = Annotated[
    str,
    typer.Option(
        metavar="NAMES", help="What to compare with: auto, all, or names with commas between them."
    ),
]
Plots = Annotated[
    str,
    typer.Option(
        "--plot",
        metavar="NAMES",
        help="Plots of pictures: past, steps, step_coverage, calibration, residuals.",
    ),
]
Size = Annotated[str, typer.Option(metavar="SIZE", help="Size of pictures: 1920x1080, 10x6in.")]


def judge(
    forecasts: Forecasts,
    prices: Prices = None,
    baselines: Baselines = "auto",
    report: Report = None,
    export: Exports = None,
    plot: Plots = "past",
    size: Size = "10x6in",
    journal: Journal = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else.")
    ] = False,
    by_step: Annotated[
        bool, typer.Option("--by-step", help="Show the scores for each bar ahead too.")
    ] = False,
    base_rate: BaseRate = False,
    refresh: Annotated[
        bool | None,
        typer.Option(
            "--refresh/--offline",
            help="Bring tickers up to date, or take them as they are held.",
            show_default=False,
        ),
    ] = None,
    **settings: Any,
) -> int:
    """Judge forecasts that others made: against baselines from the same bars, with significance,
    calibration, copy and leak checks.
    """
    from forecasting import jobs
    from forecasting.imported_forecasts.results import ForecastsJudged

    targets = export or []
    kinds = _checked(targets, report, plot, size, [str(forecasts), *(prices or [])])
    options = _options(settings)
    panel = _prices(prices or [], settings, refresh)
    with Stopper().listening() as stopper:
        job = jobs.judge_forecasts(forecasts, panel, options, stopper, baselines=baselines)
        judged = finish(stopper.following(job), ForecastsJudged)
        with each_attempted() as attempt:
            for path in targets:
                attempt(partial(_export, path, judged, kinds, size))
            if report is not None:
                attempt(partial(_report, report, judged))
            if journal:
                _keep(judged)
            attempt(lambda: _show(judged, as_json, by_step, base_rate))
    return stopper.exit_status


def _options(settings: Mapping[str, Any]) -> ForecastOptions:
    """Return how the file of forecasts is to be read, from the flags."""
    options = given(settings, ForecastOptions)
    if "columns" in options:
        options["columns"] = pairs(options["columns"])
    return ForecastOptions(**options)


def _prices(
    sources: Sequence[str], settings: Mapping[str, Any], refresh: bool | None
) -> Panel | None:
    """Load the prices; flags that settle how a file is read are of the forecasts."""
    from app.cli.loading import load

    return load(sources, given(settings, TickerOptions), refresh).panel if sources else None


def _checked(
    targets: Sequence[Path], report: Path | None, plot: str, size: str, sources: Sequence[str]
) -> tuple[str, ...]:
    """Refuse files that cannot be written and plots that there are none of, before the work;
    return the plots.
    """
    from app.cli.outcomes import WRITERS
    from app.export import PICTURES
    from app.export.judgement import KINDS

    check_suffixes(targets, {**WRITERS, **dict.fromkeys(PICTURES)})
    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise ExportError(
            f"--report {report}: a report is a page, whose name ends in .html.",
            "Write --report judgement.html.",
        )
    check_targets([*targets, *([report] if report else [])], sources)
    kinds = tuple(KINDS) if plot == "all" else tuple(word.strip() for word in plot.split(","))
    bad = next((kind for kind in kinds if kind not in KINDS), None)
    if bad is not None:
        raise ExportError(
            f"--plot: there is no plot '{bad}'.", f"Possible are {', '.join(KINDS)} and all."
        )
    read_size(size)
    return kinds


def _export(path: Path, judged: ForecastsJudged, kinds: Sequence[str], size: str) -> None:
    from app.cli.outcomes import WRITERS, write_outcomes
    from app.export import Look
    from app.export.judgement import outcome_rows, write_pictures

    if path.suffix.lower() in WRITERS:
        write_outcomes(path, *outcome_rows(judged))
        return
    for target in write_pictures(path, judged, kinds, Look(*read_size(size))):
        say(f"Wrote {target}")


def _report(path: Path, judged: ForecastsJudged) -> None:
    from app.export.judgement import write_report

    write_report(path, judged)
    say(f"Wrote {path}")


def _keep(judged: ForecastsJudged) -> None:
    """Enter forecasts of bars still to come in the journal, and say how many there were."""
    from app.cli.journal import keep

    awaited = [forecast for item in judged.models.values() for forecast in item.awaited]
    if awaited:
        keep(awaited, judged.panel, None)
    say(
        f"Forecasts entered in the journal: {len(awaited)}."
        if awaited
        else "No forecast reaches beyond the last known bar: nothing to await."
    )


def _show(judged: ForecastsJudged, as_json: bool, by_step: bool, with_rate: bool) -> None:
    if as_json:
        from app.cli import documents

        show(documents.to_json(document(judged, by_step, with_rate)))
        return
    from app.cli.tables import show_judged_forecasts
    from forecasting.base_rates import outcome_rate

    show_judged_forecasts(judged, by_step)
    for name, item in judged.models.items() if with_rate else ():
        show(f"{name}: {outcome_rate(item.own).sentence}")


def document(judged: ForecastsJudged, by_step: bool = False, with_rate: bool = False) -> Document:
    """Return the judgement: ``models``, ``baselines`` and ``findings``.

    A baseline's ``scores`` are those on the bars and levels of the first model; ``by_model`` has
    those beside the others.
    """
    names = list(judged.models)
    first = judged.models[names[0]]
    rivals: Document = {}
    for name in list(first.outcomes)[1:]:
        rivals[name] = {"origins": len(first.own), "scores": first.scores[name]}
        if len(names) > 1:
            rivals[name]["by_model"] = {
                model: item.scores[name]
                for model, item in judged.models.items()
                if name in item.scores
            }
    return {
        "models": {name: _model(item, by_step, with_rate) for name, item in judged.models.items()},
        "baselines": rivals,
        "findings": [dataclasses.asdict(finding) for finding in judged.findings],
    }


def _model(item: ModelJudgement, by_step: bool, with_rate: bool) -> Document:
    from app.cli.documents import base_rate
    from forecasting import metrics
    from forecasting.base_rates import outcome_rate

    found = metrics.calibration(item.own)
    texts: Document = {
        "origins": len(item.own),
        "scores": item.scores[item.own.model],
        "verdict": dataclasses.asdict(item.verdict),
        "calibration": {
            f"{level:g}": share for level, share in zip(found.level, found.realised, strict=True)
        },
    }
    if with_rate:
        texts["base_rate"] = base_rate(outcome_rate(item.own))
    if by_step:
        texts["by_step"] = {
            name: steps.tolist() for name, steps in metrics.by_step(item.own).items()
        }
    return texts
