"""Inside the cell, and the five shapes, as the window has them."""

from __future__ import annotations

from app.actions import Command
from app.features.spec import FeatureSpec

CELLS = FeatureSpec(
    "cells",
    "app.features.cells.controller:CellsController",
    {
        "cells": Command(
            "Inside the &cell…",
            "Ctrl+Shift+Q",
            "",
            "Show gates, state or attention of the network, live while it trains",
            after="compare_trainings",
        ),
        "shapes": Command(
            "The five s&hapes…",
            "Ctrl+Shift+O",
            "",
            "Show the five shapes side by side, and choose one",
            after="cells",
        ),
    },
)
