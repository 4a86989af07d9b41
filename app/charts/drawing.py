"""What people draw on a price chart: lines, rectangles and notes, anchored at dates and prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from app.charts.axis import Timeline
from forecasting.config import Settings
from forecasting.series import Dates, Floats

#: Kinds of drawings, as they are written in projects.
Kind = Literal["horizontal", "vertical", "trend", "ray", "rectangle", "note"]
#: Most drawings and marked dates of a project, and most letters of a text.
MOST_DRAWINGS, MOST_DATES, LONGEST_TEXT = 2000, 20_000, 500
#: Number of colours to choose from.
COLORS = 6
#: Bars at the end of a series whose pace dates of the future follow.
_PACE_BARS = 250
#: Largest price, of either sign, that a drawing or a line of odds may lie at.
LARGEST_PRICE = 1e18


@dataclass(frozen=True)
class KindSpec:
    """All that the program knows of one kind of drawing.

    Attributes
    ----------
    title : str
        Its name in menus.
    anchors : int
        How many points it has.
    help : str
        How it is drawn, for a tool tip.
    """

    title: str
    anchors: int
    help: str


#: Every kind by its name, in the order of menus.
KINDS: dict[Kind, KindSpec] = {
    "horizontal": KindSpec("Horizontal line", 1, "Click at a price"),
    "vertical": KindSpec("Vertical line", 1, "Click at a date"),
    "trend": KindSpec("Trend line", 2, "Click at its two ends, or drag from one to the other"),
    "ray": KindSpec("Ray", 2, "Click at its start and at a second point; it goes on from there"),
    "rectangle": KindSpec("Rectangle", 2, "Click at two opposite corners, or drag"),
    "note": KindSpec("Note", 1, "Click at a bar, then type"),
}


class Anchor(Settings):
    """A point of a drawing: a date in the clock of the series, and a price."""

    ds: datetime
    price: float = Field(ge=-LARGEST_PRICE, le=LARGEST_PRICE, allow_inf_nan=False)

    @model_validator(mode="after")
    def _without_zone(self) -> Anchor:
        if self.ds.tzinfo is not None:
            raise ValueError("the date of a drawing has no time zone")
        return self


class Drawing(Settings):
    """One drawing over the prices of a series."""

    symbol: str = Field(min_length=1, max_length=400)
    kind: Kind
    anchors: tuple[Anchor, ...] = Field(min_length=1, max_length=2)
    text: str = Field("", max_length=LONGEST_TEXT)
    color: int = Field(0, ge=0, lt=COLORS)

    @model_validator(mode="after")
    def _complete(self) -> Drawing:
        count = KINDS[self.kind].anchors
        if len(self.anchors) != count:
            raise ValueError(f"a drawing of the kind {self.kind} has {count} points")
        return self

    @property
    def title(self) -> str:
        """Its text, or the name of its kind."""
        return self.text.partition("\n")[0] or KINDS[self.kind].title


class MarkedDate(Settings):
    """A date that the user marked, of one series or of all (``symbol`` "")."""

    ds: datetime
    text: str = Field("", max_length=LONGEST_TEXT)
    symbol: str = Field("", max_length=400)

    @model_validator(mode="after")
    def _without_zone(self) -> MarkedDate:
        if self.ds.tzinfo is not None:
            raise ValueError("a marked date has no time zone")
        return self


class Drawings(Settings):
    """All drawings and marked dates of a project."""

    items: tuple[Drawing, ...] = Field((), max_length=MOST_DRAWINGS)
    dates: tuple[MarkedDate, ...] = Field((), max_length=MOST_DATES)

    def of(self, symbol: str) -> tuple[Drawing, ...]:
        """Return the drawings of one series."""
        return tuple(item for item in self.items if item.symbol == symbol)

    def replaced(self, symbol: str, items: tuple[Drawing, ...]) -> Drawings:
        """Return these with other drawings for one series."""
        others = tuple(item for item in self.items if item.symbol != symbol)
        return self.model_copy(update={"items": (*others, *items)[:MOST_DRAWINGS]})

    def dates_of(self, symbol: str) -> tuple[MarkedDate, ...]:
        """Return the marked dates of one series."""
        return tuple(item for item in self.dates if item.symbol in ("", symbol))

    def with_dates(self, dates: Iterable[MarkedDate]) -> Drawings:
        """Return these with more marked dates, each once, in order."""
        found = sorted({*self.dates, *dates}, key=lambda item: (item.ds, item.text))
        return self.model_copy(update={"dates": tuple(found)[:MOST_DATES]})

    def without_dates(self, dates: Iterable[MarkedDate]) -> Drawings:
        """Return these without some marked dates."""
        gone = set(dates)
        rest = tuple(item for item in self.dates if item not in gone)
        return self.model_copy(update={"dates": rest})


def positions(timeline: Timeline, dates: Dates) -> Floats:
    """Return where dates lie among the bars of a timeline, as fractional bar indices.

    Dates between two bars lie between them; dates before the first and after the last bar follow
    the mean distance of the bars there, so that a drawing keeps its date when bars are joined or
    added.

    Parameters
    ----------
    timeline : Timeline
    dates : ndarray of datetime64, shape [N]

    Returns
    -------
    ndarray of float64, shape [N]
    """
    stamps = dates.astype("datetime64[us]").astype(np.int64)
    count = len(timeline)
    if count == 0:
        return np.zeros(stamps.size)
    bars = timeline.ds.view(np.int64)
    first, last = int(bars[0]), int(bars[-1])
    index = np.clip(np.searchsorted(bars, stamps, side="right") - 1, 0, max(count - 2, 0))
    width = bars[np.minimum(index + 1, count - 1)] - bars[index]
    found: Floats = index + (stamps - bars[index]) / np.maximum(width, 1)
    before, after = stamps < first, stamps > last
    found[before] = (stamps[before] - first) / _pace(timeline, at_end=False)
    found[after] = count - 1 + (stamps[after] - last) / _pace(timeline, at_end=True)
    return found


def date_at(timeline: Timeline, bar: int) -> datetime:
    """Return the date of a bar; beyond both ends as :func:`positions` does."""
    count = len(timeline)
    if 0 <= bar < count:
        stamp = timeline.ds[bar]
    else:
        end = count - 1 if bar >= count else 0
        ahead = round((bar - end) * _pace(timeline, at_end=bar >= count))
        stamp = timeline.ds[end] + np.timedelta64(ahead, "us")
    moment: datetime = stamp.astype("datetime64[us]").item()
    return moment


def _pace(timeline: Timeline, at_end: bool) -> float:
    """Return the mean microseconds from bar to bar at one end of a timeline."""
    count = min(len(timeline), _PACE_BARS)
    if count < 2:
        return float(timeline.step.astype("m8[us]").astype(np.int64))
    part = timeline.ds[-count:] if at_end else timeline.ds[:count]
    return float((part[-1] - part[0]).astype(np.int64)) / (count - 1)
