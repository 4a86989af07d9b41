"""Series for the first start without a network: real prices that the arch package ships, and
synthetic ones that teach.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from forecasting.errors import SourceError
from forecasting.series import PriceSeries
from forecasting.sources.files import read
from forecasting.sources.options import ReadOptions, TickerOptions
from forecasting.sources.synthetic import adding_up, echoing, weekly


def _shipped(name: str, file: str) -> PriceSeries:
    """Read a file below ``arch/data``."""
    (series,) = read(_data_folder() / file, ReadOptions(date_format="mdy", symbol=name))
    return replace(
        series, provenance=replace(series.provenance, note="shipped with the arch package")
    )


@dataclass(frozen=True)
class Sample:
    """One sample: what reads or makes it, its title, currency and calendar."""

    made: Callable[[], PriceSeries]
    title: str
    currency: str
    calendar: str


#: Samples by name.
SAMPLES: dict[str, Sample] = {
    "sp500": Sample(
        partial(_shipped, "sp500", "sp500/sp500.csv.gz"),
        "S&P 500 index, daily, 1999-2018",
        "USD",
        "XNYS",
    ),
    "nasdaq": Sample(
        partial(_shipped, "nasdaq", "nasdaq/nasdaq.csv.gz"),
        "NASDAQ Composite index, daily, 1999-2018",
        "USD",
        "XNYS",
    ),
    "wti": Sample(
        partial(_shipped, "wti", "wti/wti.csv.gz"),
        "West Texas Intermediate crude oil, spot, daily, 1986-2019 (FRED)",
        "USD",
        "weekdays",
    ),
    "memory": Sample(
        echoing,
        "Memory test, synthetic: each day goes the way of the day 80 before",
        "",
        "weekdays",
    ),
    "echo": Sample(
        partial(echoing, "echo", 3000, 4),
        "Echo, synthetic: each day goes the way of the day 4 before (echo-20: 20 before)",
        "",
        "weekdays",
    ),
    "exploding": Sample(
        adding_up,
        "Exploding gradients, synthetic: each day leans against the sum of the 40 before",
        "",
        "weekdays",
    ),
    "seasonal": Sample(
        weekly,
        "Season, synthetic: a random walk times a pattern of weekdays",
        "",
        "weekdays",
    ),
}
#: Name of an echo with a lag of its own, and the longest lag.
_ECHO, _LONGEST = re.compile(r"echo-(\d{1,4})"), 1000


def _named(name: str) -> Sample | None:
    """Return the sample of a name, also of an echo with a lag of its own.

    Raises
    ------
    SourceError
        A lag that is odd or out of bounds.
    """
    echo = _ECHO.fullmatch(name)
    if echo is None:
        return SAMPLES.get(name)
    lag = int(echo[1])
    if lag % 2 or not 2 <= lag <= _LONGEST:
        raise SourceError(
            f"sample:{name}: there is no echo of the bar {lag} before.",
            f"Choose an even lag from 2 to {_LONGEST}, such as sample:echo-20.",
        )
    title = f"Echo, synthetic: each day goes the way of the day {lag} before"
    return Sample(partial(echoing, name, max(3000, 12 * lag), lag), title, "", "weekdays")


@dataclass(frozen=True)
class SampleSource:
    """A sample by name; its verb is :meth:`load`."""

    name: str

    def load(self) -> tuple[PriceSeries, ...]:
        """Return the sample as one series.

        Raises
        ------
        SourceError
            A name that is not in :data:`SAMPLES`, or an arch package without its data.
        """
        sample = _named(self.name.strip().lower())
        if sample is None:
            raise SourceError(
                f"There is no sample '{self.name}'.", f"Samples are: {', '.join(SAMPLES)}."
            )
        series = sample.made()
        provenance = replace(
            series.provenance,
            source=f"sample:{series.symbol}",
            note=f"{sample.title}; {series.provenance.note}",
        )
        return (
            replace(
                series, currency=sample.currency, calendar=sample.calendar, provenance=provenance
            ),
        )


def from_request(name: str, _read: ReadOptions, _wanted: TickerOptions) -> SampleSource:
    """Return the source of a sample."""
    return SampleSource(name)


def _data_folder() -> Path:
    """Return ``arch/data`` without importing arch, which takes seconds."""
    spec = find_spec("arch")
    if spec is None or not spec.submodule_search_locations:
        raise SourceError(
            "The samples are not installed.", "They come with the arch package: pip install arch"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "data"
