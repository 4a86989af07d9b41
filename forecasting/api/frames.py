"""Results as data frames, with the columns of Nixtla's libraries:
``unique_id, ds, LSTM-median, LSTM-lo-80, LSTM-hi-80``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from forecasting.errors import ConfigError
from forecasting.series import Dates, Floats, Forecast, Outcomes, Panel

if TYPE_CHECKING:
    from forecasting.events import EpochEnd

#: Levels of the prediction intervals in percent, where none are asked for.
LEVELS: tuple[float, ...] = (80, 95)
#: The widest interval: quantiles beyond it are read off a straight line.
_WIDEST = 99.8


def check_levels(level: float | Iterable[float]) -> tuple[float, ...]:
    """Return the levels of intervals in percent, increasing, each once.

    Raises
    ------
    ConfigError
        A level that is no number above 0 and at most 99.8.
    """
    levels = [level] if isinstance(level, int | float | str) else list(level)
    for item in levels:
        if (
            isinstance(item, bool)
            or not isinstance(item, int | float | np.number)
            or not 0 < item <= _WIDEST
        ):
            raise ConfigError(
                f"level = {item!r}: a level is a percentage above 0 and at most {_WIDEST}.",
                "Write level=[80, 95].",
            )
        if item < 1:
            raise ConfigError(
                f"level = {item!r}: a level is in percent.", f"Write level=[{100 * item:g}]."
            )
    return tuple(sorted({float(item) for item in levels}))


def tails(levels: Sequence[float]) -> tuple[float, ...]:
    """Return the quantiles that limit central intervals of some levels in percent."""
    lower = [round((1 - level / 100) / 2, 10) for level in levels]
    return tuple(sorted({*lower, *(round(1 - q, 10) for q in lower)}))


def forecast_frame(
    forecasts: Sequence[Forecast], panel: Panel, levels: Sequence[float]
) -> pd.DataFrame:
    """Return forecasts, one row a series and bar ahead.

    Parameters
    ----------
    forecasts : sequence of Forecast
    panel : Panel
        Tells the zones of the dates.
    levels : sequence of float
        In percent; the forecasts have the quantiles of their limits.

    Returns
    -------
    DataFrame
        ``unique_id, ds, MODEL-median`` (``MODEL-mean`` before it where the mean is the point
        forecast), ``MODEL-lo-LEVEL``, ``MODEL-hi-LEVEL``. Dates of bars with a time of day and a
        known zone are aware.
    """
    zones = {series.symbol: series.tz for series in panel}
    parts = []
    for item in forecasts:
        columns = {f"{item.model}-median": item.median}
        if item.mean is not None:
            columns = {f"{item.model}-mean": item.mean, **columns}
        for level in levels:
            low, high = item.band(level)
            columns |= {f"{item.model}-lo-{level:g}": low, f"{item.model}-hi-{level:g}": high}
        parts.append(
            pd.DataFrame(
                {
                    "unique_id": item.symbol,
                    "ds": stamps(item.ds, zones.get(item.symbol, "")),
                    **columns,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def outcomes_frame(
    outcomes: Mapping[str, Outcomes], panel: Panel, levels: Sequence[float]
) -> pd.DataFrame:
    """Return forecasts beside what happened, one row a series, cutoff and bar ahead.

    Parameters
    ----------
    outcomes : mapping of str to Outcomes
        By model, all from the same origins.
    panel : Panel
        Tells the zones of the dates.
    levels : sequence of float
        In percent.

    Returns
    -------
    DataFrame, N x H rows
        ``unique_id, ds, cutoff, y`` and the columns of each model as of :func:`forecast_frame`.
    """
    first = next(iter(outcomes.values()))
    symbols = np.repeat(first.symbol, first.horizon)
    columns: dict[str, Any] = {
        "unique_id": symbols.astype(object),
        "ds": _of_zones(first.ds.ravel(), symbols, panel),
        "cutoff": _of_zones(np.repeat(first.cutoff, first.horizon), symbols, panel),
        "y": first.y.ravel(),
    }
    for name, item in outcomes.items():
        if item.mean.size:
            columns[f"{name}-mean"] = item.mean.ravel()
        columns[f"{name}-median"] = item.quantile(0.5).ravel()
        for level in levels:
            for side, q in zip(("lo", "hi"), tails([level]), strict=True):
                columns[f"{name}-{side}-{level:g}"] = item.quantile(q).ravel()
    return pd.DataFrame(columns).sort_values(
        ["unique_id", "cutoff", "ds"], kind="stable", ignore_index=True
    )


def history_frame(history: Sequence[EpochEnd]) -> pd.DataFrame:
    """Return one row an epoch: losses, learning rate and mean norm of the gradient; epoch 0 is
    the untrained network.
    """
    names = ("epoch", "train_loss", "val_loss", "learning_rate", "grad_norm", "seconds")
    return pd.DataFrame(
        {name: [getattr(end, name) for end in history] for name in names}
    ).set_index("epoch")


def _of_zones(ds: Dates, symbols: Any, panel: Panel) -> Any:
    """Return dates [N] of several series, aware where all series have times in one known zone."""
    zones = {series.tz for series in panel if series.symbol in set(symbols)}
    return stamps(ds, zones.pop() if len(zones) == 1 else "")


def stamps(ds: Dates, zone: str) -> pd.DatetimeIndex:
    """Return dates, in their zone where they have a time of day and the zone is known."""
    stamps = pd.DatetimeIndex(ds)
    if not zone or not (ds != ds.astype("datetime64[D]")).any():
        return stamps
    return stamps.tz_localize(
        zone, ambiguous=np.zeros(len(stamps), bool), nonexistent="shift_forward"
    )


def scores_frame(scores: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Return one row a model, one column a metric; the network first."""
    return pd.DataFrame.from_dict(
        {name: dict(values) for name, values in scores.items()}, orient="index"
    ).rename_axis("model")


def coverage_frame(tables: Mapping[str, tuple[Floats, Floats]]) -> pd.DataFrame:
    """Return realised coverage in percent, one row a model, one column a stated level."""
    rows = {
        name: pd.Series(realised, index=[f"{level:g}" for level in stated])
        for name, (stated, realised) in tables.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
