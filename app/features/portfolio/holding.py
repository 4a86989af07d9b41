"""What is held, as a project keeps it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from forecasting.config import Settings

#: Most series of a portfolio in a project.
MOST_HELD = 2000

Share = Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False)]


class Holding(Settings):
    """Shares by symbol, empty for equal ones, and how they are looked at."""

    weights: dict[Annotated[str, Field(min_length=1, max_length=400)], Share] = Field(
        {}, max_length=MOST_HELD
    )
    model: str = Field("har", max_length=100)
    horizon: int = Field(10, ge=1, le=250)
    backtest: bool = False
