"""The runs of the store in a terminal: listed, shown, compared, deleted and made again."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.exporting import ExportOptions, check_folders, each_attempted, options_from
from app.cli.exporting import export as export_to
from app.cli.flags import flagged, given
from app.cli.journal import noted, say_findings
from app.cli.progress import Stopper, finish
from app.cli.terminal import say, show
from forecasting.errors import DataError
from forecasting.sources.options import Request, TickerOptions

if TYPE_CHECKING:
    from app.cli.documents import Document
    from forecasting.config import InputConfig
    from forecasting.events import BacktestFinished, Event, RunResult
    from forecasting.series import Forecast, Panel
    from forecasting.store import RunRecord, RunStore, StoredRun
    from forecasting.store.outcomes import StoredOutcomes
    from forecasting.store.runs import Curves

runs_cli = typer.Typer(
    no_args_is_help=True,
    help="The runs that were kept: every training that ended, with its settings, scores and "
    "forecast.",
)

Key = Annotated[str, typer.Argument(metavar="KEY", help="A run, by the first letters of its key.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else.")
]
_MOST_ROWS = 60
#: Largest difference of the skills of one run trained twice that is rounding: the last decimal that
#: is printed.
_SKILL_ROUNDING = 1e-6


def keep_run(
    result: RunResult,
    settings: Mapping[str, Any],
    loaded: Panel | None = None,
    *,
    candles: bool = False,
) -> None:
    """Keep a finished training; a store that cannot be used costs a note, not the result.

    ``loaded`` holds the series that were loaded, with those that are not forecast themselves;
    ``candles`` says whether its forecast is to be drawn as whole candles.
    """
    from forecasting.store.runs import recorded

    panel = loaded or result.panel
    _keep(lambda: recorded(result, _requests(panel, settings, result.config.inputs)), candles)


def keep_backtest(finished: BacktestFinished, panel: Panel, settings: Mapping[str, Any]) -> None:
    """Keep a finished walk-forward test; as :func:`keep_run`."""
    from forecasting.store.runs import recorded_backtest

    _keep(
        lambda: recorded_backtest(
            finished, panel, _requests(panel, settings, finished.config.inputs)
        )
    )


def _keep(make: Callable[[], tuple[RunRecord, bytes, bytes]], candles: bool = False) -> None:
    with noted("The run was not kept."), _opened() as store:
        run = store.add(*make())
        if candles:
            store.draw_candles(run.key, on=True)


@contextlib.contextmanager
def _opened() -> Iterator[RunStore]:
    """Open the store of runs, and say what was wrong with it."""
    from forecasting.store import RunStore

    with RunStore() as store:
        try:
            yield store
        finally:
            say_findings(store)


def _requests(panel: Panel, settings: Mapping[str, Any], inputs: InputConfig) -> dict[str, str]:
    """Return what loads each series again, from wherever: files are named in full."""
    from app.cli.loading import read_options

    read, ticker = read_options(settings, inputs), TickerOptions(**given(settings, TickerOptions))
    found = {}
    for series in panel:
        request = Request(reference=series.provenance.source or "memory", read=read, ticker=ticker)
        if request.spec.is_path:
            request = request.model_copy(
                update={"reference": str(Path(request.reference).absolute())}
            )
        found[series.symbol] = request.model_dump_json(exclude_defaults=True)
    return found


def run_forecasts(key: str, symbols: Sequence[str]) -> tuple[Forecast, ...]:
    """Return what a kept run forecast of some series.

    Raises
    ------
    DataError
        No such run, or none of the series among its forecasts.
    """
    with _opened() as store:
        run, curves = store.find(key)
    found = tuple(item for item in curves.forecasts if item.symbol in symbols)
    if not found:
        raise DataError(
            f"The run {run.key} has no forecast of {', '.join(symbols[:5])}.",
            f"It forecast {run.symbols}.",
        )
    return found


@runs_cli.command("list")
def show_list(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORD", help="Only runs that hold every word, in symbol, network or notes."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the runs, latest first."""
    runs, problems = _read()
    wanted = [word.lower() for word in words or ()]
    runs = [run for run in runs if all(word in _told(run) for word in wanted)]
    if as_json:
        from app.cli import documents

        show(documents.to_json([_document(run) for run in runs]))
    elif not runs:
        show(
            "No runs: every training that ends is kept."
            if not wanted
            else "No run holds these words."
        )
    else:
        _print_table(runs)
    for problem in problems:
        say(f"Note: {problem}")


@runs_cli.command("show")
@flagged(ExportOptions)
def show_run(
    key: Key,
    export: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Load its prices and write what forecast --export writes. Repeatable.",
        ),
    ] = None,
    as_json: AsJson = False,
    by_step: Annotated[
        bool,
        typer.Option(
            "--by-step", help="Show the scores for each bar ahead too, and every band's coverage."
        ),
    ] = False,
    **settings: Any,
) -> None:
    """Show settings, scores, verdict, forecast and notes of a run; by step, and as pictures,
    tables and a report where wanted.
    """
    from forecasting.store.outcomes import StoredOutcomes
    from forecasting.store.runs import restored

    targets = export or []
    pictures = options_from(settings, targets)
    check_folders(targets)
    with _opened() as store:
        run, curves = store.find(key)
        text = store.outcomes(run.key) if by_step or targets else StoredOutcomes()
    with each_attempted() as attempt:
        if targets:
            attempt(
                lambda: export_to(targets, restored(run, curves, _prices_of(run), text), pictures)
            )
        attempt(lambda: _show_run(run, curves, text, by_step, as_json))


def _show_run(
    run: StoredRun, curves: Curves, told: StoredOutcomes, by_step: bool, as_json: bool
) -> None:
    if not as_json:
        _print_run(run, curves, told, by_step)
        return
    from app.cli import documents

    kept = documents.profiles(told.profiles) | {"lacking": told.lacking} if by_step else {}
    show(documents.to_json(_document(run, full=True) | kept))


def _print_run(run: StoredRun, curves: Curves, told: StoredOutcomes, by_step: bool) -> None:
    from app.cli.tables import brief_headings, show_judgement
    from forecasting.store.runs import restored_scores, restored_verdict

    show(
        f"Run {run.key} of {run.record.made_at}: {run.model} on {run.symbols}, horizon "
        f"{run.horizon}, seed {run.record.seed}"
        + (f", {run.record.parameters:,} weights" if run.record.parameters else "")
    )
    for item in run.record.series:
        show(f"  {item.symbol}: {item.reference or 'memory'}, {item.fingerprint}")
    if run.name or run.tags:
        show(f"  Name: {run.name or '-'}; tags: {', '.join(run.tags) or '-'}")
    if run.notes:
        show(f"  Notes: {run.notes}")
    unknown = dict.fromkeys(brief_headings(), math.nan)
    scores = {model: unknown | row for model, row in restored_scores(run.record).items()}
    show_judgement(scores, restored_verdict(run.record), told.profiles if by_step else None)
    if told.lacking:
        show(told.lacking)
    for forecast in curves.forecasts:
        low, high = forecast.band(80)
        point = f"{forecast.point_name} {forecast.point[-1]:,.6g}"
        show(
            f"{forecast.symbol} on {str(forecast.ds[-1])[:10]}: {point}, 80 % {low[-1]:,.6g} - "
            f"{high[-1]:,.6g}"
        )
    show("Settings: candlecast runs show --json; again: candlecast runs reproduce " + run.key)


@runs_cli.command("diff")
def show_differences(first: Key, second: Key, as_json: AsJson = False) -> None:
    """Show what two runs differ in: prices, settings, device, versions."""
    from forecasting.store.differences import differences

    with _opened() as store:
        runs = [store.find(key)[0] for key in (first, second)]
    rows = differences(*runs)
    if as_json:
        from app.cli import documents

        show(
            documents.to_json(
                [
                    {"what": what, runs[0].key: item, runs[1].key: other}
                    for what, item, other in rows
                ]
            )
        )
        return
    if not rows:
        show("Both runs had the same settings and the same prices.")
        return
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from app.cli.console import console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("", *(f"{run.key} {run.model}" for run in runs)):
        table.add_column(heading)
    for row in rows:
        table.add_row(*map(escape, row))
    console().print(table)


@runs_cli.command("delete")
def delete(
    keys: Annotated[
        list[str], typer.Argument(metavar="KEY", help="Runs, by the first letters of their keys.")
    ],
) -> None:
    """Delete runs for good."""
    with _opened() as store:
        found = [store.find(key)[0].key for key in keys]
        store.delete(found)
    for key in found:
        say(f"Deleted {key}")


@runs_cli.command("reproduce")
def reproduce(key: Key, as_json: AsJson = False) -> int:
    """Train a run again on the same prices with the same settings, and tell whether the numbers
    are the same.
    """
    from forecasting import jobs
    from forecasting.events import RunFinished

    with _opened() as store:
        run, _curves = store.find(key)
    panel = _prices_of(run)
    with Stopper().listening() as stopper:
        finished = finish(stopper.following(jobs.train(panel, run.config, stopper)), RunFinished)
    _keep_again(run, finished.result)
    _say_changed_inputs(run, finished.result)
    now, then = finished.result.verdict.skill, run.skill
    if as_json:
        from app.cli import documents

        prints = _fingerprints(run, panel)
        unchanged = all(item.fingerprint == prints[item.symbol] for item in run.record.series)
        found = {
            "key": run.key,
            "prices_unchanged": unchanged,
            "skill_then": then,
            "skill_now": now,
        }
        show(
            documents.to_json(found | {"same": _same_skill(then, now), "rounding": _SKILL_ROUNDING})
        )
    else:
        from app.cli.tables import show_judgement

        show_judgement(finished.result.scores, finished.result.verdict)
        same = _same_skill(then, now)
        show(
            f"Skill then {then:.4%}, now {now:.4%}: {'the same' if same else 'not the same'}, "
            f"to {_SKILL_ROUNDING:.4%}."
        )
    return stopper.exit_status


@runs_cli.command("repeat")
def repeat(
    key: Key,
    seeds: Annotated[
        int, typer.Option(metavar="K", min=1, max=1000, help="Seeds, from that of the run on.")
    ] = 5,
    as_json: AsJson = False,
) -> int:
    """Train a run again with several seeds, keep each, and show mean and spread of its scores."""
    from forecasting import jobs
    from forecasting.jobs.repeating import RepeatFinished, SeedEnded

    with _opened() as store:
        run, _curves = store.find(key)
    panel = _prices_of(run)
    rows: list[dict[str, Any]] = []

    def stored(events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            if isinstance(event, SeedEnded):
                _keep_again(run, event.result)
                verdict = event.result.verdict
                scores = next(iter(event.result.scores.values()))
                row = {"seed": event.seed, "outcome": verdict.outcome, "skill": verdict.skill}
                rows.append(row | dict(scores))
            yield event

    with Stopper().listening() as stopper:
        job = jobs.repeat(panel, run.config, seeds, stopper)
        found = finish(stored(stopper.following(job)), RepeatFinished)
    if as_json:
        from app.cli import documents

        spread = {name: dataclasses.asdict(item) for name, item in found.spread.items()}
        show(
            documents.to_json(
                {"key": run.key, "seeds": rows, "spread": spread, "beats": found.beats}
            )
        )
    else:
        for row in rows:
            show(f"  seed {row['seed']}: {row['outcome']}, skill {row['skill']:.2%}")
        show(found.sentence)
    return stopper.exit_status


@runs_cli.command("label")
def label(
    key: Key,
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What the run is called; '' for none.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="WORD", help="Words to find it by; repeatable.")
    ] = None,
) -> None:
    """Give a run a name and tags; what is not given stays."""
    with _opened() as store:
        run, _curves = store.find(key)
        chosen = run.tags if tag is None else tuple(tag)
        store.label(run.key, run.name if name is None else name, chosen)
        run, _curves = store.find(run.key)
    show(f"{run.key}: {run.name or 'no name'}; tags: {', '.join(run.tags) or 'none'}.")


def _same_skill(then: float, now: float) -> bool:
    """Tell whether two skills are the same up to :data:`_SKILL_ROUNDING`; two that are not known
    are.
    """
    return math.isclose(now, then, rel_tol=0.0, abs_tol=_SKILL_ROUNDING) or (
        math.isnan(now) and math.isnan(then)
    )


def _say_changed_inputs(run: StoredRun, result: RunResult) -> None:
    """Say which inputs are not what they were when the run was made."""
    now = {
        series.symbol: {column.name: column.digest() for column in series.exog}
        for series in result.panel
    }
    for item in run.record.series:
        for name in (
            name for name, digest in item.inputs.items() if now[item.symbol].get(name) != digest
        ):
            say(f"Note: The input {name} of {item.symbol} has changed since.")


def _keep_again(run: StoredRun, result: RunResult) -> None:
    from forecasting.store.runs import recorded

    record, *packed = recorded(result, {item.symbol: item.request for item in run.record.series})
    record = record.model_copy(update={"beside": run.record.beside})
    _keep(lambda: (record, packed[0], packed[1]))


def _prices_of(run: StoredRun) -> Panel:
    """Load the prices of a run as they are now."""
    from forecasting import jobs
    from forecasting.events import SeriesLoaded

    kept = dict.fromkeys(
        (item.request, "" if item.request else item.reference) for item in run.record.series
    )
    requests = [Request.stored(text, reference) for text, reference in kept]
    requests += [Request.stored(text) for text in run.record.beside]
    return _same_series(run, finish(jobs.load(requests), SeriesLoaded).panel)


def _same_series(run: StoredRun, panel: Panel) -> Panel:
    """Return the series of a run from what was loaded, in their order; says which prices are not
    what they were.
    """
    from forecasting.series import Panel

    have = {series.symbol: series for series in panel}
    missing = [item.symbol for item in run.record.series if item.symbol not in have]
    if missing:
        raise DataError(
            f"The run {run.key} needs {', '.join(missing)}, which is not there.",
            "Put the file back, or go online.",
        )
    now = _fingerprints(run, panel)
    for item in run.record.series:
        if item.fingerprint and now[item.symbol] != item.fingerprint:
            say(
                f"Note: The prices of {item.symbol} have changed: then {item.fingerprint}, now "
                f"{now[item.symbol]}."
            )
    own = [have[item.symbol] for item in run.record.series]
    names = {series.symbol for series in own}
    beside = [series for series in panel if series.symbol not in names and run.record.beside]
    return Panel((*own, *beside))


def _fingerprints(run: StoredRun, panel: Panel) -> dict[str, str]:
    """Return what the bars that a run forecasts are recognised by now, by symbol."""
    from forecasting import jobs

    target = jobs.with_target(panel, run.config.task.target_column, run.config.inputs)
    return {series.symbol: series.fingerprint for series in target}


def _read() -> tuple[list[StoredRun], list[str]]:
    from forecasting.store import store_path

    folder = store_path().parent
    if not store_path().is_file() and (folder.is_dir() or not folder.exists()):
        return [], []
    from forecasting.store import RunStore

    with RunStore() as store:
        return list(store.runs()), [finding.message for finding in store.findings]


def _told(run: StoredRun) -> str:
    return (
        f"{run.key} {run.symbols} {run.model} {run.record.kind} {run.record.verdict.outcome} "
        f"{run.notes} {run.name} {' '.join(run.tags)}"
    ).lower()


def _print_table(runs: Sequence[StoredRun]) -> None:
    from rich.markup import escape

    from app.cli.console import console, titled_table

    table = titled_table("Runs")
    for heading, least in (
        ("Key", 10),
        ("Day", 10),
        ("Symbol", None),
        ("Network", 4),
        ("Verdict", 7),
    ):
        table.add_column(heading, no_wrap=True, min_width=least, max_width=16)
    for heading in ("Bars", "Skill"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=5)
    noted = any(run.notes for run in runs)
    if noted:
        table.add_column("Notes")
    for run in runs[:_MOST_ROWS]:
        record = run.record
        kind = f"{run.model} backtest" if record.kind == "backtest" else run.model
        few = record.verdict.few
        skill = f"{run.skill:.1%}" if math.isfinite(run.skill) and not few else "-"
        words = (
            run.key,
            record.made_at[:10],
            run.symbols,
            kind,
            "too few" if few else record.verdict.outcome,
        )
        table.add_row(
            *map(escape, words), str(run.horizon), skill, *([escape(run.notes)] if noted else [])
        )
    out = console()
    out.print(table)
    if len(runs) > _MOST_ROWS:
        out.print(f"  and {len(runs) - _MOST_ROWS:,} more: --json has all of them")


def _document(run: StoredRun, *, full: bool = False) -> Document:
    record = run.record
    document: Document = {
        "key": run.key,
        "made_at": record.made_at,
        "kind": record.kind,
        "symbols": [item.symbol for item in record.series],
        "model": run.model,
        "horizon": run.horizon,
        "verdict": record.verdict.model_dump(),
        "scores": record.scores,
        "seconds": record.seconds,
        "seed": record.seed,
        "device": record.device,
        "notes": run.notes,
        "name": run.name,
        "tags": list(run.tags),
        "candles": run.candles,
    }
    if full:
        document |= {
            "config": run.config.model_dump(mode="json"),
            "series": [item.model_dump() for item in record.series],
            "epochs": record.epochs,
            "best_epoch": record.best_epoch,
            "stopped": record.stopped,
            "versions": record.versions,
        }
    return document
