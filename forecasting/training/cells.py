"""Look inside the cells of a network while it trains: openings of gates, size of the state,
attention.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from forecasting.events import CellStates
from forecasting.models import Ensemble, Network
from forecasting.training.hardware import is_out_of_memory

#: Seconds between two looks, the share of time they may take, and bars that are shown at most.
_EVERY_S, _SHARE, _BARS = 1.0, 0.005, 240


class CellProbe:
    """Run the first member over a few fixed windows, without dropout and without gradients, and
    report what its cells do bar by bar; the training is not changed.

    Parameters
    ----------
    network : Ensemble
    window : Tensor, shape [B, L, C]
        Inputs of the windows.

    Attributes
    ----------
    last : CellStates or None
        The latest look.
    """

    def __init__(self, network: Ensemble, window: Tensor) -> None:
        self.network, self.window = network, window
        self.last: CellStates | None = None
        self._due = 0.0

    def look_if_due(self, epoch: int) -> Iterator[CellStates]:
        """Look, unless the last look is less than a second old or looking would take more than
        its share of the time.
        """
        if time.perf_counter() >= self._due:
            yield from self.look(epoch)

    def look(self, epoch: int) -> Iterator[CellStates]:
        """Look now; nothing where the network offers no view of its cells, or memory is short."""
        started = time.perf_counter()
        member = self.network.members[0]
        assert isinstance(member, Network)
        training = member.training
        member.eval()
        try:
            with torch.no_grad():
                inside = member.body.inspect(member.front(self.window))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._due = math.inf
            return
        finally:
            member.train(training)
        if inside is None:
            self._due = math.inf
            return
        length = self.window.shape[1]
        chosen = np.unique(np.linspace(0, length - 1, min(length, _BARS)).round().astype(np.int64))
        self.last = CellStates(
            epoch,
            length - 1 - chosen,
            inside.gates,
            _numbers(inside.openings)[:, :, chosen],
            _numbers(inside.state)[:, chosen],
            inside.saturated,
            _numbers(inside.attention)[:, :, chosen]
            if inside.attention.numel()
            else np.empty((0, 0, 0)),
        )
        now = time.perf_counter()
        self._due = now + max(_EVERY_S, (now - started) / _SHARE)
        yield self.last


def _numbers(tensor: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return tensor.double().cpu().numpy()
