"""Shows the forecasts one step ahead of the trainings of this session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.features.spec import FeatureContext, FeatureController
from app.theme import LIGHT, Theme
from forecasting.errors import CandlecastError
from forecasting.events import RunResult

if TYPE_CHECKING:
    from app.features.yesterday.window import YesterdayWindow
    from forecasting.next_bar import NextBar

#: Series of a panel that are offered at most.
_MOST = 20


class YesterdayController(FeatureController):
    """Forecasts one step ahead beside yesterday's value.

    Parameters
    ----------
    context : FeatureContext

    Attributes
    ----------
    shown : YesterdayWindow or None
        The window, once it was opened.
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context.window)
        self._context, self._session = context, context.session
        self._theme = LIGHT
        self.shown: YesterdayWindow | None = None
        context.actions["yesterday"].triggered.connect(lambda _checked=False: self.show())
        context.panels["results"].yesterday_requested.connect(self.show)
        self._session.state_changed.connect(self._follow)

    def show(self) -> None:
        """Open the window with the run that is shown."""
        if self.shown is None:
            from app.features.yesterday.window import YesterdayWindow

            self.shown = YesterdayWindow(self._context.window)
            self.shown.set_theme(self._theme)
            self.shown.level_requested.connect(self.set_other_target)
        self.shown.show_steps(list(self._steps()))
        self.shown.show()
        self.shown.raise_()
        self.shown.activateWindow()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        if self.shown is not None:
            self.shown.set_theme(theme)

    def set_other_target(self) -> None:
        """Set the price itself as target in the form, or log returns where it is set already."""
        model = self._context.model
        try:
            config = model.config()
            other = "log-return" if config.task.target == "level" else "level"
            model.show_config(config.changed(target=other))
        except CandlecastError as error:
            self.refused.emit(error)
            return
        words = {
            "level": self.tr("The price itself is the target now."),
            "log-return": self.tr("Log returns are the target now."),
        }
        self.notified.emit(words[other], self.tr("Press Train, then compare."))

    def _steps(self) -> Iterator[tuple[str, NextBar]]:
        """Yield names and steps of the run that is shown and of earlier ones, latest first."""
        seen: list[RunResult] = []
        result = self._session.result
        runs = [(item.name, item.finished) for item in reversed(self._session.earlier)]
        named = [(name, item.result) for name, item in runs if item is not None]
        if result is not None and not any(item is result for _, item in named):
            named.insert(0, (self.tr("Shown run"), result))
        for name, item in named:
            if not any(item is other for other in seen):
                seen.append(item)
                yield from self._of(name, item)

    def _of(self, name: str, result: RunResult) -> Iterator[tuple[str, NextBar]]:
        from forecasting.next_bar import next_bar

        outcomes = next(iter(result.outcomes.values()), None)
        if outcomes is None:
            return
        for symbol in result.panel.symbols[:_MOST]:
            found = next_bar(outcomes, symbol)
            if found is not None:
                target = result.config.task.target
                yield f"{name}, {symbol}, {self.tr('target')} {target}", found

    def _follow(self, state: str) -> None:
        if state == "idle" and self.shown is not None and self.shown.isVisible():
            self.shown.show_steps(list(self._steps()))
