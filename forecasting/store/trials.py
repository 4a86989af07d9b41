"""How often a test part was used: the best of many tries looks good by chance, so every try is
counted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np

from forecasting.config import RunConfig
from forecasting.series import Dates, Panel, PriceSeries
from forecasting.store.database import Database, text_of
from forecasting.store.journal import PAST, comparable, same_series

#: Two test parts are one where they share this much of the shorter.
_SHARED = 0.5


class Trials(Database):
    """The tally in the store's file; parameters and errors as of :class:`Database`."""

    def add(
        self,
        panel: Panel,
        config: RunConfig,
        first: np.datetime64,
        last: np.datetime64,
        further: Sequence[object] = (),
    ) -> int:
        """Note that a configuration is judged, and tell how many different ones were judged there
        by now.

        Parameters
        ----------
        panel : Panel
            Symbols and frequencies tell which panel it is, and closes of its first series before
            the test part whether the same name means the same prices: adjusted anew they do, of
            another file they do not.
        config : RunConfig
            Every setting but the device and the baselines makes another configuration; so does
            another seed. Settings that have their defaults do not count, so that those of a newer
            version are no other try.
        first, last : datetime64[us]
            First cutoff and last date of the outcomes. Parts that share half of the shorter count
            as one: new bars do not reset the tally.
        further : sequence
            What else makes another configuration, as JSON can hold it.

        Returns
        -------
        int
            At least 1, this one.
        """
        key = _digest(json.dumps([(item.symbol, item.freq) for item in panel]))
        plain = config.changed(device="auto", baselines="auto")
        chosen = plain.model_dump(mode="json", exclude_defaults=True)
        described = [chosen, *further] if further else chosen
        settings = _digest(json.dumps(described, sort_keys=True))
        older = _digest(plain.to_json()) if not further else settings
        return self._guarded(
            lambda: self._counted(panel, key, (settings, older), _us(first), _us(last))
        )

    def _counted(
        self, panel: Panel, key: str, digests: tuple[str, str], first: int, last: int
    ) -> int:
        """Count as :meth:`add` does; ``digests`` are that of the chosen settings, and that of all
        settings, which versions before wrote.
        """
        settings, older = digests
        series = panel[0]
        upto = int(np.searchsorted(series.ds, np.datetime64(first, "us"), side="right"))
        known = slice(max(0, upto - PAST), upto)
        past = np.stack(
            [series.ds[known].astype(np.int64).astype(np.float64), series.y[known]], axis=1
        )
        row = (
            key,
            settings,
            first,
            last,
            past.astype("<f8").tobytes(),
            _us(np.datetime64(datetime.now(UTC).replace(tzinfo=None))),
        )
        with self._writing() as db:
            db.execute(
                "UPDATE OR REPLACE tried SET settings = ? WHERE panel = ? AND settings = ?",
                (settings, key, older),
            )
            rows = db.execute(
                "SELECT settings, first, last, past FROM tried WHERE panel = ?", (key,)
            ).fetchall()
            db.execute(
                "INSERT OR IGNORE INTO tried (panel, settings, first, last, past, tried_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )
        stamps = comparable(series.ds, series.freq)
        there = {settings}
        for row_there in rows:
            text = "A try on this test part is damaged in the store and is not counted."
            other = self._decoded(
                partial(_same_part, row_there, first, last, stamps, series), "try_damaged", text
            )
            if other:
                there.add(other)
        return len(there)


def _same_part(
    row: Sequence[Any], first: int, last: int, stamps: Dates, series: PriceSeries
) -> str:
    """Return the settings of a try if it was on the same part of the same prices, else ""; any
    error where the row is damaged.
    """
    settings, begin, end, blob = row
    text_of(settings)
    shared = min(last, end) - max(first, begin)
    if shared < _SHARED * min(last - first, end - begin):
        return ""
    closes = np.frombuffer(blob, "<f8").astype(np.float64).reshape(-1, 2)
    return settings if same_series(closes, stamps, series) else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _us(date: np.datetime64) -> int:
    return int(date.astype("datetime64[us]").astype(np.int64))
