"""Price files as vendors, programs and people write them, made from known bars."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from forecasting.series import PriceSeries


@dataclass(frozen=True)
class Bar:
    ds: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int


def make_bars(
    count: int = 70,
    step: timedelta = timedelta(days=1),
    start: datetime = datetime(2020, 1, 2),
    seed: int = 0,
) -> list[Bar]:
    rng = np.random.default_rng(seed)
    close = np.round(120 * np.exp(np.cumsum(rng.normal(0, 0.01, count))), 2)
    bars, ds = [], start
    for index in range(count):
        first = round(
            float(close[index - 1] if index else close[0]) * (1 + rng.normal(0, 0.002)), 2
        )
        last = float(close[index])
        high, low = round(max(first, last) * 1.004, 2), round(min(first, last) * 0.996, 2)
        bars.append(Bar(ds, first, high, low, last, int(rng.integers(100_000, 9_000_000))))
        ds += step
        while step >= timedelta(days=1) and ds.weekday() > 4:
            ds += timedelta(days=1)
    return bars


DAYS = make_bars()
MINUTES = make_bars(90, timedelta(minutes=1), datetime(2024, 1, 2, 9, 30))


def comma(value: float, places: int = 2) -> str:
    return f"{value:.{places}f}".replace(".", ",")


def german(value: float, places: int = 2) -> str:
    return f"{value:,.{places}f}".translate(str.maketrans(",.", ".,"))


def epoch(ds: datetime) -> int:
    return int(ds.replace(tzinfo=UTC).timestamp())


def rows(
    bars: list[Bar], form: str, head: str = "", newest_first: bool = False, end: str = "\n"
) -> str:
    """Return one line a bar; in ``form`` d is the date, o h l c the prices, v the volume."""
    ordered = bars[::-1] if newest_first else bars
    lines = [
        form.format(d=b.ds, o=b.open, h=b.high, l=b.low, c=b.close, v=b.volume, b=b, e=epoch(b.ds))
        for b in ordered
    ]
    return end.join(([head] if head else []) + lines) + end


OHLCV = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Family:
    """One kind of file: its content, the bars that it holds and the columns that are read of it."""

    content: str | bytes
    bars: list[Bar] = field(default_factory=lambda: DAYS)
    columns: tuple[str, ...] = OHLCV
    name: str = "prices.csv"
    symbol: str = ""
    tz: str = ""
    codes: frozenset[str] = frozenset()
    adjusted: str = ""
    tolerance: float = 0.0


def investing(
    head: str, form: str, mark: Callable[[float, int], str] = german, volume: str = "M"
) -> str:
    lines = [head]
    for b in DAYS[::-1]:
        cells = [
            format(b.ds, form),
            *(mark(x, 2) for x in (b.close, b.open, b.high, b.low)),
            mark(b.volume / 1e6, 2) + volume,
            mark(0.31, 2) + "%",
        ]
        lines.append(",".join(f'"{cell}"' for cell in cells))
    return "\ufeff" + "\n".join(lines)


def point(value: float, places: int = 2) -> str:
    return f"{value:,.{places}f}"


def yahoo_null() -> str:
    text = rows(
        DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{c},{v}", "Date,Open,High,Low,Close,Adj Close,Volume"
    ).splitlines()
    text.insert(20, "2020-01-25,null,null,null,null,null,null")
    return "\n".join(text)


def binance(bars: list[Bar], scale: int) -> str:
    return rows(
        bars,
        "{e}" + "0" * scale + ",{o},{h},{l},{c},{v},{e}" + "9" * scale + ",123456.7,42,10.5,99.5,0",
    )


def multi_header(symbols: tuple[str, ...], new: bool) -> str:
    fields = ("Close", "High", "Low", "Open", "Volume")
    pairs = [(f, s) for f in fields for s in symbols]
    heads = [
        ["Price" if new else "", *(f for f, _ in pairs)],
        ["Ticker" if new else "", *(s for _, s in pairs)],
        ["Date", *("" for _ in pairs)],
    ]
    body = [
        [
            f"{b.ds:%Y-%m-%d}",
            *(
                str(
                    {
                        "Close": b.close,
                        "High": b.high,
                        "Low": b.low,
                        "Open": b.open,
                        "Volume": b.volume,
                    }[f]
                )
                for f, _ in pairs
            ),
        ]
        for b in DAYS
    ]
    return "\n".join(",".join(row) for row in heads + body)


def js_date(ds: datetime) -> str:
    return format(ds, "%a %b %d %Y 00:00:00") + " GMT+0100 (CET)"


FAMILIES: dict[str, Family] = {
    "yahoo": Family(
        rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{c},{v}", "Date,Open,High,Low,Close,Adj "
        "Close,Volume"),
        columns=("open", "high", "low", "close", "adj_close", "volume"), adjusted="raw",
    ),
    "yahoo with null rows": Family(
        yahoo_null(), columns=("open", "high", "low", "close", "adj_close", "volume"),
            codes=frozenset({"missing_close"})
    ),
    "yahoo web page, copied": Family(
        rows(DAYS, "{d:%b %d, %Y}\t{o}\t{h}\t{l}\t{c}\t{c}\t{v:,}",
            "Date\tOpen\tHigh\tLow\tClose*\tAdj "
        "Close**\tVolume", True),
        columns=("open", "high", "low", "close", "adj_close", "volume"),
        codes=frozenset({"newest_first"}),
    ),
    "yahoo web page with a dividend": Family(
        rows(DAYS, '"{d:%b %d, %Y}",{o},{h},{l},{c},{c},"{v:,}"', "Date,Open,High,Low,Close,Adj "
        "Close,Volume", True)
        + '"Feb 07, 2020",0.1925 Dividend,,,,,\n"Aug 31, 2020",4:1 Stock Splits,,,,,\n',
        columns=("open", "high", "low", "close", "adj_close", "volume"),
        codes=frozenset({"missing_close", "newest_first"}),
    ),
    "investing english": Family(
        investing("Date,Price,Open,High,Low,Vol.,Change %", "%m/%d/%Y", point), tolerance=5001,
            codes=frozenset({"newest_first"})
    ),
    "investing english, names": Family(investing("Date,Price,Open,High,Low,Vol.,Change %",
    "%b %d, %Y", point), tolerance=5001),
    "investing german": Family(investing("Datum,Zuletzt,Eröffn.,Hoch,Tief,Vol.,+/- %", "%d.%m.%Y"),
    tolerance=5001),
    "investing polish": Family(investing("Data,Ostatnio,Otwarcie,Max.,Min.,Wol.,Zmiana%",
    "%d.%m.%Y"), tolerance=5001),
    "investing spanish": Family(investing("Fecha,Último,Apertura,Máximo,Mínimo,Vol.,% var.",
    "%d.%m.%Y"), tolerance=5001),
    "investing portuguese": Family(investing("Data,Último,Abertura,Máxima,Mínima,Vol.,Var%",
    "%d.%m.%Y"), tolerance=5001),
    "investing italian": Family(investing("Data,Ultimo,Apertura,Massimo,Minimo,Vol.,Var. %",
    "%d.%m.%Y"), tolerance=5001),
    "investing french": Family(investing("Date,Dernier,Ouv., Plus Haut,Plus Bas,Vol.,Variation %",
    "%d/%m/%Y"), tolerance=5001),
    "investing dutch": Family(investing("Datum,Laatste,Open,Hoog,Laag,Vol.,Verandering %",
    "%d-%m-%Y"), tolerance=5001),
    "investing turkish": Family(investing("Tarih,Şimdi,Açılış,Yüksek,Düşük,Hac.,Fark %",
    "%d.%m.%Y"), tolerance=5001),
    "investing russian": Family(investing("Дата,Цена,Откр.,Макс.,Мин.,Объём,Изм. %", "%d.%m.%Y"),
    tolerance=5001),
    "investing swedish": Family(investing("Datum,Senaste,Öppning,Högsta,Lägsta,Vol.,+/- %",
    "%Y-%m-%d"), tolerance=5001),
    "investing chinese": Family(investing("日期,收盘,开盘,高,低,交易量,涨跌幅", "%Y年%m月%d日", point),
    tolerance=5001),
    "investing japanese": Family(investing("日付け,終値,始値,高値,安値,出来高,変化率 %", "%Y年%m月%d日", point),
    tolerance=5001),
    "investing korean": Family(investing("날짜,종가,시가,고가,저가,거래량,변동 %", "%Y- %m- %d", point),
    tolerance=5001),
    "stooq daily": Family(rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}",
    "Date,Open,High,Low,Close,Volume", end="\r\n")),
    "stooq intraday": Family(
        rows(MINUTES, "{d:%Y-%m-%d},{d:%H:%M:%S},{o},{h},{l},{c},{v}",
            "Date,Time,Open,High,Low,Close,Volume"), bars=MINUTES
    ),
    "stooq ascii daily": Family(
        rows(DAYS, "AAPL.US,D,{d:%Y%m%d},000000,{o},{h},{l},{c},{v},0",
             "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"),
        symbol="AAPL.US",
    ),
    "stooq ascii 5 minutes": Family(
        rows(MINUTES, "AAPL.US,5,{d:%Y%m%d},{d:%H%M%S},{o},{h},{l},{c},{v},0",
             "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"),
        bars=MINUTES, symbol="AAPL.US",
    ),
    "finam": Family(
        rows(MINUTES, "SBER;1;{d:%Y%m%d};{d:%H%M%S};{o};{h};{l};{c};{v}",
        "<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>"),
        bars=MINUTES, symbol="SBER",
    ),
    "metastock": Family(
        rows(DAYS, "KGHM,{d:%Y%m%d},{o},{h},{l},{c},{v}",
            "<TICKER>,<DTYYYYMMDD>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>"), symbol="KGHM"
    ),
    "metatrader 4": Family(rows(MINUTES, "{d:%Y.%m.%d},{d:%H:%M},{o},{h},{l},{c},{v}"),
    bars=MINUTES),
    "metatrader 5": Family(
        rows(MINUTES, "{d:%Y.%m.%d}\t{d:%H:%M:%S}\t{o}\t{h}\t{l}\t{c}\t{v}\t0\t12",
             "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"),
        bars=MINUTES,
    ),
    "binance klines ms": Family(binance(MINUTES, 3), bars=MINUTES),
    "binance klines us": Family(binance(MINUTES, 6), bars=MINUTES),
    "binance klines with header": Family(
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n" + binance(MINUTES, 3),
        bars=MINUTES,
    ),
    "binance, ms then us": Family(binance(MINUTES[:40], 3) + binance(MINUTES[40:], 6),
    bars=MINUTES),
    "cryptodatadownload": Family(
        rows(DAYS, "{e}000,{d:%Y-%m-%d %H:%M:%S},BTCUSDT,{o},{h},{l},{c},{v},123456789.5,4711",
             "https://www.CryptoDataDownload.com\nUnix,Date,Symbol,Open,High,Low,Close,Volume "
        "BTC,Volume USDT,tradecount", True),
        symbol="BTCUSDT",
    ),
    "alpha vantage": Family(rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}",
    "timestamp,open,high,low,close,volume", True, "\r\n")),
    "alpha vantage numbered": Family(
        rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}", "date,1. open,2. high,3. low,4. close,5. "
        "volume", True)
    ),
    "nasdaq": Family(rows(DAYS, "{d:%m/%d/%Y},${c},{v},${o},${h},${l}",
    "Date,Close/Last,Volume,Open,High,Low", True)),
    "nasdaq spaces": Family(rows(DAYS, "{d:%m/%d/%Y}, ${c}, {v}, ${o}, ${h}, ${l}",
    "Date, Close/Last, Volume, Open, High, Low", True)),
    "marketwatch": Family(rows(DAYS,
    '{d:%m/%d/%Y},"{o:,.2f}","{h:,.2f}","{l:,.2f}","{c:,.2f}","{v:,}"',
        "Date,Open,High,Low,Close,Volume", True)),
    "wsj": Family(
        rows(DAYS, "{d:%m/%d/%y}, {o}, {h}, {l}, {c}", "Date, Open, High, Low, Close", True),
            columns=("open", "high", "low", "close")
    ),
    "wsj with volume": Family(rows(DAYS, "{d:%m/%d/%y}, {o}, {h}, {l}, {c}, {v}",
    "Date, Open, High, Low, Close, Volume", True)),
    "google finance": Family(rows(DAYS, "{d.month}/{d.day}/{d.year} 16:00:00,{c}", "Date,Close"),
    columns=("close",)),
    "google finance full": Family(
        rows(DAYS, "{d.month}/{d.day}/{d.year} 16:00:00,{o},{h},{l},{c},{v}",
            "Date,Open,High,Low,Close,Volume")
    ),
    "google finance old": Family(rows(DAYS, "{d.day}-{d:%b-%y},{o},{h},{l},{c},{v}",
    "Date,Open,High,Low,Close,Volume", True)),
    "bloomberg": Family(
        ("Security,AAPL US Equity\nStart Date,2020-01-02\nEnd "
        "Date,2020-06-30\nPeriod,D\nCurrency,USD\n\n")
        + rows(DAYS, "{d:%m/%d/%Y},{o},{h},{l},{c},{v}",
        "Date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME"),
        symbol="AAPL US Equity",
    ),
    "bloomberg one column": Family(
        "Security,SPX Index\nCurrency,USD\n" + rows(DAYS, "{d:%m/%d/%Y},{c}", "Date,PX_LAST"),
            columns=("close",), symbol="SPX Index"
    ),
    "quandl wiki": Family(
        rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v},0.0,1.0,1.0,1.0,1.0,{c},{v}",
             "Date,Open,High,Low,Close,Volume,Ex-Dividend,Split Ratio,Adj. Open,Adj. High,Adj. "
        "Low,Adj. Close,Adj. Volume"),
        columns=("open", "high", "low", "close", "adj_close", "volume"),
    ),
    "tiingo": Family(
        rows(DAYS, "{d:%Y-%m-%d},{c},{h},{l},{o},{v},{c},1.0,1.0,1.0,1,0.0,1.0",
             "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor"),
        columns=("open", "high", "low", "close", "adj_close", "volume"),
    ),
    "histdata ascii": Family(
        rows(MINUTES, "{d:%Y%m%d %H%M%S};{o};{h};{l};{c};0"), bars=MINUTES, columns=("open", "high",
            "low", "close", "volume"), tolerance=1e9
    ),
    "histdata ticks": Family(
        rows(MINUTES, "{d:%Y%m%d %H%M%S}000,{c},{c},0"), bars=MINUTES, columns=("close",),
            codes=frozenset({"mid_price", "columns_by_content"})
    ),
    "ninjatrader": Family(rows(MINUTES, "{d:%Y%m%d %H%M%S};{o};{h};{l};{c};{v}"), bars=MINUTES),
    "tradingview epoch": Family(rows(MINUTES, "{e},{o},{h},{l},{c},{v}",
    "time,open,high,low,close,Volume"), bars=MINUTES),
    "tradingview iso": Family(
        rows(MINUTES, "{d:%Y-%m-%dT%H:%M:%S}Z,{o},{h},{l},{c},{c},{v}",
            "time,open,high,low,close,MA,Volume"), bars=MINUTES, tz="UTC"
    ),
    "tradingview offset": Family(
        rows(MINUTES, "{d:%Y-%m-%dT%H:%M:%S}-05:00,{o},{h},{l},{c},{v}",
            "time,open,high,low,close,Volume"), bars=MINUTES, tz="America/New_York"
    ),
    "dukascopy": Family(
        rows(MINUTES, "{d:%d.%m.%Y %H:%M:%S}.000 GMT+0100,{o},{h},{l},{c},{v}",
        "Local time,Open,High,Low,Close,Volume"),
        bars=MINUTES, tz="Europe/Berlin",
    ),
    "dukascopy gmt": Family(rows(MINUTES, "{d:%d.%m.%Y %H:%M:%S}.000,{o},{h},{l},{c},{v}",
    "Gmt time,Open,High,Low,Close,Volume"), bars=MINUTES, tz="UTC"),
    "fxcm bid and ask": Family(
        rows(MINUTES, "{d:%m/%d/%Y},{d:%H:%M:%S},{o},{h},{l},{c},{o},{h},{l},{c},{v}",
             "Date,Time,OpenBid,HighBid,LowBid,CloseBid,OpenAsk,HighAsk,LowAsk,CloseAsk,Total "
        "Ticks"),
        bars=MINUTES, columns=("open", "high", "low", "close"), codes=frozenset({"mid_price"}),
    ),
    "bid and ask": Family(
        rows(MINUTES, "{d:%Y-%m-%d %H:%M:%S},{c},{c}", "Timestamp,Bid,Ask"), bars=MINUTES,
            columns=("close",), codes=frozenset({"mid_price"})
    ),
    "interactive brokers": Family(
        rows(MINUTES, "{d:%Y%m%d  %H:%M:%S} US/Eastern,{o},{h},{l},{c},{v},{c},77",
        "date,open,high,low,close,volume,average,barCount"),
        bars=MINUTES, tz="US/Eastern",
    ),
    "polygon": Family(rows(MINUTES, "{v},{c},{o},{c},{h},{l},{e}000,12", "v,vw,o,c,h,l,t,n"),
    bars=MINUTES),
    "kraken no header": Family(rows(MINUTES, "{e},{o},{h},{l},{c},{v},17"), bars=MINUTES),
    "coinbase": Family(rows(MINUTES, "{e},{l},{h},{o},{c},{v}", "time,low,high,open,close,volume",
    True), bars=MINUTES),
    "coinmarketcap": Family(
        rows(DAYS,
            '"{d:%Y-%m-%d}T00:00:00.000Z";"{d:%Y-%m-%d}T23:59:59.999Z";"1";{o};{h};{l};{c};{v};1e12;"{d:%Y-%m-%d}T23:59:59.999Z"',
             "timeOpen;timeClose;name;open;high;low;close;volume;marketCap;timestamp", True),
        tz="UTC", symbol="1",
    ),
    "coingecko": Family(rows(DAYS, "{d:%Y-%m-%d} 00:00:00 UTC,{c},1e12,{v}",
    "snapped_at,price,market_cap,total_volume"), columns=("close", "volume"), tz="UTC"),
    "fred": Family(rows(DAYS, "{d:%Y-%m-%d},{c}", "observation_date,DEXUSEU"), columns=("close",)),
    "fred with dots": Family(
        rows(DAYS, "{d:%Y-%m-%d},{c}", "DATE,VALUE") + "2020-12-25,.\n", columns=("close",),
            codes=frozenset({"missing_close"})
    ),
    "prophet": Family(rows(DAYS, "{d:%Y-%m-%d},{c}", "ds,y"), columns=("close",)),
    "nixtla long, one symbol": Family(rows(DAYS, "A,{d:%Y-%m-%d},{c}", "unique_id,ds,y"),
    columns=("close",), symbol="A"),
    "pandas index": Family(
        rows(DAYS[:40], "{d:%Y-%m-%d} 00:00:00-05:00,{o},{h},{l},{c},{v},0.0,0.0",
            "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits")
        + rows(DAYS[47:], "{d:%Y-%m-%d} 00:00:00-04:00,{o},{h},{l},{c},{v},0.0,0.0"),
        bars=DAYS[:40] + DAYS[47:], tz="America/New_York",
    ),
    "row numbers": Family(
        "".join(f"{n},{line}\n" for n, line in enumerate(rows(DAYS,
            "{d:%Y-%m-%d},{o},{h},{l},{c},{v}").splitlines(), -1) if n >= 0)
        .join([",Date,Open,High,Low,Close,Volume\n", ""]),
        bars=DAYS[1:],
    ),
    "row numbers of R": Family(
        "Date Open High Low Close Volume\n" + "".join(f'"{n}" {line}\n' for n, line in enumerate(
            rows(DAYS, '"{d:%Y-%m-%d}" {o} {h} {l} {c} {v}').splitlines(), 1)),
    ),
    "nse india": Family(
        rows(DAYS,
            '"{d:%d-%b-%Y}","EQ","{o}","{h}","{l}","{c}","{c}","{c}","{c}","900.00","100.00","{v:,}","1,000,000.50","5,000"',
             '"Date ","series ","OPEN ","HIGH ","LOW ","PREV. CLOSE ","ltp ","close ","vwap '
        '","52W H ","52W L ","VOLUME ","VALUE ","No of trades "',
             True),
    ),
    "bse india": Family(
        rows(DAYS, "{d.day}-{d:%B-%Y},{o},{h},{l},{c},{c},{v},120,1000,,,1.0,1.0,",
             "Date,Open Price,High Price,Low Price,Close Price,WAP,No.of Shares,No. of "
        "Trades,Total Turnover (Rs.),Deliverable Quantity,"
             "% Deli. Qty to Traded Qty,Spread High-Low,Spread Close-Open", True),
    ),
    "tushare": Family(
        rows(DAYS, "000001.SZ,{d:%Y%m%d},{o},{h},{l},{c},1.0,0.1,0.5,{v},12345.6",
        "ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount", True),
        symbol="000001.SZ",
    ),
    "akshare": Family(rows(DAYS, "{d:%Y-%m-%d},{o},{c},{h},{l},{v},1.5,0.2",
    "日期,开盘,收盘,最高,最低,成交量,成交额,振幅")),
    "moex": Family(
        "history\n\n" + rows(DAYS,
            "TQBR;{d:%Y-%m-%d};Sber;SBER;100;1.5;{o};{l};{h};{c};1.0;{c};{v}",
                             "BOARDID;TRADEDATE;SHORTNAME;SECID;NUMTRADES;VALUE;OPEN;LOW;HIGH;LEGALCLOSEPRICE;WAPRICE;CLOSE;VOLUME"),
        symbol="SBER",
    ),
    "euronext": Family(
        '"Historical Data"\n"From 2020-01-02 to 2020-06-30"\nFR0000131104\n'
        + rows(DAYS, "{d:%d/%m/%Y};{o};{h};{l};{c};{c};{v};321;1000.5;{c}",
               "Date;Open;High;Low;Last;Close;Number of Shares;Number of Trades;Turnover;vwap",
                   True),
    ),
    "onvista": Family(rows(DAYS,
        "{d:%d.%m.%Y};{b.open:.2f};{b.high:.2f};{b.low:.2f};{b.close:.2f};{v}",
            "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen").replace(
        ".2020", "#2020").replace(".01#", "_01#")  # dots of dates survive
        .replace(".", ",").replace("#", ".").replace("_", ".").replace(",02.2020",
            ".02.2020").replace(",03.2020", ".03.2020").replace(",04.2020", ".04.2020")),
    "ariva": Family(
        "\n".join(["Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen"] + [
            f"{b.ds:%Y-%m-%d};{comma(b.open)};{comma(b.high)};{comma(b.low)};{comma(b.close)};{german(b.volume, 0)};{german(b.volume * 9, 0)}" for b in DAYS[::-1]
        ]) + "\n\n\n",
    ),
    "swiss apostrophes": Family(rows(DAYS, "{d:%d.%m.%Y};{o};{h};{l};{c};{v:,}",
    "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen").replace(",", "'")),
    "french spaces": Family(
        "\n".join(["Date;Ouverture;Plus haut;Plus bas;Clôture;Volume"] + [
            f"{b.ds:%d/%m/%Y};{comma(b.open)};{comma(b.high)};{comma(b.low)};{comma(b.close)};" + f"{b.volume:,}".replace(",", "\u00a0") for b in DAYS
        ]),
    ),
    "kaggle five years": Family(rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v},AAL",
    "date,open,high,low,close,volume,Name"), symbol="AAL"),
    "kaggle bitcoin": Family(
        rows(MINUTES, "{e},{o},{h},{l},{c},{v},12.5,{c}",
        "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price"),
        bars=MINUTES,
    ),
    "excel serial dates": Family(
        "\n".join(["Date,Open,High,Low,Close,Volume"] + [f"{(b.ds - datetime(1899, 12, 30)).days},{b.open},{b.high},{b.low},{b.close},{b.volume}" for b in DAYS])
    ),
    "nanoseconds": Family(rows(MINUTES, "{e}000000000,{o},{h},{l},{c},{v}",
    "ts,open,high,low,close,volume"), bars=MINUTES),
    "month name first": Family(rows(DAYS, '"{d:%B %d, %Y}",{c}', "Date,Price"), columns=("close",)),
    "month name between": Family(rows(DAYS, "{d:%d-%b-%y};{c}", "Date;Price"), columns=("close",)),
    "weekday in front": Family(rows(DAYS, '"{d:%A, %B %d, %Y}",{c}', "Date,Price"),
    columns=("close",)),
    "german months": Family(
        "\n".join(["Datum;Kurs"] + [(f"{b.ds.day}. "
        f"{('Januar', 'Februar', 'März', 'April')[b.ds.month - 1]} "
        f"{b.ds.year};{comma(b.close)}") for b in DAYS]),
        columns=("close",),
    ),
    "javascript dates": Family(
        "\n".join(["Date;Close"] + [f"{js_date(b.ds)};{b.close}" for b in DAYS]), columns=("close",
            ), tz="Etc/GMT-1"
    ),
    "am and pm": Family(rows(MINUTES, "{d:%m/%d/%Y %I:%M:%S %p},{c}", "Time,Last"), bars=MINUTES,
    columns=("close",)),
    "trailing delimiters": Family(rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v},",
    "Date,Open,High,Low,Close,Volume")),
    "trailing delimiters, all lines": Family(rows(DAYS, "{d:%Y-%m-%d};{o};{h};{l};{c};{v};;",
    "Date;Open;High;Low;Close;Volume;;")),
    "quoted numbers": Family(rows(DAYS, '"{d:%Y-%m-%d}","{o}","{h}","{l}","{c}","{v}"',
    '"Date","Open","High","Low","Close","Volume"')),
    "lines in quotes": Family(rows(DAYS, '"{d:%m/%d/%Y},""{o}"",""{h}"",""{l}"",""{c}"",""{v}"""',
    '"Date,Open,High,Low,Close,Volume"')),
    "sep line of Excel": Family("sep=;\n" + rows(DAYS, "{d:%Y-%m-%d};{o};{h};{l};{c};{v}",
    "Date;Open;High;Low;Close;Volume")),
    "comments above": Family("# source: a vendor\n# units: USD\n" + rows(DAYS,
    "{d:%Y-%m-%d},{o},{h},{l},{c},{v}", "# Date,Open,High,Low,Close,Volume")),
    "footer": Family(
        rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}",
        "Date,Open,High,Low,Close,Volume") + "\nSource: some vendor, all rights "
        "reserved\nTotal,,,,,1\n",
        codes=frozenset({"not_bars"}),
    ),
    "repeated headers": Family(
        rows(DAYS[:30], "{d:%Y-%m-%d},{o},{h},{l},{c},{v}", "Date,Open,High,Low,Close,Volume")
        + rows(DAYS[30:], "{d:%Y-%m-%d},{o},{h},{l},{c},{v}", "Date,Open,High,Low,Close,Volume"),
        codes=frozenset({"not_bars"}),
    ),
    "pipes": Family(rows(DAYS, "{d:%Y-%m-%d}|{o}|{h}|{l}|{c}|{v}",
    "Date|Open|High|Low|Close|Volume")),
    "blanks as delimiter": Family(rows(DAYS, "{d:%Y-%m-%d}   {o}  {h} {l} {c}  {v}",
    "Date Open High Low Close Volume")),
    "utf-16": Family(rows(DAYS, "{d:%Y-%m-%d}\t{o}\t{h}\t{l}\t{c}\t{v}",
    "Date\tOpen\tHigh\tLow\tClose\tVolume").encode("utf-16")),
    "utf-16 without a mark": Family(rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}",
    "Date,Open,High,Low,Close,Volume").encode("utf-16-le")),
    "cp1252": Family(
        rows(DAYS, "{d:%d.%m.%Y};{o};{h};{l};{c};{v}",
            "Datum;Eröffnung;Höchst;Tiefst;Schluß;Stück").encode("cp1252"),
                codes=frozenset({"encoding"})
    ),
    "cp1251": Family(rows(DAYS, "{d:%d.%m.%Y};{o};{h};{l};{c};{v}",
        "Дата;Открытие;Максимум;Минимум;Закрытие;Объем "
        "торгов").encode("cp1251")),
    "gzip by another name": Family(gzip.compress(rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}",
    "Date,Open,High,Low,Close,Volume").encode())),
    "bzip2": Family(bz2.compress(rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}",
    "Date,Open,High,Low,Close,Volume").encode())),
    "xz": Family(lzma.compress(rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}",
    "Date,Open,High,Low,Close,Volume").encode())),
    "old mac line ends": Family(rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}",
    "Date,Open,High,Low,Close,Volume", end="\r")),
    "no header": Family(rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{v}"),
    codes=frozenset({"columns_by_content"})),
    "unknown names": Family(rows(DAYS, "{d:%Y-%m-%d},{h},{l},{o},{c},{v}", "dat,p1,p2,p3,p4,p5"),
    codes=frozenset({"columns_by_content"})),
    "no header, symbol in front": Family(rows(DAYS, "XYZ,{d:%Y%m%d},{o},{h},{l},{c},{v}"),
    symbol="XYZ"),
    "price and volume": Family(rows(DAYS, "{d:%Y-%m-%d},{c},{v}", "Date,Price,Volume"),
    columns=("close", "volume")),
    "adjusted close only": Family(rows(DAYS, "{d:%Y-%m-%d},{c}", "Date,Adj Close"),
    columns=("close",), adjusted="adjusted"),
    "yahoo saved by Excel": Family(
        rows(DAYS, "{d.month}/{d.day}/{d.year};{o};{h};{l};{c};{c};{b.volume:.5E}".replace(";",
        ","), "Date,Open,High,Low,Close,Adj Close,Volume"),
        columns=("open", "high", "low", "close", "adj_close", "volume"), tolerance=50,
    ),
    "sas dates": Family(rows(DAYS, "{d:%d%b%Y},{c}", "date,prc close"), columns=("close",)),
    "go dates": Family(rows(DAYS, "{d:%Y-%m-%d} 00:00:00 +0000 UTC,{c}", "time,close"),
    columns=("close",), tz="UTC"),
    "numpy dates": Family(rows(MINUTES, "{d:%Y-%m-%dT%H:%M:%S}.000000000,{c}", ",close"),
    bars=MINUTES, columns=("close",)),
    "dates as floats": Family(rows(DAYS, "{d:%Y%m%d}.0,{c}", "date,close"), columns=("close",)),
    "blanks, date and time": Family(rows(MINUTES, "{d:%Y-%m-%d %H:%M} {o} {h} {l} {c} {v}"),
    bars=MINUTES),
    "value without a header": Family(rows(DAYS, "{d:%Y-%m-%d},{c}"), columns=("close",)),
    "a title over two lines": Family(
        rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},{c},{v}",
        'Date,Open,High,Low,Close,"Adj\nClose",Volume'),
        columns=("open", "high", "low", "close", "adj_close", "volume"),
    ),
    "spread bid and ask bars": Family(
        rows(MINUTES, "{d},{o},{h},{l},{c},{o},{h},{l},{c}",
             "Time (UTC),Open (Bid),High (Bid),Low (Bid),Close (Bid),Open (Ask),High (Ask),Low "
        "(Ask),Close (Ask)"),
        bars=MINUTES, columns=("open", "high", "low", "close"), tz="UTC",
    ),
    "cboe": Family(rows(DAYS, "{d:%m/%d/%Y},{o},{h},{l},{c}", "DATE,OPEN,HIGH,LOW,CLOSE"),
    columns=("open", "high", "low", "close")),
    "futures": Family(
        rows(DAYS, "{d:%Y-%m-%d},{o},{h},{l},{c},0.1,{c},{v},1000",
            "Date,Open,High,Low,Last,Change,Settle,Volume,Prev. "
        "Day Open Interest")
    ),
    "currency above": Family("Symbol,ACME\nCurrency,EUR\n" + rows(DAYS, "{d:%Y-%m-%d},{c}",
    "Date,Close"), columns=("close",), symbol="ACME"),
    "monthly": Family(
        "\n".join(["Month,Price"] + [f"{2015 + n // 12}-{n % 12 + 1:02d},{100 + n}" for n in range(40)]),
        bars=[Bar(datetime(2015 + n // 12, n % 12 + 1, 1), 0, 0, 0, 100 + n, 0) for n in range(40)],
        columns=("close",),
    ),
    "monthly yyyymm": Family(
        "\n".join(["Date,Index"] + [f"{2015 + n // 12}{n % 12 + 1:02d},{100 + n}.5" for n in range(40)]),
        bars=[Bar(datetime(2015 + n // 12, n % 12 + 1, 1), 0, 0, 0, 100.5 + n,
        0) for n in range(40)], columns=("close",),
    ),
    "yfinance, three header rows": Family(multi_header(("MSFT",), True), symbol="MSFT"),
}  # fmt: skip


def column_of(bars: list[Bar], name: str) -> np.ndarray:
    return np.array([getattr(b, "close" if name == "adj_close" else name) for b in bars], float)


def assert_bars(
    series: PriceSeries, bars: list[Bar], columns: tuple[str, ...] = OHLCV, tolerance: float = 0.0
) -> None:
    days = all(b.ds.hour == 0 for b in bars)
    ds = series.ds.astype("datetime64[D]") if days else series.ds
    assert [str(d) for d in ds] == [str(np.datetime64(b.ds, "D" if days else "us")) for b in bars]
    assert series.columns == columns
    for name in columns:
        np.testing.assert_allclose(
            series[name],
            column_of(bars, name),
            rtol=0,
            atol=tolerance if name == "volume" else 1e-9,
            err_msg=name,
        )


def put(folder: Path, content: str | bytes, name: str = "prices.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def xlsx(sheets: dict[str, Sequence[Sequence[Any]]]) -> bytes:
    """Return a workbook: text, numbers, datetimes as serial numbers in a date style, and formulas
    ("=B2*2") without results.
    """
    out = io.BytesIO()
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        parts = "".join(
            f'<Override PartName="/xl/worksheets/s{n}.xml" ContentType="{kinds}.worksheet+xml"/>'
            for n in range(len(sheets))
        )
        book.writestr(
            "[Content_Types].xml",
            f'{head}<Types xmlns="{package}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override '
            'PartName="/xl/workbook.xml" '
            f'ContentType="{kinds}.sheet.main+xml"/><Override PartName="/xl/styles.xml" '
            f'ContentType="{kinds}.styles+xml"/>{parts}</Types>',
        )
        book.writestr(
            "_rels/.rels",
            f'{head}<Relationships xmlns="{package}/relationships"><Relationship Id="r" '
            f'Type="{office}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        listed = "".join(
            f'<sheet name="{escape(name)}" sheetId="{n + 1}" r:id="r{n}"/>'
            for n, name in enumerate(sheets)
        )
        book.writestr(
            "xl/workbook.xml",
            f'{head}<workbook xmlns="{main}" '
            f'xmlns:r="{office}"><sheets>{listed}</sheets></workbook>',
        )
        links = "".join(
            f'<Relationship Id="r{n}" Type="{office}/worksheet" Target="worksheets/s{n}.xml"/>'
            for n in range(len(sheets))
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            f'{head}<Relationships xmlns="{package}/relationships">{links}'
            f'<Relationship Id="st" Type="{office}/styles" Target="styles.xml"/></Relationships>',
        )
        book.writestr(
            "xl/styles.xml",
            f'{head}<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/><xf '
            'numFmtId="22" applyNumberFormat="1"/>'
            "</cellXfs></styleSheet>",
        )
        for n, table in enumerate(sheets.values()):
            body = "".join(
                f'<row r="{r}">'
                + "".join(_cell(cell, c, r) for c, cell in enumerate(row))
                + "</row>"
                for r, row in enumerate(table, 1)
            )
            book.writestr(
                f"xl/worksheets/s{n}.xml",
                f'{head}<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
            )
    return out.getvalue()


def _cell(cell: Any, column: int, row: int) -> str:
    index = f'r="{chr(65 + column)}{row}"'
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return f'<c {index} s="1"><v>{(cell - datetime(1899, 12, 30)) / timedelta(days=1)}</v></c>'
    if isinstance(cell, (int, float)):
        return f"<c {index}><v>{cell}</v></c>"
    if str(cell).startswith("="):
        return f"<c {index}><f>{escape(str(cell)[1:])}</f><v></v></c>"
    return f'<c {index} t="inlineStr"><is><t>{escape(str(cell))}</t></is></c>'
