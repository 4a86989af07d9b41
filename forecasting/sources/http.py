"""One HTTP session for Yahoo with bounds of its own: on time, size, redirects, and how often a
server that has had enough is asked.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

_CHART = "/v8/finance/chart/"
#: Page with the earnings dates of a company.
_EARNINGS = "/calendar/earnings"
#: The longest reply that is read, after unpacking: 60 years of days are 2 MB, 200,000 bars 23 MB.
_MOST_BYTES = 32 * 2**20
_MOST_HOPS = 5
#: How long Yahoo is left alone after a 429; twice as long after each further one, up to the
#: longest.
_PAUSE_S, _LONGEST_PAUSE_S = 60.0, 3600.0


class BoundedError(ConnectionError):
    """A request that was not made, or a reply that was not read; to yfinance, this looks like a
    line that is down.
    """


class NotNeededError(BoundedError):
    """yfinance wanted more than prices, or more of a server that has had enough."""


class AstrayError(BoundedError):
    """Yahoo's address leads to a place that is not Yahoo's."""


class TooLargeError(BoundedError):
    """The reply is longer than any prices are."""


class Pause:
    """Until when Yahoo, having refused too many requests, is left alone; one for the whole
    process.
    """

    until: float = 0.0
    length: float = 0.0

    @classmethod
    def left(cls) -> float:
        """Return how many seconds are left; 0 or less where Yahoo may be asked."""
        return cls.until - time.monotonic()

    @classmethod
    def begin(cls, asked_s: float = 0.0) -> None:
        """Leave Yahoo alone for a minute, twice as long as the last time, or as long as it asks
        for; an hour at most.
        """
        cls.length = min(max(_PAUSE_S, 2 * cls.length), _LONGEST_PAUSE_S)
        cls.until = time.monotonic() + min(max(cls.length, asked_s), _LONGEST_PAUSE_S)

    @classmethod
    def end(cls) -> None:
        """Yahoo answers again."""
        cls.until = cls.length = 0.0


def bounded_session(transport: type[Any] | None = None, certificates: str = "") -> Any:
    """Return a session that ends at a deadline of its own and asks Yahoo for prices and earnings
    dates only.

    Parameters
    ----------
    transport : type, optional
        Session class of curl_cffi that carries the requests; its own as a browser where it is left
        out.
    certificates : str
        File or folder of trusted certificates; those of curl_cffi where it is empty.
    """
    if transport is not None:
        return type("BoundedSession", (_Bounded, transport), {})()
    from curl_cffi import requests

    return type("BoundedSession", (_Bounded, requests.Session), {})(
        impersonate="chrome", verify=certificates or True
    )


class _Bounded:
    """Mixin for a session: yfinance's own ``timeout`` bounds one request of up to 37 and is not
    always passed on.
    """

    deadline: float = 0.0
    chart: Any = None
    page: Any = None

    def begin(self, deadline_s: float) -> None:
        """Forget the last reply; what follows is to be over after so many seconds."""
        self.deadline = time.monotonic() + deadline_s
        self.chart = self.page = None

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        path = urlsplit(url).path
        is_chart = path.startswith(_CHART)
        self._check_need(url, is_chart)
        for _ in range(_MOST_HOPS):
            response = self._asked(method, url, is_chart, **kwargs)
            if not 300 <= response.status_code < 400 or not (
                onwards := response.headers.get("location")
            ):
                break
            method, url = "GET", _followed(url, onwards)
            kwargs = {
                name: value
                for name, value in kwargs.items()
                if name not in ("params", "data", "json")
            }
        else:
            raise AstrayError("it is passed on again and again")
        if path == _EARNINGS:
            self.page = response
        if is_chart:
            self.chart = response
            if response.status_code == 429:
                Pause.begin(_retry_after(response))
            elif response.status_code == 200:
                Pause.end()
        return response

    def _check_need(self, url: str, is_chart: bool) -> None:
        """Let pass what prices need; one request a minute, and no cookies, once Yahoo has said
        that these are too many.
        """
        parts = urlsplit(url)
        needed = is_chart or parts.path == _EARNINGS
        if not (needed or _opens_the_way(parts.hostname or "", parts.path)):
            raise NotNeededError(f"{parts.hostname}{parts.path} is not needed for prices")
        if Pause.left() > 0 or (Pause.length and not is_chart):
            raise NotNeededError("Yahoo is left alone for a while")

    def _asked(self, method: str, url: str, is_chart: bool, **kwargs: Any) -> Any:
        """Return the reply of one address, read to its end."""
        left = self.deadline - time.monotonic()
        if left <= 0.05:
            raise TimeoutError("the deadline has passed")
        # A cookie server that never answers must leave time for the prices, which can be had
        # without a cookie.
        kwargs["timeout"] = min(kwargs.get("timeout") or left, left if is_chart else left / 4)
        body, overfull = bytearray(), TooLargeError(f"it is longer than {_MOST_BYTES >> 20} MB")

        full = False

        def more(part: bytes) -> int:
            nonlocal full
            full = full or len(body) + len(part) > _MOST_BYTES
            if full:
                raise overfull
            body.extend(part)
            return len(part)

        try:
            options = {**kwargs, "allow_redirects": False, "content_callback": more}
            response = super().request(method, url, **options)  # type: ignore[misc]
        except OSError as error:
            raise overfull if full else error from None
        response.content = bytes(body)
        return response


def _opens_the_way(host: str, path: str) -> bool:
    """Tell whether an address serves the cookie, the crumb or the consent that come before
    prices.
    """
    return (
        host in ("fc.yahoo.com", "guce.yahoo.com", "consent.yahoo.com")
        or path == "/v1/test/getcrumb"
    )


def _followed(url: str, onwards: str) -> str:
    """Return the address to which a reply passes on: one of Yahoo's own, and no less secure."""
    index = urljoin(url, onwards)
    parts = urlsplit(index)
    host = parts.hostname or ""
    if parts.scheme != "https" or not (host == "yahoo.com" or host.endswith(".yahoo.com")):
        raise AstrayError(f"it leads to {parts.scheme}://{host}"[:80])
    return index


def _retry_after(response: Any) -> float:
    """Return how many seconds a server asks to be left alone, 0 where it does not say: a number
    or a date.
    """
    text = str(response.headers.get("retry-after") or "").strip()
    if text.isdecimal():
        return float(text[:9])
    with suppress(ValueError, TypeError):
        return (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    return 0.0
