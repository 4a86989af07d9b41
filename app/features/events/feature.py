"""Marks of dividends, splits and earnings reports, as the window has them."""

from __future__ import annotations

from app.actions import Command
from app.features.spec import FeatureSpec

EVENTS = FeatureSpec(
    "events",
    "app.features.events.controller:EventsController",
    {
        "events": Command(
            "Di&vidends, splits and earnings",
            "Alt+Shift+D",
            "",
            "Mark dividends (D), splits (S) and earnings reports (E) at the foot of the chart",
            switch=True,
            after="fit",
        )
    },
)
