"""What the dates of a series tell by themselves: how far apart its bars are, and on which days
it trades.
"""

from __future__ import annotations

import re

import numpy as np

from forecasting.calendars.exchange import UNITS_US, US_A_DAY, crosses_midnight
from forecasting.calendars.remembered import remembered
from forecasting.calendars.week import DAY, WORKWEEK, days_between, weekday_of
from forecasting.series import Dates

#: exchange_calendars codes by the suffix of a ticker: Yahoo's, and Stooq's .US, .UK and .JP.
SUFFIXES: dict[str, str] = {
    "US": "XNYS", "L": "XLON", "IL": "XLON", "UK": "XLON", "DE": "XFRA", "F": "XFRA", "BE": "XFRA",
    "MU": "XFRA", "SG": "XFRA",
    "HM": "XFRA", "DU": "XFRA", "PA": "XPAR", "AS": "XAMS", "BR": "XBRU", "LS": "XLIS",
    "IR": "XDUB", "MI": "XMIL", "MC": "XMAD",
    "SW": "XSWX", "VI": "XWBO", "ST": "XSTO", "HE": "XHEL", "CO": "XCSE", "OL": "XOSL",
    "IC": "XICE", "RG": "XRIS", "TL": "XTAL",
    "VS": "XLIT", "WA": "XWAR", "PR": "XPRA", "BD": "XBUD", "IS": "XIST", "T": "XTKS", "JP": "XTKS",
    "HK": "XHKG",
    "SS": "XSHG", "SZ": "XSHG", "TW": "XTAI", "TWO": "XTAI", "KS": "XKRX", "KQ": "XKRX",
    "SI": "XSES", "KL": "XKLS", "BK": "XBKK",
    "JK": "XIDX", "PS": "XPHS", "NS": "XBOM", "BO": "XBOM", "AX": "XASX", "NZ": "XNZE",
    "TO": "XTSE", "V": "XTSE", "NE": "XTSE",
    "CN": "XTSE", "MX": "XMEX", "SA": "BVMF", "BA": "XBUE", "SN": "XSGO", "JO": "XJSE",
    "SR": "XSAU",
}  # fmt: skip

INDICES: dict[str, str] = {
    "^FTSE": "XLON", "^FTMC": "XLON", "^GDAXI": "XFRA", "^MDAXI": "XFRA", "^STOXX50E": "XFRA",
    "^FCHI": "XPAR", "^AEX": "XAMS",
    "^IBEX": "XMAD", "^SSMI": "XSWX", "^N225": "XTKS", "^HSI": "XHKG", "^KS11": "XKRX",
    "^TWII": "XTAI", "^AXJO": "XASX",
    "^NZ50": "XNZE", "^GSPTSE": "XTSE", "^BVSP": "BVMF", "^MXX": "XMEX", "^BSESN": "XBOM",
    "^NSEI": "XBOM", "^STI": "XSES",
    "^GSPC": "XNYS", "^DJI": "XNYS", "^IXIC": "XNYS", "^NDX": "XNYS", "^RUT": "XNYS",
    "^VIX": "XNYS",
}  # fmt: skip

_CRYPTO = re.compile(r"[A-Z0-9]{2,15}-(USD|USDT|USDC|EUR|GBP|JPY|CAD|AUD|CHF|KRW|INR|CNY|BTC|ETH)")


def infer_freq(ds: Dates) -> str:
    """Tell the distance of the bars from their dates alone.

    Parameters
    ----------
    ds : ndarray of datetime64, shape [T]
        Strictly increasing.

    Returns
    -------
    str
        ``30s``, ``1min``, ``5min``, ``1h``, ``4h``, ``1D``, ``1W``, ``1M``, ``3M``, ... or "" for
        fewer than two bars and for bars without one common distance. Missing bars, weekends,
        holidays and nights do not matter: the most frequent distance decides, and at least 30 % of
        the distances must have it.
    """
    stamps = np.asarray(ds).astype("datetime64[us]")
    if stamps.size < 2:
        return ""
    return remembered(stamps, ("freq",), lambda: _freq(stamps))


def _freq(stamps: Dates) -> str:
    days = np.unique(stamps.astype("datetime64[D]"))
    return _day_freq(days) if days.size > 0.9 * stamps.size else _clock_freq(stamps)


def _day_freq(days: Dates) -> str:
    """Tell days, weeks or months from distinct calendar days; holidays move weekly and monthly
    bars by a few days.
    """
    gaps = np.diff(days).astype(np.int64)
    middle = int(np.median(gaps))
    if (
        np.mean(np.busday_count(days[:-1], days[1:]) == 1 if middle > 1 else gaps == 1) >= 0.3
        and middle <= 3
    ):
        return "1D"
    weeks = round(middle / 7)
    if weeks in (1, 2) and np.mean(np.abs(gaps - 7 * weeks) <= 3) >= 0.7:
        return f"{weeks}W"
    months = np.diff(days.astype("datetime64[M]")).astype(np.int64)
    month = int(np.median(months))
    if middle >= 26 and month >= 1 and np.mean(months == month) >= 0.7:
        return f"{month}M"
    return ""


def _clock_freq(stamps: Dates) -> str:
    gaps, counts = np.unique(np.diff(stamps).astype(np.int64), return_counts=True)
    step, share = int(gaps[counts.argmax()]), counts.max() / counts.sum()
    if share < 0.3 or step <= 0 or step >= US_A_DAY:
        return ""
    for unit in ("h", "min", "s"):
        if step % UNITS_US[unit] == 0:
            return f"{step // UNITS_US[unit]}{unit}"
    return ""


def infer_calendar(symbol: str, ds: Dates, freq: str, tz: str = "") -> str:
    """Tell on which days a series trades, from its name and its own dates; exchange_calendars is
    not imported.

    In this order: bars on Saturdays *and* Sundays, or throughout one of them and the nights, mean
    ``24/7``; then the ticker decides (``-USD`` crypto, ``=X`` currency, ``=F`` future, suffixes of
    Yahoo, well-known indices); then the holidays that only the United States keep: bars on ordinary
    weekdays but none on those days mean ``XNYS``. Where the dates do not tell (weekly bars, a short
    stretch without such a day), a New York time zone does. Everything else is ``weekdays``.

    Parameters
    ----------
    symbol : str
        Ticker or name of the series.
    ds : ndarray of datetime64, shape [T]
    freq : str
        As of :func:`infer_freq`.
    tz : str
        IANA zone of the exchange where it is known.

    Returns
    -------
    str
        ``24/7``, ``weekdays`` or an exchange_calendars code.
    """
    stamps = np.asarray(ds)
    never_closed, keeps_us_holidays = remembered(
        stamps, ("week", freq), lambda: _week_evidence(stamps, freq)
    )
    if never_closed:
        return "24/7"
    named = calendar_of_ticker(symbol.strip().upper())
    if named:
        return named
    if keeps_us_holidays is None:
        keeps_us_holidays = tz == "America/New_York"
    return "XNYS" if keeps_us_holidays else "weekdays"


def _week_evidence(ds: Dates, freq: str) -> tuple[bool, bool | None]:
    """Tell whether bars fall on all days of the week, and whether they leave out the holidays that
    only the United States keep; None where the dates do not tell.
    """
    if not freq or freq[-1] in "WM":
        return False, None
    days = np.unique(ds.astype("datetime64[D]"))
    if _trades_weekends(days) or _trades_through_a_weekend(ds, freq):
        return True, None
    return False, _keeps_us_holidays(days)


def calendar_of_ticker(ticker: str) -> str:
    """Return the calendar that a ticker in capitals names, or ""."""
    if _CRYPTO.fullmatch(ticker):
        return "24/7"
    if ticker.endswith("=X"):
        return "weekdays"
    if ticker.endswith("=F"):
        return "CMES"
    return INDICES.get(ticker) or SUFFIXES.get(
        ticker.rpartition(".")[2] if "." in ticker else "", ""
    )


def _trades_weekends(days: Dates) -> bool:
    weekday = weekday_of(days)
    return all(np.mean(weekday == day) >= 0.07 for day in (5, 6))


def _trades_through_a_weekend(ds: Dates, freq: str) -> bool:
    """Tell whether bars of minutes or hours cross midnight and fill half of a Saturday or
    Sunday: currencies only touch them.
    """
    if freq[-1] == "D" or not crosses_midnight(ds):
        return False
    stamps = ds.astype("datetime64[h]")
    for day in np.unique(stamps[weekday_of(stamps) >= 5].astype("datetime64[D]")):
        own = stamps[stamps.astype("datetime64[D]") == day]
        if own[-1] - own[0] >= np.timedelta64(12, "h"):
            return True
    return False


def _keeps_us_holidays(days: Dates) -> bool | None:
    """Tell whether weekdays have bars and US holidays have none; None where the stretch holds no
    such holiday.
    """
    first, last = days[0], days[-1]
    holidays = _us_holidays(int(str(first)[:4]), int(str(last)[:4]))
    holidays = holidays[(holidays > first) & (holidays < last)]
    if not holidays.size:
        return None
    everyday = days_between(first, last, WORKWEEK)
    present = np.isin(everyday, days)
    holiday = np.isin(everyday, holidays)
    return bool(present[~holiday].mean() >= 0.9 and present[holiday].mean() <= 0.1)


def _us_holidays(first_year: int, last_year: int) -> Dates:
    """Return Presidents', Memorial, Independence, Labor and Thanksgiving days: no other large
    market rests on all of them.

    Monday holidays count from 1971 on (https://www.nyse.com/markets/hours-calendars).
    """
    days: list[np.datetime64] = []
    for year in range(first_year, last_year + 1):
        independence = np.datetime64(f"{year:04d}-07-04")
        shift = {5: -1, 6: 1}.get(int(weekday_of(independence)), 0)
        days += [
            independence + shift * DAY,
            _nth_weekday(year, 11, 3, 4),
            _nth_weekday(year, 9, 0, 1),
        ]
        if year >= 1971:
            memorial = _nth_weekday(year, 6, 0, 1) - 7 * DAY
            days += [_nth_weekday(year, 2, 0, 3), memorial]
    return np.sort(np.array(days, dtype="datetime64[D]"))


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> np.datetime64:
    first = np.datetime64(f"{year:04d}-{month:02d}-01")
    day: np.datetime64 = first + (int((weekday - weekday_of(first)) % 7) + 7 * (nth - 1)) * DAY
    return day
