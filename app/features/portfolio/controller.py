"""Portfolios on screen: the checked series are valued together, aside, and shown."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app import dialogs
from app.background import Failure, Job, Reporting
from app.features.portfolio.holding import MOST_HELD, Holding
from app.features.portfolio.panel import PortfolioPanel
from app.features.spec import FeatureContext, FeatureController
from app.model_titles import model_title
from app.widgets.left_out import left_out_text
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, ConfigError
from forecasting.events import Event, Progress
from forecasting.series import Forecast, Panel

if TYPE_CHECKING:
    from forecasting.jobs import PathsPlan
    from forecasting.paths import PortfolioBacktest, PortfolioMade

_ASIDE = "portfolio"
#: Models that are offered; "" stands for the forecasts of the run that is shown.
_BASELINES = ("har", "garch-t", "random-walk", "historical-simulation")
_SHOWN_RUN = ""
_PATHS = 2000


@dataclass(frozen=True, eq=False)
class PortfolioValued:
    """A portfolio was valued, for the panel it was asked for."""

    panel: Panel
    made: PortfolioMade


class PortfolioController(FeatureController):
    """Stands between the portfolio panel and the session.

    Parameters
    ----------
    context : FeatureContext

    Attributes
    ----------
    holding : Holding
        What a project holds.
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context)
        session, panel = self._session, context.panels["portfolio"]
        self._panel: PortfolioPanel = panel
        self.holding = Holding()
        self.valued: PortfolioValued | None = None
        self._asked: Panel | None = None
        panel.value_requested.connect(self.value)
        panel.stop_requested.connect(self.stop)
        panel.equal_requested.connect(self.hold_equal)
        panel.file_requested.connect(self._ask_file)
        panel.edited.connect(self._edited)
        session.list_changed.connect(self._list_changed)
        session.frame_due.connect(self._draw)
        session.call_once_shown(self._show_holding)  # which imports the baselines
        self._list_changed()

    # What is held

    def take(self, holding: Holding) -> None:
        """Take what a project holds."""
        self.holding = holding
        self._show_holding()
        self._list_changed()

    def hold_equal(self) -> None:
        """Give all checked series the same weight."""
        self._take(self.holding.model_copy(update={"weights": {}}))

    def read_file(self, path: Path) -> None:
        """Take the weights of a file of holdings."""
        from forecasting.paths.holdings import read_holdings

        panel = self._session.panel
        try:
            if panel is None:
                raise ConfigError("No series is checked.", "Check the series that are held.")
            weights = read_holdings(path, panel)
        except CandlecastError as error:
            self.refused.emit(error)
            return
        except OSError as error:
            self.refused.emit(ConfigError(f"{path.name}: {error.strerror or error}."))
            return
        others = {symbol: 0.0 for symbol in panel.symbols if symbol not in weights}
        self._take(self.holding.model_copy(update={"weights": {**weights, **others}}))

    def _ask_file(self) -> None:
        title, kinds = self.tr("Read holdings"), self.tr("Holdings (*.csv *.txt)")
        path = dialogs.ask_file(self._window, self._preferences, title, kinds)
        if path:
            self.read_file(Path(path))

    def _take(self, holding: Holding) -> None:
        self.holding = holding
        self._show_holding()
        self._show_weights()
        self.changed.emit()

    def _edited(self) -> None:
        """Take what was typed; what is no number is refused once it is to be valued."""
        weights = dict(self.holding.weights)
        typed = self._panel.typed()
        equal = {symbol: f"{share:.6g}" for symbol, share in self._shares().items()}
        if typed != equal:
            for symbol, text in typed.items():
                share = _number(text)
                if share is not None and len(weights) < MOST_HELD:
                    weights[symbol] = share
        self.holding = Holding(
            weights=weights,
            model=str(self._panel.model.currentData() or ""),
            horizon=self._panel.horizon.value(),
            backtest=self._panel.backtest_box.isChecked(),
        )
        self.changed.emit()

    def _shares(self) -> dict[str, float]:
        """Return the weight of each checked series: those that are held, otherwise equal ones."""
        panel = self._session.panel
        symbols = panel.symbols if panel is not None else ()
        return self._held(symbols) or dict.fromkeys(symbols, 1 / max(len(symbols), 1))

    def _held(self, symbols: Sequence[str]) -> dict[str, float]:
        """Return the weights that were given; none where no series has one."""
        held = self.holding.weights
        if not any(symbol in held for symbol in symbols):
            return {}
        return {symbol: held.get(symbol, 0.0) for symbol in symbols}

    def _show_holding(self) -> None:
        titles = {name: model_title(name) for name in _BASELINES}
        titles[_SHOWN_RUN] = self.tr("Shown run")
        self._panel.show_models(titles, self.holding.model)
        self._panel.show_choices(self.holding.horizon, self.holding.backtest)

    def _show_weights(self) -> None:
        self._panel.show_weights(self._shares())

    def _list_changed(self) -> None:
        self._show_weights()
        ready = self._session.panel is not None
        self._panel.show_running(running=self._asked is not None, ready=ready)
        if not ready:
            self._panel.show_message(self.tr("Check the series that are held together."))

    # Valuing

    def value(self) -> None:
        """Value the checked series together, and judge such forecasts where that is wanted."""
        panel = self._session.panel
        with Reporting(self.refused.emit):
            if panel is None:
                raise ConfigError("No series is checked.", "Check the series that are held.")
            bad = next((t for t in self._panel.typed().items() if _number(t[1]) is None), None)
            if bad is not None:
                raise ConfigError(
                    f"The weight of {bad[0]}, '{bad[1]}', is no number.", "For example 0.25."
                )
            job = self._job(panel)
            self._asked = panel
            self._panel.show_running(running=True, ready=True)
            self._panel.show_message(self.tr("Drawing joint paths…"))
            task = self._session.background.run(job, _ASIDE)
            task.yielded.connect(self._show_progress)
            task.returned.connect(self._take_valued)
            task.failed.connect(self._fail)

    def stop(self) -> None:
        """Give up what is being valued; what was shown before stays."""
        self._session.background.cancel(_ASIDE)
        self._asked = None
        self._list_changed()
        self._panel.show_message(self.tr("Stopped."))

    def _job(self, panel: Panel) -> Job:
        holding, shares = self.holding, self._held(panel.symbols)
        forecasts: tuple[Forecast, ...] = ()
        if holding.model == _SHOWN_RUN:
            made = self._session.forecast
            known = made.forecasts if made is not None and made.final else ()
            forecasts = tuple(item for item in known if item.symbol in panel.symbols)
            if not forecasts:
                raise ConfigError(
                    "No run forecasts the checked series.", "Train, or choose another model."
                )
            panel = Panel(tuple(s for s in panel if s.symbol in {f.symbol for f in forecasts}))
        return _valuing(self._session.panel or panel, panel, holding, shares, forecasts)

    def _show_progress(self, event: object) -> None:
        if isinstance(event, Progress):
            self._panel.show_message(
                self.tr("Judging: {done} of {total} dates").format(
                    done=event.done, total=event.total
                )
            )

    def _take_valued(self, valued: object) -> None:
        assert isinstance(valued, PortfolioValued)
        self._asked, self.valued = None, valued
        self._list_changed()
        self._show(valued.made)

    def _show(self, made: PortfolioMade) -> None:
        from forecasting.paths.portfolio import RISK_LEVELS

        held = made.portfolio
        var = {level: held.var(level) for level in RISK_LEVELS}
        change, drawdown = held.value[-1] - 1, held.drawdown()
        low, high = np.quantile(change, [0.1, 0.9])
        texts = [
            self.tr("{n} series by {model} to {day}, {k:,} joint paths.").format(
                n=len(held.symbols),
                model=model_title(held.model),
                day=str(held.ds[-1])[:10],
                k=held.n_paths,
            ),
            self.tr("Change of value: 80 % between {low:+.2f} % and {high:+.2f} %.").format(
                low=100 * low, high=100 * high
            ),
        ]
        texts += [
            self.tr("{level} %: value at risk {var:.2f} %, expected shortfall {es:.2f} %.").format(
                level=level, var=100 * var[level], es=100 * held.es(level)
            )
            for level in RISK_LEVELS
        ]
        if made.past is not None and made.past.held.size:
            share = f"{100 * made.past.held[0]:.1f}"
            texts.append(self.tr("Its past 80 % bands held {share} %.").format(share=share))
        self._panel.show_left_out(left_out_text(made.left_out.values()))
        self._panel.show_value(texts, change, var, held.es(RISK_LEVELS[0]), drawdown)
        self._panel.show_parts(held.symbols, held.weights, held.contributions, held.correlation)
        self._show_backtest(made.backtest)
        if made.past is not None:
            self._panel.show_verdict((made.past.sentence,))
        self._session.request_repaint()

    def _show_backtest(self, judged: PortfolioBacktest | None) -> None:
        if judged is None:
            empty = np.empty(0)
            self._panel.judged.show_backtest(np.empty(0, "datetime64[us]"), empty, empty, empty)
            self._panel.show_verdict(())
            return
        self._panel.judged.show_backtest(
            judged.cutoffs, judged.outcome[:, -1], judged.low, judged.high
        )
        self._panel.show_verdict(judged.sentences)

    def _fail(self, failure: Failure) -> None:
        self._asked = None
        self._list_changed()
        self._panel.show_message(f"{failure.message} {failure.hint}".strip())

    def _draw(self) -> None:
        if self._panel.isVisible():
            self._panel.refresh()


def _number(text: str) -> float | None:
    """Return a weight that was typed, None where it is no usable number."""
    try:
        found = float(text.replace(",", ".").removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None
    return found if np.isfinite(found) and abs(found) <= 1000 else None


def _valuing(
    asked: Panel,
    panel: Panel,
    holding: Holding,
    shares: dict[str, float],
    forecasts: tuple[Forecast, ...],
) -> Job:
    """Return the job that values a portfolio."""

    def plan() -> PathsPlan:
        from forecasting.jobs import PathsPlan

        baseline = "" if forecasts else holding.model
        return PathsPlan(baseline=baseline, forecasts=forecasts, n_paths=_PATHS)

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, PortfolioValued | None]:
        from forecasting import jobs
        from forecasting.paths import PortfolioMade

        config = RunConfig().changed(horizon=holding.horizon)
        for event in jobs.portfolio(
            panel, config, plan(), shares, should_stop, backtest=holding.backtest
        ):
            should_stop()
            if isinstance(event, PortfolioMade):
                return PortfolioValued(asked, event)
            if isinstance(event, Progress) and event.total:
                yield event
        return None

    return job
