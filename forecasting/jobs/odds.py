"""Joint paths of the next bars from any model, and portfolios valued on them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forecasting.checks import check_distances, drop_short_series, living
from forecasting.config import RunConfig
from forecasting.errors import ConfigError, DataError
from forecasting.events import Event, Notice, Predictor, Progress, RunFinished
from forecasting.jobs.job import Job, never
from forecasting.jobs.predicting import load_network
from forecasting.jobs.preparing import told, told_ended
from forecasting.jobs.training import finished_training
from forecasting.series import Forecast, Panel, PriceSeries

if TYPE_CHECKING:
    from forecasting.paths.calibrated import ValueRecord
    from forecasting.paths.candles import Candles
    from forecasting.paths.dependence import DependenceName
    from forecasting.paths.level_record import LevelRecord
    from forecasting.paths.results import OwnPast, PathsMade, PortfolioBacktest
    from forecasting.paths.sampling import Paths
    from forecasting.training import TrainedNetwork

#: Share of the dates that a baseline is fitted to; its intervals are calibrated by the others.
_FITTED_SHARE = 0.7
#: Share of the dates from which a portfolio is judged, and most of them; paths from each.
_JUDGED_SHARE, _MOST_JUDGED, _JUDGED_PATHS = 0.15, 500, 1000
#: Share of the dates before those, from which the value of a portfolio learns its own misses.
_LEARNED_SHARE = 0.12
#: Without a backtest, the value learns from so many of the last dates at most, and at least; paths
#: from each, and numbers that are drawn at most.
_MOST_LEARNED, _LEAST_LEARNED, _LEARNED_PATHS, _MOST_NUMBERS = 250, 60, 400, 50_000_000
_LEAST_BARS = 30
#: Paths that the candles of a forecast are made of.
_CANDLE_PATHS = 5000
#: Bars that a series needs to be drawn together with others.
_LEAST_TOGETHER = 60
_LONGER = "Load more of its history."
#: The mean of all series, as what is supposed to change.
MARKET = "market"


@dataclass(frozen=True, eq=False)
class PathsPlan:
    """How paths are drawn, and from which model.

    Attributes
    ----------
    baseline : str
        Name of a baseline that answers without training; "" for a network.
    model_file : Path, optional
        A saved network.
    network : TrainedNetwork, optional
        One that is there already.
    forecasts : tuple of Forecast
        What a kept run said; its prices are given up to its cutoff.
    n_paths, seed : int
    dependence : str
    suppose : tuple of str and float, optional
        A symbol, or ``market``, and the change over the horizon that the paths are to have on
        average.
    """

    baseline: str = ""
    model_file: Path | None = None
    network: TrainedNetwork | None = None
    forecasts: tuple[Forecast, ...] = ()
    n_paths: int = 1000
    seed: int = 0
    dependence: DependenceName = "history"
    suppose: tuple[str, float] | None = None


def simulate(
    panel: Panel,
    config: RunConfig,
    plan: PathsPlan,
    should_stop: Callable[[], bool] = never,
    *,
    together: bool = False,
    judged: Callable[[float], Sequence[float]] | None = None,
) -> Job:
    """Draw joint paths from the last bar of each series.

    Parameters
    ----------
    panel : Panel
    config : RunConfig
        Settings of the training, where the plan asks for one; the horizon for a baseline.
    plan : PathsPlan
    should_stop : callable
        As of :func:`train`.
    together : bool
        Keep only dates that all calendars have, so that step h is one date for all series.
    judged : callable, optional
        From the last value of a series, the levels whose odds are judged from past cutoffs too.

    Yields
    ------
    Event
        Those of a training, Notice, Progress, PathsMade.

    Raises
    ------
    CandlecastError
        Too little history, a model that does not suit the prices, or a condition that hardly any
        path meets.
    """
    if judged is None:
        made, _, _ = yield from _simulated(panel, config, plan, should_stop, together)
        yield made
        return
    check_judgeable(plan)
    made, predictor, _ = yield from _simulated(panel, config, plan, should_stop, together)
    assert predictor is not None
    yield replace(made, records=(yield from _level_records(made, predictor, judged, plan.seed)))


def candles(
    panel: Panel,
    config: RunConfig,
    plan: PathsPlan,
    should_stop: Callable[[], bool] = never,
    *,
    backtest: bool = False,
) -> Job:
    """Forecast open, high, low and close of the next bars jointly.

    Parameters
    ----------
    panel : Panel
        Of bars with all four prices.
    config, plan, should_stop
        As of :func:`simulate`.
    backtest : bool
        Judge such candles from past cutoffs of the last quarter of the dates.

    Yields
    ------
    Event
        Those of :func:`simulate`, then CandlesMade.

    Raises
    ------
    DataError
        Bars without open, high and low, or too few of them.
    """
    from forecasting.paths.candles import BarShapes, CandlesMade, judge_candles
    from forecasting.paths.candles import candles as drawn

    if backtest:
        check_judgeable(plan)
    for series in living(panel):
        BarShapes.of(series)
    made, predictor, _ = yield from _simulated(panel, config, plan, should_stop, together=False)
    yield made
    found = drawn(made.paths, made.panel, plan.seed)
    record = None
    if backtest and predictor is not None:
        record = yield from judge_candles(predictor, made.panel, made.paths.horizon, plan.seed)
    yield CandlesMade(found, made.panel, record, made.supposed)


def candles_of(
    series: PriceSeries, forecast: Forecast, should_stop: Callable[[], bool] = never
) -> Generator[Event, None, Candles]:
    """Make the candles of a forecast that was made before: the same ones each time.

    Parameters
    ----------
    series : PriceSeries
        With open, high and low; bars after the cutoff are not looked at.
    forecast : Forecast
        Of its closes.
    should_stop : callable

    Yields
    ------
    Event
        Those of :func:`candles`.

    Raises
    ------
    DataError
        As of :func:`forecasting.paths.candles.check_forecast` and :func:`candles`.
    """
    from forecasting.paths.candles import CandlesMade, check_forecast

    check_forecast(series, forecast)
    plan = PathsPlan(forecasts=(forecast,), n_paths=_CANDLE_PATHS)
    made: CandlesMade | None = None
    for event in candles(Panel((series,)), RunConfig(), plan, should_stop):
        yield event
        made = event if isinstance(event, CandlesMade) else made
    assert made is not None
    return made.candles[0]


def check_judgeable(plan: PathsPlan) -> None:
    """Refuse to judge a kept run from past cutoffs; raises ConfigError."""
    if plan.forecasts:
        raise ConfigError(
            "A kept run has one forecast only, which cannot be judged from past cutoffs.",
            "Use --model-file or --with for --backtest.",
        )


def _level_records(
    made: PathsMade,
    predictor: Predictor,
    judged: Callable[[float], Sequence[float]],
    seed: int,
) -> Generator[Event, None, tuple[LevelRecord, ...]]:
    from forecasting.paths.level_record import judge_levels

    changes = [
        [level / series.y[-1] - 1 for level in judged(float(series.y[-1]))]
        if series.y[-1] > 0
        else []
        for series in made.panel
    ]
    return (yield from judge_levels(predictor, made.panel, made.paths.horizon, changes, seed))


def _simulated(
    panel: Panel,
    config: RunConfig,
    plan: PathsPlan,
    should_stop: Callable[[], bool],
    together: bool,
) -> Generator[Event, None, tuple[PathsMade, Predictor | None, Mapping[str, str]]]:
    """Return the paths, what forecast them, and why series were left out, by symbol."""
    from forecasting.paths import PathsMade, Residuals
    from forecasting.paths import simulate as draw
    from forecasting.paths.marginals import Marginals
    from forecasting.paths.sampling import check_paths

    check_paths(plan.n_paths)
    yield Progress(0, 0, "Preparing the engine")
    panel, left_out = yield from _long_enough(panel)
    if together:
        panel, without = yield from _together(panel)
        left_out |= without
    panel, predictor, horizon = yield from _modelled(panel, config, plan, should_stop)
    yield Progress(0, 0, "Drawing paths")
    marginals = (
        Marginals.of_forecasts(plan.forecasts)
        if predictor is None
        else Marginals.of_predictor(predictor, panel, horizon)
    )
    residuals = Residuals.of(panel).before(marginals.cutoff.max())
    paths = draw(marginals, residuals, plan.n_paths, plan.seed, plan.dependence)
    paths, supposed = _supposed(paths, plan)
    return PathsMade(paths, panel, supposed), predictor, left_out


def _long_enough(panel: Panel) -> Generator[Event, None, tuple[Panel, dict[str, str]]]:
    """Leave out the series that are too short to be drawn together with others."""
    if len(panel) == 1:
        return panel, {}
    panel, short = drop_short_series(panel, _LEAST_TOGETHER, "being drawn together with others")
    yield from told(short, _LONGER)
    return panel, short


def _together(panel: Panel) -> Generator[Event, None, tuple[Panel, dict[str, str]]]:
    """Bring series to common dates; leave out those that ended or hardly have any."""
    from forecasting.paths.aligned import on_common_dates, strangers

    gone = yield from told_ended(panel)
    panel = living(panel)
    apart = strangers(panel)
    yield from told(apart, _LONGER)
    if apart:
        panel = Panel(tuple(series for series in panel if series.symbol not in apart))
    panel, note = on_common_dates(panel)
    if note:
        yield Notice(note)
    return panel, {**gone, **apart}


def _modelled(
    panel: Panel, config: RunConfig, plan: PathsPlan, should_stop: Callable[[], bool]
) -> Generator[Event, None, tuple[Panel, Predictor | None, int]]:
    """Return the series that are forecast, what forecasts them, and its horizon; nothing
    forecasts them where a run did.
    """
    if plan.forecasts:
        return _of_run(panel, plan.forecasts), None, len(plan.forecasts[0])
    if plan.baseline:
        predictor, panel = yield from _baseline(panel, config, plan.baseline)
        return panel, predictor, config.task.horizon
    model = plan.network or plan.model_file
    if model is not None:
        panel, predictor, horizon = yield from _saved(
            panel, model, config.train.device, config.inputs.exog_sources
        )
        return panel, predictor, horizon
    finished = yield from finished_training(panel, config, should_stop)
    yield finished
    panel = living(finished.result.panel)
    return panel, _calibrated(finished, panel), config.task.horizon


def _calibrated(finished: RunFinished, panel: Panel) -> Predictor:
    from forecasting.training import TrainedNetwork

    assert isinstance(finished.forecaster, TrainedNetwork)
    return finished.forecaster.calibrated(panel)


def _of_run(panel: Panel, forecasts: tuple[Forecast, ...]) -> Panel:
    """Return the series of a run's forecasts as they were at its cutoffs.

    Raises
    ------
    DataError
        Prices that are not there.
    """
    have = {series.symbol: series for series in panel}
    found = []
    for item in forecasts:
        series = have.get(item.symbol)
        known = 0 if series is None else int(np.searchsorted(series.ds, item.cutoff, side="right"))
        if series is None or known < _LEAST_BARS:
            raise DataError(
                f"The run forecast {item.symbol}, whose prices before it are not loaded.",
                "Load them, or forecast anew.",
            )
        found.append(series.head(known))
    return Panel(tuple(found))


def _baseline(
    panel: Panel, config: RunConfig, name: str
) -> Generator[Event, None, tuple[Predictor, Panel]]:
    """Fit a baseline to the first dates; its intervals learn from its misses on the others."""
    from forecasting.baselines import BASELINES

    if name not in BASELINES:
        raise ConfigError(
            f"There is no baseline called '{name}'.", f"There are {', '.join(BASELINES)}."
        )
    panel, short = drop_short_series(panel, _LEAST_BARS)
    yield from told(short, _LONGER)
    check_distances(panel)
    yield from told_ended(panel)
    panel = living(panel)
    if min(map(len, panel)) < _LEAST_BARS:
        raise DataError(
            f"{panel.symbols[0]} has {len(panel[0])} bars; odds need {_LEAST_BARS} or more to "
            "learn from.",
            "Load more history.",
        )
    return calibrated_baseline(panel, name, config.task.horizon, config.task.calibration), panel


def calibrated_baseline(
    panel: Panel,
    name: str,
    horizon: int,
    calibration: str = "aci",
    before: np.datetime64 | None = None,
) -> Predictor:
    """Fit a baseline to the first part of a panel, to be calibrated by its own misses from there
    on.

    Its drift counts as far as the first part can tell it from none (:class:`SteadyDrift`).

    Parameters
    ----------
    panel : Panel
    name : str
        Key of ``BASELINES``.
    horizon : int
    calibration : str
        Key of ``CALIBRATIONS``, or ``none``.
    before : datetime64, optional
        First date that may not be looked at; by default seven tenths of the dates are.
    """
    from forecasting.baselines import BASELINES
    from forecasting.conformal import CALIBRATIONS, Calibrated
    from forecasting.paths.drift import DRIFTING, SteadyDrift

    if before is None:
        dates = np.unique(np.concatenate([s.ds for s in panel]))
        before = dates[int(_FITTED_SHARE * dates.size)]
    insample = tuple(
        max(min(int(np.searchsorted(s.ds, before)), len(s)), min(len(s), _LEAST_BARS))
        for s in panel
    )
    fitted = BASELINES[name].fit(panel, insample, horizon)
    if name in DRIFTING:
        fitted = SteadyDrift.of(fitted, panel, insample, horizon)
    if calibration == "none":
        return fitted
    return Calibrated(fitted, CALIBRATIONS[calibration], insample, horizon, lookback=3)


def _saved(
    panel: Panel, model: Path | TrainedNetwork, device: str, exog_sources: str
) -> Generator[Event, None, tuple[Panel, Predictor, int]]:
    forecaster, panel = yield from load_network(panel, model, device, exog_sources)
    panel = living(panel)
    return panel, forecaster.calibrated(panel), forecaster.config.task.horizon


def _supposed(paths: Paths, plan: PathsPlan) -> tuple[Paths, str]:
    """Return the paths on which a condition holds, and the condition in words."""
    from forecasting.paths.portfolio import conditional

    if plan.suppose is None:
        return paths, ""
    name, change = plan.suppose
    growth = paths.samples[:, -1] / paths.y0[:, None] - 1
    if name == MARKET:
        driver = growth.mean(axis=0)
    elif name in paths.symbols:
        driver = growth[paths.symbols.index(name)]
    else:
        raise ConfigError(
            f"There is no series '{name}' to suppose a change of.",
            f"There are {MARKET}, {', '.join(paths.symbols[:8])}.",
        )
    who = "the mean of all series" if name == MARKET else name
    return conditional(
        paths, driver, change, plan.seed
    ), f"Supposed: {who} changes by {change:+.1%} over {paths.horizon} bars."


def portfolio(
    panel: Panel,
    config: RunConfig,
    plan: PathsPlan,
    weights: str | Mapping[str, float] = "",
    should_stop: Callable[[], bool] = never,
    *,
    ranks: int = 0,
    backtest: bool = False,
) -> Job:
    """Value a portfolio on joint paths, and judge such forecasts from past cutoffs.

    Parameters
    ----------
    panel : Panel
    config, plan, should_stop
        As of :func:`simulate`.
    weights : str or mapping of str to float
        Numbers in the order of the series, ``SYMBOL=NUMBER`` parts, or shares by symbol; empty for
        equal ones. The weight of a series that is left out is held in cash.
    ranks : int
        Groups by growth into which each series may fall; 0 for none.
    backtest : bool
        Judge the joint forecast of this portfolio from the last 15 % of the dates, at most 500 of
        them. The value is calibrated by its own past misses: those, and of the 12 % before;
        otherwise those of at most 250 dates, where that is cheap.

    Yields
    ------
    Event
        Those of :func:`simulate`, then PortfolioMade.

    Raises
    ------
    ConfigError
        Weights or ranks that do not suit the series, or a backtest of a kept run.
    DataError
        A series that was at or below zero once.
    """
    from forecasting.paths import PortfolioMade, hold
    from forecasting.paths.backtest import calibrate
    from forecasting.paths.events import rank_probabilities
    from forecasting.paths.portfolio import check_prices

    if backtest:
        check_judgeable(plan)
    check_prices(panel)
    given = _weights_of(weights, panel.symbols)
    made, predictor, why = yield from _simulated(panel, config, plan, should_stop, together=True)
    yield made
    paths = made.paths
    rows = [panel.symbols.index(symbol) for symbol in paths.symbols]
    shares = given[rows] if weights else _weights_of("", paths.symbols)
    held = hold(paths, shares)
    groups = rank_probabilities(paths.samples[:, -1] / paths.y0[:, None], ranks) if ranks else None
    judged = record = past = None
    if backtest and predictor is not None:
        judged, record = yield from _judged(predictor, made.panel, shares, paths.horizon, plan)
    elif not made.supposed:
        past, record = yield from _own_past(predictor, made.panel, shares, paths.horizon, plan)
    if record is not None and not made.supposed:
        held = calibrate(held, record)
    left_out = {
        symbol: why.get(symbol, f"{symbol} is not among the series that are forecast.")
        + (f" Its weight of {share:.1%} is cash." if weights and share else "")
        for symbol, share in zip(panel.symbols, given, strict=True)
        if symbol not in paths.symbols
    }
    yield PortfolioMade(held, paths, made.panel, groups, judged, made.supposed, left_out, past)


def _weights_of(weights: str | Mapping[str, float], symbols: tuple[str, ...]) -> np.ndarray:
    from forecasting.paths.portfolio import parse_weights

    text = (
        weights
        if isinstance(weights, str)
        else ",".join(f"{name}={share!r}" for name, share in weights.items() if name in symbols)
    )
    return parse_weights(text, symbols)


def _judged(
    predictor: Predictor, panel: Panel, weights: np.ndarray, horizon: int, plan: PathsPlan
) -> Generator[Event, None, tuple[PortfolioBacktest, ValueRecord]]:
    from forecasting.paths.backtest import judge_portfolio
    from forecasting.paths.past import cutoff_dates

    dates = np.unique(np.concatenate([s.ds for s in panel]))
    size = min(max(round(_JUDGED_SHARE * dates.size), horizon), _MOST_JUDGED + horizon)
    if dates.size - size < 2 * _LEAST_BARS:
        raise DataError(
            f"{dates.size:,} dates are too few to judge a portfolio from past cutoffs with a "
            f"horizon of {horizon}.",
            "Load more history, or lower the horizon.",
        )
    first = dates[-size - horizon]
    begin = dates[max(0, dates.size - size - horizon - round(_LEARNED_SHARE * dates.size))]
    cutoffs = cutoff_dates(panel, begin, horizon)
    n_paths = min(plan.n_paths, _JUDGED_PATHS)
    return (
        yield from judge_portfolio(
            predictor, panel, weights, cutoffs, first, horizon, n_paths, plan.seed
        )
    )


def _own_past(
    predictor: Predictor | None, panel: Panel, weights: np.ndarray, horizon: int, plan: PathsPlan
) -> Generator[Event, None, tuple[OwnPast, ValueRecord | None]]:
    """Return how the bands of a portfolio held of late and what they learn from, or why not."""
    from forecasting.paths.calibrated import value_record
    from forecasting.paths.past import cutoff_dates
    from forecasting.paths.results import OwnPast

    if predictor is None:
        return OwnPast(why="a kept run has one forecast only"), None
    dates = np.unique(np.concatenate([s.ds for s in panel]))
    share = round((_JUDGED_SHARE + _LEARNED_SHARE) * dates.size)
    known = min(_MOST_LEARNED, share, dates.size - horizon - 2 * _LEAST_BARS)
    if known < _LEAST_LEARNED:
        return OwnPast(why=f"{dates.size:,} dates are too few for that"), None
    count = min(known, _MOST_NUMBERS // (len(panel) * horizon * _LEARNED_PATHS))
    if count < _LEAST_LEARNED:
        size = f"{len(panel):,} series over {horizon:,} bars"
        return OwnPast(why=f"{size} take as long as a backtest, which does it"), None
    cutoffs = cutoff_dates(panel, dates[-count - horizon], horizon)
    record = yield from value_record(
        predictor, panel, weights, cutoffs, horizon, _LEARNED_PATHS, plan.seed, plan.dependence
    )
    return OwnPast(record.outcomes.cutoff, record.held(80)), record
