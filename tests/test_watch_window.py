"""The watch in the real window: chosen in the list, looked at in a worker, told in the journal."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog
from window_bench import idle, price_file, rested, texts, wait, window

from app.window.workbench import Workbench
from forecasting.config import QUANTILES
from forecasting.events import Event
from forecasting.jobs import watching
from forecasting.series import Forecast, Panel, Provenance
from forecasting.store import Entry, WatchStore
from forecasting.watch import score_record

FIRST = Path(__file__).resolve().parent / "golden" / "first"


@pytest.fixture(scope="module")
def opened(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """One window for all tests; each test has a store of its own."""
    with window(tmp_path_factory.mktemp("watch")) as bench:
        bench.layout.docks["journal"].raise_()
        yield bench


def forecasts(panel: Panel, _network: Any, _device: str) -> Generator[Event, None, Any]:
    """What a network might say, without the seconds that torch takes."""
    yield from ()
    days = np.arange(1, 4) * np.timedelta64(1, "D")
    spread = np.linspace(0.95, 1.05, len(QUANTILES))
    return tuple(
        Forecast(
            series.symbol,
            "LSTM",
            series.ds[-1],
            float(series.y[-1]),
            series.ds[-1] + days,
            QUANTILES,
            float(series.y[-1]) * spread * np.ones((3, 1)),
        )
        for series in panel
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_forecasts", forecasts)


@pytest.fixture
def bench(opened: Workbench, tmp_path: Path) -> Iterator[Workbench]:
    opened.session.remove(range(len(opened.session.watchlist)))
    opened.watchlist_controller.load([price_file(tmp_path / "prices.csv")])
    idle(opened)
    yield opened
    opened.features["watch"].stop(opened.session.watchlist.rows)
    idle(opened)
    rested(opened)


def test_a_series_is_watched_from_the_list_and_what_is_found_is_in_the_journal(
    bench: Workbench, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    feature, journal = bench.features["watch"], bench.layout.journal
    network = str(FIRST / "model.candlecast")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args: (network, ""))
    bench.actions["watch"].trigger()
    wait(lambda: journal.alerts.sheet != {}, 90)
    idle(bench)
    assert [item.symbol for item in feature.choices] == ["prices"]
    assert feature.is_running
    assert list(journal.table.sheet["Symbol"]) == ["prices"]
    assert list(journal.alerts.sheet["What"]) == ["no new bars"]
    assert "Watched: prices." in texts(journal)
    index = bench.data.list.model().index(0, 0)
    assert "watched" in str(index.data(Qt.ItemDataRole.AccessibleTextRole))

    qtbot.mouseClick(journal.look_button, Qt.MouseButton.LeftButton)
    idle(bench)
    assert len(journal.table.sheet["Symbol"]) == 1
    with WatchStore() as store:
        assert len(store.alerts()) == 1
        assert store.alerts(unseen_by="window") == ()
        assert len(store.alerts(unseen_by="terminal")) == 1

    bench.actions["unwatch"].trigger()
    idle(bench)
    assert feature.choices == ()
    assert not feature.is_running


def test_removing_a_series_ends_its_watch_and_a_file_that_is_no_network_is_refused(
    bench: Workbench, tmp_path: Path
) -> None:
    feature = bench.features["watch"]
    wrong = tmp_path / "wrong.candlecast"
    wrong.write_text("no network")
    said: list[str] = []
    feature.warned.connect(lambda message, _hint: said.append(message))
    feature.watch(bench.session.watchlist.rows, wrong)
    idle(bench)
    assert feature.choices == ()
    assert "wrong.candlecast" in said[0]
    feature.watch(bench.session.watchlist.rows, FIRST / "model.candlecast")
    idle(bench)
    assert len(feature.choices) == 1
    bench.data.remove_requested.emit([0])
    idle(bench)
    assert feature.choices == ()


def test_a_click_on_the_notice_brings_the_window_as_it_was_with_the_alerts(
    bench: Workbench,
) -> None:
    window = bench.layout.journal.window()
    window.showMaximized()
    window.setWindowState(window.windowState() | Qt.WindowState.WindowMinimized)
    bench.features["watch"].bring_alerts()
    idle(bench)
    assert window.windowState() & Qt.WindowState.WindowMaximized
    assert not window.isMinimized()
    assert bench.layout.journal.record.currentWidget() is bench.layout.journal.alerts
    alerts = bench.layout.journal.alerts
    assert alerts.isVisible()
    for width in (900, 320):
        alerts.resize(width, 200)
        assert alerts.columnWidth(3) >= 200, "the message is read whole"
        assert alerts.isColumnHidden(2) == (width == 320)
        assert sum(map(alerts.columnWidth, range(4))) <= alerts.viewport().width()


def test_the_score_over_time_is_that_of_the_journal(bench: Workbench) -> None:
    cutoff = np.datetime64("2024-03-01", "us")
    ds = cutoff + np.arange(1, 3) * np.timedelta64(1, "D")

    def entry(spread: float) -> Entry:
        values = 100 + spread * np.linspace(-1, 1, len(QUANTILES)) * np.ones((2, 1))
        fcst = Forecast("A", "LSTM", cutoff, 100.0, ds, QUANTILES, values)
        truth = np.array([100.1, np.nan])
        return Entry(
            fcst, cutoff, "1D", "", Provenance("f"), "{}", np.ones(2, bool), truth, volatility=0.01
        )

    sharp, vague = score_record([entry(0.5)]), score_record([entry(50.0)])
    assert sharp.ds.astype(str).tolist() == ["2024-03-02"]
    assert sharp.skill[0] > 0 > vague.skill[0]
    assert score_record([]).ds.size == 0
