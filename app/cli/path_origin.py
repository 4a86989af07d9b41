"""Where the forecast of paths comes from: a baseline, a saved network, a run, or a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import typer

from app.cli.arguments import AsJson, KeepRun, SourceArguments
from app.cli.exporting import check_suffixes, check_targets, each_attempted
from app.cli.flags import given, run_config
from app.cli.journal import settings_of
from app.cli.loading import Loaded, accept, load, prepared
from app.cli.odds_output import write_paths
from app.cli.outcomes import WRITERS
from app.cli.progress import EventT, Stopper, finish
from app.cli.runs import keep_run, run_forecasts
from forecasting.config import GROUPS, RunConfig
from forecasting.errors import ConfigError, ExportError

if TYPE_CHECKING:
    from forecasting.events import Event, RunFinished
    from forecasting.jobs import PathsPlan
    from forecasting.paths import Paths
    from forecasting.series import Panel

#: Settings that mean something without a training.
_WITHOUT_TRAINING = {"horizon", "calibration", "seed", "device", "exog_sources"}


@dataclass(frozen=True, kw_only=True)
class PathOrigin:
    """Where the forecast comes from, and how many paths are drawn."""

    paths: Annotated[int, typer.Option(metavar="N", help="Paths to draw.")] = 10_000
    baseline: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="BASELINE",
            help="Take the forecast of a baseline, at once and without training: har, garch-t, ...",
        ),
    ] = ""
    model_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take the forecast of a saved model.")
    ] = None
    run: Annotated[
        str,
        typer.Option(
            metavar="KEY",
            help="Take the forecast of a run that was kept (candlecast runs list).",
        ),
    ] = ""
    dependence: Annotated[
        Literal["history", "gaussian"],
        typer.Option(
            help="What ties steps and series together: dates of the past drawn again, or a "
            "Gaussian copula with shrunk correlation."
        ),
    ] = "history"
    suppose: Annotated[
        str,
        typer.Option(
            metavar="WHAT=CHANGE",
            help="Only paths on which something changes so on average: market=-10%, or "
            "SYMBOL=-10%.",
        ),
    ] = ""

    @property
    def trains(self) -> bool:
        """Whether a network is trained for the paths."""
        return not (self.baseline or self.model_file or self.run)

    def check(self, config: Path | None, settings: Mapping[str, Any]) -> None:
        """Refuse two origins of one forecast, and settings of a training where nothing is
        trained; raises ConfigError.
        """
        named = {"--with": self.baseline, "--model-file": self.model_file, "--run": self.run}
        sources = [flag for flag, value in named.items() if value]
        if len(sources) > 1:
            raise ConfigError(
                f"{sources[0]} does not go with {sources[1]}: each says where the forecast "
                "comes from.",
                "Leave one out.",
            )
        flags = (
            []
            if self.trains
            else sorted(given(settings, *GROUPS.values()).keys() - _WITHOUT_TRAINING)
        )
        if config is not None and sources and not self.baseline:
            flags.insert(0, "config")
        if flags:
            raise ConfigError(
                f"--{flags[0].replace('_', '-')} does not go with {sources[0]}, which is not "
                "trained.",
                "Leave one out.",
            )


@dataclass(frozen=True, kw_only=True)
class PathOutput:
    """What is written and shown of paths."""

    export: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Write the paths: unique_id, ds, sample, y (.parquet, .csv). Repeatable.",
        ),
    ] = None
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE.html", help="Write all of it as one page with plots."
        ),
    ] = None
    as_json: AsJson = False
    keep_it: KeepRun = True

    def check(self, sources: list[str]) -> None:
        """Refuse files that cannot be written, and a report that is no page; raises
        ExportError.
        """
        report, export = self.report, self.export or []
        check_suffixes(export, WRITERS)
        if report is not None and report.suffix.lower() not in (".html", ".htm"):
            raise ExportError(
                f"--report {report}: a report is a page, whose name ends in .html.",
                f"Write --report {report.with_suffix('.html').name}.",
            )
        check_targets([*export, *([report] if report else [])], sources)

    def deliver(
        self,
        paths: Paths,
        report: Callable[[Path], None],
        finished: RunFinished | None,
        settings: Mapping[str, Any],
        tell: Callable[[], None],
    ) -> None:
        """Write paths and report, keep the run of a training, and tell the result; what fails
        costs nothing else.
        """
        with each_attempted() as attempt:
            for path in self.export or []:
                attempt(partial(write_paths, path, paths))
            if self.report is not None:
                attempt(partial(report, self.report))
            if finished is not None and self.keep_it:
                keep_run(finished.result, settings)
            attempt(tell)


def loaded_for(
    origin: PathOrigin, source: SourceArguments, settings: Mapping[str, Any]
) -> tuple[RunConfig, Loaded]:
    """Load the series, and return them with the settings that suit them."""
    if origin.trains:
        return prepared(source, settings)
    lookback = 0
    if origin.model_file is not None:
        experiment = settings_of(origin.model_file).changed(**given(settings, *GROUPS.values()))
        lookback = experiment.task.input_size
    else:
        experiment = run_config(source.config, settings)
    loaded = load(source.sources, settings, source.refresh, lookback)
    accept(loaded.panel, source.accept_findings)
    return experiment, loaded


def path_plan(origin: PathOrigin, panel: Panel, config: RunConfig) -> PathsPlan:
    """Return how the paths are drawn."""
    from forecasting.jobs import PathsPlan

    forecasts = run_forecasts(origin.run, panel.symbols) if origin.run else ()
    suppose = _read_change(origin.suppose) if origin.suppose else None
    seed = config.train.seed
    return PathsPlan(
        baseline=origin.baseline,
        model_file=origin.model_file,
        forecasts=forecasts,
        n_paths=origin.paths,
        seed=seed,
        dependence=origin.dependence,
        suppose=suppose,
    )


def followed(
    stopper: Stopper, job: Iterator[Event], result: type[EventT]
) -> tuple[EventT, RunFinished | None]:
    """Run a job to its end; return its result, and the training it took where there was one."""
    trained: list[RunFinished] = []
    made = finish(_noting(stopper.following(job), trained), result)
    return made, trained[0] if trained else None


def _noting(job: Iterator[Event], trained: list[RunFinished]) -> Iterator[Event]:
    """Pass events on, keeping what a training ended with."""
    from forecasting.events import RunFinished

    for event in job:
        if isinstance(event, RunFinished):
            trained.append(event)
        yield event


def _read_change(text: str) -> tuple[str, float]:
    name, _, change = (word.strip() for word in text.rpartition("="))
    try:
        share = float(change.removesuffix("%")) / (100 if change.endswith("%") else 1)
    except ValueError:
        share = float("nan")
    example = "For example market=-10%, or AAPL=5%."
    if not name or not np.isfinite(share):
        raise ConfigError(f"--suppose {text} cannot be read.", example)
    if share <= -1:
        raise ConfigError(f"--suppose {text}: nothing falls by {-share:.0%}.", example)
    return name, share
