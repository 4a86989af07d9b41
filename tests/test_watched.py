"""What is kept of a training's course: every epoch's forecast, small and bounded, and how it is
named.
"""

from __future__ import annotations

import numpy as np
import pytest

from app import training_history
from app.training_history import Replay, TrainingHistory
from forecasting.config import RunConfig
from forecasting.events import ForecastMade
from forecasting.series import Forecast

LEVELS = (0.1, 0.5, 0.9)


def made(epoch: int, symbols: tuple[str, ...] = ("A",), final: bool = False) -> ForecastMade:
    ds = np.datetime64("2024-01-02", "us") + np.arange(3) * np.timedelta64(1, "D")
    values = 100.0 + epoch + np.arange(3.0)[None, :] + np.zeros((3, 1))
    forecasts = tuple(
        Forecast(name, "LSTM", ds[0] - 1, 100.0, ds, LEVELS, values + n)
        for n, name in enumerate(symbols)
    )
    return ForecastMade(forecasts, epoch, final)


def test_every_epoch_of_every_series_comes_back() -> None:
    replay = Replay()
    for epoch in range(5):
        replay.add(made(epoch, ("A", "B")))
    replay.add(made(3, ("A", "B"), final=True))
    assert replay.epochs == (0, 1, 2, 3, 4)
    assert len(replay) == 6
    then = replay.forecast(2, "B")
    assert then is not None
    assert then.model == "LSTM, epoch 2"
    np.testing.assert_allclose(then.values, made(2, ("A", "B")).forecasts[1].values, rtol=1e-6)
    assert replay.forecast(2, "C") is None
    last = replay.forecast(5, "A")
    assert last is not None
    assert last.model == "LSTM"


def test_long_trainings_are_thinned_evenly_and_keep_the_latest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training_history, "_MOST", 16)
    replay = Replay()
    for epoch in range(101):
        replay.add(made(epoch))
        assert len(replay.epochs) <= 16
        assert replay.epochs[-1] == epoch
        steps = np.diff(replay.epochs[:-1])
        assert len(set(steps.tolist())) <= 1
    assert replay.epochs == (*range(0, 97, 8), 100)


def test_large_panels_keep_fewer_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_history, "_BYTES", 4 * 3 * 3 * 4)
    replay = Replay()
    for epoch in range(20):
        replay.add(made(epoch))
    assert len(replay.epochs) <= 4


def test_names_tell_trainings_apart() -> None:
    names = [
        TrainingHistory(RunConfig().changed(**values), 2).name
        for values in ({"model": "rnn"}, {"model": "rnn", "activation": "relu"}, {"memory": 80})
    ]
    assert names == ["#2 RNN", "#2 RNN (ReLU)", "#2 LSTM, memory 80"]
