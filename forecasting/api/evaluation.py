"""How good a forecaster is: the verdict in one sentence, and the scores behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from forecasting.api.frames import coverage_frame, scores_frame
from forecasting.events import Verdict
from forecasting.metrics import calibration, score
from forecasting.series import Outcomes

#: Columns of the short table.
_SHOWN = ("crps", "mae", "mase", "coverage_80", "coverage_95")


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """The judgement on a network, from forecasts that it made of bars it was not trained on.

    Attributes
    ----------
    verdict : Verdict
        Its ``sentence`` says it in words, ``outcome`` is ``beats``, ``ties`` or ``loses``,
        ``notes`` say what else is to be known.
    scores : DataFrame
        One row a model, the network first; one column a metric.
    series_scores : DataFrame
        The same by series: index ``unique_id, model``.
    coverage : DataFrame
        Realised coverage in percent, one row a model, one column a stated level.
    """

    verdict: Verdict
    scores: pd.DataFrame
    series_scores: pd.DataFrame
    coverage: pd.DataFrame

    @classmethod
    def of(
        cls,
        verdict: Verdict,
        scores: Mapping[str, Mapping[str, float]],
        outcomes: Mapping[str, Outcomes],
    ) -> Evaluation:
        """Return the judgement on a run or on a walk-forward test."""
        tables = {name: calibration(item) for name, item in outcomes.items()}
        by_series = {
            (symbol, name): score(part)
            for name, item in outcomes.items()
            for symbol, part in item.by_symbol().items()
        }
        frame = pd.DataFrame(
            list(by_series.values()),
            index=pd.MultiIndex.from_tuples(by_series, names=["unique_id", "model"]),
        )
        return cls(
            verdict,
            scores_frame(scores),
            frame.sort_index(),
            coverage_frame({n: (t.level, t.realised) for n, t in tables.items()}),
        )

    def __str__(self) -> str:
        """Return the verdict, its notes, and the most important scores."""
        table = self.scores[[name for name in _SHOWN if name in self.scores]]
        return "\n".join(
            [
                self.verdict.sentence,
                *self.verdict.notes,
                "",
                table.to_string(float_format=lambda value: f"{value:.4g}"),
            ]
        )

    def __repr__(self) -> str:
        """Return the same, for the end of a cell."""
        return str(self)

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        from html import escape

        table: str = self.scores[[name for name in _SHOWN if name in self.scores]].to_html(
            float_format=lambda value: f"{value:.4g}"
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.verdict.notes)
        return f"<p><strong>{escape(self.verdict.sentence)}</strong></p>{notes}{table}"
