"""Defaults that suit the kind of series: what is right for daily prices learns nothing from a
few short series of months.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from forecasting.config import GROUPS, RunConfig
from forecasting.series import Panel

#: Lookback by the last letter of the frequency and the bars of a year, and the longest share of a
#: usual series that it takes.
_LOOKBACKS = {"W": 26, "M": 15, "Q": 8, "Y": 6, "A": 6}
_LEAST_LOOKBACK, _SHARE = 4, 4
#: Few windows, and each tells much: a lighter hand than for prices.
_LIGHT: Mapping[str, float] = {"dropout": 0.1, "weight_decay": 0.02, "learning_rate": 2e-3}
_NAMES = {"W": "weekly", "M": "monthly", "Q": "quarterly", "Y": "yearly", "A": "yearly"}


def suited(panel: Panel, config: RunConfig, kept: Collection[str] = ()) -> tuple[RunConfig, str]:
    """Return settings with the defaults that suit a panel, and what was changed in words; empty
    where nothing was.

    Parameters
    ----------
    panel : Panel
    config : RunConfig
        Only what has the general default is changed.
    kept : collection of str
        Names of settings that were chosen, and stay.
    """
    wanted = _defaults(panel)
    usual = {
        name: cls.model_fields[name].default for cls in GROUPS.values() for name in cls.model_fields
    }
    now = {name: value for group in GROUPS for name, value in getattr(config, group)}
    if config.model.shape in ("one-to-one", "one-to-many"):
        wanted.pop("input_size", None)
    changes = {
        name: value
        for name, value in wanted.items()
        if name not in kept and now[name] == usual[name] != value
    }
    if not changes:
        return config, ""
    text = ", ".join(f"{_title(name)} {value:g}" for name, value in changes.items())
    return config.changed(**changes), f"Defaults for {_kind(panel)} series: {text}."


def _defaults(panel: Panel) -> dict[str, Any]:
    """Return the settings that suit a panel; none for daily and intraday bars, and for prices
    with open, high and low.
    """
    kind = _letter(panel)
    if kind not in _LOOKBACKS or any(s.has_range for s in panel):
        return {}
    usual = int(np.median([len(s) for s in panel]))
    return {"input_size": max(_LEAST_LOOKBACK, min(_LOOKBACKS[kind], usual // _SHARE)), **_LIGHT}


def _letter(panel: Panel) -> str:
    """Return the letter of the frequency that all series share: W, M, Q or Y; empty where they
    differ.
    """
    found = {_LETTERS.get(s.freq, s.freq[-1:]) for s in panel}
    return found.pop() if len(found) == 1 else ""


#: Frequencies in months that have a letter of their own.
_LETTERS = {"3M": "Q", "12M": "Y"}


def _kind(panel: Panel) -> str:
    return _NAMES[_letter(panel)]


def _title(name: str) -> str:
    return next(
        str(cls.model_fields[name].title) for cls in GROUPS.values() if name in cls.model_fields
    ).lower()
