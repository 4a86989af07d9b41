"""The states of the window with prices of every size, and names as users give them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hands import assert_alive, painted, picture, resized, settled, started
from PySide6.QtWidgets import QApplication
from soundness import faults
from test_desktop_states import STATES

from forecasting.config import RunConfig

pytestmark = pytest.mark.slow

QUICK = RunConfig().changed(epochs=2, input_size=20, horizon=10, hidden_size=4)
#: Name of the file, first close, bars, and whether they are minutes.
CASES = {
    "tiny": ("SHIB.csv", 1.234e-5, 500, False),
    "huge": ("IDR market capitalisation.csv", 1.2345e13, 500, False),
    "negative": ("日本 Société.csv", -5.0, 500, False),
    "minutes": ("BTC-1m.csv", 60_000.0, 3000, True),
}


def written(path: Path, first: float, bars: int, minutes: bool) -> str:
    """Write a random walk, by differences where it begins below zero, and return the path."""
    steps = np.random.default_rng(0).normal(0, 0.02, bars)
    close = first + 50 * np.cumsum(steps) if first < 0 else first * np.exp(np.cumsum(steps))
    bar = np.timedelta64(1, "m") if minutes else np.timedelta64(1, "D")
    days = np.datetime64("2024-01-01T00:00") + bar * np.arange(bars)
    rows = [
        f"{str(day).replace('T', ' ')},{c!r},{c + reach!r},{c - reach!r},{c!r},1e9"
        for day, c, reach in zip(days, close.tolist(), (abs(close) / 250).tolist(), strict=True)
    ]
    path.write_text("\n".join(["Date,Open,High,Low,Close,Volume", *rows]))
    return str(path)


@pytest.mark.parametrize("case", CASES)
def test_every_state_is_sound_with_odd_prices(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANDLECAST_HOME", str(tmp_path))
    QApplication.instance() or QApplication([])
    name, first, bars, minutes = CASES[case]
    prices = written(tmp_path / name, first, bars, minutes)
    with started(tmp_path / "home", prices, engine=True) as bench:
        bench.model.show_config(QUICK)
        bench.train()
        settled(bench)
        bench.layout.docks["odds"].raise_()
        settled(bench)
        bench.features["odds"].add_line()
        resized(bench, 1024, 700)
        wrong = []
        for state, (enter, leave) in STATES.items():
            enter(bench)
            settled(bench)
            painted(bench.window)
            path = picture(bench, f"{case}-{state}")
            wrong += [f"{path.name}: {told}" for told in faults(bench.window)]
            leave(bench)
        assert_alive(bench)
        bench.session.unsaved = False
    assert not wrong, "\n".join(wrong)
