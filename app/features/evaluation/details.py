"""What takes a moment to work out of many outcomes, so that a worker does it: scores by step,
calibration and figures of residuals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forecasting.metrics import profile
from forecasting.series import Outcomes, Profile


@dataclass(frozen=True, eq=False)
class Detail:
    """Outcomes looked at closely.

    Attributes
    ----------
    outcomes : mapping of str to Outcomes
        What it was made of, the network first.
    profiles : mapping of str to Profile
        The figures of each model.
    """

    outcomes: Mapping[str, Outcomes]
    profiles: Mapping[str, Profile]


def detail_of(outcomes: Mapping[str, Outcomes]) -> Detail:
    """Compute the figures of each model from its outcomes; takes a moment where there are many."""
    return Detail(outcomes, {name: profile(item) for name, item in outcomes.items()})
