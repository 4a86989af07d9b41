"""The search for settings, as the window has it."""

from __future__ import annotations

from app.actions import Command
from app.features.spec import FeatureSpec

SEARCH = FeatureSpec(
    "search",
    "app.features.search.controller:SearchController",
    {
        "search": Command(
            "Find &settings",
            "Ctrl+Shift+H",
            "settings",
            "Search for settings on the bars before the test part, and look at that once",
            needs="prices",
            after="backtest",
        ),
        "try_all": Command(
            "Tr&y all networks",
            "",
            "compare",
            "Try every network, with and without each group of inputs",
            needs="prices",
            after="search",
        ),
    },
    title="Search",
    panel="app.features.search.panel:SearchPanel",
)
