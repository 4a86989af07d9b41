"""Runs in groups: how often each came, and mean and spread of its scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import QCoreApplication, Signal

from app.charts.plot import Columns
from app.features.runs.columns import Column, settings_key
from app.model_titles import model_title
from app.widgets.table_view import TableView
from forecasting.store.runs import StoredRun

#: Key of the group of runs that differ in nothing but their seed, and of those with a tag.
SEEDS, TAGS = "seeds", "tags"
#: Least height of the table of groups in pixels: its head and two rows.
_LOWEST = 96


def _tr(text: str) -> str:
    return QCoreApplication.translate("RunsPanel", text)


def grouped(
    runs: Sequence[StoredRun], by: str, column: Column | None
) -> dict[str, list[StoredRun]]:
    """Return runs by the name of their group, the largest first.

    Parameters
    ----------
    runs : sequence of StoredRun
    by : str
        :data:`SEEDS`, :data:`TAGS`, or the key of ``column``.
    column : Column or None
        Its text names the group.
    """
    found: dict[str, list[StoredRun]] = {}
    names: dict[str, str] = {}
    for run in runs:
        if by == SEEDS:
            key = settings_key(run)
            names.setdefault(key, f"{model_title(run.model)} {run.horizon}, {run.symbols}")
            keys = [key]
        elif by == TAGS:
            keys = list(run.tags) or [_tr("no tag")]
        else:
            keys = [column.text(run) if column is not None else ""]
        for key in keys:
            found.setdefault(key, []).append(run)
    ordered = sorted(found.items(), key=lambda item: -len(item[1]))
    if by != SEEDS:
        return dict(ordered)
    made: dict[str, list[StoredRun]] = {}
    for key, members in ordered:
        name = names[key]
        same = sum(other.startswith(name) for other in made)
        made[f"{name} ({same + 1})" if same else name] = members
    return made


class GroupTable(TableView):
    """One row a group: number of runs, mean and standard deviation of skill, CRPS and coverage.

    Signals
    -------
    chosen : frozenset of str, or None
        Keys of the runs of the selected group; None where none is selected.
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        self._groups: list[list[StoredRun]] = []
        super().__init__(_tr("Groups of runs"))
        self.setSelectionMode(TableView.SelectionMode.SingleSelection)
        self.setMinimumHeight(_LOWEST)
        self.selectionModel().selectionChanged.connect(self._selection_changed)

    def show_groups(self, title: str, groups: dict[str, list[StoredRun]]) -> None:
        """Show groups by name."""
        self._groups = list(groups.values())
        self.show_sheet(self._columns(title, groups), self._tips())
        self.chosen.emit(None)

    def _columns(self, title: str, groups: dict[str, list[StoredRun]]) -> Columns:
        if not groups:
            return {}
        sheet: dict[str, Any] = {
            title: list(groups),
            _tr("Runs"): np.array([len(members) for members in self._groups]),
        }
        for name, factor, value in (
            (_tr("Skill %"), 100.0, _skill),
            (_tr("CRPS"), 1.0, lambda run: run.score("crps_bp")),
            (_tr("In 80 % band %"), 100.0, lambda run: run.score("coverage_80")),
        ):
            columns = [factor * np.array([value(run) for run in runs]) for runs in self._groups]
            sheet[name] = np.array([_mean(column) for column in columns])
            sheet[f"± {name}"] = np.array([_std(column) for column in columns])
        return sheet

    def _tips(self) -> tuple[str, ...]:
        mean, spread = _tr("Mean over the runs of the group"), _tr("Standard deviation over them")
        return (_tr("Select a group to see its runs alone"), "", *([mean, spread] * 3))

    def _selection_changed(self) -> None:
        rows = self.selectionModel().selectedRows()
        if not rows:
            self.chosen.emit(None)
            return
        row = self._sorted.mapToSource(rows[0]).row()
        self.chosen.emit(frozenset(run.key for run in self._groups[row]))


def _skill(run: StoredRun) -> float:
    return float("nan") if run.record.verdict.few else run.skill


def _mean(values: Any) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _std(values: Any) -> float:
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1)) if known.size > 1 else float("nan")
