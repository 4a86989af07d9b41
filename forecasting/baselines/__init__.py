"""What a network must beat: forecasts of the distribution without a network, behind the same
interface.

A baseline is a frozen config whose one verb, ``fit``, looks at the first ``insample[s]`` bars of
each series only and returns a predictor; the predictor looks, for each origin, at bars up to its
cutoff only. Which unit the changes of a panel are taken in (log returns, or differences where a
value is not positive) is a property of the data as a whole.
"""

from __future__ import annotations

from forecasting.baselines.baseline import Baseline
from forecasting.baselines.challengers import challenger_title, find_challenger, is_challenger
from forecasting.baselines.combination import Combination, is_combination, members_of
from forecasting.baselines.garch import GarchT
from forecasting.baselines.har import RangeHar
from forecasting.baselines.seasonal import SeasonalMedian, SeasonalNaive
from forecasting.baselines.smoothing import Ets, Theta
from forecasting.baselines.walks import Drift, Ewma, HistoricalSimulation, RandomWalk
from forecasting.errors import ConfigError
from forecasting.model_registry import MODELS
from forecasting.plugins import load_plugins
from forecasting.seasonality import is_seasonal, season_length, shows_season
from forecasting.series import Panel

__all__ = [
    "BASELINES",
    "NO_INPUTS",
    "NO_NETWORK",
    "PARTS",
    "Baseline",
    "chosen_baselines",
    "default_baselines",
    "find_baseline",
    "model_title",
    "season_length",
    "suits_smoothing",
]

#: Name of the network's own forecast with the network left at zero, which is judged beside it as a
#: baseline.
NO_NETWORK = "no-network"
#: The same for the forecast that is made without the user's inputs.
NO_INPUTS = "no-inputs"
#: What is judged beside a network to tell what a part of it adds; none of them is a rival.
PARTS = (NO_NETWORK, NO_INPUTS)

#: Last letters of the frequencies at which sales and statistics are counted, rather than prices.
_GENERAL = frozenset("WMQYA")

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


BASELINES.update(load_plugins("candlecast.baselines", Baseline, BASELINES))


def model_title(model: str) -> str:
    """Return the name of a model for people: ``Random walk`` for ``random-walk``; a network's
    name stays as it is.
    """
    if model == NO_NETWORK:
        return "No network"
    if model == NO_INPUTS:
        return "Without inputs"
    if model in BASELINES:
        return BASELINES[model].title
    if is_challenger(model):
        return challenger_title(model)
    if is_combination(model):
        return " + ".join(map(model_title, members_of(model)))
    # Runs of earlier versions have a network's name in capitals.
    return next((spec.title for spec in MODELS.values() if spec.title.upper() == model), model)


def find_baseline(name: str) -> Baseline:
    """Return a baseline, or a model of others that is judged as one, by its name.

    Raises
    ------
    ConfigError
        A name that no baseline has.
    """
    if name in BASELINES:
        return BASELINES[name]
    if is_combination(name):
        names = members_of(name)
        return Combination(models=tuple(map(find_baseline, names)), names=names)
    return find_challenger(name)


def chosen_baselines(panel: Panel, wanted: str) -> tuple[str, ...]:
    """Return the names of the baselines that a run asks for, the random walk first.

    Parameters
    ----------
    panel : Panel
    wanted : str
        Names with commas between them; ``auto`` stands for those of :func:`default_baselines`,
        ``all`` for every one that suits the panel.

    Raises
    ------
    ConfigError
        A name that no baseline has.
    """
    usual, seasonal = default_baselines(panel), {SeasonalNaive.name, SeasonalMedian.name}
    groups = {
        "auto": usual,
        "all": tuple(name for name in BASELINES if name not in seasonal or name in usual),
    }
    names = [RandomWalk.name]
    for word in (part.strip() for part in wanted.split(",")):
        for part in members_of(word) if is_combination(word) else (word,):
            if part not in BASELINES and not is_challenger(part) and word not in groups:
                raise ConfigError(
                    f"baselines: there is none called '{part}'.",
                    f"There are {', '.join(BASELINES)}; auto, or all; of others fracast, "
                    "folder:PATH, statsforecast:NAME, sktime:NAME; and combine:NAME+NAME.",
                )
        names += groups.get(word, (word,))
    return tuple(dict.fromkeys(names))


def default_baselines(panel: Panel) -> tuple[str, ...]:
    """Return the names of the baselines that are scored beside every network on this panel.

    Random walk, drift and the volatility models always; the seasonal ones where a series without
    open, high and low shows a season three times; ETS and Theta where :func:`suits_smoothing` says
    so. What a series is too short for is forecast of it without a season.
    """
    names = [RandomWalk.name, Drift.name, GarchT.name, RangeHar.name]
    seasonal = any(shows_season(s) for s in panel)
    if seasonal:
        names += [SeasonalNaive.name, SeasonalMedian.name]
    if suits_smoothing(panel, seasonal=seasonal and is_seasonal(panel, [len(s) for s in panel])):
        names += [Ets.name, Theta.name]
    return tuple(names)


def suits_smoothing(panel: Panel, *, seasonal: bool) -> bool:
    """Tell whether exponential smoothing is a usual forecast of such series: of weeks, months,
    quarters, years or with a season.

    Never where bars have open, high and low, as prices have.
    """
    if any(s.has_range for s in panel):
        return False
    return seasonal or all(s.freq[-1] in _GENERAL for s in panel)
