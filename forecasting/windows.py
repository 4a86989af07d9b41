"""Split, scale and window a panel without look-ahead: what is fitted reads earlier bars only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from forecasting.cancellation import check_cancelled
from forecasting.checks import check_sizes
from forecasting.config import InputConfig, TaskConfig
from forecasting.covariates import Covariates, check_carried
from forecasting.errors import DataError, Remedy
from forecasting.events import MEAN_LEVELS
from forecasting.features import features, known_ahead
from forecasting.memo import per_panel
from forecasting.seasonality import Season, anchors, deseasonalised, with_season
from forecasting.series import Dates, Floats, Ints, Origins, Panel, PriceSeries
from forecasting.smoothing import smoothed
from forecasting.spikes import without_spikes
from forecasting.volatility import (
    Har,
    Target,
    clear_bars,
    ewma,
    panel_moves,
    path,
    resolve_target,
    smoothed_steps,
)

Part = Literal["train", "val", "test"]
#: What may be learned: moves from the last bar, from past seasons, or from the mean of the
#: lookback.
LearnedTarget = Literal["log-return", "difference", "level", "seasonal"]
#: From what the forecast starts: the last bar or past seasons, as the target says, or exponential
#: smoothing.
Base = Literal["usual", "smoothed"]

#: Most bars over which a level is compared with its mean.
_MOST_LOOKBACK = 5000
#: Share of the history that the validation and the test part take where no size is given.
AUTO_SHARE = 0.15
#: How far the scale follows its own misses; chosen on 100 US stocks, 2015 and 2016 (CRPS 0.1-0.2 %
#: lower than without).
FEEDBACK = 0.6
#: Decay of the squared one-bar errors of exponential smoothing whose mean is its scale; least share
#: of the moves that they have.
_ERROR_DECAY, _LEAST_ERROR, _PRIOR_ERRORS = 0.95, 0.05, 4.0
#: Bar from which what exponential smoothing says of its own errors is believed.
_FIRST_BELIEVED = 8
#: Fewest bars whose mean and deviation a level is measured by.
_LEVEL_BARS = 20
#: Levels at which the baseline's distribution is kept; any other is interpolated.
LEVELS: Floats = np.concatenate([[0.001, 0.0025], np.arange(1, 200) / 200, [0.9975, 0.999]])


#: Dates that are lost to the error of a mean; how many more are as much doubt again (see
#: :func:`_shrunk`).
_LOST_DATES, _DOUBTED_DATES = 5.0, 50.0
#: Farthest that the median of a walk is from its mean, in deviations: its squared error is then at
#: most .36 % above that of no change.
_MOST_SKEW = 0.06


@dataclass(frozen=True, eq=False)
class Split:
    """A chronological split of a panel by date, with a gap of H bars before each part.

    A training origin's last target lies before ``val_start``, a validation origin's before
    ``test_start``; so no bar is a target in two parts.

    Attributes
    ----------
    val_start, test_start : datetime64[us]
        Dates of the first bars of the validation and the test part.
    insample : tuple of int
        Bars of each series before ``val_start``: whatever is fitted may look at these only.
    train, val, test : Origins
        Cutoffs of each part, in order of series, then time.
    """

    val_start: np.datetime64
    test_start: np.datetime64
    insample: tuple[int, ...]
    train: Origins
    val: Origins
    test: Origins

    def __getitem__(self, part: Part) -> Origins:
        """Return the origins of a part."""
        return {"train": self.train, "val": self.val, "test": self.test}[part]


def split_panel(panel: Panel, task: TaskConfig, test_start: np.datetime64 | None = None) -> Split:
    """Split a panel into training, validation and test parts by date.

    Parameters
    ----------
    panel : Panel
    task : TaskConfig
        ``val_size`` and ``test_size`` count dates of the panel's joint calendar.
    test_start : datetime64, optional
        First date of the test part, instead of ``task.test_size``: a walk-forward fold. Nothing
        from that date on is a target of training or validation.

    Raises
    ------
    DataError
        Too few bars for one window of each part; says how many there are and are needed, and has a
        remedy with the sizes that fit, where some do.
    ConfigError
        A validation or test part shorter than the horizon.
    """
    check_sizes(task)
    try:
        return _split(panel, task, test_start)
    except DataError as error:
        error.remedies = _fitting(panel, task, test_start)
        raise


def _fitting(
    panel: Panel, task: TaskConfig, test_start: np.datetime64 | None
) -> tuple[Remedy, ...]:
    """Return the remedy with lookback, horizon and parts that fit the dates of a panel; none where
    nothing fits.

    The horizon stays where a tenth of the dates hold it, and the lookback where a
    fifth of them do; the parts have their usual shares. What still does not fit is halved.
    """
    dates: Dates = panel.calendar[0]
    usable = len(dates) if test_start is None else int(np.searchsorted(dates, test_start))
    horizon = min(task.horizon, max(1, usable // 10))
    shortest = min(task.input_size, 2)
    lookback = min(task.input_size, max(shortest, usable // 5))
    while True:
        sizes = {"input_size": lookback, "horizon": horizon, "val_size": 0}
        sizes |= {"test_size": 0} if test_start is None else {}
        try:
            _split(panel, task.model_copy(update=sizes), test_start)
        except DataError:
            if lookback == shortest and horizon == 1:
                return ()
            lookback, horizon = max(shortest, lookback // 2), max(1, horizon // 2)
        else:
            changed = {name: value for name, value in sizes.items() if value != getattr(task, name)}
            return (Remedy("settings", tuple(changed.items()), usable),)


def _split(panel: Panel, task: TaskConfig, test_start: np.datetime64 | None) -> Split:
    """Split a panel; parameters and errors as of :func:`split_panel`, but the errors carry no
    remedies.
    """
    dates: Dates = panel.calendar[0]
    horizon = task.horizon
    usable = len(dates) if test_start is None else int(np.searchsorted(dates, test_start))
    test_size = (
        0
        if test_start is not None
        else task.test_size or max(horizon, round(AUTO_SHARE * len(dates)))
    )
    val_size = task.val_size or max(horizon, round(AUTO_SHARE * usable))
    needed = task.input_size + horizon + val_size + test_size
    longest = max(panel, key=len)
    if needed > usable or task.input_size + horizon > len(longest):
        raise DataError(
            f"{longest.symbol} has {usable:,} bars; lookback {task.input_size} and horizon "
            f"{horizon} with {val_size} validation "
            f"and {test_size} test bars need {needed:,}.",
            "Load more history, or lower the lookback, the horizon or the sizes of the parts.",
        )
    test_date = test_start if test_start is not None else dates[len(dates) - test_size]
    val_date = dates[usable - test_size - val_size]
    found: dict[Part, list[tuple[int, Any]]] = {"train": [], "val": [], "test": []}
    insample = []
    for index, series in enumerate(panel):
        val, test = (int(np.searchsorted(series.ds, date)) for date in (val_date, test_date))
        insample.append(val)
        first, last = task.input_size - 1, len(series) - 1 - horizon
        found["train"].append((index, np.arange(first, val - horizon)))
        found["val"].append((index, np.arange(max(first, val - 1), test - horizon)))
        found["test"].append((index, np.arange(max(first, test - 1), last + 1)))
    parts = {part: _origins(pieces) for part, pieces in found.items()}
    if not len(parts["train"]) or not len(parts["val"]):
        raise DataError(
            f"No series of the panel is long enough for lookback {task.input_size} and horizon "
            f"{horizon}.",
            "Load more history, or lower the lookback or the horizon.",
        )
    if test_start is None and not len(parts["test"]):
        raise DataError(
            f"No series has {horizon} bars after a forecast in the test part, which begins on "
            f"{str(test_date)[:10]}.",
            "Use a larger test size, lower the horizon, or leave out series that ended before.",
        )
    return Split(val_date, test_date, tuple(insample), parts["train"], parts["val"], parts["test"])


def bars_before(panel: Panel, date: np.datetime64) -> tuple[int, ...]:
    """Return how many bars of each series lie before a date."""
    return tuple(int(np.searchsorted(s.ds, date)) for s in panel)


def _origins(pieces: list[tuple[int, Any]]) -> Origins:
    return Origins(
        np.concatenate([np.full(len(bars), index) for index, bars in pieces]),
        np.concatenate([bars for _, bars in pieces]),
    )


@dataclass(frozen=True, eq=False)
class Scaling:
    """Everything that is fitted besides the network: volatility model, scales of features,
    quantiles of the baseline.

    Attributes
    ----------
    target : str
        What is learned; tells what a path is (log of the close, or the close) and from where moves
        are measured.
    har : Har
        Scale of the next h bars.
    mean, sd : ndarray, shape [C]
        Of the features.
    quantiles : ndarray, shape [H, K]
        Baseline quantiles at :data:`LEVELS` of the h-bar move divided by its scale.
    inputs : InputConfig
        Which features there are.
    season : str
        What is taken off before learning.
    lookback : int
        Bars over which a level is compared with its mean; 0 for other targets.
    symbols : tuple of str
        Series that have an embedding, in its order; none where series are treated alike.
    base : str
        ``smoothed``: moves are measured from what :func:`forecasting.smoothing.smoothed` says, in
        units of its errors. ``usual``: as the target says.
    covariates : Covariates, optional
        The user's own inputs; None where there are none.
    """

    target: LearnedTarget
    har: Har
    mean: Floats
    sd: Floats
    quantiles: Floats
    inputs: InputConfig
    season: Season = "none"
    lookback: int = 0
    symbols: tuple[str, ...] = ()
    base: Base = "usual"
    covariates: Covariates | None = None

    @classmethod
    def fit(
        cls,
        panel: Panel,
        insample: Sequence[int],
        task: TaskConfig,
        inputs: InputConfig,
        base: Base = "usual",
    ) -> Scaling:
        """Fit on the first ``insample[s]`` bars of each series; no later bar is looked at. Spikes
        that were over by then are clipped.

        Raises
        ------
        DataError
            Log returns are wanted of a series that is not positive throughout, or a season of one
            that has none.
        """
        return _fitted(panel, tuple(insample), task, inputs, base)

    @classmethod
    def _without_features(
        cls,
        panel: Panel,
        insample: Sequence[int],
        task: TaskConfig,
        inputs: InputConfig,
        base: Base,
    ) -> Scaling:
        """Fit volatility and baseline only."""
        target, season = _resolved(panel, task, insample)
        if base == "smoothed" and target == "seasonal":
            target = resolve_target(panel, "auto")
        if target == "log-return":
            _require_positive(panel)
        if target != "seasonal":
            panel = without_spikes(panel, insample)
        lookback = max(task.input_size, _LEVEL_BARS) if target == "level" else 0
        blank = np.zeros(0)
        draft = cls(
            target,
            Har("log-return", blank, False),
            blank,
            blank,
            blank,
            inputs,
            season,
            lookback,
            base=base,
        )
        moves = draft.moves_target
        draft = replace(
            draft, har=Har.fit(draft.plain(panel), insample, task.horizon, moves, FEEDBACK)
        )
        lines, starts = draft.lines(panel), draft.starts(panel, task.horizon)
        least = _FIRST_BELIEVED if base == "smoothed" else 0
        usable = [
            _usable(s, target, moves, known, least)
            for s, known in zip(draft.plain(panel), insample, strict=True)
        ]
        scales = draft.log_scale(panel, task.horizon)
        moved = _standardised(panel, usable, scales, lines, starts, task.horizon)
        quantiles = _baseline_quantiles(moved, task.horizon, free_median=starts is not None)
        return replace(draft, quantiles=quantiles)

    def refit(self, panel: Panel, insample: Sequence[int], task: TaskConfig) -> Scaling:
        """Refit volatility and baseline on more bars; target, season and feature scales stay those
        that the network was trained with.
        """
        season = self.season if self.season != "none" else "auto"
        same = task.model_copy(update={"target": self.target, "season": season})
        fresh = Scaling._without_features(panel, insample, same, self.inputs, self.base)
        return replace(self, har=fresh.har, quantiles=fresh.quantiles)

    @property
    def adds_up(self) -> bool:
        """Whether moves are increments from bar to bar, so that a move over several bars is their
        sum.
        """
        return (
            self.base == "usual"
            and self.target in ("log-return", "difference")
            and self.season == "none"
        )

    @property
    def moves_target(self) -> Target:
        """The target of single-bar moves, which the network reads and the volatility model is
        fitted to.
        """
        return "difference" if self.target == "level" else self.target

    def plain(self, panel: Panel) -> Panel:
        """Return the deseasonalised panel that is learned from; unchanged where moves are measured
        from past seasons.
        """
        return panel if self.target == "seasonal" else deseasonalised(panel, self.season)

    def lines(self, panel: Panel) -> tuple[Floats, ...]:
        """Return the path that is forecast, [T] a series: logs of the closes, or the closes."""
        return tuple(path(s, self.moves_target) for s in panel)

    def starts(self, panel: Panel, horizon: int) -> tuple[Floats, ...] | None:
        """Return the value from which the move of each bar ahead is measured, [T, H] a series; None
        where that is the last bar for all of them.

        Row t looks at bars up to t, and at the dates of those that are due.
        """
        if self.adds_up:
            return None
        if self.base == "smoothed":
            return smoothed(panel, horizon, self.target == "log-return")
        if self.target == "seasonal":
            return anchors(panel, horizon, self.season)
        plain = self.plain(panel)
        base = [
            _around(s.y, self.lookback)[0] if self.target == "level" else np.array(s.y)
            for s in plain
        ]
        if self.season == "none":
            return tuple(np.repeat(b[:, None], horizon, axis=1) for b in base)
        found = with_season(base, panel, self.season, horizon)
        return (
            tuple(np.log(np.maximum(f, 1e-12)) for f in found)
            if self.target == "log-return"
            else found
        )

    def log_scale(self, panel: Panel, horizon: int) -> Iterator[tuple[Floats, Floats]]:
        """Yield regressors X [T, P] and weights W [P, H] of each series: the log of the scale
        is X W. Row t looks at bars up to t.
        """
        if self.base == "smoothed":
            text = smoothed(panel, horizon, self.target == "log-return")
            for line, item in zip(self.lines(panel), text, strict=True):
                yield _error_size(line, item)[:, None], np.ones((1, horizon))
        elif self.target == "level":
            for series in self.plain(panel):
                spread = np.log(_around(series.y, self.lookback)[1])
                yield spread[:, None], np.ones((1, horizon))
        else:
            regressors, weights = self.har.log_scale(self.plain(panel))
            for x in regressors:
                yield x, weights

    @property
    def has_volatility(self) -> bool:
        """Whether the scale is the volatility of the next bars."""
        return self.base != "smoothed" and self.target != "level"

    def tables(self, panel: Panel, volatility: Sequence[Floats] | None = None) -> Iterator[Floats]:
        """Yield the unscaled features, [T, C] a series; for the target ``level`` also the distance
        of the level from its mean, in standard deviations.

        Parameters
        ----------
        panel : Panel
        volatility : sequence of ndarray [T], optional
            Of the next bar of each series; computed where it is not given.
        """
        plain = self.plain(panel)
        if volatility is None:
            volatility = [scale[:, 0] for scale in self.har.scale(plain, steps=1)]
        tables = features(plain, volatility, self.moves_target, self.inputs)
        if self.target != "level":
            yield from tables
            return
        for series, table in zip(plain, tables, strict=True):
            mean, spread = _around(series.y, self.lookback)
            yield np.column_stack([table, np.clip((series.y - mean) / spread, -8, 8)])

    def baseline(self, levels: Floats) -> Floats:
        """Return baseline quantiles of the scaled move at any levels, shape [H, Q]: linear between
        the stored levels, and beyond them.
        """
        normal = _normal(LEVELS)
        wanted = _normal(np.asarray(levels, np.float64))
        out = np.stack([np.interp(wanted, normal, row) for row in self.quantiles])
        low, high = wanted < normal[0], wanted > normal[-1]
        slope_low = (self.quantiles[:, 1] - self.quantiles[:, 0]) / (normal[1] - normal[0])
        slope_high = (self.quantiles[:, -1] - self.quantiles[:, -2]) / (normal[-1] - normal[-2])
        out[:, low] = self.quantiles[:, :1] + slope_low[:, None] * (wanted[low] - normal[0])
        out[:, high] = self.quantiles[:, -1:] + slope_high[:, None] * (wanted[high] - normal[-1])
        return out

    def arrays(self) -> dict[str, Floats]:
        """Return the arrays that are stored in a model file, by name."""
        found = {
            "scaling.har": self.har.coefficients,
            "scaling.mean": self.mean,
            "scaling.sd": self.sd,
            "scaling.quantiles": self.quantiles,
        }
        return (
            found if self.har.fitted is None else {**found, "scaling.har_fitted": self.har.fitted}
        )

    @property
    def kind(self) -> dict[str, Any]:
        """Return what else is kept in a model file: whether the panel's mean is a regressor, the
        feedback, the inputs, the season, ...
        """
        return {
            "pooled": self.har.pooled,
            "feedback": self.har.feedback,
            "inputs": self.inputs.model_dump(),
            "season": self.season,
            "lookback": self.lookback,
            "symbols": list(self.symbols),
            "base": self.base,
        } | ({"covariates": self.covariates.to_json()} if self.covariates is not None else {})

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, npt.NDArray[Any]], target: LearnedTarget, kind: Mapping[str, Any]
    ) -> Scaling:
        """Build from the results of :meth:`arrays` and :attr:`kind`."""
        moves: Target = "difference" if target == "level" else target
        fitted = arrays.get("scaling.har_fitted")
        har = Har(
            moves, arrays["scaling.har"], bool(kind["pooled"]), float(kind["feedback"]), fitted
        ).checked()
        made = cls(
            target,
            har,
            arrays["scaling.mean"],
            arrays["scaling.sd"],
            arrays["scaling.quantiles"],
            InputConfig(**kind["inputs"]),
            kind["season"],
            int(kind["lookback"]),
            tuple(kind["symbols"]),
            kind.get("base", "usual"),
            Covariates.from_json(kind["covariates"], InputConfig(**kind["inputs"]))
            if "covariates" in kind
            else None,
        )
        return made.checked()

    def checked(self) -> Scaling:
        """Return itself; raise ValueError for values that no fit gives, as in a file from
        elsewhere.
        """
        if self.target not in get_args(LearnedTarget) or self.season not in get_args(Season):
            raise ValueError(f"target is {self.target!r} and season {self.season!r}")
        if self.base not in get_args(Base) or (
            self.base == "smoothed" and self.target not in ("log-return", "difference")
        ):
            raise ValueError(f"the start is {self.base!r} with the target {self.target!r}")
        if not (
            0 <= self.har.feedback <= 1
            and 0 <= self.lookback <= _MOST_LOOKBACK
            and all(isinstance(item, str) for item in self.symbols)
        ):
            raise ValueError(f"feedback is {self.har.feedback:g} and lookback {self.lookback}")
        if any(
            array.dtype.kind not in "fi"
            for array in (self.mean, self.sd, self.quantiles, self.har.coefficients)
        ):
            raise ValueError("scales are no numbers")
        if self.mean.ndim != 1 or self.mean.shape != self.sd.shape or not (self.sd > 0).all():
            raise ValueError(
                f"the features have means of shape {list(self.mean.shape)} and deviations of "
                f"{list(self.sd.shape)}, above 0"
            )
        if (
            self.quantiles.ndim != 2
            or self.quantiles.shape[1] != len(LEVELS)
            or (np.diff(self.quantiles, axis=1) < 0).any()
        ):
            raise ValueError(
                f"the baseline has quantiles of shape {list(self.quantiles.shape)}, increasing"
            )
        if self.har.coefficients.shape[1] != len(self.quantiles):
            raise ValueError(
                f"volatility is of {self.har.coefficients.shape[1]} steps, the baseline of "
                f"{len(self.quantiles)}"
            )
        return self


@per_panel
def _fitted(
    panel: Panel, insample: tuple[int, ...], task: TaskConfig, inputs: InputConfig, base: Base
) -> Scaling:
    """Return the scaling of :meth:`Scaling.fit`."""
    fitted = Scaling._without_features(panel, insample, task, inputs, base)
    tables = zip(fitted.tables(panel), insample, strict=True)
    mean, sd = _moments(table[:known] for table, known in tables)
    covariates = Covariates.fit(panel, insample, inputs) if inputs.exog else None
    return replace(fitted, mean=mean, sd=np.where(sd > 1e-8, sd, 1.0), covariates=covariates)


def _resolved(
    panel: Panel, task: TaskConfig, insample: Sequence[int]
) -> tuple[LearnedTarget, Season]:
    """Choose target and season: with an additive season, differences are the target."""
    season: Season = (
        task.season if task.season == "additive" or task.season == "multiplicative" else "none"
    )
    if task.target == "level":
        return "level", season
    if task.target != "auto":
        return resolve_target(panel, task.target), season
    if season == "additive":
        return "difference", season
    return resolve_target(panel, "auto", insample if task.season == "auto" else None), season


def _around(y: Floats, bars: int) -> tuple[Floats, Floats]:
    """Return trailing mean and standard deviation at each bar, [T]; the deviation is at least a
    thousandth of the size of the values so far.
    """
    import pandas as pd

    rolling = pd.Series(y).rolling(bars, min_periods=1)
    size = np.sqrt(np.cumsum(y**2) / np.arange(1, len(y) + 1))
    spread = np.nan_to_num(rolling.std(ddof=0).to_numpy(np.float64))
    return rolling.mean().to_numpy(np.float64), np.maximum(spread, 1e-3 * size + 1e-12)


def _error_size(line: Floats, said: Floats) -> Floats:
    """Return the log of the recent size of the one-bar errors of forecasts [T, H] of a path [T],
    shape [T]; looks back only.
    """
    errors = np.zeros_like(line)
    errors[1:] = line[1:] - said[:-1, 0]
    moves = np.diff(line, prepend=line[:1])
    usual = np.cumsum(moves**2) / np.maximum(np.arange(len(line)), 1)
    size = np.sqrt(np.cumsum(line**2) / np.arange(1, len(line) + 1))
    least = np.maximum(_LEAST_ERROR * np.sqrt(usual), 1e-6 * size + 1e-12)
    # Few errors tell little of their size, and are drawn to that of the moves.
    seen = np.minimum(np.arange(len(line)), 1 / (1 - _ERROR_DECAY))
    mean = (seen * ewma(errors**2, _ERROR_DECAY) + _PRIOR_ERRORS * usual) / (seen + _PRIOR_ERRORS)
    return np.asarray(np.log(np.maximum(np.sqrt(mean), least)), np.float64)


def _require_positive(panel: Panel) -> None:
    for series in panel:
        if not (series.y > 0).all():
            bad = int(np.argmin(series.y > 0))
            raise DataError(
                f"{series.symbol} is {series.y[bad]:g} on "
                f"{series.ds[bad].astype('datetime64[D]')}: log returns need positive values.",
                "Choose the target 'difference', or leave it on 'auto'.",
            )


def _normal(levels: Floats) -> Floats:
    from scipy.special import ndtri

    return np.asarray(ndtri(levels), np.float64)


def _moments(tables: Iterable[Floats]) -> tuple[Floats, Floats]:
    """Return mean and standard deviation [C] of the rows of some tables [T, C], which are never in
    memory together.
    """
    count, about, total, squares = 0, np.zeros(0), np.zeros(0), np.zeros(0)
    for table in tables:
        if not len(table):
            continue
        if not count:
            about, total, squares = table.mean(axis=0), *np.zeros((2, table.shape[1]))
        away = table - about
        count += len(table)
        total += away.sum(axis=0)
        squares += (away**2).sum(axis=0)
    mean = total / count
    return about + mean, np.sqrt(np.maximum(squares / count - mean**2, 0.0))


def _standardised(
    panel: Panel,
    usable: Sequence[Ints],
    scales: Iterable[tuple[Floats, Floats]],
    lines: Sequence[Floats],
    starts: Sequence[Floats] | None,
    horizon: int,
) -> Iterator[tuple[Floats, Ints]]:
    """Yield for each step the known moves [N] of all series divided by their scale, and the number
    of the date from which each is seen.

    Parameters
    ----------
    panel : Panel
    usable : sequence of ndarray [N]
        How far ahead moves from each in-sample bar of each series may be looked at, as of
        :func:`_usable`.
    scales : iterable of (ndarray [T, P], ndarray [P, H])
        Log scale of each series, as of :meth:`Scaling.log_scale`.
    lines : sequence of ndarray [T]
        What is forecast.
    starts : sequence of ndarray [T, H], optional
        From where moves are measured; None is the last bar.
    horizon : int
    """
    found: list[tuple[Ints, Ints, Floats]] = []
    parts = zip(panel.calendar[1], scales, lines, usable, strict=True)
    for index, (day, (x, weights), line, ahead) in enumerate(parts):
        bars = np.flatnonzero(ahead >= 1)
        table = np.empty((horizon, bars.size))
        for h in range(1, horizon + 1):
            known = ahead[bars] >= h
            some = bars[known]
            start = starts[index][some, h - 1] if starts else line[some]
            table[h - 1, known] = (line[some + h] - start) / np.exp(x[some] @ weights[:, h - 1])
        found.append((ahead[bars], day[bars].astype(np.int32), table))
    for h in range(1, horizon + 1):
        yield (
            np.concatenate([table[h - 1, ahead >= h] for ahead, _, table in found]),
            np.concatenate([days[ahead >= h] for ahead, days, _ in found]),
        )


def _baseline_quantiles(
    moved: Iterable[tuple[Floats, Ints]], horizon: int, *, free_median: bool
) -> Floats:
    """Return quantiles [H, K] of the known moves divided by their scale.

    Filtered historical simulation (Barone-Adesi, Giannopoulos and Vosper 1999). Drift and skew are
    shrunk by their own uncertainty. Where few independent moves are known the sample's quantiles
    are drawn to those of a normal of the same spread, and where nothing moved they are those of
    the standard normal: the scale tells how far. The sizes of moves of several series on one date
    are worth as many as the variance of their mean tells.

    Parameters
    ----------
    moved : iterable of (ndarray [N], ndarray [N])
        Of each step, as of :func:`_standardised`.
    horizon : int
        Number of steps, H.
    free_median : bool
        Whether the median is free to be away from no change, as moves are not measured from the
        last bar.
    """
    normal = _normal(LEVELS)
    out = np.empty((horizon, len(LEVELS)))
    for h, (z, dates) in enumerate(moved, start=1):
        if not z.any():
            # It never moved: what it does once it does is not known, and taken as usual.
            out[h - 1] = normal
            continue
        independent = max(1.0, np.count_nonzero(np.bincount(dates)) / h)
        sizes = np.abs(z)
        together = _by_date(sizes, dates).var()
        worth = independent * (max(1.0, sizes.var() / together) if together > 0 else 1.0)
        weight = worth / (worth + 30.0)
        body = weight * np.quantile(z, LEVELS) + (1 - weight) * z.std() * normal
        body -= np.interp(MEAN_LEVELS, LEVELS, body).mean()
        most = np.inf if free_median else _MOST_SKEW * z.std()
        drift = _shrunk(float(z.mean()), z, dates, independent)
        out[h - 1] = drift + _without_luck(body, z, dates, independent, most)
    return np.maximum.accumulate(smoothed_steps(out), axis=1)


def _usable(
    series: PriceSeries, target: LearnedTarget, moves: Target, known: int, least: int
) -> Ints:
    """Return how many bars ahead the moves from each of the first ``known`` bars count for the
    baseline, [known]; 0 for none.

    Bars before ``least`` and while the volatility's averages fill tell nothing, nor does a price
    that stood still.
    """
    bars = np.arange(known)
    ahead = np.where(bars >= max(least, min(22, known // 4)), known - 1 - bars, 0)
    return ahead if target == "seasonal" else np.minimum(ahead, clear_bars(series, moves, known))


def _without_luck(body: Floats, z: Floats, dates: Ints, independent: float, most: float) -> Floats:
    """Return quantiles [K] with mean 0 whose median is shrunk to what is significant, and is at
    most ``most``.

    The distance between the median and the mean of ``z`` is shrunk as its mean is. The difference
    is taken off as a cosine over the levels: the mean and the width of the distribution stay.
    """
    low, median, high = np.quantile(z, [0.3, 0.5, 0.7])
    mean = float(z.mean())
    middle = int(np.searchsorted(LEVELS, 0.5))
    if high <= low:
        return body
    # How each move pulls the sample's median, beside how it pulls the mean (Hampel 1974).
    pulls = np.sign(z - median) * 0.5 * (high - low) / 0.4 - (z - mean)
    away = float(median) - mean
    sure = _shrunk(away, pulls, dates, independent) / away if away else 0.0
    wanted = float(np.clip(sure * body[middle], -most, most))
    return np.asarray(
        body + (wanted - body[middle]) * np.cos(2 * np.pi * (LEVELS - 0.5)), np.float64
    )


def _shrunk(value: float, pulls: Floats, dates: Ints, independent: float) -> float:
    """Shrink a statistic by the factor ``1 - doubt / t^2`` (at least 0); t is its ratio to its
    standard error.

    The shrinkage of James and Stein (1961), whose doubt is 1. Of noise a third of its variance is
    still believed then, which is a third of a percent of the squared error where 100 moves are
    independent, and three percent where 10 are. So the doubt is ``1 + 50 / n`` for n independent
    moves.

    Parameters
    ----------
    value : float
        The statistic.
    pulls : ndarray, shape [N]
        What each move adds to it, up to a constant. Series of one date move together, so the error
        is that of the means by date.
    dates : ndarray of int, shape [N]
        Number of each move's date.
    independent : float
        Dates that count as independent. Some are lost, because the error itself is estimated from
        them.
    """
    effective = independent - _LOST_DATES
    if effective <= 0 or not value:
        return 0.0
    doubt = 1.0 + _DOUBTED_DATES / effective
    variance = float(_by_date(pulls, dates).var()) / effective
    return value * max(0.0, 1.0 - doubt * variance / value**2)


def _by_date(values: Floats, dates: Ints) -> Floats:
    """Return the mean of the values of each date, in time order; dates are given by number."""
    count = np.bincount(dates)
    there = count > 0
    return np.asarray(np.bincount(dates, values)[there] / count[there], np.float64)


class CovariateBatch(NamedTuple):
    """Exogenous inputs of B forecasts.

    Attributes
    ----------
    hist : Tensor, shape [B, L, E]
        Scaled values that were known at each bar of the lookback.
    futr : Tensor, shape [B, H, F]
        Scaled values of each bar of the horizon, known at the cutoff.
    stat : Tensor of int64, shape [B, K]
        Number of the category of each static input.
    """

    hist: Tensor
    futr: Tensor
    stat: Tensor


class Windows:
    """A panel as a few flat tensors on the device, from which windows are gathered by index.

    Bars of all series lie behind each other, so a window is a range of rows; no window is ever
    stored. Row t of every tensor looks at bars up to t, except ``move``, which is what happened.

    Parameters
    ----------
    panel : Panel
    scaling : Scaling
        Fitted beforehand; nothing is fitted here.
    task : TaskConfig
    device : torch.device
    first : sequence of int, optional
        First bar of each series from which forecasts are made: rows before its lookback are not
        held. All are by default.

    Attributes
    ----------
    starts : ndarray of int64, shape [S]
        Row of the first bar of each series, as if that was held.
    """

    def __init__(
        self,
        panel: Panel,
        scaling: Scaling,
        task: TaskConfig,
        device: torch.device,
        first: Sequence[int] | Ints | None = None,
    ) -> None:
        self.input_size, self.horizon = task.input_size, task.horizon
        lengths = np.array([len(series) for series in panel])
        first = np.zeros(len(panel), np.int64) if first is None else np.asarray(first)
        self._skipped = np.clip(first - (task.input_size - 1), 0, lengths)
        self._begins = np.concatenate([[0], np.cumsum(lengths - self._skipped)])
        self.starts = self._begins[:-1] - self._skipped

        self.device, self.panel, self.scaling = device, panel, scaling
        volatility = self._add_regressors()
        self.table = torch.as_tensor(self._scaled(volatility)).to(device)
        moves = panel_moves(scaling.plain(panel), scaling.moves_target)
        self.move = self._held(moves, np.float32)
        self._check_finite()
        self.anchors = scaling.starts(panel, task.horizon)
        if self.anchors is not None:
            self.value = self._held(scaling.lines(panel), np.float32)
            self.anchor = self._held(self.anchors, np.float32)
        if scaling.inputs.dates:
            ahead = [known_ahead(series, task.horizon) for series in panel]
            self._calendar, self._place = self._shared(ahead)
        self._windows = self._overlapping(self.table)
        self._ahead = torch.arange(1, task.horizon + 1, device=device)
        if scaling.covariates is not None:
            self._add_covariates(scaling.covariates)

    def _held(self, arrays: Iterable[npt.NDArray[Any]], kind: type[np.generic]) -> Tensor:
        """Return the rows [T, ...] of each series that are held, one below the other, on the
        device.
        """
        found = np.empty(0, kind)
        parts = zip(self._begins[:-1], self._begins[1:], self._skipped, arrays, strict=True)
        for begin, end, skipped, array in parts:
            if not begin:
                found = np.empty((self._begins[-1], *array.shape[1:]), kind)
            found[begin:end] = array[skipped:]
        return torch.as_tensor(found).to(self.device)

    def _shared(self, ahead: Sequence[tuple[Floats, Ints]]) -> tuple[Tensor, Tensor]:
        """Return tables [N, F] of what is known beforehand, one below the other, and the place in
        them of each row that is held.
        """
        first = np.concatenate([[0], np.cumsum([len(table) for table, _ in ahead])])
        tables = np.concatenate([table for table, _ in ahead]).astype(np.float32)
        rows = (index + start for (_, index), start in zip(ahead, first, strict=False))
        return torch.as_tensor(tables).to(self.device), self._held(rows, np.int64)

    def holds(self, origins: Origins) -> bool:
        """Tell whether all rows are held that forecasts from these origins need."""
        return bool((origins.bar - (self.input_size - 1) >= self._skipped[origins.series]).all())

    def _add_regressors(self) -> list[Floats] | None:
        """Write what the scales are computed from series by series, and return the volatility of
        the next bar, [T] a series; None where the scale is no volatility.
        """
        scaling, ends = self.scaling, np.cumsum([len(series) for series in self.panel])
        volatility = np.empty(ends[-1])  # one block for all: small ones would leave holes between
        weights = np.empty((0, 0))

        def regressors() -> Iterator[Floats]:
            nonlocal weights
            scales = scaling.log_scale(self.panel, self.horizon)
            for end, (x, weights) in zip(ends, scales, strict=True):
                if scaling.has_volatility:
                    volatility[end - len(x) : end] = np.exp(x @ weights[:, 0])
                yield x

        self.regressors = self._held(regressors(), np.float32)
        self.weights = torch.as_tensor(weights.astype(np.float32)).to(self.device)
        return np.split(volatility, ends[:-1]) if scaling.has_volatility else None

    def _overlapping(self, table: Tensor) -> Tensor:
        """Return the windows of a table as a strided view: window k begins at row k and shares its
        memory.
        """
        begins, width = max(0, len(table) - self.input_size + 1), int(table.shape[1])
        return table.as_strided((begins, self.input_size * width), (width, 1))

    def _add_covariates(self, fitted: Covariates) -> None:
        """Add exogenous inputs to the table: historic ones by bar, future ones by bar ahead, static
        ones by series.
        """
        check_carried(self.panel, fitted.specs)

        self._exog = self._held((fitted.hist(series) for series in self.panel), np.float32)
        self._exog_windows = self._overlapping(self._exog)
        ahead = [fitted.futr(series, self.horizon) for series in self.panel]
        self._futr, self._futr_place = self._shared(ahead)
        static = (np.tile(fitted.stat(series), (len(series), 1)) for series in self.panel)
        self._stat = self._held(static, np.int64)

    def covariates(self, rows: Tensor) -> CovariateBatch:
        """Return the exogenous inputs of forecasts from the rows [B]; looks only at what was known
        at those bars.
        """
        window = self._exog_windows.index_select(0, rows + (1 - self.input_size)).view(
            len(rows), self.input_size, self._exog.shape[1]
        )
        ahead = self._futr[self._futr_place[rows].unsqueeze(-1) + self._ahead]
        return CovariateBatch(window, ahead, self._stat[rows])

    def _scaled(self, volatility: Sequence[Floats] | None) -> npt.NDArray[np.float32]:
        """Return the scaled rows of the table; with a column for the index of the series where
        there are embeddings.
        """
        scaling = self.scaling
        width = len(scaling.mean) + bool(scaling.symbols)
        found = np.empty((self._begins[-1], width), np.float32)
        tables = scaling.tables(self.panel, volatility)
        parts = zip(self._begins[:-1], self._begins[1:], self._skipped, strict=True)
        for (begin, end, skipped), table, series in zip(parts, tables, self.panel, strict=True):
            if table.shape[1] != len(scaling.mean):
                raise DataError(
                    f"The network reads {len(scaling.mean)} features; its settings make "
                    f"{table.shape[1]}.",
                    "Train a new one.",
                )
            held = (table[skipped:] - scaling.mean) / scaling.sd
            found[begin:end] = _numbered(held, series, scaling.symbols)
        return found

    def _check_finite(self) -> None:
        """Refuse a series whose values overflow float32, naming it."""
        for tensor in (self.table, self.regressors, self.move):
            bad = ~tensor.isfinite()
            if bad.any():
                row = int(bad.reshape(len(bad), -1).any(1).nonzero()[0, 0])
                series = self.panel[int(np.searchsorted(self._begins, row, side="right")) - 1]
                low, high = np.abs(series.y).min(), np.abs(series.y).max()
                raise DataError(
                    f"{series.symbol} has values of sizes from {low:.3g} to {high:.3g}: too "
                    "large, or too far apart, to be learned from.",
                    "Divide them by a power of ten, or leave out the bars that cannot be right.",
                )

    @property
    def inputs(self) -> int:
        """Number of columns of the table, C: features, and the index of the series where it has an
        embedding.
        """
        return int(self.table.shape[1])

    def rows(self, origins: Origins) -> Tensor:
        """Return the rows of the cutoff bars, shape [N] int64, on the device."""
        return torch.as_tensor(self.starts[origins.series] + origins.bar).to(self.device)

    def window(self, rows: Tensor) -> Tensor:
        """Return the inputs that end at the cutoff rows, shape [B, L, C]; bars up to the cutoff
        only.
        """
        return self._windows.index_select(0, rows + (1 - self.input_size)).view(
            len(rows), self.input_size, -1
        )

    def known_ahead(self, rows: Tensor) -> Tensor | None:
        """Return the calendar features of each bar ahead, and their mean over the bars up to there,
        shape [..., H, 2 F].

        None where no calendar is read. Looks at dates only, and at those that are due, not those
        that turned out to have bars.
        """
        if not self.scaling.inputs.dates:
            return None
        own = self._calendar[self._place[rows].unsqueeze(-1) + self._ahead]
        return torch.cat([own, own.cumsum(-2) / self._ahead.unsqueeze(-1)], dim=-1)

    def scale(self, rows: Tensor) -> Tensor:
        """Return the scale of the next h-bar moves, shape [B, H], known at the cutoff.

        Regressors are added one by one: a matrix product rounds differently for other numbers of
        rows on some processors, and a forecast must not depend on which others are asked for with
        it.
        """
        columns = self.regressors[rows].unsqueeze(-1).unbind(1)
        total = columns[0] * self.weights[0]
        for column, weights in zip(columns[1:], self.weights[1:], strict=True):
            total = total + column * weights
        return torch.exp(total)

    def target(self, rows: Tensor) -> Tensor:
        """Return the targets: the next h-bar moves divided by their scale, shape [B, H]. Looks at
        bars after the cutoff.
        """
        ahead = rows[:, None] + self._ahead
        moved = (
            self.move[ahead].cumsum(1)
            if self.anchors is None
            else self.value[ahead] - self.anchor[rows]
        )
        return moved / self.scale(rows)

    def values(self, origins: Origins, moved: Floats) -> Floats:
        """Convert h-bar moves [N, H, Q] from each origin to values in price units."""
        out, logs = np.empty_like(moved), self.scaling.target == "log-return"
        for index, mine, bars in origins.by_series():
            check_cancelled()
            series = self.panel[index]
            if self.anchors is not None:
                out[mine] = self.anchors[index][bars][:, :, None] + moved[mine]
            else:
                out[mine] = (
                    path(series, self.scaling.moves_target)[bars][:, None, None] + moved[mine]
                )
            if not logs:
                # A series that was never negative is not forecast to be: sales, counts,
                # withdrawals.
                lowest = np.minimum.accumulate(series.y)[bars][:, None, None]
                out[mine] = np.where(lowest >= 0, np.maximum(out[mine], 0.0), out[mine])
        return np.exp(out) if logs else out


def _numbered(table: Floats, series: PriceSeries, symbols: Sequence[str]) -> Floats:
    """Append a column with the index of the series among those with an embedding; an unknown series
    gets the index after the last.
    """
    if not symbols:
        return table
    number = symbols.index(series.symbol) if series.symbol in symbols else len(symbols)
    return np.column_stack([table, np.full(len(table), float(number))])


def check_lookback(panel: Panel, origins: Origins, input_size: int) -> None:
    """Refuse origins with fewer bars before them than the lookback, naming the series."""
    short = origins.bar < input_size - 1
    if short.any():
        worst = int(np.argmax(short))
        raise DataError(
            f"{panel[int(origins.series[worst])].symbol} has {int(origins.bar[worst]) + 1} "
            "bars up to the cutoff; "
            f"lookback {input_size} needs {input_size}.",
            "Load more history, or train with a lower lookback.",
        )
