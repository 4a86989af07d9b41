"""The table of trials and baselines: it stays sorted and selected while trials come in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QItemSelectionModel, Signal

from app.charts.plot import Columns
from app.model_titles import model_title
from app.widgets.table_view import TableView
from forecasting.config import GROUPS, value_titles

if TYPE_CHECKING:
    from forecasting.search import TrialEnded

_STATES = {"complete": "judged", "pruned": "given up", "failed": "failed", "running": "running"}


def titles_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by the titles of forms, their values as forms name them."""
    found = {}
    for name, value in values.items():
        info = next((g.model_fields[name] for g in GROUPS.values() if name in g.model_fields), None)
        if info is None:
            found[name] = value
            continue
        title = (info.title or name).removesuffix(" (known ahead)")
        if isinstance(value, bool):
            found[title] = "on" if value else "off"
        elif isinstance(value, str):
            found[title] = value_titles(info).get(value, value) or "none"
        else:
            found[title] = value
    return found


class TrialsTable(TableView):
    """Trials and baselines, the best first until it is sorted otherwise.

    Signals
    -------
    selected : int
        Number of the trial that is chosen; -1 for a baseline.
    opened : int
        Number of a trial that was double-clicked or entered.
    """

    selected = Signal(int)
    opened = Signal(int)

    def __init__(self, name: str) -> None:
        self._numbers: list[int] = []
        super().__init__(name, self._open)
        self.setSelectionMode(TableView.SelectionMode.SingleSelection)
        self._filling = False
        self.selectionModel().selectionChanged.connect(self._selection_changed)

    @property
    def number(self) -> int:
        """Number of the selected trial; -1 where none is."""
        rows = self.selectionModel().selectedRows() if self.selectionModel() else []
        return self._number(rows[0]) if rows else -1

    def show_trials(
        self, trials: Sequence[TrialEnded], baselines: Mapping[str, float], unit: str
    ) -> None:
        """Show trials and baselines; what is sorted and selected stays."""
        before, header = self.number, self.horizontalHeader()
        column, order = header.sortIndicatorSection(), header.sortIndicatorOrder()
        ranked = _ranked(trials, baselines)
        self._numbers = [number for number, _, _ in ranked]
        self._filling = True
        self.show_sheet(self._columns(ranked, trials, unit), self._tips())
        if 0 <= column < self.model().columnCount():
            self.sortByColumn(column, order)
        self.choose(before)
        self._filling = False

    def choose(self, number: int) -> None:
        """Select a trial."""
        flag = QItemSelectionModel.SelectionFlag
        for row in range(self.model().rowCount() if number >= 0 else 0):
            index = self.model().index(row, 0)
            if self._number(index) == number:
                if self.number != number:
                    self.selectionModel().setCurrentIndex(index, flag.ClearAndSelect | flag.Rows)
                    self.scrollTo(index)
                return

    def _number(self, index: Any) -> int:
        row = self._sorted.mapToSource(index).row()
        return self._numbers[row] if 0 <= row < len(self._numbers) else -1

    def _open(self, row: int) -> None:
        if 0 <= row < len(self._numbers) and self._numbers[row] >= 0:
            self.opened.emit(self._numbers[row])

    def _selection_changed(self) -> None:
        if not self._filling:
            self.selected.emit(self.number)

    def _columns(
        self,
        ranked: Sequence[tuple[int, float, str]],
        trials: Sequence[TrialEnded],
        unit: str,
    ) -> Columns:
        if not ranked:
            return {}
        by_number = {trial.number: trial for trial in trials}
        rows = [by_number.get(number) for number, _, _ in ranked]
        loss = np.array([value for _, value, _ in ranked])
        with np.errstate(invalid="ignore", divide="ignore"):
            gain = 100 * (
                1 - loss / np.array([_of_defaults(by_number.get(0), row) for row in rows])
            )
        sheet: dict[str, Any] = {
            self.tr("Trial"): [name for _, _, name in ranked],
            self.tr("State"): [
                self.tr("baseline") if row is None else self.tr(_STATES[row.state]) for row in rows
            ],
            self.tr("Loss ({unit})").format(unit=unit): loss,
            self.tr("Beside defaults %"): gain,
            self.tr("Blocks"): np.array([np.nan if r is None else len(r.losses) for r in rows]),
            self.tr("Seconds"): np.array([np.nan if r is None else r.seconds for r in rows]),
        }
        named = [{} if row is None else titles_of(row.values) for row in rows]
        for title in dict.fromkeys(title for values in named for title in values):
            column = [values.get(title) for values in named]
            numeric = all(isinstance(v, int | float) or v is None for v in column)
            sheet[title] = (
                np.array([np.nan if v is None else float(v) for v in column])
                if numeric
                else ["" if v is None else str(v) for v in column]
            )
        sheet[self.tr("Why it failed")] = ["" if row is None else row.reason for row in rows]
        if not any(sheet[self.tr("Why it failed")]):
            del sheet[self.tr("Why it failed")]
        return sheet

    def _tips(self) -> tuple[str, ...]:
        return (
            self.tr("A trial, the defaults, or a simple baseline"),
            self.tr("Judged on all blocks, or given up after some"),
            self.tr("Mean CRPS of the validation blocks that were run: lower is better"),
            self.tr("How much lower the loss is than that of the defaults on the same blocks"),
            self.tr("Validation blocks that were run"),
            self.tr("Time that the trial took"),
        )


def _of_defaults(defaults: TrialEnded | None, row: TrialEnded | None) -> float:
    """Return the loss of the defaults on the blocks that a trial was run, or a baseline, which is
    run on all.
    """
    if defaults is None or not defaults.losses or (row is not None and not row.losses):
        return math.nan
    return defaults.losses[len(row.losses) - 1 if row is not None else -1]


def _ranked(
    trials: Sequence[TrialEnded], baselines: Mapping[str, float]
) -> list[tuple[int, float, str]]:
    """Return number (-1: a baseline), loss and name: what was judged on all blocks first, the
    best at the top.
    """
    whole = [t for t in trials if t.state == "complete"]
    rows = [(t.number, t.loss, f"trial {t.number}" if t.number else "defaults") for t in whole]
    rows += [(-1, loss, model_title(name)) for name, loss in baselines.items()]
    rows.sort(key=lambda row: row[1])
    others = [t for t in trials if t.state != "complete"]
    others.sort(key=lambda t: (-len(t.losses), t.loss if t.losses else np.inf))
    return rows + [(t.number, t.loss, f"trial {t.number}") for t in others]
