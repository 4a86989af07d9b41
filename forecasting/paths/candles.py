"""Whole candles of the next bars: open, high and low beside the paths of the close.

Each step of a path takes the shape of a past bar whose standardised move had about the same rank:
where the open lay, and how far high and low reached beyond open and close, in units of what the
volatility was then. So low <= open, close <= high holds in every sample and in every quantile, and
the close keeps the calibrated distribution of its paths.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.errors import DataError
from forecasting.events import Event, Predictor, Progress
from forecasting.paths.past import cutoff_dates, past_paths
from forecasting.paths.sampling import Paths
from forecasting.paths.scores import sample_crps
from forecasting.series import Dates, Floats, Forecast, Panel, PriceSeries
from forecasting.volatility import ewma

PARTS = ("open", "high", "low", "close")
#: Levels of the quantiles that are shown.
LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
BANDS = (50, 80, 95)
#: Past bars whose shapes are drawn, the latest ones; fewest; neighbours in rank on either side.
_MOST_BARS, _LEAST_BARS, _NEIGHBOURS = 500, 60, 25
#: Decay of the volatility by which shapes are scaled.
_DECAY = 0.94
#: Least of it, as a share of its median, and farthest that open, high and low reach in units of it.
_LEAST_SIZE, _FARTHEST = 0.2, 8.0
#: Share of the dates from which candles are judged, most cutoffs, and paths from each.
_JUDGED_SHARE, _MOST_CUTOFFS, _PATHS = 0.25, 200, 500


@dataclass(frozen=True, eq=False)
class BarShapes:
    """Shapes of past bars, in order of their standardised moves.

    Attributes
    ----------
    gap : ndarray of float64, shape [N]
        From the last close to the open, in log, over the volatility known before.
    above, below : ndarray of float64, shape [N]
        How far high and low lie beyond open and close, not below 0.
    """

    gap: Floats
    above: Floats
    below: Floats

    @classmethod
    def of(cls, series: PriceSeries) -> BarShapes:
        """Read the shapes off a series; nothing after its last bar is looked at.

        Raises
        ------
        DataError
            No open, high and low, values of zero and below, or too few whole bars.
        """
        if not series.has_range:
            raise _no_range(series)
        bars = [series[part][-_MOST_BARS - 1 :] for part in PARTS]
        first, top, low, last = bars
        whole = np.isfinite(bars).all(axis=0) & (np.min(bars, axis=0) > 0)
        whole &= (low <= np.minimum(first, last)) & (top >= np.maximum(first, last))
        with np.errstate(all="ignore"):
            moves = np.log(last[1:] / last[:-1])
            size = np.sqrt(ewma(np.nan_to_num(moves**2), _DECAY))
            floor = _LEAST_SIZE * np.nanmedian(size)
            known = np.maximum(np.concatenate([[np.nan], size[:-1]]), floor)
            gap = np.log(first[1:] / last[:-1]) / known
            above = np.log(top[1:] / np.maximum(first, last)[1:]) / known
            below = np.log(np.minimum(first, last)[1:] / low[1:]) / known
            standard = moves / known
        usable = whole[1:] & whole[:-1] & np.isfinite([gap, above, below, standard]).all(axis=0)
        if usable.sum() < _LEAST_BARS:
            raise DataError(
                f"{series.symbol} has {int(usable.sum())} whole candles to learn from; "
                f"{_LEAST_BARS} are needed.",
                "Load more history.",
            )
        order = np.argsort(standard[usable], kind="stable")
        shapes = (
            np.clip(item[usable][order], -_FARTHEST, _FARTHEST) for item in (gap, above, below)
        )
        return cls(*shapes)


def candle_samples(paths: Paths, series: int, shapes: BarShapes, seed: int = 0) -> Floats:
    """Return samples of open, high, low and close of each step, shape [4, H, K].

    Parameters
    ----------
    paths : Paths
        Of the close.
    series : int
        Index.
    shapes : BarShapes
        Of its bars up to the cutoff.
    seed : int
    """
    rng = np.random.default_rng((seed, series))
    closes = paths.samples[series]
    before = np.vstack([np.full((1, paths.n_paths), paths.y0[series]), closes[:-1]])
    moves = np.log(closes / before)
    size = moves.std(axis=1, keepdims=True)
    count, n_paths = shapes.gap.size, paths.n_paths
    rank = (np.argsort(np.argsort(moves, axis=1), axis=1) + 0.5) / n_paths * count
    near = rank.astype(np.int64) + rng.integers(-_NEIGHBOURS, _NEIGHBOURS + 1, moves.shape)
    index = np.clip(near, 0, count - 1)
    opens = before * np.exp(shapes.gap[index] * size)
    highs = np.maximum(opens, closes) * np.exp(shapes.above[index] * size)
    lows = np.minimum(opens, closes) * np.exp(-shapes.below[index] * size)
    return np.stack([opens, highs, lows, closes])


@dataclass(frozen=True, eq=False)
class Candles:
    """Quantiles of the next candles of one series.

    Attributes
    ----------
    symbol, model : str
    cutoff : datetime64[us]
    y0 : float
    ds : ndarray of datetime64[us], shape [H]
    levels : tuple of float, length Q
    values : ndarray of float64, shape [4, H, Q]
        Of open, high, low and close, in price units; at each level low <= open, close <= high.
    """

    symbol: str
    model: str
    cutoff: np.datetime64
    y0: float
    ds: Dates
    levels: tuple[float, ...]
    values: Floats


def candles(paths: Paths, panel: Panel, seed: int = 0) -> tuple[Candles, ...]:
    """Return the quantiles of the next candles of each series.

    Raises
    ------
    DataError
        As of :meth:`BarShapes.of`.
    """
    held = {series.symbol: series for series in panel}
    found = []
    for index, symbol in enumerate(paths.symbols):
        samples = candle_samples(paths, index, BarShapes.of(held[symbol]), seed)
        values = np.moveaxis(np.quantile(samples, LEVELS, axis=2), 0, -1)
        about = (symbol, paths.model, paths.cutoff[index], float(paths.y0[index]))
        found.append(Candles(*about, paths.ds[index], LEVELS, values))
    return tuple(found)


def check_forecast(series: PriceSeries, forecast: Forecast) -> None:
    """Check that candles can be made of a forecast of a series.

    Raises
    ------
    DataError
        A series without open, high and low, or a forecast of anything but its closes.
    """
    if not series.has_range:
        raise _no_range(series)
    known = int(np.searchsorted(series.ds, forecast.cutoff, side="right"))
    if known == 0 or not np.isclose(series.y[known - 1], forecast.y0):
        raise DataError(
            f"The forecast of {series.symbol} is none of closes, of which candles are made.",
            "Train with the close as what is forecast.",
        )


def _no_range(series: PriceSeries) -> DataError:
    return DataError(
        f"{series.symbol} has no open, high and low, of which candles are made.",
        "Load bars with all four prices.",
    )


@dataclass(frozen=True)
class CandleRecord:
    """How candles fared from past cutoffs that do not overlap.

    Attributes
    ----------
    cutoffs : int
        Forecasts that were judged, over all series.
    coverage : mapping of str to mapping of int to float
        Share of outcomes in the central bands, by part of the candle and percent.
    crps, crps_walk : mapping of str to float
        Mean CRPS in basis points of the value at the cutoff, and that of past changes of the same
        part over as many bars.
    """

    cutoffs: int
    coverage: Mapping[str, Mapping[int, float]]
    crps: Mapping[str, float]
    crps_walk: Mapping[str, float]


@dataclass(frozen=True)
class CandlesMade(Event):
    """Candles of the next bars of each series, and how such candles fared in the past."""

    candles: tuple[Candles, ...]
    panel: Panel
    record: CandleRecord | None = None
    supposed: str = ""


def judge_candles(
    predictor: Predictor, panel: Panel, horizon: int, seed: int = 0
) -> Generator[Event, None, CandleRecord | None]:
    """Judge candles from past cutoffs, ``horizon`` bars apart; shapes are those before each.

    Parameters
    ----------
    predictor : Predictor
        Fitted to what lies before the last quarter of the dates; looks at what was known only.
    panel : Panel
    horizon : int

    Yields
    ------
    Progress

    Returns
    -------
    CandleRecord or None
        None where there is no cutoff to judge from.
    """
    dates = np.unique(np.concatenate([s.ds for s in panel]))
    begin = dates[int((1 - _JUDGED_SHARE) * dates.size)]
    cutoffs = cutoff_dates(panel, begin, horizon, horizon)[-_MOST_CUTOFFS:]
    rows: list[tuple[Floats, Floats, Floats, float]] = []
    for done, made in enumerate(past_paths(predictor, panel, cutoffs, horizon, _PATHS, seed), 1):
        for row, index in enumerate(made.series):
            series = panel[int(index)]
            known = int(np.searchsorted(series.ds, made.paths.cutoff[row], side="right"))
            samples = candle_samples(made.paths, row, BarShapes.of(series.head(known)), seed)
            seen = np.stack([series[part][known : known + horizon] for part in PARTS])
            walk = _past_changes(series.head(known), horizon)
            rows.append((samples, seen, walk, float(made.paths.y0[row])))
        yield Progress(done, cutoffs.size, "Judging candles in the past")
    return _record(rows) if rows else None


def _past_changes(series: PriceSeries, horizon: int) -> Floats:
    """Return what each part of a candle was after 1 to ``horizon`` bars in the past, moved to the
    last close, shape [4, H, N].
    """
    start = series.y[-_MOST_BARS - horizon : -horizon]
    found = np.empty((len(PARTS), horizon, start.size))
    for index, part in enumerate(PARTS):
        values = series[part][-_MOST_BARS - horizon :]
        for step in range(1, horizon + 1):
            found[index, step - 1] = values[step : step + start.size] / start * series.y[-1]
    return found


def _record(rows: Sequence[tuple[Floats, Floats, Floats, float]]) -> CandleRecord:
    coverage: dict[str, dict[int, float]] = {}
    crps, plain = {}, {}
    for index, part in enumerate(PARTS):
        inside: dict[int, list[float]] = {band: [] for band in BANDS}
        ours, theirs = [], []
        for samples, seen, walk, y0 in rows:
            for band in BANDS:
                tail = (1 - band / 100) / 2
                low, high = np.quantile(samples[index], [tail, 1 - tail], axis=1)
                inside[band].append(float(((seen[index] >= low) & (seen[index] <= high)).mean()))
            ours.append(1e4 * sample_crps(samples[index], seen[index]).mean() / y0)
            theirs.append(1e4 * sample_crps(walk[index], seen[index]).mean() / y0)
        coverage[part] = {band: float(np.mean(shares)) for band, shares in inside.items()}
        crps[part], plain[part] = float(np.nanmean(ours)), float(np.nanmean(theirs))
    return CandleRecord(len(rows), coverage, crps, plain)
