"""Training: fit() is a generator of events that returns a Forecaster."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from forecasting.bundle import read_bundle, write_bundle
from forecasting.calendars import future_sessions
from forecasting.config import QUANTILES, ModelConfig, RunConfig, TrainConfig
from forecasting.conformal import CALIBRATIONS, Calibrated
from forecasting.errors import ConfigError, ModelFileError
from forecasting.events import EpochEnd, Event, ForecastMade, Notice, Predictor, Progress, SplitMade
from forecasting.models import Ensemble
from forecasting.models.heads import stretch
from forecasting.series import Dates, Floats, Forecast, Origins, Panel
from forecasting.windows import Scaling, Split, Windows, bars_before, check_lookback

StopAsked = Callable[[], bool]
Stopped = Literal["epochs", "early", "user"]

#: Levels of the pinball loss: evenly spaced, with the limits of the 95 and 98 % bands.
TRAIN_LEVELS: tuple[float, ...] = (0.01, 0.025, *(round(0.05 * k, 2) for k in range(1, 20)), 0.975, 0.99)
_CHUNK = 4096
_REPORT_S = 0.1


class AdamW:
    """AdamW over a list of tensors (Loshchilov and Hutter 2019).

    The same steps as ``torch.optim.AdamW``, whose first use imports torch's compiler: seconds and
    hundreds of megabytes that a small network does not need.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], weight_decay: float, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self.parameters: list[Tensor] = [p for p in parameters if p.requires_grad]
        self.weight_decay, self.betas, self.steps = weight_decay, betas, 0
        self.mean = [torch.zeros_like(p) for p in self.parameters]
        self.square = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move every parameter against its gradient and clear the gradients."""
        self.steps += 1
        first, second = self.betas
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self.parameters]
        torch._foreach_lerp_(self.mean, gradients, 1 - first)
        torch._foreach_mul_(self.square, second)
        torch._foreach_addcmul_(self.square, gradients, gradients, 1 - second)
        size = torch._foreach_sqrt(self.square)
        torch._foreach_div_(size, math.sqrt(1 - second**self.steps))
        torch._foreach_add_(size, 1e-8)
        torch._foreach_mul_(self.parameters, 1 - learning_rate * self.weight_decay)
        torch._foreach_addcdiv_(self.parameters, self.mean, size, -learning_rate / (1 - first**self.steps))
        for parameter in self.parameters:
            parameter.grad = None


@dataclass(frozen=True, eq=False)
class Forecaster:
    """A trained network with all it needs to forecast: settings, scaling, weights.

    Attributes
    ----------
    config : RunConfig
    scaling : Scaling
        Fitted on the training part.
    network : Ensemble
        In evaluation mode.
    device : torch.device
    trust : float
        Between 0 and 1: how far what the network says counts beside the baseline, by how surely it was
        better on the validation part.
    val_start : datetime64[us]
        First date that the weights were not trained on: calibration learns from the misses since then.
    """

    config: RunConfig
    scaling: Scaling
    network: Ensemble
    device: torch.device
    val_start: np.datetime64
    trust: float = 1.0

    @property
    def name(self) -> str:
        """Name in tables and exports: the kind of network in capitals."""
        return self.config.model.model.upper()

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...] = QUANTILES) -> Floats:
        """Forecast from each origin.

        Parameters
        ----------
        panel : Panel
            May hold other series than those of the training.
        origins : Origins, N of them
            Only bars up to each cutoff are looked at.
        quantiles : tuple of float, length Q
            Any levels between 0 and 1, increasing.

        Returns
        -------
        ndarray of float64, shape [N, H, Q]
            Quantiles of the value (price units), non-decreasing along Q.

        Raises
        ------
        DataError
            A cutoff with fewer bars behind it than the lookback.
        """
        check_lookback(panel, origins, self.config.task.input_size)
        return self.predict_windows(Windows(panel, self.scaling, self.config.task, self.device), panel, origins, quantiles)

    def calibrated(self, panel: Panel) -> Predictor:
        """Return a predictor whose bands learn from this one's misses in the panel, as the settings say.

        For each origin it looks at bars up to its cutoff only.
        """
        name = self.config.task.calibration
        if name == "none":
            return self
        task = self.config.task
        return Calibrated(self, CALIBRATIONS[name], bars_before(panel, self.val_start), task.horizon, task.input_size)

    def predict_windows(self, windows: Windows, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        """Forecast as :meth:`predict` does, from windows already made of the panel with this scaling."""
        levels = np.asarray(quantiles, np.float64)
        scaled = self._scaled(windows, windows.rows(origins), self._table(levels), self._table(np.array([0.5]))[:, 0])
        return windows.values(origins, scaled)

    @torch.no_grad()
    def _scaled(self, windows: Windows, rows: Tensor, baseline: Tensor, median: Tensor) -> Floats:
        """Return the h-bar moves' quantiles in units of the path, shape [N, H, Q]."""
        training = self.network.training
        self.network.eval()
        parts = []
        for some in _chunks(rows, _CHUNK):
            shape = self.trust * self.network.together(windows.window(some))
            parts.append((stretch(shape, baseline, median) * windows.scale(some).unsqueeze(-1)).cpu().numpy().astype(np.float64))
        self.network.train(training)
        return np.concatenate(parts)

    def _table(self, levels: Floats) -> Tensor:
        return torch.as_tensor(self.scaling.baseline(levels).astype(np.float32)).to(self.device)

    def save(self, path: str | Path) -> None:
        """Write a model file that holds no code: settings as JSON, numbers as safetensors.

        Raises
        ------
        CandlecastError
            The file cannot be written.
        """
        weights = {f"network.{k}": v.detach().cpu().numpy() for k, v in self.network.state_dict().items()}
        manifest = {
            "kind": "candlecast-forecaster",
            "config": self.config.model_dump(mode="json"),
            "target": self.scaling.target,
            "scale": self.scaling.kind,
            "val_start": str(self.val_start),
            "trust": self.trust,
            "torch": torch.__version__,
        }
        write_bundle(Path(path), manifest, {**weights, **self.scaling.arrays()})

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Forecaster:
        """Read a model file; nothing in it is executed.

        Raises
        ------
        ModelFileError
            The file is damaged, foreign, or its parts contradict each other; says which.
        """
        manifest, arrays = read_bundle(Path(path))
        if manifest.get("kind") != "candlecast-forecaster":
            raise ModelFileError(f"{path} is not a Candlecast model.", "Choose a file written by 'Save model'.")
        try:
            config = RunConfig.model_validate(manifest["config"])
            scaling = Scaling.from_arrays(arrays, manifest["target"], manifest["scale"])
            val_start, trust = np.datetime64(manifest["val_start"], "us"), float(manifest["trust"])
            network = build(config, inputs=len(scaling.mean))
            network.load_state_dict({k.removeprefix("network."): torch.as_tensor(v) for k, v in arrays.items() if k.startswith("network.")})
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise ModelFileError(
                f"{path} does not fit together: {str(error).splitlines()[0]}", "Save the model again, or train a new one."
            ) from error
        if scaling.quantiles.shape[0] != config.task.horizon:
            raise ModelFileError(f"{path} holds numbers for another horizon than its settings say.", "Train a new model.")
        where = choose_device(device)
        return cls(config, scaling, network.to(where).eval(), where, val_start, trust)


def build(config: RunConfig, inputs: int) -> Ensemble:
    """Build the network that a run asks for, untrained: it forecasts exactly the baseline."""
    return Ensemble(config.model, inputs, config.task.horizon)


def choose_device(wanted: str) -> torch.device:
    """Return the device a run uses: the one named, or for ``auto`` CUDA, then MPS, then the CPU.

    Raises
    ------
    ConfigError
        A device that this machine lacks; the hint names those it has.
    """
    have = devices()
    if wanted == "auto":
        return torch.device(next(iter(have)))
    name = "cuda:0" if wanted == "cuda" else wanted
    if name not in have:
        raise ConfigError(f"There is no device '{wanted}' here.", f"Choose one of: auto, {', '.join(have)}.")
    return torch.device(name)


def devices() -> dict[str, str]:
    """Return the devices of this machine, fastest first: name -> words for people."""
    found = {}
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(index)
            found[f"cuda:{index}"] = f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB"
    if torch.backends.mps.is_available():
        found["mps"] = "Apple GPU"
    found["cpu"] = f"CPU, {torch.get_num_threads()} threads"
    return found


def set_threads(model: ModelConfig, train: TrainConfig) -> None:
    """Use one thread where steps are so small that a second one costs more than it brings.

    The rule depends on the settings only, never on a timing, so that the same run gives the same numbers.
    """
    import os

    cores = os.cpu_count() or 1
    torch.set_num_threads(1 if model.hidden_size * train.batch_size <= 8192 else max(1, cores // 2 if cores > 4 else cores))


@dataclass(frozen=True, eq=False)
class Fitted:
    """What fit() returns: the forecaster, every epoch, and why training ended."""

    forecaster: Forecaster
    history: tuple[EpochEnd, ...]
    stopped: Stopped


def forecasts_from(values: Floats, name: str, panel: Panel, dates: Sequence[Dates], quantiles: tuple[float, ...]) -> tuple[Forecast, ...]:
    """Wrap values [S, H, Q], forecast from the last bar of each series, with the dates [H] of its future sessions."""
    return tuple(
        Forecast(s.symbol, name, s.ds[-1], float(s.y[-1]), ds, quantiles, v) for s, ds, v in zip(panel, dates, values, strict=True)
    )


def fit(panel: Panel, split: Split, config: RunConfig, should_stop: StopAsked) -> Generator[Event, None, Fitted]:
    """Train a network and keep the weights of the best validation loss.

    Parameters
    ----------
    panel : Panel
    split : Split
        Weights come from ``split.train``, the choice of the epoch from ``split.val``; volatility and
        baseline are brought up to ``split.test_start`` at the end. No bar from that date on is looked at.
    config : RunConfig
    should_stop : callable
        Polled every batch; once true, training ends with the best weights so far.

    Yields
    ------
    Event
        SplitMade, Progress, Notice, EpochEnd (epoch 0 is the baseline itself), and after each of these a
        ForecastMade: the real future as the network sees it at that moment.

    Returns
    -------
    Fitted
    """
    device = choose_device(config.train.device)
    set_threads(config.model, config.train)
    torch.manual_seed(config.train.seed)
    scaling = Scaling.fit(panel, split.insample, config.task)
    windows = Windows(panel, scaling, config.task, device)
    network = build(config, windows.inputs).to(device)
    forecaster = Forecaster(config, scaling, network, device, split.val_start)
    yield _split_made(split, network, device)
    run = _Run(forecaster, windows, split, config, should_stop)
    dates = [future_sessions(series, config.task.horizon) for series in panel]
    last = Origins.last(panel)

    def provisional() -> ForecastMade:
        values = forecaster.predict_windows(windows, panel, last, QUANTILES)
        return ForecastMade(forecasts_from(values, forecaster.name, panel, dates, QUANTILES), len(run.history) - 1)

    yield run.epoch_end(math.nan, run.validate(), 0.0, 0.0)
    yield provisional()
    while run.stopped is None:
        yield from run.epoch()
        yield provisional()
    if run.rolled_back:
        yield Notice("Training became unstable and went back to its best weights.", "Lower the learning rate.")
    network.load_state_dict(run.best)
    network.eval()
    known = bars_before(panel, split.test_start)
    forecaster = replace(forecaster, scaling=scaling.brought_up_to(panel, known, config.task), trust=run.trust(panel, split))
    return Fitted(forecaster, tuple(run.history), run.stopped)


def _split_made(split: Split, network: Ensemble, device: torch.device) -> SplitMade:
    counts: dict[Literal["train", "val", "test"], int] = {"train": len(split.train), "val": len(split.val), "test": len(split.test)}
    parameters = sum(p.numel() for p in network.parameters())
    return SplitMade(split.val_start, split.test_start, counts, parameters, str(device))


class _Run:
    """The state of one training: what changes from step to step."""

    def __init__(self, forecaster: Forecaster, windows: Windows, split: Split, config: RunConfig, should_stop: StopAsked) -> None:
        self.network, self.windows, self.config, self.should_stop = forecaster.network, windows, config.train, should_stop
        self.train_rows, self.val_rows = windows.rows(split.train), windows.rows(split.val)
        self.levels = torch.tensor(TRAIN_LEVELS, device=windows.device)
        self.baseline = forecaster._table(np.array(TRAIN_LEVELS))
        self.median = forecaster._table(np.array([0.5]))[:, 0]
        self.optimiser = AdamW(self.network.parameters(), self.config.weight_decay)
        self.members = len(self.network.members)
        self.baseline_losses = self.val_losses()
        self.order = torch.Generator().manual_seed(self.config.seed)
        self.best, self.best_loss, self.best_epoch = self._weights(), math.inf, 0
        self.history: list[EpochEnd] = []
        self.stopped: Stopped | None = None
        self.rolled_back = False
        self.started = time.perf_counter()

    def _weights(self) -> dict[str, Tensor]:
        return {k: v.detach().clone() for k, v in self.network.state_dict().items()}

    def losses(self, shape: Tensor, rows: Tensor) -> Tensor:
        """Return the pinball losses of shapes [..., B, H, 3], mean over steps and levels, [..., B], in units of the scale."""
        error = self.windows.target(rows).unsqueeze(-1) - stretch(shape, self.baseline, self.median)
        return torch.maximum(self.levels * error, (self.levels - 1) * error).mean((-2, -1))

    @torch.no_grad()
    def val_losses(self) -> Tensor:
        """Return the losses of the members' median from each validation origin, shape [N]."""
        self.network.eval()
        return torch.cat([self.losses(self.network.together(self.windows.window(r)), r) for r in _chunks(self.val_rows, _CHUNK)])

    def validate(self) -> float:
        """Return the mean loss on the validation part."""
        return float(self.val_losses().double().mean().item())

    def trust(self, panel: Panel, split: Split) -> float:
        """Return how far the best weights are to be trusted: ``1 - 1/t^2``, 0 where t is below 1.

        t is the ratio of their mean gain over the baseline on the validation part to its standard error,
        taken from the means by date because the series of a panel are surprised together. It is the
        shrinkage of James and Stein (1961): a gain that may be luck is believed in part.
        """
        gain = (self.baseline_losses - self.val_losses()).double().cpu().numpy()
        cutoffs = np.array([panel[int(s)].ds[b] for s, b in zip(split.val.series, split.val.bar, strict=True)])
        _, place = np.unique(cutoffs, return_inverse=True)
        by_date = np.bincount(place, gain) / np.bincount(place)
        error = by_date.std() * math.sqrt(self.windows.horizon / len(by_date))
        mean = by_date.mean()
        return float(max(0.0, 1 - (error / mean) ** 2)) if mean > 0 else 0.0

    @property
    def learning_rate(self) -> float:
        """Return the learning rate of the epoch that comes next."""
        done, total = len(self.history) - 1, self.config.epochs
        share = 0.5 * (1 + math.cos(math.pi * done / total)) if self.config.schedule == "cosine" else 1.0
        return self.config.learning_rate * share

    def epoch(self) -> Iterator[Event]:
        """Train one epoch, validate, and decide whether to go on."""
        self.network.train()
        order = torch.randperm(len(self.train_rows), generator=self.order).to(self.windows.device)
        batches = _chunks(self.train_rows[order], self.config.batch_size)
        number, total = len(self.history), self.config.epochs * len(batches)
        losses, norms, reported = [], [], time.perf_counter()
        rate = self.learning_rate
        for done, rows in enumerate(batches):
            if self.should_stop():
                self.stopped = "user"
                break
            loss = self.losses(self.network(self.windows.window(rows)), rows).mean()
            (self.members * loss).backward()  # type: ignore[no-untyped-call]
            norms.append(self._clip())
            self.optimiser.step(rate)
            losses.append(loss.detach())
            now = time.perf_counter()
            if now - reported >= _REPORT_S:
                reported, steps = now, (number - 1) * len(batches) + done + 1
                eta = (now - self.started) / steps * (total - steps)
                yield Progress(steps, total, f"Epoch {number} of {self.config.epochs}", eta)
        if not losses:
            return
        clip = self.config.clip_norm
        norm = torch.stack(norms)
        clipped = float((norm > clip).float().mean().item()) if clip else 0.0
        yield self.epoch_end(float(torch.stack(losses).mean().item()), self.validate(), float(norm.mean().item()), clipped, rate)

    def _clip(self) -> Tensor:
        """Scale the gradients down to the largest norm allowed a member; return the norm that members had on average."""
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))) / math.sqrt(self.members)
        if self.config.clip_norm:
            torch._foreach_mul_(gradients, torch.clamp(self.config.clip_norm / (norm + 1e-6), max=1.0))
        return norm

    def epoch_end(self, train_loss: float, val_loss: float, norm: float, clipped: float, rate: float | None = None) -> EpochEnd:
        """Note an epoch: keep the weights if they are the best, stop if it is time to."""
        number = len(self.history)
        if not math.isfinite(val_loss):
            self.network.load_state_dict(self.best)
            self.rolled_back, self.stopped = True, self.stopped or "early"
        elif val_loss < self.best_loss:
            self.best, self.best_loss, self.best_epoch = self._weights(), val_loss, number
        if self.stopped is None and number >= self.config.epochs:
            self.stopped = "epochs"
        if self.stopped is None and number - self.best_epoch >= self.config.patience:
            self.stopped = "early"
        event = EpochEnd(
            number,
            self.config.epochs,
            train_loss,
            val_loss,
            self.best_epoch,
            self.best_loss,
            self.config.learning_rate if rate is None else rate,
            norm,
            clipped,
            time.perf_counter() - self.started,
        )
        self.history.append(event)
        return event


def _chunks(rows: Tensor, size: int) -> list[Tensor]:
    return [rows[n : n + size] for n in range(0, len(rows), size)]
