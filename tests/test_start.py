"""What a start puts off: hidden parts, their imports, and the look for plugins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.theme import DARK, LIGHT, Theme
from app.widgets.late import Late
from forecasting import plugins

#: What the window needs only once something was trained, judged or found out.
_NOT_YET = (
    "app.charts.search",
    "app.features.audit.controller",
    "app.features.evaluation.evaluation_view",
    "app.features.importing.dialog",
    "app.features.inputs.controller",
    "app.features.journal.panel",
    "app.features.judge.controller",
    "app.features.odds.panel",
    "app.features.portfolio.panel",
    "app.features.runs.panel",
    "app.features.search.controller",
    "app.features.search.panel",
    "app.features.watch.controller",
    "arch",
    "exchange_calendars",
    "forecasting.baselines",
    "forecasting.jobs.training",
    "forecasting.sources.files.reader",
    "pandas",
    "pyarrow",
    "scipy",
    "torch",
)


class Coloured(QWidget):
    """A part with a theme."""

    theme: Theme | None = None

    def set_theme(self, theme: Theme) -> None:
        self.theme = theme


def test_a_hidden_part_is_built_when_it_is_seen_or_asked_for(qtbot: QtBot) -> None:
    part: Late[Coloured] = Late(Coloured)
    qtbot.addWidget(part)
    heard: list[QWidget] = []
    part.once_built(heard.append)
    part.set_theme(DARK)
    assert not part.is_built
    assert heard == []
    part.show()
    assert part.is_built
    assert heard == [part.content]
    assert part.content.theme is DARK
    assert part.content.isVisible()
    part.set_theme(LIGHT)
    assert part.content.theme is LIGHT
    part.once_built(heard.append)
    assert heard == [part.content] * 2


def test_the_window_is_imported_without_what_a_first_chart_does_not_need() -> None:
    code = f"import app.window.workbench, sys; print([m for m in {_NOT_YET} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_plugins_are_looked_for_where_a_package_may_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "meta_path", [f for f in sys.meta_path if plugins._is_usual(f)])
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "absent")])
    other = tmp_path / "other-1.0.dist-info"
    other.mkdir()
    (other / "entry_points.txt").write_text("[console_scripts]\nother = other:main\n")
    assert list(plugins._points.__wrapped__()) == []
    mine = tmp_path / "mine-1.0.dist-info"
    mine.mkdir()
    (mine / "METADATA").write_text("Name: mine\nVersion: 1.0\n")
    (mine / "entry_points.txt").write_text("[candlecast.baselines]\nmine = mine:MINE\n")
    assert [point.name for point in plugins._points.__wrapped__()] == ["mine"]
