"""The dialog before a judgement: how a file of forecasts is read, and what it is judged by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QSignalBlocker, QTimer, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.accessibility import complete, literal, take_literally
from app.background import Failure
from app.theme import Theme
from app.widgets.form_builder import DecimalBox, WholeBox
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from app.widgets.name_combo import NameCombo
from app.widgets.quality_list import QualityList
from app.widgets.screen_fit import resize_on_screen
from forecasting.events import Progress
from forecasting.imported_forecasts.options import AS_FOUND, ForecastOptions
from forecasting.imported_forecasts.reader import ForecastsPreview

#: Milliseconds of rest after a change before the file is read again.
REST_MS = 250
_MOST_COLUMNS = 60
#: Height of a row in pixels: that of the field for the role.
_ROW = 40
_SIZE = (900, 640)
#: Roles that are offered; others, such as ``LSTM:q0.25``, can be typed.
_ROLES = (
    *("unused", "ds", "cutoff", "start", "y", "y0", "unique_id"),
    *("model", "step", "sample", "quantile", "value"),
)


def _tr(text: str) -> str:
    return QCoreApplication.translate("JudgeDialog", text)


def _fields_of_flags() -> dict[str, str]:
    """Return the flags that hints name, and the fields that stand for them here."""
    return {
        "columns": _tr("Is read as"),
        "cutoff": _tr("Cutoff"),
        "horizon": _tr("Horizon in rows"),
        "step": _tr("Step between cutoffs"),
        "band-level": _tr("Level of bands without one"),
        "name": _tr("Name of the model"),
        "date-format": _tr("Date format"),
        "scale": _tr("All values are prices"),
    }


def in_fields(hint: str) -> str:
    """Return a hint with the fields of the dialog in place of the flags of the command line."""
    words = _fields_of_flags()

    def field(found: re.Match[str]) -> str:
        name = words.get(found["flag"])
        return f"\u201c{name}\u201d" if name else found[0]

    return re.sub(r"--(?P<flag>[a-z]+(?:-[a-z]+)*)", field, hint)


def _role_words() -> dict[str, str]:
    return {
        "unused": _tr("not used"),
        "ds": _tr("date that was forecast"),
        "cutoff": _tr("last date that the forecast saw"),
        "start": _tr("first date of the forecast"),
        "y": _tr("actual value"),
        "y0": _tr("last value before the forecast"),
        "unique_id": _tr("name of the series"),
        "model": _tr("name of the model"),
        "step": _tr("bars ahead"),
        "sample": _tr("number of the sample path"),
        "quantile": _tr("quantile level"),
        "value": _tr("value of a path or quantile"),
    }


class ColumnTable(QTableWidget):
    """The columns of a file, one a row: name, first cells, and a field for the role.

    Attributes
    ----------
    role_chosen : Signal
        The user has changed a role.
    """

    role_chosen = Signal()

    def __init__(self) -> None:
        super().__init__(0, 3)
        self._names: list[str] = []
        self.setAccessibleName(_tr("Columns of the file"))
        self.setHorizontalHeaderLabels([_tr("Column"), _tr("First rows"), _tr("Is read as")])
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.setColumnWidth(0, 190)
        self.setColumnWidth(2, 250)

    def show_columns(self, preview: ForecastsPreview) -> None:
        """Show the columns with the roles that were found.

        Those that are there already are left alone: their list may be open, or be typed into.
        """
        names = [column.name for column in preview.columns[:_MOST_COLUMNS]]
        if names == self._names:
            self._show_roles([column.label for column in preview.columns])
            return
        self._names = names
        with QSignalBlocker(self):
            self.setRowCount(0)
            self.setRowCount(min(len(preview.columns), _MOST_COLUMNS))
            for row, column in enumerate(preview.columns[:_MOST_COLUMNS]):
                cells = ", ".join(line[row] for line in preview.first[:4])
                for index, text in enumerate((column.name, cells)):
                    item = QTableWidgetItem(text)
                    item.setToolTip(literal(text))
                    self.setItem(row, index, item)
                self.setCellWidget(row, 2, self._field(column.name, column.label))

    def clear_columns(self) -> None:
        """Show no column."""
        self._names = []
        self.setRowCount(0)

    def _show_roles(self, roles: Sequence[str]) -> None:
        """Show other roles where nobody is choosing one."""
        for row in range(self.rowCount()):
            field = self.cellWidget(row, 2)
            assert isinstance(field, QComboBox)
            if field.hasFocus() or field.view().isVisible() or self.role(row) == roles[row]:
                continue
            if field.findData(roles[row]) < 0:
                words = _tr("forecast: {role}").format(role=roles[row])
                field.addItem(words, roles[row])
            field.setCurrentIndex(field.findData(roles[row]))

    def roles(self) -> dict[str, str | int]:
        """Return role to index of column, as a user settles them; several unused ones by ``|``."""
        found: dict[str, str | int] = {}
        unused = []
        for row in range(self.rowCount()):
            role = self.role(row)
            if role == "unused":
                unused.append(str(row))
            else:
                found[role] = row
        return found | ({"unused": "|".join(unused)} if unused else {})

    def role(self, row: int) -> str:
        """Return the role of a column: one of those offered, or what was typed."""
        field = self.cellWidget(row, 2)
        assert isinstance(field, QComboBox)
        index = field.findText(field.currentText())
        return str(field.itemData(index)) if index >= 0 else field.currentText().strip() or "unused"

    def choose(self, row: int, role: str) -> None:
        """Give a column another role, as the user does."""
        field = self.cellWidget(row, 2)
        assert isinstance(field, QComboBox)
        index = field.findData(role)
        field.setCurrentIndex(index) if index >= 0 else field.setEditText(role)
        self.role_chosen.emit()

    def _field(self, name: str, role: str) -> QComboBox:
        field = QComboBox()
        field.setEditable(True)
        field.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        field.setAccessibleName(_tr("Role of {column}").format(column=name))
        for known, words in _role_words().items():
            field.addItem(words, known)
        if role not in _ROLES:
            field.addItem(_tr("forecast: {role}").format(role=role), role)
        field.setCurrentIndex(field.findData(role))
        field.setToolTip(_tr("MODEL, MODEL:q0.1, MODEL:lo-80 or MODEL:hi-80 can be typed"))
        field.activated.connect(lambda _index: self.role_chosen.emit())
        line = field.lineEdit()
        assert line is not None
        line.editingFinished.connect(self._typed)
        return field

    def _typed(self) -> None:
        line = self.sender()
        if isinstance(line, QLineEdit) and line.isModified():
            line.setModified(False)
            self.role_chosen.emit()


class JudgeDialog(QDialog):
    """How a file of forecasts is read; every part of that can be changed before it is judged.

    Parameters
    ----------
    path : str
    prices : str
        Name of the prices of the watchlist, "" where there are none.
    parent : QWidget

    Attributes
    ----------
    preview_requested : Signal
        Path and options with which the file is to be read.
    judge_requested : Signal
        The user wants the judgement.
    """

    preview_requested = Signal(str, object)
    judge_requested = Signal()

    def __init__(self, path: str, prices: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.path = path
        self._prices_name = prices
        self._columns: dict[str, str | int] = {}
        self._preview: ForecastsPreview | None = None
        self._chosen = False
        self.setWindowTitle(_tr("Judge forecasts: {file}").format(file=Path(path).name))
        resize_on_screen(self, *_SIZE)
        self.table, self._findings = ColumnTable(), QualityList()
        self._summary = text_label(role="heading", plain=True)
        self._hint, self._bar = text_label(role="muted", plain=True), QProgressBar()
        self._bar.setAccessibleName(_tr("Progress of the judgement"))
        self._bar.setTextVisible(False)
        self._bar.hide()
        self.cutoff, self.name = QLineEdit(), QLineEdit()
        self.baselines = QLineEdit("auto")
        self.horizon, self.step, self.level = WholeBox(), WholeBox(), DecimalBox()
        self.truth, self.date_format = NameCombo(_tr("Judged by"), 18), QLineEdit()
        self.prices_all = QCheckBox(_tr("&All values are prices, however far from the others"))
        self._lay_out()
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._ask)
        self.table.role_chosen.connect(self._role_chosen)
        complete(self)
        take_literally(self)

    @property
    def options(self) -> ForecastOptions:
        """How the file is to be read, as far as the user has settled it."""
        return AS_FOUND.model_copy(
            update={
                "columns": self._columns,
                "cutoff": self.cutoff.text().strip(),
                "horizon": self.horizon.value(),
                "step": self.step.value(),
                "band_level": self.level.value(),
                "name": self.name.text().strip(),
                "date_format": self.date_format.text().strip(),
                "scale": "prices" if self.prices_all.isChecked() else "auto",
            }
        )

    @property
    def beside(self) -> str:
        """Names of the baselines that the forecasts are compared with."""
        return self.baselines.text().strip() or "auto"

    @property
    def uses_prices(self) -> bool:
        """Whether the prices of the watchlist judge, rather than the actual values in the file."""
        return bool(self.truth.currentData() == "prices")

    @property
    def text(self) -> str:
        """What is said of the file, or why it cannot be judged."""
        return "\n".join(filter(None, (self._summary.text(), self._hint.text())))

    def start(self) -> None:
        """Have the file read for the first time."""
        self._ask()

    def show_preview(self, preview: ForecastsPreview) -> None:
        """Show how the file is understood, or what has to be settled."""
        self._preview = preview
        if not preview.columns:
            self.table.clear_columns()
        elif not self._columns or not preview.message:
            self.table.show_columns(preview)
        self._findings.show_findings([replace(item, remedy=()) for item in preview.findings])
        self._noticed.setVisible(bool(preview.findings))
        if preview.message:
            self.say(preview.message, preview.hint, fault=True)
        else:
            words = _tr("{count} forecasts of {models}").format(
                count=f"{preview.rows:,}", models=", ".join(preview.models[:6])
            )
            self.say(words, "", fault=False)
        self.judge.setEnabled(not preview.message)
        self._choose_truth(preview)

    def show_failure(self, failure: Failure) -> None:
        """Say why the forecasts cannot be judged; what was settled stays."""
        self._bar.hide()
        self.judge.setEnabled(self._preview is not None and not self._preview.message)
        self.say(failure.message, failure.hint, fault=True)

    def show_progress(self, progress: Progress) -> None:
        """Show that the judgement is made."""
        self._bar.setRange(0, progress.total)
        self._bar.setValue(progress.done)
        self._bar.show()
        self.say(progress.message, "", fault=False)

    def say(self, summary: str, hint: str, *, fault: bool) -> None:
        """Show a sentence, as one of a fault or not, with the next step."""
        self._summary.setText(summary)
        self._summary.setProperty("role", "danger" if fault else "heading")
        self._summary.style().unpolish(self._summary)
        self._summary.style().polish(self._summary)
        self._hint.setText(in_fields(hint))
        self._hint.setVisible(bool(hint))

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._findings.set_theme(theme)

    def done(self, result: int) -> None:
        """Ask for nothing any more, whichever way the dialog ends."""
        self._rest.stop()
        super().done(result)

    def _choose_truth(self, preview: ForecastsPreview) -> None:
        """Offer what the forecasts can be judged by; the prices where the file has nothing."""
        if self._chosen or preview.message:
            return
        own = _tr("the actual values in the file")
        with QSignalBlocker(self.truth):
            self.truth.clear()
            if preview.has_truth or not self._prices_name:
                self.truth.addItem(own, "own")
            if self._prices_name:
                self.truth.addItem(
                    _tr("the prices of {name}").format(name=self._prices_name), "prices"
                )
        self.truth.setEnabled(self.truth.count() > 1)

    def _role_chosen(self) -> None:
        self._columns = self.table.roles()
        self._rest.start()

    def _ask(self) -> None:
        self.judge.setEnabled(False)
        self.preview_requested.emit(self.path, self.options)

    def _begin(self) -> None:
        self.judge.setEnabled(False)
        self.judge_requested.emit()

    def _lay_out(self) -> None:
        rows = fill(QVBoxLayout(self), margins=(16, 14, 16, 12), spacing=8)
        for part in (self._summary, self._hint, self._bar):
            rows.addWidget(part)
        fill(rows, (self.table, 3), self._fields())
        self._noticed = QScrollArea(widgetResizable=True)
        self._noticed.setWidget(self._findings)
        self._noticed.setAccessibleName(_tr("What was assumed of the file"))
        self._noticed.hide()
        fill(rows, (self._noticed, 1), self._button_row())

    def _fields(self) -> QGridLayout:
        self.cutoff.setPlaceholderText(_tr("as the file says, or 2024-01-31"))
        self.name.setPlaceholderText(_tr("as the file says"))
        self.date_format.setPlaceholderText(_tr("as the dates say, or dmy, mdy, …"))
        for field, most, words in (
            (self.horizon, 1000, _tr("as the file says")),
            (self.step, 1000, _tr("as many as the horizon")),
        ):
            field.setRange(0, most)
            field.setSpecialValueText(words)
        self.level.setRange(0, 99.9)
        self.level.setSuffix(" %")
        self.level.setSpecialValueText(_tr("as the file says"))
        self.baselines.setToolTip(
            _tr(
                "Names with commas between them: auto, all, random-walk, ...; of others fracast, "
                "folder:PATH, statsforecast:NAME, sktime:NAME"
            )
        )
        self.truth.setEnabled(False)
        self.truth.activated.connect(self._truth_chosen)
        self.prices_all.toggled.connect(self._rest_start)
        for line in (self.cutoff, self.name, self.date_format):
            line.editingFinished.connect(self._rest_start)
        for spin in (self.horizon, self.step, self.level):
            spin.valueChanged.connect(self._rest_start)
        return self._grid(
            (_tr("&Judged by"), self.truth, _tr("&Beside"), self.baselines),
            (_tr("C&utoff"), self.cutoff, _tr("&Name of the model"), self.name),
            (_tr("&Horizon in rows"), self.horizon, _tr("&Step between cutoffs"), self.step),
            (
                _tr("&Level of bands without one"),
                self.level,
                _tr("&Date format"),
                self.date_format,
            ),
        )

    def _grid(self, *rows: tuple[str, QWidget, str, QWidget]) -> QGridLayout:
        """Return two fields a row, each with its label, and the check box below them."""
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        for row, (left, first, right, second) in enumerate(rows):
            for column, words, field in ((0, left, first), (2, right, second)):
                label = QLabel(words)
                label.setBuddy(field)
                grid.addWidget(label, row, column)
                grid.addWidget(field, row, column + 1)
        grid.addWidget(self.prices_all, len(rows), 0, 1, 4)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        return grid

    def _truth_chosen(self, _index: int) -> None:
        self._chosen = True

    def _rest_start(self, _value: object = None) -> None:
        self._rest.start()

    def _button_row(self) -> QDialogButtonBox:
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.judge = QPushButton(_tr("Judge"))
        self.judge.setProperty("primary", True)
        self.judge.setDefault(True)
        self.judge.setEnabled(False)
        self.judge.clicked.connect(self._begin)
        box.addButton(self.judge, QDialogButtonBox.ButtonRole.ActionRole)
        box.rejected.connect(self.reject)
        return box
