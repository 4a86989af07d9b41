"""The search for settings in a terminal."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.cli.arguments import AsJson, BaseRate, SourceArguments
from app.cli.flags import flagged, run_config
from app.cli.loading import prepared
from app.cli.progress import Stopper, finish
from app.cli.terminal import show
from forecasting.config import GROUPS
from forecasting.errors import ConfigError
from forecasting.sources.options import ReadOptions, TickerOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forecasting.search import SearchFinished, SearchPlan, Trial

#: Minutes that a search takes where no budget is given.
_MINUTES = 10.0
#: Trials that are shown as text.
_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class SearchArguments:
    """What is searched, for how long, and where."""

    minutes: Annotated[
        float | None,
        typer.Option(metavar="M", min=0.01, help="End after so many minutes. Default: 10."),
    ] = None
    trials: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="End after so many trials.")
    ] = None
    space: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='What is searched, as JSON: {"input_size": [20, 60], "dropout": {"low": 0, '
            '"high": 0.5}}. Default: lookback, network, hidden size, layers, dropout, learning '
            "rate, target.",
        ),
    ] = None
    only: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Search these settings only: input_size,model.",
        ),
    ] = ""
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=256, help="Processes for the trials.")
    ] = 1
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Run the trials on the workers of a Dask scheduler, tcp://...."
        ),
    ] = None
    try_all: Annotated[
        bool,
        typer.Option(
            "--try-all",
            help="Try every network, with and without each group of inputs, instead of a space.",
        ),
    ] = False
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the latest search of these sources and settings; the budget may "
            "differ.",
        ),
    ] = False
    blocks: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=50, help="Validation blocks before the test part."),
    ] = 3
    sampler: Annotated[
        Literal["auto", "tpe", "random"],
        typer.Option(
            help="Learn from earlier trials (tpe, needs Optuna) or draw at random; auto takes "
            "tpe where it is installed."
        ),
    ] = "auto"
    save_config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the settings found, for --config."),
    ] = None

    def check(self) -> None:
        """Refuse options that contradict each other."""
        if self.try_all and self.space is not None:
            raise ConfigError(
                f"--try-all tries a list of its own, and --space {self.space} names another.",
                "Leave one of the two out.",
            )
        if self.cluster and self.workers > 1:
            raise ConfigError(
                f"--cluster {self.cluster} and --workers {self.workers} are two places for the "
                "same trials.",
                "Leave one of the two out.",
            )

    def plan(self) -> SearchPlan:
        """Return how the search is run."""
        from forecasting.search import Budget, SearchPlan

        unlimited = self.minutes is None and self.trials is None
        budget = Budget(_MINUTES if unlimited else self.minutes or 0.0, self.trials or 0)
        return SearchPlan(
            budget,
            self.blocks,
            self.sampler,
            self.workers,
            self.cluster or "",
            self.try_all,
            self.resume,
            tuple(name.strip() for name in self.only.split(",") if name.strip()),
        )


@flagged(*GROUPS.values(), ReadOptions, TickerOptions)
def search(
    source: SourceArguments,
    chosen: SearchArguments,
    as_json: AsJson = False,
    base_rate: BaseRate = False,
    **settings: Any,
) -> int:
    """Search for settings on the bars before the test part, then look at that once and say
    whether they are better than the defaults, with a p-value corrected for the search.
    """
    from app.cli.exporting import check_targets
    from forecasting import jobs
    from forecasting.base_rates import rise_rate
    from forecasting.search import SearchFinished, read_space

    chosen.check()
    experiment = run_config(source.config, settings)
    space = read_space(chosen.space, experiment) if chosen.space else None
    check_targets([chosen.save_config] if chosen.save_config else [], source.sources)
    experiment, loaded = prepared(source, settings, experiment)
    with Stopper().listening() as stopper:
        job = jobs.search(loaded.panel, experiment, chosen.plan(), space, stopper)
        finished = finish(stopper.following(job), SearchFinished)
    if chosen.save_config is not None:
        _write(chosen.save_config, finished)
    rate = rise_rate(loaded.panel, experiment.task.horizon) if base_rate else None
    if as_json:
        from app.cli import documents

        rated = {"base_rate": documents.base_rate(rate)} if rate else {}
        show(documents.to_json(document(finished) | rated))
    else:
        _show(finished)
        if rate:
            show(rate.sentence)
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
        "verdict": dataclasses.asdict(finished.verdict)
        | {"sampler": finished.sampler, "search": finished.key},
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
        "unit": trials.unit,
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
        "at": round(trial.at, 3),
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
    show("")
    show(f"Best on validation (CRPS, {trials.unit}):")
    for line in _ranking(finished)[:_SHOWN]:
        show(line)


def in_words(values: Mapping[str, Any]) -> str:
    """Write settings in a line, numbers with four digits."""
    texts = (
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    )
    return ", ".join(texts)


def _ranking(finished: SearchFinished) -> list[str]:
    """Return trials that ran on all blocks and baselines as lines, the best first."""
    import numpy as np

    trials = finished.trials
    rows = [(float(np.nanmean(loss)), f"baseline {n}") for n, loss in trials.baselines.items()]
    for trial in trials.items:
        if trial.state == "complete":
            values = in_words(trial.values)
            name = f"trial {trial.number}" if trial.number else "defaults"
            rows.append((trial.loss, f"{name}: {values}"))
    return [f"  {loss:.4f}  {text}" for loss, text in sorted(rows)]


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
