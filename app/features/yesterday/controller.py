"""Shows the forecasts one step ahead of the trainings of this session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.background import Reporting
from app.features.spec import FeatureContext, WindowController
from forecasting.config import TaskConfig, value_titles
from forecasting.events import RunResult

if TYPE_CHECKING:
    from app.features.yesterday.window import YesterdayWindow
    from forecasting.next_bar import NextBar

#: Series of a panel that are offered at most.
_MOST = 20


class YesterdayController(WindowController["YesterdayWindow"]):
    """Forecasts one step ahead beside yesterday's value.

    Parameters
    ----------
    context : FeatureContext
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context, "yesterday")
        context.panels["results"].yesterday_requested.connect(self.show)
        self._session.state_changed.connect(self._refresh_idle)

    def _build(self) -> YesterdayWindow:
        from app.features.yesterday.window import YesterdayWindow

        shown = YesterdayWindow(self._window)
        shown.level_requested.connect(self.set_other_target)
        return shown

    def _refresh(self, shown: YesterdayWindow) -> None:
        shown.show_steps(list(self._steps()))

    def set_other_target(self) -> None:
        """Set the price itself as target in the form, or log returns where it is set already."""
        model = self._context.model
        with Reporting(self.refused.emit):
            config = model.config()
            other = "log-return" if config.task.target == "level" else "level"
            model.show_config(config.changed(target=other))
            words = {
                "level": self.tr("The price itself is the target now."),
                "log-return": self.tr("Log returns are the target now."),
            }
            self.notified.emit(words[other], self.tr("Press Train, then compare."))

    def _steps(self) -> Iterator[tuple[str, NextBar]]:
        """Yield names and steps of the run that is shown and of earlier ones, latest first."""
        seen: list[RunResult] = []
        result = self._session.result
        runs = [(item.name, item.result) for item in reversed(self._session.earlier)]
        named = [(name, item) for name, item in runs if item is not None]
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
                titles = value_titles(TaskConfig.model_fields["target"])
                target = titles[result.config.task.target]
                yield f"{name}, {symbol}, {self.tr('target')} {target.lower()}", found
