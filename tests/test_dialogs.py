"""Which files the dialogs for opening list, and what becomes of those that are chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QDir
from PySide6.QtWidgets import QFileDialog, QWidget

from app import dialogs
from app.preferences import Preferences
from app.widgets.screen_fit import resize_on_screen


def kinds(patch: pytest.MonkeyPatch, folder: Path, *, one: bool) -> dict[str, list[str]]:
    """Return the patterns of each kind that the dialog offers, in its order."""
    asked: list[str] = []

    def name(
        _parent: QWidget, _title: str, _folder: str, filters: str, *_more: object
    ) -> tuple[str, str]:
        asked.append(filters)
        return "", ""

    patch.setattr(QFileDialog, "getOpenFileName", name)
    patch.setattr(
        QFileDialog,
        "getOpenFileNames",
        lambda *given: ([name(*given)[0]] if name(*given)[0] else [], ""),
    )
    assert dialogs.ask_open(None, Preferences(folder / "preferences.json"), one=one) == []  # type: ignore[arg-type]
    return {
        words: patterns.rstrip(")").split()
        for words, _, patterns in (kind.partition(" (") for kind in asked[0].split(";;"))
    }


def test_the_dialog_lists_all_that_can_be_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offered = kinds(monkeypatch, tmp_path, one=False)
    first = next(iter(offered.values()))
    for name in (
        "a.csv",
        "MSFT.XLS",
        "b.xlsm",
        "c.csv.bz2",
        "d.txt.xz",
        "e.pq",
        "EURUSD.dat",
        "mine.candleproject",
        "net.candlecast",
    ):
        assert QDir.match(first, name), name
    assert offered["Projects"] == ["*.candleproject"]
    assert offered["Candlecast networks"] == ["*.candlecast"]
    assert "*" in offered["All files"]


def test_the_import_dialog_lists_prices_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offered = kinds(monkeypatch, tmp_path, one=True)
    assert not any(
        QDir.match(patterns, "mine.candleproject")
        for words, patterns in offered.items()
        if words != "All files"
    )


def test_a_window_is_no_larger_than_the_screen(qtbot: Any) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    room = window.screen().availableSize()
    resize_on_screen(window, room.width() + 500, 90)
    assert (window.width() < room.width(), window.height()) == (True, 90)
    resize_on_screen(window, 90, room.height())
    assert (window.width(), window.height() < room.height()) == (90, True)
