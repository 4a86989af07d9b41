"""The value of several series together, as the window has it."""

from __future__ import annotations

from app.features.spec import FeatureSpec

PORTFOLIO = FeatureSpec(
    "portfolio",
    "app.features.portfolio.controller:PortfolioController",
    title="Portfolio",
    panel="app.features.portfolio.panel:PortfolioPanel",
)
