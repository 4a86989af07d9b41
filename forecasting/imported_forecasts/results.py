"""What comes of a judgement on forecasts of others: values that a window and a terminal show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forecasting.events import Event, Verdict
from forecasting.imported_forecasts.reader import ImportedForecasts
from forecasting.series import Finding, Forecast, Outcomes, Panel


@dataclass(frozen=True, eq=False)
class ModelJudgement:
    """The judgement on one model.

    Attributes
    ----------
    outcomes : mapping of str to Outcomes
        The model first, then the baselines on the same bars, scored on its levels.
    scores : mapping of str to mapping
        Metric to value, of the same models; NaN for what a point forecast does not have.
    verdict : Verdict
    points : bool
        Whether it is judged by its points alone.
    awaited : tuple of Forecast
        Forecasts of which some bars are still to come.
    """

    outcomes: Mapping[str, Outcomes]
    scores: Mapping[str, Mapping[str, float]]
    verdict: Verdict
    points: bool
    awaited: tuple[Forecast, ...] = ()

    @property
    def own(self) -> Outcomes:
        """The outcomes of the model itself."""
        return next(iter(self.outcomes.values()))


@dataclass(frozen=True, eq=False)
class ForecastsJudged(Event):
    """Forecasts of a file are judged.

    Attributes
    ----------
    imported : ImportedForecasts
    panel : Panel
        The bars that they are about.
    models : mapping of str to ModelJudgement
    findings : tuple of Finding
        What was assumed of the file, and what is odd about the forecasts.
    seconds : float
    """

    imported: ImportedForecasts
    panel: Panel
    models: Mapping[str, ModelJudgement]
    findings: tuple[Finding, ...]
    seconds: float = 0.0
