"""Inside the cell, and the five shapes, as the window has them."""

from __future__ import annotations

from app.actions import Command
from app.features.cells.controller import CellsController
from app.features.spec import FeatureContext, FeatureController, FeatureSpec


def _make_controller(context: FeatureContext) -> FeatureController:
    return CellsController(context)


CELLS = FeatureSpec(
    "cells",
    _make_controller,
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
