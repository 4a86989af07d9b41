"""The bars that forecasts are about: from price files, or from the actual values that a file of
forecasts holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from forecasting.calendars import infer_calendar, infer_freq
from forecasting.errors import DataError, SourceError
from forecasting.imported_forecasts.reader import ImportedForecasts
from forecasting.imported_forecasts.rows import RowKeys, Texts, Truth
from forecasting.series import Dates, Finding, Floats, Ints, Panel, PriceSeries, Provenance
from forecasting.store.journal import comparable

#: Share of the bars between the first and the last actual value that may be lacking.
_MOST_LACKING = 0.15
#: Share of the actual values that may differ from the prices, and by how much of their size they
#: count as other.
_MOST_OTHER, _OTHER = 0.02, 1e-3
#: Values from which on, and correlation of each with the next below which, they look like changes.
_ENOUGH, _LEAST_MEMORY = 20, 0.5
#: Factor between forecasts and prices from which they are of something else.
_OTHER_SCALE = 4.0


@dataclass(frozen=True, eq=False)
class Timeline:
    """The bars of a panel, for rows to be placed on.

    Attributes
    ----------
    panel : Panel
    own : bool
        Whether the bars are made of the actual values in the file of forecasts, because no prices
        were given.
    utc : bool
        Whether the dates of the file are in UTC.
    findings : tuple of Finding
    """

    panel: Panel
    own: bool
    utc: bool = False
    findings: tuple[Finding, ...] = ()

    def stamps(self, series: int) -> Dates:
        """Return the dates of the bars of a series as they are compared, shape [T]."""
        item = self.panel[series]
        return comparable(item.ds, item.freq)

    def local(self, series: int, ds: Dates) -> Dates:
        """Return dates of the file by the clock of a series, as they are compared."""
        from forecasting.calendars.exchange import rezoned

        item = self.panel[series]
        if self.utc and item.tz and item.tz != "UTC":
            known = ~np.isnat(ds)
            moved = ds.copy()
            moved[known] = rezoned(ds[known], "UTC", item.tz)
            ds = moved
        return comparable(ds, item.freq)

    def series_of(self, symbol: Texts) -> Ints:
        """Return the place in the panel of the series of each row; -1 where there is none."""
        names, index = np.unique(symbol, return_inverse=True)
        symbols = [item.casefold() for item in self.panel.symbols]
        only = len(symbols) == 1 and names.size == 1
        indices = [
            0 if only else symbols.index(name.casefold()) if name.casefold() in symbols else -1
            for name in names.tolist()
        ]
        return np.array(indices, np.int64)[index]


def timeline_of(found: ImportedForecasts, prices: Panel | None) -> Timeline:
    """Return the bars that forecasts are judged on.

    Parameters
    ----------
    found : ImportedForecasts
    prices : Panel or None
        None takes the actual values of the file itself.

    Raises
    ------
    SourceError
        Neither prices nor actual values; actual values with gaps, or others than the prices.
    DataError
        A series that the prices lack.
    """
    if prices is None:
        return _own_timeline(found)
    line = Timeline(prices, False, found.rows.utc)
    told = (model.keys for model in found.rows.models)
    if not found.rows.dated and not any(
        (keys.step > 0).any() or not np.isnat(keys.cutoff).all() for keys in told
    ):
        raise SourceError(
            "The file of forecasts has no dates, so that its rows cannot be found among the "
            "prices.",
            "Add a column of dates.",
        )
    symbols = np.unique(np.concatenate([model.keys.symbol for model in found.rows.models]))
    lacking = [
        str(name) for name, index in zip(symbols, line.series_of(symbols), strict=True) if index < 0
    ]
    if len(lacking) == symbols.size:
        raise DataError(
            f"The prices hold {', '.join(prices.symbols[:8])}, but the forecasts are of "
            f"{', '.join(lacking[:8]) or 'an unnamed series'}.",
            "Name the prices of these series, or give the column of series another role: "
            "--columns unused=NAME.",
        )
    findings = []
    only = str(symbols[0]) if symbols.size == 1 and len(prices.symbols) == 1 else ""
    if only and only.casefold() != prices.symbols[0].casefold():
        judges = prices.symbols[0]
        message = f"The forecasts are of {only}; they are judged by the prices of {judges}."
        findings.append(Finding("other_name", message, 1, "info", "assumed"))
    if lacking:
        message = (
            f"Series without prices, whose forecasts are not judged: {', '.join(lacking[:12])}."
        )
        findings.append(Finding("no_prices", message, len(lacking), "warning", "left out"))
    return replace(line, findings=(*findings, *_compared(line, found.rows.truth)))


def _own_timeline(found: ImportedForecasts) -> Timeline:
    """Make the bars of the actual values in the file."""
    series, findings = [], []
    for symbol, ds, y in _truths(found):
        freq = infer_freq(ds) if ds.size > 2 else ""
        name = symbol or Path(found.path).stem
        _refuse_gaps(name, ds, freq)
        if found.options.scale == "auto":
            _refuse_changes(name, y)
        calendar = infer_calendar(symbol, ds, freq)
        about = Provenance(found.path, note="actual values of a file of forecasts")
        series.append(
            PriceSeries(
                name,
                ds,
                ("close",),
                y[:, None],
                freq,
                "UTC" if found.rows.utc else "",
                "",
                calendar,
                about,
            )
        )
    if not series:
        raise SourceError(
            "The file holds no actual values, and no prices are given to judge the forecasts by.",
            "Name a file with the prices: candlecast judge FORECASTS PRICES; or say which "
            "column holds them: --columns y=NAME.",
        )
    message = (
        "No prices are given: the actual values in the file are what the baselines are "
        "fitted on and all are judged by."
    )
    findings.append(Finding("own_prices", message, sum(map(len, series)), "info", "assumed"))
    return Timeline(Panel(tuple(series)), True, found.rows.utc, tuple(findings))


def _truths(found: ImportedForecasts) -> Iterator[tuple[str, Dates, Floats]]:
    """Yield name, dates and actual values of each series of the file, in order of time.

    Raises
    ------
    SourceError
        Two actual values of one date.
    """
    truth, last = found.rows.truth, found.rows.last
    symbol = np.concatenate([truth.symbol, last.symbol])
    ds, y = np.concatenate([truth.ds, last.ds]), np.concatenate([truth.y, last.y])
    known = np.isfinite(y) & ~np.isnat(ds)
    symbol, ds, y = symbol[known], ds[known], y[known]
    for name in np.unique(symbol):
        mine = symbol == name
        dates, first, index = np.unique(ds[mine], return_index=True, return_inverse=True)
        values = y[mine][first]
        other = np.abs(y[mine] - values[index]) > 1e-6 * np.abs(values[index])
        if other.any():
            at = dates[index][other][0]
            raise SourceError(
                f"{name or 'The file'} has two actual values for {at}: "
                f"{values[index][other][0]:g} and {y[mine][other][0]:g}.",
                "Say which column names the series: --columns unique_id=NAME.",
            )
        yield str(name), dates, values


def _refuse_changes(name: str, y: Floats) -> None:
    """Refuse actual values that look like changes from bar to bar: of both signs, and each
    hardly telling the next.

    Raises
    ------
    SourceError
        Against "no change" any forecast of about zero would look like a discovery.
    """
    if y.size < _ENOUGH or y.min() >= 0 or y.max() <= 0 or np.ptp(y) == 0:
        return
    memory = float(np.corrcoef(y[:-1], y[1:])[0, 1])
    if memory < _LEAST_MEMORY:
        raise SourceError(
            f"The actual values of {name} look like changes, not like values of a series: they "
            f"have both signs, and each hardly tells the next (correlation {memory:.2f}).",
            "Add them up to prices, or give the prices; --scale prices judges them as they are.",
        )


def _refuse_gaps(name: str, ds: Dates, freq: str) -> None:
    """Refuse actual values with so many bars lacking that a change from one to the next is no
    change of one bar.
    """
    if ds.size < 3:
        return
    if freq == "1D":
        days = ds.astype("datetime64[D]")
        due = int(np.maximum(np.busday_count(days[:-1], days[1:]), 1).sum()) + 1
    else:
        gaps = np.diff(ds).astype(np.int64)
        usual = max(int(np.median(gaps)), 1)
        due = (
            int(np.minimum(np.round(gaps / usual), 1000).clip(1).sum()) + 1
            if not freq or freq[-1] in "WM"
            else ds.size
        )
    if due - ds.size > _MOST_LACKING * due:
        raise SourceError(
            f"The actual values of {name} leave about {due - ds.size:,} of {due:,} bars out: "
            "baselines cannot be made from them.",
            "Name a file with the prices: candlecast judge FORECASTS PRICES.",
        )


def _compared(line: Timeline, truth: Truth) -> list[Finding]:
    """Compare the actual values in the file with the prices.

    Raises
    ------
    SourceError
        They are others.
    """
    indices = line.series_of(truth.symbol)
    shares, ratios, shifted, count = [], [], [], 0
    for index in np.unique(indices[indices >= 0]):
        mine = (indices == index) & np.isfinite(truth.y) & ~np.isnat(truth.ds)
        stamps, wanted = line.stamps(int(index)), line.local(int(index), truth.ds[mine])
        bar = np.minimum(np.searchsorted(stamps, wanted), stamps.size - 1)
        there = (stamps[bar] == wanted) & (bar + 1 < stamps.size)
        close, text = line.panel[int(index)].y, truth.y[mine][there]
        if not there.any():
            continue
        count += int(there.sum())
        shares.append(_differs(text, close[bar[there]]))
        shifted.append(_differs(text, close[bar[there] + 1]))
        ratios.append(text / np.where(close[bar[there]] == 0, np.nan, close[bar[there]]))
    if not count:
        return []
    other = np.concatenate(shares)
    if other.mean() <= _MOST_OTHER:
        return [_few_other(int(other.sum()), count)] if other.any() else []
    if np.concatenate(shifted).mean() <= _MOST_OTHER:
        raise SourceError(
            "The actual value of each row is the price one bar after its date: the dates are "
            "those of the cutoffs.",
            "Say so: --columns cutoff=NAME --horizon 1.",
        )
    raise SourceError(
        f"The actual values in the file are not the prices: {100 * other.mean():.0f} % of "
        f"{count:,} differ, typically by the factor "
        f"{float(np.nanmedian(np.concatenate(ratios))):.4g}.",
        "Give the prices that the forecasts were made from (raw or adjusted), undo any "
        "scaling, or leave the prices out.",
    )


def _few_other(differing: int, count: int) -> Finding:
    message = (
        f"Actual values in the file that differ from the prices: {differing} of {count}; "
        "the prices count."
    )
    return Finding("other_truth", message, differing, "warning", "replaced")


def _differs(told: Floats, close: Floats) -> np.ndarray:
    return np.abs(told - close) > _OTHER * np.abs(close)


def refuse_other_scale(model: str, median: Floats, y0: Floats) -> None:
    """Refuse forecasts that are no values of the series: changes, or values that were scaled.

    Parameters
    ----------
    model : str
    median, y0 : ndarray, shape [n]
        Forecasts, and the values that they start from.

    Raises
    ------
    SourceError
    """
    sized = (y0 != 0) & np.isfinite(median)
    if not sized.any() or (y0 <= 0).any():
        return
    ratio = float(np.median(median[sized] / y0[sized]))
    if not 1 / _OTHER_SCALE < ratio < _OTHER_SCALE:
        raise SourceError(
            f"{model} forecasts values of about {float(np.median(median)):.4g} where the price "
            f"is about {float(np.median(y0)):.4g}: "
            "they look like changes, or like scaled values.",
            "Undo the scaling, or give prices; --scale prices judges them as they are.",
        )


def rows_of(keys: RowKeys, line: Timeline) -> Iterator[tuple[int, Ints]]:
    """Yield each series of the panel with the rows that are of it."""
    indices = line.series_of(keys.symbol)
    for index in np.unique(indices[indices >= 0]):
        yield int(index), np.flatnonzero(indices == index)
