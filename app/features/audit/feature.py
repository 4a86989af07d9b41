"""The audit for leaks, as the window has it."""

from __future__ import annotations

from app.actions import Command
from app.features.spec import FeatureSpec

AUDIT = FeatureSpec(
    "audit",
    "app.features.audit.controller:AuditController",
    {
        "audit": Command(
            "&Audit for leaks…",
            "Ctrl+Shift+A",
            "audit",
            "Change the future, and see whether any input or forecast notices",
            needs="prices",
            after="backtest",
        )
    },
)
