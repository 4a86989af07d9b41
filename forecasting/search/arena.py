"""The arena: every network beside every other, with and without each group of inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from forecasting.config import RunConfig
from forecasting.errors import ConfigError
from forecasting.model_registry import MODELS
from forecasting.search.space import Dimension, SearchSpace
from forecasting.series import Panel

#: Groups of inputs that are switched on or off, and the settings that the user fills.
SWITCHES = ("volume", "gaps", "dates", "market", "indicators")
CHOSEN = ("hist_exog", "futr_exog", "stat_exog")


def arena(config: RunConfig, panel: Panel) -> tuple[SearchSpace, tuple[dict[str, Any], ...]]:
    """Return what the arena tries: each network with the inputs of the configuration first, then
    each with one group of inputs more, or less.

    Parameters
    ----------
    config : RunConfig
        All other settings.
    panel : Panel
        Groups that its series cannot have are left out.

    Returns
    -------
    SearchSpace
        The settings that differ, for the tables.
    tuple of dict
        Values to try, in order.
    """
    networks = tuple(_networks(config))
    groups = tuple(_groups(config, panel))
    usual: dict[str, Any] = {name: getattr(config.inputs, name) for name, _ in groups}
    plain = ({**network, **usual} for network in networks)
    toggled = ({**network, **usual, name: other} for name, other in groups for network in networks)
    found = tuple(values for values in chain(plain, toggled) if _possible(config, values))
    names = ("model", "bidirectional", *usual)
    dimensions = (
        Dimension(name, tuple(dict.fromkeys(values[name] for values in found))) for name in names
    )
    return SearchSpace(tuple(dimensions)), found


def _networks(config: RunConfig) -> Iterator[dict[str, Any]]:
    """Return every network, and the recurrent ones that read in both directions."""
    for name, spec in MODELS.items():
        yield {"model": name, "bidirectional": False}
        if spec.recurrent:
            yield {"model": name, "bidirectional": True}


def _groups(config: RunConfig, panel: Panel) -> Iterator[tuple[str, Any]]:
    """Return each group of inputs with the value that it does not have in the configuration."""
    there = {
        "volume": any("volume" in series.columns for series in panel),
        "gaps": any("open" in series.columns for series in panel),
        "market": len(panel) > 1,
    }
    for name in SWITCHES:
        if there.get(name, True):
            yield name, not getattr(config.inputs, name)
    for name in CHOSEN:
        if getattr(config.inputs, name):
            yield name, ""


def _possible(config: RunConfig, values: Mapping[str, Any]) -> bool:
    try:
        config.changed(**values)
    except ConfigError:
        return False
    return True
