"""Odds of reaching a price, as the window has them."""

from __future__ import annotations

from app.actions import Command
from app.features.spec import FeatureSpec

ODDS = FeatureSpec(
    "odds",
    "app.features.odds.controller:OddsController",
    {
        "add_line": Command(
            "Add &line of odds",
            "Alt+L",
            "plus",
            "Draw a line over the forecast, and read the odds of reaching it while you drag it",
            after="fit",
        )
    },
    title="Odds",
    panel="app.features.odds.panel:OddsPanel",
)
