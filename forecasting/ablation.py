"""What each input, and each kind of them, adds on the test part.

The forecast with all inputs is compared with the one that sees their usual values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from forecasting.attribution import GroupGain
from forecasting.backtest.outcomes import outcomes_of
from forecasting.config import QUANTILES
from forecasting.covariates import Covariates
from forecasting.events import Event, Progress
from forecasting.exog import ExogSpec, Kind
from forecasting.series import Origins, Panel
from forecasting.training import TrainedNetwork
from forecasting.verdict import compare

if TYPE_CHECKING:
    from forecasting.models.covariates import CovariateNetwork

#: Words for the kinds of inputs.
KINDS: dict[Kind, str] = {"hist": "Past inputs", "futr": "Known ahead", "stat": "Static inputs"}
ALL = "All inputs"
#: Most inputs that are measured one by one, the first ones.
_MOST_SINGLE = 24


class WithoutInputs(nn.Module):
    """A network of inputs that sees some of them at their in-sample means, of categories none.

    Parameters
    ----------
    network : nn.Module
        Maps [B, L, E], [B, H, F] and [B, K].
    fitted : Covariates
    names : sequence of str
        Inputs that it does not see.
    """

    def __init__(self, network: nn.Module, fitted: Covariates, names: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.hist = [n for n, name in enumerate(fitted.hist_inputs) if name in names]
        self.futr = [n for n, name in enumerate(fitted.futr_inputs) if name in names]
        stat = [spec.name for spec in fitted.categorical]
        sizes = fitted.stat_sizes
        self.stat = [(n, sizes[n]) for n, name in enumerate(stat) if name in names]

    def forward(self, hist: Tensor, futr: Tensor, stat: Tensor) -> Tensor:
        """Return the correction [B, H, 3] without these inputs."""
        hist, futr, stat = hist.clone(), futr.clone(), stat.clone()
        hist[..., self.hist] = 0
        futr[..., self.futr] = 0
        for index, other in self.stat:
            stat[:, index] = other
        found: Tensor = self.network(hist, futr, stat)
        return found


def ablate(
    forecaster: TrainedNetwork, panel: Panel, origins: Origins
) -> Iterator[Event | GroupGain]:
    """Measure what groups of inputs add.

    Parameters
    ----------
    forecaster : TrainedNetwork
    panel : Panel
        Carries the inputs.
    origins : Origins
        Of the test part; for each only bars up to its cutoff are looked at.

    Yields
    ------
    Progress, GroupGain
    """
    fitted = forecaster.scaling.covariates
    if fitted is None or forecaster.covariates is None:
        return
    task = forecaster.config.task
    found = groups(fitted.specs)
    if not forecaster.covariate_shrinkage:
        yield from (GroupGain(name, inputs, 0.0, float("nan")) for name, inputs in found)
        return
    facts = (panel, origins, task.horizon, QUANTILES)
    whole = outcomes_of(forecaster.calibrated(panel), *facts)
    for done, (name, inputs) in enumerate(found):
        yield Progress(done, len(found), "Measuring what the inputs add")
        blind = WithoutInputs(forecaster.covariates, fitted, inputs)
        without = replace(forecaster, covariates=cast("CovariateNetwork", blind))
        with torch.no_grad():
            outcomes = outcomes_of(without.calibrated(panel), *facts)
        test = compare(whole, outcomes)
        yield GroupGain(name, inputs, test.skill, test.p_value)


def groups(specs: Sequence[ExogSpec]) -> list[tuple[str, tuple[str, ...]]]:
    """Return all inputs, each kind of which there are some but not all, and each input alone."""
    every = tuple(spec.name for spec in specs)
    found = [(ALL, every)] if len(every) > 1 else []
    for kind, words in KINDS.items():
        names = tuple(spec.name for spec in specs if spec.kind == kind)
        if 1 < len(names) < len(every):
            found.append((words, names))
    return found + [(name, (name,)) for name in every[:_MOST_SINGLE]]
