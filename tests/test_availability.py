"""Which commands can be used, told from the state of the session alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from app.actions import COMMANDS
from app.window.availability import available
from app.window.features import commands

SOMETHING = object()
REST: dict[str, Any] = {
    "state": "idle",
    "task": "",
    "busy": False,
    "panel": SOMETHING,
    "row": SOMETHING,
    "series": SOMETHING,
    "finished": SOMETHING,
    "can_train_on": True,
}


def can(**changes: object) -> frozenset[str]:
    session: Any = SimpleNamespace(**{**REST, **changes})
    found = available(session, {**COMMANDS, **commands()})
    return frozenset(name for name, enabled in found.items() if enabled)


def test_at_rest_with_a_result_everything_can_be_done_but_ending_what_does_not_run() -> None:
    assert can() == {
        "open", "import", "paste", "ticker", "new_project", "reload", "train", "use_model",
        "backtest", "audit", "longer", "inputs", "explain", "save_model", "export", "copy", "fit",
        "search", "try_all", "watch", "unwatch", "combine",
    }  # fmt: skip


def test_a_row_that_is_not_loaded_takes_away_only_what_needs_its_chart() -> None:
    assert can() - can(series=None) == {"export", "copy", "fit"}


@pytest.mark.parametrize("state", ["training", "paused", "stopping"])
def test_while_a_training_runs_the_chart_can_still_be_taken_along(state: str) -> None:
    found = can(state=state, task="training", busy=True)
    assert {"export", "copy", "fit", "cancel"} <= found
    assert not found & {"open", "train", "backtest", "audit", "longer", "save_model", "reload"}
    assert ("stop" in found) == (state != "stopping")
    assert ("pause" in found) == (state != "stopping")


def test_without_prices_they_can_only_be_loaded() -> None:
    empty = can(panel=None, row=None, series=None, finished=None, can_train_on=False)
    assert empty == {"open", "import", "paste", "ticker", "new_project"}
