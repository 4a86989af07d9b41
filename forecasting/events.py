"""Everything that leaves the engine while it works: immutable snapshots, free of torch and Qt."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from forecasting.config import RunConfig
from forecasting.errors import Remedy
from forecasting.evidence import MIN_ORIGINS
from forecasting.series import Floats, Forecast, Ints, Origins, Outcomes, Panel, Profile


@dataclass(frozen=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True)
class Progress(Event):
    """Work goes on: ``done`` of ``total`` units (``total`` 0 where unknown), in words for the
    status bar.
    """

    done: int
    total: int
    message: str
    eta_s: float | None = None


@dataclass(frozen=True)
class Notice(Event):
    """Something the user should know that stops nothing (device fall-back, slow network, ...).

    ``suggestions`` are references that may be meant instead of one that could not be loaded,
    likeliest first; ``remedies`` are next steps that the program can take by itself.
    """

    message: str
    hint: str = ""
    suggestions: tuple[str, ...] = field(default=(), kw_only=True)
    remedies: tuple[Remedy, ...] = field(default=(), kw_only=True)


#: What the watch tells of: a close outside its band, coverage or volatility that has changed, a
#: network to be trained anew, past prices that were rescaled, a jump as of a split, a series
#: without new bars, a source that fails or no longer knows the series, bars from which nothing was
#: forecast, and a clock that was set back.
AlertKind = Literal[
    "outside",
    "drift",
    "retrain",
    "split",
    "jump",
    "stopped",
    "source",
    "delisted",
    "missed",
    "clock",
]


@dataclass(frozen=True)
class Alert:
    """Something that the watch found.

    Attributes
    ----------
    key : str
        Unique: the same finding is entered once, however often it is made.
    kind : str
    symbol : str
        The series, or the source where there is no series.
    ds : datetime64[us]
        The bar that it is about.
    message, hint : str
    topic : str
        Alerts of one topic less than ``apart_us`` microseconds from each other are the same one.
    apart_us : int
    """

    key: str
    kind: AlertKind
    symbol: str
    ds: np.datetime64
    message: str
    hint: str = ""
    topic: str = ""
    apart_us: int = 0


@dataclass(frozen=True)
class NotLoaded(Notice):
    """One of several references was not loaded, and why; the others are.

    ``place`` is where it stands among them.
    """

    place: int = 0


@dataclass(frozen=True)
class LeftOut(Notice):
    """Some series are not forecast, because they are too short or ended before the others:
    ``why``, by symbol.
    """

    why: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EngineReady(Event):
    """torch is imported and warm.

    ``devices`` maps a device's name (``cpu``, ``cuda:0``) to words for people.
    """

    devices: Mapping[str, str]
    versions: Mapping[str, str]
    seconds: float


@dataclass(frozen=True)
class SeriesLoaded(Event):
    """A panel was read; each series carries its findings.

    ``places`` [S] tells for each series which of the references it came from, counted from 0.
    """

    panel: Panel
    places: tuple[int, ...] = ()


@dataclass(frozen=True)
class TickersHeld(Event):
    """Tickers that the price cache holds, latest fetched first."""

    tickers: tuple[str, ...]


@dataclass(frozen=True)
class SplitMade(Event):
    """Where the chronological parts begin, and how many windows and weights there are.

    ``val_start`` and ``test_start`` are the dates of the first validation and test bar.
    """

    val_start: np.datetime64
    test_start: np.datetime64
    windows: Mapping[Literal["train", "val", "test"], int]
    parameters: int
    device: str


@dataclass(frozen=True)
class EpochEnd(Event):
    """One pass over the training windows is done.

    Losses are mean pinball losses in units of the series' own volatility. Epoch 0 is the untrained
    network, which is exactly the baseline. ``grad_norm`` is the mean norm before clipping and
    ``grad_norm_after`` after it, ``clipped`` the share of steps that were clipped. ``share`` is the
    share of the epoch's windows that were learned from: below 1 where the user stopped within it,
    and then only the losses on the validation part compare with those of other epochs.
    """

    epoch: int
    epochs: int
    train_loss: float
    val_loss: float
    best_epoch: int
    best_loss: float
    learning_rate: float
    grad_norm: float
    clipped: float
    seconds: float
    grad_norm_after: float = math.nan
    share: float = 1.0

    @property
    def complete(self) -> bool:
        """Whether all windows of the epoch were learned from."""
        return not self.share < 1.0


@dataclass(frozen=True)
class GradientByLag(Event):
    """How much of the loss's gradient reaches each layer at each lag, at a moment of training.

    Attributes
    ----------
    epoch : int
        The epoch that was going on.
    lags : ndarray of int64, shape [K]
        Bars back from the last of the window, increasing from 0; close to each other at first, then
        ever wider apart.
    norms : ndarray of float64, shape [layers, K]
        Norm of the derivative of the loss with respect to the state at that lag, a mean over a few
        fixed windows; of a Transformer that with respect to what enters each layer. The first layer
        comes first.
    """

    epoch: int
    lags: Ints
    norms: Floats

    @property
    def shares(self) -> Floats:
        """Norms as a share of the largest of their layer, shape [layers, K]."""
        shares: Floats = self.norms / np.maximum(
            self.norms.max(axis=1, keepdims=True), np.finfo(np.float64).tiny
        )
        return shares

    @property
    def reach(self) -> int:
        """The largest lag at which a layer still gets a thousandth of the largest gradient it
        gets at any lag.
        """
        alive = np.flatnonzero((self.shares >= 1e-3).any(axis=0))
        return int(self.lags[alive[-1]]) if len(alive) else 0

    @property
    def farthest(self) -> float:
        """The share that arrives at the largest lag, of the layer that gets most there."""
        return float(self.shares[:, -1].max())


@dataclass(frozen=True)
class StepNorms(Event):
    """The gradient's norm at every step of an epoch, also of one that was broken off.

    Attributes
    ----------
    epoch : int
    before, after : ndarray of float64, shape [N]
        Norm before and after clipping; equal where clipping is off.
    limit : float
        The clip limit of the norm; NaN where clipping is off or by value.
    clipping : bool
        Whether gradients are clipped at all.
    layers : tuple of str
        Parts of the network, in the order in which a bar passes through them.
    by_layer : ndarray of float64, shape [N, layers]
        Norm before clipping of each part; NaN where it was not recorded.
    share : float
        Share of the epoch that was gone through.
    """

    epoch: int
    before: Floats
    after: Floats
    limit: float
    clipping: bool
    layers: tuple[str, ...] = ()
    by_layer: Floats = field(default_factory=lambda: np.empty((0, 0)))
    share: float = 1.0

    @property
    def largest(self) -> float:
        """The largest norm before clipping; infinite where one was not finite."""
        if not len(self.before):
            return 0.0
        return float(self.before.max()) if np.isfinite(self.before).all() else math.inf

    @property
    def usual(self) -> float:
        """The median of the finite norms before clipping; NaN where there are none."""
        finite = self.before[np.isfinite(self.before)]
        return float(np.median(finite)) if len(finite) else math.nan


@dataclass(frozen=True)
class CellStates(Event):
    """What goes on inside the cells of a network while it reads a window, a mean over a few fixed
    windows.

    Attributes
    ----------
    epoch : int
    lags : ndarray of int64, shape [K]
        Bars back from the last of the window, decreasing to 0: in reading order.
    gates : tuple of str
        Names of the gates; empty for cells without any.
    openings : ndarray of float64, shape [layers, G, K]
        Mean opening of each gate at each bar, 0 (shut) to 1 (open).
    state : ndarray of float64, shape [layers, K]
        Root mean square of what is carried to the next bar: the cell state of an LSTM, else the
        hidden state; of a Transformer the inputs of each block.
    saturated : float
        Share of hidden units within 2 % of the limits of tanh; 0 for cells without limits.
    attention : ndarray of float64, shape [layers, queries, K]
        Of a Transformer the weights that some bars, the last included, give to each bar.
    """

    epoch: int
    lags: Ints
    gates: tuple[str, ...]
    openings: Floats
    state: Floats
    saturated: float = 0.0
    attention: Floats = field(default_factory=lambda: np.empty((0, 0, 0)))

    def mean_opening(self, gate: str) -> float:
        """Return the mean opening of a gate over all layers and bars; NaN where there is none of
        this name.
        """
        if gate not in self.gates:
            return math.nan
        return float(self.openings[:, self.gates.index(gate)].mean())


@dataclass(frozen=True)
class Diagnosis(Event):
    """What the gradient doctor says of a training: ``topic`` is a short stable name; what is said
    later of a topic replaces the earlier.

    ``remedies`` are next steps that the program can take by itself. ``rank`` orders causes: 0
    learning rate, 1 explosion, 2 saturation, 3 memory, 4 all else.
    """

    topic: str
    message: str
    hint: str = ""
    remedies: tuple[Remedy, ...] = ()
    rank: int = 4


@dataclass(frozen=True)
class LearningRatesTried(Event):
    """A search for the learning rate is done.

    Attributes
    ----------
    rates : ndarray of float64, shape [N]
        Increasing.
    losses : ndarray of float64, shape [N]
        Smoothed loss of the batches at these rates, as a share of what the baseline loses on the
        same batches.
    suggestion : float or None
        The rate to train with; None where no rate stands out from the others.
    current : float
        The rate of the settings; NaN where it is not known.
    """

    rates: Floats
    losses: Floats
    suggestion: float | None
    current: float = math.nan

    @property
    def finding(self) -> str:
        """What the search found, in one or two sentences."""
        if self.suggestion is not None:
            return f"The loss falls fastest at a learning rate of about {self.suggestion:.2g}."
        fall = max(0.0, 1.0 - float(self.losses.min())) if len(self.losses) else 0.0
        kept = f" Keep the present rate, {self.current:.2g}." if math.isfinite(self.current) else ""
        return (
            f"No learning rate stands out: at best the loss was {100 * fall:.1f} % below the "
            f"baseline's, hardly more than it wavers.{kept}"
        )


@dataclass(frozen=True)
class CostEstimated(Event):
    """What a training would cost: windows to learn from, weights, and seconds if it goes through
    all its epochs.
    """

    windows: int
    parameters: int
    seconds: float


@dataclass(frozen=True)
class BacktestPlanned(Event):
    """What a walk-forward test will do, told before it begins.

    Attributes
    ----------
    folds : int
        How often the network is trained.
    origins : int
        Dates from which it forecasts.
    refit : int
        Origins after which it is to be trained anew; 0 for never.
    seconds : float
        About how long all trainings take, one after the other, if each goes through all its epochs.
    """

    folds: int
    origins: int
    refit: int
    seconds: float

    @property
    def sentence(self) -> str:
        """Folds, origins and time in one or two sentences."""
        origins = "1 origin" if self.origins == 1 else f"{self.origins} origins"
        folds = "1 fold" if self.folds == 1 else f"{self.folds} folds"
        minutes = self.seconds / 60
        time = (
            f"{max(1, round(self.seconds))} s"
            if minutes < 2
            else f"{round(minutes)} min"
            if minutes < 120
            else f"{minutes / 60:.1f} h"
        )
        text = f"{origins} in {folds}, trainings of at most about {time} in all."
        if self.refit > self.origins:
            text += (
                f" Refit every {self.refit} origins is more than there are: the network is "
                "trained once."
            )
        return text


@dataclass(frozen=True)
class TrainingPaused(Event):
    """A training waits, and its state is in its file: given up now, it can go on from there."""


#: Beginning of the name of a file in which a training is left at its end.
ENDED = "last-"


@dataclass(frozen=True)
class TrainingKept(Event):
    """A training that was cut short can go on from a file.

    Attributes
    ----------
    path : Path
        To be given to ``jobs.train`` as ``resume``, together with the panel that ``sources`` load
        and ``config``.
    config : RunConfig
    sources, symbols : tuple of str
        References and names of the series.
    epoch : int
        Epochs that are done.
    saved_at : str
        ISO time (UTC).
    """

    path: Path
    config: RunConfig
    sources: tuple[str, ...]
    symbols: tuple[str, ...]
    epoch: int
    saved_at: str

    @property
    def ended(self) -> bool:
        """Whether the training had ended, and only its network was saved in no file."""
        return self.path.name.startswith(ENDED)


@dataclass(frozen=True)
class ForecastMade(Event):
    """Forecasts of the real future, one a series; provisional while training, final at its end."""

    forecasts: tuple[Forecast, ...]
    epoch: int
    final: bool = False


@dataclass(frozen=True)
class FoldEnd(Event):
    """One fold of a walk-forward test is done: outcomes of every model from its origins."""

    fold: int
    folds: int
    outcomes: Mapping[str, Outcomes]


@dataclass(frozen=True)
class RunInfo:
    """How a run went.

    ``stopped``: ``epochs`` (all done), ``early`` (no better loss) or ``user``.
    """

    seconds: float
    epochs: int
    best_epoch: int
    device: str
    seed: int
    stopped: Literal["epochs", "early", "user"]
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NetworkAdds:
    """What the network adds to the model that it starts from: its forecast beside the same one
    without it.

    Attributes
    ----------
    skill : float
        1 - CRPS with the network / CRPS without it; 0 where both are the same forecast.
    p_value : float
        Diebold-Mariano test of equal CRPS; NaN where there are too few independent origins, or no
        difference.
    """

    skill: float
    p_value: float


@dataclass(frozen=True)
class Verdict:
    """The judgement on a run, in numbers and in one sentence.

    Attributes
    ----------
    outcome : str
        ``beats``, ``ties`` or ``loses``.
    sentence : str
        One plain sentence for people.
    skill : float
        1 - CRPS of the network / CRPS of the reference, positive is better.
    p_value : float
        Diebold-Mariano test of equal CRPS by origin; NaN where there are too few origins.
    reference : str
        Name of the baseline compared with.
    notes : tuple of str
        Further plain sentences (calibration, copycat check, few origins, ...).
    tries : int
        Configurations tried on this test part so far, this one included.
    independent : float
        Origins whose outcomes do not overlap, about; NaN in runs of versions that did not keep it.
    network_adds : NetworkAdds, optional
        None where the forecast without its network was not made.
    inputs_add : NetworkAdds, optional
        What the user's inputs add, likewise; None where none were read.
    """

    outcome: Literal["beats", "ties", "loses"]
    sentence: str
    skill: float
    p_value: float
    reference: str
    notes: tuple[str, ...] = ()
    tries: int = 1
    independent: float = math.nan
    network_adds: NetworkAdds | None = None
    inputs_add: NetworkAdds | None = None

    @property
    def few(self) -> bool:
        """Whether too few independent origins were there to decide anything."""
        return self.independent < MIN_ORIGINS


class Predictor(Protocol):
    """Anything that forecasts: a trained network or a fitted baseline."""

    @property
    def name(self) -> str:
        """Return the name shown in tables and written to exports."""
        ...

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        """Return values in price units, shape [N, H, Q]; for each origin only bars up to its
        cutoff are looked at.
        """
        ...


#: Levels whose quantiles have the mean of the distribution for their mean.
MEAN_LEVELS: tuple[float, ...] = tuple((k + 0.5) / 40 for k in range(40))


def mean_of(predictor: Predictor, panel: Panel, origins: Origins) -> Floats:
    """Return the mean of each forecast distribution, shape [N, H]: that of 40 evenly spaced
    quantiles.
    """
    return np.asarray(predictor.predict(panel, origins, MEAN_LEVELS).mean(axis=2), np.float64)


class Saveable(Predictor, Protocol):
    """A trained network, which can also be written to a model file."""

    def save(self, path: str | Path) -> None:
        """Write the model file."""
        ...


@dataclass(frozen=True)
class RunResult:
    """All that a finished run leaves.

    ``outcomes`` and ``scores`` are keyed by model name, the network first, then the baselines; they
    come from the test part. ``split`` tells where the parts begin. ``history`` holds every epoch.
    An earlier run that is shown again has of the outcomes the network's only, with the quantiles
    that are drawn: of every model there are ``profiles`` instead. Where something was not kept,
    ``lacking`` says why. ``left_out`` tells by symbol why a series has no forecast: it is too short
    and no part of ``panel``, or it ended before the others. ``candles`` says whether its forecast
    is drawn as whole candles.
    """

    config: RunConfig
    panel: Panel
    split: SplitMade
    history: tuple[EpochEnd, ...]
    forecasts: tuple[Forecast, ...]
    baseline_forecasts: tuple[Forecast, ...]
    outcomes: Mapping[str, Outcomes]
    scores: Mapping[str, Mapping[str, float]]
    verdict: Verdict
    info: RunInfo
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    lacking: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    candles: bool = False


@dataclass(frozen=True)
class Prediction:
    """What a saved network says of the real future, without training or judgement: enough to
    draw and export.
    """

    config: RunConfig
    panel: Panel
    forecasts: tuple[Forecast, ...]


@dataclass(frozen=True)
class RunFinished(Event):
    """Training and scoring are done. ``forecaster`` crosses the thread border once, here."""

    result: RunResult
    forecaster: Saveable


@dataclass(frozen=True)
class BacktestFinished(Event):
    """A walk-forward test is done (``stopped`` if cut short: the folds so far); ``left_out``
    tells which series are too short, or have no bars in the test part.
    """

    config: RunConfig
    outcomes: Mapping[str, Outcomes]
    scores: Mapping[str, Mapping[str, float]]
    verdict: Verdict
    info: RunInfo
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One question of an audit, whether it was passed, and what was seen in one sentence."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class AuditFinished(Event):
    """A leakage audit is done (cut short if stopped: the checks so far)."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check was passed."""
        return all(check.passed for check in self.checks)
