"""The lessons as a feature of the window."""

from __future__ import annotations

from app.actions import Command
from app.features.spec import FeatureSpec

LESSON = FeatureSpec(
    "lessons",
    "app.features.lessons.controller:LessonController",
    {
        "lessons": Command(
            "&Lessons…",
            "Ctrl+Shift+E",
            "help",
            "See recurrent networks remember, forget, explode and copy, one lesson a click",
            after="tour",
        )
    },
)
