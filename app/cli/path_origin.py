"""Where the forecast of paths comes from: a baseline, a saved network, a run, or a training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import typer

from app.cli.flags import given, run_config, suit_config
from app.cli.journal import settings_of
from app.cli.loading import Loaded, accept, load, short_series_dropped
from app.cli.progress import EventT, Stopper, finish
from app.cli.runs import run_forecasts
from forecasting.config import GROUPS, RunConfig
from forecasting.errors import ConfigError, ExportError

if TYPE_CHECKING:
    from forecasting.events import Event, RunFinished
    from forecasting.jobs import PathsPlan
    from forecasting.series import Panel

#: Settings that mean something without a training.
_WITHOUT_TRAINING = {"horizon", "calibration", "seed", "device", "exog_sources"}

Baseline = Annotated[
    str,
    typer.Option(
        "--with",
        metavar="BASELINE",
        help="Take the forecast of a baseline, at once and without training: har, garch-t, ...",
    ),
]
ModelFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Take the forecast of a saved model.")
]
Run = Annotated[
    str,
    typer.Option(
        metavar="KEY", help="Take the forecast of a run that was kept (candlecast runs list)."
    ),
]
Dependence = Annotated[
    Literal["history", "gaussian"],
    typer.Option(
        help="What ties steps and series together: dates of the past drawn again, or a Gaussian "
        "copula with shrunk correlation."
    ),
]
Suppose = Annotated[
    str,
    typer.Option(
        metavar="WHAT=CHANGE",
        help="Only paths on which something changes so on average: market=-10%, or SYMBOL=-10%.",
    ),
]
Export = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Write the paths: unique_id, ds, sample, y (.parquet, .csv). Repeatable.",
    ),
]


Report = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE.html", help="Write all of it as one page with plots."),
]


def check_report(path: Path | None) -> None:
    """Refuse a report that is no page; raises ExportError."""
    if path is not None and path.suffix.lower() not in (".html", ".htm"):
        raise ExportError(
            f"--report {path}: a report is a page, whose name ends in .html.",
            f"Write --report {path.with_suffix('.html').name}.",
        )


@dataclass(frozen=True)
class PathOrigin:
    """Where the forecast comes from, and how many paths are drawn.

    Attributes
    ----------
    baseline : str
        Name, or "".
    model_file : Path, optional
        Of a saved network.
    run : str
        Key of a kept run, or "".
    paths : int
    dependence : str
    suppose : str
        A change that is supposed, as it was typed.
    """

    baseline: str
    model_file: Path | None
    run: str
    paths: int
    dependence: Literal["history", "gaussian"]
    suppose: str

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


def prepared(
    sources: list[str],
    origin: PathOrigin,
    config: Path | None,
    settings: Mapping[str, Any],
    refresh: bool | None,
    accept_findings: bool,
) -> tuple[RunConfig, Loaded]:
    """Load the series, and return them with the settings that suit them."""
    if origin.trains:
        experiment = run_config(config, settings)
        loaded = load(sources, settings, refresh)
        experiment = suit_config(experiment, loaded.panel, config, settings)
        loaded = short_series_dropped(loaded, experiment.task.input_size)
    elif origin.model_file is not None:
        experiment = settings_of(origin.model_file).changed(**given(settings, *GROUPS.values()))
        loaded = load(sources, settings, refresh, experiment.task.input_size)
    else:
        experiment = run_config(config, settings)
        loaded = load(sources, settings, refresh)
    accept(loaded.panel, accept_findings)
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
    if not name or not np.isfinite(share) or share <= -1:
        raise ConfigError(
            f"--suppose {text} cannot be read.", "For example market=-10%, or AAPL=5%."
        )
    return name, share
