"""Runs lessons from the window, and puts everything of the user back afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.background import Failure, Task
from app.dialogs import ask_save_path
from app.features.spec import FeatureContext, WindowController
from app.session import LESSON
from forecasting.config import RunConfig
from forecasting.errors import ConfigError
from forecasting.events import Progress

if TYPE_CHECKING:
    from app.features.lessons.window import LessonWindow
    from app.lessons.lesson import Lesson, Step

#: Name of the task; a training of the user ends it.


@dataclass(frozen=True)
class _Own:
    """What the user had before the first lesson: settings, checked series and the selected one."""

    config: RunConfig | None
    rows: tuple[tuple[str, str, bool], ...]
    selected: tuple[str, str] | None


class LessonController(WindowController["LessonWindow"]):
    """The lessons of a window.

    Parameters
    ----------
    context : FeatureContext
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context, "lessons")
        self._own: _Own | None = None
        self._task: Task | None = None
        self._number, self._count = 0, 0
        self._session.state_changed.connect(self._follow_state)

    def _build(self) -> LessonWindow:
        from app.features.lessons.window import LessonWindow
        from app.lessons.lesson import language_names, read_all

        names = language_names()
        language = self._preferences.lesson_language
        shown = LessonWindow(read_all(language), self._window)
        shown.show_languages(names, language if language in names else next(iter(names)))
        shown.language_chosen.connect(self.choose_language)
        shown.start_requested.connect(self.start)
        shown.stop_requested.connect(self.stop)
        shown.export_requested.connect(self._ask_export)
        shown.task_checked.connect(self.check_task)
        shown.closed.connect(self._closed)
        return shown

    def choose_language(self, language: str) -> None:
        """Show all texts in another language, those of a lesson that has run, too."""
        from app.lessons.lesson import read_all

        self._preferences.lesson_language = language
        if self.shown is not None:
            self.shown.show_course(read_all(language))

    def start(self, number: int) -> None:
        """Load the sample of a lesson, set all fields, and run its trainings."""
        from app.features.lessons.jobs import lesson_job
        from app.lessons.lesson import read_lesson

        assert self.shown is not None
        if self._session.busy:
            self.shown.show_fault(
                self.tr("Something else runs. Stop it, or wait for its end, then start again.")
            )
            return
        lesson = read_lesson(number, self._preferences.lesson_language)
        self._remember()
        self._load(lesson)
        self._context.model.show_config(lesson.trainings[0].config)
        self._number, self._count = 0, len(lesson.trainings)
        self.shown.show_running(lesson)
        self._task = self._session.background.run(lesson_job(lesson), LESSON)
        self._task.yielded.connect(self._hear)
        self._task.failed.connect(self._failed)

    def stop(self) -> None:
        """Give the trainings of the lesson up."""
        self._end_task()
        if self.shown is not None:
            self.shown.show_fault(self.tr("Stopped. Start the lesson again to see its figures."))

    def check_task(self, step: Step) -> None:
        """Tell whether the settings of the form are those that a step asks for."""
        assert self.shown is not None
        try:
            done = step.task_done(self._context.model.config())
        except ConfigError:
            done = False
        self.shown.show_task(done)

    def export(self, path: str | Path) -> bool:
        """Write the lesson that has run as a page; False, with words, where that fails."""
        from app.features.lessons.jobs import page_of
        from forecasting.files.atomic import atomic_write

        run = self.shown.run if self.shown is not None else None
        return run is not None and self._written(
            path, lambda: atomic_write(Path(path), page_of(run))
        )

    def _hear(self, event: object) -> None:
        from app.lessons.run import LessonFinished, LessonTrainingStarted

        if self.shown is None:
            return
        if isinstance(event, LessonTrainingStarted):
            self._number, self._count = event.number, event.count
        elif isinstance(event, Progress):
            self.shown.show_progress(event, self._number, self._count)
        elif isinstance(event, LessonFinished):
            self._task = None
            self.shown.show_run(event.run)

    def _failed(self, failure: Failure) -> None:
        self._task = None
        if self.shown is not None:
            self.shown.show_fault(f"{failure.message} {failure.hint}".strip())

    def _follow_state(self, state: str) -> None:
        """Stop the lesson once the user trains: both would draw from the same random numbers."""
        if self._task is not None and state in ("preparing", "training", "backtesting"):
            self.stop()

    def _end_task(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _load(self, lesson: Lesson) -> None:
        """Show the sample of the lesson, and check nothing else."""
        loading = self._session.load((lesson.sample,), "also")
        loading.loaded.connect(lambda: self._check_only(lesson.sample))

    def _check_only(self, reference: str) -> None:
        rows = self._session.watchlist.rows
        for index, row in enumerate(rows):
            if row.request.reference == reference:
                self._session.check_only(index)
                self._session.select(index)

    def _remember(self) -> None:
        """Keep what the user had, before the first lesson changes it."""
        if self._own is not None:
            return
        try:
            config: RunConfig | None = self._context.model.config()
        except ConfigError:
            config = None
        rows = self._session.watchlist.rows
        row = self._session.row
        self._own = _Own(
            config,
            tuple((item.request.reference, item.symbol, item.checked) for item in rows),
            (row.request.reference, row.symbol) if row is not None else None,
        )

    def _closed(self) -> None:
        """Put settings and series of the user back, and take the samples away."""
        self._end_task()
        if self.shown is not None:
            self.shown.deleteLater()
            self.shown = None
        own, self._own = self._own, None
        if own is None:
            return
        if own.config is not None:
            self._context.model.show_config(own.config)
        if self._session.state in ("idle", "loading"):
            self._put_series_back(own)

    def _put_series_back(self, own: _Own) -> None:
        from app.lessons.lesson import read_all

        samples = {lesson.sample for lesson in read_all()}
        known = {(reference, symbol): checked for reference, symbol, checked in own.rows}
        session = self._session
        if own.rows:
            session.remove(
                index
                for index, row in enumerate(session.watchlist.rows)
                if row.request.reference in samples
                and (row.request.reference, row.symbol) not in known
            )
        rows = session.watchlist.rows
        session.check(range(len(rows)), False)
        again = [
            index
            for index, row in enumerate(rows)
            if known.get((row.request.reference, row.symbol), False)
        ]
        if again:
            session.check(again, True)
        for index, row in enumerate(session.watchlist.rows):
            if (row.request.reference, row.symbol) == own.selected:
                session.select(index)

    def _ask_export(self) -> None:
        assert self.shown is not None
        run = self.shown.run
        if run is None:
            return
        title, stem = self.tr("Save the lesson"), f"lesson{run.lesson.number}"
        path = ask_save_path(self.shown, self._preferences, title, stem, {".html": "HTML"})
        if path:
            self.export(path)
