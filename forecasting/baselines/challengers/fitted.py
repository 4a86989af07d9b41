"""Models of statsforecast and sktime as baselines, fitted to the bars before the first origin."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from forecasting.baselines.baseline import Baseline, by_series
from forecasting.baselines.challengers.levels import at_levels
from forecasting.cancellation import check_cancelled
from forecasting.errors import ConfigError, DataError
from forecasting.events import Predictor
from forecasting.series import Floats, Ints, Origins, Panel

#: Levels that are asked of the libraries; others are drawn between them.
LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
_BANDS = (50, 80, 95)

#: From the bars up to a cutoff and the horizon to quantiles [H, K] of :data:`LEVELS`.
_Ask = Callable[[Floats, int], Floats]


class StatsforecastModel(Baseline):
    """A model of statsforecast, fitted once and applied to the bars up to each origin."""

    name: ClassVar[str] = "statsforecast"
    label: ClassVar[str] = "a model of statsforecast"
    title: ClassVar[str] = "statsforecast"
    model: str = Field(description="Name of the model, such as AutoETS.")

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Fit the model to each series; ConfigError where there is none of the name."""
        try:
            from statsforecast import models
        except ImportError as error:
            raise _lacking("statsforecast", error) from error
        kind = getattr(models, self.model, None)
        if not isinstance(kind, type) or not hasattr(kind, "forward"):
            raise ConfigError(
                f"statsforecast has no model '{self.model}' that can be applied to later bars.",
                "AutoETS, AutoARIMA and AutoTheta can.",
            )
        asks = []
        for series, bars in zip(panel, insample, strict=True):
            check_cancelled()
            fitted = _guarded(self.model, partial(kind().fit, series.y[:bars]))
            asks.append(_statsforecast(fitted))
        return FittedPredictor(f"statsforecast:{self.model}", horizon, tuple(asks))


class SktimeModel(Baseline):
    """A forecaster of sktime with quantiles, fitted once; later bars are only shown to it."""

    name: ClassVar[str] = "sktime"
    label: ClassVar[str] = "a forecaster of sktime"
    title: ClassVar[str] = "sktime"
    model: str = Field(description="Name of the forecaster, such as NaiveForecaster.")

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Fit the forecaster to each series; ConfigError where there is none of the name."""
        try:
            from sktime.registry import all_estimators
        except ImportError as error:
            raise _lacking("sktime", error) from error
        known = dict(
            all_estimators(
                "forecaster", filter_tags={"capability:pred_int": True}, suppress_import_stdout=True
            )
        )
        if self.model not in known:
            raise ConfigError(
                f"sktime has no forecaster '{self.model}' that gives quantiles.",
                "NaiveForecaster and ThetaForecaster do.",
            )
        asks = []
        for series, bars in zip(panel, insample, strict=True):
            check_cancelled()
            made = _guarded(self.model, known[self.model])
            asks.append(_sktime(self.model, made, series.y[:bars], horizon))
        return FittedPredictor(f"sktime:{self.model}", horizon, tuple(asks))


@dataclass(frozen=True, eq=False)
class FittedPredictor:
    """Fitted models, one a series.

    Attributes
    ----------
    name : str
    horizon : int
    asks : tuple of callable, one a series
    told : dict
        What was said, by series and cutoff bar.
    """

    name: str
    horizon: int
    asks: tuple[_Ask, ...]
    told: dict[tuple[int, int], Floats] = field(default_factory=dict)

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        """Return values in price units, shape [N, H, Q]; for each origin bars up to its cutoff
        are looked at.
        """
        values = np.empty((len(origins), self.horizon, len(quantiles)))
        for index, position, bars in by_series(origins):
            text = dict(self._told(panel[index].y, index, bars))
            values[position] = at_levels(
                np.stack([text[int(bar)] for bar in bars]), LEVELS, quantiles
            )
        return values

    def _told(self, y: Floats, index: int, bars: Ints) -> Iterator[tuple[int, Floats]]:
        """Yield what the model says from each cutoff bar, asked in the order of time and once."""
        for bar in map(int, np.unique(bars)):
            check_cancelled()
            if (index, bar) not in self.told:
                self.told[index, bar] = self._ask(y[: bar + 1], index)
            yield bar, self.told[index, bar]

    def _ask(self, past: Floats, index: int) -> Floats:
        text: Floats = _guarded(self.name, partial(self.asks[index], past, self.horizon))
        if text.shape != (self.horizon, len(LEVELS)) or not np.isfinite(text).all():
            raise DataError(
                f"{self.name} returned no numbers, or too few: {text.shape}.",
                "Leave it out of the baselines.",
            )
        return text


def _statsforecast(fitted: Any) -> _Ask:
    def ask(past: Floats, horizon: int) -> Floats:
        text = fitted.forward(past, h=horizon, level=list(_BANDS))
        lows = [text[f"lo-{level}"] for level in reversed(_BANDS)]
        highs = [text[f"hi-{level}"] for level in _BANDS]
        return np.stack([*lows, text["mean"], *highs], axis=1).astype(np.float64)

    return ask


def _sktime(name: str, made: Any, y: Floats, horizon: int) -> _Ask:
    import pandas as pd

    ahead = list(range(1, horizon + 1))
    first = _guarded(name, partial(made.fit, pd.Series(y), fh=ahead))
    shown = [copy.deepcopy(first)]

    def ask(past: Floats, _horizon: int) -> Floats:
        if past.size <= int(shown[0].cutoff[0]):  # it has been shown later bars already
            shown[0] = copy.deepcopy(first)
        seen = int(shown[0].cutoff[0]) + 1
        if past.size > seen:
            later = pd.Series(past[seen:], index=range(seen, past.size))
            shown[0].update(later, update_params=False)
        return np.asarray(shown[0].predict_quantiles(fh=ahead, alpha=list(LEVELS)), np.float64)

    return ask


def _guarded(name: str, do: Callable[[], Any]) -> Any:
    """Do something of a library; whatever it raises costs this challenger, not the judgement.

    Raises
    ------
    DataError
    """
    try:
        return do()
    except Exception as error:  # whatever a library of others raises
        raise DataError(
            f"{name} failed: {type(error).__name__}: {str(error)[:300]}",
            "Leave it out of the baselines.",
        ) from error


def check_library(package: str) -> None:
    """Refuse a library that is not installed.

    Raises
    ------
    ConfigError
    """
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise _lacking(package, error) from error


def _lacking(package: str, error: ImportError) -> ConfigError:
    return ConfigError(
        f"This challenger needs the package {package}, which cannot be imported: {error}.",
        f"pip install {package}",
    )
