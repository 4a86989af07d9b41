"""Which series a result is without, in one line."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from PySide6.QtCore import QCoreApplication

#: Most series whose reasons are written out.
_MOST_NAMED = 12


def left_out_text(reasons: Collection[str]) -> str:
    """Return how many series are left out with the reasons of the first; "" for none."""
    if len(reasons) < 2:
        return "".join(reasons)
    count = QCoreApplication.translate("LeftOut", "{n} series are left out.").format(n=len(reasons))
    return " ".join((count, *islice(reasons, _MOST_NAMED)))
