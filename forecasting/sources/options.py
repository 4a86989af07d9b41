"""What a user can settle about prices: how a file is read, how much of a ticker is fetched,
which bars are made of them.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from forecasting.config import Settings
from forecasting.source_registry import SourceSpec, source_spec

Period = Literal["1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"]
Interval = Literal["1m", "5m", "15m", "30m", "1h", "1d", "1wk", "1mo"]


def _option(default: Any, label: str, text: str, words: dict[str, str] | None = None) -> Any:
    return Field(
        default,
        title=label,
        description=text,
        json_schema_extra={"unit": "", "words": dict(words or {})},
    )


class ReadOptions(Settings):
    """How a file is to be read, where the reader's own judgement is not wanted, and what becomes of
    the bars of any source.

    Every field left at its default is worked out from the file itself. ``trading_calendar`` and
    ``resample`` hold for tickers and samples too; they are applied by
    :func:`forecasting.jobs.load`.
    """

    date_format: str = _option(
        "",
        "Date format",
        "dmy, mdy, ymd, ydm, epoch-s, epoch-ms, epoch-us, epoch-ns, unix-days, filetime, ticks, "
        "excel, year, yyyy.mm, roc, buddhist, persian, or a pattern such as "
        "%d.%m.%Y.",
    )
    decimal: str = _option("", "Decimal mark", "'.' or ','.")
    columns: dict[str, str | int] = _option(
        {},
        "Columns",
        "Role to header or index (0 is the first column): date, time, symbol (several keys by "
        "|), open, high, low, close, adj_close, "
        "volume, bid, ask, unused (several by |); a date in several columns: year, quarter, "
        "month, week, day, dayofyear, hour, minute.",
    )
    symbol: str = _option(
        "", "Symbol", "The series of a panel to take, or the name to give to a single series."
    )
    delimiter: str = _option(
        "", "Delimiter", "What stands between cells: a sign, or tab, space, comma, semicolon, pipe."
    )
    header: str = _option(
        "",
        "Header",
        "Lines that name the columns, counted from 1: 3, or 1-2 for two of them, or none.",
    )
    sheet: str = _option(
        "",
        "Sheet",
        "Sheet of a workbook, table of a database or a JSON document, or member of an archive.",
    )
    encoding: str = _option("", "Encoding", "Text encoding, such as utf-8 or cp1252.")
    repair: bool = _option(
        True,
        "Repair",
        "Sort bars, drop duplicates and rows without a close; when off these are errors.",
    )
    adjusted: bool = _option(
        False,
        "Adjusted prices",
        "Scale a file's open, high, low and close by its adjusted close, which knows of splits "
        "and dividends; volumes stay as they are.",
    )
    trading_calendar: str = _option(
        "",
        "Calendar",
        "When a series trades: 24/7, weekdays or a code such as XNYS; its dates tell if left out.",
    )
    timezone: str = _option(
        "",
        "Time zone",
        "Zone of times that name none: UTC or a name such as America/New_York; the dates tell "
        "if left out.",
    )
    resample: str = _option(
        "",
        "Resample",
        "Join bars into coarser ones: 1min, 5min, 15min, 30min, 1h, 2h, 4h, 1D, 1W or 1M.",
    )

    exog: str = _option(
        "",
        "Inputs",
        "Columns to be kept as inputs and not taken for prices or series, with commas between "
        "them; settings name them, too.",
    )

    def settled(self, name: str, value: Any) -> ReadOptions:
        """Return these options with another value of one of them; text is read as a switch where
        one is meant.
        """
        return ReadOptions.model_validate({**self.model_dump(), name: value})


#: Nothing settled: the file speaks for itself.
AS_FOUND = ReadOptions()


class TickerOptions(Settings):
    """How much of a ticker is fetched, and in which form."""

    period: Period = _option(
        "10y",
        "Period",
        "How much history of a ticker, counted back from its last bar.",
        {
            "1mo": "1 month", "3mo": "3 months", "6mo": "6 months", "1y": "1 year", "2y": "2 years",
            "5y": "5 years", "10y": "10 years",
            "ytd": "This year", "max": "All there is",
        },
    )  # fmt: skip
    interval: Interval = _option(
        "1d",
        "Interval",
        "Distance of a ticker's bars; Yahoo keeps bars of minutes for days or weeks only.",
        {
            "1m": "1 minute", "5m": "5 minutes", "15m": "15 minutes", "30m": "30 minutes",
            "1h": "1 hour", "1d": "Daily", "1wk": "Weekly",
            "1mo": "Monthly",
        },
    )  # fmt: skip
    raw: bool = _option(
        False,
        "As traded (raw)",
        "Take a ticker's prices as they were traded, not corrected for dividends.",
    )


#: Most letters of a reference.
LONGEST_REFERENCE = 4096

#: Ten years of daily, adjusted prices.
USUAL = TickerOptions()


class Request(Settings):
    """What is to be loaded, and how: a reference with all that was settled about it. JSON both
    ways.

    Attributes
    ----------
    reference : str
        The path of a file, ``yahoo:TICKER`` or ``sample:NAME``.
    read : ReadOptions
        How a file is read; calendar and distance of bars of any source.
    ticker : TickerOptions
        How much of a ticker is fetched.
    """

    reference: str = Field(min_length=1, max_length=LONGEST_REFERENCE)
    read: ReadOptions = AS_FOUND
    ticker: TickerOptions = USUAL

    @classmethod
    def stored(cls, text: str, reference: str = "") -> Request:
        """Return the request that was stored as JSON, or else that of a plain reference."""
        try:
            return cls.model_validate_json(text)
        except ValueError:
            return cls(reference=reference)

    @property
    def spec(self) -> SourceSpec:
        """The source that the reference names."""
        return source_spec(self.reference)
