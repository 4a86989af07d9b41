"""Train on one device: :func:`fit_on` is a generator of events that returns a :class:`Fitted`.

Each epoch of :class:`Trainer` ends with validation, early stopping and perhaps a checkpoint.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from forecasting.calendars import future_sessions
from forecasting.config import QUANTILES, RunConfig
from forecasting.errors import CandlecastError
from forecasting.events import (
    MEAN_LEVELS,
    EpochEnd,
    Event,
    ForecastMade,
    GradientByLag,
    Notice,
    Progress,
    SplitMade,
    StepNorms,
    TrainingPaused,
)
from forecasting.memory import trim_after
from forecasting.models import Ensemble
from forecasting.series import Floats, Ints, Origins, Panel
from forecasting.spikes import without_spikes
from forecasting.training.cells import CellProbe
from forecasting.training.checkpoint import (
    Autosave,
    TrainingState,
    as_bytes,
    fingerprints,
    history_facts,
    random_states,
    restore_random,
    to_arrays,
    to_tensors,
)
from forecasting.training.covariates import with_covariates
from forecasting.training.diagnostics import Diagnostics
from forecasting.training.gradients import GradientProbe, clip_gradients
from forecasting.training.hardware import fits, release
from forecasting.training.objective import Pinball, supervision
from forecasting.training.optimizers import OPTIMISERS
from forecasting.training.schedules import SCHEDULES
from forecasting.training.start import fitted_scaling
from forecasting.training.step_norms import Rows, StepRecord
from forecasting.training.trained_network import (
    TrainedNetwork,
    at_once,
    build,
    forecasts_from,
    in_parts,
)
from forecasting.windows import Split, Windows, bars_before

StopAsked = Callable[[], bool]
#: Looks at a network in training, which it must not change, and yields what it has seen.
Observer = Callable[[TrainedNetwork, Windows], Iterator[Event]]
Stopped = Literal["epochs", "early", "user"]

#: Levels of the pinball loss: evenly spaced, with the limits of the 95 and 98 % bands.
TRAIN_LEVELS: tuple[float, ...] = (
    0.01,
    0.025,
    *(round(0.05 * k, 2) for k in range(1, 20)),
    0.975,
    0.99,
)
_REPORT_S, _PAUSE_S = 0.1, 0.05
#: Steps between two looks for numbers that are not finite, where looking makes a GPU wait.
_LOOK_EVERY = 32
#: A validation loss of so many times the baseline's is a training that has lost its way; the share
#: of the learning rate with which it goes on from its best weights, and how often that is tried.
_LOST, _LR_SCALE_STEP, _MOST_ROLLBACKS = 1.5, 0.25, 10
#: More steps than any training takes.
_MOST_COUNTED = 2**48


@dataclass(frozen=True, eq=False)
class Fitted:
    """The result of a training: forecaster, all epochs, and why training ended."""

    forecaster: TrainedNetwork
    history: tuple[EpochEnd, ...]
    stopped: Stopped


def fit_on(
    device: torch.device,
    panel: Panel,
    split: Split,
    config: RunConfig,
    should_stop: StopAsked,
    should_pause: StopAsked,
    resume: TrainingState | None,
    autosave: Path | None,
    keep: Path | None,
    observe: Observer | None,
) -> Generator[Event, None, Fitted]:
    """Train on one device; parameters, events and result as of
    :func:`forecasting.training.device_fallback.fit`.

    Raises
    ------
    torch.OutOfMemoryError, RuntimeError, MemoryError
        Memory is too small even for one window at a time;
        :func:`forecasting.training.hardware.is_out_of_memory` tells.
    """
    torch.manual_seed(config.train.seed)
    windows, forecaster = untrained(panel, split, config, device)
    scaling, network = forecaster.scaling, forecaster.network
    yield _split_made(split, network, device)
    trainer = Trainer(
        forecaster, windows, split, panel, should_stop, should_pause, Autosave(autosave)
    )
    trainer.watched = observe is not None
    look = _look(trainer, panel, observe) if observe is not None else _nothing
    if resume is None:
        trainer.record_epoch(math.nan, trainer.baseline_losses, np.zeros(3))
        if trainer.watched:
            yield from trainer.cells.look(0)
    else:
        trainer.restore(resume)
    yield from trainer.history
    yield from look()
    while trainer.stopped is None:
        before = len(trainer.history)
        yield from trainer.epoch()
        if len(trainer.history) > before:
            yield from look()
    if keep is not None:
        yield from _save_final(trainer, keep)
    if trainer.watched:
        yield from trainer.final_diagnostics()
    network.load_state_dict(trainer.best)
    network.eval()
    trained = replace(forecaster, trust=trainer.trust(panel, split))
    history, stopped = tuple(trainer.history), trainer.stopped
    if scaling.covariates is not None:
        trained = yield from with_covariates(trained, windows, split, trainer.pinball, should_stop)
    size = windows.table.nbytes
    del trainer, look, windows  # what follows needs their memory
    trim_after(size)
    fresh = scaling.refit(panel, bars_before(panel, split.test_start), config.task)
    return Fitted(replace(trained, scaling=fresh), history, stopped)


def untrained(
    panel: Panel, split: Split, config: RunConfig, device: torch.device
) -> tuple[Windows, TrainedNetwork]:
    """Return the windows of a panel and an untrained network; scales are fitted before
    ``split.val_start``.

    Spikes that were over before ``split.test_start`` are replaced in the windows, so that wrong
    bars are not learned from.

    Raises
    ------
    ConfigError
        A network that forecasts step by step, and a target whose steps do not add up.
    """
    scaling = fitted_scaling(panel, split, config, device)
    config.changed(
        target=scaling.target
    )  # refused where the target that was found does not go with the other settings
    if config.model.embedding:
        scaling = replace(scaling, symbols=panel.symbols)
    learned_from = (
        panel
        if scaling.target == "seasonal"
        else without_spikes(panel, bars_before(panel, split.test_start))
    )
    size = sum(series.values.nbytes for series in panel)
    trim_after(size)
    windows = Windows(learned_from, scaling, config.task, device)
    trim_after(size)
    network = build(config, scaling).to(device)
    network.set_input_scale(scaling.sd.tolist())
    return windows, TrainedNetwork(config, scaling, network, device, split.val_start)


def _save_final(trainer: Trainer, keep: Path) -> Iterator[Event]:
    """Write the final checkpoint; where that fails only the chance to train longer is lost."""
    try:
        trainer.state(ended=True).save(keep)
    except (CandlecastError, OSError) as error:
        yield Notice(
            f"The training cannot be kept to go on from: {error}", "Its result is not affected."
        )


def _nothing() -> Iterator[Event]:
    """Return no event: nobody watches."""
    return iter(())


def _look(trainer: Trainer, panel: Panel, observe: Observer) -> Callable[[], Iterator[Event]]:
    """Return a function that shows the current weights: a forecast of the real future, then what
    an observer says of them.
    """
    provisional = _provisional(trainer, panel)

    def look() -> Iterator[Event]:
        yield provisional()
        yield from observe(trainer.forecaster, trainer.windows)

    return look


def _provisional(trainer: Trainer, panel: Panel) -> Callable[[], ForecastMade]:
    """Return a function that forecasts the real future with the current weights."""
    dates = [future_sessions(series, trainer.windows.horizon) for series in panel]
    last, forecaster = Origins.last(panel), trainer.forecaster

    def made() -> ForecastMade:
        values = forecaster.predict_windows(trainer.windows, panel, last, QUANTILES)
        means = None
        if forecaster.config.task.point == "mean":
            means = forecaster.predict_windows(trainer.windows, panel, last, MEAN_LEVELS).mean(
                axis=2
            )
        return ForecastMade(
            forecasts_from(values, forecaster.name, panel, dates, QUANTILES, means),
            len(trainer.history) - 1,
        )

    return made


def _split_made(split: Split, network: Ensemble, device: torch.device) -> SplitMade:
    counts: dict[Literal["train", "val", "test"], int] = {
        "train": len(split.train),
        "val": len(split.val),
        "test": len(split.test),
    }
    parameters = sum(p.numel() for p in network.parameters())
    return SplitMade(split.val_start, split.test_start, counts, parameters, str(device))


def _mean(losses: Tensor) -> float:
    return float(losses.double().mean().item())


def _error_by_series(gain: Floats, series: Ints) -> float:
    """Return the standard error of the mean of gains [N], estimated from the means of their series
    [N]; infinite for one series.

    It supplements the error by date where there are few dates: gains of one date have no spread by
    date.
    """
    count = np.bincount(series)
    means = np.bincount(series, gain)[count > 0] / count[count > 0]
    return float(means.std(ddof=1) / math.sqrt(len(means))) if len(means) > 1 else math.inf


class Trainer:
    """The state of one training: all that changes from step to step.

    Parameters
    ----------
    forecaster : TrainedNetwork
        Its network is trained in place.
    windows : Windows
    split : Split
    panel : Panel
    should_stop, should_pause : callable
    autosave : Autosave
    """

    def __init__(
        self,
        forecaster: TrainedNetwork,
        windows: Windows,
        split: Split,
        panel: Panel,
        should_stop: StopAsked,
        should_pause: StopAsked,
        autosave: Autosave,
    ) -> None:
        self.forecaster, self.network, self.windows, self.panel = (
            forecaster,
            forecaster.network,
            windows,
            panel,
        )
        self.config, self.autosave = forecaster.config.train, autosave
        self.should_stop, self.should_pause = should_stop, should_pause
        self.val_rows = windows.rows(split.val)
        self.objective = supervision(windows, split.train, forecaster.config)
        levels, median = np.array(TRAIN_LEVELS), forecaster.table(np.array([0.5]))[:, 0]
        self.pinball = Pinball(
            torch.tensor(TRAIN_LEVELS, device=windows.device), forecaster.table(levels), median
        )
        self.optimiser = OPTIMISERS[self.config.optimiser](self.network.parameters(), self.config)
        self.members = len(self.network.members)
        self.baseline_losses = self.val_losses(trained=False)
        self.order = torch.Generator().manual_seed(self.config.seed)
        self.epoch_order = self.order.get_state()
        self.best, self.best_loss, self.best_epoch = self._weights(), math.inf, 0
        self.best_losses: Tensor | None = None
        self.history: list[EpochEnd] = []
        self.stopped: Stopped | None = None
        self.position, self.batch_size = 0, self.objective.batch_size
        self.seen = Rows()
        self.lr_scale, self.rollbacks = 1.0, 0
        self.patient_from = 0
        self.probe = GradientProbe(self.network, self.objective.rows, windows.window, self.losses)
        self.memory: GradientByLag | None = None
        self.cells = CellProbe(self.network, self.probe.window)
        self.steps = StepRecord(self.network, self.config)
        self.diagnostics = Diagnostics(forecaster.config)
        self.watched = True
        self.started = time.perf_counter()

    @cached_property
    def _prices(self) -> dict[str, str]:
        return fingerprints(self.panel)

    def _weights(self) -> dict[str, Tensor]:
        return {k: v.detach().clone() for k, v in self.network.state_dict().items()}

    def losses(self, shape: Tensor, rows: Tensor) -> Tensor:
        """Return the pinball losses of shapes [..., B, H, 3], mean over steps and levels, [...,
        B], in units of the scale.
        """
        return self.pinball(
            self.network.add_calendar(shape, self.windows.known_ahead(rows)),
            self.windows.target(rows),
        )

    @torch.no_grad()
    def val_losses(self, *, trained: bool = True) -> Tensor:
        """Return the loss of the members' median at each validation origin, shape [N]; an untrained
        network says nothing, and is not asked.
        """
        self.network.eval()
        config = self.forecaster.config

        def losses(rows: Tensor) -> Tensor:
            shape = (
                self.network.median(self.windows.window(rows))
                if trained
                else torch.zeros(len(rows), config.task.horizon, 3, device=rows.device)
            )
            return self.losses(shape, rows)

        return in_parts(losses, self.val_rows, at_once(config, self.windows.inputs))

    def trust(self, panel: Panel, split: Split) -> float:
        """Return the shrinkage factor of the best weights: ``1 - 1/t^2``, 0 where t is below 1.

        t is the ratio of their mean gain over the baseline on the validation part to its standard
        error, computed from means by date, because the series of a panel move together (shrinkage
        of James and Stein, 1961).
        """
        losses = self.val_losses() if self.best_losses is None else self.best_losses
        gain = (self.baseline_losses - losses).double().cpu().numpy()
        _, index = np.unique(split.val.cutoffs(panel), return_inverse=True)
        by_date = np.bincount(index, gain) / np.bincount(index)
        error = by_date.std() * math.sqrt(self.windows.horizon / len(by_date))
        if len(by_date) < 2 * self.windows.horizon:
            error = max(error, _error_by_series(gain, split.val.series))
        mean = by_date.mean()
        return float(max(0.0, 1 - (error / mean) ** 2)) if mean > 0 else 0.0

    @property
    def learning_rate(self) -> float:
        """Return the learning rate of the next epoch."""
        return (
            self.config.learning_rate
            * self.lr_scale
            * SCHEDULES[self.config.schedule](self.history, self.config)
        )

    def epoch(self) -> Iterator[Event]:
        """Train the rest of the current epoch, validate, and decide whether to go on.

        An epoch in which the user stops is recorded only if its weights are the best so far;
        otherwise it can be resumed later (:meth:`state`).
        """
        self.network.train()
        self.epoch_order = self.order.get_state()
        order = self.objective.sample_epoch(self.order)
        rate, reported = self.learning_rate, time.perf_counter()
        while self.position < len(order):
            if self.should_stop():
                self.stopped = "user"
                break
            if self.should_pause():
                yield from self._pause()
                continue
            batch = order[self.position : self.position + self.batch_size]
            if not fits(lambda batch=batch: self.step(batch, rate)):  # type: ignore[misc]
                yield self._halve()
                continue
            if self._is_not_finite(last=self.position >= len(order)):
                yield self._step_norms(self.position / len(order))
                yield self._ruined(
                    f"The gradient was not finite any more in epoch {len(self.history)}", rate
                )
                return
            if time.perf_counter() - reported >= _REPORT_S:
                reported = time.perf_counter()
                yield from self._report()
        if len(self.seen):
            yield from self._end_epoch(rate, self.position / len(order))

    def step(self, batch: Tensor, rate: float) -> None:
        """Take one gradient step on a batch; append loss, gradient norms and batch size to
        ``seen``.
        """
        # Gradients that vanish over hundreds of bars become denormal numbers, with which a
        # processor takes up to eight times as long.
        torch.set_flush_denormal(True)
        try:
            loss = self.objective.loss(
                self.objective.outputs(self.network, batch), batch, self.pinball
            )
            (self.members * loss).backward()  # type: ignore[no-untyped-call]
        finally:
            torch.set_flush_denormal(False)
        gradients = [p.grad for p in self.optimiser.parameters if p.grad is not None]
        *clipping, parts = clip_gradients(gradients, self.config, self.members)
        self.steps.add(parts)
        self.optimiser.step(rate)
        self.seen.append(
            torch.stack([loss.detach(), *clipping, torch.full_like(clipping[0], len(batch))])
        )
        self.position += len(batch)

    def _is_not_finite(self, last: bool) -> bool:
        """Return whether loss or gradient of recent steps were not finite; on a GPU checked now and
        then, and at the last step.
        """
        every = 1 if self.windows.device.type == "cpu" else _LOOK_EVERY
        due = len(self.seen) % every == 0 or last
        return due and not bool(self.seen.latest(every).isfinite().all())

    def _end_epoch(self, rate: float, share: float) -> Iterator[Event]:
        """Validate, and record an epoch of which a share is done, or roll back where it has ruined
        the weights.
        """
        losses = self.val_losses()
        val_loss = _mean(losses)
        if not math.isfinite(val_loss):
            yield self._step_norms(share)
            yield self._ruined(
                f"The validation loss was not finite any more after epoch {len(self.history)}", rate
            )
            return
        if share < 1 and val_loss >= self.best_loss:
            return
        yield self._step_norms(share)
        seen = self.seen.table
        train_loss = float((seen[:, 0] * seen[:, 4]).sum() / seen[:, 4].sum())
        event = self.record_epoch(
            train_loss, losses, seen[:, 1:4].mean(0).double().cpu().numpy(), rate, min(share, 1.0)
        )
        yield event
        lost = val_loss > _LOST * self.history[0].val_loss
        if lost and self.stopped is None and self.config.guard:
            yield self._roll_back(
                f"The validation loss was far above the baseline's after epoch {event.epoch}", rate
            )
        if self.watched:
            yield from self.diagnostics.during(self.history, self.memory, self.steps.peak)
        if self.autosave.due(best=event.best_epoch == event.epoch):
            yield from self._save()

    def record_epoch(
        self,
        train_loss: float,
        val_losses: Tensor,
        norms: Floats,
        rate: float | None = None,
        share: float = 1.0,
    ) -> EpochEnd:
        """Append an epoch to the history, keep the weights if they are the best, and apply early
        stopping.

        ``val_losses`` is that of each validation origin; ``norms`` holds the mean gradient norm
        before and after clipping, and the share of clipped steps.
        """
        number, val_loss = len(self.history), _mean(val_losses)
        if val_loss < self.best_loss:
            self.best, self.best_loss, self.best_epoch = self._weights(), val_loss, number
            self.best_losses = val_losses
        event = EpochEnd(
            epoch=number,
            epochs=self.config.epochs,
            train_loss=train_loss,
            val_loss=val_loss,
            best_epoch=self.best_epoch,
            best_loss=self.best_loss,
            learning_rate=self.config.learning_rate if rate is None else rate,
            grad_norm=float(norms[0]),
            clipped=float(norms[2]),
            seconds=time.perf_counter() - self.started,
            grad_norm_after=float(norms[1]),
            share=share,
        )
        self.history.append(event)
        self.position, self.seen, self.epoch_order = 0, Rows(), self.order.get_state()
        self.stopped = self.stopped or self._stop_reason()
        return event

    def _stop_reason(self) -> Stopped | None:
        """Return why training ends after the last recorded epoch; None where it goes on."""
        if len(self.history) > self.config.epochs:
            return "epochs"
        return "early" if self._stopped_early() else None

    def _stopped_early(self) -> bool:
        """Apply early stopping: True after ``patience`` epochs without a lower validation loss."""
        best = max(self.best_epoch, self.patient_from)
        return len(self.history) - 1 - best >= self.config.patience

    def _step_norms(self, share: float) -> StepNorms:
        """Return the norms of all steps of the epoch that ends."""
        seen = self.seen.table[:, 1:3].double().cpu().numpy()
        return self.steps.end_epoch(len(self.history), seen, min(share, 1.0))

    def _ruined(self, why: str, rate: float) -> Notice:
        """Roll back from weights that are not finite; without the guard end the training."""
        if self.config.guard:
            return self._roll_back(why, rate)
        self.network.load_state_dict(self.best)
        self.position, self.seen, self.stopped = 0, Rows(), "early"
        return Notice(
            f"{why}: training has ended, because its guard is off. The weights of epoch "
            f"{self.best_epoch} are kept.",
            "Lower the learning rate, clip by norm, or switch the guard on.",
        )

    def _roll_back(self, why: str, rate: float) -> Notice:
        """Restore the best weights and lower the learning rate; end the training after too many
        times.
        """
        self.rollbacks += 1
        self.network.load_state_dict(self.best)
        self.optimiser = OPTIMISERS[self.config.optimiser](self.network.parameters(), self.config)
        self.position, self.seen = 0, Rows()
        went_back = (
            f"{why}: training went back to its best weights, those of epoch {self.best_epoch}"
        )
        if self.rollbacks > _MOST_ROLLBACKS:
            self.stopped = self.stopped or "early"
            return Notice(
                f"{went_back}, and ended: it has done so {_MOST_ROLLBACKS} times.",
                "Use a much lower learning rate.",
            )
        self.lr_scale *= _LR_SCALE_STEP
        hint = (
            "Lower the learning rate."
            if self.config.clip == "norm" and self.config.clip_norm
            else "Lower the learning rate, or clip by norm."
        )
        return Notice(
            f"{went_back}, and goes on with a quarter of the learning rate, "
            f"{rate * _LR_SCALE_STEP:.2g}.",
            hint,
        )

    def _halve(self) -> Notice:
        """Halve the batch size after out of memory.

        Raises
        ------
        torch.OutOfMemoryError
            A batch of one is too large.
        """
        if self.batch_size == 1:
            raise torch.OutOfMemoryError(
                f"out of memory: not even one of the {self.objective.unit} fits"
            )
        self.optimiser.clear()
        self.batch_size = max(1, min(self.batch_size, self.objective.count) // 2)
        release(self.windows.device)
        return Notice(
            f"The device's memory was too small, so batches now have {self.batch_size} "
            f"{self.objective.unit}.",
            "Lower the batch, or the network's size.",
        )

    def _pause(self) -> Iterator[Event]:
        """Wait while training is paused; the time does not count."""
        started = time.perf_counter()
        yield self._progress("Paused", None)
        notice = self.autosave.save(self.state()) if self.autosave.path is not None else None
        if notice is not None:
            yield notice
        elif self.autosave.path is not None:
            yield TrainingPaused()
        while self.should_pause() and not self.should_stop():
            time.sleep(_PAUSE_S)
        self.started += time.perf_counter() - started

    def _report(self) -> Iterator[Event]:
        """Yield progress; now and then measure gradients and save a checkpoint."""
        done, total = self._steps()
        spent = time.perf_counter() - self.started
        eta = spent / max(1, done) * (total - done)
        yield self._progress(f"{len(self.history) - 1} of {self.config.epochs} epochs done", eta)
        if self.watched:
            yield from self._probed()
        if self.autosave.due():
            yield from self._save()

    def _probed(self) -> Iterator[Event]:
        """Measure gradients and look into the cells, where it is time to."""
        seen = self.probe.look_if_due(len(self.history))
        if seen is not None:
            self.memory = seen
            yield seen
        yield from self.cells.look_if_due(len(self.history))

    def _steps(self) -> tuple[int, int]:
        """Return the numbers of steps done and at most."""
        each = math.ceil(self.objective.count / self.batch_size)
        return (len(self.history) - 1) * each + math.ceil(
            self.position / self.batch_size
        ), self.config.epochs * each

    def _progress(self, message: str, eta_s: float | None) -> Progress:
        done, total = self._steps()
        return Progress(done, total, message, eta_s)

    def final_diagnostics(self) -> Iterator[Event]:
        """Measure gradients a last time and yield the diagnoses of the whole training."""
        seen = self.probe.look(len(self.history) - 1)
        if seen is not None:
            self.memory = seen
            yield seen
        yield from self.cells.look(len(self.history) - 1)
        yield from self.diagnostics.after(
            self.history, self.memory, self.stopped, self.steps.peak, self.cells.last
        )

    def _save(self) -> Iterator[Event]:
        if self.autosave.path is None:
            return
        notice = self.autosave.save(self.state())
        if notice is not None:
            yield notice

    def state(self, *, ended: bool = False) -> TrainingState:
        """Return the checkpoint: all that decides the next steps; ``ended`` marks a finished
        training, which may be made longer.
        """
        tensors = {
            **{f"network.{k}": v for k, v in self.network.state_dict().items()},
            **{f"best.{k}": v for k, v in self.best.items()},
            **{f"optimiser.{k}": v for k, v in self.optimiser.state().items()},
            **random_states(self.windows.device),
            "random.order": self.epoch_order,
            "seen": self.seen.table if len(self.seen) else torch.zeros(0, 5),
        }
        facts = {
            "history": history_facts(self.history),
            "place": self.position,
            "batch_size": self.batch_size,
            "steps": self.optimiser.steps,
            "slower": self.lr_scale,
            "rollbacks": self.rollbacks,
            "patient_from": self.patient_from,
            "ended": ended,
            "seconds": time.perf_counter() - self.started,
        }
        sources = tuple(dict.fromkeys(series.provenance.source for series in self.panel))
        return TrainingState(
            self.forecaster.config, self._prices, sources, facts, to_arrays(tensors)
        )

    def restore(self, state: TrainingState) -> None:
        """Resume from a checkpoint of :meth:`state`.

        A finished training that is made longer gets its full patience again: earlier epochs do not
        count.

        Raises
        ------
        ModelFileError
            Its parts do not fit together.
        """
        with state.explained():
            facts, arrays = state.facts, state.arrays
            self.network.load_state_dict(to_tensors(arrays, "network."))
            self.best = {
                k: v.to(self.windows.device) for k, v in to_tensors(arrays, "best.").items()
            }
            self.optimiser.restore(to_tensors(arrays, "optimiser."), int(facts["steps"]))
            self.history = state.history
            self.best_loss, self.best_epoch = (
                self.history[-1].best_loss,
                self.history[-1].best_epoch,
            )
            self.position, self.batch_size = int(facts["place"]), int(facts["batch_size"])
            self.seen = Rows(to_tensors(arrays, "seen")[""].to(self.windows.device))
            self.lr_scale, self.rollbacks = float(facts["slower"]), int(facts["rollbacks"])
            self.order.set_state(as_bytes(arrays["random.order"]))
            restore_random(arrays, self.windows.device)
            self.patient_from = int(facts.get("patient_from", 0))
            if not isinstance(facts.get("ended", False), bool):
                raise ValueError(f"whether it had ended is {facts['ended']!r:.40}")
            self._check_restored(int(facts["steps"]), float(facts["seconds"]))
        if state.facts.get("ended") and self.config.epochs > state.config.train.epochs:
            self.patient_from = len(self.history) - 1
        self.stopped = None if self.position else self._stop_reason()
        self.started = time.perf_counter() - float(facts["seconds"])

    def _check_restored(self, steps: int, seconds: float) -> None:
        """Raise ValueError for counters and weights that no training can have saved."""
        here = self.network.state_dict()
        if {k: v.shape for k, v in self.best.items()} != {k: v.shape for k, v in here.items()}:
            raise ValueError("its best weights are those of another network")
        if (self.position > 0) != (len(self.seen) > 0) or self.seen.table.shape[1:] != (5,):
            raise ValueError(
                f"it was at window {self.position} of an epoch, and tells of {len(self.seen)} steps"
            )
        counts = {
            "place": self.position,
            "batch_size": self.batch_size - 1,
            "steps": steps,
            "rollbacks": self.rollbacks,
        }
        counts["patient_from"] = self.patient_from
        bad = next((name for name, count in counts.items() if not 0 <= count < _MOST_COUNTED), None)
        if bad or not (math.isfinite(seconds) and 0 <= self.lr_scale <= 1):
            raise ValueError(f"{bad or 'seconds or slower'} is beyond all counting")
