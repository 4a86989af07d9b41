"""The menu of indicators: what is drawn over and under the prices, with which parameters, and
what of the legend is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app.charts.price import PriceChart
from app.features.indicators.form import IndicatorForm
from app.preferences import MOST_INDICATORS, Preferences
from app.session import Session
from forecasting.errors import ConfigError
from forecasting.indicators import INDICATORS, Indicator


class IndicatorController(QObject):
    """Fills the menu when it opens, and remembers what was chosen.

    Parameters
    ----------
    session : Session
        Is asked to draw.
    chart : PriceChart
    menu : QMenu
    preferences : Preferences
    """

    def __init__(
        self, session: Session, chart: PriceChart, menu: QMenu, preferences: Preferences
    ) -> None:
        super().__init__(chart)
        self._session, self._chart, self._menu, self._preferences = (
            session,
            chart,
            menu,
            preferences,
        )
        self.form: IndicatorForm | None = None
        self._below: list[QMenu] = []
        self.indicators: tuple[Indicator, ...] = ()
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(self.fill)
        chart.legend_changed.connect(self._remember)

    def restore(self) -> None:
        """Draw what was drawn last."""
        self.take(self._preferences.indicators, self._preferences.hidden)

    def take(self, texts: Sequence[str], hidden: frozenset[str]) -> None:
        """Draw what settings or a project say, as :attr:`Indicator.text` writes it; what cannot
        be read is left out.
        """
        found = []
        for text in texts:
            try:
                found.append(Indicator.parse(text))
            except ConfigError:
                continue
        self._chart.hide_entries(hidden)
        self.show(tuple(dict.fromkeys(found))[:MOST_INDICATORS])
        self._remember()
        self.fill()

    def show(self, indicators: tuple[Indicator, ...]) -> None:
        """Draw these indicators and no others."""
        self.indicators = indicators
        self._chart.show_indicators(indicators)
        self._session.request_repaint()

    def add(self, indicator: Indicator) -> None:
        """Draw one more; one that is there already is shown again."""
        self.change(None, indicator)

    def change(self, old: Indicator | None, new: Indicator | None) -> None:
        """Put an indicator in the place of another; None for the old one adds, for the new one
        removes.
        """
        rest = (
            [new if item == old else item for item in self.indicators]
            if old
            else [*self.indicators, new]
        )
        self._chart.hide_entries(self._chart.hidden - {item.text for item in (old, new) if item})
        self.show(tuple(dict.fromkeys(item for item in rest if item is not None))[:MOST_INDICATORS])
        self._remember()

    def ask(self, indicator: Indicator, old: Indicator | None = None) -> IndicatorForm:
        """Ask for the parameters of a new indicator, or for others of an old one."""
        self.form = IndicatorForm(
            self._chart.window(), indicator, self.tr("Change") if old else self.tr("Add")
        )
        self.form.chosen.connect(lambda new: self.change(old, new))
        self.form.destroyed.connect(self._form_closed)
        self.form.open()
        return self.form

    def fill(self) -> None:
        """List what the legend lists, with a mark where it is shown, and what can be added,
        changed and removed.
        """
        self._menu.clear()
        for below in self._below:
            below.deleteLater()
        self._below = []
        self._chart.refresh()
        for entry in self._chart.entries:
            if entry.key:
                action = self._action(
                    self._menu,
                    entry.label,
                    self.tr("Show or hide it in the chart; a click in the legend does the same"),
                )
                action.setCheckable(True)
                action.setChecked(entry.key not in self._chart.hidden)
                action.triggered.connect(
                    lambda _checked=False, key=entry.key: self._chart.toggle(key)
                )
        if self._menu.actions():
            self._menu.addSeparator()
        add = self._submenu(self.tr("&Add"))
        add.setEnabled(len(self.indicators) < MOST_INDICATORS)
        for name, spec in INDICATORS.items():
            text = self.tr("{title}…").format(title=spec.title) if spec.parameters else spec.title
            tip = self.tr("Computed from {columns} up to each bar only").format(
                columns=", ".join(spec.columns)
            )
            action = self._action(add, text, tip)
            begin = self.ask if spec.parameters else self.add
            action.triggered.connect(
                lambda _checked=False, name=name, begin=begin: begin(Indicator(name))
            )
        change, remove = self._submenu(self.tr("&Change")), self._submenu(self.tr("&Remove"))
        for item in self.indicators:
            if item.values:
                self._action(
                    change,
                    self.tr("{name}…").format(name=item.label),
                    self.tr("Choose other parameters"),
                ).triggered.connect(lambda _checked=False, item=item: self.ask(item, item))
            self._action(remove, item.label, self.tr("Draw it no longer")).triggered.connect(
                lambda _checked=False, item=item: self.change(item, None)
            )
        for below in (change, remove):
            below.setEnabled(bool(below.actions()))

    def _form_closed(self) -> None:
        self.form = None

    def _submenu(self, title: str) -> QMenu:
        below = self._menu.addMenu(title)
        below.setToolTipsVisible(True)
        self._below.append(below)
        return below

    def _action(self, menu: QMenu, text: str, tip: str) -> QAction:
        action = menu.addAction(text)
        action.setToolTip(tip)
        action.setStatusTip(tip)
        return action

    def _remember(self) -> None:
        self._preferences.indicators = tuple(item.text for item in self.indicators)
        self._preferences.hidden = self._chart.hidden
