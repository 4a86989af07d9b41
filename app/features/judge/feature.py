"""The judgement of a file of forecasts, as the window has it."""

from __future__ import annotations

from app.actions import Command
from app.features.spec import FeatureSpec

JUDGE = FeatureSpec(
    "judge",
    "app.features.judge.controller:JudgeController",
    {
        "judge": Command(
            "&Judge forecasts…",
            "Ctrl+Shift+J",
            "results",
            "Judge a file of forecasts of any program, as the own ones are judged",
            after="use_model",
        ),
        "judgement": Command(
            "Last ju&dgement of forecasts",
            "",
            "",
            "Show the last judgement of a file of forecasts again",
            after="judge",
        ),
    },
)
