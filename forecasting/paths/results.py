"""What leaves the jobs on paths: frozen events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from forecasting.events import Event
from forecasting.paths.level_record import LevelRecord
from forecasting.paths.portfolio import Portfolio
from forecasting.paths.sampling import Paths
from forecasting.series import Dates, Floats, Panel

#: Smallest p-value that is written as a number.
_LEAST_P = 0.001


@dataclass(frozen=True)
class PathsMade(Event):
    """Joint paths from the last bar of each series of ``panel``, which they were drawn for.

    Attributes
    ----------
    paths : Paths
    panel : Panel
    supposed : str
        On what condition, in words.
    records : tuple of LevelRecord
        How the odds of levels fared in the past, where that was asked for.
    """

    paths: Paths
    panel: Panel
    supposed: str = ""
    records: tuple[LevelRecord, ...] = ()


@dataclass(frozen=True, eq=False)
class RiskHits:
    """Losses beyond a value at risk, one bar ahead.

    Attributes
    ----------
    level : int
        Percent.
    dates : ndarray of datetime64[us], shape [N]
        Of the outcomes.
    hits : ndarray of bool, shape [N]
    kupiec, christoffersen, acerbi_szekely : float
        p-values: of the rate, of rate and independence, of the size of the losses in the tail.
    """

    level: int
    dates: Dates
    hits: np.ndarray
    kupiec: float
    christoffersen: float
    acerbi_szekely: float

    @property
    def share(self) -> float:
        """Share of the outcomes beyond the value at risk."""
        return float(self.hits.mean()) if self.hits.size else float("nan")


@dataclass(frozen=True)
class JointScores:
    """Scores of the forecast of all series together, lower is better.

    Attributes
    ----------
    series : int
        How many there are; of one alone its steps are scored together.
    energy, variogram : mapping of str to float
        Mean over the cutoffs, of ``joint`` paths and of ``independent`` marginals.
    energy_p, variogram_p : float
        Two-sided p-value of equal scores; NaN where there is nothing to test.
    """

    series: int
    energy: Mapping[str, float]
    variogram: Mapping[str, float]
    energy_p: float
    variogram_p: float

    @property
    def sentence(self) -> str:
        """The scores in words."""
        what = "steps" if self.series == 1 else "series"
        parts = []
        tests = (
            ("energy", self.energy, self.energy_p),
            ("variogram", self.variogram, self.variogram_p),
        )
        for name, scores, p_value in tests:
            base = scores["independent"]
            gain = 1 - scores["joint"] / base if base > 0 else 0.0
            side = "lower" if gain >= 0 else "higher"
            size = f"= {p_value:.3f}" if p_value >= _LEAST_P else f"< {_LEAST_P}"
            chance = f" (p {size})" if np.isfinite(p_value) else ""
            parts.append(f"{name} score {abs(gain):.1%} {side}{chance}")
        return f"As a joint forecast of all {what}, beside independent ones: {', '.join(parts)}."


@dataclass(frozen=True, eq=False)
class PortfolioBacktest:
    """How the joint forecast of a portfolio fared from past cutoffs, beside what else could have
    been said.

    Attributes
    ----------
    cutoffs : ndarray of datetime64[us], shape [N]
    outcome : ndarray of float64, shape [N, H]
        Value at each step, relative to that at the cutoff.
    low, high : ndarray of float64, shape [N]
        Limits of the 80 % band at the last step.
    coverage : mapping of int to ndarray, shape [H]
        Share of outcomes inside the central bands, by percent.
    hits : mapping of int to RiskHits
    crps : mapping of str to float
        Mean over steps, as a share of the capital: of ``joint``, ``independent``,
        ``historical_simulation``, ``garch_t``.
    covered : mapping of str to float
        Share of outcomes inside the 80 % band of each of them, over all steps.
    sentences : tuple of str
        The verdict in words.
    scores : JointScores, optional
    """

    cutoffs: Dates
    outcome: Floats
    low: Floats
    high: Floats
    coverage: Mapping[int, Floats]
    hits: Mapping[int, RiskHits]
    crps: Mapping[str, float]
    covered: Mapping[str, float]
    sentences: tuple[str, ...] = ()
    scores: JointScores | None = None


@dataclass(frozen=True, eq=False)
class OwnPast:
    """How the 80 % band of a portfolio held at past cutoffs; its distribution learned from them.

    Attributes
    ----------
    cutoffs : ndarray of datetime64[us], shape [N]
    held : ndarray of float64, shape [H]
        Share of the outcomes inside, by step.
    why : str
        Why there is no such past, in words; "" where there is.
    """

    cutoffs: Dates = field(default_factory=lambda: np.empty(0, "datetime64[us]"))
    held: Floats = field(default_factory=lambda: np.empty(0))
    why: str = ""

    @property
    def sentence(self) -> str:
        """The past in words."""
        if self.why:
            return f"Not calibrated by its own past: {self.why}."
        first, last = (str(self.cutoffs[n])[:10] for n in (0, -1))
        steps = self.held.size
        far = f" and {100 * self.held[-1]:.1f} % of those {steps} bars ahead" if steps > 1 else ""
        return (
            f"Calibrated by its own past: from {self.cutoffs.size:,} cutoffs, {first} to {last}, "
            f"its 80 % band held {100 * self.held[0]:.1f} % of the outcomes one bar ahead{far}."
        )


@dataclass(frozen=True)
class PortfolioMade(Event):
    """A portfolio valued on joint paths; ``ranks`` [S, R] where they were asked for; its backtest,
    or else how its bands held in the past, which is not told of what is supposed.
    """

    portfolio: Portfolio
    paths: Paths
    panel: Panel
    ranks: Floats | None = None
    backtest: PortfolioBacktest | None = None
    supposed: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    past: OwnPast | None = None
