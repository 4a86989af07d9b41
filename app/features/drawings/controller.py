"""Drawings on the price charts: added by tools, undone, copied, and stored with the project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError
from PySide6.QtCore import QMimeData, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu

from app.charts.drawing import KINDS, MOST_DRAWINGS, Drawing, Drawings, Kind
from app.charts.drawing_editor import DRAWING_MIME
from app.charts.price import PriceChart
from app.features.drawings.dialog import DrawingDialog
from app.features.drawings.toolbar import DrawingToolbar
from app.features.spec import FeatureContext, FeatureController
from app.number_format import plain_number, price_decimals
from app.theme import LIGHT, Theme, icon
from app.undo_history import Change
from forecasting.errors import CandlecastError
from forecasting.files.atomic import atomic_write
from forecasting.files.bounded_read import read_regular_file

#: Most bytes of the file of drawings without a project.
_MOST_BYTES = 4 * 2**20
_TOPIC = "drawings"


class DrawingsController(FeatureController):
    """Stands between the tools, the charts and what a project stores.

    Parameters
    ----------
    context : FeatureContext
        Its chart is the main one; others are added by :meth:`attach`.

    Attributes
    ----------
    drawings : Drawings
        All of them, of every series.
    dialog : DrawingDialog or None
        The properties that are open.
    hinted : Signal
        Words for the status bar.
    odds_requested : Signal
        The odds of a line are asked for: its name, and what returns its price at a bar.
    shown : Signal
        A chart has been given its drawings.
    menu_filled : Signal
        Chart, context menu, date and bar: others add their entries.
    """

    hinted = Signal(str)
    odds_requested = Signal(str, object)
    shown = Signal(object)
    menu_filled = Signal(object, object, object, int)

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context)
        self._actions = context.actions
        self._toolbar: DrawingToolbar = context.panels["drawing_tools"]
        self._theme = LIGHT
        self.drawings = Drawings()
        self.dialog: DrawingDialog | None = None
        self._before_drag: Drawings | None = None
        self._charts: list[PriceChart] = []
        self._toolbar.show_actions(self._actions)
        self.attach(context.chart)
        self._wire_actions()

    def _wire_actions(self) -> None:
        actions, preferences = self._actions, self._preferences
        for kind in KINDS:
            actions[f"draw-{kind}"].triggered.connect(self._choosing(kind))
        actions["draw-measure"].triggered.connect(self._choose_measure)
        actions["draw-magnet"].setChecked(preferences.magnet)
        actions["draw-magnet"].toggled.connect(self._set_magnet)
        actions["draw-bar"].setChecked(preferences.drawing_tools)
        actions["draw-bar"].toggled.connect(self._show_toolbar)
        actions["draw-hide"].toggled.connect(self._hide)
        actions["draw-clear"].triggered.connect(lambda _checked=False: self.clear())
        self._set_magnet(preferences.magnet)
        self._toolbar.setVisible(preferences.drawing_tools)

    def attach(self, chart: PriceChart) -> None:
        """Let drawings be made on a chart, too."""
        self._charts.append(chart)
        editor = chart.drawings
        editor.changed.connect(lambda items, done: self._take(chart, items, done))
        editor.tool_changed.connect(self._tool_changed)
        editor.text_requested.connect(lambda index: self.ask(chart, index))
        editor.copy_requested.connect(lambda index: self.copy(chart, index))
        editor.paste_requested.connect(lambda: self.paste(chart))
        chart.measure.ended = self._tool_ended
        chart.menu_requested.connect(
            lambda menu, bar, price: self.fill_menu(chart, menu, bar, price)
        )
        chart.magnet = self._preferences.magnet

    def detach(self, chart: PriceChart) -> None:
        """Forget a chart that is taken away."""
        self._charts.remove(chart)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme

    # What is stored

    def take(self, drawings: Drawings) -> None:
        """Take the drawings of a project; there is nothing to undo then."""
        self.drawings, self._before_drag = drawings, None
        self._history.forget(_TOPIC)
        self.show()

    def restore(self) -> None:
        """Take the drawings of the last window without a project; a damaged file is left alone."""
        try:
            data = read_regular_file(self._file, _MOST_BYTES)
            self.take(Drawings.model_validate_json(data))
        except (OSError, CandlecastError, ValidationError):
            return

    def save(self) -> None:
        """Store the drawings for the next window without a project."""
        file = self._file
        if self.drawings == Drawings() and not file.exists():
            return
        try:
            atomic_write(file, self.drawings.model_dump_json(exclude_defaults=True).encode())
        except CandlecastError as error:
            self.hinted.emit(error.message)

    @property
    def _file(self) -> Path:
        return self._preferences.data_file("drawings.json")

    def _restore(self, drawings: Drawings) -> None:
        """Show the drawings that were there before, or again."""
        self.drawings = drawings
        self.changed.emit()
        self.show()

    # Changes

    def clear(self) -> None:
        """Delete the drawings of the shown series."""
        series = self._session.series
        if series is not None and self.drawings.of(series.symbol):
            self.change(self.drawings.replaced(series.symbol, ()))

    def ask(self, chart: PriceChart, index: int) -> DrawingDialog:
        """Ask for text, colour and points of a drawing."""
        drawing = chart.drawings.drawings[index]
        dialog = self.dialog = DrawingDialog(self._window, drawing, self._theme)
        dialog.settled.connect(lambda changed: self._settle(chart, drawing, changed))
        dialog.rejected.connect(lambda: self._drop_empty_note(chart, drawing))
        dialog.destroyed.connect(self._dialog_closed)
        dialog.open()
        return dialog

    def copy(self, chart: PriceChart, index: int) -> None:
        """Put a drawing onto the clipboard, for this series or another one."""
        drawing = chart.drawings.drawings[index]
        data = QMimeData()
        data.setData(DRAWING_MIME, drawing.model_dump_json().encode())
        data.setText(drawing.text or drawing.title)
        QGuiApplication.clipboard().setMimeData(data)
        self.hinted.emit(self.tr("Copied: {title}").format(title=drawing.title))

    def paste(self, chart: PriceChart) -> bool:
        """Add the drawing of the clipboard to the shown series; False where there is none."""
        data = QGuiApplication.clipboard().mimeData()
        series = chart.series
        if series is None or not data.hasFormat(DRAWING_MIME):
            return False
        try:
            drawing = Drawing.model_validate_json(bytes(data.data(DRAWING_MIME).data()))
        except ValidationError:
            return False
        chart.drawings.add(drawing.model_copy(update={"symbol": series.symbol}))
        return True

    def _take(self, chart: PriceChart, items: tuple[Drawing, ...], done: bool) -> None:
        """Take a change that hands made on a chart; the steps of a drag are one change."""
        series = chart.series
        if series is None:
            return
        changed = self.drawings.replaced(series.symbol, items)
        if not done:
            if self._before_drag is None:
                self._before_drag = self.drawings
            self.drawings = changed
            self.show()
            return
        before, self._before_drag = self._before_drag, None
        if before is not None:
            self.drawings = before
        self.change(changed)

    def change(self, drawings: Drawings) -> None:
        """Change the drawings so that it can be undone."""
        if drawings != self.drawings:
            before, self.drawings = self.drawings, drawings
            self.changed.emit()
            self._history.record(
                Change(_TOPIC, lambda: self._restore(before), lambda: self._restore(drawings))
            )
            if len(drawings.items) == MOST_DRAWINGS:
                self.hinted.emit(
                    self.tr("A project holds {n} drawings at most").format(n=MOST_DRAWINGS)
                )
        self.show()

    def _settle(self, chart: PriceChart, before: Drawing, changed: Drawing) -> None:
        """Take the properties that were typed in, unless the drawing has gone."""
        items = chart.drawings.drawings
        if before in items:
            index = items.index(before)
            self._take(chart, (*items[:index], changed, *items[index + 1 :]), done=True)

    def _drop_empty_note(self, chart: PriceChart, drawing: Drawing) -> None:
        """Remove a new note that was given no text."""
        if drawing.kind == "note" and not drawing.text and drawing in chart.drawings.drawings:
            chart.drawings.remove(chart.drawings.drawings.index(drawing))

    def _dialog_closed(self) -> None:
        self.dialog = None

    # Tools

    def _choosing(self, kind: Kind) -> Callable[[bool], None]:
        def choose(checked: bool = False) -> None:
            for chart in self._charts:
                chart.measure.clear()
                chart.drawings.set_tool(kind if checked else None)
            if checked:
                self._charts[0].setFocus()
                self.hinted.emit(self.tr("{help}. Esc leaves.").format(help=KINDS[kind].help))

        return choose

    def _choose_measure(self, checked: bool = False) -> None:
        for chart in self._charts:
            chart.drawings.set_tool(None)
            chart.measure.clear()
            chart.measure.chosen = checked
        self._actions["draw-measure"].setChecked(checked)

    def _tool_changed(self, kind: str) -> None:
        """Mark the tool of the charts; all of them put it away together."""
        if kind:
            self._actions.check("draw", kind)
            return
        for chart in self._charts:
            chart.drawings.set_tool(None)
        for name in KINDS:
            self._actions[f"draw-{name}"].setChecked(False)

    def _tool_ended(self) -> None:
        self._actions["draw-measure"].setChecked(False)
        for chart in self._charts:
            chart.measure.chosen = False

    def _set_magnet(self, on: bool) -> None:
        self._preferences.magnet = on
        for chart in self._charts:
            chart.magnet = on

    def _show_toolbar(self, shown: bool) -> None:
        self._preferences.drawing_tools = shown
        self._toolbar.setVisible(shown)

    def _hide(self, hidden: bool) -> None:
        for chart in self._charts:
            chart.drawings.layer.hidden = hidden
            chart.repaint_panes()

    # The context menu

    def fill_menu(self, chart: PriceChart, menu: QMenu, bar: int, price: float) -> None:
        """Add what can be done at a bar and a price."""
        add = menu.addMenu(icon("draw-trend", self._theme), self.tr("Add &line"))
        for kind, spec in KINDS.items():
            action = add.addAction(icon(f"draw-{kind}", self._theme), self.tr(spec.title))
            action.setToolTip(self.tr(spec.help))
            action.triggered.connect(
                lambda _checked=False, kind=kind: chart.drawings.at(kind, bar, price)
            )
        text = plain_number(price, price_decimals(price)).replace(",", "")
        copy = menu.addAction(self.tr("Copy &price {price}").format(price=text))
        copy.triggered.connect(lambda: self._copy_text(text))
        measure = menu.addAction(
            icon("draw-measure", self._theme), self.tr("&Measure from here\tM")
        )
        measure.triggered.connect(lambda: chart.measure_from(bar, price))
        self.menu_filled.emit(chart, menu, chart.drawings.date_at(bar), bar)
        index = chart.drawings.layer.selected
        if index is not None:
            self._fill_selected(chart, menu, index)
        menu.addSeparator()

    def _fill_selected(self, chart: PriceChart, menu: QMenu, index: int) -> None:
        title = chart.drawings.drawings[index].title
        below = menu.addMenu(self.tr("&Drawing: {title}").format(title=title[:30]))
        editor = chart.drawings
        if chart is self._charts[0] and editor.price_at(index, 0) is not None:
            odds = below.addAction(self.tr("&Odds of this line"))
            odds.setToolTip(self.tr("Read how likely the price is to reach it"))
            odds.triggered.connect(
                lambda: self.odds_requested.emit(
                    title, lambda bar: editor.price_at(index, float(chart.mapping.position(bar)))
                )
            )
        for text, do in (
            (self.tr("&Edit…"), lambda: self.ask(chart, index)),
            (self.tr("&Duplicate"), lambda: chart.drawings.duplicate(index)),
            (self.tr("&Copy"), lambda: self.copy(chart, index)),
            (self.tr("De&lete"), lambda: chart.drawings.remove(index)),
        ):
            below.addAction(text).triggered.connect(do)

    def _copy_text(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.hinted.emit(self.tr("Copied {text}").format(text=text))

    def show(self) -> None:
        """Draw what belongs to the series of each chart."""
        for chart in self._charts:
            symbol = chart.series.symbol if chart.series is not None else ""
            chart.drawings.show(symbol, self.drawings.of(symbol))
            self.shown.emit(chart)
            chart.mark_dirty()
        self._session.request_repaint()
