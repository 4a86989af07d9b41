"""A server on loopback that answers like Yahoo's chart service, well or badly: the real yfinance
is tested without a network.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import numpy as np

_NOT_FOUND = {
    "chart": {
        "result": None,
        "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"},
    }
}
_NO_RANGE = {
    "chart": {
        "result": None,
        "error": {
            "code": "Unprocessable Entity",
            "description": "1m data not available for startTime=1.",
        },
    }
}

#: Replies that do not depend on what was asked: status, body, and headers.
REPLIES: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "429": (429, b"Too Many Requests", {}),
    "429 for 5 minutes": (429, b"Too Many Requests", {"Retry-After": "300"}),
    "401": (
        401,
        b'{"finance": {"error": {"code": "Unauthorized", "description": "Invalid Crumb"}}}',
        {},
    ),
    "403": (403, b"<html>forbidden</html>", {}),
    "404": (404, json.dumps(_NOT_FOUND).encode(), {}),
    "422": (422, json.dumps(_NO_RANGE).encode(), {}),
    "500": (500, b"<html>out of order</html>", {}),
    "503": (503, b"", {"Retry-After": "1"}),
    "empty": (200, b'{"chart": {"result": [], "error": null}}', {}),
    "null": (200, b"null", {}),
    "html": (200, b"<!DOCTYPE html><html>please agree</html>", {}),
    "blank": (200, b"", {}),
    "deep": (200, b"[" * 100_000, {}),
    "latin": (200, b"\xff\xfe\x00{\xe9}", {}),
    "not gzip": (200, b"plain", {"Content-Encoding": "gzip"}),
    "thin": (200, b'{"chart": {"result": [{"meta": {}}], "error": null}}', {}),
    "elsewhere": (302, b"", {"Location": "http://prices.example.com/AAPL"}),
    "yahoo in the clear": (
        301,
        b"",
        {"Location": "http://query2.finance.yahoo.com/v8/finance/chart/AAPL"},
    ),
    "a look-alike": (302, b"", {"Location": "https://notyahoo.com/v8/finance/chart/AAPL"}),
    "a file": (302, b"", {"Location": "file:///etc/passwd"}),
    "into the house": (302, b"", {"Location": "https://127.0.0.1:22/"}),
}


def _quotes(result: dict[str, Any]) -> dict[str, Any]:
    quotes: dict[str, Any] = result["indicators"]["quote"][0]
    return quotes


def _nulled(result: dict[str, Any]) -> None:
    for values in (*_quotes(result).values(), result["indicators"]["adjclose"][0]["adjclose"]):
        values[:] = [None] * len(values)


def _many(result: dict[str, Any]) -> None:
    count = 200_000
    last = result["timestamp"][-1]
    result["timestamp"] = [last - 60 * (count - 1 - index) for index in range(count)]
    for name in ("open", "high", "low", "close", "volume"):
        _quotes(result)[name] = [100.0 + index % 7 for index in range(count)]
    result["indicators"]["adjclose"][0]["adjclose"] = list(_quotes(result)["close"])


def _doubled(result: dict[str, Any]) -> None:
    result["timestamp"].append(result["timestamp"][-1])
    for values in (*_quotes(result).values(), result["indicators"]["adjclose"][0]["adjclose"]):
        values.append(values[-1])


#: What is wrong with a reply that is otherwise fine.
SPOILT: dict[str, Callable[[dict[str, Any]], Any]] = {
    "all null": _nulled,
    "ragged": lambda result: _quotes(result)["close"].pop(),
    "no quotes": lambda result: result["indicators"]["quote"].clear(),
    "no such zone": lambda result: result["meta"].update(
        exchangeTimezoneName="Moon/Sea_of_Tranquility"
    ),
    "a zone that is a path": lambda result: result["meta"].update(
        exchangeTimezoneName="../../etc/passwd"
    ),
    "200,000 rows": _many,
    "a stamp twice": _doubled,
    "out of order": lambda result: result["timestamp"].reverse(),
    "stamps beyond time": lambda result: result.update(
        timestamp=[10**17] * len(result["timestamp"])
    ),
    "another symbol": lambda result: result["meta"].update(symbol="MSFT"),
    "no currency": lambda result: result["meta"].update(currency={"code": 7}),
    "words for prices": lambda result: _quotes(result).update(
        close=["ten"] * len(result["timestamp"])
    ),
    "infinite": lambda result: _quotes(result).update(
        high=[float("inf")] * len(result["timestamp"])
    ),
    "one infinite close": lambda result: _quotes(result)["close"].__setitem__(0, float("-inf")),
    "a long name": lambda result: result["meta"].update(longName="\x1b[31m\n" + "x" * 100_000),
}


@dataclass
class Market:
    """What the server knows of one ticker: stamps in the exchange's wall-clock, one column of
    prices and its adjusted twin.
    """

    ds: np.ndarray
    close: np.ndarray
    adj_close: np.ndarray
    tz: str = "America/New_York"
    currency: str = "USD"
    volume: float = 1000.0
    nulls: tuple[int, ...] = ()
    #: Amounts by ISO day, new and old shares by ISO day, and reports as Yahoo's page words them.
    dividends: dict[str, float] = field(default_factory=dict)
    splits: dict[str, tuple[float, float]] = field(default_factory=dict)
    earnings: tuple[str, ...] = ()

    @classmethod
    def made(cls, bars: int, last: str = "2024-06-28", opens: str = "09:30", **more: Any) -> Market:
        """Return a random walk on the last ``bars`` weekdays up to ``last``, stamped at the
        opening as Yahoo does.
        """
        days = np.busday_offset(last, np.arange(1 - bars, 1), roll="backward")
        return cls.walk(
            days + (np.datetime64(f"1970-01-01T{opens}") - np.datetime64("1970-01-01T00:00")),
            **more,
        )

    @classmethod
    def walk(cls, ds: np.ndarray, **more: Any) -> Market:
        """Return a random walk on given stamps; adjusted closes are a tenth lower throughout."""
        close = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, ds.size)))
        return cls(ds.astype("datetime64[s]"), close, close * 0.9, **more)

    def until(self, bars: int) -> Market:
        """Return the same market as it was when its first ``bars`` bars were all there was."""
        return Market(
            self.ds[:bars],
            self.close[:bars],
            self.adj_close[:bars],
            self.tz,
            self.currency,
            self.volume,
            self.nulls,
            self.dividends,
            self.splits,
            self.earnings,
        )

    @property
    def stamps(self) -> list[int]:
        """Moments as Yahoo sends them: seconds since 1970 in UTC."""
        zone = ZoneInfo(self.tz)
        return [
            int(datetime.fromisoformat(str(item)).replace(tzinfo=zone).timestamp())
            for item in self.ds
        ]

    def chart(self, query: dict[str, list[str]], symbol: str = "X") -> dict[str, Any]:
        """Return Yahoo's reply for ``period1``/``period2`` or ``range``."""
        stamps = self.stamps
        low, high = int(query.get("period1", ["0"])[0]), int(query.get("period2", [str(2**40)])[0])
        chosen = [i for i, stamp in enumerate(stamps) if low <= stamp < high]
        if query.get("range") == ["1d"]:
            chosen = chosen[-1:]

        def shown(values: np.ndarray) -> list[float | None]:
            return [None if i in self.nulls else float(values[i]) for i in chosen]

        quote = {
            "open": shown(self.close),
            "high": shown(self.close * 1.01),
            "low": shown(self.close * 0.99),
            "close": shown(self.close),
        }
        quote["volume"] = shown(np.full(self.close.shape, self.volume))
        indicators = {
            "quote": [quote if chosen else {}],
            "adjclose": [{"adjclose": shown(self.adj_close)}],
        }
        result = {
            "meta": self._meta(symbol),
            "indicators": indicators,
            **({"timestamp": [stamps[i] for i in chosen]} if chosen else {}),
            **self._events(stamps, chosen),
        }
        return {"chart": {"result": [result], "error": None}}

    def _events(self, stamps: list[int], chosen: list[int]) -> dict[str, Any]:
        """Return dividends and splits of the chosen bars."""
        days = {str(self.ds[i].astype("datetime64[D]")): stamps[i] for i in chosen}
        dividends = {
            str(days[day]): {"amount": amount, "date": days[day]}
            for day, amount in self.dividends.items()
            if day in days
        }
        splits = {
            str(days[day]): {
                "date": days[day],
                "numerator": new,
                "denominator": old,
                "splitRatio": f"{new:g}:{old:g}",
            }
            for day, (new, old) in self.splits.items()
            if day in days
        }
        found = {"dividends": dividends, "splits": splits}
        return {"events": {name: items for name, items in found.items() if items}}

    def earnings_page(self, symbol: str) -> bytes:
        """Return the page with the earnings dates; without a table where there are none."""
        rows = "".join(
            f"<tr><td>{symbol}</td><td>Test Company</td><td>{day}</td><td>1.1</td><td>-</td>"
            "<td>-</td></tr>"
            for day in self.earnings
        )
        names = (
            "Symbol",
            "Company",
            "Earnings Date",
            "EPS Estimate",
            "Reported EPS",
            "Surprise (%)",
        )
        head = "".join(f"<th>{name}</th>" for name in names)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        return f"<!DOCTYPE html><html>{table if rows else ''}</html>".encode()

    def _meta(self, symbol: str) -> dict[str, Any]:
        sessions = [self._session(day) for day in np.unique(self.ds.astype("datetime64[D]"))]
        now = sessions[-1]
        return {
            "currency": self.currency, "symbol": symbol, "instrumentType": "EQUITY",
            "exchangeTimezoneName": self.tz, "priceHint": 2,
            "dataGranularity": "1d", "range": "", "validRanges": ["1d", "5d", "1mo", "1y", "max"],
            "regularMarketTime": now["start"],
            "longName": "Test Company", "currentTradingPeriod": {"pre": dict(now),
            "regular": dict(now), "post": dict(now)},
            "tradingPeriods": [[session] for session in sessions],
        }  # fmt: skip

    def _session(self, day: np.datetime64) -> dict[str, Any]:
        opens = datetime.fromisoformat(str(day)).replace(
            tzinfo=ZoneInfo(self.tz), hour=9, minute=30
        )
        return {
            "timezone": "X",
            "gmtoffset": 0,
            "start": int(opens.timestamp()),
            "end": int(opens.replace(hour=16, minute=0).timestamp()),
        }


@dataclass
class YahooServer:
    """Markets by ticker, the behaviours to come (the last one stays) and the requests that came.

    Behaviours: ok, junk, those of ``SPOILT`` and ``REPLIES``, and those of which the server has a
    method: drip, reset, silent ... A ticker without a market is a 404. ``crumb`` is what happens to
    requests for a crumb: ok, 429, html, silent. ``earnings`` is ok or one of ``REPLIES``.
    """

    markets: dict[str, Market] = field(default_factory=dict)
    behaviours: list[str] = field(default_factory=lambda: ["ok"])
    requests: list[str] = field(default_factory=list)
    crumb: str = "ok"
    earnings: str = "ok"
    port: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def charts(self) -> list[str]:
        """Requests for prices: path and query."""
        return [request for request in self.requests if "/v8/finance/chart/" in request]

    def transport(self, scheme: str = "http") -> type[Any]:
        """Return a session class of curl_cffi that sends every request here instead."""
        from curl_cffi import requests

        port = self.port

        class Loop(requests.Session):
            def request(self, method: str, url: str, **kwargs: Any) -> Any:
                parts = urlsplit(url)
                assert str(parts.hostname).endswith("yahoo.com"), url
                return super().request(
                    method,
                    urlunsplit((scheme, f"127.0.0.1:{port}", parts.path or "/", parts.query, "")),
                    **kwargs,
                )

        return Loop

    def prepare(self, behaviour: str, ticker: str) -> None:
        """Make a reply that takes long to make beforehand, so that a test measures the program
        and not its server.
        """
        if behaviour == "200,000 rows":
            _large(self.markets[ticker], ticker)
        elif behaviour == "bomb":
            _bomb()

    def next_behaviour(self) -> str:
        return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]


def _spoilt(behaviour: str, told: dict[str, Any]) -> bytes:
    SPOILT[behaviour](told["chart"]["result"][0])
    return json.dumps(told).encode()


_large_replies: dict[int, bytes] = {}


def _large(market: Market, ticker: str) -> bytes:
    if id(market) not in _large_replies:
        _large_replies.clear()
        _large_replies[id(market)] = _spoilt("200,000 rows", market.chart({}, ticker))
    return _large_replies[id(market)]


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    return gzip.compress(bytes(2**28), 1)


class _Handler(BaseHTTPRequestHandler):
    yahoo: YahooServer

    def log_message(self, *_: Any) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        self.yahoo.requests.append(self.path)
        parts = urlsplit(self.path)
        with suppress(ConnectionError):
            if parts.path.startswith("/v8/finance/chart/"):
                self._chart(parts.path.rsplit("/", 1)[1], parse_qs(parts.query))
            elif parts.path == "/calendar/earnings":
                self._earnings(parse_qs(parts.query)["symbol"][0])
            elif parts.path == "/v1/test/getcrumb":
                self._crumb()
            else:
                self._send(200, b"", **{"Content-Type": "text/html"})

    def _earnings(self, ticker: str) -> None:
        market = self.yahoo.markets.get(ticker)
        if self.yahoo.earnings == "ok" and market is not None:
            self._send(200, market.earnings_page(ticker), **{"Content-Type": "text/html"})
        else:
            status, body, headers = REPLIES.get(self.yahoo.earnings, REPLIES["404"])
            self._send(status, body, **headers)

    def _crumb(self) -> None:
        if self.yahoo.crumb == "silent":
            self._silent(b"")
        self._send(
            429 if self.yahoo.crumb == "429" else 200,
            {"ok": b"crumb", "html": b"<html>no</html>"}.get(self.yahoo.crumb, b"no"),
        )

    def _chart(self, ticker: str, query: dict[str, list[str]]) -> None:
        market = self.yahoo.markets.get(ticker)
        behaviour = self.yahoo.next_behaviour()
        if market is None and behaviour in ("ok", *SPOILT):
            behaviour = "404"
        told = market.chart(query, ticker) if market else {}
        good = json.dumps(told).encode()
        if behaviour in SPOILT:
            self._send(
                200,
                _large(market, ticker) if behaviour == "200,000 rows" else _spoilt(behaviour, told),
            )
        elif behaviour == "ok":
            self._send(200, good)
        elif behaviour in REPLIES:
            status, body, headers = REPLIES[behaviour]
            self._send(status, body, **headers)
        elif behaviour == "junk":
            self._send(200, good[: len(good) // 2])
        else:
            getattr(self, f"_{behaviour}")(good)

    def _silent(self, _good: bytes) -> None:
        self.yahoo.closing.wait(30)

    def _slow(self, good: bytes) -> None:
        self.yahoo.closing.wait(0.4)
        self._send(200, good)

    def _reset(self, _good: bytes) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _midway(self, good: bytes) -> None:
        """Reset the connection in the middle of the body."""
        self._half(good)
        time.sleep(0.05)
        self._reset(good)

    def _half(self, good: bytes) -> None:
        """Promise the whole body and send half of it."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(good)))
        self.end_headers()
        self.wfile.write(good[: len(good) // 2])
        self.wfile.flush()
        self.close_connection = True

    def _bomb(self, _good: bytes) -> None:
        """Send 256 MB that are packed into 1 MB."""
        self._send(200, _bomb(), **{"Content-Encoding": "gzip"})

    def _endless(self, _good: bytes) -> None:
        """Promise a terabyte, and begin to send it."""
        self.send_response(200)
        self.send_header("Content-Length", str(10**12))
        self.end_headers()
        while not self.yahoo.closing.is_set():
            self.wfile.write(bytes(2**20))

    def _flood(self, good: bytes) -> None:
        """Send a megabyte of headers."""
        self.send_response(200)
        for number in range(1000):
            self.send_header(f"X-{number}", "x" * 1000)
        self.end_headers()
        self.wfile.write(good)

    def _loop(self, _good: bytes) -> None:
        self._send(302, b"", Location=self.path)

    def _drip(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for byte in body:
            if self.yahoo.closing.wait(0.05):
                return
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in (
            {"Content-Type": "application/json", "Content-Length": str(len(body))} | headers
        ).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(*, tls: ssl.SSLContext | None = None, **markets: Market) -> Iterator[YahooServer]:
    """Run a server in a thread for the time of a ``with`` block, and point the Yahoo source at it.

    yfinance is made to forget before and after; a pause that Yahoo asked for is over.
    """
    from forecasting.sources.yahoo import YahooSource, bounded_session

    server = YahooServer(dict(markets))
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"yahoo": server}))
    http.daemon_threads = True
    if tls is not None:
        http.socket = tls.wrap_socket(http.socket, server_side=True)
        http.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.port = http.server_port
    thread = threading.Thread(
        target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    factory = YahooSource.session_factory
    YahooSource.session_factory = staticmethod(lambda: bounded_session(server.transport()))
    forget_yfinance()
    try:
        yield server
    finally:
        forget_yfinance()
        YahooSource.session_factory = staticmethod(factory)
        server.closing.set()
        http.shutdown()
        http.server_close()
        thread.join(5)


def forget_yfinance() -> None:
    """Make yfinance forget session, cookie, replies and folders, all of which it keeps for the
    life of the process.
    """
    import yfinance
    from yfinance import cache, data

    from forecasting.sources import earnings, yahoo
    from forecasting.sources.http import Pause

    data.SingletonMeta._instances.clear()
    data.YfData.cache_get.cache_clear()
    cache._TzCacheManager._tz_cache = cache._CookieCacheManager._Cookie_cache = (
        cache._ISINCacheManager._isin_cache
    ) = None
    for manager in (cache._TzDBManager, cache._CookieDBManager, cache._ISINDBManager):
        manager.close_db()
        manager._db = None
    yfinance.base._tz_info_fetch_ctr = 0
    yahoo._prepared.cache_clear()
    yahoo._session.cache_clear()
    Pause.end()
    earnings._Rest.until = 0.0
