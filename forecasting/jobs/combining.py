"""Networks and baselines combined by a weighted mean of their quantiles, and judged."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from forecasting.checks import living
from forecasting.config import QUANTILES, RunConfig
from forecasting.errors import ConfigError
from forecasting.events import (
    Event,
    Notice,
    Predictor,
    Progress,
    RunInfo,
    RunResult,
    SplitMade,
)
from forecasting.jobs.engine import versions
from forecasting.jobs.evaluation import count_tries
from forecasting.jobs.job import Job, never
from forecasting.jobs.predicting import future, load_network
from forecasting.jobs.preparing import prepared, told_ended
from forecasting.jobs.stored_members import is_stored, stored_forecasts
from forecasting.jobs.training import finished_training
from forecasting.memory import check_memory
from forecasting.sentences import tell
from forecasting.series import Forecast, Origins, Panel

if TYPE_CHECKING:
    from forecasting.baselines.combination import Combined, Weights
    from forecasting.baselines.stored import StoredForecasts
    from forecasting.training import TrainedNetwork
    from forecasting.windows import Split

#: Name of a combination in tables, exports and the journal.
TITLE = "Combination"
#: The word that stands for a network trained now.
NETWORK = "network"


@dataclass(frozen=True)
class CombinationFinished(Event):
    """Models were combined and judged as one more configuration.

    Attributes
    ----------
    result : RunResult
        Of the combination; its members are among the scores.
    weights : Weights
    """

    result: RunResult
    weights: Weights


@dataclass
class _Members:
    """What is combined: networks, forecasts that were made before, and baselines by name."""

    networks: list[TrainedNetwork] = field(default_factory=list)
    stored: list[StoredForecasts] = field(default_factory=list)
    baselines: list[str] = field(default_factory=list)
    history: RunResult | None = None


def combine(
    panel: Panel,
    config: RunConfig,
    members: Sequence[str | Path | TrainedNetwork],
    should_stop: Callable[[], bool] = never,
) -> Job:
    """Combine networks and baselines, judge that on the test part, forecast the real future.

    Weights are learned on the validation part, from forecasts of baselines that are fitted to what
    lies before it.

    Parameters
    ----------
    panel : Panel
    config : RunConfig
        Settings of a training; lookback, horizon and parts are those of a saved network, where one
        is among the members.
    members : sequence of str, Path or TrainedNetwork
        Names of baselines, files of saved networks, trained networks, ``network`` for one that is
        trained now, ``run:KEY`` for the forecasts of a kept run, or a file of forecasts that
        another program made; the origins are then those from which all of these forecast.
    should_stop : callable
        As of :func:`train`.

    Yields
    ------
    Event
        Those of a training; Notice, Progress, CombinationFinished.

    Raises
    ------
    ConfigError
        Fewer than two members, networks of different horizons or inputs, one that has learned
        from bars of the validation part, or stored forecasts of none of the test part.
    """
    yield Progress(0, 0, "Preparing the engine")
    check_memory()
    from forecasting.baselines import chosen_baselines
    from forecasting.baselines.challengers import introduce
    from forecasting.windows import split_panel

    started = time.perf_counter()
    _check(members)
    found = _Members()
    panel, config = yield from _gathered(panel, config, members, found, should_stop)
    if found.networks:
        short: dict[str, str] = {}
    else:
        panel, short = yield from prepared(panel, config)
    gone = yield from told_ended(panel)
    split = split_panel(panel, config.task)
    if found.stored:
        split = yield from _covered(found.stored, panel, split)
    _check_unseen(found.networks, split)
    usual = chosen_baselines(panel, ",".join([config.task.baselines, *found.baselines]))
    yield from map(Notice, introduce(usual, config.task.horizon))
    result, weights = yield from _judged(panel, config, found, split, usual, should_stop)
    info = replace(result.info, seconds=time.perf_counter() - started)
    yield CombinationFinished(replace(result, info=info, left_out={**short, **gone}), weights)


def _check(members: Sequence[str | Path | TrainedNetwork]) -> None:
    if len(members) < 2 or len(set(map(str, members))) < len(members):
        raise ConfigError(
            f"A combination needs two or more different models, not {len(members)}.",
            _possible(),
        )


def _gathered(
    panel: Panel,
    config: RunConfig,
    members: Sequence[str | Path | TrainedNetwork],
    found: _Members,
    should_stop: Callable[[], bool],
) -> Generator[Event, None, tuple[Panel, RunConfig]]:
    """Train or load the networks; return the series that all can forecast, and their settings."""
    for member in members:
        if member == NETWORK:
            trained = yield from finished_training(panel, config, should_stop)
            panel, found.history = trained.result.panel, trained.result
            network: TrainedNetwork = trained.forecaster  # type: ignore[assignment]
        elif isinstance(member, str | Path) and is_stored(member):
            found.stored += stored_forecasts(panel, member)
            continue
        elif isinstance(member, str) and not Path(member).is_file():
            _check_name(member)
            found.baselines.append(member)
            continue
        else:
            network, panel = yield from load_network(panel, member, config.train.device)
        _check_alike(network, found.networks)
        found.networks.append(network)
        config = network.config.changed(baselines=config.task.baselines, device=config.train.device)
    if found.stored and not found.networks:
        config = config.changed(horizon=found.stored[0].horizon)
    _check_stored(found, config.task.horizon)
    return panel, config


def _check_stored(members: _Members, horizon: int) -> None:
    """Refuse forecasts of another horizon, and give those of one name others."""
    taken: dict[str, object] = dict.fromkeys(item.name for item in members.networks)
    for index, item in enumerate(members.stored):
        if item.horizon != horizon:
            raise ConfigError(
                f"{item.name} forecasts {item.horizon} bars, and the others {horizon}: they cannot "
                "be combined.",
                f"Combine it with models of {item.horizon} bars: --horizon {item.horizon}.",
            )
        members.stored[index] = replace(item, name=_distinct(item.name, taken))
        taken[members.stored[index].name] = None


def _check_name(name: str) -> None:
    from forecasting.baselines import BASELINES
    from forecasting.baselines.challengers import is_challenger

    if name not in BASELINES and not is_challenger(name):
        raise ConfigError(f"There is no model called '{name}' to combine.", _possible())


def _possible() -> str:
    from forecasting.baselines import BASELINES

    return (
        f"Name baselines ({', '.join(BASELINES)}), {NETWORK}, files of saved networks or of "
        "forecasts, or run:KEY for a run that was kept."
    )


def _check_alike(network: TrainedNetwork, others: Sequence[TrainedNetwork]) -> None:
    for other in others:
        mine, theirs = network.config, other.config
        if mine.task.horizon != theirs.task.horizon:
            raise ConfigError(
                f"{network.name} forecasts {mine.task.horizon} bars and {other.name} "
                f"{theirs.task.horizon}: they cannot be combined.",
                "Combine networks of one horizon.",
            )
        if mine.inputs != theirs.inputs or mine.task.target_column != theirs.task.target_column:
            raise ConfigError(
                f"{network.name} and {other.name} read different inputs or forecast different "
                "columns.",
                "Combine networks of the same inputs and target.",
            )


def _check_unseen(networks: Sequence[TrainedNetwork], split: Split) -> None:
    for network in networks:
        if network.val_start > split.val_start:
            raise ConfigError(
                f"{network.name} has learned from bars up to {str(network.val_start)[:10]}; "
                f"weights are learned from {str(split.val_start)[:10]} on.",
                "Train it on the same prices, or make the validation and test parts shorter.",
            )


def _covered(
    stored: Sequence[StoredForecasts], panel: Panel, split: Split
) -> Generator[Event, None, Split]:
    """Return a split with the origins from which all stored forecasts were made, and tell how
    many of the others are left.
    """
    val, test = np.ones(len(split.val), bool), np.ones(len(split.test), bool)
    for item in stored:
        val &= item.covers(panel, split.val)
        test &= item.covers(panel, split.test)
        if not test.any():
            raise ConfigError(
                f"None of the forecasts of {item.name} can be combined with the others on the test "
                f"part, from {str(split.test_start)[:10]} on.",
                "Name the prices that it was made of, or make the test part longer: --test-size.",
            )
    yield Notice(
        f"Stored forecasts are there from {test.sum()} of {test.size} origins of the test part, "
        f"and from {val.sum()} of {val.size} of the validation part. Whether those who made them "
        "had seen these bars cannot be told."
    )
    return replace(split, val=split.val.take(val), test=split.test.take(test))


def _future(
    combined: Combined, stored: Sequence[StoredForecasts], panel: Panel, config: RunConfig
) -> Generator[Event, None, tuple[Forecast, ...]]:
    """Forecast from the last bars; nothing where a stored forecast does not reach so far."""
    current = living(panel)
    last = Origins.last(current)
    for item in stored:
        if not item.covers(current, last).all():
            yield Notice(f"{item.name} has no forecast from the last bar: nothing new is forecast.")
            return ()
    return future(combined, panel, config.task.horizon, config.task.point)


def _judged(
    panel: Panel,
    config: RunConfig,
    members: _Members,
    split: Split,
    usual: Sequence[str],
    should_stop: Callable[[], bool],
) -> Generator[Event, None, tuple[RunResult, Weights]]:
    from forecasting.backtest.outcomes import compared, fit_baselines, outcomes_of
    from forecasting.baselines.combination import Combined, weigh
    from forecasting.metrics import score
    from forecasting.verdict import judge
    from forecasting.windows import bars_before

    horizon, point = config.task.horizon, config.task.point
    networks: list[Predictor] = [network.calibrated(panel) for network in members.networks]
    yield Progress(0, 0, "Learning the weights")
    early = fit_baselines(panel, split.insample, horizon, members.baselines)
    weights = weigh([*networks, *members.stored, *early], panel, split.val, horizon)
    insample = bars_before(panel, split.test_start)
    fitted = fit_baselines(panel, insample, horizon, members.baselines)
    combined = Combined(TITLE, (*networks, *members.stored, *fitted), weights)
    yield Progress(0, 0, "Scoring against the baselines")
    facts = (insample, horizon, QUANTILES, point, should_stop)
    rivals, outcomes, _ = compared(combined, usual, panel, split.test, *facts)
    tries = yield from count_tries(panel, config, outcomes[TITLE], TITLE, weights.names)
    verdict = judge(outcomes, TITLE, tries=tries)
    verdict = replace(verdict, notes=(_words(weights), *verdict.notes))
    for model in (*networks, *members.stored):
        own = outcomes_of(model, panel, split.test, horizon, QUANTILES, point)
        outcomes[_distinct(model.name, outcomes)] = own
    made_now = yield from _future(combined, members.stored, panel, config)
    parts: tuple[Literal["train", "val", "test"], ...] = ("train", "val", "test")
    windows = {part: len(split[part]) for part in parts}
    made = SplitMade(split.val_start, split.test_start, windows, 0, "cpu")
    result = RunResult(
        config=config,
        panel=panel,
        split=members.history.split if members.history else made,
        history=members.history.history if members.history else (),
        forecasts=made_now,
        baseline_forecasts=future(rivals[0], panel, horizon, point),
        outcomes=outcomes,
        scores={name: score(item) for name, item in outcomes.items()},
        verdict=verdict,
        info=_info(config, members),
    )
    return result, weights


def _info(config: RunConfig, members: _Members) -> RunInfo:
    if members.history is not None:
        return members.history.info
    return RunInfo(0.0, 0, 0, "cpu", config.train.seed, "epochs", versions())


def _distinct(name: str, others: Mapping[str, object]) -> str:
    """Return a name that is not taken."""
    number, found = 2, name
    while found in others:
        found, number = f"{name} {number}", number + 1
    return found


def _words(weights: Weights) -> str:
    """Say how much each model counts."""
    from forecasting.baselines import model_title

    shares = ", ".join(
        f"{model_title(name)} {100 * value:.0f} %"
        for name, value in zip(weights.names, weights.values, strict=True)
    )
    return tell("weights-learned" if weights.trust else "weights-equal", shares=shares)
