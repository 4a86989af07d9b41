"""The audit for leaks: what is looked at, and what was found, each check in words."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.theme import Theme, icon
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill
from app.widgets.quality_list import clear_rows
from app.widgets.screen_fit import resize_on_screen
from forecasting.events import Check, Progress

_ICON = QSize(18, 18)
#: Width of the dialog before there are checks, and its size with them.
_WIDTH, _WITH_CHECKS = 560, QSize(560, 420)


class AuditDialog(QDialog):
    """Stands beside the window: the audit goes on, or its result stays, while other things are
    looked at.

    Attributes
    ----------
    start_requested, stop_requested : Signal
        A button was pressed.
    """

    start_requested = Signal()
    stop_requested = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme: Theme | None = None
        self._checks: tuple[Check, ...] = ()
        self.setWindowTitle(self.tr("Audit for leaks"))
        self._headline, self._bar = text_label(role="heading"), QProgressBar(textVisible=False)
        self._text = text_label(
            self.tr(
                "Every bar after a date is replaced by another future. No input, weight or "
                "forecast before that date may change. "
                "Then the network is trained on simulated random walks, where it must find nothing."
            ),
            "muted",
        )
        self._bar.setAccessibleName(self.tr("Progress of the audit"))
        inside = QWidget()
        self._rows = QGridLayout(inside)
        self._rows.setColumnStretch(1, 1)
        self._rows.setHorizontalSpacing(10)
        self._rows.setVerticalSpacing(8)
        self._rows.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._scroll = QScrollArea(widgetResizable=True)
        self._scroll.setWidget(inside)
        rows = fill(QVBoxLayout(self), margins=(20, 18, 20, 16), spacing=10)
        for part in (self._headline, self._text, self._bar):
            rows.addWidget(part)
        fill(rows, (self._scroll, 1), self._buttons())
        rows.addStretch(0)
        self.show_idle(ready=False)
        self._fill()
        resize_on_screen(self, _WIDTH, rows.totalHeightForWidth(_WIDTH))

    @property
    def text(self) -> str:
        """The headline."""
        return self._headline.text()

    def show_idle(self, *, ready: bool) -> None:
        """Show that nothing is looked at: what was found stays."""
        self._bar.hide()
        self.start_button.setEnabled(ready)
        self.stop_button.setEnabled(False)
        if not self._checks:
            self._headline.setText(self.tr("Does the future leak into the past?"))

    def show_running(self, words: str, *, stopping: bool) -> None:
        """Say what goes on."""
        self._headline.setText(words)
        self._bar.show()
        self.start_button.setEnabled(False)
        self.stop_button.setEnabled(not stopping)

    def show_progress(self, progress: Progress) -> None:
        """Say what is looked at."""
        self._headline.setText(progress.message)
        self._bar.setRange(0, progress.total)
        self._bar.setValue(progress.done)

    def show_checks(self, checks: Sequence[Check], *, stopped: bool = False) -> None:
        """Show what was found; ``stopped`` where not all was looked at."""
        self._checks = tuple(checks)
        failed = sum(not check.passed for check in checks)
        if failed:
            words = self.tr(
                "{n} of {all} checks failed: do not believe the scores before that is found."
            )
        elif stopped:
            words = self.tr("No leak in the {all} checks that were made before it was stopped.")
        else:
            words = self.tr(
                "All {all} checks passed: nothing before a date knows what comes after it."
            )
        self._headline.setText(
            words.format(n=failed, all=len(checks))
            if checks
            else self.tr("Stopped before the first check was done.")
        )
        self._fill()

    def set_theme(self, theme: Theme) -> None:
        """Draw the signs in the colours of a theme."""
        self._theme = theme
        self._fill()

    def _fill(self) -> None:
        clear_rows(self._rows)
        self._scroll.setVisible(bool(self._checks))
        if self._checks:
            self.resize(self.size().expandedTo(_WITH_CHECKS))
        for index, check in enumerate(self._checks):
            words = self.tr("{name}: passed") if check.passed else self.tr("{name}: FAILED")
            result = text_label(words.format(name=check.name), "heading", selectable=True)
            text = text_label(check.detail, "muted", selectable=True)
            mark = QLabel()
            mark.setAccessibleName(self.tr("passed") if check.passed else self.tr("failed"))
            if self._theme:
                color = self._theme.forecast if check.passed else self._theme.danger
                mark.setPixmap(
                    icon("check" if check.passed else "warning", self._theme, color).pixmap(_ICON)
                )
            self._rows.addWidget(mark, 2 * index, 0, Qt.AlignmentFlag.AlignTop)
            self._rows.addWidget(result, 2 * index, 1)
            self._rows.addWidget(text, 2 * index + 1, 1)

    def _buttons(self) -> QHBoxLayout:
        self.start_button, self.stop_button, close = (
            QPushButton(self.tr("Audit")),
            QPushButton(self.tr("Stop")),
            QPushButton(self.tr("Close")),
        )
        self.start_button.setProperty("primary", True)
        self.start_button.setToolTip(
            self.tr("Audit the checked series with the settings of the model form")
        )
        self.stop_button.setToolTip(self.tr("Stop after the check at hand (Esc)"))
        close.setToolTip(self.tr("Close this window; an audit goes on"))
        self.start_button.clicked.connect(self.start_requested)
        self.stop_button.clicked.connect(self.stop_requested)
        close.clicked.connect(self.close)
        row = fill(QHBoxLayout(), self.start_button, self.stop_button, STRETCH, close)
        for button in (self.start_button, self.stop_button, close):
            button.setAutoDefault(False)
        return row
