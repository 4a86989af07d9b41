"""The value of several series together, as the window has it."""

from __future__ import annotations

from app.features.portfolio.controller import PortfolioController
from app.features.portfolio.panel import PortfolioPanel
from app.features.spec import FeatureSpec

PORTFOLIO = FeatureSpec("portfolio", PortfolioController, title="Portfolio", panel=PortfolioPanel)
