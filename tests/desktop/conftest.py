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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what lies in this folder where there is no X server to run it on."""
    if on_xcb():
        return
    here = Path(__file__).resolve().parent
    skip = pytest.mark.skip(
        reason="needs an X server: ./test tests/desktop starts one, and so does "
        "tests/desktop/stage.py"
    )
    for item in items:
        if here in Path(item.path).parents:
            item.add_marker(skip)
