"""The interface of a baseline, and what all of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from forecasting.cancellation import check_cancelled
from forecasting.config import Settings
from forecasting.events import Predictor
from forecasting.series import Floats, Ints, Origins, Panel


class Baseline(Settings, ABC):
    """A forecast without a network.

    ``name`` stands in exports, ``title`` in tables, ``label`` in sentences.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Fit to the first ``insample[s]`` bars of each series; forecast ``horizon`` bars.

        Raises
        ------
        DataError
            Too few bars for this baseline (also when predicting).
        """


def normal_quantiles(quantiles: Sequence[float]) -> Floats:
    """Return the standard normal's quantiles, shape [Q]; exactly 0 for the median."""
    normal = NormalDist()
    return np.array([normal.inv_cdf(q) for q in quantiles])


def by_series(origins: Origins) -> Iterator[tuple[int, Ints, Ints]]:
    """Group origins as :meth:`forecasting.series.Origins.by_series` does; before each series the
    work can be given up.
    """
    for group in origins.by_series():
        check_cancelled()
        yield group


def moved(level: Floats, change: Floats, log: bool | npt.NDArray[np.bool_]) -> Floats:
    """Move levels [n] by changes [n, H, Q]: log returns where ``log``, differences elsewhere."""
    start = level[:, None, None]
    rising = np.broadcast_to(np.asarray(log), level.shape)[:, None, None]
    return np.where(rising, start * np.exp(np.where(rising, change, 0.0)), start + change)
