"""Models combined into one forecast, as the window has it."""

from __future__ import annotations

from app.actions import Command
from app.features.spec import FeatureSpec

COMBINATION = FeatureSpec(
    "combination",
    "app.features.combination.controller:CombinationController",
    {
        "combine": Command(
            "Com&bine models…",
            "",
            "",
            "Make one forecast of networks and baselines, weighted on the validation part",
            needs="prices",
            after="explain",
        ),
    },
)
