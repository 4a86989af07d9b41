"""The judgement on forecasts of others: a model at a time, shown as our own results are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.accessibility import complete, take_literally
from app.features.evaluation.evaluation_view import EvaluationView
from app.theme import Theme
from app.widgets.late import Late
from app.widgets.layouts import fill
from app.widgets.name_combo import NameCombo
from app.widgets.quality_list import QualityList
from app.widgets.screen_fit import resize_on_screen
from forecasting.imported_forecasts.results import ForecastsJudged, ModelJudgement

_SIZE = (980, 720)


class JudgementWindow(QDialog):
    """Stands beside the window: verdict, scores, steps, calibration and residuals of each model.

    Attributes
    ----------
    late : Late
        The judgement of the model that is chosen.
    report_requested, export_requested, journal_requested : Signal
        A button was pressed.
    day_chosen : Signal
        A :class:`~app.features.evaluation.days.Day` of the model that is shown was picked.
    """

    report_requested = Signal()
    export_requested = Signal()
    journal_requested = Signal()
    day_chosen = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)
        self._found: ForecastsJudged | None = None
        self.late = Late(EvaluationView)
        self.late.once_built(lambda view: view.day_chosen.connect(self.day_chosen))
        self.models = NameCombo(self.tr("Model that is shown"), 14)
        self.models.currentTextChanged.connect(self._show_model)
        self._findings = QualityList()
        self.report = QPushButton(self.tr("Save &report…"))
        self.export = QPushButton(self.tr("&Export forecasts…"))
        self.journal = QPushButton(self.tr("Enter in the &journal"))
        self.report.clicked.connect(self.report_requested)
        self.export.clicked.connect(self.export_requested)
        self.journal.clicked.connect(self.journal_requested)
        resize_on_screen(self, *_SIZE)
        self._lay_out()
        complete(self)
        take_literally(self)

    @property
    def found(self) -> ForecastsJudged | None:
        """The judgement that is shown."""
        return self._found

    @property
    def model(self) -> ModelJudgement | None:
        """The judgement on the model that is shown."""
        return self._found.models.get(self.models.currentText()) if self._found else None

    @property
    def findings(self) -> str:
        """What is said of the file and its forecasts."""
        found = self._found.findings if self._found else ()
        return "\n".join(finding.message for finding in found)

    def show_judgement(self, found: ForecastsJudged) -> None:
        """Show the judgement on all models of a file, the first of them in front."""
        self._found = found
        self.setWindowTitle(
            self.tr("Judgement: {file}").format(file=Path(found.imported.path).name)
        )
        self.models.clear()
        self.models.addItems(list(found.models))
        self.models.setEnabled(len(found.models) > 1)
        self._findings.show_findings([replace(item, remedy=()) for item in found.findings])
        self.journal.setVisible(any(model.awaited for model in found.models.values()))
        self._show_model()

    def showEvent(self, event: QShowEvent) -> None:
        """Let the window with the chart come before this one, as a day that is picked asks for."""
        super().showEvent(event)
        handle = self.windowHandle()
        if handle is not None:
            handle.setTransientParent(None)  # type: ignore[arg-type]  # None stands for nobody

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.late.set_theme(theme)
        self._findings.set_theme(theme)

    def _show_model(self, _name: str = "") -> None:
        item = self.model
        if self._found is None or item is None:
            return
        words = self.tr("Origins: {n}, bars ahead: {h}, judged by {symbols}.").format(
            n=f"{len(item.own):,}",
            h=item.own.horizon,
            symbols=", ".join(self._found.panel.symbols[:4]),
        )
        view = self.late.content
        whose = f"{item.own.model}'s"
        view.show_judged(item.verdict, item.scores, item.outcomes, words, whose=whose)
        view.page.tiles[-1].hide()  # what a network adds is known of own ones only

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        label = QLabel(self.tr("&Model"))
        label.setBuddy(self.models)
        fill(head, label, (self.models, 1))
        for button in (self.report, self.export, self.journal):
            button.setAutoDefault(False)
            head.addWidget(button)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(self._findings)
        scroll.setAccessibleName(self.tr("How the file was read, and what is odd"))
        split = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        split.addWidget(self.late)
        split.addWidget(scroll)
        split.setStretchFactor(0, 4)
        split.setStretchFactor(1, 1)
        fill(QVBoxLayout(self), head, (split, 1), margins=(12, 10, 12, 10))
