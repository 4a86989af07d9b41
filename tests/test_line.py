"""The line of a forecast beside no change: luck is not believed, a drift that is real is."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.config import RunConfig
from forecasting.events import MEAN_LEVELS
from forecasting.series import Floats, Panel, PriceSeries
from forecasting.windows import Scaling

BARS, HORIZON = 1000, 96
#: Moves of mean 0 and deviation 1.
KINDS = {
    "fat": lambda draw, shape: draw.standard_t(3, shape) / np.sqrt(3.0),
    "up": lambda draw, shape: draw.exponential(size=shape) - 1.0,
    "down": lambda draw, shape: 1.0 - draw.exponential(size=shape),
}


def walks(kind: str, series: int, seed: int, drift: float = 0.0) -> Panel:
    """Walks of independent moves, half of whose variance the series share."""
    draw = np.random.default_rng(seed)
    common, own = KINDS[kind](draw, (BARS, 1)), KINDS[kind](draw, (BARS, series))
    moves = (own if series == 1 else np.sqrt(0.5) * (common + own)) + drift
    ds = np.busday_offset("2000-01-03", np.arange(BARS), roll="forward").astype("datetime64[us]")
    prices = 100 * np.exp(0.01 * np.cumsum(moves, axis=0))
    return Panel(
        tuple(PriceSeries(f"S{n}", ds, ("close",), prices[:, n : n + 1]) for n in range(series))
    )


def line(panel: Panel, horizon: int) -> tuple[Floats, Floats]:
    """Return median and mean of the baseline's h-bar move in its deviations, [H]."""
    config = RunConfig().changed(horizon=horizon)
    scaling = Scaling.fit(panel, [len(s) for s in panel], config.task, config.inputs)
    spread = scaling.baseline(np.array(MEAN_LEVELS)).std(axis=1)
    return scaling.baseline(np.array([0.5]))[:, 0] / spread, scaling.baseline(
        np.array(MEAN_LEVELS)
    ).mean(axis=1) / spread


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("series", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_the_line_of_a_walk_is_at_most_one_percent_worse_than_no_change(
    kind: str, series: int
) -> None:
    found = [line(walks(kind, series, seed), HORIZON) for seed in range(4)]
    for lines in zip(*found, strict=True):
        excess = np.mean(np.square(lines), axis=0)  # of the squared error, in units of the variance
        assert excess[[0, 19, 95]].max() < 0.01


def test_a_drift_that_is_real_is_kept() -> None:
    median, mean = line(walks("fat", 1, 1, drift=0.15), 20)
    real = 0.15 * np.sqrt(20)
    assert 0.4 * real < median[-1] < 1.4 * real
    assert 0.4 * real < mean[-1] < 1.4 * real
