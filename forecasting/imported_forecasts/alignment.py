"""Rows of forecasts become outcomes: origins by steps ahead, with what happened beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from forecasting.errors import DataError, SourceError
from forecasting.imported_forecasts.cutoffs import Placed, place_rows
from forecasting.imported_forecasts.options import ForecastOptions
from forecasting.imported_forecasts.reader import ImportedForecasts
from forecasting.imported_forecasts.rows import DRAWN, MOST_VALUES, ForecastRows
from forecasting.imported_forecasts.timeline import Timeline, refuse_other_scale
from forecasting.series import Dates, Finding, Floats, Forecast, Ints, Origins, Outcomes, Panel
from forecasting.spikes import impossible_bars, without_spikes

#: Bars before the first forecast that baselines are fitted to at least: with prices, and where a
#: file has its own actual values.
LEAST_PAST, LEAST_OWN_PAST, MOST_OWN_PAST = 30, 20, 250


@dataclass(frozen=True, eq=False)
class Ground:
    """What all models of a file are judged on.

    Attributes
    ----------
    panel : Panel
        The series that have forecasts.
    origins : Origins, N of them
        All from which any model forecast, by series and bar.
    horizon : int
        Steps ahead, H: the most of any model.
    insample : tuple of int
        Bars of each series up to its first origin: what baselines are fitted to.
    symbol, cutoff, y0, scale, rms_scale : ndarray, shape [N]
    ds, y : ndarray, shape [N, H]
        What happened, NaN where it is not known yet.
    """

    panel: Panel
    origins: Origins
    horizon: int
    insample: tuple[int, ...]
    symbol: np.ndarray
    cutoff: Dates
    y0: Floats
    scale: Floats
    rms_scale: Floats
    ds: Dates
    y: Floats


@dataclass(frozen=True, eq=False)
class Aligned:
    """The forecasts of one model on the ground.

    Attributes
    ----------
    outcomes : Outcomes
        Of the origins that the model forecast from; ``y`` is NaN where it did not forecast, too.
    index : ndarray of int64
        Those origins among all of the ground.
    points : bool
        Whether it has point forecasts alone.
    awaited : tuple of Forecast
        Forecasts of which some bars are still to come.
    """

    outcomes: Outcomes
    index: Ints
    points: bool
    awaited: tuple[Forecast, ...] = ()


@dataclass
class _Cells:
    """Where the rows of one model stand: origin and step of each."""

    rows: ForecastRows
    placed: Placed
    origin: Ints = field(default_factory=lambda: np.empty(0, np.int64))


def align(
    imported: ImportedForecasts, line: Timeline
) -> tuple[Ground, dict[str, Aligned], tuple[Finding, ...]]:
    """Place the forecasts of all models on the bars, and put what happened beside them.

    Parameters
    ----------
    imported : ImportedForecasts
    line : Timeline

    Returns
    -------
    ground : Ground
    aligned : dict of str to Aligned
        By model.
    findings : tuple of Finding

    Raises
    ------
    SourceError
        A forecast twice, or forecasts that are no values of the series.
    DataError
        No forecast that can be judged.
    """
    findings: list[Finding] = []
    placed: list[_Cells] = []
    options = imported.options
    there = np.isfinite(imported.rows.truth.y) & ~np.isnat(imported.rows.truth.ds)
    likely = bool(there.any())
    known_until = imported.rows.truth.ds[there].max() if likely else np.datetime64("NaT", "us")
    for model in imported.rows.models:
        found = place_rows(model, line, options, likely=likely, known_until=known_until)
        findings += found.findings
        kept = found.kept & _enough_past(model.model, found, line, findings)
        placed.append(_Cells(model.take(kept), _taken(found, kept)))
    placed = [cells for cells in placed if len(cells.rows.keys)]
    if not placed:
        why = " ".join(dict.fromkeys(finding.message for finding in findings))
        hint = (
            "Name a file with the prices: candlecast judge FORECASTS PRICES."
            if line.own
            else "Load more history, or check the cutoffs."
        )
        raise DataError(f"No forecast can be judged. {why}", hint)
    ground = _ground(placed, line)
    aligned = {cells.rows.model: _aligned(cells, ground, line, options) for cells in placed}
    return ground, aligned, (*findings, *_unequal(aligned))


def _taken(found: Placed, kept: np.ndarray) -> Placed:
    return Placed(
        found.series[kept],
        found.bar[kept],
        found.step[kept],
        found.ds[kept],
        kept[kept],
        found.findings,
    )


def _enough_past(model: str, found: Placed, line: Timeline, findings: list[Finding]) -> np.ndarray:
    """Tell which rows have enough bars before their cutoff, and say how many have not."""
    least = np.array(
        [
            min(max(LEAST_OWN_PAST, len(item) // 5), MOST_OWN_PAST) if line.own else LEAST_PAST
            for item in line.panel
        ]
    )
    enough = found.bar + 1 >= least[np.maximum(found.series, 0)]
    few = found.kept & ~enough
    if few.any():
        where = (
            "in the file: prices that go further back would have them judged, too"
            if line.own
            else "in the prices"
        )
        message = (
            f"{model}: {int(few.sum())} of {few.size} forecasts have fewer than "
            f"{least.max()} bars before them {where}; they are left out."
        )
        findings.append(Finding("short_past", message, int(few.sum()), "info", "left out"))
    return enough


def _ground(placed: list[_Cells], line: Timeline) -> Ground:
    """Collect the origins of all models, with dates and what happened."""
    horizon = max(int(cells.placed.step.max()) for cells in placed)
    pairs = np.concatenate(
        [np.stack([cells.placed.series, cells.placed.bar], axis=1) for cells in placed]
    )
    pairs, index = np.unique(pairs, axis=0, return_inverse=True)
    index = index.reshape(-1)
    if len(pairs) * horizon > MOST_VALUES // 10:
        raise DataError(
            f"{len(pairs):,} forecasts of up to {horizon} bars are more than are judged at once.",
            "Split the file.",
        )
    at = 0
    for cells in placed:
        cells.origin = index[at : at + len(cells.rows.keys)]
        at += len(cells.rows.keys)
    used, series = np.unique(pairs[:, 0], return_inverse=True)
    panel = Panel(tuple(line.panel[int(position)] for position in used))
    origins = Origins(series, pairs[:, 1])
    insample = tuple(
        int(origins.bar[origins.series == position].min()) + 1 for position in range(len(panel))
    )
    arrays = _happened(panel, origins, horizon, insample)
    for cells in placed:
        beyond = (
            cells.placed.bar + cells.placed.step
            >= np.array([len(item) for item in line.panel])[cells.placed.series]
        )
        arrays["ds"][cells.origin[beyond], cells.placed.step[beyond] - 1] = cells.placed.ds[beyond]
    return Ground(panel, origins, horizon, insample, **arrays)


def _happened(
    panel: Panel, origins: Origins, horizon: int, insample: Sequence[int]
) -> dict[str, np.ndarray]:
    """Return names, dates, values and scales by origin; values are NaN where there is no bar, or
    none that is a price.
    """
    n, ahead = len(origins), np.arange(1, horizon + 1)
    y0, y, scale, rms_scale = (
        np.empty(n),
        np.full((n, horizon), np.nan),
        np.full(n, np.nan),
        np.full(n, np.nan),
    )
    cutoff, ds = np.empty(n, "datetime64[us]"), np.empty((n, horizon), "datetime64[us]")
    for index, series in enumerate(panel):
        mine = np.flatnonzero(origins.series == index)
        bars = origins.bar[mine]
        due = bars[:, None] + ahead
        known, inside = due < len(series), np.minimum(due, len(series) - 1)
        wrong = impossible_bars(series)
        cutoff[mine], y0[mine], ds[mine] = series.ds[bars], series.y[bars], series.ds[inside]
        y[mine] = np.where(~known | wrong[bars][:, None] | wrong[inside], np.nan, series.y[inside])
        [held] = without_spikes(Panel((series,)), [insample[index]])
        changes = np.diff(held.y[: insample[index]])
        if changes.size:
            scale[mine], rms_scale[mine] = np.abs(changes).mean(), np.sqrt((changes**2).mean())
    symbol = np.array(panel.symbols)[origins.series]
    return {
        "symbol": symbol,
        "cutoff": cutoff,
        "y0": y0,
        "scale": scale,
        "rms_scale": rms_scale,
        "ds": ds,
        "y": y,
    }


def _aligned(cells: _Cells, ground: Ground, line: Timeline, options: ForecastOptions) -> Aligned:
    """Put the forecasts of one model on its origins."""
    rows, step = cells.rows, cells.placed.step
    index, origin = np.unique(cells.origin, return_inverse=True)
    horizon = int(step.max())
    shape = (index.size, horizon)
    if index.size * horizon * len(rows.levels) > MOST_VALUES:
        raise DataError(
            f"{rows.model}: {shape[0]:,} forecasts of {horizon} bars and {len(rows.levels)} "
            "quantiles are too many.",
            "Split the file.",
        )
    cell = origin * horizon + step - 1
    _refuse_double(rows, cell)
    y0 = ground.y0[index]
    values = np.repeat(
        np.repeat(y0[:, None], horizon, axis=1)[:, :, None], len(rows.levels), axis=2
    )
    values.reshape(-1, len(rows.levels))[cell] = rows.values
    mean = np.empty(0)
    if rows.mean.size:
        mean = np.repeat(y0[:, None], horizon, axis=1)
        mean.reshape(-1)[cell] = rows.mean
    forecast = np.zeros(shape, bool)
    forecast.reshape(-1)[cell] = True
    if options.scale == "auto":
        refuse_other_scale(
            rows.model, rows.values[:, rows.levels.index(0.5)], ground.y0[cells.origin]
        )
    y = np.where(forecast, ground.y[index, :horizon], np.nan)
    made = Outcomes(
        rows.model,
        ground.symbol[index],
        ground.cutoff[index],
        _dates(ground.ds[index, :horizon]),
        y0,
        y,
        rows.levels,
        values,
        ground.scale[index],
        ground.rms_scale[index],
        mean,
        rows.scored,
    )
    return Aligned(made, index, rows.points, _awaited(made, forecast, ground, index))


def _dates(ds: Dates) -> Dates:
    """Return dates by origin that do not go back: of steps that nobody forecast they may repeat
    the last known one.
    """
    return np.maximum.accumulate(ds, axis=1)


def _refuse_double(rows: ForecastRows, cell: Ints) -> None:
    """Refuse two forecasts of one bar from one cutoff.

    Raises
    ------
    SourceError
    """
    order = np.argsort(cell, kind="stable")
    twice = np.flatnonzero(np.diff(cell[order]) == 0)
    if twice.size:
        keys = rows.keys.take(order[twice[:1] + 1])
        raise SourceError(
            f"{rows.model} has {twice.size} forecasts twice: of {keys.symbol[0]} "
            f"{str(keys.ds[0])[:16]}, from the same bar.",
            "Say which column tells them apart: --columns model=NAME, unique_id=NAME, "
            "sample=NAME or cutoff=NAME.",
        )


def _awaited(
    made: Outcomes, forecast: np.ndarray, ground: Ground, index: Ints
) -> tuple[Forecast, ...]:
    """Return forecasts that reach beyond the last bar, of whole horizons from their cutoff on,
    with the levels that are drawn.
    """
    lengths = np.array([len(item) for item in ground.panel])[ground.origins.series[index]]
    steps = forecast.argmin(axis=1)
    steps[forecast.all(axis=1)] = made.horizon
    later = np.flatnonzero((ground.origins.bar[index] + steps >= lengths) & (steps > 0))
    levels = (
        made.quantiles
        if len(made.quantiles) <= 20
        else tuple(q for q in made.quantiles if any(abs(q - d) < 1e-9 for d in DRAWN))
    )
    indices = [made.quantiles.index(level) for level in levels]
    found = []
    for n in later[:1000]:
        last = int(steps[n])
        mean = made.mean[n, :last] if made.mean.size else None
        values = made.values[n, :last][:, indices]
        found.append(
            Forecast(
                str(made.symbol[n]),
                made.model,
                made.cutoff[n],
                float(made.y0[n]),
                made.ds[n, :last],
                levels,
                values,
                mean,
            )
        )
    return tuple(found)


def _unequal(aligned: dict[str, Aligned]) -> list[Finding]:
    """Tell of models that forecast fewer bars than the others, which looks good by leaving hard
    ones out.
    """
    counts = {name: int(np.isfinite(item.outcomes.y).sum()) for name, item in aligned.items()}
    most = max(counts.values())
    fewer = {name: count for name, count in counts.items() if count < most}
    if not fewer:
        return []
    text = ", ".join(f"{name} {count:,}" for name, count in list(fewer.items())[:8])
    message = (
        f"Not all models forecast the same {most:,} bars: {text}. Each is judged on its own; "
        "a model may look good by leaving hard bars out."
    )
    return [Finding("unequal", message, len(fewer), "warning", "kept")]


def masked(rival: Outcomes, ours: Outcomes, index: Ints) -> Outcomes:
    """Return a baseline on the bars of one model, scored on that model's levels.

    Parameters
    ----------
    rival : Outcomes
        Of all origins of the ground.
    ours : Outcomes
    index : ndarray of int64
        The model's origins among them.
    """
    horizon = ours.horizon
    return replace(
        rival,
        symbol=ours.symbol,
        cutoff=ours.cutoff,
        ds=ours.ds,
        y0=ours.y0,
        y=ours.y,
        scale=ours.scale,
        rms_scale=ours.rms_scale,
        values=rival.values[index][:, :horizon],
        scored=ours.scored,
    )
