"""The watch, as the window has it."""

from __future__ import annotations

from app.actions import Command
from app.features.spec import FeatureSpec

WATCH = FeatureSpec(
    "watch",
    "app.features.watch.controller:WatchController",
    {
        "watch": Command(
            "&Watch with a saved network…",
            "Ctrl+Shift+W",
            "journal",
            "Keep the marked series up to date: forecast each new close, and tell what stands out",
            needs="row",
            after="use_model",
        ),
        "unwatch": Command(
            "Stop &watching",
            "",
            "minus",
            "Watch the marked series no longer; their forecasts stay in the journal",
            needs="row",
            after="watch",
        ),
        "watch_now": Command(
            "Loo&k at the watched series now",
            "",
            "refresh",
            "Load what is due, forecast it, and compare earlier forecasts with what happened",
            after="unwatch",
        ),
    },
)
