"""Models combined into one forecast, as the window has it."""

from __future__ import annotations

from app.actions import Command
from app.features.combination.controller import CombinationController
from app.features.spec import FeatureContext, FeatureSpec


def _make_controller(context: FeatureContext) -> CombinationController:
    return CombinationController(
        context.window, context.session, context.model, context.actions, context.preferences
    )


COMBINATION = FeatureSpec(
    "combination",
    _make_controller,
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
