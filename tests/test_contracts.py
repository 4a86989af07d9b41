"""The directions of imports are kept by a machine, and the machine is seen to notice."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: One line for each contract that breaks it, and the room that it is added to.
OFFENCES = {
    "The engine knows neither the application nor Qt": ("forecasting/metrics", "import PySide6"),
    "Rooms of the engine, top to bottom": (
        "forecasting/windows",
        "from forecasting import training",
    ),
    "What the window needs before training is free of torch": (
        "forecasting/calendars",
        "import torch",
    ),
    "The application leaves torch to the engine": ("app/widgets/form_builder", "import torch"),
    "Rooms of the application, top to bottom": ("app/theme", "from app import session"),
    "No circles between siblings": ("app/charts/plot", "from app.charts import plots"),
}
#: What takes long to import, and is not there before the first paint.
HEAVY = (
    "torch",
    "pandas",
    "pyqtgraph",
    "scipy",
    "yfinance",
    "arch",
    "exchange_calendars",
    "pyarrow",
    "statsmodels",
    "rich",
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("app", "forecasting"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _lint(folder: Path) -> tuple[int, str]:
    script = (
        "import sys; sys.path.insert(0, ''); from importlinter.cli import "
        "lint_imports_command; lint_imports_command()"
    )
    command = [sys.executable, "-c", script, "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_every_contract_has_an_offence_to_try() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    assert {contract["name"] for contract in contracts} == set(OFFENCES)


@pytest.mark.slow
def test_contracts_hold_until_they_are_broken_on_purpose(copy: Path) -> None:
    status, said = _lint(copy)
    assert status == 0, said
    for room, line in OFFENCES.values():
        path = copy / room / "__init__.py" if (copy / room).is_dir() else copy / f"{room}.py"
        path.write_text(f"{path.read_text()}\n{line}\n")
    status, said = _lint(copy)
    assert status != 0
    for name in OFFENCES:
        assert f"{name} BROKEN" in " ".join(said.split()), said


def test_a_room_that_no_contract_names_is_noticed(copy: Path) -> None:
    (copy / "forecasting" / "newcomer.py").write_text('"""A room that nobody placed."""\n')
    status, said = _lint(copy)
    assert status != 0
    assert "newcomer" in said


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    rooms = [
        f"forecasting.{name}"
        for name in (
            "errors",
            "config",
            "series",
            "events",
            "metrics",
            "sources",
            "calendars",
            "store",
            "jobs",
        )
    ]
    script = (
        f"import sys, {', '.join(rooms)}, app.__main__, app.cli; print([name for name in "
        f"{HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
