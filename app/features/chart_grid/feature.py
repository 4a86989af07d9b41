"""Two or four charts beside each other, as the window has them."""

from __future__ import annotations

from app.features.spec import FeatureSpec

CHART_GRID = FeatureSpec(
    "chart_grid", "app.features.chart_grid.controller:ChartGridController", early=True
)
