"""Two trainings side by side, as the window has them."""

from __future__ import annotations

from app.actions import Command
from app.features.spec import FeatureSpec

COMPARISON = FeatureSpec(
    "comparison",
    "app.features.comparison.controller:ComparisonController",
    {
        "compare_trainings": Command(
            "&Compare two trainings…",
            "Ctrl+Shift+U",
            "compare",
            "Lay loss, gradients, memory, gates and verdict of two trainings side by side",
            after="longer",
        )
    },
)
