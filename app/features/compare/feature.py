"""Other series over the prices, as the window has them."""

from __future__ import annotations

from app.features.spec import FeatureSpec

COMPARE = FeatureSpec("compare", "app.features.compare.controller:CompareController", early=True)
