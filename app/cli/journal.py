"""The forecast journal in a terminal: forecasts are entered as they are made, and shown beside
what came of them.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.documents import LEVELS, Document
from app.cli.terminal import say
from forecasting.errors import CandlecastError
from forecasting.sentences import tell

if TYPE_CHECKING:
    import numpy as np

    from forecasting.config import RunConfig
    from forecasting.series import Forecast, Panel
    from forecasting.store import Coverage, Entry, Journal
    from forecasting.store.database import Database

_MOST_ROWS = 40


def reconcile(panel: Panel) -> None:
    """Enter what the panel tells of earlier forecasts; where there is no journal, or none that
    can be used, there is nothing to do.
    """
    from forecasting.store import Journal, store_path

    if not store_path().is_file():
        return
    with noted("The forecast journal was not brought up to date."), Journal() as journal:
        journal.reconcile(panel)
        say_findings(journal)


def keep(forecasts: Sequence[Forecast], panel: Panel, config: RunConfig | None) -> None:
    """Enter final forecasts; a journal that cannot be used costs a note, not the forecast.

    ``config`` is None for forecasts that another program made.
    """
    from forecasting.store import Journal

    with noted("The forecast was not entered in the journal."), Journal() as journal:
        journal.add(forecasts, panel, config)
        say_findings(journal)


@contextlib.contextmanager
def noted(consequence: str) -> Iterator[None]:
    """Let whatever goes wrong with the store cost a note that begins with the consequence, never
    the result.
    """
    try:
        yield
    except CandlecastError as error:
        say(f"Note: {consequence} {error.message} {error.hint}".rstrip())
    except Exception as error:
        say(f"Note: {consequence} {type(error).__name__}: {error}")


def say_findings(store: Database) -> None:
    """Say what was wrong with the store, such as that a damaged one was set aside."""
    for finding in store.findings:
        say(f"Note: {finding.message}")


def settings_of(model_file: Path) -> RunConfig:
    """Return the settings that a model was trained with."""
    from forecasting.bundle import read_bundle, settings_in

    manifest, _ = read_bundle(model_file)
    return settings_in(model_file, manifest)


def open_sources(journal: Journal) -> list[str]:
    """Return what has to be loaded to learn what became of forecasts that are still open, latest
    first.
    """
    open_ones = (entry for entry in journal.entries() if entry.state == "open")
    return list(
        dict.fromkeys(
            entry.provenance.source for entry in open_ones if entry.provenance.source != "memory"
        )
    )


def document(journal: Journal) -> Document:
    """Return the journal: every forecast with what happened, and the realised coverage of each
    band.
    """
    entries = journal.entries()
    return {
        "entries": [_entry(entry) for entry in entries],
        "coverage": {str(level): _coverage(journal.coverage(level)) for level in LEVELS},
        "verdict": {str(level): _sentence(journal.coverage(level)) for level in LEVELS},
        "base_rate": _rises(entries),
    }


def _rises(entries: Sequence[Entry]) -> Document:
    """Return how often a bar that was forecast closed above the last value before the forecast."""
    known = sum(int(entry.known.sum()) for entry in entries)
    higher = sum(int((entry.y[entry.known] > entry.forecast.y0).sum()) for entry in entries)
    share = higher / known if known else None
    sentence = (
        f"{100 * higher / known:.1f} % of {known:,} bars that were forecast closed higher than the "
        "last one before the forecast."
        if known
        else "No bar that was forecast is known yet."
    )
    return {"rises": share, "windows": known, "sentence": sentence}


def show(journal: Journal) -> None:
    """Print the journal, latest forecast first, and the realised coverage; ``past`` is what was
    known already and never counts.
    """
    from rich.markup import escape

    from app.cli.console import console, titled_table

    out, entries = console(), journal.entries()
    if not entries:
        out.print(
            "The journal is empty: every forecast that you make is entered, and compared with "
            "what happens."
        )
        return
    table = titled_table("Forecast journal")
    for heading, most in (("Made", 10), ("Symbol", 11), ("Model", 11), ("From", 16)):
        table.add_column(heading, no_wrap=True, max_width=most)
    for heading in ("Bars", *(f"in {level} %" for level in LEVELS)):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in entries[:_MOST_ROWS]:
        fcst, known = entry.forecast, int(entry.known.sum())
        inside = [f"{_hits(entry, level)} of {known}" if known else entry.state for level in LEVELS]
        table.add_row(
            _time(entry.made_at)[:10],
            escape(fcst.symbol),
            fcst.model,
            _day(fcst.cutoff),
            str(len(fcst)),
            *inside,
        )
    out.print(table)
    if len(entries) > _MOST_ROWS:
        out.print(f"  and {len(entries) - _MOST_ROWS:,} more: --json has all of them")
    for level in LEVELS:
        out.print(_sentence(journal.coverage(level)), markup=False, highlight=False, soft_wrap=True)


def _sentence(cover: Coverage) -> str:
    bars = int(cover.bars.sum())
    level = f"{cover.level:g}"
    if not bars:
        return tell("journal-none", level=level)
    days = f"{bars:,} bar{'s' * (bars > 1)} of {cover.ds.size:,} day{'s' * (cover.ds.size > 1)}"
    held = cover.held
    name = {
        "right": "journal-right",
        "low": "journal-narrow",
        "high": "journal-wide",
        "few": "journal-few",
    }[held.stands(cover.level)]
    return tell(
        name,
        level=level,
        share=f"{held.percent:.1f}",
        bars=days,
        low=f"{held.low:.1f}",
        high=f"{held.high:.1f}",
    )


def _entry(entry: Entry) -> Document:
    fcst = entry.forecast
    limits = {level: fcst.band(level) for level in LEVELS if _hits(entry, level) is not None}
    rows: list[dict[str, Any]] = []
    for step, ds in enumerate(fcst.ds):
        row: dict[str, Any] = {"ds": _time(ds), "median": fcst.median[step]}
        for level, (low, high) in limits.items():
            row |= {f"lo-{level}": low[step], f"hi-{level}": high[step]}
        rows.append(row | {"y": entry.y[step], "counts": bool(entry.counts[step])})
    return {
        "symbol": fcst.symbol,
        "model": fcst.model,
        "made_at": _time(entry.made_at),
        "cutoff": _time(fcst.cutoff),
        "y0": fcst.y0,
        "source": entry.provenance.source,
        "adjusted": entry.provenance.adjusted,
        "state": entry.state,
        "known": int(entry.known.sum()),
        "hits": {str(level): _hits(entry, level) for level in LEVELS},
        "forecast": rows,
    }


def _hits(entry: Entry, level: float) -> int | None:
    """Return how many known bars lay in a band; None where the forecast has no such band."""
    try:
        return int(entry.hits(level).sum())
    except KeyError:
        return None


def _coverage(cover: Coverage) -> Document:
    held = cover.held
    text = held.told and cover.bars.size > 0
    return {
        "bars": int(cover.bars.sum()),
        "hits": int(cover.hits.sum()),
        "percent": held.percent if math.isfinite(held.percent) else None,
        "low": held.low if text else None,
        "high": held.high if text else None,
        "independent": held.independent,
        "answer": held.stands(cover.level),
    }


def _time(ds: np.datetime64) -> str:
    return str(ds.astype("datetime64[s]")).replace("T", " ")


def _day(ds: np.datetime64) -> str:
    return _time(ds).removesuffix(" 00:00:00").removesuffix(":00")
