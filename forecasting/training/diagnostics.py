"""Diagnose a training: advice from its gradients and losses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.config import RunConfig
from forecasting.errors import Remedy
from forecasting.events import CellStates, Diagnosis, EpochEnd, GradientByLag, StepNorms
from forecasting.model_registry import titles

#: Above this share of the last bar's gradient an early bar drowns the others.
_EXPLODED = 1e3
#: Epochs before gradients are judged; share of clipped steps that is worth a word; rise of the loss
#: that is.
_SETTLED, _OFTEN, _WORSE = 3, 0.5, 0.01
#: A step whose norm is so many times the usual one, and at least so large, is an explosion; one of
#: :data:`_EXPLODED` is in any case.
_PEAK, _LARGE = 50.0, 10.0
#: A validation loss of so many times the baseline's is that of a network which a step has ruined.
_RUINED = 1.1
#: Share of hidden units at their limits from which a network counts as saturated.
_SATURATED = 0.5
#: Advice on the memory of a network that steps have ruined.
_FIRST = "Mend the learning rate first: a ruined network says nothing about its memory."
#: Share of the learning rate that is proposed after an explosion.
_LR_SHARE = 0.1
#: Fewest epochs that a training which still learned is made longer by; else half of what it had.
_FEWEST_MORE = 5


@dataclass(frozen=True)
class Peak:
    """The largest step of a training beside the usual one.

    Attributes
    ----------
    epoch : int
        The epoch of the largest step.
    largest, usual : float
        Norms before clipping: the largest of all steps, and the smallest median of an epoch; NaN
        while no step was finite.
    clipping : bool
        Whether gradients are clipped.
    """

    epoch: int
    largest: float
    usual: float
    clipping: bool

    @property
    def exploded(self) -> bool:
        """Whether the largest step counts as an explosion."""
        usual = self.usual if math.isfinite(self.usual) else 0.0
        return self.largest >= min(_EXPLODED, max(_LARGE, _PEAK * usual))

    @classmethod
    def of(cls, norms: StepNorms, before: Peak | None) -> Peak:
        """Return the peak of an epoch and those before it."""
        if before is None:
            return cls(norms.epoch, norms.largest, norms.usual, norms.clipping)
        usual = min((x for x in (before.usual, norms.usual) if math.isfinite(x)), default=math.nan)
        larger = norms.largest > before.largest
        epoch = norms.epoch if larger else before.epoch
        return cls(epoch, max(norms.largest, before.largest), usual, norms.clipping)


class Diagnostics:
    """Yield each diagnosis once while training runs, and again at its end if its figures have
    changed.

    Parameters
    ----------
    config : RunConfig
    """

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.reported: dict[str, str] = {}

    def during(
        self,
        history: Sequence[EpochEnd],
        memory: GradientByLag | None,
        peak: Peak | None = None,
    ) -> Iterator[Diagnosis]:
        """Diagnose steps and the gradients through time while training runs, causes first."""
        yield from self._once(on_steps(peak, history, self.config))
        if len(history) > _SETTLED and memory is not None:
            yield from self._once(on_memory(memory, self.config, ruined=self._ruined))

    def after(
        self,
        history: Sequence[EpochEnd],
        memory: GradientByLag | None,
        stopped: str | None,
        peak: Peak | None = None,
        cells: CellStates | None = None,
    ) -> Iterator[Diagnosis]:
        """Diagnose the whole training at its end: learning rate and explosion first, then
        saturation, then memory, then all else.
        """
        yield from self._once(on_steps(peak, history, self.config), again=True)
        if cells is not None:
            yield from self._once(on_saturation(cells, self.config), again=True)
        if memory is not None:
            found = list(on_memory(memory, self.config, ruined=self._ruined))
            if not found and "vanishing" in self.reported:
                found = [_recovered(memory)]
            yield from self._once(iter(found), again=True)
        if len(history) > 1:
            yield from self._once(on_clipping(history, self.config))
            yield from self._once(on_losses(history, stopped))

    @property
    def _ruined(self) -> bool:
        """Whether a cause was found that says more than what the gradients through time show."""
        return bool({"learning-rate", "saturated"} & self.reported.keys())

    def _once(self, found: Iterator[Diagnosis], *, again: bool = False) -> Iterator[Diagnosis]:
        """Yield diagnoses of new topics; with ``again`` also those whose text has changed."""
        for advice in found:
            before = self.reported.get(advice.topic)
            if before is None or (again and before != advice.message):
                self.reported[advice.topic] = advice.message
                yield advice


def on_steps(
    peak: Peak | None, history: Sequence[EpochEnd], config: RunConfig
) -> Iterator[Diagnosis]:
    """Diagnose a learning rate that is too large: steps that explode, or a loss that they ruin.

    References
    ----------
    Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent neural networks.
    """
    rate = config.train.learning_rate
    remedies = (Remedy("settings", (("learning_rate", _shorter(rate)),)),)
    clipped = config.train.clip == "norm" and config.train.clip_norm > 0
    hint = (
        f"Lower the learning rate, to {_shorter(rate):g}{'' if clipped else ', and clip by norm'}."
    )
    if peak is not None and peak.exploded:
        reached = _size(peak.largest) if math.isfinite(peak.largest) else "infinity"
        held = " before clipping" if peak.clipping else ""
        yield Diagnosis(
            "learning-rate",
            f"Epoch {peak.epoch}: the gradient's norm reached {reached}{held}, with a median of "
            f"{peak.usual:.2g}: it explodes. The learning rate, {rate:g}, is too large.",
            hint,
            remedies,
            rank=0,
        )
        return
    losses = [epoch for epoch in history[1:] if epoch.complete]
    loud = max(losses, key=lambda item: item.val_loss, default=None)
    if loud is not None and loud.val_loss > _RUINED * history[0].val_loss:
        yield Diagnosis(
            "learning-rate",
            f"Epoch {loud.epoch}: the validation loss was {loud.val_loss:.3g}, the baseline's is "
            f"{history[0].val_loss:.3g}: steps are too long. The learning rate, {rate:g}, is too "
            "large.",
            hint,
            remedies,
            rank=0,
        )


def _size(value: float) -> str:
    """Write a large number in full as long as people can read it, others in short."""
    return f"{value:,.0f}" if 100 <= value < 1e7 else f"{value:.2g}"


def _shorter(rate: float) -> float:
    return float(f"{_LR_SHARE * rate:.1g}")


def on_saturation(cells: CellStates, config: RunConfig) -> Iterator[Diagnosis]:
    """Diagnose hidden units at the limits of tanh, where no gradient passes."""
    if cells.saturated > _SATURATED:
        yield Diagnosis(
            "saturated",
            f"Epoch {cells.epoch}: {cells.saturated:.0%} of the hidden units are at the limits of "
            f"tanh: next to no gradient passes through this {config.model.title}.",
            "Lower the learning rate, or add weight decay.",
            rank=2,
        )


def on_memory(
    memory: GradientByLag, config: RunConfig, *, ruined: bool = False
) -> Iterator[Diagnosis]:
    """Diagnose the gradients that reach earlier bars: vanishing or exploding.

    ``ruined`` tells that steps or saturation explain more: then the advice is to mend these first.

    References
    ----------
    Bengio, Simard and Frasconi (1994); Pascanu, Mikolov and Bengio (2013).
    """
    lookback, name = config.task.input_size, config.model.title
    used, farthest = memory.reach, memory.farthest
    first = memory.norms.max(axis=0)
    share = first[-1] / first[0] if first[0] else 0.0
    if share > _EXPLODED:
        yield Diagnosis(
            "exploding",
            f"Epoch {memory.epoch}: the gradient {memory.lags[-1]} bars back is {_size(share)} "
            "times that of the last bar: "
            "it explodes on its way.",
            _calmer(config),
            rank=1,
        )
    elif used < lookback // 2:
        yield Diagnosis(
            "vanishing",
            f"Epoch {memory.epoch}: the gradient {memory.lags[-1]} bars back is "
            f"{f'{farthest:.2g} of the strongest' if farthest else 'zero'}: this {name} "
            "learns nothing from bars "
            f"{f'more than {used} back' if used else 'before the last'}, of a lookback of "
            f"{lookback}.",
            _FIRST if ruined else _longer(config, max(used, 2)),
            () if ruined else _remembering(config),
            rank=3,
        )


def _recovered(memory: GradientByLag) -> Diagnosis:
    """Return what replaces an earlier word on a short memory that has grown since."""
    return Diagnosis(
        "vanishing",
        f"Epoch {memory.epoch}: the gradient reaches {memory.reach} bars back now: what was said "
        "of a short memory no longer holds.",
    )


def _calmer(config: RunConfig) -> str:
    spec = config.model.spec
    bounded = ", choose tanh instead of ReLU" if "activation" in spec.settings else ""
    other = "" if spec.gated else f", or choose the network {titles(gated=True)}"
    return f"Clip by norm, lower the learning rate{bounded}{other}."


def _longer(config: RunConfig, used: int) -> str:
    lookback, nearer = config.task.input_size, _round(2 * used)
    shorter = f", or a lookback of {nearer}" if nearer < lookback else ""
    spec = config.model.spec
    if "positions" in spec.settings:
        return f"Try learned positions{shorter}."
    if not spec.gated:
        return (
            f"Choose the network {titles(gated=True)} with an initial memory of {lookback} "
            f"bars{shorter}."
        )
    if config.model.memory < lookback:
        return f"Try an initial memory of {lookback} bars{shorter}."
    return f"Choose the network {titles(recurrent=False)}{shorter}."


def _remembering(config: RunConfig) -> tuple[Remedy, ...]:
    """Return the remedy that initialises a gated network with a memory of the whole lookback."""
    lookback = config.task.input_size
    short = config.model.spec.gated and config.model.memory < lookback
    return (Remedy("settings", (("memory", lookback),)),) if short else ()


def _round(bars: int) -> int:
    """Return the next multiple of 5 bars."""
    return -(-bars // 5) * 5


def on_clipping(history: Sequence[EpochEnd], config: RunConfig) -> Iterator[Diagnosis]:
    """Diagnose how often gradients were clipped."""
    trained = history[1:]
    share, norm = (
        float(np.mean([e.clipped for e in trained])),
        float(np.median([e.grad_norm for e in trained])),
    )
    if share > _OFTEN:
        yield Diagnosis(
            "clipping",
            f"{share:.0%} of the steps were clipped (limit {config.train.clip_norm:g}, usual "
            f"norm {norm:.2g}): "
            "the limit, more than the gradient, decides how large steps are.",
            f"A limit of about {2 * norm:.1g} would hold back the exceptions only.",
            (Remedy("settings", (("clip_norm", float(f"{2 * norm:.1g}")),)),),
        )


def on_losses(history: Sequence[EpochEnd], stopped: str | None) -> Iterator[Diagnosis]:
    """Diagnose the loss curves: nothing learned, overfitting, or not yet converged."""
    last, best = history[-1], history[history[-1].best_epoch]
    if last.best_epoch == 0:
        yield Diagnosis(
            "nothing-learned",
            "No epoch was better on the validation part than the baseline that the network "
            "starts from.",
            "That is usual for prices. Try another learning rate (the finder proposes one), "
            "more series, or a smaller network.",
        )
    elif last.val_loss > (1 + _WORSE) * best.val_loss and last.train_loss < best.train_loss:
        yield Diagnosis(
            "by-heart",
            f"After epoch {best.epoch} the training loss went on falling while the validation "
            "loss rose by "
            f"{last.val_loss / best.val_loss - 1:.1%}: the network learns its windows by heart.",
            "More dropout, more weight decay, fewer units, or more series.",
        )
    elif stopped == "epochs" and last.best_epoch == last.epoch:
        more = Remedy("longer", (("epochs", max(_FEWEST_MORE, round(last.epoch / 2))),))
        yield Diagnosis(
            "longer",
            "The last epoch was the best one: the network was still learning.",
            "Train for more epochs.",
            (more,),
        )
