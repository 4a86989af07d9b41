"""A server on loopback that answers like Yahoo's chart service, well or badly: the real yfinance is tested without a network."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import numpy as np

_NOT_FOUND = {"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"}}}
_NO_RANGE = {"chart": {"result": None, "error": {"code": "Unprocessable Entity", "description": "1m data not available for startTime=1."}}}


@dataclass
class Market:
    """What the server knows of one ticker: stamps in the exchange's wall-clock, one column of prices and its adjusted twin."""

    ds: np.ndarray
    close: np.ndarray
    adj_close: np.ndarray
    tz: str = "America/New_York"
    currency: str = "USD"
    volume: float = 1000.0
    nulls: tuple[int, ...] = ()

    @classmethod
    def made(cls, bars: int, last: str = "2024-06-28", opens: str = "09:30", **more: Any) -> Market:
        """Return a random walk on the last ``bars`` weekdays up to ``last``, stamped at the opening as Yahoo does."""
        days = np.busday_offset(last, np.arange(1 - bars, 1), roll="backward")
        return cls.walk(days + (np.datetime64(f"1970-01-01T{opens}") - np.datetime64("1970-01-01T00:00")), **more)

    @classmethod
    def walk(cls, ds: np.ndarray, **more: Any) -> Market:
        """Return a random walk on given stamps; adjusted closes are a tenth lower throughout."""
        close = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, ds.size)))
        return cls(ds.astype("datetime64[s]"), close, close * 0.9, **more)

    def until(self, bars: int) -> Market:
        """Return the same market as it was when its first ``bars`` bars were all there was."""
        return Market(self.ds[:bars], self.close[:bars], self.adj_close[:bars], self.tz, self.currency, self.volume, self.nulls)

    @property
    def stamps(self) -> list[int]:
        """Moments as Yahoo sends them: seconds since 1970 in UTC."""
        zone = ZoneInfo(self.tz)
        return [int(datetime.fromisoformat(str(one)).replace(tzinfo=zone).timestamp()) for one in self.ds]

    def chart(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """Return Yahoo's reply for ``period1``/``period2`` or ``range``."""
        stamps = self.stamps
        low, high = int(query.get("period1", ["0"])[0]), int(query.get("period2", [str(2**40)])[0])
        chosen = [i for i, stamp in enumerate(stamps) if low <= stamp < high]
        if query.get("range") == ["1d"]:
            chosen = chosen[-1:]

        def shown(values: np.ndarray) -> list[float | None]:
            return [None if i in self.nulls else float(values[i]) for i in chosen]

        quote = {"open": shown(self.close), "high": shown(self.close * 1.01), "low": shown(self.close * 0.99), "close": shown(self.close)}
        quote["volume"] = shown(np.full(self.close.shape, self.volume))
        indicators = {"quote": [quote if chosen else {}], "adjclose": [{"adjclose": shown(self.adj_close)}]}
        result = {"meta": self._meta(), "indicators": indicators, **({"timestamp": [stamps[i] for i in chosen]} if chosen else {})}
        return {"chart": {"result": [result], "error": None}}

    def _meta(self) -> dict[str, Any]:
        sessions = [self._session(day) for day in np.unique(self.ds.astype("datetime64[D]"))]
        now = sessions[-1]
        return {
            "currency": self.currency, "symbol": "X", "instrumentType": "EQUITY", "exchangeTimezoneName": self.tz, "priceHint": 2,
            "dataGranularity": "1d", "range": "", "validRanges": ["1d", "5d", "1mo", "1y", "max"], "regularMarketTime": now["start"],
            "longName": "Test Company", "currentTradingPeriod": {"pre": dict(now), "regular": dict(now), "post": dict(now)},
            "tradingPeriods": [[session] for session in sessions],
        }  # fmt: skip

    def _session(self, day: np.datetime64) -> dict[str, Any]:
        opens = datetime.fromisoformat(str(day)).replace(tzinfo=ZoneInfo(self.tz), hour=9, minute=30)
        return {"timezone": "X", "gmtoffset": 0, "start": int(opens.timestamp()), "end": int(opens.replace(hour=16, minute=0).timestamp())}


@dataclass
class YahooServer:
    """Markets by ticker, the behaviours to come (the last one stays) and the requests that came.

    Behaviours: ok, 429, 404, 422, 500, empty, html, junk, blank, thin, drip, reset, silent. A ticker without a market is a 404.
    """

    markets: dict[str, Market] = field(default_factory=dict)
    behaviours: list[str] = field(default_factory=lambda: ["ok"])
    requests: list[str] = field(default_factory=list)
    port: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def charts(self) -> list[str]:
        """Requests for prices: path and query."""
        return [request for request in self.requests if "/v8/finance/chart/" in request]

    def transport(self) -> type[Any]:
        """Return a session class of curl_cffi that sends every request here instead."""
        from curl_cffi import requests

        port = self.port

        class Loop(requests.Session):
            def request(self, method: str, url: str, **kwargs: Any) -> Any:
                parts = urlsplit(url)
                assert str(parts.hostname).endswith("yahoo.com"), url
                return super().request(method, urlunsplit(("http", f"127.0.0.1:{port}", parts.path or "/", parts.query, "")), **kwargs)

        return Loop

    def next_behaviour(self) -> str:
        return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]


class _Handler(BaseHTTPRequestHandler):
    yahoo: YahooServer

    def log_message(self, *_: Any) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        self.yahoo.requests.append(self.path)
        parts = urlsplit(self.path)
        if parts.path.startswith("/v8/finance/chart/"):
            with suppress(ConnectionError):
                self._chart(parts.path.rsplit("/", 1)[1], parse_qs(parts.query))
        elif parts.path == "/v1/test/getcrumb":
            self._send(200, b"crumb", "text/plain")
        else:
            self._send(200, b"", "text/html")

    def _chart(self, ticker: str, query: dict[str, list[str]]) -> None:
        market = self.yahoo.markets.get(ticker)
        behaviour = self.yahoo.next_behaviour()
        if behaviour == "ok" and market is None:
            behaviour = "404"
        good = json.dumps(market.chart(query) if market else {}).encode()
        replies = {
            "ok": (200, good),
            "429": (429, b"Too Many Requests"),
            "404": (404, json.dumps(_NOT_FOUND).encode()),
            "422": (422, json.dumps(_NO_RANGE).encode()),
            "500": (500, b"<html>out of order</html>"),
            "empty": (200, b'{"chart": {"result": [], "error": null}}'),
            "html": (200, b"<!DOCTYPE html><html>please agree</html>"),
            "junk": (200, good[: len(good) // 2]),
            "blank": (200, b""),
            "thin": (200, b'{"chart": {"result": [{"meta": {}}], "error": null}}'),
        }
        if behaviour in replies:
            self._send(*replies[behaviour], "application/json")
        elif behaviour == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif behaviour == "drip":
            self._drip(good)
        else:
            self.yahoo.closing.wait(30)

    def _drip(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for byte in body:
            if self.yahoo.closing.wait(0.05):
                return
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(**markets: Market) -> Iterator[YahooServer]:
    """Run a server in a thread for the time of a ``with`` block, and point the Yahoo source at it.

    yfinance is made to forget before and after; a pause that Yahoo asked for is over.
    """
    from forecasting.sources.yahoo import YahooSource, bounded_session

    server = YahooServer(dict(markets))
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"yahoo": server}))
    http.daemon_threads = True
    server.port = http.server_port
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
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
    """Make yfinance forget session, cookie, replies and folders, all of which it keeps for the life of the process."""
    import yfinance
    from yfinance import cache, data

    from forecasting.sources import yahoo

    data.SingletonMeta._instances.clear()
    data.YfData.cache_get.cache_clear()
    cache._TzCacheManager._tz_cache = cache._CookieCacheManager._Cookie_cache = cache._ISINCacheManager._isin_cache = None
    for manager in (cache._TzDBManager, cache._CookieDBManager, cache._ISINDBManager):
        manager.close_db()
        manager._db = None
    yfinance.base._tz_info_fetch_ctr = 0
    yahoo._prepared.cache_clear()
    yahoo._session.cache_clear()
    yahoo._Pause.until = 0.0
