"""Lines as they are kept: for one series, named, in price units."""

from __future__ import annotations

from pydantic import Field, model_validator

from app.charts.drawing import LARGEST_PRICE
from forecasting.config import Settings

#: Most lines of one series, and of a project.
MOST_LINES, MOST_KEPT = 12, 500


class OddsLine(Settings):
    """A line over the forecast of one series; level where ``start`` is ``end``."""

    symbol: str = Field(min_length=1, max_length=400)
    name: str = Field("", max_length=100)
    start: float = Field(ge=-LARGEST_PRICE, le=LARGEST_PRICE, allow_inf_nan=False)
    end: float = Field(ge=-LARGEST_PRICE, le=LARGEST_PRICE, allow_inf_nan=False)


class OddsLines(Settings):
    """All lines of a project, and the step that their odds run to; 0 for the last one."""

    lines: tuple[OddsLine, ...] = Field((), max_length=MOST_KEPT)
    until: int = Field(0, ge=0, le=5000)

    @model_validator(mode="after")
    def _bounded(self) -> OddsLines:
        for symbol in {line.symbol for line in self.lines}:
            if sum(line.symbol == symbol for line in self.lines) > MOST_LINES:
                raise ValueError(f"a series has at most {MOST_LINES} lines")
        return self

    def of(self, symbol: str) -> tuple[OddsLine, ...]:
        """Return the lines of one series."""
        return tuple(line for line in self.lines if line.symbol == symbol)

    def with_lines(self, symbol: str, lines: tuple[OddsLine, ...]) -> OddsLines:
        """Return these with other lines for one series."""
        others = tuple(line for line in self.lines if line.symbol != symbol)
        return self.model_copy(update={"lines": (*others, *lines)})
