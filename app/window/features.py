"""The features that stand by themselves: a line each."""

from __future__ import annotations

from collections.abc import Mapping

from app.actions import Command
from app.features.audit.feature import AUDIT
from app.features.cells.feature import CELLS
from app.features.chart_grid.feature import CHART_GRID
from app.features.combination.feature import COMBINATION
from app.features.compare.feature import COMPARE
from app.features.comparison.feature import COMPARISON
from app.features.drawings.feature import DATES, DRAWINGS
from app.features.events.feature import EVENTS
from app.features.inputs.feature import INPUTS
from app.features.judge.feature import JUDGE
from app.features.lessons.feature import LESSON
from app.features.odds.feature import ODDS
from app.features.portfolio.feature import PORTFOLIO
from app.features.search.feature import SEARCH
from app.features.spec import FeatureSpec
from app.features.watch.feature import WATCH
from app.features.whole_candles.feature import WHOLE_CANDLES
from app.features.yesterday.feature import YESTERDAY

#: In the order of their docks.
FEATURES: tuple[FeatureSpec, ...] = (
    SEARCH,
    ODDS,
    PORTFOLIO,
    JUDGE,
    AUDIT,
    INPUTS,
    COMBINATION,
    WATCH,
    COMPARISON,
    CELLS,
    YESTERDAY,
    LESSON,
    DRAWINGS,
    DATES,
    COMPARE,
    CHART_GRID,
    EVENTS,
    WHOLE_CANDLES,
)


def commands() -> Mapping[str, Command]:
    """Return the commands of all features by name."""
    return {name: command for spec in FEATURES for name, command in spec.commands.items()}
