"""The list of columns that may be inputs: kind, delay, transformation, what is missing, a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.theme import Theme
from app.widgets.empty_state import EmptyState
from forecasting.errors import CandlecastError
from forecasting.exog import TRANSFORMS, ExogSpec, Kind, Transform, format_exog, parse_exog
from forecasting.series import ExogColumn, Floats

#: Size of the small picture of a column, and points that it is drawn from.
_LOOK, _POINTS = QSize(110, 22), 110
#: Height of a row, in which a field has room.
_ROW = 40
_NAME, _KIND, _DELAY, _TRANSFORM, _MISSING, _COURSE = range(6)
#: Widths of the columns that hold fields.
_WIDTHS = {_KIND: 160, _DELAY: 84, _TRANSFORM: 150}


@dataclass(frozen=True)
class InputChoice:
    """The three settings that name inputs."""

    hist_exog: str
    futr_exog: str
    stat_exog: str


class InputsDialog(QDialog):
    """Asks which columns a network reads, as what, how late and in which form.

    Attributes
    ----------
    file_requested : Signal
        A file of further columns is to be named.
    """

    file_requested = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Inputs"))
        self._theme: Theme | None = None
        self._columns: tuple[ExogColumn, ...] = ()
        self._specs: dict[str, ExogSpec] = {}
        self._text, self._fault = QLabel(), QLabel()
        self._text.setText(
            self.tr(
                "An input of the past is read from the bar at which it was known. Where its date "
                "is earlier than its publication, give a delay: 2 (bars), 30d (days), 12h (hours). "
                "What is known ahead must reach the last bar of the forecast. Inputs that gain "
                "nothing on the validation part are left out."
            )
        )
        for label in (self._text, self._fault):
            label.setWordWrap(True)
        self._text.setProperty("role", "muted")
        self._fault.setProperty("role", "danger")
        self._fault.hide()
        self.table = QTableWidget(0, 6)
        headings = ("Column", "Read as", "Delay", "Form", "Missing", "Values")
        self.table.setHorizontalHeaderLabels([self.tr(text) for text in headings])
        self.table.setAccessibleName(self.tr("Columns that may be inputs"))
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(_ROW)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        for place, width in _WIDTHS.items():
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(place, width)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        self._none = EmptyState(
            "results",
            self.tr("No further columns"),
            self.tr("These prices have no column beside them. Add a file that has some."),
        )
        self._stage = QStackedWidget()
        self._stage.addWidget(self.table)
        self._stage.addWidget(self._none)
        self.file_button = QPushButton(self.tr("Add a file of columns…"))
        self.file_button.clicked.connect(self.file_requested)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        rows = QVBoxLayout(self)
        for part in (self._text, self._stage, self.file_button, self._fault, self.buttons):
            rows.addWidget(part)
        self.resize(820, 480)

    def show_columns(
        self, columns: Sequence[ExogColumn], specs: Sequence[ExogSpec], keep: bool = False
    ) -> None:
        """List columns, with what is read of them already.

        ``keep`` leaves what was chosen here before, as after a file was added.
        """
        if keep:
            specs = [*self._chosen()]
        self._specs = {spec.name: spec for spec in specs}
        known = {column.name for column in columns}
        lacking = [name for name in self._specs if name not in known]
        none = np.empty(0)
        absent = [ExogColumn(name, none.astype("datetime64[us]"), none) for name in lacking]
        self._columns = (*columns, *absent)
        self.table.setRowCount(len(self._columns))
        self._stage.setCurrentWidget(self.table if self._columns else self._none)
        for row, column in enumerate(self._columns):
            self._fill(row, column)

    def choice(self) -> InputChoice:
        """Return the settings that the list makes.

        Raises
        ------
        ConfigError
            A delay that cannot be read.
        """
        chosen = list(self._chosen())
        kinds: tuple[Kind, ...] = ("hist", "futr", "stat")
        texts = [format_exog(spec for spec in chosen if spec.kind == kind) for kind in kinds]
        return InputChoice(*texts)

    def set_theme(self, theme: Theme) -> None:
        """Draw the small pictures in the colours of a theme."""
        self._theme = theme
        self._none.set_theme(theme)
        for row, column in enumerate(self._columns):
            self._draw(row, column)

    def show_fault(self, error: CandlecastError | None) -> None:
        """Tell what cannot be read; None takes it away."""
        self._fault.setText(f"{error.message} {error.hint}".strip() if error else "")
        self._fault.setVisible(error is not None)

    def _chosen(self) -> list[ExogSpec]:
        found = []
        for row, column in enumerate(self._columns):
            kind = self._combo(row, _KIND).currentData()
            if not kind:
                continue
            before = self._specs.get(column.name, ExogSpec(column.name, kind))
            field = self.table.cellWidget(row, _DELAY)
            assert isinstance(field, QLineEdit)
            delay = field.text().strip()
            spec = replace(before, kind=kind, delay=0, unit="bars")
            if kind == "hist" and delay and not before.released:
                (late,) = parse_exog(f"x:delay={delay}", "hist")
                spec = replace(spec, delay=late.delay, unit=late.unit)
            if kind != "hist":
                spec = replace(spec, released="")
            form: Transform = "level"
            if kind != "stat":
                form = self._combo(row, _TRANSFORM).currentData()
            found.append(replace(spec, transform=form))
        return found

    def _accept(self) -> None:
        try:
            self.choice()
        except CandlecastError as error:
            self.show_fault(error)
            return
        self.show_fault(None)
        self.accept()

    def _fill(self, row: int, column: ExogColumn) -> None:
        spec = self._specs.get(column.name)
        self.table.setItem(row, _NAME, _item(column.name))
        kind, form = QComboBox(), QComboBox()
        for text, value in (("Not read", ""), ("Past", "hist"), ("Known ahead", "futr")):
            kind.addItem(self.tr(text), value)
        kind.addItem(self.tr("Static"), "stat")
        words = ("Value", "Change", "Log change", "Z-score")
        for text, transform in zip(words, TRANSFORMS, strict=True):
            form.addItem(self.tr(text), transform)
        for combo in (kind, form):
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        kind.setCurrentIndex(max(0, kind.findData(spec.kind if spec else "")))
        form.setCurrentIndex(max(0, form.findData(spec.transform if spec else "level")))
        delay = QLineEdit()
        delay.setPlaceholderText("0")
        delay.setMaximumWidth(70)
        if spec is not None and spec.delay:
            delay.setText(str(replace(spec, name="x", transform="level")).partition("=")[2])
        names = {_KIND: kind, _DELAY: delay, _TRANSFORM: form}
        labels = {_KIND: "Kind of {name}", _DELAY: "Delay of {name}", _TRANSFORM: "Form of {name}"}
        for place, widget in names.items():
            widget.setAccessibleName(self.tr(labels[place]).format(name=column.name))
            self.table.setCellWidget(row, place, widget)

        def follow() -> None:
            delay.setEnabled(kind.currentData() == "hist")
            form.setEnabled(kind.currentData() in ("hist", "futr") and column.form == "number")

        kind.currentIndexChanged.connect(follow)
        follow()
        missing = f"{column.missing:.0%}" if len(column) else self.tr("not there")
        self.table.setItem(row, _MISSING, _item(missing))
        self._draw(row, column)

    def _draw(self, row: int, column: ExogColumn) -> None:
        item = _item("" if column.form in ("number", "flag") else ", ".join(column.labels[:4]))
        if self._theme is not None and column.form in ("number", "flag") and len(column):
            item.setData(Qt.ItemDataRole.DecorationRole, sparkline(column.values, self._theme))
        self.table.setItem(row, _COURSE, item)
        self.table.setIconSize(_LOOK)

    def _combo(self, row: int, place: int) -> QComboBox:
        combo = self.table.cellWidget(row, place)
        assert isinstance(combo, QComboBox)
        return combo


def _item(text: str) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    item.setFlags(Qt.ItemFlag.ItemIsEnabled)
    return item


def sparkline(values: Floats, theme: Theme) -> QPixmap:
    """Return a small line of values, drawn from at most a point a pixel."""
    picture = QPixmap(_LOOK)
    picture.fill(Qt.GlobalColor.transparent)
    known = values[np.isfinite(values)]
    if known.size < 2:
        return picture
    taken = known[np.linspace(0, known.size - 1, min(_POINTS, known.size)).astype(np.int64)]
    low, high = float(taken.min()), float(taken.max())
    spread = high - low or 1.0
    across = np.linspace(1, _LOOK.width() - 2, taken.size)
    heights = _LOOK.height() - 3 - (taken - low) / spread * (_LOOK.height() - 6)
    line = QPolygonF([QPointF(float(x), float(y)) for x, y in zip(across, heights, strict=True)])
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(theme.accent), 1.2))
    painter.drawPolyline(line)
    painter.end()
    return picture


def listed(found: Mapping[str, ExogColumn]) -> list[ExogColumn]:
    """Return candidates in the order in which they were found; dates are no inputs themselves."""
    return [column for column in found.values() if column.form != "date"]
