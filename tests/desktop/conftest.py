"""The stage: these tests need an X server with a window manager, which ``./test`` and
``stage.py`` start.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hands import on_xcb
from stage import DISPLAYS

if os.environ.get(DISPLAYS) and os.environ.get("PYTEST_XDIST_WORKER"):
    # Each process has a screen of its own: they would take each other's keyboard away.
    place = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    os.environ["DISPLAY"] = os.environ[DISPLAYS].split()[place]


#: Files that take longest: several processes begin with them, so that none works alone at the end.
LONGEST = (
    "test_desktop_journeys.py",
    "test_severe.py",
    "test_desktop_dialogs.py",
    "test_inputs_desktop.py",
    "test_judging_desktop.py",
    "test_happy_path.py",
    "test_files_and_clipboard.py",
)


def _order(item: pytest.Item) -> int:
    name = Path(item.path).name
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; skip what lies in this folder where there is no X server to
    run it on.
    """
    if on_xcb():
        items.sort(key=_order)
        return
    here = Path(__file__).resolve().parent
    skip = pytest.mark.skip(
        reason="needs an X server: ./test tests/desktop starts one, and so does "
        "tests/desktop/stage.py"
    )
    for item in items:
        if here in Path(item.path).parents:
            item.add_marker(skip)
