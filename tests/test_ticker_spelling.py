"""Tickers as other vendors write them: Yahoo's spelling is proposed, and nothing is proposed
without a rule.
"""

from __future__ import annotations

import pytest

from forecasting.errors import SourceError
from forecasting.sources.ticker_spelling import suggest_tickers
from forecasting.sources.yahoo import YahooSource

SPELLINGS = {
    # classes of shares
    "BRK.B": "BRK-B", "BF.B": "BF-B", "RDS/A": "RDS-A", "brk b": "BRK-B", "LEN_B": "LEN-B",
    "BRKB": "BRK-B", "BAC.PRB": "BAC-PB",
    # pairs
    "BTCUSD": "BTC-USD", "BTC/USDT": "BTC-USD", "ETHUSDT": "ETH-USD", "BINANCE:SOLUSDT": "SOL-USD",
    "XRP": "XRP-USD",
    "EURUSD": "EURUSD=X", "eur/usd": "EURUSD=X", "GBP_JPY": "GBPJPY=X", "FX:USDCHF": "USDCHF=X",
    "XAUUSD": "GC=F",
    # indices and futures
    "SPX": "^GSPC", "S&P 500": "^GSPC", "SP:SPX": "^GSPC", "DJI": "^DJI", "DAX": "^GDAXI",
    "UK100": "^FTSE", "NIFTY50": "^NSEI",
    "ES1!": "ES=F", "/NQ": "NQ=F",
    # codes of numbers
    "005930": "005930.KS", "600519": "600519.SS", "SH600519": "600519.SS", "600519.SH": "600519.SS",
    "300750": "300750.SZ",
    "000001.XSHE": "000001.SZ", "7203": "7203.T", "TSE:7203": "7203.T", "700": "0700.HK",
    "00700.HK": "0700.HK", "2330 TT": "2330.TW",
    # exchanges
    "NASDAQ:AAPL": "AAPL", "NYSE:BRK.B": "BRK-B", "$AAPL": "AAPL", "AAPL.US": "AAPL",
    "AAPL US Equity": "AAPL", "MSFT.OQ": "MSFT",
    "LSE:VOD": "VOD.L", "VOD LN": "VOD.L", "SAP GY": "SAP.DE", "XETR:SAP": "SAP.DE",
    "MC FP": "MC.PA", "RELIANCE.NSE": "RELIANCE.NS",
    "NESN.VX": "NESN.SW", "BHP AU": "BHP.AX", "RY CN": "RY.TO", "BOM:500325": "500325.BO",
}  # fmt: skip


@pytest.mark.parametrize(("written", "ticker"), SPELLINGS.items(), ids=list(SPELLINGS))
def test_the_likeliest_spelling_comes_first(written: str, ticker: str) -> None:
    assert suggest_tickers(written)[0] == ticker


@pytest.mark.parametrize(
    "ticker",
    [
        "AAPL",
        "BRK-B",
        "SAP.DE",
        "VOD.L",
        "RY.TO",
        "0700.HK",
        "^GSPC",
        "EURUSD=X",
        "BTC-USD",
        "ES=F",
        "",
        "FOO BAR BAZ",
    ],
)
def test_nothing_is_proposed_for_what_is_spelled_right_or_unknown(ticker: str) -> None:
    assert suggest_tickers(ticker) == ()


def test_a_code_that_two_exchanges_use_has_both_proposals() -> None:
    assert suggest_tickers("000660") == ("000660.SZ", "000660.KS", "000660.KQ")


def test_what_cannot_be_a_ticker_is_refused_with_the_proposal() -> None:
    with pytest.raises(SourceError, match="is not a ticker") as refused:
        YahooSource("NASDAQ:AAPL")
    assert refused.value.hint.startswith("Yahoo spells it AAPL.")
    assert refused.value.suggestions == ("yahoo:AAPL",)
