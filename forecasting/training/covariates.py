"""Train the network of exogenous inputs on top of the forecast without them, and shrink it by how
surely it gained.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from forecasting.events import Event, Notice, Progress
from forecasting.models.covariates import CovariateNetwork
from forecasting.series import Floats, Panel
from forecasting.training.gradients import clip_gradients
from forecasting.training.objective import Pinball
from forecasting.training.optimizers import OPTIMISERS
from forecasting.training.trained_network import TrainedNetwork, build_covariates, in_parts
from forecasting.windows import Split, Windows

#: Learning rate beside that of the network: few weights, most of them linear. Pull of the weights
#: towards zero.
_FASTER, _WEIGHT_DECAY = 10.0, 0.02
#: A gain counts from so many squared standard errors on: the best epoch was chosen on the same
#: origins.
_DOUBT = 4.0
#: Windows that are evaluated at a time.
_AT_ONCE = 4096
#: Fewest gradient steps, so that short series are learned too, and most passes for that.
_LEAST_STEPS, _MOST_EPOCHS = 1500, 200


class CovariateTraining:
    """Training of the network that reads exogenous inputs, on the losses of the forecast without
    them.

    Parameters
    ----------
    forecaster : TrainedNetwork
        With its best weights and the share in which they count; it is not changed.
    windows : Windows
    split : Split
        Weights are learned on the training origins; the best epoch, and how far it counts, is
        decided on the validation origins.
    pinball : Pinball
    """

    def __init__(
        self, forecaster: TrainedNetwork, windows: Windows, split: Split, pinball: Pinball
    ) -> None:
        self.forecaster, self.windows, self.pinball = forecaster, windows, pinball
        self.config = forecaster.config.train.model_copy(update={"weight_decay": _WEIGHT_DECAY})
        self.train_rows, self.val_rows = windows.rows(split.train), windows.rows(split.val)
        torch.manual_seed(self.config.seed + 1)
        self.network: CovariateNetwork = build_covariates(forecaster.config, forecaster.scaling).to(
            windows.device
        )
        self.optimiser = OPTIMISERS["adamw"](self.network.parameters(), self.config)
        self.train_shapes, self.val_shapes = (
            self._unmoved(self.train_rows),
            self._unmoved(self.val_rows),
        )
        self.before = self._val_losses(moved=False)
        self.best = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.best_loss, self.best_epoch = float(self.before.mean()), 0

    @torch.no_grad()
    def _unmoved(self, rows: Tensor) -> Tensor:
        """Return the outputs without inputs, [N, H, 3]."""
        return in_parts(
            lambda some: self.forecaster.shape_without_inputs(self.windows, some), rows, _AT_ONCE
        )

    @torch.no_grad()
    def _val_losses(self, *, moved: bool = True) -> Floats:
        """Return the loss of each validation origin, [N]."""
        self.network.eval()

        def losses(indices: Tensor) -> Tensor:
            rows, shape = self.val_rows[indices], self.val_shapes[indices]
            if moved:
                shape = shape + self.network(*self.windows.covariates(rows))
            return self.pinball(shape, self.windows.target(rows))

        indices = torch.arange(len(self.val_rows), device=self.val_rows.device)
        return in_parts(losses, indices, _AT_ONCE).double().cpu().numpy()

    @property
    def epochs(self) -> int:
        """Return the largest number of passes over the training origins."""
        each = math.ceil(len(self.train_rows) / self.config.batch_size)
        return (
            max(self.config.epochs, min(_MOST_EPOCHS, math.ceil(_LEAST_STEPS / each)))
            if self.config.epochs > 1
            else self.config.epochs
        )

    def run(self, should_stop: Callable[[], bool]) -> Iterator[Event]:
        """Train with early stopping on the validation loss, or until a stop is requested; the best
        weights are restored.
        """
        order = torch.Generator().manual_seed(self.config.seed + 1)
        patience = max(self.config.patience, self.epochs // 4)
        for epoch in range(1, self.epochs + 1):
            yield Progress(epoch - 1, self.epochs, "Learning what the inputs add")
            self.network.train()
            rate = (
                0.5
                * _FASTER
                * self.config.learning_rate
                * (1 + math.cos(math.pi * (epoch - 1) / self.epochs))
            )
            for indices in torch.randperm(len(self.train_rows), generator=order).split(
                self.config.batch_size
            ):  # type: ignore[no-untyped-call]
                if should_stop():
                    break
                self._step(indices.to(self.train_rows.device), rate)
            loss = float(self._val_losses().mean())
            if loss < self.best_loss:
                self.best = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
                self.best_loss, self.best_epoch = loss, epoch
            if should_stop() or epoch - self.best_epoch >= patience or not math.isfinite(loss):
                break
        self.network.load_state_dict(self.best)
        self.network.eval()

    def _step(self, indices: Tensor, rate: float) -> None:
        rows = self.train_rows[indices]
        shape = self.train_shapes[indices] + self.network(*self.windows.covariates(rows))
        self.pinball(shape, self.windows.target(rows)).mean().backward()  # type: ignore[no-untyped-call]
        clip_gradients(
            [p.grad for p in self.optimiser.parameters if p.grad is not None], self.config, 1
        )
        self.optimiser.step(rate)

    def shrinkage(self, panel: Panel, split: Split) -> float:
        """Return the shrinkage factor of the inputs' effect: ``1 - 4/t^2``, 0 where t is below 2.

        t is the ratio of the mean gain over the forecast without inputs to its standard error, by
        validation date. This is the positive-part shrinkage of James and Stein (1961), with four
        times its constant because the epoch was chosen on the same dates.
        """
        gain = self.before - self._val_losses()
        cutoffs = np.array(
            [panel[int(s)].ds[b] for s, b in zip(split.val.series, split.val.bar, strict=True)]
        )
        _, index = np.unique(cutoffs, return_inverse=True)
        by_date = np.bincount(index, gain) / np.bincount(index)
        mean = float(by_date.mean())
        error = float(by_date.std()) * math.sqrt(self.windows.horizon / len(by_date))
        return max(0.0, 1 - _DOUBT * (error / mean) ** 2) if mean > 0 and len(by_date) > 1 else 0.0


def with_covariates(
    forecaster: TrainedNetwork,
    windows: Windows,
    split: Split,
    pinball: Pinball,
    should_stop: Callable[[], bool],
) -> Generator[Event, None, TrainedNetwork]:
    """Train the exogenous inputs, and return the forecaster that reads them."""
    training = CovariateTraining(forecaster, windows, split, pinball)
    yield from training.run(should_stop)
    counts = training.shrinkage(windows.panel, split)
    if not counts:
        names = ", ".join(spec.name for spec in forecaster.config.inputs.exog)
        yield Notice(
            f"On the validation part nothing was gained by reading {names}: the forecast is "
            "made without."
        )
    return replace(forecaster, covariates=training.network, covariate_shrinkage=counts)
