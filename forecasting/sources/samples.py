"""Real prices for the first start without a network: the sample data that the arch package ships."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from forecasting.errors import SourceError
from forecasting.series import PriceSeries
from forecasting.sources.files import read
from forecasting.sources.options import ReadOptions


@dataclass(frozen=True)
class Sample:
    """One sample: its file below ``arch/data``, title, currency and calendar."""

    file: str
    title: str
    currency: str
    calendar: str


#: Samples by name.
SAMPLES: dict[str, Sample] = {
    "sp500": Sample("sp500/sp500.csv.gz", "S&P 500 index, daily, 1999-2018", "USD", "XNYS"),
    "nasdaq": Sample("nasdaq/nasdaq.csv.gz", "NASDAQ Composite index, daily, 1999-2018", "USD", "XNYS"),
    "wti": Sample("wti/wti.csv.gz", "West Texas Intermediate crude oil, spot, daily, 1986-2019 (FRED)", "USD", "weekdays"),
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
            raise SourceError(f"There is no sample '{self.name}'.", f"Samples are: {', '.join(SAMPLES)}.")
        options = ReadOptions(date_format="mdy", symbol=self.name.strip().lower())
        (series,) = read(_data_folder() / sample.file, options)
        provenance = replace(series.provenance, source=f"sample:{series.symbol}", note=f"{sample.title}; shipped with the arch package")
        return (replace(series, currency=sample.currency, calendar=sample.calendar, provenance=provenance),)


def _data_folder() -> Path:
    """Return ``arch/data`` without importing arch, which takes seconds."""
    spec = find_spec("arch")
    if spec is None or not spec.submodule_search_locations:
        raise SourceError("The samples are not installed.", "They come with the arch package: pip install arch")
    return Path(next(iter(spec.submodule_search_locations))) / "data"
