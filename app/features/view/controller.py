"""How things look: theme, style and scale of the chart, and the span of time it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from app import theme
from app.actions import Actions
from app.charts.price import PriceChart
from app.features.indicators.controller import IndicatorController
from app.features.view.interval import IntervalController
from app.preferences import SPANS, Preferences, Scale, Style
from app.session import Session
from app.theme import Theme
from app.widgets.chart_header import ChartHeader, bars_in, fitting


class ViewController(QObject):
    """Stands between the choices of the View menu and all that is drawn.

    Parameters
    ----------
    session : Session
        Tells which series is shown, and is asked to draw.
    chart : PriceChart
    header : ChartHeader
    set_theme : callable
        Gives the parts of the window the colours of a theme.
    actions : Actions
    preferences : Preferences
        Keeps what was chosen.

    Attributes
    ----------
    theme : Theme
        The colours at hand.
    indicator_controller : IndicatorController
        The menu of indicators.
    interval_controller : IntervalController
        The menu of the distances of bars.
    span_changed : Signal
        The last span of time is shown anew.
    """

    span_changed = Signal()

    def __init__(
        self,
        session: Session,
        chart: PriceChart,
        header: ChartHeader,
        set_theme: Callable[[Theme], None],
        actions: Actions,
        preferences: Preferences,
    ) -> None:
        super().__init__(chart)
        self._session, self._actions, self._preferences = session, actions, preferences
        self._chart, self._header = chart, header
        self.theme: Theme = theme.current(preferences.theme)
        self._colored: list[Callable[[Theme], None]] = [actions.set_theme, set_theme]
        self._header.span_chosen.connect(self.set_span)
        self._chart.range_moved.connect(self._mark_span)
        choose: dict[str, Callable[[Any], None]] = {
            "style": self.set_style,
            "scale": self.set_scale,
            "span": self.set_span,
            "theme": self.set_theme,
        }
        for group, chosen in choose.items():
            for value, action in actions.choices(group).items():
                action.triggered.connect(_calling(chosen, value))
        actions["fit"].triggered.connect(self.fit)
        self.indicator_controller = IndicatorController(
            session, chart, actions.submenus["Indicators"], preferences
        )
        self._header.show_menu(actions.submenus["Indicators"])
        self.interval_controller = IntervalController(
            session, chart, header, actions.submenus["Bars in the chart"]
        )
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_theme_changed)

    def color_also(self, set_theme: Callable[[Theme], None]) -> None:
        """Let something else follow the theme, from now on."""
        self._colored.append(set_theme)
        set_theme(self.theme)

    def restore(self) -> None:
        """Show as it was shown last."""
        self._actions.check("theme", self._preferences.theme)
        self._color()
        self.set_style(self._preferences.style)
        self.set_scale(self._preferences.scale)
        self.indicator_controller.restore()
        self._actions.check("span", self._preferences.span)

    def set_theme(self, name: str) -> None:
        """Switch the whole program to a theme: ``system``, ``light`` or ``dark``."""
        self._preferences.theme = name
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(app, theme.current(name))
        self._color()

    def set_style(self, name: Style) -> None:
        """Draw prices as candles, bars, a line or an area."""
        self._preferences.style = name
        self._chart.set_style(name)
        self.mark_style()
        self._session.request_repaint()

    def mark_style(self) -> None:
        """Mark how the prices are drawn: those without open, high and low as a line, whatever
        was chosen.
        """
        series, style = self._session.series, self._preferences.style
        ranged = series is None or series.has_range
        self._actions.check(
            "style", style if ranged or style not in ("candles", "bars") else "line"
        )
        for name in ("candles", "bars"):
            self._actions.choices("style")[name].setEnabled(ranged)

    @property
    def scale(self) -> Scale:
        """The scale of prices."""
        return self._preferences.scale

    def set_scale(self, name: Scale) -> None:
        """Choose the scale of prices."""
        self._preferences.scale = name
        self._actions.check("scale", name)
        self._chart.set_scale(name)
        self._session.request_repaint()

    def set_span(self, span: str) -> None:
        """Show the last span of time."""
        assert span in SPANS
        self._preferences.span = span
        self._actions.check("span", span)
        self.show_span()

    def show_span(self) -> None:
        """Show the chosen span of the selected series, or the next longer one that has enough
        bars.
        """
        series = self._chart.series
        if series:
            self._chart.show_range(bars_in(series, fitting(series, self._preferences.span)))
            self._session.request_repaint()
            self.span_changed.emit()

    def _mark_span(self, in_range: bool) -> None:
        """Mark the span that is in view; none once the user has moved away from it."""
        series = self._chart.series
        shown = fitting(series, self._preferences.span) if series and in_range else ""
        self._header.show_span(shown)
        self._actions.check("span", shown)

    def fit(self) -> None:
        """Show the whole chart."""
        self._chart.fit()
        self._session.request_repaint()

    def _color(self) -> None:
        """Give everything the colours of the theme that was chosen."""
        self.theme = theme.current(self._preferences.theme)
        for set_theme in self._colored:
            set_theme(self.theme)
        self._session.request_repaint()

    def _system_theme_changed(self) -> None:
        if self._preferences.theme == "system":
            self.set_theme("system")


def _calling(choose: Callable[[Any], None], value: str) -> Callable[[bool], None]:
    def chosen(_checked: bool = False) -> None:
        choose(value)

    return chosen
