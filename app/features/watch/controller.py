"""The watch at work: chosen series are looked at on a timer, and what stands out is told."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QSystemTrayIcon

from app import dialogs
from app.features.journal.panel import JournalPanel
from app.features.spec import FeatureContext, FeatureController
from app.features.watchlist.panel import DataPanel
from app.number_format import number
from app.watchlist import Row
from forecasting.events import Event

if TYPE_CHECKING:
    from app.background import Failure
    from forecasting.store import StoredAlert, WatchChoice
    from forecasting.watch import WatchFinished

#: Minutes between two looks; a ticker is asked for once a day, whatever they are.
_EVERY_MIN = 15
#: Milliseconds from the start of the window to the first look: the window is there first.
_FIRST_MS = 4000
#: Band, in percent, beyond which the window tells of a close.
_LEVEL = 95.0
#: Name of this way of showing alerts, tasks by key, and alerts that a notice names one by one.
_CHANNEL, _PASS, _CHOICES, _MOST = "window", "watch-pass", "watch-choices", 2


@dataclass(frozen=True)
class _Passed:
    """What a look has done, and the alerts that the window has not shown yet."""

    finished: WatchFinished | None
    alerts: tuple[StoredAlert, ...]
    recent: tuple[StoredAlert, ...]


class WatchController(FeatureController):
    """Watches series of the watchlist while the window is open.

    Parameters
    ----------
    context : FeatureContext
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context)
        self._data: DataPanel = context.panels["data"]
        self._journal: JournalPanel = context.panels["journal"]
        self._presets = context.presets
        self._choices: tuple[WatchChoice, ...] = ()
        self._tray: QSystemTrayIcon | None = None
        self._timer = QTimer(self, interval=_EVERY_MIN * 60_000)
        self._timer.timeout.connect(self.look)
        self._watch, self._unwatch, self._now = (
            context.actions[name] for name in ("watch", "unwatch", "watch_now")
        )
        self._watch.triggered.connect(lambda _checked=False: self.ask())
        self._unwatch.triggered.connect(lambda _checked=False: self.stop(self._marked()))
        self._now.triggered.connect(lambda _checked=False: self.look(always=True))
        self._offer_in(self._data.list)
        self._journal.look_requested.connect(lambda: self.look(always=True))

    @property
    def choices(self) -> tuple[WatchChoice, ...]:
        """What is watched."""
        return self._choices

    @property
    def is_running(self) -> bool:
        """Whether the timer runs."""
        return self._timer.isActive()

    def start(self) -> None:
        """Read what is watched, and look for the first time soon."""
        task = self._session.background.call(_begin, key=_CHOICES)
        task.returned.connect(self._show_begin)
        task.failed.connect(self._warn)
        QTimer.singleShot(_FIRST_MS, self, self.look)

    def ask(self) -> None:
        """Ask for a network, and watch the marked series with it."""
        rows = self._marked()
        path = dialogs.ask_network(self._window, self._preferences) if rows else ""
        if path:
            self.watch(rows, path)

    def watch(self, rows: Sequence[Row], path: str | Path) -> None:
        """Watch series with a network, and look at once."""
        pairs = [(row.request, row.symbol) for row in rows]
        task = self._session.background.call(_choose, pairs, Path(path), key=_CHOICES)
        task.returned.connect(self._show_choices)
        task.returned.connect(lambda _choices: self.look(always=True))
        task.failed.connect(lambda failure: self.warned.emit(failure.message, failure.hint))

    def stop(self, rows: Sequence[Row]) -> None:
        """Watch series no longer."""
        named = {(row.request.reference, row.symbol) for row in rows}
        gone = [item for item in self._choices if (_reference(item), item.symbol) in named]
        if not gone:
            return
        task = self._session.background.call(_drop, gone, key=_CHOICES)
        task.returned.connect(self._show_choices)
        task.failed.connect(self._warn)

    def look(self, *, always: bool = False) -> None:
        """Do one pass in the background; left for the next time while a network is trained."""
        if not self._choices:
            if always:
                self.notified.emit(
                    self.tr("Nothing is watched."),
                    self.tr("Mark series in the watchlist and choose Watch with a saved network."),
                )
            return
        if self._session.busy:
            return
        refresh = "never" if self._preferences.offline else "auto"
        task = self._session.background.run(_looking(refresh), key=_PASS)
        task.returned.connect(lambda passed: self._show_pass(passed, always=always))
        task.failed.connect(self._warn)

    def _offer_in(self, widget: QObject) -> None:
        """Add the commands to the menu of a row."""
        separator = QAction(widget)
        separator.setSeparator(True)
        for action in (separator, self._watch, self._unwatch):
            self._data.list.addAction(action)

    def _marked(self) -> list[Row]:
        rows = self._session.watchlist.rows
        indices = self._data.list.places or [self._session.selected]
        return [rows[index] for index in indices if 0 <= index < len(rows)]

    def _show_begin(self, found: object) -> None:
        assert isinstance(found, tuple)
        choices, alerts = found
        self._show_choices(choices)
        self._journal.show_alerts([(item.at, item.alert) for item in alerts])

    def _show_choices(self, choices: object) -> None:
        """Mark what is watched, and run the timer while anything is."""
        assert isinstance(choices, tuple)
        self._choices = choices
        self._data.list.set_watched({(_reference(item), item.symbol) for item in choices})
        self._journal.show_watched([item.symbol for item in choices])
        if choices and not self._timer.isActive():
            self._timer.start()
        elif not choices:
            self._timer.stop()

    def _show_pass(self, passed: object, *, always: bool) -> None:
        assert isinstance(passed, _Passed)
        self._journal.show_alerts([(item.at, item.alert) for item in passed.recent])
        self.journal_changed.emit()
        done = passed.finished
        if passed.alerts:
            self._tell(passed.alerts)
        elif always and done is not None:
            words = self.tr("Looked at {n} series: {new} new forecasts, {known} newly known bars.")
            self.notified.emit(
                words.format(
                    n=number(len(done.series), 0),
                    new=number(done.entered, 0),
                    known=number(done.reconciled, 0),
                ),
                " ".join(dict.fromkeys(item.reason for item in done.series if item.reason)),
            )

    def _tell(self, alerts: Sequence[StoredAlert]) -> None:
        """Show alerts in the window, and in the tray where there is one."""
        text = " ".join(item.alert.message for item in alerts[:_MOST])
        more = len(alerts) - _MOST
        if more > 0:
            text += " " + self.tr("And {n} more, under Alerts of the journal.").format(n=more)
        self.notified.emit(text, alerts[0].alert.hint if len(alerts) == 1 else "")
        if not QSystemTrayIcon.isSystemTrayAvailable():
            return
        if self._tray is None:
            self._tray = QSystemTrayIcon(self._window.windowIcon(), self)
            self._tray.setToolTip(self.tr("Candlecast watches"))
            self._tray.messageClicked.connect(self.bring_alerts)
            self._tray.activated.connect(lambda _reason: self.bring_alerts())
        self._tray.show()
        self._tray.showMessage(self.tr("Candlecast"), text)

    def bring_alerts(self) -> None:
        """Bring the window to the front, with the alerts of the journal."""
        # Only out of the task bar: a maximised window comes back maximised.
        self._window.setWindowState(self._window.windowState() & ~Qt.WindowState.WindowMinimized)
        self._bring(self._window)
        self._presets.bring("journal")
        self._journal.record.setCurrentWidget(self._journal.alerts)

    def _warn(self, failure: Failure) -> None:
        self.warned.emit(
            self.tr("The watch could not look. {why}").format(why=failure.message), failure.hint
        )


def _reference(choice: WatchChoice) -> str:
    """Return the reference of what loads a choice; "" where it cannot be read."""
    import json

    try:
        return str(json.loads(choice.request)["reference"])
    except (ValueError, KeyError, TypeError):
        return ""


def _begin() -> tuple[tuple[WatchChoice, ...], tuple[StoredAlert, ...]]:
    """Return what is watched, and the last alerts, latest first."""
    from forecasting.store import WatchStore, store_path

    if not store_path().is_file():
        return (), ()
    with WatchStore() as store:
        return store.choices(), store.alerts()[-_RECENT:][::-1]


def _choose(pairs: Sequence[tuple[object, str]], path: Path) -> tuple[WatchChoice, ...]:
    """Watch series with a network; a file that is none is refused."""
    from forecasting.store import WatchStore
    from forecasting.watch import Network, choices_of

    Network.read(path)
    with WatchStore() as store:
        store.choose(choices_of(pairs, path.resolve()))  # type: ignore[arg-type]
        return store.choices()


def _drop(choices: Sequence[WatchChoice]) -> tuple[WatchChoice, ...]:
    from forecasting.store import WatchStore

    with WatchStore() as store:
        store.drop(choices)
        return store.choices()


def _looking(refresh: str) -> Callable[[Callable[[], bool]], Generator[Event, None, object]]:
    """Return the job of one look; what it finds is marked as shown."""

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, object]:
        from forecasting import jobs
        from forecasting.events import Notice, Progress
        from forecasting.store import WatchStore
        from forecasting.watch import WatchFinished, subjects_of

        with WatchStore() as store:
            subjects, _ = subjects_of(store.choices())
        finished = None
        for event in jobs.watch(
            subjects,
            level=_LEVEL,
            refresh=refresh,  # type: ignore[arg-type]
            should_stop=should_stop,
        ):
            if isinstance(event, WatchFinished):
                finished = event
            elif not isinstance(event, Progress | Notice):
                yield event
        with WatchStore() as store:
            alerts = store.alerts(unseen_by=_CHANNEL)
            store.mark_shown(alerts, _CHANNEL)
            return _Passed(finished, alerts, store.alerts()[-_RECENT:][::-1])

    return job


#: Alerts that the journal lists, latest first.
_RECENT = 500
