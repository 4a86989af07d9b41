"""``candlecast forecast``: a network is trained, or read from a file, forecasts and is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.arguments import (
    AsJson,
    BaseRate,
    BySteps,
    ExportFiles,
    KeepInJournal,
    KeepRun,
    SourceArguments,
)
from app.cli.explaining import ablation as inputs_left_out
from app.cli.explaining import explanations
from app.cli.exporting import (
    ExportOptions,
    check_drawable,
    check_judged,
    check_names,
    check_targets,
    each_attempted,
    export,
    options_from,
    save_network,
)
from app.cli.flags import flagged, given, input_files, run_config
from app.cli.forecast_output import Details, show_made
from app.cli.journal import keep, settings_of
from app.cli.loading import Loaded, accept, load, prepared
from app.cli.progress import Stopper, finish, settled
from app.cli.runs import keep_run
from app.cli.terminal import say
from forecasting.checks import living
from forecasting.config import GROUPS, InputConfig, RunConfig
from forecasting.errors import ConfigError
from forecasting.files.atomic import FileLock
from forecasting.sources.options import ReadOptions, TickerOptions

if TYPE_CHECKING:
    from forecasting.events import RunFinished
    from forecasting.series import Panel


@dataclass(frozen=True, kw_only=True)
class ForecastArguments:
    """Where the network comes from, and what is written and shown."""

    model_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Forecast with a saved model instead of training."),
    ] = None
    export: ExportFiles = None
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the trained model; FILE.onnx for other programs."),
    ] = None
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with a training of these sources and settings that was cut short; "
            "--epochs may differ.",
        ),
    ] = False
    save_training: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Leave the training there at its end, so that it can go on for longer.",
        ),
    ] = None
    train_on: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Go on with a training that --save-training left, for as many --epochs in all.",
        ),
    ] = None
    as_json: AsJson = False
    by_step: BySteps = False
    base_rate: BaseRate = False
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Show how much each input and each past bar moved the median and the width.",
        ),
    ] = False
    ablation: Annotated[
        bool,
        typer.Option(
            "--ablation",
            help="Show what each input, and each kind of them, adds on the test part.",
        ),
    ] = False
    journal: KeepInJournal = True
    keep_it: KeepRun = True

    @property
    def targets(self) -> list[Path]:
        """The files of ``--export``."""
        return self.export or []

    @property
    def written(self) -> list[Path]:
        """All files that are written."""
        return [*self.targets, *(path for path in (self.save, self.save_training) if path)]


@flagged(*GROUPS.values(), ExportOptions, ReadOptions, TickerOptions)
def forecast(source: SourceArguments, chosen: ForecastArguments, **settings: Any) -> int:
    """Train a network, forecast the next sessions and judge the forecast against the random
    walk.
    """
    pictures = options_from(settings, chosen.targets)
    model = [str(chosen.model_file)] if chosen.model_file else []
    check_targets(chosen.written, [*source.sources, *input_files(settings), *model])
    if chosen.model_file is None:
        return _train(source, chosen, pictures, settings)
    _forecast_saved(source, chosen, chosen.model_file, pictures, settings)
    return 0


def _forecast_saved(
    source: SourceArguments,
    chosen: ForecastArguments,
    path: Path,
    pictures: ExportOptions,
    settings: Mapping[str, Any],
) -> None:
    """Forecast with a saved network, which is not judged."""
    from forecasting import jobs
    from forecasting.events import ForecastMade, Prediction

    _check_model_file_options(source, chosen, settings)
    check_judged(chosen.targets)
    check_drawable(pictures)
    saved = settings_of(path)
    loaded = load(source.sources, settings, source.refresh, saved.task.input_size, saved.inputs)
    accept(loaded.panel, source.accept_findings)
    check_names(chosen.targets, living(loaded.panel), pictures)
    inputs = given(settings, InputConfig).get("exog_sources", "")
    device = settings.get("device") or "auto"
    job = jobs.predict(loaded.panel, path, device, exog_sources=inputs)
    made = finish(job, ForecastMade).forecasts
    used = saved.inputs.model_copy(update={"exog_sources": inputs}) if inputs else saved.inputs
    column = saved.task.target_column
    loaded = replace(loaded, panel=jobs.with_target(loaded.panel, column, used))
    prediction = Prediction(saved, living(loaded.panel), made)
    with each_attempted() as attempt:
        attempt(lambda: export(chosen.targets, prediction, pictures))
        if chosen.journal:
            keep(made, prediction.panel, prediction.config)
        found = explanations(loaded.panel, path, device, inputs) if chosen.explain else {}
        details = Details(column, False, chosen.base_rate, found)
        attempt(lambda: show_made(made, loaded, None, chosen.as_json, details))


def _train(
    source: SourceArguments,
    chosen: ForecastArguments,
    pictures: ExportOptions,
    settings: Mapping[str, Any],
) -> int:
    """Train a network, and write and show its forecast and judgement; return the exit status."""
    from forecasting import jobs
    from forecasting.events import RunFinished

    experiment = run_config(source.config, settings)
    if chosen.resume and chosen.train_on:
        raise ConfigError(
            "--resume does not go with --train-on: each names a training to go on with.",
            "Leave one of the two out.",
        )
    experiment, loaded = prepared(source, settings, experiment)
    check_names(chosen.targets, living(loaded.panel), pictures)
    if chosen.save is not None:
        jobs.check_saving(chosen.save, experiment)
    autosave = _autosave(loaded.panel, experiment, chosen.resume)
    with Stopper().listening() as stopper:
        stopper.kept = autosave
        job = jobs.train(
            loaded.panel,
            experiment,
            stopper,
            resume=autosave if chosen.resume else chosen.train_on,
            autosave=autosave,
            keep=chosen.save_training,
        )
        finished = finish(stopper.following(job), RunFinished, to_the_end=False)
        with settled(job, autosave):
            _deliver(finished, loaded, chosen, pictures, settings)
    return stopper.exit_status


def _deliver(
    finished: RunFinished,
    loaded: Loaded,
    chosen: ForecastArguments,
    pictures: ExportOptions,
    settings: Mapping[str, Any],
) -> None:
    """Write and show all that was asked for of a training; what fails costs nothing else."""
    result, network = finished.result, finished.forecaster
    column, panel = result.config.task.target_column, loaded.panel
    if column != "close":
        loaded = replace(loaded, panel=result.panel)
    with each_attempted() as attempt:
        if chosen.save:
            path = chosen.save
            attempt(lambda: save_network(network, path))
        attempt(lambda: export(chosen.targets, result, pictures))
        if chosen.journal:
            keep(result.forecasts, panel, result.config)
        if chosen.keep_it:
            keep_run(result, settings, panel)
        trained: Any = network
        details = Details(
            column,
            chosen.by_step,
            chosen.base_rate,
            explanations(result.panel, trained) if chosen.explain else {},
            inputs_left_out(result.panel, trained) if chosen.ablation else None,
        )
        attempt(lambda: show_made(result.forecasts, loaded, result, chosen.as_json, details))


def _autosave(panel: Panel, experiment: RunConfig, resume: bool) -> Path:
    """Return the file in which a training is kept; say where one was cut short, refuse to go on
    with none.
    """
    from forecasting import jobs
    from forecasting.events import TrainingKept

    path = jobs.autosave_path(panel, experiment)
    if resume and not path.is_file():
        others = [
            f"{', '.join(item.symbols[:3])} (epoch {item.epoch})"
            for item in jobs.unfinished()
            if isinstance(item, TrainingKept)
        ]
        hint = f"Cut short were: {'; '.join(others)}." if others else "Leave --resume out."
        raise ConfigError("No training of these prices with these settings was cut short.", hint)
    if not resume and path.is_file() and not FileLock.is_taken(path):
        say(
            "Note: A training of these prices with these settings was cut short. This one "
            "begins anew; --resume would have gone on with it."
        )
    return path


def _check_model_file_options(
    source: SourceArguments, chosen: ForecastArguments, settings: Mapping[str, Any]
) -> None:
    """Refuse what makes no sense beside ``--model-file``: the saved model has its settings, and
    nothing is trained.
    """
    flags = [
        name for name in given(settings, *GROUPS.values()) if name not in ("device", "exog_sources")
    ]
    others = {
        "save": chosen.save,
        "config": source.config,
        "resume": chosen.resume,
        "save_training": chosen.save_training,
        "train_on": chosen.train_on,
        "by_step": chosen.by_step,
        "ablation": chosen.ablation,
    }
    refused = [*flags, *(name for name, value in others.items() if value)]
    if refused:
        raise ConfigError(
            f"--{refused[0].replace('_', '-')} does not go with --model-file, which holds its "
            "own settings and is not trained.",
            "Leave one of the two out.",
        )
