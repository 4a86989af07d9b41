"""A source that is added to the registry, and nowhere else, is opened, listed, stored in
projects and described.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.cli import main
from app.features.watchlist.panel import DataPanel
from app.watchlist import name_of
from forecasting import jobs
from forecasting.errors import DataError
from forecasting.series import PriceSeries, Provenance
from forecasting.source_registry import (
    SOURCES,
    SourceSpec,
    catalog,
    examples,
    is_prefixed,
    source_spec,
    split_reference,
)
from forecasting.sources import Request, source

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Title:
    """An entry of a catalogue."""

    title: str


#: What the test source offers by name.
RAMPS = {"up": Title("A ramp & nothing else")}


@dataclass(frozen=True)
class Ramp:
    """A source that draws a straight line."""

    name: str

    def load(self) -> tuple[PriceSeries, ...]:
        """Return one series."""
        ds = np.busday_offset("2020-01-01", np.arange(200), roll="forward").astype("datetime64[us]")
        close = np.linspace(10.0, 30.0, 200)[:, None]
        return (
            PriceSeries(
                self.name.upper(), ds, ("close",), close, provenance=Provenance(f"ramp:{self.name}")
            ),
        )


def from_request(name: str, _read: object, _wanted: object) -> Ramp:
    """Open a ramp."""
    return Ramp(name)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = SourceSpec(
        "ramp:NAME", f"{__name__}:from_request", catalog=f"{__name__}:RAMPS", name_of=str.upper
    )
    monkeypatch.setitem(SOURCES, "ramp", spec)


def test_a_registered_source_is_opened_and_inspected(capsys: pytest.CaptureFixture[str]) -> None:
    assert source("ramp:up").load()[0].symbol == "UP"
    assert main(["inspect", "ramp:up", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["symbol"], found["bars"]) == ("UP", 200)


def test_a_registered_source_is_known_where_references_are(qtbot: Any) -> None:
    assert is_prefixed("ramp:up")
    assert examples() == "a file, yahoo:TICKER, sample:NAME or ramp:NAME"
    loading = jobs.load([""])
    with pytest.raises(DataError) as refused:
        next(loading)
    assert "ramp:NAME" in refused.value.hint
    request = Request(reference="ramp:up")
    assert name_of(request) == "UP"
    assert not request.spec.options
    assert catalog()["ramp:up"] == "A ramp & nothing else"
    panel = DataPanel()
    qtbot.addWidget(panel)
    menus = [action.menu() for action in panel._add_menu().actions() if action.menu()]
    with qtbot.waitSignal(panel.add_sample_requested) as emitted:
        next(
            action for action in menus[0].actions() if action.text() == "A ramp && nothing else"
        ).trigger()
    assert emitted.args == ["ramp:up"]


@pytest.mark.parametrize(
    ("reference", "prefix", "rest"),
    [
        ("prices.csv", "file", "prices.csv"),
        ("yahoo", "file", "yahoo"),
        (r"C:\prices.csv", "file", r"C:\prices.csv"),
        ("Yahoo: aapl ", "yahoo", "aapl"),
        ("sample:sp500", "sample", "sp500"),
        ("ramp:up", "ramp", "up"),
        ("other:up", "file", "other:up"),
    ],
)
def test_a_reference_names_a_source_by_its_prefix(reference: str, prefix: str, rest: str) -> None:
    assert split_reference(reference) == (SOURCES[prefix], rest)
    assert source_spec(reference) is SOURCES[prefix]


def test_the_registry_is_read_without_anything_heavy() -> None:
    code = (
        "import sys; import forecasting.source_registry; sys.exit(len({'numpy', 'pydantic', "
        "'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
