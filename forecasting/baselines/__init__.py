"""What a network must beat: forecasts of the distribution without a network, behind the same interface.

A baseline is a frozen config whose one verb, ``fit``, looks at the first ``insample[s]`` bars of each series only and
returns a predictor; the predictor looks, for each origin, at bars up to its cutoff only. Which unit the changes of a
panel are taken in (log returns, or differences where a value is not positive) is a property of the data as a whole.
"""

from __future__ import annotations

from forecasting.baselines.baseline import Baseline
from forecasting.baselines.garch import GarchT
from forecasting.baselines.har import RangeHar
from forecasting.baselines.seasonal import SeasonalMedian, SeasonalNaive
from forecasting.baselines.smoothing import Ets, Theta
from forecasting.baselines.walks import Drift, Ewma, HistoricalSimulation, RandomWalk
from forecasting.seasonal import season_length
from forecasting.series import Panel

__all__ = ["BASELINES", "Baseline", "default_baselines", "season_length"]

#: Every baseline by name, with its default settings.
BASELINES: dict[str, Baseline] = {
    b.name: b
    for b in (
        RandomWalk(),
        Drift(),
        Ewma(),
        HistoricalSimulation(),
        GarchT(),
        RangeHar(),
        SeasonalNaive(),
        SeasonalMedian(),
        Ets(),
        Theta(),
    )
}


def default_baselines(panel: Panel) -> tuple[str, ...]:
    """Return the names of the baselines that are scored beside every network on this panel.

    Random walk and drift always; the volatility models where all values are positive, as prices are; the seasonal ones
    where bars have no open, high and low, and three seasons are there.
    """
    names = [RandomWalk.name, Drift.name]
    if all(bool((s.y > 0).all()) for s in panel):
        names += [GarchT.name, RangeHar.name]
    if all(not s.has_range and 1 < season_length(s) <= len(s) // 3 for s in panel):
        names += [SeasonalNaive.name, SeasonalMedian.name]
    return tuple(names)
