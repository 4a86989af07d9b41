"""The window of the lessons: a list of them, then pictures, short steps, questions and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.accessibility import complete, literal, take_literally
from app.charts.picture_view import PictureView
from app.lessons.lesson import Lesson, Step
from app.theme import LIGHT, Theme
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill
from app.widgets.screen_fit import resize_on_screen
from forecasting.events import Progress
from forecasting.source_registry import catalog

if TYPE_CHECKING:
    from app.lessons.run import LessonRun

_SIZE = (1120, 690)
#: Width of the list and of the words beside a picture.
_LIST, _WORDS = 250, 360


class LessonWindow(QDialog):
    """Stands beside the window, so that the learner can do things there.

    Attributes
    ----------
    start_requested : Signal
        The lesson of a number is to be run.
    stop_requested, export_requested, closed : Signal
        A button was pressed; the window was closed.
    task_checked : Signal
        The learner says that a step's task is done.
    language_chosen : Signal
        Code of the language of the texts.
    """

    start_requested = Signal(int)
    stop_requested = Signal()
    export_requested = Signal()
    task_checked = Signal(object)
    language_chosen = Signal(str)
    closed = Signal()

    def __init__(self, course: Sequence[Lesson], parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(self.tr("Lessons"))
        resize_on_screen(self, *_SIZE)
        self._course = tuple(course)
        self._run: LessonRun | None = None
        self._at = 0
        self._theme = LIGHT
        self._make_list()
        self._make_words()
        self.picture = PictureView()
        self._stage = QStackedWidget()
        self._stage.addWidget(self._intro_page())
        self._stage.addWidget(self._step_page())
        split = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        split.addWidget(self._left())
        split.addWidget(self._stage)
        split.setStretchFactor(1, 1)
        split.setSizes([_LIST, _SIZE[0] - _LIST])
        fill(QVBoxLayout(self), split, margins=(10, 10, 10, 10))
        self.list.setCurrentRow(0)
        complete(self)
        take_literally(self)

    @property
    def run(self) -> LessonRun | None:
        """The lesson that has run, None before."""
        return self._run

    @property
    def step(self) -> Step | None:
        """The step that is shown."""
        return self._run.lesson.steps[self._at] if self._run else None

    def show_languages(self, names: Mapping[str, str], chosen: str) -> None:
        """Offer languages by their codes, one of them chosen; nothing where there is one only."""
        with QSignalBlocker(self.language):
            self.language.clear()
            for code, name in names.items():
                self.language.addItem(name, code)
            self.language.setCurrentIndex(self.language.findData(chosen))
        self._language_row.setVisible(len(names) > 1)

    def show_course(self, course: Sequence[Lesson]) -> None:
        """Show the same lessons in other words; the step that is shown stays."""
        self._course = tuple(course)
        row = self.list.currentRow()
        with QSignalBlocker(self.list):
            self.list.clear()
            self._list_course()
            self.list.setCurrentRow(row)
        run = self._run
        if run is not None:
            same = [lesson for lesson in course if lesson.number == run.lesson.number]
            self._run = replace(run, lesson=next(iter(same), run.lesson))
            self._show_step()
        if 0 <= row < len(self._course) and not self._running:
            self._show_intro(self._course[row])

    def show_running(self, lesson: Lesson) -> None:
        """Tell that the trainings of a lesson run."""
        self._run = None
        self._stage.setCurrentIndex(0)
        self._show_intro(lesson)
        self.bar.setRange(0, 0)
        self._enable(running=True)

    def show_progress(self, progress: Progress, number: int, count: int) -> None:
        """Tell how far a training is, of how many."""
        self.bar.setRange(0, max(progress.total, 1) if progress.total else 0)
        self.bar.setValue(progress.done)
        self._state.setText(
            self.tr("Training {n} of {all}. {text}").format(
                n=number, all=count, text=progress.message
            )
        )

    def show_run(self, run: LessonRun) -> None:
        """Show the first step of a lesson that has run."""
        self._enable(running=False)
        self._run, self._at = run, 0
        self._stage.setCurrentIndex(1)
        for row, lesson in enumerate(self._course):
            if lesson.number == run.lesson.number:
                self.list.setCurrentRow(row)
        self._show_step()
        self.next.setFocus()

    def show_fault(self, message: str) -> None:
        """Tell why there is nothing to show."""
        self._enable(running=False)
        self._state.setText(message)

    def show_task(self, done: bool) -> None:
        """Tell whether the task of the step is done."""
        self.task_note.setText(
            self.tr("Done.") if done else self.tr("Not yet: the form says otherwise.")
        )

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self.picture.set_theme(theme)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell that the window goes."""
        super().closeEvent(event)
        self.closed.emit()

    def reject(self) -> None:
        """Close the window with Esc."""
        self.close()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go back and on with Page Up and Page Down."""
        steps = {Qt.Key.Key_PageDown: self.next, Qt.Key.Key_PageUp: self.back}
        button = steps.get(Qt.Key(event.key()))
        if button is not None and self._run is not None and button.isEnabled():
            button.click()
            return
        super().keyPressEvent(event)

    def _make_list(self) -> None:
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Lessons"))
        self.list.setWordWrap(True)
        self.list.setMinimumWidth(180)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list_course()
        self.list.currentRowChanged.connect(self._choose)
        self.list.itemActivated.connect(lambda _item: self._start())

    def _list_course(self) -> None:
        for lesson in self._course:
            text = f"{lesson.number}. {lesson.title}"
            item = QListWidgetItem(text if lesson.reviewed else f"{text} ({self.tr('unreviewed')})")
            item.setToolTip(literal(item.text()))
            self.list.addItem(item)

    def _left(self) -> QWidget:
        """Return the list, with the field of the language above it."""
        self.language = QComboBox()
        self.language.setAccessibleName(self.tr("Language of the lessons"))
        self.language.setToolTip(
            self.tr("Language of the texts; verdicts and the names of fields stay English")
        )
        self.language.activated.connect(
            lambda _index: self.language_chosen.emit(self.language.currentData())
        )
        self._language_row = QWidget()
        row = fill(QHBoxLayout(self._language_row), margins=(0, 0, 0, 0))
        label = QLabel(self.tr("&Language"))
        label.setBuddy(self.language)
        fill(row, label, (self.language, 1))
        self._language_row.hide()
        left = QWidget()
        fill(QVBoxLayout(left), self._language_row, (self.list, 1), margins=(0, 0, 0, 0))
        return left

    def _make_words(self) -> None:
        shown = partial(text_label, plain=True, selectable=True)
        self._heading, self._summary, self._state = (
            shown(role="heading"),
            shown(),
            shown("", "muted"),
        )
        self.title, self.text, self.question = shown(role="heading"), shown(), shown()
        self.feedback, self.task, self.task_note = shown(), shown(), shown()
        self._count = text_label(role="muted", wrap=False)

    def _intro_page(self) -> QWidget:
        self.start = QPushButton(self.tr("&Start the lesson"))
        self.start.setProperty("primary", True)
        self.stop = QPushButton(self.tr("S&top"))
        self.start.clicked.connect(self._start)
        self.stop.clicked.connect(self.stop_requested)
        self.bar = QProgressBar(textVisible=False)
        self.bar.setAccessibleName(self.tr("Progress of the lesson"))
        buttons = QHBoxLayout()
        for button in (self.start, self.stop):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        buttons.addStretch(1)
        page = QWidget()
        rows = fill(QVBoxLayout(page), margins=(20, 12, 20, 12), spacing=12)
        for part in (self._heading, self._summary):
            rows.addWidget(part)
        fill(rows, buttons, self.bar, self._state, STRETCH)
        self._enable(running=False)
        return page

    def _step_page(self) -> QWidget:
        self._answers = QVBoxLayout()
        self._group = QButtonGroup(self)
        self.check_task = QPushButton(self.tr("I have &done it"))
        self.check_task.clicked.connect(lambda: self.task_checked.emit(self.step))
        self.back, self.next = QPushButton(self.tr("&Back")), QPushButton(self.tr("&Next"))
        self.export = QPushButton(self.tr("Save as &page…"))
        self.back.clicked.connect(lambda: self._move(-1))
        self.next.clicked.connect(lambda: self._move(1))
        self.export.clicked.connect(self.export_requested)
        words = QWidget()
        rows = QVBoxLayout(words)
        rows.setContentsMargins(8, 0, 8, 0)
        rows.setSpacing(8)
        rows.addWidget(self.title)
        rows.addWidget(self.text)
        rows.addWidget(self.question)
        rows.addLayout(self._answers)
        rows.addWidget(self.feedback)
        rows.addWidget(self.task)
        rows.addWidget(self.check_task, 0, Qt.AlignmentFlag.AlignLeft)
        rows.addWidget(self.task_note)
        rows.addStretch(1)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(words)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(self.tr("Step of the lesson"))
        buttons = fill(QHBoxLayout(), self._count, STRETCH)
        for button in (self.export, self.back, self.next):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        split = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        split.addWidget(self.picture)
        split.addWidget(scroll)
        split.setStretchFactor(0, 1)
        split.setSizes([_SIZE[0] - _LIST - _WORDS, _WORDS])
        page = QWidget()
        fill(QVBoxLayout(page), (split, 1), buttons, margins=(0, 0, 0, 0))
        return page

    def _choose(self, row: int) -> None:
        """Show what a lesson is about; one that runs goes on."""
        if 0 <= row < len(self._course) and not self._running:
            lesson = self._course[row]
            if self._run is not None and self._run.lesson.number == lesson.number:
                self._stage.setCurrentIndex(1)
                return
            self._show_intro(lesson)
            self._stage.setCurrentIndex(0)

    def _show_intro(self, lesson: Lesson) -> None:
        self._heading.setText(f"{lesson.number}. {lesson.title}")
        self._summary.setText(lesson.summary)
        names = ", ".join(training.title for training in lesson.trainings)
        title = catalog().get(lesson.sample, lesson.sample)
        self._state.setText(
            self.tr(
                "One click loads a sample ({sample}), sets the fields, and trains: {names}. "
                "Your own settings come back when you close the lessons."
            ).format(sample=title, names=names)
        )

    def _enable(self, *, running: bool) -> None:
        self._running = running
        self.start.setEnabled(not running)
        self.stop.setVisible(running)
        self.bar.setVisible(running)
        self.list.setEnabled(not running)

    def _start(self) -> None:
        row = self.list.currentRow()
        if 0 <= row < len(self._course) and not self._running:
            self.start_requested.emit(self._course[row].number)

    def _move(self, by: int) -> None:
        assert self._run is not None
        self._at += by
        if self._at >= len(self._run.lesson.steps):
            self._at = len(self._run.lesson.steps) - 1
            self._next_lesson()
            return
        self._show_step()

    def _next_lesson(self) -> None:
        """Go on with the lesson after this one, or back to the list after the last."""
        self._run = None
        row = min(self.list.currentRow() + 1, self.list.count() - 1)
        self._stage.setCurrentIndex(0)
        if row == self.list.currentRow():
            self._show_intro(self._course[row])
        self.list.setCurrentRow(row)
        self.start.setFocus()

    def _show_step(self) -> None:
        from app.lessons.pictures import PICTURES

        run, step = self._run, self.step
        assert run is not None
        assert step is not None
        count = len(run.lesson.steps)
        self.picture.show_picture(PICTURES[step.picture](run.shown(step)))
        self.title.setText(run.fill(step.title))
        self.text.setText(run.fill(step.text))
        self.question.setText(run.fill(step.question))
        self._count.setText(self.tr("Step {n} of {all}").format(n=self._at + 1, all=count))
        self._show_answers([run.fill(answer) for answer in step.answers])
        for part in (self.task, self.check_task):
            part.setVisible(bool(step.task))
        self.task.setText(self.tr("Try it: {task}").format(task=step.task))
        self.task_note.clear()
        self.back.setEnabled(self._at > 0)
        last = self._at == count - 1
        self.next.setText(self.tr("&Next lesson") if last else self.tr("&Next"))

    def _show_answers(self, answers: Sequence[str]) -> None:
        """Offer the answers of a question, none of them chosen."""
        while item := self._answers.takeAt(0):
            widget = item.layout()
            if widget is not None:
                _discard(widget)
        for button in self._group.buttons():
            self._group.removeButton(button)
        for number, answer in enumerate(answers):
            button, label = QRadioButton(), QLabel(answer)
            button.setAccessibleName(answer)
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setBuddy(button)
            row = fill(QHBoxLayout(), (button, 0, Qt.AlignmentFlag.AlignTop), (label, 1))
            self._answers.addLayout(row)
            self._group.addButton(button, number)
            button.clicked.connect(self._answered)
        self.feedback.clear()

    def _answered(self) -> None:
        run, step = self._run, self.step
        if run is None or step is None:
            return
        right = self._group.checkedId() == step.right
        start = self.tr("Right.") if right else self.tr("Not quite: look at the picture again.")
        self.feedback.setText(f"{start} {run.fill(step.because) if right else ''}".strip())

    @property
    def answers(self) -> list[QRadioButton]:
        """The buttons of the answers."""
        return [item for item in self._group.buttons() if isinstance(item, QRadioButton)]


def _discard(layout: QLayout) -> None:
    """Delete the widgets of a layout and the layout."""
    while item := layout.takeAt(0):
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
    layout.deleteLater()
