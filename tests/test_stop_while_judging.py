"""A stop while a large panel is judged: what is asked for comes within seconds, of fewer dates,
and says so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from forecasting import Panel, PriceSeries, RunConfig, jobs
from forecasting.backtest import outcomes as judging
from forecasting.backtest import outcomes_of
from forecasting.baselines import BASELINES
from forecasting.cancellation import cancellable
from forecasting.config import QUANTILES
from forecasting.events import Event, Notice, Predictor, Progress, RunFinished
from forecasting.jobs.job import Job
from forecasting.series import Origins
from forecasting.training.trainer import untrained
from forecasting.windows import split_panel

_SERIES, _BARS = 5, 400
#: Baselines that are fitted to each series.
_FITTED = ("drift", "garch-t", "har", "ets", "theta")


class _Stop:
    """A stop that is asked for when the program has looked so often since scoring began."""

    def __init__(self, looks: int) -> None:
        self.scoring = False
        self._looks = looks

    def __call__(self) -> bool:
        self._looks -= self.scoring
        return self.scoring and self._looks <= 0


@pytest.fixture
def panel() -> Panel:
    draw = np.random.default_rng(3)
    ds = np.busday_offset("2015-01-05", np.arange(_BARS)).astype("datetime64[us]")
    closes = 100 * np.exp(np.cumsum(draw.normal(0, 0.01, (_BARS, _SERIES)), axis=0))
    return Panel(
        tuple(PriceSeries(f"S{n}", ds, ("close",), closes[:, n : n + 1]) for n in range(_SERIES))
    )


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up at once what is not done, and take 100 bars for many."""
    monkeypatch.setattr(judging, "GRACE_S", 1e-9)
    monkeypatch.setattr(judging, "_MOST_STOPPED", 100)


def _config() -> RunConfig:
    return RunConfig().changed(
        epochs=1, hidden_size=4, input_size=10, horizon=2, season="none", baselines="drift"
    )


def _run(job: Callable[[Callable[[], bool]], Job], looks: int) -> list[Event]:
    should_stop, events = _Stop(looks), list[Event]()
    for event in job(should_stop):
        events.append(event)
        should_stop.scoring |= isinstance(event, Progress) and event.message.startswith("Scoring")
    return events


def _train(panel: Panel, looks: int) -> tuple[RunFinished, list[str]]:
    events = _run(lambda stop: jobs.train(panel, _config(), should_stop=stop), looks)
    finished = events[-1]
    assert isinstance(finished, RunFinished)
    return finished, [event.message for event in events if isinstance(event, Notice)]


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("looks", [1, 2, 4])
def test_a_stop_while_judging_keeps_a_result_of_fewer_dates(panel: Panel, looks: int) -> None:
    finished, notices = _train(panel, looks)
    whole, _ = _train(panel, 10**9)
    result = finished.result
    assert {item.symbol for item in result.forecasts} == set(panel.symbols)
    assert "random-walk" in result.outcomes
    few, many = (next(iter(item.outcomes.values())) for item in (result, whole.result))
    assert 0 < np.unique(few.cutoff).size < np.unique(many.cutoff).size / 3
    assert any("only one in" in text for text in notices)


def test_a_small_panel_is_judged_in_full_after_a_stop(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "GRACE_S", 1e9)
    finished, notices = _train(panel, 2)
    whole, _ = _train(panel, 10**9)
    assert set(finished.result.outcomes) == set(whole.result.outcomes)
    for name, outcomes in finished.result.outcomes.items():
        np.testing.assert_allclose(outcomes.values, whole.result.outcomes[name].values)
    assert not any("only one in" in text for text in notices)


def _looks(work: Callable[[], object]) -> int:
    """Count how often a piece of work asks whether it is still wanted."""
    looks = 0

    def should_stop() -> bool:
        nonlocal looks
        looks += 1
        return False

    with cancellable(should_stop):
        work()
    return looks


@pytest.mark.parametrize("name", ["random-walk", *_FITTED])
def test_a_baseline_looks_for_a_stop_at_every_series(panel: Panel, name: str) -> None:
    insample, made = [300] * _SERIES, list[Predictor]()
    fit = _looks(lambda: made.append(BASELINES[name].fit(panel, insample, 2)))
    assert fit >= _SERIES * (name in _FITTED)
    origins = Origins(np.repeat(np.arange(_SERIES), 3), np.tile([310, 320, 330], _SERIES))
    assert _looks(lambda: made[0].predict(panel, origins, QUANTILES)) >= _SERIES


def test_judging_a_network_looks_for_a_stop_at_every_series_and_batch(panel: Panel) -> None:
    config = _config()
    split = split_panel(panel, config.task)
    _, forecaster = untrained(panel, split, config, torch.device("cpu"))
    shared = forecaster.windows(panel)
    assert _looks(lambda: shared.windows) == 0, "what every forecast needs is not given up"
    network = forecaster.calibrated(shared)
    learned, batches = 3 * _SERIES, len(split.test) // 4096
    assert _looks(lambda: outcomes_of(network, panel, split.test, 2, QUANTILES)) > learned + batches
    assert forecaster.windows(panel).windows is not shared.windows
    bare = forecaster.without_network(shared)
    assert _looks(lambda: bare.predict(panel, split.test, QUANTILES)) > learned
