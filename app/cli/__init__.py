"""The program without its window: load, train, judge and export from a terminal or a script."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.arguments import (
    AcceptFindings,
    AsJson,
    BaseRate,
    ConfigFile,
    KeepRun,
    Refresh,
    Sources,
)
from app.cli.candles import candles
from app.cli.combine import combine
from app.cli.explaining import ablation as inputs_left_out
from app.cli.explaining import explanations
from app.cli.exporting import (
    ExportOptions,
    check_drawable,
    check_judged,
    check_names,
    check_suffixes,
    check_targets,
    each_attempted,
    options_from,
    save_network,
)
from app.cli.exporting import export as export_to
from app.cli.flags import (
    HEADINGS,
    backtest_plan,
    flagged,
    given,
    quantile_levels,
    run_config,
    suit_config,
)
from app.cli.forecast_output import Details, show_made
from app.cli.inspecting import inspect
from app.cli.journal import keep, settings_of
from app.cli.judge import judge
from app.cli.lesson import lesson
from app.cli.loading import Loaded, accept, load, short_series_dropped
from app.cli.mcp_command import mcp
from app.cli.odds import odds, portfolio
from app.cli.progress import Stopper, UnfinishedError, finish, settled
from app.cli.runs import keep_backtest, keep_run, runs_cli
from app.cli.search import search
from app.cli.searches import searches_cli
from app.cli.terminal import OutputError, prepare, say, show, written
from app.cli.trading_rules import judged_rules, rule_options, show_rules, write_rules
from app.cli.watch import watch
from forecasting import __version__
from forecasting.checks import living
from forecasting.config import GROUPS, QUANTILES, BacktestConfig, InputConfig
from forecasting.errors import CandlecastError, ConfigError
from forecasting.files.atomic import FileLock, data_folder, next_step, remove_own_stale
from forecasting.imported_forecasts.options import ForecastOptions
from forecasting.memory import HINT, check_memory, is_out_of_memory
from forecasting.plugins import problems
from forecasting.sources.options import ReadOptions, TickerOptions
from forecasting.trading_rules import RuleOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forecasting.attribution import Explanation
    from forecasting.config import RunConfig
    from forecasting.events import BacktestFinished
    from forecasting.series import Outcomes, Panel, Profile
    from forecasting.trading_rules import RulesJudged

__all__ = ["cli", "main"]

cli = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The honest forecasting workbench for price series. Without a command it opens the window "
    "(--safe-mode: with default settings, restoring nothing; --reset-settings: with those of "
    "before set aside).",
    epilog="Exit status: 0 done, 1 a fault of the program or a failed check, 2 a fault in what "
    "was asked, "
    "130 ended by Ctrl-C, 143 by SIGTERM; while training, with everything written.",
)
cli.add_typer(runs_cli, name="runs")
cli.add_typer(searches_cli, name="searches")
cli.command("judge")(flagged(ForecastOptions, TickerOptions)(judge))
cli.command()(candles)
cli.command()(odds)
cli.command()(portfolio)
cli.command()(search)
cli.command()(combine)
cli.command()(lesson)
cli.command()(inspect)
cli.command()(mcp)
cli.command()(flagged(ReadOptions, TickerOptions)(watch))

#: Commands that need the engine.
_ENGINE_COMMANDS = (
    "forecast",
    "combine",
    "backtest",
    "audit",
    "lr-find",
    "candles",
    "odds",
    "portfolio",
    "search",
    "watch",
    "lesson",
    "doctor",
    "reproduce",
)
BySteps = Annotated[
    bool,
    typer.Option(
        "--by-step", help="Show the scores for each bar ahead too, and every band's coverage."
    ),
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; never raises.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after the program's name; by default those of the process.

    Returns
    -------
    int
        0, 1 (unexpected fault), 2 (a fault in what was asked for), 130 (stopped by Ctrl-C), 143 (by
        SIGTERM).
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--safe-mode"]
    prepare()
    _tell_of_plugins()
    try:
        if any(word in _ENGINE_COMMANDS for word in words[:2]):
            check_memory()
        remove_own_stale(data_folder())
        status = cli(
            _with_refit(word for word in words if word != "--debug"),
            prog_name="candlecast",
            standalone_mode=False,
        )
        with written():
            sys.stdout.flush()
        return int(status or 0)
    except UnfinishedError as error:
        say(f"{error.message} {error.hint}")
        return error.exit_status
    except OutputError as error:
        say(f"Note: {error}")
        return error.exit_status
    except CandlecastError as error:
        return _failed(error.message, error.hint)
    except typer.TyperException as error:
        return _failed(
            _fault(error), "candlecast --help, or --help after a command, shows what is possible."
        )
    except OSError as error:
        if debug:
            say(traceback.format_exc())
        if is_out_of_memory(error):
            return _failed(f"There is not enough memory for this: {error}", HINT)
        index = f"{error.filename}: " if error.filename else ""
        return _failed(f"{index}{error.strerror or error}.", next_step(error))
    except Exception as error:
        if debug:
            say(traceback.format_exc())
        if is_out_of_memory(error):
            return _failed(f"There is not enough memory for this: {error}".rstrip(": "), HINT)
        say(f"Error: something unexpected went wrong: {type(error).__name__}: {error}")
        say(
            "This is a fault of Candlecast. Run the command again with --debug for the details "
            "to report."
        )
        return 1


def _tell_of_plugins() -> None:
    """Say which plugins were not loaded, and why."""
    for problem in problems():
        say(f"Note: {problem} --safe-mode loads no plugin.")


def _fault(error: typer.TyperException) -> str:
    """Return what was wrong with the words of a command; of a value that is out of its limits
    with the value itself.
    """
    cause = error.__cause__ or error.__context__
    if cause is None or not hasattr(cause, "errors"):
        return error.format_message()
    named = f"{cause.errors()[0]['input']!r} is not possible for"
    return error.format_message().replace("Invalid value for", named).replace("Value error, ", "")


def _failed(message: str, hint: str) -> int:
    if not message:  # a group without a command has printed its help
        return 2
    say(f"Error: {message}")
    if hint:
        say(hint)
    return 2


def _with_refit(words: Any) -> list[str]:
    """Let ``--refit`` without a number mean at every origin."""
    found = list(words)
    for index in reversed(range(len(found))):
        if found[index] == "--refit" and not "".join(found[index + 1 : index + 2]).isdigit():
            found.insert(index + 1, "1")
    return found


def _print_version(wanted: bool) -> None:
    if wanted:
        show(f"candlecast {__version__}")
        raise typer.Exit


@cli.callback()
def candlecast(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
    safe_mode: Annotated[
        bool, typer.Option("--safe-mode", help="Load no plugin; works after a command too.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", help="Print the traceback of an unexpected fault; works after a command too."
        ),
    ] = False,
) -> None:
    """Hold the flags that stand before a command; :func:`main` takes ``--debug`` out wherever it
    stands.
    """


@cli.command()
@flagged(*GROUPS.values(), ExportOptions, ReadOptions, TickerOptions)
def forecast(
    sources: Sources,
    config: ConfigFile = None,
    model_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Forecast with a saved model instead of training."),
    ] = None,
    export: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Write the result; the suffix decides. Repeatable."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the trained model; FILE.onnx for other programs."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with a training of these sources and settings that was cut short; "
            "--epochs may differ.",
        ),
    ] = False,
    save_training: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Leave the training there at its end, so that it can go on for longer.",
        ),
    ] = None,
    train_on: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Go on with a training that --save-training left, for as many --epochs in all.",
        ),
    ] = None,
    as_json: AsJson = False,
    by_step: BySteps = False,
    base_rate: BaseRate = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Show how much each input and each past bar moved the median and the width.",
        ),
    ] = False,
    ablation: Annotated[
        bool,
        typer.Option(
            "--ablation",
            help="Show what each input, and each kind of them, adds on the test part.",
        ),
    ] = False,
    journal: Annotated[
        bool,
        typer.Option(help="Enter the forecast in the journal, to be compared with what happens."),
    ] = True,
    keep_it: KeepRun = True,
    accept_findings: AcceptFindings = False,
    refresh: Refresh = None,
    **settings: Any,
) -> int:
    """Train a network, forecast the next sessions and judge the forecast against the random
    walk.
    """
    from forecasting import jobs
    from forecasting.events import ForecastMade, Prediction, RunFinished

    targets = export or []
    pictures = options_from(settings, targets)
    check_targets([*targets, *(path for path in (save, save_training) if path)], sources)
    if model_file is not None:
        others = {
            "save": save,
            "config": config,
            "resume": resume,
            "save_training": save_training,
            "train_on": train_on,
        }
        _refuse_beside_model_file({**others, "by_step": by_step, "ablation": ablation}, settings)
        check_judged(targets)
        check_drawable(pictures)
        saved = settings_of(model_file)
        loaded = load(sources, settings, refresh, saved.task.input_size, saved.inputs)
        accept(loaded.panel, accept_findings)
        check_names(targets, living(loaded.panel), pictures)
        inputs_from = given(settings, InputConfig).get("exog_sources", "")
        device = settings.get("device") or "auto"
        made = finish(
            jobs.predict(loaded.panel, model_file, device, exog_sources=inputs_from), ForecastMade
        ).forecasts
        used = saved.inputs
        if inputs_from:
            used = used.model_copy(update={"exog_sources": inputs_from})
        column = saved.task.target_column
        loaded = replace(loaded, panel=jobs.with_target(loaded.panel, column, used))
        prediction = Prediction(saved, living(loaded.panel), made)
        with each_attempted() as attempt:
            attempt(lambda: export_to(targets, prediction, pictures))
            if journal:
                keep(made, prediction.panel, prediction.config)
            found: Mapping[str, Explanation] = {}
            if explain:
                found = explanations(loaded.panel, model_file, device, inputs_from)
            details = Details(column, False, base_rate, found)
            attempt(lambda: show_made(made, loaded, None, as_json, details))
        return 0
    experiment = run_config(config, settings)
    if resume and train_on:
        raise ConfigError(
            "--resume does not go with --train-on: each names a training to go on with.",
            "Leave one of the two out.",
        )
    experiment, loaded = _suited(
        experiment, load(sources, settings, refresh, inputs=experiment.inputs), config, settings
    )
    panel = loaded.panel
    accept(panel, accept_findings)
    check_names(targets, living(panel), pictures)
    if save is not None:
        jobs.check_saving(save, experiment)
    kept = _kept(panel, experiment, resume)
    with Stopper().listening() as stopper:
        stopper.kept = kept
        job = jobs.train(
            panel,
            experiment,
            stopper,
            resume=kept if resume else train_on,
            autosave=kept,
            keep=save_training,
        )
        finished = finish(stopper.following(job), RunFinished, to_the_end=False)
        result = finished.result
        if experiment.task.target_column != "close":
            loaded = replace(loaded, panel=result.panel)
        with settled(job, kept), each_attempted() as attempt:
            if save:
                attempt(lambda: save_network(finished.forecaster, save))
            attempt(lambda: export_to(targets, result, pictures))
            if journal:
                keep(result.forecasts, panel, experiment)
            if keep_it:
                keep_run(result, settings, panel)
            network: Any = finished.forecaster
            details = Details(
                experiment.task.target_column,
                by_step,
                base_rate,
                explanations(result.panel, network) if explain else {},
                inputs_left_out(result.panel, network) if ablation else None,
            )
            attempt(lambda: show_made(result.forecasts, loaded, result, as_json, details))
    return stopper.exit_status


@cli.command()
@flagged(*GROUPS.values(), ReadOptions, TickerOptions)
def lr_find(
    sources: Sources,
    config: ConfigFile = None,
    as_json: AsJson = False,
    accept_findings: AcceptFindings = False,
    refresh: Refresh = None,
    **settings: Any,
) -> int:
    """Try ever larger learning rates for some steps, and suggest the one at which the loss falls
    fastest.
    """
    from forecasting import jobs
    from forecasting.events import LearningRatesTried

    panel, experiment = _prepared(sources, config, settings, refresh, accept_findings)
    with Stopper().listening() as stopper:
        tried = finish(
            stopper.following(jobs.find_learning_rate(panel, experiment, stopper)),
            LearningRatesTried,
        )
    if as_json:
        from app.cli import documents

        show(documents.to_json(documents.learning_rates(tried)))
    else:
        from app.cli.tables import show_learning_rates

        show_learning_rates(tried)
    return stopper.exit_status


@cli.command()
@flagged(BacktestConfig, RuleOptions, *GROUPS.values(), ReadOptions, TickerOptions)
def backtest(
    sources: Sources,
    config: ConfigFile = None,
    quantiles: Annotated[
        str | None,
        typer.Option(
            metavar="LEVELS",
            help="Levels to forecast: 0.1,0.5,0.9 or first:last:step, as 0.01:0.99:0.01.",
        ),
    ] = None,
    export: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Write every forecast beside what happened (.parquet, .csv), or the judgement "
            "as a page (.html). Repeatable.",
        ),
    ] = None,
    rules: Annotated[
        bool,
        typer.Option("--rules", help="Say what three fixed trading rules would have earned."),
    ] = False,
    rules_export: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Write position and value of each rule at every bar (.csv, .parquet). Repeatable.",
            rich_help_panel=HEADINGS["RuleOptions"],
        ),
    ] = None,
    as_json: AsJson = False,
    by_step: BySteps = False,
    workers: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Processes for the folds; 0 takes as many as pay."),
    ] = 0,
    cluster: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Dask scheduler that gets the folds instead: tcp://host:8786."
        ),
    ] = "",
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Keep finished folds there, and do not run them again."
        ),
    ] = None,
    keep_it: KeepRun = True,
    accept_findings: AcceptFindings = False,
    refresh: Refresh = None,
    **settings: Any,
) -> int:
    """Walk forward through the test part and judge the network and the baselines from the same
    origins.
    """
    from app.cli.outcomes import WRITERS, write_outcomes
    from forecasting import jobs
    from forecasting.events import BacktestFinished

    experiment, plan = run_config(config, settings), backtest_plan(settings)
    levels = quantile_levels(quantiles) if quantiles else QUANTILES
    targets = export or []
    tables = rules_export or []
    trading = rule_options(rules, tables, settings, experiment)
    check_suffixes(targets, {**WRITERS, ".html": None})
    check_suffixes(tables, WRITERS, "--rules-export")
    check_targets([*targets, *tables], sources)
    experiment, loaded = _suited(
        experiment, load(sources, settings, refresh, inputs=experiment.inputs), config, settings
    )
    accept(loaded.panel, accept_findings)
    with Stopper().listening() as stopper:
        job = jobs.backtest(
            loaded.panel,
            experiment,
            plan,
            levels,
            stopper,
            workers=workers,
            cluster=cluster,
            resume=resume,
        )
        finished = finish(stopper.following(job), BacktestFinished)
        with each_attempted() as attempt:
            if keep_it:
                keep_backtest(finished, loaded.panel, settings)
            earned = attempt(partial(judged_rules, finished, trading)) if trading else None
            for path in targets:
                if path.suffix.lower() == ".html":
                    attempt(partial(_report_backtest, path, finished, loaded.panel, earned))
                else:
                    attempt(partial(write_outcomes, path, finished.outcomes, levels))
            if earned:
                for path in tables:
                    attempt(partial(write_rules, path, earned))
            attempt(lambda: _show_backtest(finished, plan, loaded, as_json, by_step, earned))
    return stopper.exit_status


@cli.command()
@flagged(*GROUPS.values(), ReadOptions, TickerOptions)
def audit(
    sources: Sources,
    config: ConfigFile = None,
    as_json: AsJson = False,
    accept_findings: AcceptFindings = False,
    refresh: Refresh = None,
    **settings: Any,
) -> int:
    """Look for leaks: change the future and see whether the past notices, learn from noise and
    see whether it pays.
    """
    from forecasting import jobs
    from forecasting.events import AuditFinished

    panel, experiment = _prepared(sources, config, settings, refresh, accept_findings)
    finished = finish(jobs.audit(panel, experiment), AuditFinished)
    if as_json:
        from app.cli import documents

        show(documents.to_json(documents.audit(finished)))
    else:
        for check in finished.checks:
            show(f"{'ok    ' if check.passed else 'FAILED'} {check.name}: {check.detail}")
    return int(not finished.passed)


@cli.command("journal")
@flagged(ReadOptions, TickerOptions)
def show_journal(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", help="Prices to load first, to learn what happened."),
    ] = None,
    update: Annotated[
        bool,
        typer.Option("--update", help="Load the sources of all forecasts that are still open."),
    ] = False,
    rehearsal: Annotated[
        bool,
        typer.Option("--rehearsal", help="Show what was rehearsed by watch --now instead."),
    ] = False,
    as_json: AsJson = False,
    refresh: Refresh = None,
    **settings: Any,
) -> None:
    """Show the forecasts that were made, what came of them, and how often the bands held."""
    from app.cli import journal as shown
    from forecasting.jobs import rehearsal_path
    from forecasting.store import Journal

    if rehearsal and (sources or update):
        raise ConfigError(
            "--rehearsal shows what was rehearsed; no prices are loaded for it.",
            "Leave SOURCE and --update out.",
        )
    if sources:
        load(sources, settings, refresh)
    with Journal(rehearsal_path() if rehearsal else None) as journal:
        for source in shown.open_sources(journal) if update else ():
            try:
                load([source], settings, refresh)
            except CandlecastError as error:
                say(f"Note: {error.message}")
        if as_json:
            from app.cli import documents

            show(documents.to_json(shown.document(journal)))
        else:
            shown.show(journal)
        for finding in journal.findings:
            say(f"Note: {finding.message}")


@cli.command()
def doctor() -> int:
    """Print versions and devices, and try every part of the program once."""
    from app.cli.doctor import examine

    return examine()


def _kept(panel: Panel, experiment: RunConfig, resume: bool) -> Path:
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


def _show_backtest(
    finished: BacktestFinished,
    plan: BacktestConfig,
    loaded: Loaded,
    as_json: bool,
    by_step: bool,
    earned: RulesJudged | None = None,
) -> None:
    if as_json:
        from app.cli import documents
        from forecasting.trading_rules import document as rules_document

        found = documents.backtest(finished, plan, loaded.refused, by_step)
        panel = {
            "findings": documents.findings_of_all(loaded.panel),
            "left_out": documents.left_out(loaded.left_out),
        }
        rules = {"rules": rules_document(earned)} if earned else {}
        show(documents.to_json(found | panel | rules))
        return
    from app.cli.tables import show_findings, show_judgement, show_left_out

    show_findings(loaded.panel)
    levels = next(iter(finished.outcomes.values())).scored_levels
    show_judgement(
        finished.scores, finished.verdict, _profiles(finished.outcomes) if by_step else None, levels
    )
    show_left_out(loaded.left_out)
    if earned:
        show_rules(earned)


def _report_backtest(
    path: Path, finished: BacktestFinished, panel: Panel, earned: RulesJudged | None
) -> None:
    from app.export.backtest_report import write_backtest_report

    write_backtest_report(path, finished, panel, earned)
    say(f"Wrote {path}")


def _profiles(outcomes: Mapping[str, Outcomes]) -> dict[str, Profile]:
    from forecasting.metrics import profile

    return {name: profile(item) for name, item in outcomes.items()}


def _refuse_beside_model_file(others: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Refuse what makes no sense beside ``--model-file``: the saved model has its settings, and
    nothing is trained.
    """
    flags = [
        name for name in given(settings, *GROUPS.values()) if name not in ("device", "exog_sources")
    ]
    refused = [*flags, *(name for name, value in others.items() if value)]
    if refused:
        raise ConfigError(
            f"--{refused[0].replace('_', '-')} does not go with --model-file, which holds its "
            "own settings and is not trained.",
            "Leave one of the two out.",
        )


def _prepared(
    sources: list[str],
    config: Path | None,
    settings: Mapping[str, Any],
    refresh: bool | None,
    accept_findings: bool,
) -> tuple[Panel, RunConfig]:
    """Load what a command is about and return it with the settings that suit it."""
    experiment = run_config(config, settings)
    loaded = load(sources, settings, refresh, inputs=experiment.inputs)
    experiment, loaded = _suited(experiment, loaded, config, settings)
    accept(loaded.panel, accept_findings)
    return loaded.panel, experiment


def _suited(
    experiment: RunConfig, loaded: Loaded, config: Path | None, settings: Mapping[str, Any]
) -> tuple[RunConfig, Loaded]:
    """Return the settings that suit the loaded series, and the series that are long enough for
    them.
    """
    experiment = suit_config(experiment, loaded.panel, config, settings)
    return experiment, short_series_dropped(loaded, experiment.task.input_size)
