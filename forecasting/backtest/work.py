"""The nouns of a walk-forward test: frozen values without torch, so that other processes get
them before it is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from forecasting.config import BacktestConfig, RunConfig
from forecasting.series import Origins, Outcomes, Panel


@dataclass(frozen=True, eq=False)
class Work:
    """Everything that a walk-forward test is made from: frozen values, which may be sent to another
    process.

    Attributes
    ----------
    panel : Panel
    config : RunConfig
        ``task.test_size`` dates are the test part.
    plan : BacktestConfig
        ``step_size`` dates between origins; with ``refit`` = k network and baselines are fitted
        anew before every k-th origin date, on bars up to that origin only, and with ``window`` = w
        on the last w of these dates only.
    quantiles : tuple of float
        Increasing.
    baselines : tuple of str
        Names in ``BASELINES``, judged on the same origins.
    parts : bool
        Whether the forecast without its network is judged, too.
    """

    panel: Panel
    config: RunConfig
    plan: BacktestConfig
    quantiles: tuple[float, ...]
    baselines: tuple[str, ...]
    parts: bool = True


@dataclass(frozen=True, eq=False)
class Fold:
    """Origins that share one fit.

    Attributes
    ----------
    number, folds : int
        From 1 to ``folds``, in order of time.
    origins : Origins
        Places in the whole panel.
    test_start : datetime64[us]
        Nothing from this date on is looked at by anything fitted.
    """

    number: int
    folds: int
    origins: Origins
    test_start: np.datetime64


@dataclass(frozen=True, eq=False)
class FoldRun:
    """What a fold leaves: outcomes of every model from its origins, the network first, and how its
    training went.

    ``base`` is what the network started from, as of :class:`forecasting.windows.Scaling`.
    """

    number: int
    folds: int
    outcomes: Mapping[str, Outcomes]
    epochs: int
    best_epoch: int
    device: str
    stopped: Literal["epochs", "early", "user"]
    base: str = "usual"
