"""The ground under every chart: panes that are panned and zoomed, and artists that paint on them
in pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontInfo,
    QFontMetricsF,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import (
    QApplication,
    QGraphicsItem,
    QGraphicsSceneWheelEvent,
    QStyleOptionGraphicsItem,
    QVBoxLayout,
    QWidget,
)

from app.charts.axis import PriceAxis, Tick
from app.charts.plot import Columns
from app.theme import LIGHT, Theme
from forecasting.series import Floats


@dataclass(frozen=True)
class Frame:
    """Geometry and look of a pane that an artist paints with: size, visible range, theme.

    All painting is in logical pixels from the top left corner of the pane, so that line widths and
    text come out alike on screen, in an image of 300 dpi and on paper.

    Attributes
    ----------
    width, height : float
        Size in logical pixels.
    x : tuple of float
        Visible bar indices (or epochs).
    y : tuple of float
        Visible values; decimal logarithms of them where ``log``.
    log : bool
    theme : Theme
    font : QFont
    x_ticks, y_ticks : sequence of Tick
        Marks of the axes, for grid lines.
    scale : float
        Device pixels per logical pixel; 0 for vector devices.
    on_screen : bool
        Whether speed counts more than the last bit of quality.
    """

    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    log: bool
    theme: Theme
    font: QFont
    x_ticks: Sequence[Tick] = ()
    y_ticks: Sequence[Tick] = ()
    scale: float = 1.0
    on_screen: bool = False

    @property
    def bar_width(self) -> float:
        """Pixels from one bar to the next."""
        return self.width / (self.x[1] - self.x[0])

    def px(self, x: Floats) -> Floats:
        """Return the pixel columns of bar indices."""
        return (np.asarray(x, np.float64) - self.x[0]) * self.bar_width

    def py(self, value: Floats) -> Floats:
        """Return the pixel rows of values; values without a logarithm lie far below a logarithmic
        axis.
        """
        y = np.asarray(value, np.float64)
        if self.log:
            y = np.log10(np.maximum(y, 1e-300))
        rows: Floats = self.height - (y - self.y[0]) * (self.height / (self.y[1] - self.y[0]))
        # Beyond some thousand pixels nothing is seen, but rasterisers and SVG readers lose
        # precision.
        return np.clip(rows, -4 * self.height, 5 * self.height)

    def at(self, x: float, value: float) -> QPointF:
        """Return the pixel of one point."""
        return QPointF(self.column(x), float(self.py(np.array([value]))[0]))

    def column(self, x: float, crisp: bool = False) -> float:
        """Return the pixel column of one bar index."""
        pixels = (x - self.x[0]) * self.bar_width
        return self._crisp(pixels) if crisp else pixels

    def row(self, y: float, crisp: bool = False) -> float:
        """Return the pixel row of one coordinate of the axis (a logarithm where ``log``)."""
        pixels = self.height - (y - self.y[0]) * self.height / (self.y[1] - self.y[0])
        return self._crisp(pixels) if crisp else pixels

    def _crisp(self, pixels: float) -> float:
        return float(self.snap(np.array([pixels]))[0])

    def snap(self, pixels: Floats) -> Floats:
        """Align pixel positions to the centre of a device pixel, for crisp upright lines; vector
        devices need none.
        """
        if self.scale <= 0:
            return pixels
        half = 0.5 if round(self.scale) % 2 else 0.0
        snapped: Floats = (np.floor(pixels * self.scale) + half) / self.scale
        return snapped


class Artist(Protocol):
    """Interface of what paints one thing on a pane."""

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint; the state of the painter need not be restored."""
        ...


class Canvas(QGraphicsItem):
    """Scene item that calls the artists of a pane in order."""

    def __init__(self, pane: Pane) -> None:
        super().__init__(pane)
        self._pane = pane
        self.setZValue(1)

    def boundingRect(self) -> QRectF:
        """Return the rectangle of the pane."""
        return QRectF(0, 0, self._pane.width(), self._pane.height())

    def resized(self) -> None:
        """Announce to the scene that the bounding rectangle changes."""
        self.prepareGeometryChange()

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Call the artists. An exception in ``paint`` would end the process: it is stored, and the
        chart raises it later.
        """
        vector = painter.paintEngine().type() not in (
            painter.paintEngine().Type.Raster,
            painter.paintEngine().Type.OpenGL2,
        )
        frame = self._pane.frame(
            0.0 if vector else painter.deviceTransform().m11(), on_screen=widget is not None
        )
        for artist in self._pane.artists:
            painter.save()
            try:
                painter.setFont(frame.font)
                artist.paint(painter, frame)
            except Exception as error:
                self._pane.faults.append(error)
            finally:
                painter.restore()


class Pane(pg.ViewBox):  # type: ignore[misc]
    """One plot: visible range, artists and mouse interaction.

    The wheel zooms x at the cursor, dragging pans; over an axis both act on that axis. Ranges are
    only asked for by signals: the chart decides, so that y can follow the visible bars.
    """

    panned = Signal(float, float)
    zoomed = Signal(float, float)
    scaled = Signal(float, float)
    fit_requested = Signal()

    def __init__(self) -> None:
        super().__init__(enableMenu=False, defaultPadding=0.0)
        self.disableAutoRange()
        self.artists: list[Artist] = []
        self.faults: list[Exception] = []
        self.log = False
        self.theme = LIGHT
        self.label_font = QFont()
        self.x_axis: Any = None
        self.y_axis: PriceAxis | None = None
        #: Takes a drag before the pane pans; True where it did.
        self.drag_taken: Callable[[Any], bool] = lambda _event: False
        #: Takes a double click before the pane fits its view; True where it did.
        self.double_click_taken: Callable[[Any], bool] = lambda _event: False
        self._canvas = Canvas(self)
        self.sigResized.connect(self._canvas.resized)
        self.sigRangeChanged.connect(self.repaint)

    def repaint(self) -> None:
        """Schedule a repaint for the next turn of the event loop."""
        self._canvas.update()

    def frame(self, scale: float = 1.0, on_screen: bool = False) -> Frame:
        """Return the current frame."""
        (x0, x1), (y0, y1) = self.viewRange()
        x_ticks = self.x_axis.ticks() if self.x_axis is not None and self.x_axis.isVisible() else ()
        y_ticks = self.y_axis.ticks() if self.y_axis is not None and self.y_axis.isVisible() else ()
        size = (self.width(), self.height())
        return Frame(
            *size,
            (x0, x1),
            (y0, y1),
            self.log,
            self.theme,
            self.label_font,
            x_ticks,
            y_ticks,
            scale,
            on_screen,
        )

    def wheelEvent(self, event: QGraphicsSceneWheelEvent, axis: int | None = None) -> None:
        """Zoom x at the cursor; pan with Shift or a sideways wheel; scale y over the price axis."""
        event.accept()
        turns = event.delta() / 120
        (x0, x1), (y0, y1) = self.viewRange()
        if axis == 1:
            self.scaled.emit(0.9**-turns, (y0 + y1) / 2)
        elif (
            event.orientation() == Qt.Orientation.Horizontal
            or event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ):
            self.panned.emit(-turns * (x1 - x0) * 0.08, 0.0)
        else:
            share = (
                1.0 if axis == 0 else min(max(event.pos().x() / max(self.width(), 1.0), 0.0), 1.0)
            )
            self.zoomed.emit(0.85**turns, x0 + share * (x1 - x0))

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """Pan; over the date axis zoom, over the price axis scale."""
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        event.accept()
        if axis is None and self.drag_taken(event):
            return
        move = event.pos() - event.lastPos()
        (x0, x1), (y0, y1) = self.viewRange()
        if axis == 0:
            self.zoomed.emit(0.995 ** move.x(), x1)
        elif axis == 1:
            self.scaled.emit(1.005 ** move.y(), (y0 + y1) / 2)
        else:
            self.panned.emit(
                -move.x() * (x1 - x0) / max(self.width(), 1.0),
                move.y() * (y1 - y0) / max(self.height(), 1.0),
            )

    def mouseClickEvent(self, event: Any) -> None:
        """Fit on a double click."""
        if event.double() and event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            if not self.double_click_taken(event):
                self.fit_requested.emit()


class Grid:
    """Grid lines at the ticks of both axes."""

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the lines."""
        painter.setPen(QColor(frame.theme.grid))
        for tick in frame.x_ticks:
            column = frame.column(tick.place, crisp=True)
            painter.drawLine(QPointF(column, 0), QPointF(column, frame.height))
        for tick in frame.y_ticks:
            row = frame.row(tick.place, crisp=True)
            painter.drawLine(QPointF(0, row), QPointF(frame.width, row))


class Divider:
    """Thin line between a pane and the one above it."""

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the line."""
        painter.setPen(QColor(frame.theme.line))
        painter.drawLine(QPointF(0, 0.5), QPointF(frame.width, 0.5))


class PaintedPlot(QWidget):
    """Widget that paints its plot whole, by :meth:`paint_plot`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = LIGHT

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self.update()

    def refresh(self) -> None:
        """Repaint."""
        self.update()

    def paintEvent(self, _event: object) -> None:
        """Paint background and plot."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._theme.surface))
        self.paint_plot(painter, QRectF(self.rect()), self._theme)
        painter.end()

    def paint_plot(self, painter: QPainter, rect: QRectF, theme: Theme, font_px: int = 0) -> None:
        """Paint into a rectangle in a theme, without a background."""
        painter.save()
        font = painter.font()
        if font_px:
            font.setPixelSize(font_px)
        painter.setFont(font)
        self._paint(painter, rect, theme)
        painter.restore()

    def _paint(self, painter: QPainter, rect: QRectF, theme: Theme) -> None:
        raise NotImplementedError


class EmptyText:
    """Text of a chart without data: the next step for the user."""

    def __init__(self, title: str, hint: str = "") -> None:
        self.title, self.hint = title, hint
        self.visible = True

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the text in the middle."""
        if not self.visible:
            return
        font = QFont(frame.font)
        font.setPixelSize(round(frame.font.pixelSize() * 1.25))
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(frame.theme.text))
        line = QFontMetricsF(font).height()
        middle = frame.height / 2
        wrap = int(Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap)
        if self.hint:
            upwards = wrap | int(Qt.AlignmentFlag.AlignBottom)
            painter.drawText(
                QRectF(16, middle - line * 3.3, frame.width - 32, line * 3), upwards, self.title
            )
            painter.setFont(frame.font)
            painter.setPen(QColor(frame.theme.muted))
            painter.drawText(
                QRectF(16, middle + 4, frame.width - 32, frame.height / 2), wrap, self.hint
            )
        else:
            painter.drawText(
                QRectF(16, middle - line, frame.width - 32, line * 2),
                Qt.AlignmentFlag.AlignCenter,
                self.title,
            )


class _View(pg.GraphicsView):  # type: ignore[misc]
    """Graphics view of the chart; reports when the pointer leaves it."""

    left = Signal()
    painted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, useOpenGL=False, background=None)
        self.setViewportUpdateMode(self.ViewportUpdateMode.FullViewportUpdate)
        self.setMinimumSize(120, 60)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the scene, then report faults of the artists."""
        super().paintEvent(event)
        self.painted.emit()

    def leaveEvent(self, event: QEvent) -> None:
        """Report that the pointer has left."""
        super().leaveEvent(event)
        self.left.emit()


class Chart(QWidget):
    """Base of the charts: panes in a scene, a theme, repaint on demand.

    ``show_...`` methods of the charts store what they are given and mark the chart dirty;
    :meth:`refresh` does the work.
    """

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = LIGHT
        self._dirty = True
        self._view = _View(self)
        self._view.setFocusProxy(self)
        self._view.left.connect(self._pointer_left)
        self._view.painted.connect(self._painted)
        self._faults: list[Exception] = []
        self._fault_raised = False
        self._grid = pg.GraphicsLayout()
        self._grid.layout.setContentsMargins(0, 0, 0, 0)
        self._grid.layout.setSpacing(0)
        self._view.setCentralItem(self._grid)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.addWidget(self._view)
        self._focus_mark = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)
        self._view.setAccessibleName(name)
        self._panes: list[Pane] = []
        self._font = QFont(QApplication.font())
        self._font.setPixelSize(max(9, round(QFontInfo(self._font).pixelSize() * 0.92)))

    def summary(self) -> str:
        """Return what the chart shows in one or two sentences, for screen readers."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Update the screen where the data has changed since the last call."""
        if not self._dirty:
            return
        self._dirty = self._fault_raised = False
        self._update_scene()
        self.setAccessibleDescription(self.summary())
        self.repaint_panes()

    def _update_scene(self) -> None:
        """Update axes, ranges and artists from the data."""
        raise NotImplementedError

    def mark_dirty(self) -> None:
        """Request an update at the next :meth:`refresh`."""
        self._dirty = True

    def repaint_panes(self) -> None:
        """Schedule a repaint of panes and axes for the next turn of the event loop."""
        for pane in self._panes:
            pane.repaint()
            if pane.y_axis is not None:
                pane.y_axis.update()
            if pane.x_axis is not None:
                pane.x_axis.update()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.theme = theme
        self._apply_look()
        self.mark_dirty()

    def _apply_look(self) -> None:
        """Apply theme and font to all parts."""
        self._view.setBackground(QColor(self.theme.surface))
        colors = self._view.palette()
        colors.setColor(QPalette.ColorRole.Base, QColor(self.theme.surface))
        self._view.setPalette(colors)
        for pane in self._panes:
            pane.theme, pane.label_font, pane.faults = self.theme, self._font, self._faults
            for axis in (pane.x_axis, pane.y_axis):
                if axis is not None:
                    axis.set_look(self.theme, self._font)
                    axis.faults = self._faults

    def lay_out(self, width: float, height: float) -> None:
        """Resize the scene without showing the widget, for exports."""
        self.resize(round(width), round(height))
        self._view.resize(round(width), round(height))
        self._view.resizeEvent(None)
        self._grid.layout.activate()
        self._dirty = True
        self.refresh()
        self._grid.layout.activate()

    def draw(self, painter: QPainter, target: QRectF) -> None:
        """Paint the scene into a rectangle of any painter; all exported pictures come from here."""
        self._faults.clear()
        scene = self._view.scene()
        scene.prepareForPaint()
        scene.render(
            painter, target, QRectF(self._view.rect()), Qt.AspectRatioMode.IgnoreAspectRatio
        )
        if self._faults:
            raise self._faults[0]

    def paint_plot(self, painter: QPainter, rect: QRectF, theme: Theme, font_px: int = 0) -> None:
        """Paint the chart into a rectangle, laid out for its size; the chart on screen is unchanged
        afterwards.

        Parameters
        ----------
        painter : QPainter
        rect : QRectF
            Target in logical pixels; gets no ground of its own.
        theme : Theme
        font_px : int
            Size of the text in logical pixels; 0 keeps that of the screen.
        """
        self.refresh()
        shown = (self.theme, self.size(), self._view.geometry(), self._font.pixelSize())
        self._pointer_left()
        release = (
            self._hold_view() if self.isVisible() else lambda: None
        )  # what was never seen may choose its view anew
        try:
            self._look(theme, font_px or shown[3])
            self.lay_out(rect.width(), rect.height())
            self.draw(painter, rect)
        finally:
            self._look(theme=shown[0], font_px=shown[3])
            self.resize(shown[1])
            self._view.setGeometry(shown[2])
            self._view.resizeEvent(None)
            self._grid.layout.activate()
            release()
            self._dirty = True
            self.refresh()

    def table(self) -> Columns:
        """Return the numbers that are drawn, by columns of equal length; empty without data."""
        return {}

    def _look(self, theme: Theme, font_px: int) -> None:
        self.theme = theme
        self._font.setPixelSize(font_px)
        self._apply_look()

    def _hold_view(self) -> Callable[[], None]:
        """Freeze the visible range while the size changes; return the function that ends that."""
        return lambda: None

    def _painted(self) -> None:
        """Report a fault of painting once, from the event loop, until the data changes."""
        if self._faults and not self._fault_raised:
            self._fault_raised = True
            QTimer.singleShot(0, self, self._tell)

    def _tell(self) -> None:
        """Raise the fault where the program's exception hook sees it."""
        error = self._faults[0]
        self._faults.clear()
        raise error

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus frame when the focus came by keyboard."""
        self._focus_mark = event.reason() not in (
            Qt.FocusReason.MouseFocusReason,
            Qt.FocusReason.ActiveWindowFocusReason,
        )
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the focus frame."""
        self._focus_mark = False
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint background and focus frame."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self.theme.surface))
        if self._focus_mark:
            painter.setPen(QPen(QColor(self.theme.accent), 2))
            painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))
        painter.end()

    def _pointer_left(self) -> None:
        """Hide crosshair and readout."""
