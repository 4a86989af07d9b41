"""Tickers from Yahoo Finance: yfinance hides failures and can wait for ever, so here each has a
bound and a plain word.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from forecasting.calendars import infer_calendar
from forecasting.config import Settings
from forecasting.corporate_events import CorporateEvent, EventKind, event_column
from forecasting.errors import RETRY, ConfigError, DataError, SourceError
from forecasting.files.atomic import cache_folder
from forecasting.series import Dates, ExogColumn, Finding, Floats, PriceSeries, Provenance
from forecasting.sources.adjust import adjusted_prices
from forecasting.sources.earnings import earnings_dates
from forecasting.sources.http import AstrayError, Pause, TooLargeError, bounded_session
from forecasting.sources.options import Interval, Period, ReadOptions, TickerOptions
from forecasting.sources.proxies import certificate_bundle, explain_connection
from forecasting.sources.ticker_spelling import suggest_tickers

if TYPE_CHECKING:
    import pandas as pd

#: What may be a ticker: the text goes into an address unquoted.
TICKER = re.compile(r"[A-Z0-9^][A-Z0-9.\-=^]{0,24}")
_CURRENCY = re.compile(r"[A-Za-z]{3,4}")
_SPACES = re.compile(r"[\s\x00-\x1f\x7f]+")
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")

#: Yahoo's intervals in our words, and how many days of them Yahoo keeps (0: all).
INTERVALS: dict[str, tuple[str, int]] = {
    "1m": ("1min", 7), "5m": ("5min", 59), "15m": ("15min", 59), "30m": ("30min", 59), "1h": ("1h",
    729),
    "1d": ("1D", 0), "1wk": ("1W", 0), "1mo": ("1M", 0),
}  # fmt: skip

#: Instruments that have dividends and splits, and yfinance's names of these.
_WITH_EVENTS = ("EQUITY", "ETF", "MUTUALFUND")
_EVENT_COLUMNS: dict[EventKind, str] = {"dividends": "Dividends", "splits": "Stock Splits"}
#: Earnings dates are asked for again unless one is known that lies farther ahead.
_WELL_AHEAD = np.timedelta64(21, "D")

_PERIOD_MONTHS = {"1mo": 1, "3mo": 3, "6mo": 6, "1y": 12, "2y": 24, "5y": 60, "10y": 120}
_COLUMNS = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Adj Close": "adj_close",
    "Volume": "volume",
}
_BACKOFF_S = 1.0
_DELISTED = "For a delisted company load a file."
_SPELLING = f"Check the spelling. Outside the US a ticker has a suffix, such as SAP.DE. {_DELISTED}"
_KEPT = "Tickers that were loaded before open from the cache."
_LATER = f"Try again in a minute. {_KEPT}"
_CONNECTION = f"Check the internet connection. {_KEPT}"

#: yfinance keeps one session, one cookie and one cache for the whole process: one download at a
#: time.
_one_at_a_time = threading.Lock()


class YahooSource(Settings):
    """One ticker of Yahoo Finance; its verb is :meth:`load`.

    :meth:`download` and :meth:`finish` are the two halves of it, between which a cache can stand.
    """

    symbol: str = Field(
        title="Ticker",
        description="As on finance.yahoo.com: AAPL, SAP.DE, ^GSPC, BTC-USD, EURUSD=X.",
    )
    period: Period = Field(
        "10y", title="Period", description="How much history, counted back from the last bar."
    )
    interval: Interval = Field(
        "1d",
        title="Interval",
        description="Distance of bars; Yahoo keeps bars of minutes for days or weeks only.",
    )
    auto_adjust: bool = Field(
        True,
        title="Adjusted",
        description="Correct prices for dividends; off keeps them as traded, with the adjusted "
        "close beside.",
    )
    deadline_s: float = Field(
        20.0,
        title="Deadline",
        description="Longest time to wait for Yahoo.",
        gt=0.0,
        le=600.0,
        json_schema_extra={"unit": "s"},
    )

    #: Makes the HTTP session; tests put one here that talks to a server of their own.
    session_factory: ClassVar[Callable[[], Any]]

    def __init__(self, symbol: str, **settings: Any) -> None:
        """Check the ticker and the settings.

        Raises
        ------
        SourceError
            Text that cannot be a ticker, or an ISIN.
        ConfigError
            A setting out of its limits.
        """
        try:
            super().__init__(**{"symbol": _checked(symbol), **settings})
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigError(
                f"{first['loc'][0]} = {first.get('input')!r}: {first['msg'].lower()}.",
                "Correct this value.",
            ) from error

    @property
    def key(self) -> str:
        """Name under which a cache keeps what :meth:`download` returns."""
        return f"yahoo:{self.symbol}:{self.interval}"

    def load(self) -> tuple[PriceSeries, ...]:
        """Download the ticker and return it as one series; errors as :meth:`download`."""
        series, findings = self.add_earnings(self.download())
        series = self.finish(series)
        return (replace(series, findings=series.findings + findings),)

    def download(self, since: np.datetime64 | None = None) -> PriceSeries:
        """Fetch finished bars as traded, with the adjusted close beside them, whatever ``period``
        and ``auto_adjust`` say.

        Parameters
        ----------
        since : datetime64, optional
            First day wanted, in the time zone of the exchange; all that Yahoo keeps where it is
            left out.

        Returns
        -------
        PriceSeries
            Columns open, high, low, close, adj_close and volume. The bar of a session, week or
            month still under way is left out, with a finding. Of shares and funds dividends and
            splits are further columns; an empty one says that there may be earnings dates.

        Raises
        ------
        SourceError
            Unknown ticker, no prices, no connection, too many requests, deadline passed, or a reply
            that makes no sense.
        """
        if not _one_at_a_time.acquire(timeout=self.deadline_s):
            raise SourceError(
                f"Another download is still under way after {self.deadline_s:g} s; "
                f"{self.symbol} was not loaded.",
                _LATER,
                remedies=(RETRY,),
            )
        try:
            return _fetch(self, since)
        finally:
            _one_at_a_time.release()

    def add_earnings(
        self, series: PriceSeries, known: Sequence[CorporateEvent] = ()
    ) -> tuple[PriceSeries, tuple[Finding, ...]]:
        """Return a download with the dates of earnings reports, and what is to be told of them.

        Parameters
        ----------
        series : PriceSeries
        known : sequence of CorporateEvent
            Reports known from before; Yahoo is asked where none of them lies well ahead.
        """
        if not any(column.name == "earnings" for column in series.extras):
            return series, ()
        found = tuple(known)
        findings: tuple[Finding, ...] = ()
        if not any(event.ds > _now() + _WELL_AHEAD for event in known):
            found, findings = self._ask_earnings(found)
        others = tuple(column for column in series.extras if column.name != "earnings")
        column = event_column("earnings", series.ds, found)
        return replace(series, extras=(*others, column)), findings

    def _ask_earnings(
        self, known: tuple[CorporateEvent, ...]
    ) -> tuple[tuple[CorporateEvent, ...], tuple[Finding, ...]]:
        """Ask Yahoo for earnings dates; where it has none, those known before are left."""
        if not _one_at_a_time.acquire(timeout=self.deadline_s):
            return known, ()
        try:
            session = _session(YahooSource.session_factory)
            yfinance = _prepared(_cache_folder())
            yfinance.data.YfData.cache_get.cache_clear()
            ticker = yfinance.Ticker(self.symbol, session=session)
            return earnings_dates(ticker, session) or known, ()
        except SourceError as error:
            return known, (Finding("no_earnings", error.message),)
        finally:
            _one_at_a_time.release()

    def finish(self, series: PriceSeries) -> PriceSeries:
        """Return what ``period`` and ``auto_adjust`` ask for out of a download.

        Adjusting scales open, high and low by the ratio of adjusted to traded close, as Yahoo's own
        charts do. A volume that is all zero is left out: Yahoo knows none for indices and
        currencies.
        """
        start = _period_start(self.period, series.ds[-1])
        chosen = series.ds >= start
        values, columns, findings = series.values[chosen], series.columns, series.findings
        extras = tuple(_since(column, start) for column in series.extras if column.missing < 1)
        if not values[:, -1].any():
            values, columns = values[:, :-1], columns[:-1]
        if self.auto_adjust:
            values, columns = _adjusted(values, columns)
        freq, days = INTERVALS[self.interval]
        if days and series.ds[0] > start:
            findings += (
                Finding(
                    "short_history",
                    f"Yahoo keeps {freq} bars for {days} days only; {self.period} was asked for.",
                ),
            )
        provenance = Provenance(
            f"yahoo:{self.symbol}",
            "adjusted" if self.auto_adjust else "raw",
            series.provenance.retrieved_at,
            content_hash(series.ds[chosen], values),
            series.provenance.note,
        )
        return PriceSeries(
            series.symbol,
            series.ds[chosen],
            columns,
            values,
            freq,
            series.tz,
            series.currency,
            series.calendar,
            provenance,
            findings,
            extras,
        )


def _since(column: ExogColumn, start: np.datetime64) -> ExogColumn:
    later = column.ds >= start
    return replace(column, ds=column.ds[later], values=column.values[later])


def from_request(ticker: str, read: ReadOptions, wanted: TickerOptions) -> YahooSource:
    """Return the source of a ticker."""
    return YahooSource(
        ticker,
        period=wanted.period,
        interval=wanted.interval,
        auto_adjust=read.adjusted or not wanted.raw,
    )


def content_hash(ds: Dates, values: Floats) -> str:
    """Return the SHA-256 (hex) of dates [T] and values [T, C], the same on every machine."""
    digest = hashlib.sha256(np.ascontiguousarray(ds, "<M8[us]").tobytes())
    digest.update(np.ascontiguousarray(values, "<f8").tobytes())
    return digest.hexdigest()


def _own_session() -> Any:
    """Return a session that trusts the certificates which the environment names."""
    return bounded_session(certificates=certificate_bundle(_cache_folder()))


YahooSource.session_factory = staticmethod(_own_session)


def _checked(symbol: str) -> str:
    ticker = symbol.strip().upper()
    if _ISIN.fullmatch(ticker):
        raise SourceError(
            f"{ticker} is an ISIN; Yahoo needs a ticker.",
            "Look the company up on finance.yahoo.com and use its ticker.",
        )
    if not TICKER.fullmatch(ticker):
        message = (
            f"{symbol.strip()[:40]!r} is not a ticker: needed are up to 25 letters, digits "
            "and . - = ^."
        )
        raise SourceError(
            message, *_spelling_help(ticker[:40], "Tickers look like AAPL or SAP.DE.")
        )
    return ticker


def _period_start(period: str, last: np.datetime64) -> np.datetime64:
    if period == "max":
        return np.datetime64("0001-01-01")
    if period == "ytd":
        return np.datetime64(last.astype("datetime64[Y]"), "D")
    month = last.astype("datetime64[M]")
    day = last.astype("datetime64[D]") - month.astype("datetime64[D]")
    start: np.datetime64 = (month - np.timedelta64(_PERIOD_MONTHS[period], "M")).astype(
        "datetime64[D]"
    ) + day
    return start


def _adjusted(values: Floats, columns: tuple[str, ...]) -> tuple[Floats, tuple[str, ...]]:
    scaled = adjusted_prices(dict(zip(columns, values.T, strict=True)))
    return np.column_stack(list(scaled.values())), tuple(scaled)


def _cache_folder() -> Path:
    """Return yfinance's own folder, closed to others: yfinance unpickles the cookies that it
    keeps there.
    """
    folder = cache_folder() / "yfinance"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise SourceError(
            f"The folder {folder} cannot be used: {error.strerror}.",
            "Set CANDLECAST_HOME to a writable folder.",
        ) from error
    return folder


@lru_cache(maxsize=1)
def _prepared(folder: Path) -> Any:
    """Import yfinance, which takes a second, and set what would otherwise be a surprise."""
    import yfinance

    yfinance.set_tz_cache_location(str(folder))
    yfinance.config.debug.hide_exceptions = False
    # On import it asks for its own deprecation warnings to be shown, to users too.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"^yfinance")
    # What it would log is said by our own errors.
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)
    return yfinance


@lru_cache(maxsize=1)
def _session(factory: Callable[[], Any]) -> Any:
    """Return one session for the life of the process: its cookie saves three requests a ticker."""
    return factory()


def _fetch(source: YahooSource, since: np.datetime64 | None) -> PriceSeries:
    """Ask Yahoo, and once more after a short pause where that can help, until the deadline."""
    if Pause.left() > 0:
        raise _left_alone(source.symbol, "Yahoo takes no more requests for now")
    yfinance = _prepared(_cache_folder())
    session = _session(YahooSource.session_factory)
    end = time.monotonic() + source.deadline_s
    for last in (False, True):
        session.begin(end - time.monotonic())
        try:
            return _ask(yfinance, session, source, since)
        # yfinance lets through whatever goes wrong below it, from KeyError to peewee's errors
        except Exception as error:
            # Failures would otherwise be answered from memory for the life of the process.
            yfinance.data.YfData.cache_get.cache_clear()
            again, text = _explained(error, session.chart, source)
            if last or not again or time.monotonic() + _BACKOFF_S >= end:
                raise text from error
            time.sleep(_BACKOFF_S)
    raise AssertionError("the last attempt returns or raises")


def _ask(
    yfinance: Any, session: Any, source: YahooSource, since: np.datetime64 | None
) -> PriceSeries:
    ticker = yfinance.Ticker(source.symbol, session=session)
    kept = INTERVALS[source.interval][1]
    if (
        since is not None
        and kept
        and _now() - since.astype("datetime64[us]") > np.timedelta64(kept, "D")
    ):
        since = None
    span = {"period": "max"} if since is None else {"start": str(since.astype("datetime64[D]"))}
    # keepna: bars without a price are to be counted, not lost on the way.
    frame = ticker.history(
        **span,
        interval=source.interval,
        auto_adjust=False,
        actions=True,
        keepna=True,
        timeout=source.deadline_s,
    )
    if frame.empty or not np.isfinite(frame["Close"].to_numpy(np.float64)).any():
        raise _nothing(source)
    return _series(source, frame, ticker.get_history_metadata())


def _left_alone(symbol: str, reason: str) -> SourceError:
    """Return words for a server that takes no more requests, with how long it is left alone."""
    wait = max(1.0, Pause.left())
    words = f"{wait:.0f} s" if wait < 120 else f"{wait / 60:.0f} minutes"
    return SourceError(
        f"{reason}; {symbol} was not loaded.", f"Try again in {words}. {_KEPT}", remedies=(RETRY,)
    )


def _nothing(source: YahooSource) -> SourceError:
    message = f"Yahoo has no {INTERVALS[source.interval][0]} prices for {source.symbol}."
    return SourceError(message, *_spelling_help(source.symbol, _SPELLING))


def _spelling_help(ticker: str, otherwise: str) -> tuple[str, tuple[str, ...]]:
    """Return a hint that proposes how Yahoo spells a ticker, and the references it proposes."""
    suggested = suggest_tickers(ticker)
    if not suggested:
        return otherwise, ()
    listed = " or ".join(filter(None, (", ".join(suggested[:-1]), suggested[-1])))
    verb = "spells it" if len(suggested) == 1 else "may have it as"
    return f"Yahoo {verb} {listed}. {_DELISTED}", tuple(f"yahoo:{item}" for item in suggested)


def _explained(error: Exception, chart: Any, source: YahooSource) -> tuple[bool, SourceError]:
    """Return whether asking again may help, and the words for what happened; Yahoo's own reply
    goes before yfinance's reading.
    """
    kind, symbol = type(error).__name__, source.symbol
    status = getattr(chart, "status_code", 0)
    if isinstance(error, SourceError):
        return False, error
    if Pause.left() > 0:
        return False, _left_alone(symbol, "Yahoo takes no more requests for now (status 429)")
    if status >= 500:
        return True, SourceError(
            f"Yahoo is out of order (status {status}); {symbol} was not loaded.",
            _LATER,
            remedies=(RETRY,),
        )
    if status >= 400:
        return False, _refusal(status, chart, source)
    if isinstance(error, TimeoutError) or kind in ("Timeout", "ReadTimeout", "ConnectTimeout"):
        return False, SourceError(
            f"Yahoo did not answer within {source.deadline_s:g} s; {symbol} was not loaded.",
            _CONNECTION,
            remedies=(RETRY,),
        )
    if isinstance(error, TooLargeError | DataError) or "curl: (61)" in str(
        error
    ):  # 61: packed in a way that cannot be unpacked
        return False, SourceError(
            f"Yahoo's reply for {symbol} makes no sense.",
            f"{_LATER} ({_short(error)})",
            remedies=(RETRY,),
        )
    if type(error).__module__.partition(".")[0] in ("peewee", "sqlite3"):
        words = f"The cookies in {_cache_folder()} cannot be read; {symbol} was not loaded."
        hint = f"Close other programs that use this folder, or delete the folder. ({_short(error)})"
        return False, SourceError(words, hint, remedies=(RETRY,))
    if status == 0 or isinstance(error, OSError):
        return _line_down(error, symbol)
    result = _result_of(chart)
    if result == [] or (kind == "YFPricesMissingError" and result is not None):
        return False, _nothing(source)
    return False, SourceError(
        f"Yahoo's reply for {symbol} makes no sense ({_looks(chart)}).", _LATER, remedies=(RETRY,)
    )


def _line_down(error: Exception, symbol: str) -> tuple[bool, SourceError]:
    """Return whether asking again may help, and the words, where no reply came at all."""
    curl, cut = str(error), type(error).__name__ in ("IncompleteRead", "ConnectionResetError")
    if isinstance(error, AstrayError):
        words, hint = (
            "Yahoo's address leads elsewhere",
            f"Is this a network that wants a sign-in first? {_CONNECTION}",
        )
    elif found := explain_connection(curl):
        words, hint = found[0], f"{found[1]} {_KEPT}"
    elif cut or any(f"curl: ({code})" in curl for code in (16, 18, 52, 55, 56, 92)):
        cut, words, hint = True, "The connection to Yahoo was cut", _CONNECTION
    else:
        words, hint = "Yahoo cannot be reached", _CONNECTION
    return cut, SourceError(
        f"{words}; {symbol} was not loaded.", f"{hint} ({_short(error)})", remedies=(RETRY,)
    )


def _refusal(status: int, chart: Any, source: YahooSource) -> SourceError:
    text = _said(chart)
    if status == 404:
        message = (
            f"Yahoo does not know the ticker {source.symbol}, or it was "
            f"delisted{f' ({text})' if text else ''}."
        )
        return SourceError(message, *_spelling_help(source.symbol, _SPELLING))
    if status in (401, 403):
        return SourceError(
            f"Yahoo refuses to answer (status {status}); {source.symbol} was not loaded.",
            _LATER,
            remedies=(RETRY,),
        )
    return SourceError(
        f"Yahoo refuses {source.symbol} with status {status}: {text or 'no reason given'}.",
        "Choose another interval or period.",
    )


def _said(chart: Any) -> str:
    """Return Yahoo's own reason, or "" where the reply holds none."""
    try:
        return str(chart.json()["chart"]["error"]["description"])[:200].rstrip(" .")
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _result_of(chart: Any) -> Any:
    try:
        return chart.json()["chart"]["result"] or []
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _looks(chart: Any) -> str:
    text = str(getattr(chart, "text", "")).lstrip()
    if not text:
        return "it is empty"
    if text[:1] == "<":
        return "a web page instead of prices"
    return "damaged data" if _result_of(chart) is None else "parts of the prices are missing"


def _short(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return (
        re.sub(r"\s*See https?://\S+.*", "", text)
        .removeprefix("Failed to perform, ")
        .strip(" .")[:120]
    )


def _now() -> np.datetime64:
    """Return the present in UTC."""
    return np.datetime64(datetime.now(UTC).replace(tzinfo=None), "us")


def _series(source: YahooSource, frame: pd.DataFrame, about: Mapping[str, Any]) -> PriceSeries:
    _check_symbol(source.symbol, about)
    tz = str(about.get("exchangeTimezoneName") or "")
    freq = INTERVALS[source.interval][0]
    wall = frame.index.tz_localize(None) if frame.index.tz is not None else frame.index  # type: ignore[attr-defined]
    ds: Dates = wall.to_numpy().astype("datetime64[us]")
    values: Floats = frame[list(_COLUMNS)].to_numpy(np.float64)
    values = np.where(np.isinf(values), np.nan, values)
    findings: list[Finding] = []
    keep = _kept(ds, values, findings, _open_from(source.interval, about, tz))
    if not keep.any():
        raise _nothing(source)
    ds, values = ds[keep], values[keep]
    name = _SPACES.sub(" ", str(about.get("longName") or about.get("shortName") or "")).strip()[
        :100
    ]
    note = f"{name}; Yahoo Finance, for personal use" if name else "Yahoo Finance, for personal use"
    retrieved = f"{_now().astype('datetime64[s]')}Z"
    calendar = infer_calendar(source.symbol, ds, freq, tz)
    provenance = Provenance(
        f"yahoo:{source.symbol}", "raw", retrieved, content_hash(ds, values), note
    )
    currency, columns = (
        _CURRENCY.fullmatch(str(about.get("currency") or "")),
        tuple(_COLUMNS.values()),
    )
    extras = tuple(_events(frame, wall.to_numpy().astype("datetime64[us]"), ds, about, freq))
    return PriceSeries(
        source.symbol,
        ds,
        columns,
        values,
        freq,
        tz,
        currency[0] if currency else "",
        calendar,
        provenance,
        tuple(findings),
        extras,
    )


def _events(
    frame: pd.DataFrame, rows: Dates, bars: Dates, about: Mapping[str, Any], freq: str
) -> Iterator[ExogColumn]:
    """Yield dividends and splits at the bars, and an empty column where there may be reports."""
    instrument = str(about.get("instrumentType") or "")
    if instrument not in _WITH_EVENTS:
        return
    for kind, name in _EVENT_COLUMNS.items():
        values = np.zeros(len(rows))
        if name in frame:
            values = frame[name].to_numpy(np.float64)
        there = np.isfinite(values) & (values > 0)
        pairs = zip(rows[there], values[there].tolist(), strict=True)
        yield event_column(kind, bars, [CorporateEvent(kind, ds, value) for ds, value in pairs])
    if instrument == "EQUITY" and freq == "1D":
        yield event_column("earnings", bars, ())


def _check_symbol(symbol: str, about: Mapping[str, Any]) -> None:
    """Refuse the prices of one ticker under the name of another."""
    text = str(about.get("symbol") or symbol).upper()
    if text != symbol:
        text = _SPACES.sub(" ", text)[:25]
        raise SourceError(
            f"Yahoo answered with the prices of {text} instead of {symbol}.",
            f"Load {text} if that is what you want.",
        )


def _kept(
    ds: Dates, values: Floats, findings: list[Finding], open_from: np.datetime64
) -> npt.NDArray[np.bool_]:
    """Return which bars are finished and priced [T], and say which are not."""
    priced = np.isfinite(values[:, 3]) & np.isfinite(values[:, 4]) & (values[:, 3] != 0)
    unfinished = ds >= open_from
    if (gone := ~priced & ~unfinished).any():
        dates = tuple(str(day) for day in ds[gone][:3].astype("datetime64[D]"))
        text = f"{gone.sum()} bars have no price in Yahoo's data, the first on {dates[0]}."
        findings.append(Finding("no_price", text, int(gone.sum()), "warning", "dropped", dates))
    if unfinished.any():
        text = (
            f"The bar of {ds[unfinished][0].astype('datetime64[m]')} is still under way; its "
            "close is not final."
        )
        findings.append(
            Finding(
                "unfinished",
                text,
                int(unfinished.sum()),
                "info",
                "dropped",
                (str(ds[unfinished][0]),),
            )
        )
    kept: npt.NDArray[np.bool_] = priced & ~unfinished
    return kept


def _open_from(interval: str, about: Mapping[str, Any], tz: str) -> np.datetime64:
    """Return the first stamp, in exchange time, of which the bar is still under way."""
    import pandas as pd

    now = np.datetime64(
        pd.Timestamp(_now()).tz_localize("UTC").tz_convert(tz or "UTC").tz_localize(None), "us"
    )
    if interval == "1d":
        return _open_day(now, about)
    if interval == "1mo":
        return np.datetime64(now.astype("datetime64[M]"), "us")
    minutes = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "1wk": 7 * 24 * 60}[interval]
    still_open: np.datetime64 = now - np.timedelta64(minutes * 60_000_000 - 1, "us")
    return still_open


def _open_day(now: np.datetime64, about: Mapping[str, Any]) -> np.datetime64:
    """Return today, or tomorrow where today's session is over.

    Yahoo tells the present session, or the coming one; where that is today's and has ended, today's
    bar is final.
    """
    today = np.datetime64(now.astype("datetime64[D]"))
    try:
        closes = np.datetime64(
            about["currentTradingPeriod"]["regular"]["end"].tz_localize(None), "us"
        )
    except (KeyError, TypeError, AttributeError):
        return today
    done = closes.astype("datetime64[D]") == today and now >= closes
    day: np.datetime64 = today + np.timedelta64(int(done), "D")
    return day
