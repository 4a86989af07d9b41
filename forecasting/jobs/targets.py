"""What is forecast where that is not the close: another column, the range, or a ratio or spread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from forecasting.config import InputConfig
from forecasting.covariates import at_bars
from forecasting.errors import DataError
from forecasting.exog import ExogSpec
from forecasting.jobs.exog import find_column, series_column
from forecasting.series import COLUMNS, ExogColumn, Finding, Floats, Panel, PriceSeries

#: Source of the columns that bars had before something else than their close was forecast.
_BARS = "bars"
#: What stands before the name of the other series of a pair.
_PAIRS = ("ratio", "spread")


def with_target(panel: Panel, target_column: str, inputs: InputConfig) -> Panel:
    """Return a panel whose ``close`` is what a run forecasts.

    Parameters
    ----------
    panel : Panel
    target_column : str
        ``close``, ``open``, ``high``, ``low``, ``volume``, ``range`` (high less low), the name of a
        further column, or ``ratio:NAME`` or ``spread:NAME`` to another series or column.
    inputs : InputConfig
        Names the files in which columns are looked up, too.

    Returns
    -------
    Panel
        The columns that the bars had are kept beside them as candidates for inputs. Bars without a
        value are left out. The other series of a pair is not forecast. For ``close`` the bars as
        they were loaded.

    Raises
    ------
    DataError
        A series lacks the column, or has no value of it.
    """
    panel = Panel(tuple(as_loaded(series) for series in panel))
    if target_column.strip().lower() == "close":
        return panel
    kind, _, name = (part.strip() for part in target_column.partition(":"))
    pair = kind.lower() in _PAIRS and bool(name)
    others = {series.symbol.casefold() for series in panel}
    kept = [s for s in panel if not pair or name.casefold() not in others or not _is(s, name)]
    return Panel(tuple(_of(series, target_column, panel, inputs) for series in kept))


def as_loaded(series: PriceSeries) -> PriceSeries:
    """Return a series with the bars that it had before :func:`with_target`; others as they are."""
    bars = {column.name: column for column in series.extras if column.source == _BARS}
    if "close" not in bars:
        return series
    columns = tuple(name for name in COLUMNS if name in bars)
    extras = tuple(column for column in series.extras if column.source != _BARS)
    values = np.column_stack([bars[name].values for name in columns])
    ds = bars["close"].ds
    return replace(series, ds=ds, columns=columns, values=values, extras=extras)


def _is(series: PriceSeries, name: str) -> bool:
    return series.symbol.casefold() == name.casefold()


def _of(series: PriceSeries, target: str, panel: Panel, inputs: InputConfig) -> PriceSeries:
    values = _values(series, target, panel, inputs)
    there = np.isfinite(values)
    if not there.any():
        raise DataError(f"{series.symbol} has no value of {target}.", "Choose another target.")
    findings = list(series.findings)
    if not there.all():
        lost = int(np.count_nonzero(~there))
        message = f"Bars without a value of {target}, which is forecast: {lost:,}."
        findings.append(Finding("missing_target", message, lost, "info", "dropped"))
    return replace(
        series,
        ds=series.ds[there],
        columns=("close",),
        values=values[there][:, None],
        findings=tuple(findings),
        extras=(*series.extras, *_beside(series)),
    )


def _beside(series: PriceSeries) -> Iterator[ExogColumn]:
    """Yield the columns that the bars have, for those that are to be inputs."""
    for part in series.columns:
        yield ExogColumn(part, series.ds, series[part], source=_BARS)


def _values(series: PriceSeries, target: str, panel: Panel, inputs: InputConfig) -> Floats:
    """Return what is forecast at each bar, [T], NaN where there is none.

    Raises
    ------
    DataError
        There is no such column.
    """
    kind, _, name = (part.strip() for part in target.partition(":"))
    if kind.lower() == "range" and not name:
        if not series.has_range:
            raise DataError(
                f"{series.symbol} has no high and low, of which the range is made.",
                "Choose another target.",
            )
        return np.asarray(series["high"] - series["low"], np.float64)
    if kind.lower() in _PAIRS and name:
        other = _aligned(series, find_column(series, name, panel, inputs))
        with np.errstate(divide="ignore", invalid="ignore"):
            value = series.y / other if kind.lower() == "ratio" else series.y - other
        return np.where(np.isfinite(value), value, np.nan)
    part = next((item for item in series.columns if item == kind.lower() and not name), "")
    column = series_column(series, part) if part else find_column(series, target, panel, inputs)
    if column.form in ("category", "date"):
        raise DataError(
            f"{target} of {series.symbol} holds no numbers, and cannot be forecast.",
            "Choose another target.",
        )
    own = column.ds.size == len(series) and bool((column.ds == series.ds).all())
    return np.array(column.values) if own else _on_bars(series, column)


def _aligned(series: PriceSeries, column: ExogColumn) -> Floats:
    """Return the last value of another series at each bar."""
    return at_bars(series, column, ExogSpec(column.name))[0]


def _on_bars(series: PriceSeries, column: ExogColumn) -> Floats:
    """Return the values that stand on the dates of the bars, [T], NaN on others."""
    index = np.minimum(np.searchsorted(column.ds, series.ds), len(column) - 1)
    return np.where(column.ds[index] == series.ds, column.values[index], np.nan)
