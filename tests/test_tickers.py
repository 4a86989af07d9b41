"""Tickers in the window and on the command line, with the real yfinance and a server on loopback
that behaves like Yahoo.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication
from window_bench import idle, price_file, texts, wait, window
from yahoo_server import Market, YahooServer, serving

from app.cli import main
from app.widgets.ticker_field import TickerDialog, TickerField, TickerSettings, tickers_in
from app.window.workbench import Workbench
from forecasting import jobs
from forecasting.config import GROUPS, BacktestConfig
from forecasting.errors import CandlecastError, SourceError
from forecasting.events import NotLoaded, Progress, SeriesLoaded, TickersHeld
from forecasting.sources import ReadOptions, Request, TickerOptions, source, yahoo

#: Popups grab the keyboard, which the offscreen platform cannot do.
pytestmark = pytest.mark.qt_log_ignore(
    "This plugin does not support grabbing the keyboard", extend=True
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, own_folders: Path) -> Iterator[YahooServer]:
    monkeypatch.setattr(yahoo, "_BACKOFF_S", 0.01)
    with serving(AAPL=Market.made(300), MSFT=Market.made(280), GOOG=Market.made(260)) as running:
        yield running


def panel_of(events: list[Any]) -> Any:
    return next(event for event in reversed(events) if isinstance(event, SeriesLoaded)).panel


# The engine


def test_one_ticker_that_fails_does_not_lose_the_others(server: YahooServer) -> None:
    events = list(jobs.load(["yahoo:AAPL", "yahoo:NOPE", "yahoo:MSFT"]))
    assert panel_of(events).symbols == ("AAPL", "MSFT")
    (refused,) = (event for event in events if isinstance(event, NotLoaded))
    assert (refused.place, "does not know the ticker NOPE" in refused.message) == (1, True)
    loaded = next(event for event in events if isinstance(event, SeriesLoaded))
    assert loaded.places == (0, 2)
    assert [event.done for event in events if isinstance(event, Progress)][:3] == [0, 1, 2]
    with pytest.raises(SourceError, match="NOPE"):
        list(jobs.load(["yahoo:NOPE"]))
    with pytest.raises(SourceError, match="NOPE"):
        list(jobs.load(["yahoo:NOPE", "yahoo:NADA"]))


def test_the_same_name_twice_is_loaded_once(server: YahooServer) -> None:
    events = list(jobs.load(["yahoo:AAPL", "yahoo:aapl"]))
    assert panel_of(events).symbols == ("AAPL",)
    assert any(
        "is there already" in event.message for event in events if isinstance(event, NotLoaded)
    )


def test_each_ticker_has_options_of_its_own(server: YahooServer) -> None:
    weekly = Request(
        reference="yahoo:MSFT",
        read=ReadOptions(resample="1W"),
        ticker=TickerOptions(period="1y", raw=True),
    )
    apple, microsoft = panel_of(
        list(jobs.load(["yahoo:AAPL", weekly], ticker=TickerOptions(period="3mo")))
    )
    assert (apple.freq, apple.provenance.adjusted, len(apple) < 70) == ("1D", "adjusted", True)
    assert (microsoft.freq, microsoft.provenance.adjusted, "adj_close" in microsoft) == (
        "1W",
        "raw",
        True,
    )
    assert source("yahoo:AAPL", ticker=TickerOptions(interval="1h")).interval == "1h"  # type: ignore[attr-defined]


def test_a_stop_keeps_what_was_loaded_so_far(server: YahooServer) -> None:
    polled: list[None] = []

    def stop() -> bool:
        polled.append(None)
        return len(polled) > 2

    assert panel_of(
        list(jobs.load(["yahoo:AAPL", "yahoo:MSFT", "yahoo:GOOG"], should_stop=stop))
    ).symbols == ("AAPL", "MSFT")


def test_the_cache_tells_what_it_holds_and_is_not_made_for_that(
    server: YahooServer, own_folders: Path
) -> None:
    assert list(jobs.cached_tickers()) == [TickersHeld(())]
    assert not list(own_folders.glob("*.sqlite"))
    list(jobs.load(["yahoo:MSFT", "yahoo:AAPL"]))
    (held,) = jobs.cached_tickers()
    assert isinstance(held, TickersHeld)
    assert set(held.tickers) == {"AAPL", "MSFT"}


# The command line


def test_commands_take_period_interval_raw_and_offline(
    server: YahooServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def inspected(*words: str) -> tuple[int, Any, str]:
        status = main(["inspect", "yahoo:AAPL", *words, "--json"])
        out, err = capsys.readouterr()
        return status, json.loads(out) if out else None, err

    status, _, err = inspected("--offline")
    assert status == 2
    assert "is not in the cache" in err
    _, found, _ = inspected("--period", "3mo")
    assert found["bars"] < 70
    sent = len(server.requests)
    _, found, _ = inspected(
        "--offline", "--raw", "--resample", "1W", "--trading-calendar", "weekdays"
    )
    assert len(server.requests) == sent
    assert (found["freq"], found["calendar"]) == ("1W", "weekdays")
    _, found, _ = inspected("--refresh")
    assert len(server.requests) > sent


def test_settings_do_not_share_the_name_of_a_flag() -> None:
    groups = (*GROUPS.values(), BacktestConfig, ReadOptions, TickerOptions)
    names = [name for cls in groups for name in cls.model_fields]
    assert len(names) == len(set(names)), "two groups of one command would give the same flag"


# The box, the panel and the dialog


def test_tickers_are_parted_by_commas_semicolons_and_blanks() -> None:
    assert tickers_in(" aapl,msft; ^gspc  aapl ") == ("AAPL", "MSFT", "^GSPC")


@pytest.fixture
def field(qtbot: Any) -> TickerField:
    box = TickerField()
    qtbot.addWidget(box)
    box.show_recent(["AAPL", "AMZN", "MSFT"])
    box.show()
    box.setFocus()
    return box


def test_recent_tickers_complete_the_word_at_the_cursor(qtbot: Any, field: TickerField) -> None:
    entered: list[Any] = []
    field.tickers_entered.connect(entered.append)
    qtbot.keyClicks(field, "^gspc, am")
    popup = field._popup
    assert popup.isVisible()
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert not popup.isVisible()
    assert field.text() == "^gspc, AMZN"
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert entered == [("yahoo:^GSPC", "yahoo:AMZN")]


def test_enter_takes_what_is_typed_unless_a_recent_one_was_chosen(
    qtbot: Any, field: TickerField
) -> None:
    entered: list[Any] = []
    field.tickers_entered.connect(entered.append)
    qtbot.keyClicks(field, "a")
    assert field._popup.isVisible()
    qtbot.keyClick(field._popup, Qt.Key.Key_Return)
    assert entered == [("yahoo:A",)]
    assert not field._popup.isVisible()
    field.clear()
    qtbot.keyClick(field, Qt.Key.Key_Down)
    assert field._popup.isVisible(), "the Down key shows all of them"
    assert field._completer.completionCount() == 3
    qtbot.keyClick(field._popup, Qt.Key.Key_Escape)
    assert not field._popup.isVisible()
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert len(entered) == 1, "nothing is typed"


def test_recent_tickers_are_asked_for_when_the_user_comes_not_when_the_window_does(
    qtbot: Any, field: TickerField
) -> None:
    asked: list[None] = []
    wait(field.hasFocus)
    field.clearFocus()
    field.recent_requested.connect(lambda: asked.append(None))
    field.setFocus(Qt.FocusReason.ActiveWindowFocusReason)
    assert asked == []
    field.clearFocus()
    field.ask()
    assert len(asked) == 1


def test_the_button_says_what_is_fetched(qtbot: Any) -> None:
    button, changes = TickerSettings(), []
    qtbot.addWidget(button)
    button.changed.connect(changes.append)
    assert button.text() == "10y · 1d ▾"
    button.show()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert button._panel.isVisible()
    period = button.form.fields["period"]
    period.setCurrentIndex(period.findData("5y"))  # type: ignore[attr-defined]
    qtbot.mouseClick(button.form.fields["raw"], Qt.MouseButton.LeftButton)
    qtbot.keyClick(button._panel, Qt.Key.Key_Escape)
    assert not button._panel.isVisible()
    assert changes[-1] == TickerOptions(period="5y", raw=True)
    assert button.text() == "5y · 1d · raw ▾"
    button.show_options(TickerOptions(), offline=True)
    assert button.text() == "10y · 1d · offline ▾"


def test_the_dialog_adds_several_and_changes_one(qtbot: Any) -> None:
    adding = TickerDialog(TickerOptions(period="1y"))
    qtbot.addWidget(adding)
    adding.show()
    adding.start()
    adding.show_recent(["AAPL", "MSFT"])
    assert not adding.load.isEnabled()
    assert adding.load.toolTip()
    adding.recent.itemActivated.emit(adding.recent.item(1))
    qtbot.keyClicks(adding.field, ", sap.de")
    assert [item.reference for item in adding.requests] == ["yahoo:MSFT", "yahoo:SAP.DE"]
    assert {item.ticker for item in adding.requests} == {TickerOptions(period="1y")}
    adding.close()
    before = Request(reference="yahoo:AAPL", read=ReadOptions(resample="1W"))
    changing = TickerDialog(before.ticker, before)
    qtbot.addWidget(changing)
    changing.show()
    assert not changing.field.isVisible()
    interval = changing.form.fields["interval"]
    interval.setCurrentIndex(interval.findData("1h"))  # type: ignore[attr-defined]
    assert changing.requests == (
        before.model_copy(update={"ticker": TickerOptions(interval="1h")}),
    )


# The window


@pytest.fixture
def bench(qapp: QApplication, server: YahooServer, tmp_path: Path) -> Iterator[Workbench]:
    with window(tmp_path, price_file(tmp_path / "start.csv")) as shown:
        yield shown


def rows(bench: Workbench) -> str:
    return " ".join(
        f"{row.symbol}{'*' if row.checked else ''}" for row in bench.session.watchlist.rows
    )


@pytest.mark.slow
def test_a_day_with_tickers(qtbot: Any, bench: Workbench, server: YahooServer) -> None:
    field = bench.actions.ticker_field
    field.setText("aapl, nope msft")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    idle(bench)
    assert rows(bench) == "start AAPL* MSFT* NOPE"
    assert "does not know the ticker NOPE" in bench.banner.text
    told = texts(bench.data)
    assert "adjusted for splits and dividends" in told
    assert "Fetched" in told

    sent = len(server.charts)
    bench.actions["offline"].trigger()
    assert bench.actions.ticker_settings.text().endswith("offline ▾")
    bench.actions["reload"].trigger()
    idle(bench)
    assert len(server.charts) == sent
    assert "from the cache of this computer" in texts(bench.data), "how old the prices are is said"
    bench.actions["offline"].trigger()
    bench.actions["reload"].trigger()
    idle(bench)
    assert len(server.charts) > sent

    server.behaviours = ["500"]
    bench.actions["reload"].trigger()
    idle(bench)
    assert "Newer ones could not be fetched" in texts(bench.data)
    server.behaviours = ["ok"]

    field.ask()
    wait(lambda: set(field._recent.stringList()) == {"AAPL", "MSFT"})
    idle(bench)


@pytest.mark.slow
def test_tickers_are_added_and_changed_by_the_dialog(qtbot: Any, bench: Workbench) -> None:
    bench.data.buttons["add"].menu().actions()[1].trigger()
    dialog = bench.tickers.dialog
    assert dialog is not None
    qtbot.keyClicks(dialog.field, "goog")
    qtbot.mouseClick(dialog.load, Qt.MouseButton.LeftButton)
    idle(bench)
    assert rows(bench) == "start* GOOG*"
    options = next(
        item for item in bench.data.buttons.values() if item.accessibleName() == "Options"
    )
    qtbot.mouseClick(options, Qt.MouseButton.LeftButton)
    dialog = bench.tickers.dialog
    assert dialog is not None
    raw = dialog.form.fields["raw"]
    assert isinstance(raw, QAbstractButton)
    raw.setChecked(True)
    qtbot.mouseClick(dialog.load, Qt.MouseButton.LeftButton)
    idle(bench)
    assert rows(bench) == "start* GOOG*"
    assert "as traded (raw)" in texts(bench.data)


@pytest.mark.slow
def test_what_is_fetched_is_remembered(qtbot: Any, server: YahooServer, tmp_path: Path) -> None:
    with window(tmp_path, price_file(tmp_path / "start.csv")) as bench:
        bench.actions.ticker_settings.form.show_settings(TickerOptions(period="1y", raw=True))
        bench.actions["offline"].trigger()
    with window(tmp_path) as bench:
        assert bench.actions.ticker_settings.text() == "1y · 1d · raw · offline ▾"
        assert bench.actions["offline"].isChecked()
        bench.actions.ticker_field.setText("AAPL")
        qtbot.keyClick(bench.actions.ticker_field, Qt.Key.Key_Return)
        idle(bench)
        assert "not in the cache" in bench.banner.text
        assert rows(bench) == "start*", "a single ticker that fails is told, not listed"
        assert isinstance(bench.session.series, object)


@pytest.mark.slow
def test_a_load_that_takes_long_can_be_given_up(
    qtbot: Any, bench: Workbench, server: YahooServer
) -> None:
    server.behaviours = ["silent"]
    bench.watchlist_controller.load(["yahoo:AAPL", "yahoo:MSFT"])
    wait(lambda: bench.session.progress is not None and "AAPL" in texts(bench.window.statusBar()))
    assert bench.actions["cancel"].isEnabled()
    bench.actions["cancel"].trigger()
    assert bench.session.state == "idle"
    assert rows(bench) == "start*"
    server.closing.set()
    wait(lambda: bench.session.threads == 0)


def test_a_single_reference_that_fails_is_an_error() -> None:
    with pytest.raises(CandlecastError):
        list(jobs.load([Request(reference="/nowhere/at/all.csv")]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "listed"),
    [("NASDAQ:AAPL", "start AAPL*"), ("NASDAQ:AAPL, MSFT", "start MSFT* AAPL*")],
)
def test_a_ticker_in_another_spelling_is_loaded_by_the_button_beside_the_error(
    qtbot: Any, bench: Workbench, typed: str, listed: str
) -> None:
    field = bench.actions.ticker_field
    field.setText(typed)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    idle(bench)
    assert bench.banner.choices == ("Load AAPL",)
    button = next(
        item for item in bench.banner.findChildren(QAbstractButton) if item.text() == "Load AAPL"
    )
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    idle(bench)
    assert rows(bench) == listed
    assert bench.banner.text == ""
