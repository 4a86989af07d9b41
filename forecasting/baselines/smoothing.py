"""Exponential smoothing, the statisticians' baselines for sales and other general series: ETS
and Theta.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from forecasting.baselines.baseline import Baseline, by_series, moved, normal_quantiles
from forecasting.baselines.spread import winsorised
from forecasting.cancellation import check_cancelled
from forecasting.errors import ConfigError, DataError
from forecasting.events import Predictor
from forecasting.seasonality import phases, season_length
from forecasting.series import Floats, Ints, Origins, Panel, PriceSeries
from forecasting.spikes import as_seen, without_spikes
from forecasting.volatility import Target, path, resolve_target

#: A season longer than this is too long to be estimated state by state.
_LONGEST_SEASON = 60
_LEAST, _LEAST_BEFORE = 20, 2


@dataclass(frozen=True)
class _Smooth:
    """Smoothed series, ready to forecast from any bar.

    Attributes
    ----------
    ahead : ndarray, shape [T, H]
        Expected value of the path h bars after bar t, from bars up to t.
    errors : ndarray, shape [T]
        Error of the one-step forecast of each bar; NaN for the first.
    growth : ndarray, shape [H]
        Deviation of the h-bar error in units of that of one bar.
    """

    ahead: Floats
    errors: Floats
    growth: Floats


class _Smoothing(Baseline):
    """Fits each series in sample, filters it with frozen parameters; normal, with the deviation
    of its last errors.
    """

    window: int = Field(
        250,
        title="Window",
        description="Last one-bar errors that give the standard deviation.",
        ge=10,
    )

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Fit every series to its in-sample bars; one with fewer than 20 stays where it is."""
        target = resolve_target(panel)
        fitted: list[tuple[int, Any] | None] = []
        for series, known in zip(without_spikes(panel, insample), insample, strict=True):
            check_cancelled()
            if known < _LEAST:
                fitted.append(None)
                continue
            season = season_length(series)
            if season > min(_LONGEST_SEASON, known // 3):
                season = 1
            fitted.append(
                (
                    season,
                    self._parameters(
                        path(series.head(known), target), phases(series, season)[:known], season
                    ),
                )
            )
        return _Smoothed(self, horizon, target, tuple(fitted))

    def _parameters(self, line: Floats, phase: Ints, season: int) -> Any:
        """Estimate the parameters from the in-sample path."""
        raise NotImplementedError

    def _smooth(
        self, line: Floats, phase: Ints, season: int, parameters: Any, horizon: int
    ) -> _Smooth:
        """Filter a whole path with the parameters."""
        raise NotImplementedError


@dataclass(frozen=True)
class _Smoothed:
    """``fitted`` holds season length and parameters of each series, None for one that was too
    short: a random walk.
    """

    baseline: _Smoothing
    horizon: int
    target: Target
    fitted: tuple[tuple[int, Any] | None, ...]

    @property
    def name(self) -> str:
        return self.baseline.name

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        values = np.empty((len(origins), self.horizon, len(quantiles)))
        normal = normal_quantiles(quantiles)
        for index, position, bars in by_series(origins):
            series = panel[index].head(int(bars.max()) + 1)
            fitted = self.fitted[index]
            if bars.min() < _LEAST_BEFORE:
                raise DataError(
                    f"{series.symbol} has too few bars before a forecast: "
                    f"{int(bars.min()) + 1}; {_LEAST_BEFORE + 1} are needed.",
                    "Load more history, or leave this series out.",
                )
            for seen, version in as_seen(series, bars):
                line = path(version, self.target)
                smooth = self._smooth(line, version, fitted)
                spread = np.array(
                    [
                        _spread(smooth.errors[max(1, bar + 1 - self.baseline.window) : bar + 1])
                        for bar in bars[seen]
                    ]
                )
                change = (smooth.ahead[bars[seen]] - line[bars[seen], None])[:, :, None]
                change = change + spread[:, None, None] * smooth.growth[:, None] * normal
                values[position[seen]] = moved(
                    series.y[bars[seen]], change, self.target == "log-return"
                )
        return values

    def _smooth(self, line: Floats, series: PriceSeries, fitted: tuple[int, Any] | None) -> _Smooth:
        """Filter a path with what was fitted; where that is nothing, repeat each value."""
        if fitted is None:
            steps = np.arange(1.0, self.horizon + 1)
            return _Smooth(
                np.repeat(line[:, None], self.horizon, axis=1),
                np.diff(line, prepend=np.nan),
                np.sqrt(steps),
            )
        season, parameters = fitted
        return self.baseline._smooth(line, phases(series, season), season, parameters, self.horizon)


def _spread(errors: Floats) -> float:
    """Return the deviation of the winsorised errors [W]; those not known are NaN."""
    return float(winsorised(errors[np.isfinite(errors)][None]).std())


class Ets(_Smoothing):
    """Exponential smoothing with additive errors, with or without damped trend and additive season,
    by ``statsmodels``.

    The trend is taken where it lowers the corrected AIC in sample (Hyndman, Koehler, Snyder & Grose
    2002), the season where its autocorrelation in the changes is significant at 10 %. Prices are
    smoothed in logs.
    """

    name: ClassVar[str] = "ets"
    label: ClassVar[str] = "exponential smoothing"
    title: ClassVar[str] = "ETS"

    def _parameters(self, line: Floats, phase: Ints, season: int) -> tuple[bool, bool, Floats]:
        seasonal = bool(_seasons(line, phase, season).any())
        found = []
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of convergence: a worse fit only has a worse criterion
            for trend in (False, True):
                fit = _ets(line, season, trend, seasonal).fit(disp=False, full_output=False)
                found.append((float(fit.aicc), trend, np.asarray(fit.params, np.float64)))
        _, trend, parameters = min(found, key=lambda f: f[0] if np.isfinite(f[0]) else np.inf)
        return trend, seasonal, parameters

    def _smooth(
        self, line: Floats, phase: Ints, season: int, parameters: Any, horizon: int
    ) -> _Smooth:
        trend, seasonal, values = parameters
        model = _ets(line, season, trend, seasonal)
        named = dict(zip(model.param_names, values, strict=True))
        with np.errstate(
            divide="ignore", invalid="ignore"
        ):  # it standardises errors, which are all 0 for a constant series
            result = model.smooth(values)
        states = np.asarray(result.states, np.float64)
        steps = np.arange(1, horizon + 1)
        ahead = np.repeat(states[:, :1], horizon, axis=1)
        reach = np.full(horizon, named["smoothing_level"])
        if trend:
            damped = np.cumsum(named["damping_trend"] ** steps)
            ahead += states[:, 1:2] * damped
            reach += named["smoothing_trend"] * damped
        if seasonal:
            # The last known value of the season that comes h bars ahead was updated (-h mod season)
            # bars ago.
            before = np.arange(len(states))[:, None] - (-steps) % season
            ahead += states[:, -1][np.maximum(before, 0)]
            reach += named["smoothing_seasonal"] * (steps % season == 0)
        growth = np.sqrt(1 + np.concatenate([[0.0], np.cumsum(reach[:-1] ** 2)]))
        return _Smooth(ahead, np.asarray(result.resid, np.float64), growth)


@contextmanager
def _from_statsmodels() -> Iterator[None]:
    """Import from the package that no other baseline needs.

    Raises
    ------
    ConfigError
        It is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise ConfigError(
            f"ETS and Theta need the package statsmodels, which cannot be imported: {error}.",
            "pip install statsmodels adds it; all other baselines do without.",
        ) from error


def _ets(line: Floats, season: int, trend: bool, seasonal: bool) -> Any:
    with _from_statsmodels():
        from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    return ETSModel(
        line,
        trend="add" if trend else None,
        damped_trend=trend,
        seasonal="add" if seasonal else None,
        seasonal_periods=season if seasonal else None,
        initialization_method="heuristic",  # estimating every start takes several times as long
    )


class Theta(_Smoothing):
    """The Theta method, winner of the M3 competition (Assimakopoulos & Nikolopoulos 2000), by
    ``statsmodels``.

    Simple exponential smoothing with half the trend of the in-sample bars, after a season
    (additive, of the logs for prices) is taken out where its autocorrelation in the changes is
    significant at 10 %.
    """

    name: ClassVar[str] = "theta"
    label: ClassVar[str] = "Theta"
    title: ClassVar[str] = "Theta"

    def _parameters(self, line: Floats, phase: Ints, season: int) -> tuple[float, float, Floats]:
        with _from_statsmodels():
            from statsmodels.tsa.forecasting.theta import ThetaModel

        seasons = _seasons(line, phase, season)
        plain = line - seasons[phase]
        if np.ptp(plain) == 0:
            return 1.0, 0.0, seasons
        fit = ThetaModel(plain, period=1, deseasonalize=False).fit()
        return float(fit.params["alpha"]), float(fit.params["b0"]), seasons

    def _smooth(
        self, line: Floats, phase: Ints, season: int, parameters: Any, horizon: int
    ) -> _Smooth:
        from scipy.signal import lfilter

        alpha, slope, seasons = parameters
        plain = line - seasons[phase]
        level, _ = lfilter([alpha], [1.0, alpha - 1], plain, zi=[(1 - alpha) * plain[0]])
        steps = np.arange(1, horizon + 1)
        # Where the season was taken out, the level lags behind half the trend by 1 / alpha bars.
        seen = (1 - (1 - alpha) ** np.arange(1, plain.size + 1)) / alpha
        ahead = level[:, None] + 0.5 * slope * (steps - 1 + seen[:, None])
        errors = np.concatenate([[np.nan], plain[1:] - ahead[:-1, 0]])
        return _Smooth(
            ahead + seasons[(phase[:, None] + steps) % season],
            errors,
            np.sqrt(1 + (steps - 1) * alpha**2),
        )


def _seasons(line: Floats, phase: Ints, season: int) -> Floats:
    """Return the additive season by phase, mean 0, shape [season]; zeros where it is not
    significant.
    """
    if season == 1:
        return np.zeros(1)
    centred = (
        np.diff(line) - np.diff(line).mean()
    )  # of the path itself, a walk would look seasonal at any lag
    power = float(centred @ centred)
    correlations = np.array(
        [float(centred[k:] @ centred[:-k]) for k in range(1, season + 1)]
    ) / max(power, 1e-300)
    if abs(correlations[-1]) < 1.645 * np.sqrt(
        (1 + 2 * (correlations[:-1] ** 2).sum()) / line.size
    ):
        return np.zeros(season)
    weights = np.ones(season + (season + 1) % 2)
    if season % 2 == 0:
        weights[[0, -1]] = 0.5
    half = weights.size // 2
    trend = np.convolve(line, weights / season, "valid")
    away, index = line[half : line.size - half] - trend, phase[half : line.size - half]
    counts = np.bincount(index, minlength=season)
    means = np.bincount(index, away, season) / np.maximum(counts, 1)
    return np.asarray(means - means.mean(), np.float64)
