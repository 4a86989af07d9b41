"""What trading costs, and the one threshold of the rules: fixed before anything is seen."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from forecasting.config import Settings


def _words(unit: str) -> dict[str, Any]:
    """Return what forms show of a field."""
    return {"unit": unit, "advanced": False}


class RuleOptions(Settings):
    """What trading costs, and when the chance of a rise is large enough."""

    costs: float = Field(
        5.0,
        title="Costs",
        description="Commission of each trade, in basis points (0.01 %) of what is traded.",
        ge=0,
        le=1000,
        json_schema_extra=_words("bp"),
    )
    slippage: float = Field(
        5.0,
        title="Slippage",
        description="How much worse than the close each trade is filled, in basis points.",
        ge=0,
        le=1000,
        json_schema_extra=_words("bp"),
    )
    up_threshold: float = Field(
        0.55,
        title="Chance of a rise",
        description="The second rule holds where the forecast chance of a rise is above this.",
        ge=0.5,
        le=0.99,
        json_schema_extra=_words(""),
    )

    @property
    def rate(self) -> float:
        """Costs and slippage as a share of what is traded."""
        return (self.costs + self.slippage) / 1e4
