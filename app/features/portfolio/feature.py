"""The value of several series together, as the window has it."""

from __future__ import annotations

from app.features.portfolio.controller import PortfolioController
from app.features.portfolio.panel import PortfolioPanel
from app.features.spec import FeatureContext, FeatureSpec


def _make_controller(context: FeatureContext) -> PortfolioController:
    return PortfolioController(
        context.window, context.session, context.panels["portfolio"], context.preferences
    )


PORTFOLIO = FeatureSpec("portfolio", _make_controller, title="Portfolio", panel=PortfolioPanel)
