"""Tickers: the real yfinance against a server on loopback that behaves in every way Yahoo has
been seen to behave.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from yahoo_server import Market, YahooServer, forget_yfinance, serving

from forecasting.errors import ConfigError, SourceError
from forecasting.sources import yahoo
from forecasting.sources.yahoo import YahooSource, bounded_session


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, own_folders: Path) -> Iterator[YahooServer]:
    monkeypatch.setattr(yahoo, "_BACKOFF_S", 0.01)
    with serving(AAPL=Market.made(300), EMPTY=Market.made(5, nulls=(0, 1, 2, 3, 4))) as running:
        yield running


def test_bars_arrive_as_sent_with_zone_currency_and_provenance(
    server: YahooServer, own_folders: Path
) -> None:
    market = server.markets["AAPL"]
    (series,) = YahooSource("aapl", period="max", auto_adjust=False).load()
    assert series.symbol == "AAPL"
    assert (series.ds == market.ds.astype("datetime64[D]")).all(), "daily bars stand at 00:00"
    assert series.columns == ("open", "high", "low", "close", "adj_close", "volume")
    np.testing.assert_allclose(series["close"], market.close)
    np.testing.assert_allclose(series["adj_close"], market.adj_close)
    assert (series.freq, series.tz, series.currency) == ("1D", "America/New_York", "USD")
    assert series.provenance.source == "yahoo:AAPL"
    assert series.provenance.adjusted == "raw"
    assert series.provenance.retrieved_at.endswith("Z")
    assert len(series.provenance.content_hash) == 64
    assert "personal use" in series.provenance.note
    folder = own_folders / "cache" / "yfinance"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "tkr-tz.db").exists()


def test_adjusting_scales_the_whole_bar_and_the_period_counts_from_the_last_bar(
    server: YahooServer,
) -> None:
    market = server.markets["AAPL"]
    (series,) = YahooSource("AAPL", period="3mo").load()
    assert series.columns == ("open", "high", "low", "close", "volume")
    assert series.provenance.adjusted == "adjusted"
    assert series.ds[0] == np.datetime64("2024-03-28")
    np.testing.assert_allclose(series["close"], market.adj_close[-len(series) :])
    np.testing.assert_allclose(series["high"], market.adj_close[-len(series) :] * 1.01)
    assert YahooSource("AAPL", period="ytd").load()[0].ds[0] == np.datetime64("2024-01-01")


def test_a_bar_without_price_is_dropped_and_said(server: YahooServer) -> None:
    server.markets["AAPL"].nulls = (3, 10)
    (series,) = YahooSource("AAPL", period="max").load()
    assert len(series) == 298
    (finding,) = series.findings
    assert (finding.code, finding.count, finding.action) == ("no_price", 2, "dropped")
    assert finding.dates[0] == str(server.markets["AAPL"].ds[3].astype("datetime64[D]"))


@pytest.mark.parametrize(
    ("clock", "bars"),
    [("2024-06-28T19:59", 299), ("2024-06-28T20:01", 300), ("2024-06-28T04:30", 299)],
)
def test_the_bar_of_an_open_session_is_left_out(
    server: YahooServer, monkeypatch: pytest.MonkeyPatch, clock: str, bars: int
) -> None:
    monkeypatch.setattr(
        yahoo, "_now", lambda: np.datetime64(clock, "us")
    )  # New York closes at 20:00 UTC in summer
    (series,) = YahooSource("AAPL", period="max").load()
    assert len(series) == bars
    assert [finding.code for finding in series.findings] == ["unfinished"] * (300 - bars)


def test_a_ticker_kept_as_traded_can_be_read_adjusted(server: YahooServer) -> None:
    from forecasting.sources import ReadOptions, TickerOptions, source

    traded = source("yahoo:AAPL", ticker=TickerOptions(raw=True))
    adjusted = source("yahoo:AAPL", ReadOptions(adjusted=True), TickerOptions(raw=True))
    assert traded.load()[0].provenance.adjusted == "raw"
    assert adjusted.load()[0].provenance.adjusted == "adjusted"


def test_since_asks_for_the_tail_only(server: YahooServer) -> None:
    tail = YahooSource("AAPL").download(np.datetime64("2024-06-20"))
    assert tail.ds[0] == np.datetime64("2024-06-20")
    assert "period1=" in server.charts[-1]
    assert len(tail) == 7


def test_429_for_ever_ends_in_words_and_leaves_yahoo_alone(server: YahooServer) -> None:
    server.behaviours = ["429"]
    with pytest.raises(
        SourceError,
        match=r"Yahoo takes no more requests for now \(status 429\); AAPL was not loaded",
    ) as told:
        YahooSource("AAPL").load()
    assert "Try again in 60 s" in told.value.hint
    assert len(server.charts) == 1, "who has had enough is not asked once more"
    sent = len(server.requests)
    with pytest.raises(SourceError, match="Yahoo takes no more requests for now") as again:
        YahooSource("MSFT").load()
    assert again.value.hint.startswith("Try again in ")
    assert len(server.requests) == sent, "while the pause lasts nothing is sent"


@pytest.mark.parametrize(
    ("behaviour", "message", "hint"),
    [
        (
            "404",
            r"does not know the ticker AAPL, or it was delisted \(No data found, symbol may be "
            r"delisted\)",
            "Check the spelling",
        ),
        (
            "422",
            "Yahoo refuses AAPL with status 422: 1m data not available",
            "Choose another interval",
        ),
        (
            "500",
            r"Yahoo is out of order \(status 500\); AAPL was not loaded",
            "Try again in a minute",
        ),
        ("empty", "Yahoo has no 1D prices for AAPL", "Check the spelling"),
        (
            "html",
            r"Yahoo's reply for AAPL makes no sense \(a web page instead of prices\)",
            "Try again",
        ),
        ("junk", r"Yahoo's reply for AAPL makes no sense \(damaged data\)", "Try again"),
        ("blank", r"Yahoo's reply for AAPL makes no sense \(it is empty\)", "Try again"),
        (
            "thin",
            r"Yahoo's reply for AAPL makes no sense \(parts of the prices are missing\)",
            "Try again",
        ),
        ("reset", "The connection to Yahoo was cut; AAPL was not loaded", "internet connection"),
    ],
)
def test_a_bad_reply_has_its_words_and_is_forgotten(
    server: YahooServer, behaviour: str, message: str, hint: str
) -> None:
    server.behaviours = [behaviour]
    with pytest.raises(SourceError, match=message) as told:
        YahooSource("AAPL", deadline_s=3).load()
    assert hint in told.value.hint
    assert len(server.requests) <= 16
    server.behaviours = ["ok"]
    assert len(YahooSource("AAPL", period="max").load()[0]) == 300, "a healthy server is asked anew"


def test_a_cut_connection_is_tried_again(server: YahooServer) -> None:
    server.behaviours = ["reset", "ok"]
    assert len(YahooSource("AAPL", period="max").load()[0]) == 300


def test_a_ticker_whose_bars_are_all_null_has_no_prices(server: YahooServer) -> None:
    with pytest.raises(SourceError, match="Yahoo has no 1D prices for EMPTY"):
        YahooSource("EMPTY").load()


@pytest.mark.parametrize("behaviour", ["silent", "drip"])
@pytest.mark.slow
def test_the_deadline_holds(server: YahooServer, behaviour: str) -> None:
    server.behaviours = [behaviour]
    start = time.monotonic()
    with pytest.raises(
        SourceError, match=r"Yahoo did not answer within 0\.4 s; AAPL was not loaded"
    ) as told:
        YahooSource("AAPL", deadline_s=0.4).load()
    assert time.monotonic() - start < 1.5
    assert "internet connection" in told.value.hint


def test_a_refused_connection_means_offline(
    monkeypatch: pytest.MonkeyPatch, own_folders: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = YahooServer(port=free.getsockname()[1])
    monkeypatch.setattr(
        YahooSource, "session_factory", staticmethod(lambda: bounded_session(nobody.transport()))
    )
    forget_yfinance()
    with pytest.raises(SourceError, match="Yahoo cannot be reached; AAPL was not loaded") as told:
        YahooSource("AAPL").load()
    assert "internet connection" in told.value.hint
    forget_yfinance()


@pytest.mark.slow
def test_a_server_that_accepts_and_says_nothing_is_left_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch, own_folders: Path
) -> None:
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(16)
        nobody = YahooServer(port=hole.getsockname()[1])
        monkeypatch.setattr(
            YahooSource,
            "session_factory",
            staticmethod(lambda: bounded_session(nobody.transport())),
        )
        forget_yfinance()
        start = time.monotonic()
        with pytest.raises(SourceError, match=r"Yahoo did not answer within 0\.5 s"):
            YahooSource("AAPL", deadline_s=0.5).load()
        assert time.monotonic() - start < 1.5
    forget_yfinance()


@pytest.mark.parametrize(
    "ticker",
    [
        "../../v7/finance/quote",
        "AAPL?range=max#",
        "a/b",
        "",
        " ",
        "AAPL MSFT",
        "A" * 26,
        "%41",
        ".DE",
        "ÄPFEL",
        "@x",
    ],
)
def test_what_is_no_ticker_is_never_sent(server: YahooServer, ticker: str) -> None:
    with pytest.raises(SourceError, match="is not a ticker") as told:
        YahooSource(ticker)
    assert "AAPL" in told.value.hint
    assert server.requests == []


def test_blanks_and_small_letters_are_forgiven() -> None:
    assert YahooSource(" brk-b\n").symbol == "BRK-B"


def test_an_isin_is_told_apart(server: YahooServer) -> None:
    with pytest.raises(SourceError, match="US0378331005 is an ISIN"):
        YahooSource("US0378331005")


def test_settings_out_of_their_limits_are_errors_in_words() -> None:
    with pytest.raises(ConfigError, match="period = '7y'"):
        YahooSource("AAPL", period="7y")
    with pytest.raises(ConfigError, match="deadline_s = 0"):
        YahooSource("AAPL", deadline_s=0)


def test_only_prices_are_asked_for(server: YahooServer) -> None:
    server.behaviours = ["404"]
    with pytest.raises(SourceError):
        YahooSource("AAPL").load()
    assert not [path for path in server.requests if "quoteSummary" in path or "/v7/" in path]


def test_a_currency_has_no_volume(server: YahooServer) -> None:
    server.markets["EURUSD=X"] = Market.made(40, tz="Europe/London", volume=0.0, opens="00:00")
    (series,) = YahooSource("EURUSD=X", period="max").load()
    assert "volume" not in series
    assert series.calendar == "weekdays"


def test_hours_keep_the_exchange_clock_when_summer_time_begins(
    server: YahooServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = np.busday_offset("2024-03-06", np.arange(6))  # the clocks change on 10 March
    ds = (days[:, None] + np.timedelta64(570, "m") + np.arange(7) * np.timedelta64(60, "m")).ravel()
    server.markets["AAPL"] = Market.walk(ds)
    monkeypatch.setattr(
        yahoo, "_now", lambda: np.datetime64("2024-03-13T19:45")
    )  # 15:45 in New York
    series = YahooSource("AAPL", interval="1h").download(np.datetime64("2024-03-01"))
    assert (series.ds == ds[:-1]).all()
    assert (series.freq, series.calendar) == ("1h", "XNYS")
    assert [finding.code for finding in series.findings] == ["unfinished"]


@pytest.mark.parametrize(
    ("interval", "freq", "last"), [("1wk", "1W", "2024-06-17"), ("1mo", "1M", "2024-05-01")]
)
def test_the_week_and_the_month_under_way_are_left_out(
    server: YahooServer, monkeypatch: pytest.MonkeyPatch, interval: str, freq: str, last: str
) -> None:
    weeks = np.arange("2024-01-01", "2024-06-28", 7, dtype="datetime64[D]")
    months = np.arange("2023-01", "2024-07", dtype="datetime64[M]").astype("datetime64[D]")
    server.markets["AAPL"] = Market.walk(weeks if interval == "1wk" else months)
    monkeypatch.setattr(yahoo, "_now", lambda: np.datetime64("2024-06-28T22:00"))
    (series,) = YahooSource("AAPL", interval=interval).load()
    assert series.freq == freq
    assert series.ds[-1] == np.datetime64(last)
    assert [finding.code for finding in series.findings] == ["unfinished"]
