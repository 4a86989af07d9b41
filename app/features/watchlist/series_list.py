"""The rows of the watchlist: each with its box, its name, a line of its last closes, its price
and its change.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QByteArray,
    QCoreApplication,
    QEvent,
    QItemSelectionModel,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSignalBlocker,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QAction,
    QColor,
    QContextMenuEvent,
    QFont,
    QFontMetrics,
    QIcon,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.accessibility import literal
from app.features.watchlist.row_order import COLUMNS, USUAL_COLUMNS, shown_rows
from app.features.watchlist.sections import Section, file_name, sections_of
from app.model_titles import model_title
from app.number_format import number
from app.theme import Theme, icon, mixed
from app.watchlist import Row, RowJudgement
from app.widgets.chart_header import price

_MIME = "application/x-candlecast-row"
_ROW, _HEADING, _FOLDED = (Qt.ItemDataRole.UserRole + number for number in range(3))
_LOWEST, _BOX, _EDGE, _GAP = 46, 14, 9, 8
#: Width in pixels of the line of closes, and of a row from which there is room for one.
_SPARK, _ROOMY = 62, 250
#: Width in pixels of the mark of a verdict, and of skill and coverage beside the line.
_MARK, _FIGURES = 12, 90

Index = QModelIndex | QPersistentModelIndex


def spacing_word(freq: str) -> str:
    """Return what people call a distance of bars."""
    words = {"1D": "daily", "1W": "weekly", "1M": "monthly", "": "irregular"}
    return QCoreApplication.translate("SeriesList", words[freq]) if freq in words else freq


def change_text(change: float | None) -> str:
    """Write a relative change with its sign and direction; "" where there is none."""
    if change is None:
        return ""
    mark = "▲" if change > 0 else "▼" if change < 0 else "■"
    return f"{mark} {number(abs(100 * change), 2)} %"


class SeriesModel(QAbstractListModel):
    """The rows as Qt wants them. Nothing is changed here: what the user wants is told by signals.

    Attributes
    ----------
    checked : Signal
        Places of rows, and whether they are to be trained.
    dropped : Signal
        A row was dragged from one place to another.
    """

    checked = Signal(object, bool)
    dropped = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.rows: tuple[Row, ...] = ()
        self.watched: frozenset[tuple[str, str]] = frozenset()
        self.columns: frozenset[str] = frozenset(USUAL_COLUMNS)
        self.search, self.order, self.reverse = "", "", False
        self.folded: frozenset[str] = frozenset()
        self.found = 0
        self._spans: list[list[int]] = []
        self._closed: set[int] = set()
        self._positions: dict[int, int] = {}
        self._sections: dict[int, Section] = {}

    @property
    def is_natural(self) -> bool:
        """Whether all rows are shown in the user's own order, so that they can be moved."""
        return not (self.search.strip() or self.order or self.reverse)

    @property
    def has_headings(self) -> bool:
        """Whether something stands above any row."""
        return bool(self._sections)

    def show_rows(self, rows: tuple[Row, ...]) -> None:
        """Take other rows. A folded section is one position; a search unfolds all."""
        shown = shown_rows(rows, self.search, self.order, reverse=self.reverse)
        parts = {item.start: item for item in sections_of([rows[i] for i in shown], self.order)}
        folded = frozenset[str]() if self.search.strip() else self.folded
        spans: list[list[int]] = []
        sections, start = {}, 0
        while start < len(shown):
            part = parts.get(start)
            if part is not None:
                sections[len(spans)] = part
            size = part.count if part is not None and part.key in folded else 1
            spans.append(shown[start : start + size])
            start += size
        closed = {position for position, part in sections.items() if part.key in folded}
        same = len(rows) == len(self.rows) and spans == self._spans and closed == self._closed
        if not same:
            self.beginResetModel()
        self.rows, self.found = rows, len(shown)
        self._spans, self._sections, self._closed = spans, sections, closed
        self._positions = {index: at for at, span in enumerate(spans) for index in span}
        if not same:
            self.endResetModel()
        elif spans:
            self.dataChanged.emit(self.index(0), self.index(len(spans) - 1))

    def row_index(self, position: int) -> int:
        """Return the index in the list of what stands at a position; -1 for none."""
        return self._spans[position][0] if 0 <= position < len(self._spans) else -1

    def indices_at(self, position: int) -> list[int]:
        """Return the indices in the list of all that a position stands for: the rows of a folded
        section, or one.
        """
        return self._spans[position] if 0 <= position < len(self._spans) else []

    def is_folded(self, position: int) -> bool:
        """Whether a folded section stands at a position."""
        return position in self._closed

    def section_at(self, position: int) -> tuple[int, Section] | None:
        """Return the section that a position belongs to, and the position of its heading; None
        where it has none.
        """
        for start in range(position, -1, -1):
            part = self._sections.get(start)
            if part is not None:
                size = 1 if start in self._closed else part.count
                return (start, part) if position < start + size else None
        return None

    @property
    def keys(self) -> frozenset[str]:
        """Keys of all sections that are shown."""
        return frozenset(part.key for part in self._sections.values())

    def position_of(self, index: int) -> int:
        """Return at which position a row of the list, or the folded section that it belongs to,
        is shown; -1 where neither is.
        """
        return self._positions.get(index, -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self._spans)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a row is called, holds and says."""
        if not index.isValid():
            return None
        at = index.row()
        row, section = self.rows[self._spans[at][0]], self._sections.get(at)
        heading = section.text if section is not None else ""
        if section is not None and at in self._closed:
            return self._folded_data(at, heading, role)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return row.symbol
            case Qt.ItemDataRole.CheckStateRole:
                return Qt.CheckState.Checked if row.checked else Qt.CheckState.Unchecked
            case Qt.ItemDataRole.AccessibleTextRole:
                return ", ".join(filter(None, (heading, row.symbol, *self._told(row))))
            case Qt.ItemDataRole.ToolTipRole:
                return literal("\n".join(filter(None, (row.request.reference, *self._told(row)))))
            case _ if role == _HEADING:
                return heading
            case _ if role == _FOLDED:
                return False
            case _:
                return row if role == _ROW else None

    def _folded_data(self, at: int, heading: str, role: int) -> Any:
        """Return what a folded section is called, and whether all of it is trained."""
        match role:
            case Qt.ItemDataRole.CheckStateRole:
                every = all(self.rows[index].checked for index in self._spans[at])
                return Qt.CheckState.Checked if every else Qt.CheckState.Unchecked
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return self.tr("{heading}, folded").format(heading=heading)
            case Qt.ItemDataRole.ToolTipRole:
                return self.tr("Folded: click, or press →, to unfold")
            case _ if role == _HEADING:
                return heading
            case _:
                return True if role == _FOLDED else None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Tell that a box was checked or unchecked."""
        if role != Qt.ItemDataRole.CheckStateRole:
            return False
        self.checked.emit(self._spans[index.row()], Qt.CheckState(value) is Qt.CheckState.Checked)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Rows can be chosen, checked and dragged; between them can be dropped."""
        flag = Qt.ItemFlag
        if not index.isValid():
            return flag.ItemIsDropEnabled if self.is_natural else flag.NoItemFlags
        usual = (
            flag.ItemIsSelectable
            | flag.ItemIsEnabled
            | flag.ItemIsUserCheckable
            | flag.ItemNeverHasChildren
        )
        moves = self.is_natural and index.row() not in self._closed
        return usual | flag.ItemIsDragEnabled if moves else usual

    def supportedDropActions(self) -> Qt.DropAction:
        """Rows are moved, not copied."""
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        """Rows of this list are all that is taken."""
        return [_MIME]

    def mimeData(self, indexes: list[QModelIndex]) -> QMimeData:  # type: ignore[override]
        """Pack the place of the dragged row."""
        data = QMimeData()
        data.setData(_MIME, QByteArray(str(indexes[0].row()).encode()))
        return data

    def dropMimeData(
        self, data: QMimeData, _action: Qt.DropAction, row: int, _column: int, parent: Index
    ) -> bool:
        """Tell where a row was dropped; False, so that Qt moves nothing by itself."""
        if data.hasFormat(_MIME) and self.is_natural:
            source = self.row_index(int(data.data(_MIME).toStdString()))
            position = row if row >= 0 else parent.row() if parent.isValid() else len(self._spans)
            target = self.row_index(position) if position < len(self._spans) else len(self.rows)
            target -= target > source
            if target != source:
                self.dropped.emit(source, target)
        return False

    def _told(self, row: Row) -> list[str]:
        """Say in words what a row shows."""
        seen = row.glimpse
        facts = [self.tr("trained") if row.checked else self.tr("not trained")]
        if (row.request.reference, row.symbol) in self.watched:
            facts.append(self.tr("watched"))
        if row.problem:
            facts.append(row.problem)
        if seen:
            facts += [
                self.tr("last {price}").format(price=price(seen.closes[-1])),
                change_text(seen.change),
            ]
            facts.append(
                self.tr("{n} bars, {spacing}, up to {day}").format(
                    n=number(seen.bars, 0), spacing=spacing_word(seen.freq), day=seen.day
                )
            )
        if row.group:
            facts.append(self.tr("group {name}").format(name=row.group))
        if row.judgement:
            facts += judgement_words(row.judgement)
        if row.series is None and not row.problem:
            facts.append(self.tr("as of the last time; loaded when you choose it"))
        return [fact for fact in facts if fact]


def judgement_words(judged: RowJudgement) -> list[str]:
    """Say in words what a run said of a series."""
    tr = QCoreApplication.translate
    words = {
        "beats": tr("SeriesList", "the {model} beats the {rival}"),
        "ties": tr("SeriesList", "the {model} is as good as the {rival}"),
        "loses": tr("SeriesList", "the {model} is worse than the {rival}"),
        "few": tr("SeriesList", "too few forecasts to compare the {model} with the {rival}"),
    }
    rival = model_title(judged.reference)
    found = [words[judged.outcome].format(model=model_title(judged.model), rival=rival)]
    return [*found, *_figures(judged, frozenset(COLUMNS))]


def _figures(judged: RowJudgement, columns: Collection[str]) -> list[str]:
    """Return skill and coverage in words, where they are known and wanted."""
    tr = QCoreApplication.translate
    found = []
    if "skill" in columns and judged.skill is not None:
        text = tr("SeriesList", "skill {skill} %")
        found.append(text.format(skill=signed(judged.skill)))
    if "coverage" in columns and judged.held is not None:
        text = tr("SeriesList", "{share} % held")
        found.append(text.format(share=number(judged.held, 0)))
    return found


def signed(value: float) -> str:
    """Write a number with one decimal and its sign."""
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{number(abs(value), 1)}"


class RowDelegate(QStyledItemDelegate):
    """Draws a row: box, name above its bars, the line of closes, price above its change."""

    def __init__(self, rows: SeriesModel) -> None:
        super().__init__()
        self._rows = rows
        self.theme: Theme | None = None
        self._warning = QIcon()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.theme = theme
        self._warning = icon("warning", theme, theme.danger)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """All rows are of one height, and have room for a heading where there is one; a folded
        section is its heading.
        """
        row = 0 if index.data(_FOLDED) else _height(option.fontMetrics)
        return QSize(120, row + _heading_height(option.fontMetrics, index))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one row."""
        theme, row = self.theme, index.data(_ROW)
        if theme is None:
            return
        whole: QRect = option.rect
        area = whole.adjusted(0, _heading_height(option.fontMetrics, index), 0, 0)
        above = QRect(whole.topLeft(), area.topRight())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._ground(painter, option, above if row is None else area, theme)
        self._draw_heading(painter, above, index, option.font, theme)
        if row is None:
            painter.restore()
            return
        self._draw_box(painter, self._box(area), theme, checked=row.checked)
        font: QFont = option.font
        inner = area.adjusted(_EDGE + _BOX + _GAP, 5, -_EDGE, -5)
        columns = self._rows.columns
        right = self._draw_price(painter, inner, row, font, theme) if "price" in columns else 0
        if "verdict" in columns and row.judgement:
            right += self._draw_mark(painter, inner.adjusted(0, 0, -right, 0), row, theme)
        needed = _ROOMY + _FIGURES * bool(row.judgement and columns & {"skill", "coverage"})
        roomy = area.width() >= needed and "line" in columns
        if row.problem or (roomy and row.glimpse):
            spark = QRectF(
                inner.right() - right - _GAP - _SPARK, inner.top() + 5, _SPARK, inner.height() - 10
            )
            self._draw_spark(painter, spark, row, theme)
            right += _SPARK + _GAP
        self._draw_name(painter, inner.adjusted(0, 0, -right - _GAP, 0), row, font, theme)
        painter.restore()

    def editorEvent(
        self, event: QEvent, model: Any, option: QStyleOptionViewItem, index: Index
    ) -> bool:
        """Check or uncheck by a click on the box."""
        kinds = (
            QEvent.Type.MouseButtonPress,
            QEvent.Type.MouseButtonRelease,
            QEvent.Type.MouseButtonDblClick,
        )
        if isinstance(event, QMouseEvent) and event.type() in kinds and not index.data(_FOLDED):
            area: QRect = option.rect.adjusted(0, _heading_height(option.fontMetrics, index), 0, 0)
            if (
                not self._box(area)
                .adjusted(-_EDGE, -10, _GAP // 2, 10)
                .contains(event.position().toPoint())
            ):
                return False
            if (
                event.type() == QEvent.Type.MouseButtonRelease
                and event.button() == Qt.MouseButton.LeftButton
            ):
                checked = index.data(Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Checked
                model.setData(
                    index,
                    Qt.CheckState.Unchecked if checked else Qt.CheckState.Checked,
                    Qt.ItemDataRole.CheckStateRole,
                )
            return True
        return False

    def _box(self, area: QRect) -> QRect:
        return QRect(area.left() + _EDGE, area.top() + (area.height() - _BOX) // 2, _BOX, _BOX)

    def _ground(
        self, painter: QPainter, option: QStyleOptionViewItem, area: QRect, theme: Theme
    ) -> None:
        state: QStyle.StateFlag = option.state
        flag = QStyle.StateFlag
        if state & flag.State_Selected:
            painter.fillRect(area, QColor(mixed(theme.surface, theme.accent, 0.16)))
        elif state & flag.State_MouseOver:
            painter.fillRect(area, QColor(mixed(theme.surface, theme.text, 0.05)))
        if state & flag.State_HasFocus:
            painter.setPen(QPen(QColor(theme.accent), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(area).adjusted(1.5, 1.5, -1.5, -1.5), 4, 4)

    def _draw_heading(
        self, painter: QPainter, area: QRect, index: Index, font: QFont, theme: Theme
    ) -> None:
        """Draw the name of a file or group above its first series, and whether it is folded."""
        heading: str = index.data(_HEADING)
        if not heading:
            return
        text = f"{'▸' if index.data(_FOLDED) else '▾'} {heading}"
        painter.setFont(font)
        painter.setPen(QColor(theme.muted))
        inner = area.adjusted(_EDGE, 0, -_EDGE, 0)
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, inner.width())
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)

    def _draw_box(self, painter: QPainter, box: QRect, theme: Theme, *, checked: bool) -> None:
        painter.setPen(QPen(QColor(theme.accent if checked else theme.control), 1))
        painter.setBrush(QColor(theme.accent if checked else theme.surface))
        painter.drawRoundedRect(QRectF(box).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        if checked:
            painter.setPen(
                QPen(
                    QColor(theme.on_accent),
                    1.8,
                    Qt.PenStyle.SolidLine,
                    Qt.PenCapStyle.RoundCap,
                    Qt.PenJoinStyle.RoundJoin,
                )
            )
            painter.setBrush(Qt.BrushStyle.NoBrush)
            corner = QPointF(box.topLeft())
            painter.drawPolyline(
                QPolygonF(
                    [
                        corner + QPointF(3.4, 7.3),
                        corner + QPointF(6.1, 10),
                        corner + QPointF(10.8, 4.4),
                    ]
                )
            )

    def _draw_price(
        self, painter: QPainter, inner: QRect, row: Row, font: QFont, theme: Theme
    ) -> int:
        """Draw price and change at the right; return the width taken."""
        seen = row.glimpse
        if seen is None:
            return 0
        last, change = price(seen.closes[-1]), change_text(seen.change)
        painter.setFont(font)
        width = max(
            painter.fontMetrics().horizontalAdvance(last),
            painter.fontMetrics().horizontalAdvance(change),
        )
        faint = row.series is None
        painter.setPen(QColor(theme.muted if faint else theme.text))
        right = Qt.AlignmentFlag.AlignRight
        painter.drawText(inner, right | Qt.AlignmentFlag.AlignTop, last)
        color = (
            theme.muted
            if faint or not seen.change
            else theme.up_text
            if seen.change > 0
            else theme.down_text
        )
        painter.setPen(QColor(color))
        painter.drawText(inner, right | Qt.AlignmentFlag.AlignBottom, change)
        return width

    def _draw_mark(self, painter: QPainter, inner: QRect, row: Row, theme: Theme) -> int:
        """Draw whether the network beats the baseline on the series; return the width taken."""
        assert row.judgement is not None
        mark, color = {
            "beats": ("✓", theme.up_text),
            "ties": ("=", theme.muted),
            "loses": ("✗", theme.down_text),
            "few": ("?", theme.muted),
        }[row.judgement.outcome]
        painter.setPen(QColor(color))
        right = Qt.AlignmentFlag.AlignRight
        area = inner.adjusted(0, 0, -_GAP, 0)
        painter.drawText(area, right | Qt.AlignmentFlag.AlignVCenter, mark)
        return _MARK + _GAP

    def _draw_spark(self, painter: QPainter, area: QRectF, row: Row, theme: Theme) -> None:
        """Draw the last closes as a line, or a sign that something is wrong."""
        if row.problem:
            self._warning.paint(
                painter, QRectF(area.center().x() - 9, area.center().y() - 9, 18, 18).toRect()
            )
            return
        closes = row.glimpse.closes if row.glimpse else ()
        low, high = min(closes), max(closes)
        if len(closes) < 2:
            return
        step, span = area.width() / (len(closes) - 1), (high - low) or 1.0
        line = QPolygonF(
            [
                QPointF(area.left() + step * n, area.bottom() - (item - low) / span * area.height())
                for n, item in enumerate(closes)
            ]
        )
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(theme.control if row.series is None else theme.price), 1.2))
        painter.drawPolyline(line)

    def _draw_name(
        self, painter: QPainter, area: QRect, row: Row, font: QFont, theme: Theme
    ) -> None:
        """Draw the name above what is known of the bars."""
        elide, left = Qt.TextElideMode.ElideRight, Qt.AlignmentFlag.AlignLeft
        bold = QFont(font)
        bold.setWeight(QFont.Weight.DemiBold)
        painter.setFont(bold)
        painter.setPen(QColor(theme.muted if row.series is None else theme.text))
        painter.drawText(
            area,
            left | Qt.AlignmentFlag.AlignTop,
            painter.fontMetrics().elidedText(row.symbol, elide, area.width()),
        )
        painter.setFont(font)
        painter.setPen(QColor(theme.danger if row.problem else theme.muted))
        painter.drawText(
            area,
            left | Qt.AlignmentFlag.AlignBottom,
            painter.fontMetrics().elidedText(self._below(row), elide, area.width()),
        )

    def _below(self, row: Row) -> str:
        seen = row.glimpse
        if seen is None or (row.problem and row.series is None):
            return self.tr("not loaded")
        if row.judgement and (found := _figures(row.judgement, self._rows.columns)):
            return " · ".join(found)
        if row.series is None:
            return seen.day
        return f"{number(seen.bars, 0)} · {spacing_word(seen.freq)}"


class SeriesList(QListView):
    """The list itself, with its keys: Space checks, Delete removes, Alt with an arrow moves, Enter
    loads.

    Attributes
    ----------
    chosen : Signal
        Place of the row to show.
    checked : Signal
        Places of rows, and whether they are to be trained.
    only_requested : Signal
        Place of the one row that is to be trained.
    options_requested : Signal
        Place of a row to load with other options.
    moved : Signal
        A row is to go from one place to another.
    removed : Signal
        Places of rows to take off the list.
    load_requested : Signal
        Place of a row to load, again or for the first time.
    undo_requested : Signal
        Rows that were removed are to come back.
    folded : Signal
        Keys of the sections that are folded now.
    """

    chosen = Signal(int)
    checked = Signal(object, bool)
    only_requested = Signal(int)
    options_requested = Signal(int)
    moved = Signal(int, int)
    removed = Signal(object)
    load_requested = Signal(int)
    undo_requested = Signal()
    folded = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = SeriesModel()
        self._delegate = RowDelegate(self._rows)
        self._selected = -1
        self._can_undo = False
        self.setModel(self._rows)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName(self.tr("Watchlist"))
        self.setAccessibleDescription(
            self.tr(
                "Space chooses what is trained, Delete removes, Alt with the arrow keys moves "
                "a series. Left folds a group, Right unfolds it."
            )
        )
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setDragDropOverwriteMode(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self._rows.checked.connect(self.checked)
        self._rows.dropped.connect(self.moved)
        self.selectionModel().currentChanged.connect(self._current_changed)
        self.activated.connect(self._activate)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self._add_actions()

    @property
    def current(self) -> int:
        """Place of the row that is shown, also where the search leaves it out; -1 for none."""
        span = self._rows.indices_at(self.currentIndex().row())
        return span[0] if span and self._selected not in span else self._selected

    @property
    def is_natural(self) -> bool:
        """Whether all rows are shown in the user's own order, so that they can be moved."""
        return self._rows.is_natural

    @property
    def shown_count(self) -> int:
        """How many rows the search leaves, those of folded sections among them."""
        return self._rows.found

    @property
    def total_count(self) -> int:
        """How many rows the list has."""
        return len(self._rows.rows)

    @property
    def columns(self) -> frozenset[str]:
        """What is shown of each row beside its name."""
        return self._rows.columns

    @property
    def places(self) -> list[int]:
        """Places of the rows that are marked, from top to bottom; a folded section stands for all
        of its rows.
        """
        marked = self.selectionModel().selectedIndexes()
        return sorted(at for index in marked for at in self._rows.indices_at(index.row()))

    def show_rows(self, rows: tuple[Row, ...], selected: int) -> None:
        """Show other rows, one of them selected; nothing is emitted."""
        with QSignalBlocker(self):
            self._rows.show_rows(rows)
            self.setUniformItemSizes(not self._rows.has_headings)
            here = self.currentIndex().row()
            passing = selected == self._selected and self._rows.is_folded(here)
            self._selected = selected if rows else -1
            position = self._rows.position_of(selected)
            if position >= 0 and not passing and (here != position or not self.places):
                index = self._rows.index(position)
                self.selectionModel().setCurrentIndex(
                    index, QItemSelectionModel.SelectionFlag.ClearAndSelect
                )
                self.scrollTo(index)

    def arrange(self, search: str, order: str, *, reverse: bool = False) -> None:
        """Show the rows that a search finds, in an order; the list itself stays as it is."""
        self._rows.search = search
        self._rows.order = order
        self._rows.reverse = reverse
        self.show_rows(self._rows.rows, self._selected)

    def show_columns(self, columns: Collection[str]) -> None:
        """Choose what is shown of each row beside its name."""
        self._rows.columns = frozenset(columns)
        self.viewport().update()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._delegate.set_theme(theme)
        self.viewport().update()

    def set_watched(self, watched: Collection[tuple[str, str]]) -> None:
        """Mark what is watched, by reference and symbol."""
        self._rows.watched = frozenset(watched)
        self.viewport().update()

    @property
    def row_height(self) -> int:
        """Height of a row in pixels."""
        return _height(self.fontMetrics())

    def fit(self, most: int) -> None:
        """Be as high as the rows, up to a number of them but no lower than two."""
        option = QStyleOptionViewItem()
        option.fontMetrics = self.fontMetrics()
        rows = range(min(self._rows.rowCount(), max(most, 2)))
        heights = [self._delegate.sizeHint(option, self._rows.index(row)).height() for row in rows]
        high = max(sum(heights), self.row_height)
        self.setFixedHeight(high + 2 * self.frameWidth() + 2)

    # Sections

    def fold(self, keys: Collection[str]) -> None:
        """Fold the sections with these keys, and no others, without a word to others."""
        self._rows.folded = frozenset(keys)
        self.show_rows(self._rows.rows, self._selected)

    def fold_section(self, position: int, *, folded: bool) -> bool:
        """Fold or unfold the section that a position belongs to; False where it is so already."""
        found = self._rows.section_at(position)
        if found is None or self._rows.is_folded(found[0]) == folded:
            return False
        keys = self._rows.folded
        self.fold(keys | {found[1].key} if folded else keys - {found[1].key})
        self.folded.emit(self._rows.folded)
        return True

    def fold_all(self, *, folded: bool) -> None:
        """Fold or unfold all sections that are shown."""
        keys = self._rows.folded
        self.fold(keys | self._rows.keys if folded else keys - self._rows.keys)
        self.folded.emit(self._rows.folded)

    @property
    def has_headings(self) -> bool:
        """Whether there are sections that can be folded."""
        return self._rows.has_headings

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Fold or unfold by a click on a heading."""
        index = self.indexAt(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and index.isValid():
            inside = event.position().y() - self.visualRect(index).top()
            if inside < _heading_height(self.fontMetrics(), index):
                self.setFocus(Qt.FocusReason.MouseFocusReason)
                self.fold_section(index.row(), folded=not index.data(_FOLDED))
                return
        super().mousePressEvent(event)

    def _activate(self, index: QModelIndex) -> None:
        """Load a row, or unfold a section."""
        if self._rows.is_folded(index.row()):
            self._fold_current(folded=False)
        else:
            self.load_requested.emit(self._rows.row_index(index.row()))

    def set_undo(self, able: bool) -> None:
        """Let Ctrl+Z put removed rows back, or leave it to the window."""
        self._can_undo = able

    def event(self, event: QEvent) -> bool:
        """Take Ctrl+Z from the window while there is something to put back."""
        undo = QKeySequence.StandardKey.Undo
        if self._can_undo and isinstance(event, QKeyEvent) and event.matches(undo):
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self.undo_requested.emit()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move, remove and load by keys."""
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()), 0)
        fold = {Qt.Key.Key_Left: True, Qt.Key.Key_Right: False}.get(Qt.Key(event.key()))
        if step and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.move_current(step)
        elif fold is not None and not event.modifiers():
            self._fold_current(folded=fold)
        elif event.key() == Qt.Key.Key_Space and self.current >= 0:
            self._toggle()
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._remove()
        else:
            super().keyPressEvent(event)

    def move_current(self, step: int) -> None:
        """Move the row that is shown up (-1) or down (1), past a whole section that is folded."""
        position = self.currentIndex().row()
        beside = self._rows.indices_at(position + step) if position >= 0 else []
        if beside and self.is_natural and not self._rows.is_folded(position):
            self.moved.emit(self.current, beside[-1] if step > 0 else beside[0])

    def _add_actions(self) -> None:
        """Offer in the menu of a row what keys and buttons do."""
        texts = (
            (self.tr("&Train or leave out\tSpace"), self._toggle),
            (self.tr("Train &only this one"), lambda: self.only_requested.emit(self.current)),
            (self.tr("&Load\tEnter"), lambda: self.load_requested.emit(self.current)),
            (self.tr("O&ptions…"), lambda: self.options_requested.emit(self.current)),
            (self.tr("&Remove\tDelete"), self._remove),
            (self.tr("&Fold\t←"), lambda: self._fold_current(folded=True)),
            (self.tr("Un&fold\t→"), lambda: self._fold_current(folded=False)),
        )
        actions = []
        for text, do in texts:
            action = QAction(text, self)
            action.triggered.connect(
                lambda _checked=False, do=do: do() if self.current >= 0 else None
            )
            self.addAction(action)
            actions.append(action)
        self._row_actions, (self._fold_action, self._unfold_action) = actions[1:4], actions[-2:]
        self.remove_file = QAction(self)
        self.remove_file.triggered.connect(lambda _checked=False: self.removed.emit(self._beside()))
        self.addAction(self.remove_file)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer what fits the row, and name the file whose series can be removed at once."""
        self.name_file()
        position = self.currentIndex().row()
        section, folded = self._rows.section_at(position), self._rows.is_folded(position)
        self._fold_action.setVisible(section is not None and not folded)
        self._unfold_action.setVisible(folded)
        for action in self._row_actions:
            action.setEnabled(not folded)
        super().contextMenuEvent(event)

    def name_file(self) -> None:
        """Let the action that removes a whole file fit the row that is shown; it is there for
        files of several series.
        """
        beside = self._beside()
        self.remove_file.setVisible(len(beside) > 1)
        if len(beside) > 1:
            name = file_name(self._rows.rows[beside[0]]).replace("&", "&&")
            self.remove_file.setText(
                self.tr("Remove all {n} series of {name}").format(
                    n=number(len(beside), 0), name=name
                )
            )

    def _beside(self) -> list[int]:
        """Return the places of all series that come from the file of the row that is shown."""
        rows = self._rows.rows
        if not 0 <= self.current < len(rows):
            return []
        reference = rows[self.current].request.reference
        return [index for index, row in enumerate(rows) if row.request.reference == reference]

    def _fold_current(self, *, folded: bool) -> None:
        """Fold or unfold the section of the current row; the keyboard stays with it, and goes to
        its first row where the row that is shown is elsewhere.
        """
        found = self._rows.section_at(self.currentIndex().row())
        if found is None or not self.fold_section(found[0], folded=folded):
            return
        shown = self._rows.section_at(self._rows.position_of(self._selected))
        if folded or shown is None or shown[0] != found[0]:
            flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
            self.selectionModel().setCurrentIndex(self._rows.index(found[0]), flag)

    def _toggle(self) -> None:
        """Train all marked rows or none of them, whichever the shown one is not."""
        checked = self.currentIndex().data(Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Checked
        self.checked.emit(self.places or [self.current], not checked)

    def _remove(self) -> None:
        if self.places:
            self.removed.emit(self.places)

    def _current_changed(self, index: QModelIndex, _before: QModelIndex) -> None:
        folded = self._rows.is_folded(index.row())
        if index.isValid() and not folded and not self.signalsBlocked():
            self._selected = self._rows.row_index(index.row())
            self.chosen.emit(self._selected)


def _heading_height(metrics: QFontMetrics, index: Index) -> int:
    """Return the height in pixels of the heading above a row; 0 where there is none."""
    return metrics.height() + 6 if index.data(_HEADING) else 0


def _height(metrics: QFontMetrics) -> int:
    """Return the height of a row in pixels: room for two lines of a font."""
    return max(_LOWEST, 2 * metrics.height() + 14)
