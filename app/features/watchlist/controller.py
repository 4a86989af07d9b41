"""The watchlist at work: what the user wants with its rows becomes loading, and what has become
of it is shown and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError
from PySide6.QtCore import QObject, QTimer, QTimerEvent, Signal
from PySide6.QtWidgets import QInputDialog

from app.background import Reporting
from app.dialogs import ask_file, ask_save_path
from app.features.watchlist.panel import DataPanel
from app.features.watchlist.row_judgement import judgements_of
from app.features.watchlist.row_order import COLUMNS, ORDERS
from app.features.watchlist.sections import remembered
from app.number_format import number
from app.preferences import Preferences
from app.session import Loading, Session
from app.tasks import Refresh
from app.undo_history import Change, UndoHistory
from app.watchlist import Choice, Row, Watchlist, WatchlistError, named, read_watchlist
from app.watchlist_csv import read_list, write_list
from forecasting.errors import CandlecastError
from forecasting.events import BacktestFinished, RunFinished
from forecasting.files.atomic import FileLock, atomic_write, next_step, quarantine
from forecasting.sources.options import USUAL, Request, TickerOptions

#: Milliseconds from a change of the list to its file, so that many changes are one writing.
_SAVE_MS = 1500
_TOPIC = "watchlist"
#: Most letters of the name of a group.
_LONGEST_GROUP = 80
#: Seconds that another window which is writing the list is waited for.
_PATIENCE_S = 0.5


class WatchlistController(QObject):
    """Stands between the data panel and the session, and keeps the list between two starts.

    Parameters
    ----------
    session : Session
    panel : DataPanel
    preferences : Preferences
        Tells where the list is kept.
    history : UndoHistory
        Brings rows back that were removed.
    report : callable
        Takes an error that is to be shown.

    Attributes
    ----------
    shown : Signal
        Another row is to be drawn.
    notified : Signal
        Message and hint of something worth knowing.
    removed : Signal
        Rows were taken off the list; :meth:`put_back` brings them back.
    """

    shown = Signal()
    notified = Signal(str, str)
    removed = Signal()

    def __init__(
        self,
        session: Session,
        panel: DataPanel,
        preferences: Preferences,
        history: UndoHistory,
        report: Callable[[BaseException], None],
    ) -> None:
        super().__init__(panel)
        self._session, self._panel, self._preferences, self._report = (
            session,
            panel,
            preferences,
            report,
        )
        self._file = preferences.data_file("watchlist.json")
        self._may_save, self._held = True, False
        self._before, self._last = Watchlist(), (0, 0)
        self._timer = 0
        self._drawn: Row | None = None
        self._waiting: Row | None = None
        self._history = history
        self._removed: list[tuple[int, Row]] = []
        self._removal: Change | None = None
        session.list_changed.connect(self._changed)
        session.selected_changed.connect(self._show_selected)
        session.state_changed.connect(self._show_state)
        panel.series_chosen.connect(self.select)
        panel.check_requested.connect(self._check)
        panel.only_requested.connect(self._check_only)
        panel.move_requested.connect(self._move)
        panel.remove_requested.connect(self.remove)
        panel.put_back_requested.connect(self.put_back)
        panel.load_requested.connect(self._load_again)
        panel.shape_requested.connect(self.shape)
        panel.add_sample_requested.connect(lambda reference: self.load((reference,), "also"))
        panel.group_requested.connect(self.ask_group)
        panel.import_requested.connect(self.ask_import)
        panel.export_requested.connect(self.ask_export)
        panel.arranged.connect(self._keep_order)
        panel.columns_chosen.connect(self._keep_columns)
        panel.folded.connect(self._keep_folded)
        session.event_received.connect(self._judge)
        self._arrange()

    @property
    def refresh(self) -> Refresh:
        """Whether tickers may be fetched."""
        return "never" if self._preferences.offline else "auto"

    def restore(self) -> bool:
        """Bring back the list of the last time; False where there is none.

        Nothing of it is loaded yet: see :meth:`start`.
        """
        saved = self._read()
        if saved is None or not len(saved[0]):
            return False
        self._session.relist(*saved)
        return True

    def start(self) -> None:
        """Load what is checked, or what is selected where nothing is."""
        watchlist, row = self._session.watchlist, self._session.row
        checked = Watchlist(tuple(item for item in watchlist.rows if item.checked)).requests
        self.load(checked or ((row.request,) if row else ()), "as_before")

    def load(
        self,
        requests: Sequence[str | Request],
        choice: Choice = "only",
        refresh: Refresh | None = None,
        instead: Request | None = None,
    ) -> Loading | None:
        """Load something; None where there is nothing to load, or an error was reported.

        What is not on the list yet is loaded with what is chosen for tickers.
        """
        if not requests:
            return None
        asked = [self.request(item) for item in requests]
        with Reporting(self._report):
            return self._session.load(asked, choice, refresh or self.refresh, instead)
        return None

    def request(self, reference: str | Request, ticker: TickerOptions | None = None) -> Request:
        """Return what loads a reference: as it was loaded before, or as tickers are to be
        fetched now; ``ticker`` goes before both.
        """
        if isinstance(reference, Request):
            return reference
        known = self._session.watchlist.request_for(reference)
        if known is None:
            return Request(reference=reference, ticker=ticker or ticker_options(self._preferences))
        return known.model_copy(update={"ticker": ticker}) if ticker else known

    def ask_group(self, indices: Sequence[int]) -> None:
        """Ask for the name of a group, and put rows into it."""
        rows = self._session.watchlist.rows
        if not indices:
            return
        names = sorted({row.group for row in rows if row.group})
        asked = self.tr("Group of the {n} marked series (empty: none):").format(n=len(indices))
        name, done = QInputDialog.getItem(
            self._panel, self.tr("Group"), asked, [rows[indices[0]].group, *names]
        )
        if done:
            watchlist = self._session.watchlist
            self._session.relist(watchlist.with_group(indices, name.strip()[:_LONGEST_GROUP]))

    def ask_import(self) -> None:
        """Ask for a CSV file, and list its series; they are loaded when they are chosen."""
        title, kinds = self.tr("Import the watchlist"), self.tr("Lists (*.csv *.txt)")
        path = ask_file(self._panel, self._preferences, title, kinds)
        if path:
            self.import_list(Path(path))

    def import_list(self, path: Path) -> None:
        """List the series of a CSV file."""
        with Reporting(self._report):
            rows = read_list(path)
            before = len(self._session.watchlist)
            self._session.relist(self._session.watchlist.with_rows(rows))
            added = len(self._session.watchlist) - before
            self.notified.emit(
                self.tr("{n} series of {name} were added.").format(
                    n=number(added, 0), name=path.name
                ),
                self.tr("Each is loaded when you choose it, or when you check it to be trained."),
            )

    def ask_export(self) -> None:
        """Ask for a CSV file, and write the list to it."""
        title, kinds = self.tr("Export the watchlist"), {".csv": self.tr("Lists")}
        path = ask_save_path(self._panel, self._preferences, title, "watchlist", kinds)
        if not path:
            return
        with Reporting(self._report):
            write_list(self._session.watchlist.rows, Path(path))
            words = self.tr("{n} series were written to {name}.")
            count = number(len(self._session.watchlist), 0)
            self.notified.emit(words.format(n=count, name=Path(path).name), "")

    def reload(self) -> None:
        """Read all that is loaded once more; tickers are fetched unless the user works offline."""
        loaded = Watchlist(
            tuple(row for row in self._session.watchlist.rows if row.series is not None)
        )
        self.load(loaded.requests, "as_before", "never" if self._preferences.offline else "always")

    def select(self, place: int) -> None:
        """Show a row; one that is not loaded yet is loaded."""
        self._session.select(place)
        row = self._session.row
        assert row is not None
        self._waiting = None
        resting = row.series is None and not row.problem
        if resting and self._session.state in ("idle", "loading"):
            self.load((row.request,), "as_before")
            return
        self._waiting = row if resting else None
        if self._drawn is not row:
            self._draw(row)

    def remove(self, places: Sequence[int]) -> None:
        """Take rows off the list, and offer to put them back."""
        removed = self._remove(places)
        change = Change(_TOPIC, lambda: self._restore(removed), lambda: again())

        def again() -> None:
            names = {named(row) for _, row in removed}
            rows = self._session.watchlist.rows
            self._removal = change
            removed[:] = self._remove([at for at, row in enumerate(rows) if named(row) in names])

        self._removal = change
        self._history.record(change)

    def _remove(self, indices: Sequence[int]) -> list[tuple[int, Row]]:
        """Take rows off the list; return them with their indices."""
        rows = self._session.watchlist.rows
        self._removed = [(index, rows[index]) for index in sorted(indices)]
        self._panel.show_removed(len(self._removed))
        self._session.remove(indices)
        self.removed.emit()
        return list(self._removed)

    def _restore(self, removed: list[tuple[int, Row]]) -> None:
        self._removed = []
        self._panel.show_removed(0)
        if removed:
            watchlist = self._session.watchlist.with_back(removed)
            back = (at for at, row in enumerate(watchlist.rows) if row is removed[0][1])
            self._session.relist(watchlist, next(back, None))

    @property
    def removed_rows(self) -> tuple[Row, ...]:
        """The rows that were removed last and can be put back."""
        return tuple(row for _, row in self._removed)

    def put_back(self) -> bool:
        """Put the rows that were removed last back; False where there are none."""
        return self._history.undo_change(self._removal)

    def hold(self, held: bool) -> None:
        """Leave the kept list alone while the rows belong to a project."""
        self._history.forget(_TOPIC)
        if held:
            self.save()
        self._held = held

    def save(self) -> None:
        """Write the list now if it has changed."""
        if not self._timer:
            return
        self.killTimer(self._timer)
        self._timer = 0
        claim = FileLock(self._file)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            claim.take(_PATIENCE_S)
            mine = self._session.watchlist
            theirs = self._theirs() if _stamp(self._file) != self._last else None
            shown = mine if theirs is None else mine.merged(self._before, theirs)
            if self._may_save:
                atomic_write(self._file, shown.to_json(self._session.selected).encode())
                self._before, self._last = mine, _stamp(self._file) or (0, 0)
        except OSError as error:
            where = self.tr("{path} cannot be written: {why}.").format(
                path=self._file, why=error.strerror or error
            )
            self.notified.emit(
                self.tr("The watchlist could not be kept for the next start."),
                f"{where} {next_step(error)}",
            )
        except CandlecastError as error:
            self.notified.emit(
                self.tr("The watchlist could not be kept for the next start."), str(error)
            )
        finally:
            claim.release()

    def timerEvent(self, event: QTimerEvent) -> None:
        """Write the list, some time after it changed."""
        if event.timerId() == self._timer:
            self.save()

    @property
    def _running(self) -> bool:
        return self._session.state in ("preparing", "training", "stopping")

    def _read(self) -> tuple[Watchlist, int] | None:
        """Read the file; a damaged one is set aside, and one of another version is left alone."""
        self._last = _stamp(self._file) or (0, 0)
        try:
            read = read_watchlist(self._file)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._may_save = False
            self.notified.emit(
                self.tr("The watchlist cannot be read, and is not kept."),
                f"{self._file}: {error.strerror or error}",
            )
        except WatchlistError as error:
            self._put_aside(error)
        else:
            self._before = read[0]
            return read
        return None

    def _theirs(self) -> Watchlist | None:
        """Return what another window has written since this one read or wrote the file; None
        where it cannot be read.
        """
        try:
            return read_watchlist(self._file)[0]
        except WatchlistError as error:
            self._put_aside(error)
        except FileNotFoundError:
            pass
        return None

    def _put_aside(self, error: WatchlistError) -> None:
        """Give a damaged list another name and say which; one of another version stays, and is
        not written over.
        """
        self._may_save, hint = error.damaged, error.hint
        if error.damaged:
            try:
                hint = self.tr("It was set aside as {name}.").format(
                    name=quarantine(self._file).name
                )
            except OSError as refused:
                self._may_save, hint = (
                    False,
                    self.tr("It cannot be set aside: {why}.").format(
                        why=refused.strerror or refused
                    ),
                )
        self.notified.emit(error.message, hint)

    def _changed(self) -> None:
        """Show the list after a change, draw another row if another one is selected, and keep
        the list soon.
        """
        self._show_selected()
        if self._may_save and not self._held and not self._timer:
            self._timer = self.startTimer(_SAVE_MS)

    def _show_selected(self) -> None:
        """Show which row is selected, by whomever, and draw it if another one is drawn."""
        self._show()
        row = self._session.row
        drawn = self._drawn
        other = (row is None) != (drawn is None) or (
            row is not None
            and drawn is not None
            and (row.symbol, row.request) != (drawn.symbol, drawn.request)
        )
        if other and (row is None or row.series is not None or row.problem):
            self._draw(row)

    def _show(self) -> None:
        self._panel.show_list(
            self._session.watchlist.rows, self._session.selected, self._too_short()
        )
        self._panel.show_busy(busy=self._running)

    def _draw(self, row: Row | None) -> None:
        self._drawn = row
        self.shown.emit()

    def _show_state(self) -> None:
        self._panel.show_busy(busy=self._running)
        if self._session.state == "idle" and self._too_short():
            self._show()
        if self._session.state == "idle" and self._waiting is not None:
            QTimer.singleShot(0, self, self._load_waiting)

    def _load_waiting(self) -> None:
        """Load the row that was selected while something else ran, if it is still selected."""
        waiting, self._waiting = self._waiting, None
        row = self._session.row
        if (
            waiting is not None
            and row is not None
            and (row.symbol, row.request) == (waiting.symbol, waiting.request)
        ):
            self.select(self._session.selected)

    def _too_short(self) -> list[str]:
        """Return the series that were left out of the run that is shown."""
        result = self._session.result
        return (
            [symbol for symbol in result.left_out if symbol not in result.panel.symbols]
            if result
            else []
        )

    def _arrange(self) -> None:
        """Show the list as it was arranged the last time."""
        order, _, reverse = self._preferences.list_order.partition(" ")
        if order in ORDERS:
            self._panel.arrange(order, reverse=bool(reverse))
        columns = self._preferences.list_columns
        self._panel.show_columns([name for name in columns if name in COLUMNS])
        self._panel.list.fold(remembered(self._preferences.list_folded))

    def _keep_order(self, order: str, reverse: bool) -> None:
        self._preferences.list_order = f"{order} reversed" if reverse else order

    def _keep_columns(self, columns: object) -> None:
        assert isinstance(columns, tuple)
        self._preferences.list_columns = columns

    def _keep_folded(self, keys: object) -> None:
        assert isinstance(keys, frozenset)
        self._preferences.list_folded = tuple(sorted(remembered(tuple(keys))))

    def _judge(self, event: object) -> None:
        """Remember what a run says of each of its series."""
        if isinstance(event, RunFinished):
            outcomes, verdict = event.result.outcomes, event.result.verdict
        elif isinstance(event, BacktestFinished):
            outcomes, verdict = event.outcomes, event.verdict
        else:
            return
        task = self._session.background.call(
            judgements_of, outcomes, verdict.reference, key="row-judgements"
        )
        task.returned.connect(self._show_judgements)

    def _show_judgements(self, judgements: object) -> None:
        assert isinstance(judgements, dict)
        if judgements:
            self._session.relist(self._session.watchlist.with_judgements(judgements))

    def _move(self, source: int, target: int) -> None:
        """Move a row; the selected row stays selected."""
        session = self._session
        order = list(range(len(session.watchlist)))
        order.insert(target, order.pop(source))
        session.relist(session.watchlist.moved(source, target), order.index(session.selected))

    def _check(self, indices: Sequence[int], checked: bool) -> None:
        self._session.check(indices, checked)
        self._load_checked()

    def _check_only(self, index: int) -> None:
        self._session.check_only(index)
        self._load_checked()

    def _load_checked(self) -> None:
        """Load what is to be trained and rests since the last start."""
        resting = [
            row
            for row in self._session.watchlist.rows
            if row.checked and row.series is None and not row.problem
        ]
        if resting and not self._running:
            self.load(Watchlist(tuple(resting)).requests, "as_before")

    def _load_again(self, index: int) -> None:
        self.load((self._session.watchlist[index].request,), "as_before")

    def shape(self, place: int, what: str, value: str) -> None:
        """Load a series once more with another value of a reading option; what is kept of a
        ticker is enough for that.
        """
        before = self._session.watchlist[place].request
        read = before.read.settled(what, value)
        self.load((before.model_copy(update={"read": read}),), "as_before", instead=before)


def ticker_options(preferences: Preferences) -> TickerOptions:
    """Return what is to be fetched of tickers, as it was chosen; the usual where that cannot be
    read.
    """
    try:
        return (
            TickerOptions.model_validate_json(preferences.ticker) if preferences.ticker else USUAL
        )
    except ValidationError:
        return USUAL


def _stamp(file: Path) -> tuple[int, int] | None:
    """Return what tells a file that was written anew; None where there is none."""
    try:
        text = file.stat()
    except OSError:
        return None
    return text.st_mtime_ns, text.st_ino
