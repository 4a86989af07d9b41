"""Spikes: what jumps away and comes back is found once it is back, real steps are not, and one
bar sets no spread.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecasting.backtest import outcomes_of
from forecasting.baselines import BASELINES
from forecasting.config import InputConfig, RunConfig
from forecasting.features import features
from forecasting.series import Floats, Origins, Panel, PriceSeries
from forecasting.spikes import as_known, as_seen, find_spikes, spikes_of, without_spikes
from forecasting.volatility import Har, bar_variance, resolve_target
from forecasting.windows import Scaling, bars_before

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
MOVING = ("random-walk", "drift", "ewma", "historical-simulation", "garch-t", "har", "theta")


def walk(bars: int, seed: int, sd: float = 0.01) -> Floats:
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, sd, bars)))


def rate(bars: int, seed: int) -> Floats:
    """Return a yield in percent that was below zero for a while, as those of the euro area were."""
    return np.cumsum(np.random.default_rng(seed).normal(0, 0.05, bars)) + np.minimum(
        np.linspace(-0.5, 20.0, bars), 3.0
    )


def series(y: Floats, symbol: str = "A") -> PriceSeries:
    ds = np.busday_offset("2015-01-05", np.arange(y.size)).astype("datetime64[us]")
    return PriceSeries(symbol, ds, ("close",), y[:, None])


def candles(bars: int, seed: int) -> PriceSeries:
    rng = np.random.default_rng(seed)
    within = rng.normal(0, 0.01 / np.sqrt(32), (bars, 32)).cumsum(1)
    start = np.concatenate([[0], within[:-1, -1].cumsum()])[:, None]
    day = 100 * np.exp(start + np.concatenate([np.zeros((bars, 1)), within], axis=1))
    values = np.stack([day[:, 0], day.max(1), day.min(1), day[:, -1]], axis=1)
    return PriceSeries("A", series(day[:, 0]).ds, ("open", "high", "low", "close"), values)


def changed(y: Floats, bars: slice | list[int], factor: float) -> Floats:
    found = y.copy()
    found[bars] *= factor
    return found


@pytest.mark.parametrize("factor", [10.0, 0.01, 0.1, 2.0, 0.0, -1.0, 1e9])
@pytest.mark.parametrize(("first", "length"), [(400, 1), (399, 3), (12, 1), (31, 2)])
def test_what_comes_back_is_a_spike(factor: float, first: int, length: int) -> None:
    found = find_spikes(changed(walk(500, 3), slice(first, first + length), factor))
    assert [(spike.first, spike.back) for spike in found] == [(first, first + length)]
    assert found[0].known >= found[0].back


def test_spikes_of_a_yield_are_in_its_own_unit() -> None:
    y = rate(600, 1)
    assert y.min() < 0 < y[100]
    for first, value in ((100, 10 * y[100]), (100, y[100] / 100), (200, -9.0)):
        wrong = y.copy()
        wrong[first] = value
        assert [(spike.first, spike.back) for spike in find_spikes(wrong)] == [(first, first + 1)]


def test_several_spikes_are_all_found() -> None:
    indices = [40, 47, 300, 302, 310]
    assert [spike.first for spike in find_spikes(changed(walk(500, 5), indices, 10.0))] == indices


def test_real_steps_are_no_spikes() -> None:
    y = walk(600, 7)
    split = changed(y, slice(300, None), 0.1)
    crash = changed(y, slice(300, None), 0.8)  # 19 October 1987, and what was won back
    bounce = crash * np.concatenate([np.ones(301), np.full(299, 1.05)])
    squeeze = y.copy()
    squeeze[300:308] *= [1.5, 1.9, 4.5, 2.5, 4.2, 2.9, 1.3, 1.2]
    for kind in (y, split, crash, bounce, squeeze, np.full(600, 10.0), np.repeat(walk(60, 1), 10)):
        assert find_spikes(kind) == ()
    penny = np.full(600, 0.01)
    penny[[20, 21, 100, 250]] = 0.02
    assert find_spikes(penny) == (), "one tick is no spike"
    wild = [
        find_spikes(100 * np.exp(np.cumsum(0.02 * np.random.default_rng(n).standard_t(3, 1000))))
        for n in range(20)
    ]
    assert sum(map(len, wild)) <= 1


@pytest.mark.parametrize("places", [[12, 13], [25], [100, 101, 102, 240], [400]])
def test_a_spike_is_known_when_it_is_over_and_not_before(places: list[int]) -> None:
    y = changed(walk(420, 9), places, 10.0)
    whole = find_spikes(y)
    for bars in range(32, y.size + 1):
        assert find_spikes(y[:bars]) == tuple(spike for spike in whole if spike.known < bars), bars


def test_spikes_are_held_where_they_are_known() -> None:
    item = series(changed(walk(500, 2), [300, 301], 10.0))
    [spike] = spikes_of(item)
    held = without_spikes(Panel((item,)))[0].y
    np.testing.assert_array_equal(
        held[298:304], [*item.y[298:300], item.y[299], item.y[299], *item.y[302:304]]
    )
    assert without_spikes(Panel((item,)), [300])[0] is item, "nothing to see before bar 300"
    assert without_spikes(Panel((item,)), [303])[0].y[300] == item.y[299]
    total = as_known(item, lambda version: np.cumsum(version.y))
    for bar in (200, 299, 300, 301, 302, 400):
        [(_, version)] = as_seen(item, np.array([bar]))
        assert total[bar] == pytest.approx(version.y[: bar + 1].sum())
        assert version.y[bar] == item.y[bar], "a bar is as it is until it is known better"
    assert spike.known == 302


def test_a_jump_at_the_end_of_what_is_known_is_held_where_something_is_fitted() -> None:
    y = changed(walk(500, 2), [400], 10.0)
    panel = Panel((series(y),))
    np.testing.assert_array_equal(
        without_spikes(panel, [401])[0].y[395:403], [*y[395:400], y[399], *y[401:403]]
    )
    split = Panel((series(changed(walk(500, 2), slice(400, None), 0.1)),))
    assert without_spikes(split, [403])[0].y[402] == split[0].y[399]
    assert without_spikes(split, [406])[0] is split[0], "a step that stays is real"
    assert without_spikes(Panel((series(walk(500, 2)),)), [401])[0].y[400] == walk(500, 2)[400]


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("kind", ["price", "yield"])
def test_wrong_bars_set_no_spread(name: str, kind: str) -> None:
    y = walk(700, 4) if kind == "price" else rate(700, 4)
    clean = _width(name, y)
    cases = [
        ([560], 10.0),
        ([558, 559, 560], 0.01),
        ([420, 560], 10.0),
        ([560], 0.0),
        ([560], -1.0),
    ]
    for indices, factor in cases[: 2 if name in ("garch-t", "theta") else None]:
        wrong = changed(y, indices, factor)
        if kind == "price" and factor <= 0:  # judged in differences from then on
            assert _width(name, wrong) == pytest.approx(clean, rel=0.4), (indices, factor)
        else:
            assert _width(name, wrong) == pytest.approx(clean, rel=0.2), (indices, factor)


def _width(name: str, y: Floats) -> float:
    panel = Panel((series(y),))
    values = (
        BASELINES[name]
        .fit(panel, [600], 2)
        .predict(panel, Origins(np.zeros(3, int), np.array([562, 620, 690])), LEVELS)
    )
    return float(np.mean(values[:, :, 3] - values[:, :, 1]))


@pytest.mark.parametrize("name", MOVING)
def test_baselines_do_not_know_that_a_jump_will_come_back(name: str) -> None:
    y = changed(walk(700, 6), [640], 10.0)
    for bar in (639, 640, 641):
        origin = Origins(np.zeros(1, int), np.array([bar]))
        whole, head = Panel((series(y),)), Panel((series(y[: bar + 1]),))
        fitted = [
            BASELINES[name].fit(panel, [600], 2).predict(panel, origin, LEVELS)
            for panel in (whole, head)
        ]
        np.testing.assert_allclose(fitted[0], fitted[1], rtol=1e-9)


def test_inputs_and_scales_do_not_know_it_either() -> None:
    y = changed(walk(400, 6), [300, 301], 10.0)
    for bars in (300, 301, 302, 303, 330):
        found = []
        for panel in (Panel((series(y),)), Panel((series(y[:bars]),))):
            har = Har.fit(panel, [250], 3)
            scales = har.scale(panel)
            [table] = features(
                panel, [scale[:, 0] for scale in scales], "log-return", InputConfig()
            )
            found.append(np.concatenate([table, scales[0]], axis=1)[bars - 1])
        np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-12)


def test_the_scale_forgets_a_spike_at_once() -> None:
    y = walk(700, 8)
    clean, wrong = (Panel((series(item),)) for item in (y, changed(y, [500], 10.0)))
    scales = [Har.fit(panel, [400], 1).scale(panel)[0][505:, 0] for panel in (clean, wrong)]
    assert np.abs(np.log(scales[1] / scales[0])).max() < 0.25
    task = RunConfig().changed(horizon=3, input_size=20).task
    [a, b] = (Scaling.fit(p, [600], task, InputConfig()).quantiles for p in (clean, wrong))
    np.testing.assert_allclose(b, a, atol=0.15)


@pytest.mark.parametrize(("column", "factor"), [("high", 10.0), ("low", 0.01), ("open", 10.0)])
def test_a_wrong_high_is_no_variance(column: str, factor: float) -> None:
    item = candles(600, 1)
    values = item.values.copy()
    values[450, item.columns.index(column)] *= factor
    variance = bar_variance(replace(item, values=values))
    assert variance[450] < 100 * np.median(variance)
    np.testing.assert_array_equal(np.delete(variance, [450]), np.delete(bar_variance(item), [450]))
    crash = item.values.copy()
    crash[450:, :] *= 0.7
    assert bar_variance(replace(item, values=crash))[450] > 0.1, (
        "a gap that the close keeps is real"
    )


def test_no_forecast_is_judged_by_a_wrong_bar() -> None:
    panel = Panel((series(changed(walk(500, 2), [450], 10.0)),))
    predictor = BASELINES["random-walk"].fit(panel, [400], 2)
    found = outcomes_of(predictor, panel, Origins(np.zeros(6, int), np.arange(446, 452)), 2, LEVELS)
    known = [[True, True], [True, True], [True, False], [False, True], [False, False], [True, True]]
    np.testing.assert_array_equal(np.isfinite(found.y), known)
    assert found.scale[0] == pytest.approx(np.abs(np.diff(panel[0].y[:447])).mean())
    oil = walk(500, 2)
    oil[450] = -37.63
    panel = Panel((series(oil),))
    found = outcomes_of(
        BASELINES["random-walk"].fit(panel, [400], 2),
        panel,
        Origins(np.zeros(1, int), np.array([449])),
        2,
        LEVELS,
    )
    assert found.y[0, 0] == -37.63, "oil has been below zero"


def test_one_wrong_bar_does_not_make_a_walk_seasonal() -> None:
    wrong = changed(walk(500, 2), [200, 300, 330], 10.0)
    assert resolve_target(Panel((series(wrong),)), insample=[450]) == "log-return"


def test_one_wrong_series_leaves_the_panel_as_it_was() -> None:
    others = [series(walk(500, n), f"S{n}") for n in range(5)]
    panels = [
        Panel((*others, series(y, "X"))) for y in (walk(500, 9), changed(walk(500, 9), [300], 0.01))
    ]
    tables = [
        next(
            Scaling.fit(p, bars_before(p, p[0].ds[400]), RunConfig().task, InputConfig()).tables(p)
        )
        for p in panels
    ]
    calm = np.r_[50:299, 302:500]
    np.testing.assert_allclose(tables[0][calm], tables[1][calm], atol=0.3)
