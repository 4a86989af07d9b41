"""The search for settings in a terminal."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.cli.arguments import AcceptFindings, AsJson, ConfigFile, Refresh, Sources
from app.cli.flags import flagged, run_config, suit_config
from app.cli.loading import accept, load, short_series_dropped
from app.cli.progress import Stopper, finish
from app.cli.terminal import show
from forecasting.config import GROUPS
from forecasting.sources.options import ReadOptions, TickerOptions

if TYPE_CHECKING:
    from forecasting.search import SearchFinished, Trial

#: Minutes that a search takes where no budget is given.
_MINUTES = 10.0
#: Trials that are shown as text.
_SHOWN = 10


@flagged(*GROUPS.values(), ReadOptions, TickerOptions)
def search(
    sources: Sources,
    minutes: Annotated[
        float | None,
        typer.Option(metavar="M", min=0.01, help="End after so many minutes. Default: 10."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="End after so many trials.")
    ] = None,
    space: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='What is searched, as JSON: {"input_size": [20, 60], "dropout": {"low": 0, '
            '"high": 0.5}}. Default: lookback, network, hidden size, layers, dropout, learning '
            "rate, target.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=256, help="Processes for the trials.")
    ] = 1,
    blocks: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=50, help="Validation blocks before the test part."),
    ] = 3,
    sampler: Annotated[
        Literal["auto", "tpe", "random"],
        typer.Option(
            help="Learn from earlier trials (tpe, needs Optuna) or draw at random; auto takes "
            "tpe where it is installed."
        ),
    ] = "auto",
    save_config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the settings found, for --config."),
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    accept_findings: AcceptFindings = False,
    refresh: Refresh = None,
    **settings: Any,
) -> int:
    """Search for settings on the bars before the test part, then look at that once and say
    whether they are better than the defaults, with a p-value corrected for the search.
    """
    from app.cli.exporting import check_targets
    from forecasting import jobs
    from forecasting.search import Budget, SearchFinished, SearchPlan, read_space

    experiment = run_config(config, settings)
    searched = read_space(space, experiment) if space else None
    check_targets([save_config] if save_config else [], sources)
    loaded = load(sources, settings, refresh, inputs=experiment.inputs)
    experiment = suit_config(experiment, loaded.panel, config, settings)
    loaded = short_series_dropped(loaded, experiment.task.input_size)
    accept(loaded.panel, accept_findings)
    limit = _MINUTES if minutes is None and trials is None else minutes or 0.0
    plan = SearchPlan(Budget(limit, trials or 0), blocks, sampler, workers)
    with Stopper().listening() as stopper:
        job = jobs.search(loaded.panel, experiment, plan, searched, stopper)
        finished = finish(stopper.following(job), SearchFinished)
    if save_config is not None:
        _write(save_config, finished)
    if as_json:
        from app.cli.documents import to_json

        show(to_json(document(finished)))
    else:
        _show(finished)
    return stopper.exit_status


def document(finished: SearchFinished) -> dict[str, Any]:
    """Return the result of a search as a document: ``best``, ``trials`` and ``verdict``."""
    best = finished.best
    return {
        "best": {
            "config": json.loads(best.config.to_json()),
            "validation": _validation(finished),
        },
        "trials": [_trial(trial) for trial in finished.trials.items],
        "verdict": dataclasses.asdict(finished.verdict) | {"sampler": finished.sampler},
    }


def _validation(finished: SearchFinished) -> dict[str, Any]:
    """Return the losses of the best settings, the defaults and the baselines on the validation
    blocks.
    """
    import numpy as np

    trials, best = finished.trials, finished.best
    base = trials.defaults.loss
    dates = trials.blocks.dates
    return {
        "trial": best.number,
        "values": dict(best.values),
        "loss": best.loss,
        "loss_of_defaults": base,
        "skill": 1 - best.loss / base if base > 0 else math.nan,
        "unit": "bp" if trials.relative else "scaled",
        "baselines": {name: float(np.nanmean(loss)) for name, loss in trials.baselines.items()},
        "origins": len(dates),
        "first": str(dates[0])[:19],
        "last": str(dates[-1])[:19],
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state,
        "values": dict(trial.values),
        "loss": trial.loss,
        "losses": list(trial.running_loss),
        "seconds": round(trial.seconds, 3),
        "reason": trial.reason,
    }


def _write(path: Path, finished: SearchFinished) -> None:
    from forecasting.files.atomic import atomic_write

    atomic_write(path, finished.best.config.to_json().encode())


def _show(finished: SearchFinished) -> None:
    verdict, trials = finished.verdict, finished.trials
    show(verdict.sentence)
    if verdict.baselines is not None:
        show(verdict.baselines.sentence)
    show(
        f"{verdict.trials} trials by {finished.sampler}, worth {verdict.tries:g} independent tries."
    )
    if math.isfinite(verdict.hansen):
        show(
            f"On validation, that none is better than the defaults: {_p(verdict.hansen)} "
            f"(Hansen), {_p(verdict.white)} (White)."
        )
    done = sorted((t for t in trials.items if t.state == "complete"), key=lambda t: t.loss)
    unit = "bp" if trials.relative else "scaled"
    show("")
    show(f"Best on validation (CRPS, {unit}):")
    for trial in done[:_SHOWN]:
        values = ", ".join(f"{name} {value}" for name, value in trial.values.items())
        name = "defaults" if trial.number == 0 else f"trial {trial.number}"
        show(f"  {trial.loss:.4f}  {name}: {values}")


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
