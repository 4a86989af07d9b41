"""Dates of earnings reports from Yahoo, as far as it shows them: read by yfinance from a page."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from forecasting.corporate_events import CorporateEvent
from forecasting.errors import SourceError

#: Longest time to wait, reports that are asked for (25 years of them), and how long Yahoo is not
#: asked again after it gave no proper reply, in seconds.
_DEADLINE_S, _MOST, _REST_S = 10.0, 100, 900.0
#: Hour of the exchange from which on a report moves the next bar only.
_CLOSING_HOUR = 16


class _Rest:
    """Until when Yahoo is not asked for earnings dates again; one for the whole process."""

    until: float = 0.0


def earnings_dates(ticker: Any, session: Any) -> tuple[CorporateEvent, ...]:
    """Return the reports of a company on the days of the first bars after them, oldest first.

    Parameters
    ----------
    ticker : yfinance.Ticker
    session : session of :func:`forecasting.sources.http.bounded_session`

    Raises
    ------
    SourceError
        Yahoo did not show them, or in a way that cannot be read. It is then not asked for a while.
    """
    refused = SourceError(
        f"Yahoo showed no earnings dates for {ticker.ticker} that can be read; the prices are not "
        "affected."
    )
    if time.monotonic() < _Rest.until:
        raise refused
    session.begin(_DEADLINE_S)
    try:
        frame = ticker.get_earnings_dates(limit=_MOST)
        if getattr(session.page, "status_code", 200) != 200:
            raise refused
        stamps = [] if frame is None else list(frame.index)
        days = {_first_bar(stamp) for stamp in stamps}
    # yfinance lets through whatever goes wrong below it
    except Exception as error:
        _Rest.until = time.monotonic() + _REST_S
        raise refused from error
    return tuple(CorporateEvent("earnings", day, 1.0) for day in sorted(days))


def _first_bar(stamp: Any) -> np.datetime64:
    """Return the day on which a report moves the price: the next one where it comes after the
    close.
    """
    wall = np.datetime64(stamp.tz_localize(None).to_pydatetime(), "us")
    day = wall.astype("datetime64[D]")
    if stamp.hour >= _CLOSING_HOUR:
        day = np.busday_offset(day, 1, roll="backward")
    return np.datetime64(day, "us")
