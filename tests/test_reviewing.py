"""What the window asks, offers and tells of series that cannot be trained as they are; and
networks saved after their series left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fabricated
import numpy as np
import pandas as pd
import pytest
from window_bench import idle, rested, wait, window

from app import dialogs
from app.window.workbench import Workbench
from forecasting.events import RunFinished
from forecasting.series import Finding, Panel


class Network:
    """Stands for a trained network that can be written."""

    name = "GRU"

    def save(self, path: str | Path) -> None:
        Path(path).write_bytes(b"network")


def write(path: Path, dates: pd.DatetimeIndex) -> str:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(len(dates)).normal(0, 0.01, len(dates))))
    pd.DataFrame({"Date": dates, "Close": close}).to_csv(path, index=False, date_format="%Y-%m-%d")
    return str(path)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, qapp: object) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("window")
    with window(
        folder, write(folder / "day.csv", pd.bdate_range("2020-01-01", periods=400))
    ) as bench:
        yield bench


@pytest.fixture
def bench(opened: Workbench) -> Iterator[Workbench]:
    """The window with one series of daily bars, and no run."""
    before = opened.session.watchlist
    yield opened
    opened.session.forget_run()
    opened.session.relist(before, 0)
    rested(opened)


def with_errors(bench: Workbench, count: int) -> None:
    """Give the series that is shown an error, as its reader would."""
    row = bench.session.row
    assert row is not None
    assert row.series is not None
    error = Finding("high_below_low", f"Bars with a high below the low ({count}).", count, "error")
    series = replace(row.series, findings=(error,))
    rows = (replace(row, series=series),)
    bench.session.relist(replace(bench.session.watchlist, rows=rows), 0)


@pytest.mark.slow
def test_errors_of_the_data_ask_before_a_training(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(bench.session), "engine", None, raising=False)
    with_errors(bench, 90)
    bench.train()
    assert bench.session.state == "idle"
    assert "has an error" in bench.banner.text
    assert bench.banner.choices == ("Go on anyway", "Look at the data")
    bench.banner.other_requested.emit()
    assert bench.session.state == "idle"
    bench.train()
    bench.banner.action_requested.emit()
    assert bench.session.state == "preparing", "it was accepted"
    bench.cancel()
    bench.train()
    assert bench.session.state == "preparing", "and is not asked again"
    bench.cancel()
    idle(bench)


def test_errors_of_the_data_ask_before_a_backtest_too(bench: Workbench) -> None:
    with_errors(bench, 91)
    bench.backtest_controller.start()
    assert bench.session.state == "idle"
    assert bench.banner.choices == ("Go on anyway", "Look at the data")


def test_bars_of_different_distances_are_told_apart_or_joined(
    bench: Workbench, tmp_path: Path
) -> None:
    week = write(tmp_path / "week.csv", pd.date_range("2014-01-03", periods=300, freq="W-FRI"))
    bench.watchlist_controller.load((week,), "also")
    idle(bench)
    bench.train()
    assert "different distances" in bench.banner.text
    assert bench.banner.choices == ("Train only the daily bars", "Join to weekly bars")
    bench.banner.action_requested.emit()
    assert bench.session.panel is not None
    assert bench.session.panel.symbols == ("day",)
    bench.session.check([0, 1], True)
    bench.train()
    bench.banner.other_requested.emit()
    idle(bench)
    assert bench.session.panel is not None
    assert [item.freq for item in bench.session.panel] == ["1W", "1W"]


def test_findings_and_series_left_out_stand_beside_the_verdict(bench: Workbench) -> None:
    result = fabricated.run(fabricated.walk("AAA"))
    warned = replace(
        result.panel[0], findings=(Finding("stale", "A run of 12 equal closes.", 12, "warning"),)
    )
    panel = Panel((warned, *result.panel.series[1:]))
    bench.results.show_result(
        replace(result, panel=panel, left_out={"TINY": "TINY has 5 bars; the lookback needs 60."})
    )
    told = bench.results.judged.data_notes
    assert f"Warning in the data of {warned.symbol}: A run of 12 equal closes." in told
    assert "TINY has 5 bars" in told
    twice = replace(warned, findings=warned.findings * 2)
    left_out = {name: f"{name} has 5 bars." for name in ("TINY", "SHORT")}
    bench.results.show_result(
        replace(result, panel=Panel((twice, *panel.series[1:])), left_out=left_out)
    )
    data, series = bench.results.judged.data_notes.splitlines()
    assert data.startswith(f"2 errors and warnings in the data. {warned.symbol}: A run of 12")
    assert series == "2 series are left out. TINY has 5 bars. SHORT has 5 bars."
    bench.results.show_result(result)
    assert "TINY" not in bench.results.judged.data_notes


def test_the_list_counts_what_was_trained(bench: Workbench, tmp_path: Path) -> None:
    bench.watchlist_controller.load(
        (write(tmp_path / "tiny.csv", pd.bdate_range("2024-01-01", periods=5)),), "also"
    )
    idle(bench)
    rows = bench.session.watchlist.rows
    bench.data.show_list(rows, 0, ("tiny",))
    assert bench.data.trained_words == "Training takes day. Too short: tiny."
    bench.data.show_list(rows, 0)
    assert bench.data.trained_words == "Training takes 2 of 2 together."


def test_a_network_can_be_saved_after_its_series_left_the_list(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = fabricated.run(fabricated.walk("AAA"))
    bench.session.finished = RunFinished(result, Network())
    bench.session.unsaved = True
    bench.session.remove([0])
    idle(bench)
    assert bench.session.series is None
    asked: list[str] = []

    def ask(_window: object, _preferences: object, _title: str, stem: str, _kinds: object) -> str:
        asked.append(stem)
        return str(tmp_path / "saved.candlecast")

    monkeypatch.setattr(dialogs, "ask_save_path", ask)
    wait(bench.actions["save_model"].isEnabled)
    bench.actions["save_model"].trigger()
    assert asked[0].startswith(result.panel.symbols[0])
    assert (tmp_path / "saved.candlecast").read_bytes() == b"network"


def test_a_network_of_several_series_is_proposed_under_their_number(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = fabricated.run(fabricated.walk("AAA"))
    both = Panel((fabricated.walk("AAA"), fabricated.walk("BBB")))
    bench.session.finished = RunFinished(replace(result, panel=both), Network())
    asked: list[str] = []
    monkeypatch.setattr(dialogs, "ask_save_path", lambda *given: asked.append(given[3]) or "")
    bench.export_controller.ask_save_model()
    assert asked == [f"panel-2-{result.config.model.title}"]
    bench.session.finished = None
