"""Series for the first start without a network: real prices that the arch package ships, and one
that is made to teach what memory is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from forecasting.errors import SourceError
from forecasting.series import PriceSeries, Provenance
from forecasting.sources.files import read
from forecasting.sources.options import ReadOptions, TickerOptions


def _shipped(name: str, file: str) -> PriceSeries:
    """Read a file below ``arch/data``."""
    (series,) = read(_data_folder() / file, ReadOptions(date_format="mdy", symbol=name))
    return replace(
        series, provenance=replace(series.provenance, note="shipped with the arch package")
    )


def echoing(
    name: str = "memory", bars: int = 6000, lag: int = 80, changed: float = 0.05
) -> PriceSeries:
    """Make prices whose next move goes, but for one time in twenty, the way the move ``lag`` bars
    before it went.

    The moves between say nothing about it: only who remembers so far back knows the next direction.
    Made anew each time it is asked for, with the same numbers.

    Parameters
    ----------
    name : str
    bars : int
        Length T.
    lag : int
        Even, so that the first ``lag`` bars go up as often as down.
    changed : float
        Probability that a move goes the other way.

    References
    ----------
    After the task of Hochreiter and Schmidhuber (1997): a sign is to be kept over a long stretch of
    distractors.
    """
    draw = np.random.default_rng(lag)
    signs = np.empty(bars)
    signs[:lag] = draw.permutation(np.repeat([-1.0, 1.0], lag // 2))
    turns = np.where(draw.random(bars) < changed, -1.0, 1.0)
    for t in range(lag, bars):
        signs[t] = signs[t - lag] * turns[t]
    close = np.round(
        100 * np.exp(np.cumsum(0.01 * signs * np.exp(0.1 * draw.normal(size=bars)))), 4
    )
    ds = np.busday_offset("1996-01-01", np.arange(bars), roll="forward").astype("datetime64[us]")
    note = (
        f"synthetic, no prices of anything: each day goes the way of the day {lag} before, but "
        f"for one in {round(1 / changed)}"
    )
    return PriceSeries(
        name,
        ds,
        ("close",),
        close[:, None],
        provenance=Provenance("", content_hash=sha256(close.tobytes()).hexdigest(), note=note),
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
}


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
        sample = SAMPLES.get(self.name.strip().lower())
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
