"""The runs at work: each that ends is kept in the background, and what the user wants with
earlier ones becomes done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMainWindow

from app import dialogs
from app.background import Failure, Reporting, Task
from app.charts.compare import Compared
from app.charts.price import PriceChart
from app.charts.run_losses import RunLoss
from app.features.model.panel import ModelPanel
from app.features.runs.columns import settings_key, when
from app.features.runs.repeating import repeating
from app.features.watchlist.controller import WatchlistController
from app.model_titles import model_title
from app.preferences import Preferences
from app.session import Session
from app.undo_history import Change
from app.widgets.late import Late
from forecasting.errors import CandlecastError
from forecasting.events import BacktestFinished, RunFinished, RunResult
from forecasting.jobs.repeating import RepeatFinished
from forecasting.series import Panel
from forecasting.sources.options import Request
from forecasting.store import store_path
from forecasting.store.outcomes import NONE_KEPT, StoredOutcomes
from forecasting.store.runs import (
    Curves,
    Deleted,
    RunRecord,
    RunStore,
    StoredRun,
    recorded,
    recorded_backtest,
    restored,
    restored_backtest,
)

if TYPE_CHECKING:
    from app.features.runs.panel import RunsPanel

_KEY = "runs"
#: Key of the task that reads the curves of runs, of which the latest alone counts.
_CURVES = "runs-curves"


@dataclass(frozen=True)
class RunsRead:
    """The runs of the store, after something was done with them; ``curves`` and ``told``, of
    outcomes, by key where they were asked for.
    """

    runs: tuple[StoredRun, ...]
    curves: Mapping[str, Curves] = field(default_factory=dict)
    told: Mapping[str, StoredOutcomes] = field(default_factory=dict)
    deleted: Deleted | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunKept(RunsRead):
    """A run has been stored, or could not be: then ``problems`` tells why, and it is in memory
    only. ``notes`` are what was found in the store.
    """

    new: StoredRun | None = None
    notes: tuple[str, ...] = ()


class RunsController(QObject):
    """Stands between the table of runs, the store, the chart and the form.

    Parameters
    ----------
    window : QMainWindow
    session : Session
    late : Late
        Builds the panel.
    chart : PriceChart
    model : ModelPanel
        All three are filled from here.
    watchlist_controller : WatchlistController
        Loads the prices of a run.
    may_forget : callable
        Asks before an unsaved network gives way to an earlier run; False when it is to stay.
    preferences : Preferences
        Keeps the columns of the table.

    Attributes
    ----------
    notified : Signal
        Message and hint of something worth knowing.
    warned : Signal
        Message and hint of what must be seen: a damaged store, a run that could not be kept.
    recalled : Signal
        An earlier run is shown.
    tested : Signal
        An earlier backtest is to be shown: its panel, what came of it, and what was kept of its
        outcomes.
    filled : Signal
        The outcomes of the run that is shown have been read.
    refused : Signal
        A CandlecastError.
    kept : Signal
        A run has been kept.
    candles_changed : Signal
        Whether the shown run is drawn as candles was changed.
    compared_changed : Signal
        Other runs are compared with the one that is shown.
    last : StoredRun or None
        The run that is shown, or was last.
    """

    notified = Signal(str, str)
    warned = Signal(str, str)
    refused = Signal(object)
    recalled = Signal()
    tested = Signal(object, object, object)
    filled = Signal()
    kept = Signal()
    candles_changed = Signal()
    compared_changed = Signal()

    def __init__(
        self,
        window: QMainWindow,
        session: Session,
        late: Late[RunsPanel],
        chart: PriceChart,
        model: ModelPanel,
        watchlist_controller: WatchlistController,
        may_forget: Callable[[], bool],
        preferences: Preferences,
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._watchlist_controller, self._may_forget = (
            window,
            session,
            watchlist_controller,
            may_forget,
        )
        self._late, self._chart, self._model = late, chart, model
        self._preferences = preferences
        self._runs: dict[str, StoredRun] = {}
        self._unkept: dict[str, StoredRun] = {}
        self._curves: dict[str, Curves] = {}
        self._told: dict[str, StoredOutcomes] = {}
        self._places: dict[str, int] = {}
        self._history = model.history
        self._deletion: Change | None = None
        self._again = False
        self._candles: bool | None = None
        self.last: StoredRun | None = None
        session.event_received.connect(self._take)
        session.state_changed.connect(self._mark)
        session.list_changed.connect(self._mark)
        late.once_built(self._serve)

    def _serve(self, panel: RunsPanel) -> None:
        """Show the columns that were chosen, and do what the panel asks for."""
        panel.compare_requested.connect(self._compare)
        panel.difference_requested.connect(self._show_difference)
        panel.show_requested.connect(self.show)
        panel.reproduce_requested.connect(self.reproduce)
        panel.delete_requested.connect(self._delete)
        panel.put_back_requested.connect(self.put_back)
        panel.note_requested.connect(self._note)
        panel.label_requested.connect(self._label)
        panel.losses_requested.connect(self._show_losses)
        panel.repeat_requested.connect(self._ask_repeat)
        panel.columns_chosen.connect(lambda keys: setattr(self._preferences, "run_columns", keys))
        if self._preferences.run_columns:
            panel.show_columns(self._preferences.run_columns)

    @property
    def compared(self) -> tuple[str, ...]:
        """Keys of the runs that are selected: they are compared with the one that is shown."""
        return self._late.content.chosen if self._late.is_built else ()

    def start(self) -> None:
        """Read the runs of the store."""
        self._follow(self._session.background.call(_read_runs, key=_KEY))

    def _follow(self, task: Task) -> None:
        """Show what a task read from the store, or why it could not."""
        task.returned.connect(self._show)
        task.failed.connect(self._show_failure)

    def find(self, key: str) -> StoredRun | None:
        """Return a run by its key."""
        return self._runs.get(key) or self._unkept.get(key)

    def curves(self, key: str) -> Curves | None:
        """Return the curves of a run where they are at hand."""
        return self._curves.get(key)

    def compare(self, keys: Sequence[str]) -> None:
        """Select these runs and no others, and draw them on the chart."""
        self._late.content.select(keys)

    def show(self, key: str) -> None:
        """Show a run as if it had just ended, on the prices that it was made of; they are loaded
        where they are not there.
        """
        run = self.find(key)
        if run is None:
            return
        if key in self._curves and key in self._told:
            self._session.background.cancel(_CURVES)
            self.recall(run, self._curves[key])
            return
        task = self._do(lambda store: _read_whole(store, key), _CURVES)
        task.returned.connect(lambda _read: self.recall(run, self._curves[key]))

    def show_stored(self, key: str) -> None:
        """Show a run that was stored meanwhile, not by this controller."""
        task = self._do(lambda store: _read_whole(store, key), _CURVES)
        task.returned.connect(lambda _read: self.show(key))

    def recall(self, run: StoredRun, curves: Curves) -> None:
        """Show a run whose curves are at hand; as :meth:`show`."""
        again = (
            self._test_again
            if run.record.kind == "backtest"
            else lambda item: self._recall_and_tell(item, curves)
        )
        self._with_prices(run, lambda: again(run))

    def recall_quietly(self, run: StoredRun, curves: Curves) -> bool:
        """Show a run where its prices are loaded, without a word; False where it cannot be shown.

        Its outcomes follow if the store has the run.
        """
        self._curves[run.key] = curves
        self._told.pop(run.key, None)
        if not self._recall(run, curves):
            return False
        shown = self._session.recalled
        if run.key in self._runs and shown is not None:
            task = self._do(lambda store: _read_whole(store, run.key), _CURVES)
            task.returned.connect(lambda read: self._fill(shown, read.told[run.key]))
        return True

    def keep_candles(self, on: bool) -> None:
        """Keep whether the forecast of the run that is shown is drawn as whole candles."""
        self._candles, run = on, self.last
        if run is None or self._session.running or run.candles == on:
            return
        self.last = replace(run, candles=on)
        if run.key in self._unkept:
            self._unkept[run.key] = self.last
        else:
            self._do(lambda store: _drawn(store, run.key, on), f"{_KEY}-candles")
        self.candles_changed.emit()

    def reproduce(self, key: str) -> None:
        """Load the prices of a run and put its settings in the form; tells whether the prices
        are still the same.
        """
        run = self.find(key)
        if run is None or self._session.running:
            return
        with Reporting(self.refused.emit):
            self._model.show_config(run.config)
            self._load(
                run,
                lambda: self.notified.emit(
                    *self._compared_prices(
                        run,
                        self.tr(
                            "The prices are unchanged, and its settings are in the form: Train "
                            "makes it again."
                        ),
                    )
                ),
            )

    def repeat(self, key: str, count: int) -> None:
        """Train a run again with ``count`` seeds, on its own prices; each is stored."""
        run = self.find(key)
        if run is None:
            return

        def begin() -> None:
            panel = self._panel_of(run)
            if panel is None:
                return  # why prices could not be loaded has been said
            requests = {item.symbol: item.request for item in run.record.series}
            with Reporting(self.refused.emit):
                job = repeating(panel, run.config, count, requests)
                self._session.begin("tuning", lambda _checked: job)

        self._with_prices(run, begin)

    def _ask_repeat(self, key: str) -> None:
        count = dialogs.ask_seeds(self._window)
        if count:
            self.repeat(key, count)

    def _show_repeated(self, event: RepeatFinished) -> None:
        """Show mean and spread over the seeds, with the runs grouped."""
        self._late.content.group_by("seeds")
        self._do(lambda store: RunsRead(store.runs()))
        self.notified.emit(event.sentence, self.tr("Each seed is a run in the Runs panel."))

    def _show_losses(self, keys: Sequence[str]) -> None:
        """Draw the loss curves of runs over each other."""
        self._with_curves(tuple(keys), lambda: self._open_losses(keys))

    def _open_losses(self, keys: Sequence[str]) -> None:
        runs = [run for key in keys if (run := self.find(key)) is not None]
        losses = [
            RunLoss(
                f"{run.symbols} · {run.horizon} · {run.name or model_title(run.model)}, "
                f"seed {run.record.seed}",
                self._curves.get(run.key, Curves()).history,
                settings_key(run),
            )
            for run in runs
        ]
        from app.features.runs.loss_dialog import LossDialog

        LossDialog(losses, self._chart.theme, self._window).show()

    def _label(self, key: str, name: str, tags: tuple[str, ...]) -> None:
        self._do(lambda store: _labelled(store, key, name, tags))

    def _do(self, work: Callable[[RunStore], RunsRead], key: str = _KEY) -> Task:
        """Do something with the store in the background, and show what it returns."""
        task = self._session.background.call(_with_store, work, key=key)
        self._follow(task)
        return task

    def _take(self, event: object) -> None:
        """Keep what has ended, and show what the store tells."""
        match event:
            case RepeatFinished():
                self._show_repeated(event)
            case RunFinished():
                self.last = self._candles = None
                result, requests = event.result, self._requests()
                self._keep(lambda: recorded(result, requests))
            case BacktestFinished():
                symbols = {
                    str(symbol) for item in event.outcomes.values() for symbol in item.symbol
                }
                rows = sorted(self._session.watchlist.rows, key=lambda row: row.checked)
                series = {
                    row.symbol: row.series
                    for row in rows
                    if row.series is not None and row.symbol in symbols
                }
                if series:
                    panel, requests = Panel(tuple(series.values())), self._requests()
                    self._keep(lambda: recorded_backtest(event, panel, requests))

    def _keep(self, make: Callable[[], tuple[RunRecord, bytes, bytes]]) -> None:
        self._follow(self._session.background.call(_store_run, make))

    def _requests(self) -> dict[str, str]:
        """Return what loads each checked series again."""
        rows = [row for row in self._session.watchlist.rows if row.checked]
        return {row.symbol: row.request.model_dump_json(exclude_defaults=True) for row in rows}

    def _show(self, event: RunsRead) -> None:
        self._curves |= event.curves
        if event.told:  # no more than those of one run of the store are held
            self._told = {
                key: message for key, message in self._told.items() if key in self._unkept
            } | dict(event.told)
        if isinstance(event, RunKept) and event.new is not None:
            self.last = event.new
            if event.problems:
                self._unkept[event.new.key] = event.new
        if not (isinstance(event, RunKept) and event.problems):
            self._runs = {run.key: run for run in event.runs}
        if event.deleted is not None:
            self._late.content.show_deleted(len(event.deleted))
            if event.deleted and not self._again:
                self._record_deletion(event.deleted)
            self._again = False
        shown = {**self._unkept, **self._runs}
        self._late.content.show_runs(
            tuple(sorted(shown.values(), key=lambda run: run.record.made_at, reverse=True))
        )
        notes = event.notes if isinstance(event, RunKept) else ()
        for text in (*event.problems, *notes):
            self.warned.emit(text, "")
        self._mark()
        self._draw()
        if isinstance(event, RunKept):
            if self._candles is not None:
                self.keep_candles(self._candles)
            self.kept.emit()

    def _mark(self) -> None:
        """Let the table mark the run that is shown."""
        if not self._late.is_built:
            return
        shown = (
            self.last if self._session.result is not None and not self._session.running else None
        )
        self._late.content.mark_shown(shown.key if shown is not None else "")

    def _fill(self, shown: RunResult, have: StoredOutcomes) -> None:
        """Show the outcomes of a run that was recalled quietly, if it is still shown."""
        if self._session.recalled is shown:
            self._session.recalled = replace(
                shown, outcomes=have.outcomes, profiles=have.profiles, lacking=have.lacking
            )
            self.filled.emit()

    def _show_failure(self, failure: Failure) -> None:
        self.notified.emit(
            self.tr("The store of runs cannot be used: {why}").format(why=failure.message),
            failure.hint,
        )

    def _with_curves(self, keys: Sequence[str], then: Callable[[], None]) -> None:
        """Do something once the curves of these runs are at hand."""
        lacking = [key for key in keys if key not in self._curves]
        if lacking:
            task = self._do(lambda store: _read_curves(store, lacking), _CURVES)
            task.returned.connect(lambda _read: then())
        else:
            self._session.background.cancel(_CURVES)
            then()

    def _compare(self, indices: Mapping[str, int]) -> None:
        """Draw the runs that are checked."""
        self._places = dict(indices)
        self.compared_changed.emit()
        self._with_curves(tuple(indices), self._draw)

    def _draw(self) -> None:
        compared = [
            Compared(forecast, f"{model_title(run.model)} {run.horizon} · {when(run)[5:]}", index)
            for key, index in self._places.items()
            if key in self._curves and (run := self.find(key)) is not None
            for forecast in self._curves[key].forecasts
        ]
        self._chart.show_compared(tuple(sorted(compared, key=lambda item: item.place)))
        self._session.request_repaint()

    def _show_difference(self, first: str, second: str) -> None:
        from app.features.runs.difference_dialog import DifferenceDialog
        from forecasting.store.differences import differences

        runs = sorted(
            (self._runs[key] for key in (first, second)), key=lambda run: run.record.made_at
        )
        with Reporting(self.refused.emit):
            rows = differences(*runs)
            names = tuple(f"{model_title(run.model)} · {when(run)}" for run in runs)
            DifferenceDialog((names[0], names[1]), rows, self._window).show()

    def _delete(self, keys: Sequence[str], *, again: bool = False) -> None:
        """Delete runs; ``again`` where that is in the history already."""
        self._again = again
        for key in keys:
            self._unkept.pop(key, None)
        self._do(
            lambda store: RunsRead(deleted=store.delete(keys), runs=store.runs()),
            f"{_KEY}-delete",
        )

    def put_back(self) -> bool:
        """Put the runs that were deleted last back; False where there are none."""
        return self._history.undo_change(self._deletion)

    def _record_deletion(self, deleted: Deleted) -> None:
        """Let a deletion be undone."""
        keys = tuple(str(row[0]) for row in deleted.rows)
        self._deletion = Change(
            "runs",
            lambda: self._do(lambda store: _put_back(store, deleted)),
            lambda: self._delete(keys, again=True),
        )
        self._history.record(self._deletion)

    def _note(self, key: str, notes: str) -> None:
        self._do(lambda store: _noted(store, key, notes))

    def _load(self, run: StoredRun, then: Callable[[], None]) -> None:
        """Load the prices of a run, and do something once they are there."""
        requests = [Request.stored(item.request, item.reference) for item in run.record.series]
        requests += [Request.stored(text) for text in run.record.beside]
        loading = self._watchlist_controller.load(requests, "only")
        if loading is not None:
            loading.loaded.connect(then)

    def _with_prices(self, run: StoredRun, then: Callable[[], None]) -> None:
        """Do something once the series of a run are loaded."""
        if self._panel_of(run) is not None:
            then()
        elif self._session.running:
            self.notified.emit(
                self.tr("The prices of this run are not loaded."),
                self.tr("Stop or cancel what runs first."),
            )
        else:
            self._load(run, then)

    def _panel_of(self, run: StoredRun) -> Panel | None:
        """Return the series of a run as they are loaded now; None while one is missing."""
        have = {
            row.symbol: row.series for row in self._session.watchlist.rows if row.series is not None
        }
        have |= {
            row.symbol: row.series
            for row in self._session.watchlist.rows
            if row.series is not None and row.checked
        }
        found = [have.get(item.symbol) for item in run.record.series]
        series = tuple(item for item in found if item is not None)
        return Panel(series) if len(series) == len(found) else None

    def _recall_and_tell(self, run: StoredRun, curves: Curves) -> None:
        if self._panel_of(run) is not None and self._may_forget() and self._recall(run, curves):
            self._tell_prices(run)

    def _test_again(self, run: StoredRun) -> None:
        """Show an earlier backtest."""
        panel, text = self._panel_of(run), self._told.get(run.key, NONE_KEPT)
        if panel is None:
            return
        with Reporting(self.refused.emit):
            self.tested.emit(panel, restored_backtest(run, text), text)
            self._tell_prices(run)

    def _tell_prices(self, run: StoredRun) -> None:
        """Tell whether the prices of a run that is shown are what they were, and what of it is
        not there.
        """
        text, hint = self._compared_prices(run, self.tr("The prices are unchanged since then."))
        self.notified.emit(text, f"{hint} {self._told.get(run.key, NONE_KEPT).lacking}".strip())

    def _recall(self, run: StoredRun, curves: Curves) -> bool:
        panel = self._panel_of(run)
        if panel is None:
            return False  # why prices could not be loaded has been told
        with Reporting(self.refused.emit):
            result = restored(run, curves, panel, self._told.get(run.key, NONE_KEPT))
            self.last = run
            self._session.recall(result)
            self._mark()
            self.recalled.emit()
            return True
        return False

    def _compared_prices(self, run: StoredRun, hint: str) -> tuple[str, str]:
        """Return in words whether the prices of a run are what they were, and a hint."""
        have = {
            row.symbol: row.series for row in self._session.watchlist.rows if row.series is not None
        }
        missing = [item.symbol for item in run.record.series if item.symbol not in have]
        prints = [
            (item, now.fingerprint)
            for item in run.record.series
            if (now := have.get(item.symbol)) is not None
        ]
        changed = [
            (item, fresh)
            for item, fresh in prints
            if item.fingerprint and item.fingerprint != fresh
        ]
        if missing:
            names = ", ".join(missing)
            return self.tr("The run of {when} needs prices that are not there: {names}.").format(
                when=when(run), names=names
            ), ""
        if changed:
            item, fresh = changed[0]
            more = (
                self.tr(" ({n} more have changed)").format(n=len(changed) - 1)
                if len(changed) > 1
                else ""
            )
            return (
                self.tr("The prices of {symbol} have changed since the run of {when}.").format(
                    symbol=item.symbol, when=when(run)
                ),
                self.tr("Then: {old}. Now: {new}.{more}").format(
                    old=item.fingerprint, new=fresh, more=more
                ),
            )
        return self.tr("This is the run of {when}: {model} on {symbols}.").format(
            when=when(run), model=model_title(run.model), symbols=run.symbols
        ), hint


def _read_runs() -> RunsRead:
    """Read the runs; where there is no store yet, none is made."""
    if not store_path().is_file():
        return RunsRead(())
    return _with_store(lambda store: RunsRead(store.runs()))


def _with_store(work: Callable[[RunStore], RunsRead]) -> RunsRead:
    """Do something with the store; what is found damaged in it is added to the problems."""
    with RunStore() as store:
        read = work(store)
        problems = tuple(item.message for item in store.findings) + read.problems
        return replace(read, problems=problems)


def _store_run(make: Callable[[], tuple[RunRecord, bytes, bytes]]) -> RunKept:
    """Store a run; where the store cannot be used the run comes back with the reason."""
    from forecasting.store.outcomes import unpack_outcomes
    from forecasting.store.runs import unpacked

    record, packed, outcomes = make()
    curves = unpacked(record, packed)
    try:
        with RunStore() as store:
            new = store.add(record, packed, outcomes)
            notes = tuple(finding.message for finding in store.findings)
            return RunKept(store.runs(), {new.key: curves}, new=new, notes=notes)
    except CandlecastError as error:
        new = StoredRun(f"unkept-{id(record)}", record)
        problem = (
            "The run could not be kept; it stays until the program ends. "
            f"{error.message} {error.hint}"
        )
        have = {new.key: unpack_outcomes(outcomes) if outcomes else StoredOutcomes()}
        return RunKept((), {new.key: curves}, have, problems=(problem,), new=new)


def _read_whole(store: RunStore, key: str) -> RunsRead:
    """Read all that was kept of a run; outcomes that are damaged are told of, and left out."""
    read = _read_curves(store, (key,))
    try:
        return RunsRead(read.runs, read.curves, {key: store.outcomes(key)}, problems=read.problems)
    except CandlecastError as error:
        return RunsRead(
            read.runs,
            read.curves,
            {key: StoredOutcomes(lacking=error.message)},
            problems=(*read.problems, error.message),
        )


def _read_curves(store: RunStore, keys: Sequence[str]) -> RunsRead:
    found, problems = {}, []
    for key in keys:
        try:
            found[key] = store.find(key)[1]
        except CandlecastError as error:
            problems.append(error.message)
            found[key] = Curves()
    return RunsRead(store.runs(), found, problems=tuple(problems))


def _put_back(store: RunStore, deleted: Deleted) -> RunsRead:
    store.put_back(deleted)
    return RunsRead(store.runs(), deleted=Deleted(()))


def _labelled(store: RunStore, key: str, name: str, tags: tuple[str, ...]) -> RunsRead:
    store.label(key, name, tags)
    return RunsRead(store.runs())


def _drawn(store: RunStore, key: str, on: bool) -> RunsRead:
    store.draw_candles(key, on)
    return RunsRead(store.runs())


def _noted(store: RunStore, key: str, notes: str) -> RunsRead:
    store.note(key, notes)
    return RunsRead(store.runs())
