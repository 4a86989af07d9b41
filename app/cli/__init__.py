"""The program without its window: load, train, judge and export from a terminal or a script."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any

import typer

from app.cli.arguments import AsJson, Refresh, SourceArguments
from app.cli.backtest import backtest
from app.cli.candles import candles
from app.cli.combine import combine
from app.cli.flags import flagged
from app.cli.forecast import forecast
from app.cli.inspecting import inspect
from app.cli.judge import judge
from app.cli.lesson import lesson
from app.cli.loading import load, prepared
from app.cli.mcp_command import mcp
from app.cli.odds import odds, portfolio
from app.cli.progress import Stopper, UnfinishedError, finish
from app.cli.runs import runs_cli
from app.cli.search import search
from app.cli.searches import searches_cli
from app.cli.terminal import OutputError, prepare, say, show, written
from app.cli.watch import watch
from forecasting import __version__
from forecasting.config import GROUPS
from forecasting.errors import CandlecastError, ConfigError
from forecasting.files.atomic import data_folder, next_step, remove_own_stale
from forecasting.imported_forecasts.options import ForecastOptions
from forecasting.memory import HINT, check_memory, is_out_of_memory
from forecasting.plugins import problems
from forecasting.sources.options import ReadOptions, TickerOptions

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
cli.command()(forecast)
cli.command()(backtest)
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
        status = _command()(
            _with_refit(word for word in words if word != "--debug"),
            prog_name="candlecast",
            standalone_mode=False,
        )
        with written():
            sys.stdout.flush()
        return int(status or 0)
    except Exception as error:
        return _exit_status(error, debug)


def _exit_status(error: Exception, debug: bool) -> int:
    """Say what ended a command, and return its exit status."""
    match error:
        case UnfinishedError():
            say(f"{error.message} {error.hint}")
            return error.exit_status
        case OutputError():
            say(f"Note: {error}")
            return error.exit_status
        case CandlecastError():
            return _failed(error.message, error.hint)
        case typer.TyperException():
            hint = "candlecast --help, or --help after a command, shows what is possible."
            return _failed(_fault(error), hint)
    if debug:
        say(traceback.format_exc())
    if is_out_of_memory(error):
        return _failed(f"There is not enough memory for this: {error}".rstrip(": "), HINT)
    if isinstance(error, OSError):
        index = f"{error.filename}: " if error.filename else ""
        return _failed(f"{index}{error.strerror or error}.", next_step(error))
    say(f"Error: something unexpected went wrong: {type(error).__name__}: {error}")
    say(
        "This is a fault of Candlecast. Run the command again with --debug for the details to "
        "report."
    )
    return 1


@cache
def _command() -> Callable[..., Any]:
    """Build the commands with all their flags, once in a process."""
    return typer.main.get_command(cli)


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
@flagged(*GROUPS.values(), ReadOptions, TickerOptions)
def lr_find(source: SourceArguments, as_json: AsJson = False, **settings: Any) -> int:
    """Try ever larger learning rates for some steps, and suggest the one at which the loss falls
    fastest.
    """
    from forecasting import jobs
    from forecasting.events import LearningRatesTried

    experiment, loaded = prepared(source, settings)
    with Stopper().listening() as stopper:
        tried = finish(
            stopper.following(jobs.find_learning_rate(loaded.panel, experiment, stopper)),
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
@flagged(*GROUPS.values(), ReadOptions, TickerOptions)
def audit(source: SourceArguments, as_json: AsJson = False, **settings: Any) -> int:
    """Look for leaks: change the future and see whether the past notices, learn from noise and
    see whether it pays.
    """
    from forecasting import jobs
    from forecasting.events import AuditFinished

    experiment, loaded = prepared(source, settings)
    finished = finish(jobs.audit(loaded.panel, experiment), AuditFinished)
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
