"""Columns of the table of runs: those of every run, scores and settings, as the user chooses."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from PySide6.QtCore import QCoreApplication, QDateTime, Qt

from app.model_titles import model_title
from app.number_format import duration, number
from forecasting.config import GROUPS, value_titles
from forecasting.errors import CandlecastError
from forecasting.metrics import METRICS
from forecasting.store.runs import StoredRun


def _tr(text: str) -> str:
    return QCoreApplication.translate("RunsPanel", text)


@dataclass(frozen=True)
class Column:
    """A column of the table: key, heading, tool tip, what it says of a run, what it is sorted by,
    and whether the user writes into it.
    """

    key: str
    title: str
    tip: str
    text: Callable[[StoredRun], str]
    value: Callable[[StoredRun], Any]
    number: bool = False
    editable: bool = False


def when(run: StoredRun) -> str:
    """Write when a run ended, as the clock on the wall showed it."""
    moment = QDateTime.fromString(run.record.made_at, Qt.DateFormat.ISODateWithMs)
    if not moment.isValid():
        return run.record.made_at[:16]
    local = moment.toLocalTime()
    return f"{local.date().toString(Qt.DateFormat.ISODate)} {local.time().toString('HH:mm')}"


def _figure(value: float, digits: int, share: bool = False) -> str:
    if not math.isfinite(value):
        return "–"
    return number(100 * value if share else value, digits) + (" %" if share else "")


_WORDS = {"beats": "▲ beats", "ties": "■ ties", "loses": "▼ loses"}

COLUMNS: tuple[Column, ...] = (
    Column(
        "when",
        "When",
        "When the run ended. What is selected is drawn on the chart beside the run that is "
        "shown there, which is bold",
        when,
        lambda run: run.record.made_at,
    ),
    Column(
        "symbol",
        "Symbol",
        "Series it was trained on",
        lambda run: run.symbols,
        lambda run: run.symbols.lower(),
    ),
    Column(
        "network",
        "Network",
        "Network, and whether it was tested through history",
        lambda run: _network(run),
        lambda run: _network(run),
    ),
    Column(
        "horizon",
        "Horizon",
        "Bars ahead",
        lambda run: str(run.horizon or "–"),
        lambda run: run.horizon,
        True,
    ),
    Column(
        "verdict",
        "Verdict",
        "Beside the best simple forecast",
        lambda run: _tr(
            "? too few" if run.record.verdict.few else _WORDS[run.record.verdict.outcome]
        ),
        lambda run: ("beats", "ties", "loses").index(run.record.verdict.outcome),
    ),
    Column(
        "skill",
        "Skill",
        "Gain in CRPS over the reference; more is better. None where too few independent "
        "origins decide",
        lambda run: "–" if run.record.verdict.few else _figure(run.skill, 1, True),
        lambda run: math.nan if run.record.verdict.few else run.skill,
        True,
    ),
    Column(
        "crps",
        "CRPS",
        "Error of the whole distribution, basis points; less is better",
        lambda run: _figure(_crps(run), 1),
        lambda run: _crps(run),
        True,
    ),
    Column(
        "coverage",
        "In 80 %",
        "Outcomes inside the 80 % band",
        lambda run: _figure(run.score("coverage_80"), 1),
        lambda run: run.score("coverage_80"),
        True,
    ),
    Column(
        "time",
        "Time",
        "Seconds it took",
        lambda run: duration(run.record.seconds),
        lambda run: run.record.seconds,
        True,
    ),
    Column(
        "seed",
        "Seed",
        "Seed of all chance",
        lambda run: str(run.record.seed),
        lambda run: run.record.seed,
        True,
    ),
    Column(
        "name",
        "Name",
        "Yours: double click or F2 to write",
        lambda run: run.name,
        lambda run: run.name.lower(),
        editable=True,
    ),
    Column(
        "tags",
        "Tags",
        "Words to find runs by, with blanks between: double click or F2 to write",
        lambda run: " ".join(run.tags),
        lambda run: " ".join(run.tags).lower(),
        editable=True,
    ),
    Column(
        "notes",
        "Notes",
        "Yours: double click or F2 to write",
        lambda run: run.notes,
        lambda run: run.notes.lower(),
        editable=True,
    ),
)


def column_groups() -> dict[str, tuple[Column, ...]]:
    """Return all columns by the group in which they are chosen."""
    groups = {"Runs": COLUMNS, "Scores": _score_columns()}
    for group, cls in GROUPS.items():
        groups[_GROUP_TITLES.get(group, group)] = tuple(
            _setting_column(group, name) for name in cls.model_fields
        )
    return groups


_GROUP_TITLES = {"task": "Task", "inputs": "Inputs", "model": "Network", "train": "Training"}


@cache
def all_columns() -> dict[str, Column]:
    """Return every column by its key."""
    return {column.key: column for group in column_groups().values() for column in group}


def chosen_columns(keys: Sequence[str]) -> tuple[Column, ...]:
    """Return columns by their keys, the notes last; without a known one those of the start."""
    known = all_columns()
    found = [known[key] for key in dict.fromkeys(keys) if key in known] or list(COLUMNS)
    return tuple(sorted(found, key=lambda column: column.key == "notes"))


def _score_columns() -> tuple[Column, ...]:
    return tuple(
        Column(
            f"score.{name}",
            metric.label,
            f"Score of the network: {metric.label}",
            lambda run, name=name: _score(run.score(name)),  # type: ignore[misc]
            lambda run, name=name: run.score(name),  # type: ignore[misc]
            True,
        )
        for name, metric in METRICS.items()
    )


def _score(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "–"


def _setting_column(group: str, name: str) -> Column:
    info = GROUPS[group].model_fields[name]
    titles = value_titles(info)

    def value(run: StoredRun) -> Any:
        found = setting(run, group, name)
        return math.nan if found is None else found

    def text(run: StoredRun) -> str:
        found = setting(run, group, name)
        if found is None:
            return "–"
        if isinstance(found, bool):
            return _tr("on") if found else _tr("off")
        if isinstance(found, float):
            return f"{found:.6g}"
        return titles.get(str(found), str(found))

    number_like = info.annotation in (int, float)
    return Column(
        f"{group}.{name}", info.title or name, info.description or "", text, value, number_like
    )


def setting(run: StoredRun, group: str, name: str) -> Any:
    """Return a setting of a run; None where this program cannot read it."""
    try:
        return getattr(getattr(run.config, group), name)
    except (CandlecastError, AttributeError):
        return None


def settings_key(run: StoredRun) -> str:
    """Return what is the same for runs on the same prices that differ in nothing but their seed."""
    try:
        config = run.config.changed(seed=0, device="auto").to_json()
    except CandlecastError:
        config = run.record.config
    prices = [item.fingerprint or f"part of {item.symbol}" for item in run.record.series]
    return f"{run.record.kind} {prices} {config}"


def _network(run: StoredRun) -> str:
    model = model_title(run.model)
    return f"{model} · {_tr('backtest')}" if run.record.kind == "backtest" else model


def _crps(run: StoredRun) -> float:
    return run.score("crps_bp")
