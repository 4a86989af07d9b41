"""Projects at work: opened, saved, kept from being lost, and offered again after a crash."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from weakref import WeakKeyDictionary

from PySide6.QtCore import QByteArray, QTimerEvent

from app import dialogs
from app.background import Failure, Reporting
from app.features.odds.lines import OddsLines
from app.features.portfolio.holding import Holding
from app.features.project.project_file import (
    LONGEST_KEY,
    MOST_COMPARED,
    SUFFIX,
    NewerProjectError,
    Project,
    ProjectError,
    ProjectRow,
    ProjectRun,
    ProjectView,
    content_of,
    read_project,
    rows_of,
    write_project,
)
from app.features.project.recovery_bar import RecoveryBar
from app.features.project.recovery_files import Recovery
from app.features.runs.controller import RunsController
from app.features.spec import FeatureContext, FeatureController
from app.features.watchlist.controller import WatchlistController
from app.preferences import SPANS
from app.watchlist import Watchlist
from app.widgets.status_line import StatusLine
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, ConfigError
from forecasting.series import PriceSeries
from forecasting.store.runs import StoredRun

#: Milliseconds from a change to its recovery copy: with the writing less than two seconds.
_KEEP_MS = 1500


@dataclass(frozen=True)
class _Opening:
    """A project whose prices are being loaded; ``copy`` is the recovery copy that it comes from."""

    project: Project
    problems: tuple[str, ...]
    copy: Path | None = None


class ProjectController(FeatureController):
    """Stands between project files and everything that they describe.

    Parameters
    ----------
    context : FeatureContext
        Its features are what a project holds beside prices, settings and runs.
    offer : RecoveryBar
    status : StatusLine
    watchlist_controller : WatchlistController
    runs : RunsController

    Attributes
    ----------
    path : Path or None
        The project file at hand; None while there is none.
    changed : Signal
        Another project, or its dirty mark has changed.
    """

    def __init__(
        self,
        context: FeatureContext,
        offer: RecoveryBar,
        status: StatusLine,
        watchlist_controller: WatchlistController,
        runs: RunsController,
    ) -> None:
        super().__init__(context)
        self._actions, self._presets = context.actions, context.presets
        self._chart, self._model = context.chart, context.model
        self._view_controller, self._watchlist_controller = (
            context.view_controller,
            watchlist_controller,
        )
        self._offer_bar, self._status, self._runs = offer, status, runs
        self._features = context.features
        self.path: Path | None = None
        self._recovery = Recovery(self._preferences.data_file("recovery"))
        self._offered: Path | None = None
        self._opening: _Opening | None = None
        self._clean: tuple[object, ...] | None = None
        self._config = RunConfig()
        self._prints: WeakKeyDictionary[PriceSeries, str] = WeakKeyDictionary()
        self._packed: tuple[StoredRun, ProjectRun] | None = None
        self._stamp: tuple[int, int] | None = None
        self._timer = 0
        self._writing = self._started = self._complained = self._dirty = False
        self._actions["autosave"].setChecked(self._preferences.autosave)
        self._actions["autosave"].toggled.connect(self._set_autosave)
        offer.accept_requested.connect(self.restore)
        offer.discard_requested.connect(self.discard)
        offer.later_requested.connect(lambda: offer.set_active(False))
        for signal in (
            self._session.list_changed,
            self._model.config_changed,
            runs.kept,
            runs.recalled,
            runs.candles_changed,
            runs.compared_changed,
        ):
            signal.connect(self.touch)
        self._session.state_changed.connect(self._at_rest)

    @property
    def dirty(self) -> bool:
        """Whether a project with a file has changes that are not in it."""
        return self.path is not None and self._dirty

    def start(self) -> None:
        """Offer what was left behind by a program that was not closed; from now on changes are
        kept.
        """
        self._started = True
        self._offer()
        self._settle()

    def new(self) -> None:
        """Begin with an empty project, once what is there may be left."""
        if self._may_leave(untitled=True):
            self._apply(Project(candleproject=1, view=self._view()), None)

    def open(self, path: str | Path) -> bool:
        """Open a project, once the one at hand may be left; True when it is being opened."""
        if not self._may_leave():
            return False
        with Reporting(self.refused.emit):
            project = read_project(Path(path))
            self._preferences.remember(str(path))
            self._apply(project, Path(path))
            return True
        return False

    def save(self) -> bool:
        """Write the project to its file, and ask for one where it has none; True when it was
        written.
        """
        if self.path is None:
            return self.save_as()
        if self._changed_by_others() and not dialogs.ask_overwrite(self._window, self.path.name):
            return False
        return self.save_to(self.path)

    def save_as(self) -> bool:
        """Ask for a file and write the project to it."""
        series = self._session.series
        stem = (
            self.path.stem
            if self.path
            else "".join(c if c.isalnum() or c in "-_." else "_" for c in series.symbol)
            if series
            else "project"
        )
        kinds = {SUFFIX: self.tr("Candlecast project")}
        chosen = dialogs.ask_save_path(
            self._window, self._preferences, self.tr("Save the project"), stem, kinds
        )
        return bool(chosen) and self.save_to(Path(chosen))

    def save_to(self, path: Path) -> bool:
        """Write the project to a file, which is its own from then on."""
        project = self._project()
        with Reporting(self.refused.emit):
            write_project(path, project)
            self.path, self._stamp = path, _stamp(path)
            self._watchlist_controller.hold(True)
            self._preferences.remember(str(path))
            self._clean = project.content
            self._recovery.remove()
            self._show_dirty()
            self._status.rest(self.tr("Saved {path}").format(path=path))
            self.changed.emit()
            return True
        return False

    def may_close(self) -> bool:
        """Ask what becomes of changes that are not in the project's file; False where it is to
        stay open.
        """
        return self._may_leave(training=True)

    def close(self) -> None:
        """End in order: nothing is left that a next start would offer; copies that were offered
        now are found under Recent.
        """
        self._stop_timer()
        self._started = False
        for kept in self._recovery.close():
            self._preferences.remember(str(kept))

    def restore(self) -> None:
        """Open the recovery copy that is offered."""
        copy = self._offered
        if copy is None or not self._may_leave():
            return
        with Reporting(self.refused.emit):
            project = read_project(copy)
            self._offered = None
            self._offer_bar.set_active(False)
            self._apply(project, Path(project.path) if project.path else None, copy)

    def discard(self) -> None:
        """Throw the recovery copy that is offered away, and offer the next one."""
        if self._offered is not None:
            self._recovery.remove(self._offered)
        self._offer()

    def timerEvent(self, event: QTimerEvent) -> None:
        """Keep what has changed, some time after it did."""
        if event.timerId() == self._timer:
            self._stop_timer()
            self._keep()

    # What there is

    def _content(self) -> tuple[object, ...]:
        """Return what makes the project differ from its file; quick, as it is asked for after
        every change.
        """
        config, run = self._read_config().model_dump(mode="json"), self._runs.last
        shown = (
            run.key
            if run is not None
            and self._session.result is not None
            and self._runs.curves(run.key) is not None
            else ""
        )
        compared = self._runs.compared[:MOST_COMPARED]
        return content_of(
            self._session.watchlist.rows,
            config,
            compared,
            shown,
            self._odds(),
            self._holding(),
            self._features["drawings"].drawings,
        )

    def _odds(self) -> OddsLines:
        """Return the lines of odds; none before anything of them was asked for."""
        odds = self._features.made.get("odds")
        return OddsLines() if odds is None else odds.kept

    def _holding(self) -> Holding:
        """Return what is held; nothing before anything of it was asked for."""
        portfolio = self._features.made.get("portfolio")
        return Holding() if portfolio is None else portfolio.holding

    def _project(self, fingerprint: Callable[[PriceSeries], str] | None = None) -> Project:
        return Project(
            candleproject=1,
            rows=rows_of(self._session.watchlist, fingerprint or self._fingerprint),
            selected=self._session.selected,
            config=self._read_config().model_dump(mode="json"),
            compared=self._runs.compared[:MOST_COMPARED],
            shown=self._shown(),
            odds=self._odds(),
            drawings=self._features["drawings"].drawings,
            portfolio=self._holding(),
            view=self._view(),
        )

    def _fingerprint(self, series: PriceSeries) -> str:
        if series not in self._prints:
            self._prints[series] = series.fingerprint
        return self._prints[series]

    def _read_config(self) -> RunConfig:
        """Return what the form says; while it says something impossible, what it said before."""
        with contextlib.suppress(ConfigError):
            self._config = self._model.config()
        return self._config

    def _shown(self) -> ProjectRun | None:
        run = self._runs.last if self._session.result is not None else None
        curves = self._runs.curves(run.key) if run else None
        if run is None or curves is None:
            return None
        if self._packed is None or self._packed[0] is not run:
            self._packed = (run, ProjectRun.of(run, curves))
        return self._packed[1]

    def _view(self) -> ProjectView:
        preferences, moved = self._preferences, self._chart.view
        return ProjectView(
            style=preferences.style,
            scale=preferences.scale,
            span=preferences.span,
            theme=preferences.theme,
            bars=moved[0] if moved else None,
            prices=moved[1] if moved else None,
            layout=base64.b64encode(self._presets.state().data()).decode(),
            indicators=tuple(
                item.text for item in self._view_controller.indicator_controller.indicators
            ),
            hidden=tuple(sorted(key for key in self._chart.hidden if len(key) <= LONGEST_KEY)),
            interval=self._view_controller.interval_controller.freq,
            overlays=self._features["compare"].symbols,
            charts=cast(Literal[1, 2, 4], self._features["chart_grid"].count),
            cells=self._features["chart_grid"].symbols[:3],
        )

    # Changes

    def touch(self, *_: object) -> None:
        """Notice that something has changed, and keep it soon."""
        if not self._started or self._opening is not None or self._clean is None:
            return
        self._show_dirty()
        if self._dirty and not self._timer:
            self._timer = self.startTimer(_KEEP_MS)

    def _show_dirty(self) -> None:
        dirty = self._clean is not None and self._content() != self._clean
        if dirty != self._dirty:
            self._dirty = dirty
            self.changed.emit()

    def _settle(self) -> None:
        """Take what is there now for what is in the file."""
        if self._started and self._opening is None and self._session.state == "idle":
            self._clean = self._content()
            self._show_dirty()

    def _keep(self) -> None:
        """Write a recovery copy, or the project itself where the user wants that."""
        if self._writing or not self._dirty:
            if self._writing and not self._timer:
                self._timer = self.startTimer(_KEEP_MS)
            return
        project = self._project(lambda _series: "")
        mine = (
            self.path is not None and self._preferences.autosave and not self._changed_by_others()
        )
        target = self.path if self.path is not None and mine else self._recovery.file
        if target == self._recovery.file:
            if not self._recovery.hold():
                self._complain(
                    self.tr("The folder {path} cannot be written.").format(path=target.parent)
                )
                return
            project = project.model_copy(
                update={"path": str(self.path.absolute()) if self.path else ""}
            )
        self._writing = True
        watchlist = self._session.watchlist
        task = self._session.background.call(
            _write, target, project, lambda: rows_of(watchlist, self._fingerprint), key="project"
        )
        task.returned.connect(lambda content: self._note_written(target, content))
        task.failed.connect(self._not_written)

    def _note_written(self, path: Path, content: tuple[object, ...]) -> None:
        """Note that a project or its recovery copy has been written."""
        self._writing = self._complained = False
        if path == self.path:
            self._clean, self._stamp = content, _stamp(path)
            self._recovery.remove()
        self._show_dirty()

    def _not_written(self, failure: Failure) -> None:
        self._writing = False
        self._complain(failure.message)

    def _complain(self, why: str) -> None:
        """Tell once that nothing can be kept."""
        if not self._complained:
            self._complained = True
            self.warned.emit(
                self.tr("What you change is not kept for the case of a crash: {why}").format(
                    why=why
                ),
                self.tr("Save the project."),
            )

    def _set_autosave(self, wanted: bool) -> None:
        self._preferences.autosave = wanted
        self.touch()

    def _stop_timer(self) -> None:
        if self._timer:
            self.killTimer(self._timer)
            self._timer = 0

    # Coming and going

    def _may_leave(self, *, untitled: bool = False, training: bool = False) -> bool:
        if self._session.running and not training:
            self.notified.emit(
                self.tr("The network is still being trained."), self.tr("Stop or cancel it first.")
            )
            return False
        self._show_dirty()
        list_at_stake = untitled and self.path is None and len(self._session.watchlist) > 1
        if not self.dirty and not list_at_stake:
            return True
        answer = dialogs.ask_save_project(self._window, self.path.name if self.path else "")
        return answer == "discard" or (answer == "save" and self.save())

    def _apply(self, project: Project, path: Path | None, copy: Path | None = None) -> None:
        """Put a project on the table, and load what it trains."""
        self._stop_timer()
        problems: list[str] = []
        self._opening = _Opening(project, (), copy)
        self.path, self._clean, self._stamp = path, None, _stamp(path)
        if copy is None:
            self._recovery.remove()
        if self._session.busy:
            self._session.cancel()
        self._watchlist_controller.hold(path is not None)
        self._session.forget_run()
        self._session.relist(project.watchlist, project.selected)
        try:
            self._model.show_config(project.run_config)
        except ConfigError as error:
            problems.append(self.tr("Its settings are not used: {why}").format(why=error.message))
        self._apply_view(project.view)
        self._features["odds"].take(project.odds)
        self._features["drawings"].take(project.drawings)
        self._features["portfolio"].take(project.portfolio)
        self._runs.compare(project.compared)
        self._opening = _Opening(project, tuple(problems), copy)
        self.changed.emit()
        row = self._session.row
        run = {item.symbol for item in project.shown.record.series} if project.shown else set()
        wanted = [
            item
            for item in self._session.watchlist.rows
            if item.checked or item is row or item.symbol in run
        ]
        if wanted:
            self._watchlist_controller.load(Watchlist(tuple(wanted)).requests, "as_before")
        if self._session.state == "idle":
            self._opened()

    def _apply_view(self, view: ProjectView) -> None:
        self._view_controller.set_style(view.style)
        self._view_controller.set_scale(view.scale)
        self._view_controller.set_span(view.span if view.span in SPANS else "1Y")
        self._view_controller.indicator_controller.take(view.indicators, frozenset(view.hidden))
        self._view_controller.interval_controller.choose(view.interval)
        self._features["compare"].take(view.overlays)
        self._features["chart_grid"].take(view.charts, view.cells)

    def _at_rest(self, state: str) -> None:
        if state == "idle" and self._opening is not None:
            self._opened()
        elif state == "idle" and self._clean is None:
            self._settle()

    def _opened(self) -> None:
        """Show what a project showed, now that its prices are there, and tell what is not as it
        was.
        """
        opening, self._opening = self._opening, None
        assert opening is not None
        project = opening.project
        changed, missing = self._compared(project)
        problems = list(opening.problems)
        if project.shown is not None and not self._recall(project.shown):
            problems.append(self.tr("Its last run cannot be shown."))
        if project.view.layout:
            self._presets.take_state(QByteArray(base64.b64decode(project.view.layout)))
            self._presets.adopt()
        series = self._session.series
        if project.view.bars and series is not None and series.symbol not in changed:
            self._chart.show_view(project.view.bars, project.view.prices)
            self._session.request_repaint()
        self._clean = self._content() if opening.copy is None else self._content_of_file()
        self._show_dirty()
        if opening.copy is not None:
            self._take_over(opening.copy)
        if changed:
            problems.insert(
                0,
                self.tr("The prices of {names} have changed since it was saved.").format(
                    names=_listed(changed)
                ),
            )
        if missing:
            problems.insert(
                0,
                self.tr("{names} could not be loaded and stays on the list.").format(
                    names=_listed(missing)
                ),
            )
        if problems:
            name = self.path.name if self.path else self.tr("The project")
            self.notified.emit(
                self.tr("{name} was opened, but not all is as it was.").format(name=name),
                " ".join(problems),
            )
        self.changed.emit()

    def _recall(self, shown: ProjectRun) -> bool:
        try:
            run, curves = shown.unpack()
        except CandlecastError:
            return False
        return self._runs.recall_quietly(run, curves)

    def _compared(self, project: Project) -> tuple[list[str], list[str]]:
        """Return the names of series that have changed since the project was saved, and of those
        that could not be loaded.
        """
        rows = self._session.watchlist.rows
        before = {(row.request.reference, row.symbol): row.fingerprint for row in project.rows}
        changed = []
        for row in rows:
            print_before = before.get((row.request.reference, row.symbol), "")
            if (
                row.series is not None
                and print_before
                and print_before != self._fingerprint(row.series)
            ):
                changed.append(row.symbol)
        return changed, [row.symbol for row in rows if row.problem]

    def _changed_by_others(self) -> bool:
        """Tell whether the project's file is not as this program read or wrote it last; one that
        is gone is not.
        """
        now = _stamp(self.path)
        return now is not None and self._stamp is not None and now != self._stamp

    def _content_of_file(self) -> tuple[object, ...]:
        """Return what is in the project's file, which a recovery copy differs from."""
        try:
            return read_project(self.path).content if self.path else ()
        except ProjectError:
            return ()

    def _take_over(self, copy: Path) -> None:
        """Keep under this program's name what was restored, and only then let go of the copy
        that it came from.
        """
        project = self._project().model_copy(
            update={"path": str(self.path.absolute()) if self.path else ""}
        )
        try:
            if self._recovery.hold():
                write_project(self._recovery.file, project)
                self._recovery.remove(copy)
        except CandlecastError as error:
            self._complain(error.message)

    def _offer(self) -> None:
        """Offer the latest recovery copy; one that cannot be read is told of and set aside, and
        one of a newer program is left to that.
        """
        self._offered = None
        for path in self._recovery.left_behind():
            try:
                project = read_project(path)
            except NewerProjectError as error:
                self.warned.emit(self.tr("A recovery copy cannot be read."), str(error))
                self._recovery.leave(path)
                continue
            except ProjectError as error:
                self._put_aside(path, error)
                continue
            self._offered = path
            self._offer_bar.show_offer(Path(project.path).name, project.saved_at)
            return
        self._offer_bar.set_active(False)

    def _put_aside(self, path: Path, error: ProjectError) -> None:
        """Set a recovery copy that cannot be read aside, and say where it is."""
        try:
            where = self.tr("It is kept as {path}.").format(path=self._recovery.put_aside(path))
        except OSError as refused:
            self._recovery.leave(path)
            where = self.tr("It stays at {path}: {why}.").format(
                path=path, why=refused.strerror or refused
            )
        self.warned.emit(self.tr("A recovery copy cannot be read."), f"{error.message} {where}")


def _write(
    path: Path, project: Project, rows: Callable[[], tuple[ProjectRow, ...]]
) -> tuple[object, ...]:
    """Write a project and return its content; the rows, with hashes of long series, are made
    here.
    """
    whole = project.model_copy(update={"rows": rows()})
    write_project(path, whole)
    return whole.content


def _stamp(path: Path | None) -> tuple[int, int] | None:
    """Return what tells a changed file: time and size; None where there is none."""
    try:
        text = path.stat() if path else None
    except OSError:
        return None
    return (text.st_mtime_ns, text.st_size) if text else None


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" (+{len(names) - 3})" if len(names) > 3 else "")
