"""Drawings and marked dates on the price charts, as the window has them."""

from __future__ import annotations

from app.features.spec import FeatureSpec

DRAWINGS = FeatureSpec(
    "drawings", "app.features.drawings.controller:DrawingsController", early=True
)
DATES = FeatureSpec("dates", "app.features.drawings.dates:DatesController", early=True)
