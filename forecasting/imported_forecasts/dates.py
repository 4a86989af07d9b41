"""Which dates of a table are those that were forecast, and which say when the forecast was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from forecasting.errors import SourceError
from forecasting.series import Dates
from forecasting.sources.files.dates import read_dates
from forecasting.sources.files.grid import Grid

DateRole = Literal["ds", "cutoff", "start"]
_KINDS = ("ds", "target_ds", "cutoff", "issued", "start")


@dataclass(frozen=True)
class DateRoles:
    """The roles of the columns of dates by index, and what was assumed, in words."""

    roles: dict[int, DateRole] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def date_roles(
    sample: Grid, kinds: Mapping[int, str], free: Sequence[int], taken: set[str], form: str
) -> DateRoles:
    """Find the dates that were forecast and those of the cutoffs.

    A cutoff lies before what was forecast from it: where names leave it open, the dates themselves
    decide.

    Parameters
    ----------
    sample : Grid
        Some rows.
    kinds : mapping of int to str
        What the name of each column says.
    free : sequence of int
        Columns that have no role yet.
    taken : set of str
        Roles that the user has given.
    form : str
        Date format, or "".

    Raises
    ------
    SourceError
        Two columns of dates that may be the same thing.
    """
    kinds = dict(kinds)
    found = _read_all(sample, [index for index in free if kinds[index] in _KINDS], form)
    if not found and not taken & {"ds", "cutoff"}:
        found = _read_all(sample, [index for index in free if kinds[index] == "unknown"], form)
        kinds |= dict.fromkeys(found, "ds")
    table = _DateColumns(found, kinds, sample.names)
    plain, targets = table.distinct("ds", "ds"), table.distinct("target_ds", "ds")
    made = table.distinct("cutoff", "cutoff") or table.distinct("issued", "cutoff")
    notes: list[str] = []
    dates, cutoffs = targets or plain, made or (plain if targets else [])
    if not dates and "ds" not in taken and made and kinds[made[0]] == "issued":
        dates, cutoffs = made, []
        notes.append(
            f"{sample.names[made[0]]} is the only column of dates: it is taken as the dates "
            "that were forecast."
        )
    if dates and cutoffs:
        dates, cutoffs = table.in_time(dates[0], cutoffs[0], notes)
    starts = [] if cutoffs else table.distinct("start", "start")
    chosen: tuple[tuple[DateRole, list[int]], ...] = (
        ("ds", dates),
        ("cutoff", cutoffs),
        ("start", starts),
    )
    return DateRoles(
        {indices[0]: role for role, indices in chosen if indices and role not in taken},
        tuple(notes),
    )


def _read_all(sample: Grid, indices: Sequence[int], form: str) -> dict[int, Dates]:
    """Return the columns that hold dates."""
    read = {index: _dates(sample, index, form) for index in indices}
    return {index: dates for index, dates in read.items() if dates is not None}


@dataclass(frozen=True)
class _DateColumns:
    """Columns of dates: what they hold, what their names say, and the names."""

    found: Mapping[int, Dates]
    kinds: Mapping[int, str]
    names: Sequence[str]

    def distinct(self, kind: str, role: str) -> list[int]:
        """Return the column of a kind of name, those that repeat it left out; none where there is
        none.

        Raises
        ------
        SourceError
            Two that differ.
        """
        kept: list[int] = []
        for index in (index for index in self.found if self.kinds[index] == kind):
            if all((self.found[index] != self.found[other]).any() for other in kept):
                kept.append(index)
        if len(kept) > 1:
            called = " and ".join(self.names[index] for index in kept[:3])
            hint = (
                f"Say which: --columns {role}={self.names[kept[0]]},unused={self.names[kept[1]]}."
            )
            raise SourceError(f"The columns {called} may both be the {role}.", hint)
        return kept

    def in_time(self, dates: int, cutoffs: int, notes: list[str]) -> tuple[list[int], list[int]]:
        """Return the forecast dates and the cutoffs of two columns in the order of time; no cutoffs
        where both are the same.

        Raises
        ------
        SourceError
            One lies before the other in some rows and after it in others.
        """
        known = ~(np.isnat(self.found[dates]) | np.isnat(self.found[cutoffs]))
        ahead = (self.found[dates] - self.found[cutoffs])[known].astype(np.int64)
        if not ahead.size or (ahead == 0).all():
            return [dates], []
        if (ahead < 0).any() and (ahead > 0).any():
            raise SourceError(
                f"{self.names[cutoffs]} lies before {self.names[dates]} in some rows and after "
                "it in others.",
                "Say which is the date that was forecast: --columns "
                f"cutoff={self.names[cutoffs]},ds={self.names[dates]}.",
            )
        first, second = (cutoffs, dates) if (ahead >= 0).all() else (dates, cutoffs)
        if first != cutoffs or self.kinds[cutoffs] != "cutoff":
            notes.append(
                f"{self.names[first]} is taken as the cutoff and {self.names[second]} as the "
                "date that was forecast."
            )
        return [second], [first]


def _dates(sample: Grid, index: int, form: str) -> Dates | None:
    """Return a column read as dates, None where most cells are none or only count the rows."""
    read = read_dates(sample.columns[index], form)
    if read.readable < 0.5:
        return None
    counted = np.diff(read.ds.astype(np.int64))
    numbers = sample.columns[index].to_pylist()
    if (
        all(str(cell).strip().isdigit() and len(str(cell).strip()) < 8 for cell in numbers[:20])
        and (counted != 0).any()
    ):
        return None
    return read.ds
