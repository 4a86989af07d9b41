"""Next steps as buttons: windows that fit a short series, another try, prices of the cache, more
epochs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fabricated
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget
from window_bench import idle, price_file, restored, wait, window
from yahoo_server import Market, YahooServer, serving

from app.background import Failure
from app.widgets.remedies import remedy_label
from app.window.workbench import Workbench
from forecasting.checks import check_sizes
from forecasting.config import RunConfig
from forecasting.errors import RETRY, CandlecastError, Remedy
from forecasting.events import Diagnosis, EngineReady, RunFinished
from forecasting.series import Panel
from forecasting.sources import yahoo
from forecasting.training import diagnostics
from forecasting.windows import split_panel


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, own_folders: Path) -> Iterator[YahooServer]:
    monkeypatch.setattr(yahoo, "_BACKOFF_S", 0.01)
    with serving(AAPL=Market.made(300), MSFT=Market.made(280)) as running:
        yield running


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, qapp: QApplication) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("window")
    with window(folder, price_file(folder / "short.csv", 80)) as shown:
        yield shown


@pytest.fixture
def bench(opened: Workbench) -> Iterator[Workbench]:
    """The window with one short series and the usual settings."""
    yield from restored(opened)


def press(qtbot: Any, parent: QWidget, text: str) -> None:
    buttons = [
        item
        for item in parent.findChildren(QAbstractButton)
        if item.text() == text and not item.isHidden()
    ]
    assert len(buttons) == 1, f"{text} is not there, or twice"
    qtbot.mouseClick(buttons[0], Qt.MouseButton.LeftButton)


def refusal(bars: int, **settings: Any) -> CandlecastError:
    with pytest.raises(CandlecastError) as caught:
        split_panel(Panel((fabricated.walk("AAA", bars),)), RunConfig().changed(**settings).task)
    return caught.value


@pytest.mark.parametrize("bars", [12, 30, 60, 90, 119])
def test_the_windows_that_are_offered_fit_and_stay_as_near_as_they_can(bars: int) -> None:
    (remedy,) = refusal(bars).remedies
    fitted = RunConfig().changed(**dict(remedy.values))
    split = split_panel(Panel((fabricated.walk("AAA", bars),)), fitted.task)
    assert min(len(split[part]) for part in ("train", "val", "test")) >= 1
    assert fitted.task.input_size >= min(60, bars // 5)
    assert fitted.task.horizon >= min(20, bars // 10)
    assert remedy_label(remedy) == f"Fit windows to {bars} bars"


def test_what_fits_already_is_left_alone_and_nothing_is_offered_where_nothing_fits() -> None:
    (remedy,) = refusal(200, input_size=20, horizon=5, test_size=190).remedies
    assert dict(remedy.values) == {"test_size": 0}
    assert refusal(4).remedies == ()


def test_a_part_shorter_than_the_horizon_is_lengthened() -> None:
    config = RunConfig().changed(horizon=20, val_size=5)
    with pytest.raises(CandlecastError) as caught:
        check_sizes(config.task)
    (remedy,) = caught.value.remedies
    check_sizes(config.changed(**dict(remedy.values)).task)
    assert remedy_label(remedy) == "Set validation 20"


@pytest.mark.slow
def test_windows_are_fitted_by_one_click_and_taken_back_by_another(
    qtbot: Any, bench: Workbench
) -> None:
    before = bench.model.config()
    error = refusal(80)
    bench.report(Failure.of(error))
    assert bench.banner.choices == ("Fit windows to 80 bars",)
    press(qtbot, bench.banner, "Fit windows to 80 bars")
    assert bench.model.config() == before.changed(**dict(error.remedies[0].values))
    assert "lookback 60 → 16, horizon 20 → 8" in bench.banner.text
    assert bench.banner.choices == ("Train", "Undo")
    press(qtbot, bench.banner, "Undo")
    assert bench.model.config() == before
    bench.actions["redo"].trigger()
    assert bench.model.config() != before


def test_the_form_fits_windows_where_it_says_that_they_do_not_fit(
    qtbot: Any, bench: Workbench
) -> None:
    bench.model.show_fault(Failure.of(refusal(80)))
    press(qtbot, bench.model, "Fit windows to 80 bars")
    assert bench.model.config().task.input_size == 16
    bench.model.show_cost(None)
    assert bench.model.remedy_button.isHidden()


def test_the_cost_is_asked_for_once_the_engine_is_ready(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(bench.session, "run_while_idle", lambda _make, key: asked.append(key))
    bench.session.event_received.emit(EngineReady({"cpu": "CPU"}, {}, 1.0))
    wait(lambda: "cost" in asked)


def test_a_ticker_is_fetched_once_more_by_a_click(
    qtbot: Any, bench: Workbench, server: YahooServer
) -> None:
    server.behaviours = ["500"]
    bench.watchlist_controller.load(["yahoo:AAPL"])
    idle(bench)
    assert "out of order" in bench.banner.text
    assert bench.banner.choices == ("Retry",)
    server.behaviours = ["ok"]
    press(qtbot, bench.banner, "Retry")
    idle(bench)
    assert [row.symbol for row in bench.session.watchlist.rows if row.checked] == ["AAPL"]
    assert bench.banner.text == ""


def test_of_several_tickers_those_that_failed_are_fetched_once_more(
    qtbot: Any, bench: Workbench, server: YahooServer
) -> None:
    bench.watchlist_controller.load(["yahoo:AAPL"])
    idle(bench)
    server.behaviours = ["500"]
    bench.watchlist_controller.load(["yahoo:AAPL", "yahoo:MSFT"])
    idle(bench)
    assert bench.banner.choices == ("Retry",)
    server.behaviours = ["ok"]
    press(qtbot, bench.banner, "Retry")
    idle(bench)
    rows = bench.session.watchlist.rows
    assert sorted(row.symbol for row in rows if row.checked and row.series is not None) == [
        "AAPL",
        "MSFT",
    ]


def test_prices_that_the_cache_holds_at_another_interval_are_offered(
    qtbot: Any, bench: Workbench, server: YahooServer
) -> None:
    bench.watchlist_controller.load(["yahoo:AAPL"])
    idle(bench)
    server.behaviours = ["500"]
    daily = bench.session.watchlist.request_for("yahoo:AAPL")
    assert daily is not None
    hourly = daily.model_copy(update={"ticker": daily.ticker.model_copy(update={"interval": "1h"})})
    bench.session.remove([0, 1])
    bench.watchlist_controller.load([hourly])
    idle(bench)
    assert bench.banner.choices == ("Retry", "Use offline prices (daily)")
    sent = len(server.charts)
    press(qtbot, bench.banner, "Use offline prices (daily)")
    idle(bench)
    assert bench.session.series is not None
    assert bench.session.series.freq == "1D"
    assert len(server.charts) == sent, "nobody was asked"


def test_all_tickers_that_the_cache_holds_are_taken_from_there(
    qtbot: Any, bench: Workbench, server: YahooServer
) -> None:
    names = ["yahoo:AAPL", "yahoo:MSFT"]
    bench.watchlist_controller.load(names)
    idle(bench)
    daily = [bench.session.watchlist.request_for(name) for name in names]
    hourly = [
        item.model_copy(update={"ticker": item.ticker.model_copy(update={"interval": "1h"})})
        for item in daily
        if item is not None
    ]
    bench.session.remove([0, 1])
    server.behaviours = ["500"]
    bench.watchlist_controller.load([*hourly, "sample:sp500"])
    idle(bench)
    assert bench.banner.choices == ("Retry", "Use offline prices (daily)")
    sent = len(server.charts)
    press(qtbot, bench.banner, "Use offline prices (daily)")
    idle(bench)
    rows = [row for row in bench.session.watchlist.rows if row.checked]
    assert sorted(row.symbol for row in rows) == ["AAPL", "MSFT", "sp500"]
    assert all(row.series is not None and row.series.freq == "1D" for row in rows)
    assert len(server.charts) == sent, "nobody was asked"


def test_prices_of_an_earlier_time_are_told_with_another_try(
    qtbot: Any, bench: Workbench, server: YahooServer
) -> None:
    bench.watchlist_controller.load(["yahoo:AAPL"])
    idle(bench)
    server.behaviours = ["500"]
    bench.watchlist_controller.reload()
    idle(bench)
    assert "Newer ones could not be fetched" in bench.banner.text
    server.behaviours = ["ok"]
    press(qtbot, bench.banner, "Retry")
    idle(bench)
    assert bench.banner.text == ""


def test_a_file_that_is_not_there_yet_is_read_once_it_is(
    qtbot: Any, bench: Workbench, tmp_path: Path
) -> None:
    bench.watchlist_controller.load([str(tmp_path / "later.csv")])
    idle(bench)
    assert bench.banner.choices == ("Retry",)
    price_file(tmp_path / "later.csv")
    press(qtbot, bench.banner, "Retry")
    idle(bench)
    assert bench.session.series is not None
    assert bench.session.series.symbol == "later"


def test_a_network_is_written_once_its_place_is_free(
    qtbot: Any, bench: Workbench, tmp_path: Path
) -> None:
    class Network:
        def save(self, path: Path) -> None:
            if not path.parent.is_dir():
                raise CandlecastError(
                    f"{path} cannot be written.", "Make the folder.", remedies=(RETRY,)
                )
            path.write_bytes(b"network")

    bench.session.finished = RunFinished(fabricated.run(fabricated.walk("AAA")), Network())  # type: ignore[arg-type]
    assert not bench.save_model(tmp_path / "new" / "a.candlecast")
    assert bench.banner.choices == ("Retry",)
    (tmp_path / "new").mkdir()
    press(qtbot, bench.banner, "Retry")
    assert (tmp_path / "new" / "a.candlecast").read_bytes() == b"network"


def test_a_training_that_still_learned_is_made_longer_by_a_click(
    qtbot: Any, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(type(bench.session), "can_train_on", True)
    monkeypatch.setattr(bench.session, "train_on", asked.append)
    advice = list(diagnostics.on_losses(fabricated.history(30), "epochs"))
    bench.session.watched.advice = advice
    bench._advise()
    assert bench.banner.choices == ("Train 15 more epochs",)
    press(qtbot, bench.banner, "Train 15 more epochs")
    bench.training.show_state("Finished", running=False)
    bench.training.show_advice(advice)
    press(qtbot, bench.training.doctor, "Train 15 more epochs")
    assert asked == [15, 15]


def test_the_doctor_offers_what_it_advises(qtbot: Any, bench: Workbench) -> None:
    remedy = Remedy("settings", (("clip_norm", 0.2),))
    bench.training.show_advice(
        [
            Diagnosis("clipping", "Most steps were clipped.", "", (remedy,)),
            Diagnosis("noted", "Something."),
        ]
    )
    assert bench.training.doctor.take.isHidden(), "the newest has none"
    bench.training.doctor.list.setCurrentRow(1)
    bench.training.show_state("Epoch 3", running=True)
    assert not bench.training.doctor.take.isEnabled()
    bench.training.show_state("Finished", running=False)
    bench.training.doctor.take.click()
    assert bench.model.config().train.clip_norm == 0.2
    assert replace(remedy, bars=0) == remedy


def test_the_box_keeps_the_tickers_that_are_not_loaded(
    qtbot: Any, bench: Workbench, server: YahooServer
) -> None:
    field = bench.actions.ticker_field
    field.setText("aapl nope")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    idle(bench)
    assert field.text() == "NOPE"
    field.setText("MSFT")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    idle(bench)
    assert field.text() == ""
    field.setText("NOPE")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    idle(bench)
    assert field.text() == "NOPE"
    bench.watchlist_controller.load(["yahoo:AAPL"])
    idle(bench)
    assert field.text() == "", "something else was loaded instead"
