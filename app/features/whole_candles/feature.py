"""Whole candles of the forecast, as the window has them."""

from __future__ import annotations

from app.actions import Command
from app.features.spec import FeatureSpec

WHOLE_CANDLES = FeatureSpec(
    "whole_candles",
    "app.features.whole_candles.controller:WholeCandlesController",
    {
        "whole_candles": Command(
            "Whole candles of the &forecast",
            "Alt+Shift+K",
            "",
            "Forecast open, high and low beside the close, and draw them as candles",
            switch=True,
            after="why_strip",
        )
    },
    early=True,
)
