"""A list of columns that may be inputs: kind, delay, transformation, what is missing, a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap, QPolygonF, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.accessibility import literal
from app.theme import Theme
from app.widgets.empty_state import EmptyState
from app.widgets.layouts import fill
from forecasting.exog import TRANSFORMS, ExogSpec, Kind, Transform, format_exog, parse_exog
from forecasting.series import ExogColumn, Floats

#: Size of the small picture of a column, and points that it is drawn from.
_LOOK, _POINTS = QSize(80, 22), 80
#: Height of a row, in which a field has room, and rows from which on there is a search field.
_ROW, _MANY = 40, 8
_NAME, _KIND, _DELAY, _TRANSFORM, _MISSING, _COURSE = range(6)
#: Widths of the columns beside the names; the last one is stretched.
_WIDTHS = {_KIND: 146, _DELAY: 70, _TRANSFORM: 122, _MISSING: 76, _COURSE: _LOOK.width() + 12}
#: Narrowest and widest the names of columns are shown.
_NARROW, _WIDE = 110, 260


@dataclass(frozen=True)
class InputChoice:
    """The three settings that name inputs."""

    hist_exog: str = ""
    futr_exog: str = ""
    stat_exog: str = ""


class InputTable(QWidget):
    """Lists columns, each with how it is to be read; long lists can be searched.

    Parameters
    ----------
    nothing : str
        What is said where there are no columns.

    Attributes
    ----------
    table : QTableWidget
    search : QLineEdit
    """

    def __init__(self, nothing: str) -> None:
        super().__init__()
        self._theme: Theme | None = None
        self._columns: tuple[ExogColumn, ...] = ()
        self._specs: dict[str, ExogSpec] = {}
        self.search = QLineEdit(placeholderText=self.tr("Find a column"), clearButtonEnabled=True)
        self.search.setAccessibleName(self.tr("Find a column"))
        self.search.textChanged.connect(self._filter)
        self.search.hide()
        self.table = QTableWidget(0, 6)
        headings = ("Column", "Read as", "Delay", "Form", "Missing", "Values")
        self.table.setHorizontalHeaderLabels([self.tr(text) for text in headings])
        self.table.setAccessibleName(self.tr("Columns that may be inputs"))
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setIconSize(_LOOK)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(_ROW)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        for index, width in _WIDTHS.items():
            if index != _COURSE:
                header.setSectionResizeMode(index, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(index, width)
        self._none = EmptyState("results", self.tr("No further columns"), nothing)
        self._stage = QStackedWidget()
        self._stage.addWidget(self.table)
        self._stage.addWidget(self._none)
        fill(QVBoxLayout(self), self.search, self._stage, margins=(0, 0, 0, 0))

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
        self.search.setVisible(len(self._columns) >= _MANY)
        for row, column in enumerate(self._columns):
            self._fill(row, column)
        self._fit_names()
        self._filter()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the names what the other columns leave of the width."""
        super().resizeEvent(event)
        self._fit_names()

    def _fit_names(self) -> None:
        bar = self.table.verticalScrollBar().sizeHint().width() + 2 * self.table.frameWidth()
        left = self._stage.width() - bar - sum(_WIDTHS.values()) - 2
        names = self.table.sizeHintForColumn(_NAME) + 8
        self.table.setColumnWidth(_NAME, min(max(left, _NARROW), max(names, _NARROW), _WIDE))

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

    def _filter(self) -> None:
        """Show the rows whose column has the text of the search field in its name."""
        text = self.search.text().strip().casefold()
        for row, column in enumerate(self._columns):
            self.table.setRowHidden(row, text not in column.name.casefold())

    def _fill(self, row: int, column: ExogColumn) -> None:
        spec = self._specs.get(column.name)
        name = _item(column.name)
        name.setToolTip(literal(column.name))
        self.table.setItem(row, _NAME, name)
        kind, form = QComboBox(), QComboBox()
        for text, value in (("Not read", ""), ("Past", "hist"), ("Known ahead", "futr")):
            kind.addItem(self.tr(text), value)
        kind.addItem(self.tr("Static"), "stat")
        words = ("Value", "Change", "Log change", "Z-score")
        for text, transform in zip(words, TRANSFORMS, strict=True):
            form.addItem(self.tr(text), transform)
        kind.setCurrentIndex(max(0, kind.findData(spec.kind if spec else "")))
        form.setCurrentIndex(max(0, form.findData(spec.transform if spec else "level")))
        delay = QLineEdit(placeholderText="0")
        delay.setMaximumWidth(70)
        delay.setToolTip(
            self.tr(
                "How much later than its date it is published: 2 (bars), 30d (days), 12h (hours)"
            )
        )
        if spec is not None and spec.delay:
            delay.setText(str(replace(spec, name="x", transform="level")).partition("=")[2])
        names = {_KIND: kind, _DELAY: delay, _TRANSFORM: form}
        labels = {_KIND: "Kind of {name}", _DELAY: "Delay of {name}", _TRANSFORM: "Form of {name}"}
        for index, widget in names.items():
            widget.setAccessibleName(self.tr(labels[index]).format(name=column.name))
            self.table.setCellWidget(row, index, widget)

        def follow() -> None:
            delay.setEnabled(kind.currentData() == "hist")
            form.setEnabled(kind.currentData() in ("hist", "futr") and column.form == "number")

        kind.currentIndexChanged.connect(follow)
        follow()
        missing = f"{100 * column.missing:.0f} %" if len(column) else self.tr("not there")
        self.table.setItem(row, _MISSING, _item(missing))
        self._draw(row, column)

    def _draw(self, row: int, column: ExogColumn) -> None:
        item = _item("" if column.form in ("number", "flag") else ", ".join(column.labels[:4]))
        if self._theme is not None and column.form in ("number", "flag") and len(column):
            item.setData(Qt.ItemDataRole.DecorationRole, sparkline(column.values, self._theme))
        self.table.setItem(row, _COURSE, item)

    def _combo(self, row: int, index: int) -> QComboBox:
        combo = self.table.cellWidget(row, index)
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
    starts = np.linspace(0, known.size, min(_POINTS, known.size), endpoint=False).astype(np.int64)
    rare = float(np.mean(known == 0)) > 0.5  # events, of which none may be missed
    taken = np.maximum.reduceat(known, starts) if rare else known[starts]
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
