"""A price that stands still for a long time: no regression on logarithms may explode, before, in
or after it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from forecasting.baselines import BASELINES
from forecasting.config import InputConfig, TaskConfig
from forecasting.series import Floats, Origins, Panel, PriceSeries
from forecasting.volatility import Har, clear_bars, still_bars
from forecasting.windows import Scaling

_HORIZON = 5
_LEVELS = (0.025, 0.5, 0.975)


def _standing(
    first: int,
    still: int,
    after: int,
    seed: int = 1,
    *,
    ranges: bool = False,
    below_zero: bool = False,
) -> PriceSeries:
    """Return a walk with a standstill of so many bars."""
    draw = np.random.default_rng(seed)
    moves = np.concatenate(
        [draw.normal(0, 0.012, first), np.zeros(still), draw.normal(0, 0.012, after)]
    )
    close = 80 * np.exp(np.cumsum(moves))
    ds = np.busday_offset("2010-01-04", np.arange(close.size)).astype("datetime64[us]")
    if below_zero:
        return PriceSeries("A", ds, ("close",), (close - 80)[:, None])
    if not ranges:
        return PriceSeries("A", ds, ("close",), close[:, None])
    opened = np.concatenate([close[:1], close[:-1]])
    reach = np.abs(draw.normal(0, 0.005, close.size)) * (moves != 0)
    high, low = np.maximum(opened, close) * (1 + reach), np.minimum(opened, close) * (1 - reach)
    return PriceSeries(
        "A", ds, ("open", "high", "low", "close"), np.column_stack([opened, high, low, close])
    )


def _widths(model: str, series: PriceSeries, known: int, bars: Floats) -> Floats:
    """Return the width of the 95 % band of the moves after each bar, [N, H], in deviations of
    the moves that there are.
    """
    panel, origins = Panel((series,)), Origins(np.zeros(bars.size, np.int64), bars)
    negative = bool(series.y.min() <= 0)
    moves = np.diff(series.y if negative else np.log(series.y))
    usual = 3.92 * moves[moves != 0].std() * np.sqrt(np.arange(1, _HORIZON + 1))
    if model == "network":
        scaling = Scaling.fit(
            panel, (known,), TaskConfig(horizon=_HORIZON, input_size=20), InputConfig()
        )
        [(regressors, weights)] = scaling.log_scale(panel, _HORIZON)
        band = scaling.baseline(np.array(_LEVELS))
        return np.asarray((band[:, 2] - band[:, 0]) * np.exp(regressors[bars] @ weights) / usual)
    values = BASELINES[model].fit(panel, (known,), _HORIZON).predict(panel, origins, _LEVELS)
    width = values[..., 2] - values[..., 0] if negative else np.log(values[..., 2] / values[..., 0])
    return np.asarray(width / usual)


@pytest.mark.parametrize("model", ["har", "garch-t", "network"])
@pytest.mark.parametrize("kind", [{}, {"ranges": True}, {"below_zero": True}])
@pytest.mark.parametrize("known", [300, 450, 620, 880])
def test_no_band_explodes_where_a_price_stands_still(
    model: str, kind: dict[str, Any], known: int
) -> None:
    series = _standing(400, 300, 200, **kind)
    widths = _widths(model, series, known, np.arange(known, len(series)))
    assert widths.max() < 4.5
    traded = _widths(model, series, known, np.arange(max(known, 740), len(series)))
    assert traded.min() > 0.1


@pytest.mark.parametrize("ranges", [False, True])
def test_a_standstill_that_was_never_seen_has_a_narrow_band(ranges: bool) -> None:
    series = _standing(400, 300, 0, ranges=ranges)
    for model in ("har", "network"):
        assert _widths(model, series, 350, np.arange(660, 700)).max() < 0.3


@pytest.mark.parametrize("model", ["har", "network"])
@pytest.mark.parametrize("kind", [{}, {"ranges": True}, {"below_zero": True}])
def test_a_price_that_never_moved_in_sample_has_bands_once_it_trades(
    model: str, kind: dict[str, Any]
) -> None:
    series = _standing(0, 400, 200, **kind)
    assert _widths(model, series, 300, np.arange(300, 390)).max() < 0.05
    traded = _widths(model, series, 300, np.arange(440, 590))
    assert 0.4 < traded.min() <= traded.max() < 1.6


def test_the_scale_of_a_series_a_hundred_times_calmer_or_wilder_follows_it() -> None:
    usual = _standing(900, 0, 0)
    har = Har.fit(Panel((usual,)), (900,), _HORIZON)
    before = har.scale(Panel((usual,)))[0][-1]
    for factor in (0.05, 100.0):
        closes = 80 * np.exp(factor * np.log(usual.y / 80))
        other = replace(usual, values=closes[:, None])
        ratio = har.scale(Panel((other,)))[0][-1] / before
        assert np.abs(np.log(ratio / factor)).max() < np.log(3)


def test_times_of_trading_are_told_from_standstills_and_from_series_that_rest() -> None:
    floor = np.full(200, 1e-7)
    variance = np.full(200, 1e-4)
    variance[100:130] = 1e-7
    assert np.flatnonzero(still_bars(variance, floor)).tolist() == list(range(100, 130))
    variance[115] = 1e-4
    assert not still_bars(variance, floor).any()
    steps = np.where(np.arange(200) % 40 == 0, 1e-4, 1e-7)
    assert not still_bars(steps, floor).any()


def test_nothing_after_the_known_bars_tells_of_a_standstill() -> None:
    series = _standing(400, 300, 100)
    whole, cut = (clear_bars(item, "log-return", 450) for item in (series, series.head(450)))
    # Where no standstill comes any more, the number is only a large one.
    np.testing.assert_array_equal(np.minimum(whole, 450), np.minimum(cut, 450))
    clear = clear_bars(series, "log-return", 800)
    assert clear[390] == 9
    assert set(clear[400:721]) == {-1}
    assert clear[722] >= 78
