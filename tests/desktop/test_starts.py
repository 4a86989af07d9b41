"""Starts that share a folder: two windows at a time, and one after the settings were reset."""

from __future__ import annotations

from pathlib import Path

import pytest
from hands import activated, assert_alive, click, press_keys, settled, started, wait_until
from window_bench import price_file

from app import __main__ as program


def test_two_windows_of_one_person_keep_what_both_have_loaded(tmp_path: Path, qapp: object) -> None:
    home = tmp_path / "home"
    files = [price_file(tmp_path / f"{name}.csv", 200, seed=n) for n, name in enumerate("ABC")]
    with started(home, files[0]) as first:
        with started(home, files[1]) as second:
            assert_alive(second)
        first.window.activateWindow()
        activated(first.window)
        first.load((files[2],))
        wait_until(
            lambda: first.session.series is not None and first.session.series.symbol == "C",
            "the first window goes on",
        )
        settled(first)
        assert_alive(first)
    with started(home, size=None) as third:
        assert {row.symbol for row in third.session.watchlist.rows} == {"A", "B", "C"}
        assert_alive(third)


def test_reset_settings_leave_the_watchlist(
    tmp_path: Path, qapp: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("CANDLECAST_HOME", str(home))
    with started(home, price_file(tmp_path / "A.csv", 200)) as bench:
        bench.set_theme("dark")
        click(bench.chart)
        press_keys("ctrl+shift+g")
        wait_until(bench.actions["scale-log"].isChecked, "the scale is logarithmic")
    assert "were reset" in program._reset()
    with started(home, size=None) as bench:
        assert not bench.actions["scale-log"].isChecked()
        assert bench.preferences.theme != "dark"
        assert [row.symbol for row in bench.session.watchlist.rows] == ["A"]
        assert_alive(bench)
