"""Models of others that are judged beside the network like any baseline, each behind an optional
package.

``fracast`` holds its weights inside its package. ``folder:PATH`` is a folder of weights that the
user names (:mod:`folder`). ``statsforecast:NAME`` and ``sktime:NAME`` are models of these
libraries. No weights are ever fetched: nothing here talks to a network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from forecasting.baselines.combination import is_combination, members_of
from forecasting.errors import ConfigError

if TYPE_CHECKING:
    from forecasting.baselines.baseline import Baseline

#: The package with its own weights.
FRACAST = "fracast"
#: What stands before the colon of a challenger.
PREFIXES = ("folder", "statsforecast", "sktime")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,60}")


def is_challenger(name: str) -> bool:
    """Tell whether a baseline is a model of others."""
    prefix, colon, rest = name.partition(":")
    return name == FRACAST or bool(colon and prefix in PREFIXES and rest)


def is_zero_shot(name: str) -> bool:
    """Tell whether a baseline was trained elsewhere and is not fitted to these series."""
    return name == FRACAST or name.startswith("folder:")


def challenger_title(name: str) -> str:
    """Return what a challenger is called: the last part of a folder, or the name of the model."""
    if name == FRACAST:
        return "Fracast"
    prefix, _, rest = name.partition(":")
    return Path(rest).name if prefix == "folder" else rest


def find_challenger(name: str) -> Baseline:
    """Return the baseline of a name; what it needs is imported only when it is fitted.

    Raises
    ------
    ConfigError
        No such kind, or a name that no model can have.
    """
    from forecasting.baselines.challengers.fitted import SktimeModel, StatsforecastModel
    from forecasting.baselines.challengers.zero_shot import ZeroShot

    prefix, _, rest = name.partition(":")
    if name == FRACAST or prefix == "folder":
        return ZeroShot(source=name)
    if not _NAME.fullmatch(rest):
        raise ConfigError(
            f"baselines: '{name}' names no model.", f"Write {prefix}:NAME, as {prefix}:AutoETS."
        )
    return StatsforecastModel(model=rest) if prefix == "statsforecast" else SktimeModel(model=rest)


def introduce(names: Sequence[str], horizon: int) -> Iterator[str]:
    """Make sure of the challengers among baselines before any work begins; yield a sentence on
    what each pretrained one takes.

    Raises
    ------
    CandlecastError
        A package that is not installed, or a folder that cannot be loaded.
    """
    parts = [part for name in names for part in _parts(name)]
    for name in dict.fromkeys(parts):
        if is_zero_shot(name):
            from forecasting.baselines.challengers.zero_shot import introduction

            yield introduction(name, horizon)
        elif is_challenger(name):
            from forecasting.baselines.challengers.fitted import check_library

            find_challenger(name)
            check_library(name.partition(":")[0])


def _parts(name: str) -> tuple[str, ...]:
    return members_of(name) if is_combination(name) else (name,)
