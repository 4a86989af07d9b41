"""Is it only yesterday? As the window has it."""

from __future__ import annotations

from app.actions import Command
from app.features.spec import FeatureSpec

YESTERDAY = FeatureSpec(
    "yesterday",
    "app.features.yesterday.controller:YesterdayController",
    {
        "yesterday": Command(
            "Is it only &yesterday?",
            "Ctrl+Shift+D",
            "",
            "Lay the forecast one step ahead over truth and yesterday's price, and move its line",
            after="compare_trainings",
        )
    },
)
