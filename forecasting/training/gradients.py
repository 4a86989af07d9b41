"""Clip gradients that explode, and measure those that vanish, through time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from forecasting.config import TrainConfig
from forecasting.events import GradientByLag
from forecasting.models import Ensemble, Network
from forecasting.models.native_outputs import native_clip
from forecasting.models.native_pass import computes
from forecasting.training.hardware import is_out_of_memory

#: Lags that a probe shows at most, windows it looks at, seconds between two looks, and the share of
#: time they may take.
_LAGS, _WINDOWS, _EVERY_S, _SHARE = 24, 16, 1.0, 0.02


def clip_gradients(
    gradients: list[Tensor], config: TrainConfig, members: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Clip gradients by norm or value, as configured (Pascanu, Mikolov and Bengio 2013).

    Parameters
    ----------
    gradients : list of Tensor
        Changed in place.
    config : TrainConfig
    members : int
        Networks that the gradients belong to; a norm is that of one of them, on average.

    Returns
    -------
    before, after, clipped : Tensor
        Norm before and after, and whether anything was held back (0 or 1); all on the device,
        without waiting for it.
    parts : Tensor, shape [P]
        Norm of each gradient before clipping.
    """
    limit = config.clip_norm if config.clip != "off" else 0.0
    usual = config.clip == "norm" or not limit
    if usual and computes(gradients[0]) and all(g.is_contiguous() for g in gradients):
        found = native_clip(gradients, limit, members)
        before, after, held = found[-3:].unbind()
        return before, after, held, found[:-3]
    parts = torch.stack(torch._foreach_norm(gradients))
    before = _norm(parts, members)
    if not limit:
        return before, before, torch.zeros_like(before), parts
    if config.clip == "norm":
        torch._foreach_mul_(gradients, torch.clamp(limit / (before + 1e-6), max=1.0))
        return before, before.clamp(max=limit), (before > limit).float(), parts
    largest = torch.stack([g.abs().max() for g in gradients]).max()
    torch._foreach_clamp_min_(gradients, -limit)
    torch._foreach_clamp_max_(gradients, limit)
    after = _norm(torch.stack(torch._foreach_norm(gradients)), members)
    return before, after, (largest > limit).float(), parts


def _norm(parts: Tensor, members: int) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(parts) / math.sqrt(members)
    return norm


class GradientProbe:
    """Measure how much of the loss's gradient reaches the hidden state of each layer at each lag.

    The same few windows are evaluated every time, without dropout; random states, gradients and
    weights of the training are left unchanged, so measuring does not change the result.

    Parameters
    ----------
    network : Ensemble
        Its first member is looked at.
    window : Tensor, shape [N, L, C]
        Inputs of windows; some of them, evenly spaced, are kept.
    loss : callable
        Of the head's output [B, H, 3] and the places of the windows kept: the loss of each, [B].
    """

    def __init__(
        self,
        network: Ensemble,
        rows: Tensor,
        window: Callable[[Tensor], Tensor],
        loss: Callable[[Tensor, Tensor], Tensor],
    ) -> None:
        indices = np.unique(np.linspace(0, len(rows) - 1, _WINDOWS).round().astype(np.int64))
        self.network, self.rows, self.loss = (
            network,
            rows[torch.as_tensor(indices).to(rows.device)],
            loss,
        )
        self.window = window(self.rows)
        longest = self.window.shape[1] - 1
        spaced = np.geomspace(1, max(1, longest), _LAGS).round().astype(np.int64)
        self.lags = np.unique(np.concatenate([[0], spaced[spaced <= longest]]))
        self.due, self.spent = 0.0, 0.0

    def look_if_due(self, epoch: int) -> GradientByLag | None:
        """Measure, unless the last measurement is less than a second old or measuring would take
        more than its share of the time.
        """
        return self.look(epoch) if time.perf_counter() >= self.due else None

    def look(self, epoch: int) -> GradientByLag | None:
        """Measure now; None where the head's weights are still zero, so that no gradient passes, or
        memory is short.
        """
        started = time.perf_counter()
        member = self.network.members[0]
        assert isinstance(member, Network)
        training = member.training
        member.eval()
        cuts = [self.window.shape[1] - 1 - int(lag) for lag in self.lags[::-1]]
        try:
            shape, layers = member.forward_with_states(self.window, cuts)
            flat = [state for states in layers for state in states]
            gradients = torch.autograd.grad(self.loss(shape, self.rows).sum(), flat)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self.due = math.inf
            return None
        finally:
            member.train(training)
        norms = _by_lag(gradients, len(layers), len(cuts))
        now = time.perf_counter()
        self.due, self.spent = (
            now + max(_EVERY_S, (now - started) / _SHARE),
            self.spent + now - started,
        )
        return GradientByLag(epoch, self.lags, norms) if norms.any() else None


def _by_lag(
    gradients: Sequence[Tensor], layers: int, cuts: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return mean norms over the windows, [layers, lags], from gradients in order of layer, cut
    (oldest first) and direction.
    """
    directions = len(gradients) // (layers * cuts)
    squares = torch.stack([g.reshape(-1, g.shape[-1]).square().sum(1) for g in gradients])
    norms = squares.view(layers, cuts, directions, -1).sum(2).sqrt().mean(-1).flip(1)
    return norms.detach().cpu().numpy().astype(np.float64)
