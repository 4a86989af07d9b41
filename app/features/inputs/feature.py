"""Further columns as inputs, and why a forecast came out so, as the window has them."""

from __future__ import annotations

from app.actions import Command
from app.features.spec import FeatureSpec

INPUTS = FeatureSpec(
    "inputs",
    "app.features.inputs.controller:InputsController",
    {
        "inputs": Command(
            "Choose &inputs…",
            "Ctrl+Shift+I",
            "",
            "Choose further columns that the network reads: kind, delay and form of each",
            needs="prices",
            before="train",
        ),
        "explain": Command(
            "&Why this forecast…",
            "Ctrl+Shift+Y",
            "",
            "Show how much each input and each past bar moved the forecast",
            needs="network",
            after="audit",
        ),
        "why_strip": Command(
            "What moved the forecast, &bar by bar",
            "Alt+Shift+Y",
            "",
            "Show under the candles how much each past bar moved the median, live while it trains",
            switch=True,
            after="explain",
        ),
    },
)
