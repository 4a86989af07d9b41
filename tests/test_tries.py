"""The tally of configurations: what counts as another try on the same test part, and what does
not.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forecasting.config import RunConfig
from forecasting.series import Panel, PriceSeries
from forecasting.store import Trials


def _panel(seed: int = 0, bars: int = 300) -> Panel:
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, 320)))[:bars]
    ds = np.datetime64("2023-01-02", "us") + np.arange(bars) * np.timedelta64(1, "D")
    return Panel((PriceSeries("AAA", ds, ("close",), close[:, None]),))


def _tried(panel: Panel, config: RunConfig, cutoff: int = 250) -> int:
    ds = panel[0].ds
    with Trials() as tally:
        return tally.add(panel, config, ds[cutoff], ds[-1])


def test_every_other_configuration_counts_once() -> None:
    panel, config = _panel(), RunConfig()
    assert _tried(panel, config) == 1
    assert _tried(panel, config) == 1
    assert _tried(panel, config.changed(device="cpu")) == 1, (
        "where it is computed is no other configuration"
    )
    assert _tried(panel, config.changed(hidden_size=16)) == 2
    assert _tried(panel, config.changed(seed=1)) == 3, "the best of many seeds is chosen too"
    assert _tried(panel, config) == 3


def test_the_same_settings_of_an_older_program_are_no_other_try(tmp_path: Path) -> None:
    panel, config = _panel(), RunConfig().changed(hidden_size=16)
    path, ds = tmp_path / "store.sqlite", panel[0].ds
    with Trials(path) as tally:
        tally.add(panel, config, ds[250], ds[-1])
    # Programs before wrote the digest of all settings.
    older = hashlib.sha256(config.to_json().encode()).hexdigest()
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute("UPDATE tried SET settings = ?", (older,)).rowcount == 1
    with Trials(path) as tally:
        assert tally.add(panel, config, ds[250], ds[-1]) == 1
        assert tally.add(panel, config.changed(seed=1), ds[250], ds[-1]) == 2


def test_a_new_setting_at_its_default_is_no_other_try(monkeypatch: pytest.MonkeyPatch) -> None:
    panel, config = _panel(), RunConfig().changed(hidden_size=16)
    assert _tried(panel, config) == 1
    text = RunConfig.to_json
    monkeypatch.setattr(RunConfig, "to_json", lambda self: text(self) + '"new": 1')
    assert _tried(panel, config) == 1


def test_new_bars_and_adjusted_prices_are_the_same_test_part() -> None:
    panel, config = _panel(), RunConfig()
    _tried(panel, config)
    longer = _panel(bars=310)
    assert _tried(longer, config.changed(seed=1), cutoff=258) == 2
    adjusted = replace(longer[0], values=longer[0].values * 0.97)
    assert _tried(Panel((adjusted,)), config.changed(seed=2), cutoff=258) == 3


def test_other_prices_and_other_times_are_another_test_part(tmp_path: Path) -> None:
    panel, config = _panel(), RunConfig()
    _tried(panel, config)
    assert _tried(_panel(seed=1), config.changed(seed=1)) == 1, (
        "a file of the same name with other prices"
    )
    with Trials() as tally:
        assert tally.add(panel, config.changed(seed=2), panel[0].ds[150], panel[0].ds[249]) == 1
    with Trials(tmp_path / "other.sqlite") as tally:
        assert tally.add(panel, config.changed(seed=3), panel[0].ds[250], panel[0].ds[-1]) == 1
