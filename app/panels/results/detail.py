"""What takes a moment to work out of many outcomes, so that a worker does it: scores by step, and calibration."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass

from forecasting.events import Event
from forecasting.metrics import Calibration, by_step, calibration
from forecasting.series import Floats, Outcomes


@dataclass(frozen=True, eq=False)
class Detail(Event):
    """Outcomes looked at closely.

    Attributes
    ----------
    outcomes : mapping of str to Outcomes
        What it was made of, the network first.
    steps : mapping
        Model to metric to its values by step, shape [H].
    calibration : mapping of str to Calibration
    """

    outcomes: Mapping[str, Outcomes]
    steps: Mapping[str, Mapping[str, Floats]]
    calibration: Mapping[str, Calibration]


def detail_of(outcomes: Mapping[str, Outcomes]) -> Generator[Event, None, None]:
    """Work out the details, as a job."""
    steps = {name: by_step(one) for name, one in outcomes.items()}
    yield Detail(outcomes, steps, {name: calibration(one) for name, one in outcomes.items()})
