"""The user's own inputs as numbers beside each bar: aligned by when they were known, transformed
and scaled without a look ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.calendars import timeline
from forecasting.config import InputConfig
from forecasting.errors import DataError
from forecasting.exog import ExogSpec, Transform
from forecasting.series import Dates, ExogColumn, Floats, Ints, Panel, PriceSeries

#: Inputs are clipped here, in deviations of their in-sample values.
_LIMIT = 8.0
#: Deviation of an input that does not vary in-sample: it is read as 0 until it does, and after
#: that.
_CONSTANT = 1e12
#: Most categories of an input that have a column each, the most frequent ones in-sample; others
#: read as none of them.
MAX_CATEGORIES = 30


@dataclass(frozen=True)
class Numeric:
    """What a column of numbers, of yes and no, or of moments became in the fold.

    Attributes
    ----------
    mean, sd : float
        Of the transformed values at in-sample bars.
    age_mean, age_sd : float
        Of the log of one and the bars since the value was known.
    """

    mean: float
    sd: float
    age_mean: float = 0.0
    age_sd: float = _CONSTANT


@dataclass(frozen=True, eq=False)
class Covariates:
    """The user's inputs of a run, with all that is fitted of them; every row t looks at what was
    known at bar t.

    Attributes
    ----------
    specs : tuple of ExogSpec
    scales : tuple of Numeric
        One an input; of a category it is not used.
    categories : tuple of tuple of str
        In-sample categories of each input, empty for numbers.
    """

    specs: tuple[ExogSpec, ...]
    scales: tuple[Numeric, ...]
    categories: tuple[tuple[str, ...], ...]

    @classmethod
    def fit(cls, panel: Panel, insample: Sequence[int], inputs: InputConfig) -> Covariates:
        """Fit scales and categories on the first ``insample[s]`` bars of each series; nothing later
        is looked at.

        Raises
        ------
        DataError
            The panel does not carry the inputs, or one that is static varies.
        """
        check_carried(panel, inputs.exog)
        scales, categories = [], []
        for index, spec in enumerate(inputs.exog):
            columns = [(series, series.exog[index]) for series in panel]
            names = _categories(columns, insample, spec)
            categories.append(names)
            scales.append(Numeric(0.0, 1.0) if names else _scale(columns, insample, spec))
        return cls(inputs.exog, tuple(scales), tuple(categories))

    @property
    def hist_names(self) -> tuple[str, ...]:
        """Names of the columns of :meth:`hist`; the age of an input follows its values."""
        names = []
        for spec, categories in zip(self.specs, self.categories, strict=True):
            if spec.kind != "stat":
                names += [f"{spec.name}={item}" for item in categories] or [spec.name]
                names += [f"{spec.name} (age)"] if spec.kind == "hist" else []
            elif not categories:
                names.append(spec.name)
        return tuple(names)

    @property
    def hist_inputs(self) -> tuple[str, ...]:
        """Name of the input that each column of :meth:`hist` belongs to."""
        owners = []
        for spec, categories in zip(self.specs, self.categories, strict=True):
            width = (
                max(1, len(categories)) + (spec.kind == "hist")
                if spec.kind != "stat"
                else not categories
            )
            owners += [spec.name] * int(width)
        return tuple(owners)

    @property
    def futr_names(self) -> tuple[str, ...]:
        """Names of the columns of :meth:`futr`."""
        names = []
        for spec, categories in zip(self.specs, self.categories, strict=True):
            if spec.kind == "futr":
                names += [f"{spec.name}={item}" for item in categories] or [spec.name]
        return tuple(names)

    @property
    def futr_inputs(self) -> tuple[str, ...]:
        """Name of the input that each column of :meth:`futr` belongs to."""
        owners: list[str] = []
        for spec, categories in zip(self.specs, self.categories, strict=True):
            if spec.kind == "futr":
                owners += [spec.name] * max(1, len(categories))
        return tuple(owners)

    @property
    def categorical(self) -> tuple[ExogSpec, ...]:
        """Static inputs that have categories, in the order of :attr:`stat_sizes`."""
        pairs = zip(self.specs, self.categories, strict=True)
        return tuple(spec for spec, names in pairs if spec.kind == "stat" and names)

    @property
    def stat_sizes(self) -> tuple[int, ...]:
        """Categories of each static input that has some; one more number stands for any other."""
        pairs = zip(self.specs, self.categories, strict=True)
        return tuple(
            len(categories) for spec, categories in pairs if spec.kind == "stat" and categories
        )

    def hist(self, series: PriceSeries) -> Floats:
        """Return what is known of the inputs at each bar, scaled, [T, E]; 0 where nothing is
        known yet.
        """
        parts: list[Floats] = [np.zeros((len(series), 0))]
        for spec, scale, categories, column in self._each(series):
            if spec.kind == "stat":
                if not categories:
                    parts.append(
                        np.full(
                            (len(series), 1),
                            _scaled(np.array([_static(series, column)]), scale.mean, scale.sd)[0],
                        )
                    )
                continue
            values, age = at_bars(series, column, spec)
            parts.append(_columns(values, scale, categories, column.labels))
            if spec.kind == "hist":
                parts.append(_scaled(age, scale.age_mean, scale.age_sd)[:, None])
        return np.concatenate(parts, axis=1)

    def futr(self, series: PriceSeries, horizon: int) -> tuple[Floats, Ints]:
        """Return what is known ahead of every bar that is due, and where the bars of the series
        stand among them.

        Returns
        -------
        table : ndarray of float64, shape [N, F]
        place : ndarray of int64, shape [T]
            The h-th bar after bar t is row ``place[t] + h``, up to ``horizon``.
        """
        line = timeline(series, horizon + 1)
        parts: list[Floats] = [np.zeros((len(line.ds), 0))]
        for spec, scale, categories, column in self._each(series):
            if spec.kind == "futr":
                parts.append(
                    _columns(at_dates(line.ds, column, spec), scale, categories, column.labels)
                )
        return np.concatenate(parts, axis=1), line.place

    def stat(self, series: PriceSeries) -> Ints:
        """Return the number of the category of each static input that has categories, [K]."""
        found = []
        for spec, _scale, categories, column in self._each(series):
            if spec.kind == "stat" and categories:
                value = _static(series, column)
                label = column.labels[int(value)] if np.isfinite(value) else ""
                found.append(categories.index(label) if label in categories else len(categories))
        return np.array(found, np.int64)

    def _each(
        self, series: PriceSeries
    ) -> Iterator[tuple[ExogSpec, Numeric, tuple[str, ...], ExogColumn]]:
        check_carried(Panel((series,)), self.specs)
        yield from zip(self.specs, self.scales, self.categories, series.exog, strict=True)

    def to_json(self) -> dict[str, Any]:
        """Return what a model file keeps; the inputs themselves are in the settings."""
        scales = [[item.mean, item.sd, item.age_mean, item.age_sd] for item in self.scales]
        return {"scales": scales, "categories": [list(item) for item in self.categories]}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any], inputs: InputConfig) -> Covariates:
        """Read what :meth:`to_json` gave; raises ValueError for anything else."""
        scales = tuple(Numeric(*(float(number) for number in row)) for row in kept["scales"])
        categories = tuple(tuple(str(name) for name in row) for row in kept["categories"])
        if not len(scales) == len(categories) == len(inputs.exog):
            raise ValueError(f"{len(inputs.exog)} inputs have {len(scales)} scales")
        finite = all(
            np.isfinite([item.mean, item.sd, item.age_mean, item.age_sd]).all()
            and min(item.sd, item.age_sd) > 0
            for item in scales
        )
        if not finite or any(len(row) > MAX_CATEGORIES for row in categories):
            raise ValueError(
                "the scales of the inputs are not finite, or there are too many categories"
            )
        return cls(inputs.exog, scales, categories)


def check_carried(panel: Panel, specs: Sequence[ExogSpec]) -> None:
    """Refuse a panel that does not carry the inputs of a run.

    Raises
    ------
    DataError
        Names the first input that is lacking, and the series.
    """
    for series in panel:
        carried = [column.name for column in series.exog]
        lacking = next(
            (
                spec.name
                for index, spec in enumerate(specs)
                if carried[index : index + 1] != [spec.name]
            ),
            None,
        )
        if lacking is not None:
            raise DataError(
                f"{series.symbol} comes without the input {lacking}, which the network reads.",
                f"Load prices that have the column {lacking}, or name a file that does with "
                "--inputs FILE.",
            )


def at_bars(series: PriceSeries, column: ExogColumn, spec: ExogSpec) -> tuple[Floats, Floats]:
    """Return the transformed value that was known last at each bar, [T], NaN before the first, and
    the log of one and its age in bars.

    Looks at observations that were known by the close of the bar, less a delay of bars. Of
    observations that were known the one of the latest date counts, whenever it was published.
    """
    _, known, values = _observed(column, spec.transform, spec.window)
    order = np.argsort(known, kind="stable")
    latest = np.maximum.accumulate(order) if order.size else order
    index = np.searchsorted(known[order], series.ds, side="right") - 1
    there = index >= 0
    chosen = latest[np.maximum(index, 0)] if latest.size else np.zeros(len(series), np.int64)
    out = np.where(there, values[chosen] if values.size else np.nan, np.nan)
    since = (
        np.searchsorted(series.ds, known[chosen], side="left")
        if known.size
        else np.zeros(len(series), np.int64)
    )
    age = np.where(
        there, np.arange(len(series)) - np.minimum(since, np.arange(len(series))), np.nan
    )
    if spec.unit == "bars" and spec.delay:
        out, age = (
            np.concatenate([np.full(min(spec.delay, len(item)), np.nan), item[: -spec.delay]])
            for item in (out, age)
        )
        age = age + spec.delay
    return np.asarray(out, np.float64), np.log1p(np.asarray(age, np.float64))


def at_dates(due: Dates, column: ExogColumn, spec: ExogSpec) -> Floats:
    """Return the transformed value of an input known ahead on each date, [N]: that of the date,
    or the last one before it.
    """
    ds, _, values = _observed(column, spec.transform, spec.window)
    if not ds.size:
        return np.full(len(due), np.nan)
    daily = bool((ds == ds.astype("datetime64[D]")).all())
    index = (
        np.searchsorted(
            ds, due.astype("datetime64[D]").astype("datetime64[us]") if daily else due, side="right"
        )
        - 1
    )
    return np.where(index >= 0, values[np.maximum(index, 0)], np.nan)


def _observed(column: ExogColumn, transform: Transform, window: int) -> tuple[Dates, Dates, Floats]:
    """Return date, moment of knowledge and transformed value of the observations that there are;
    each looks at earlier dates only.
    """
    there = np.isfinite(column.values)
    known = column.ds if column.known is None else column.known
    ds, known, values = column.ds[there], known[there], column.values[there]
    if transform != "level" and column.form in ("number", "flag"):
        # What is made of several observations is known when the last of them is.
        known = np.maximum.accumulate(known) if known.size else known
        values = _transformed(values, transform, window)
        there = np.isfinite(values)
        ds, known, values = ds[there], known[there], values[there]
    return ds, known, values


def _transformed(values: Floats, transform: Transform, window: int) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        if transform == "change":
            return np.diff(values, prepend=np.nan)
        if transform == "log_change":
            return np.diff(np.log(np.where(values > 0, values, np.nan)), prepend=np.nan)
        import pandas as pd

        rolling = pd.Series(values).rolling(window, min_periods=max(2, window // 4))
        spread = rolling.std(ddof=0).to_numpy(np.float64)
        return np.asarray(
            (values - rolling.mean().to_numpy(np.float64)) / np.where(spread > 0, spread, np.nan),
            np.float64,
        )


def _columns(
    values: Floats, scale: Numeric, categories: tuple[str, ...], labels: tuple[str, ...]
) -> Floats:
    """Return one scaled column [N, 1], or one of 0 and 1 for each category, [N, K]."""
    if not categories:
        return _scaled(values, scale.mean, scale.sd)[:, None]
    indices = [float(labels.index(item)) if item in labels else -1.0 for item in categories]
    return np.stack([(values == index).astype(np.float64) for index in indices], axis=1)


def _scaled(values: Floats, mean: float, sd: float) -> Floats:
    return np.asarray(
        np.clip(
            np.nan_to_num((values - mean) / sd, nan=0.0, posinf=_LIMIT, neginf=-_LIMIT),
            -_LIMIT,
            _LIMIT,
        ),
        np.float64,
    )


def _static(series: PriceSeries, column: ExogColumn) -> float:
    """Return the one value of a static input; NaN where there is none.

    Raises
    ------
    DataError
        There are several.
    """
    values = np.unique(column.values[np.isfinite(column.values)])
    if values.size > 1:
        raise DataError(
            f"The static input {column.name} of {series.symbol} has {values.size} values.",
            f"Read it as a past input (--input {column.name}), or as one known ahead (--ahead "
            f"{column.name}).",
        )
    return float(values[0]) if values.size else np.nan


def _categories(
    columns: Sequence[tuple[PriceSeries, ExogColumn]], insample: Sequence[int], spec: ExogSpec
) -> tuple[str, ...]:
    """Return the categories that there are in-sample, the most frequent ones; none for numbers."""
    counts: dict[str, int] = {}
    for (series, column), known in zip(columns, insample, strict=True):
        if column.form == "category":
            values = (
                np.array([_static(series, column)])
                if spec.kind == "stat"
                else at_bars(series, column, spec)[0][:known]
            )
            for value, count in zip(
                *np.unique(values[np.isfinite(values)], return_counts=True), strict=True
            ):
                label = column.labels[int(value)]
                counts[label] = counts.get(label, 0) + int(count)
    if not counts and any(column.form == "category" for _, column in columns):
        return ("",)
    return tuple(sorted(sorted(counts), key=lambda label: -counts[label])[:MAX_CATEGORIES])


def _scale(
    columns: Sequence[tuple[PriceSeries, ExogColumn]], insample: Sequence[int], spec: ExogSpec
) -> Numeric:
    if spec.kind == "stat":
        return Numeric(
            *_moments([np.array([_static(series, column)]) for series, column in columns])
        )
    found = [
        tuple(item[:known] for item in at_bars(series, column, spec))
        for (series, column), known in zip(columns, insample, strict=True)
    ]
    mean, sd = _moments([values for values, _ in found])
    age_mean, age_sd = _moments([age for _, age in found])
    return Numeric(mean, sd, age_mean, age_sd)


def _moments(parts: Sequence[npt.NDArray[np.float64]]) -> tuple[float, float]:
    """Return mean and deviation of what is known; a deviation so large that nothing counts where
    it does not vary.
    """
    values = np.concatenate(parts)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, _CONSTANT
    mean, sd = float(values.mean()), float(values.std())
    return mean, sd if sd > 1e-9 * (1e-3 + abs(mean)) else _CONSTANT
