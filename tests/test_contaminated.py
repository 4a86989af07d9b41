"""One wrong bar makes no network "beat" everything: the exact failing cases, and the benchmark
scaled down.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "accuracy" / "contaminated.py"


@pytest.fixture(scope="module")
def bench() -> Any:
    spec = importlib.util.spec_from_file_location("contaminated", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["contaminated"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["contaminated"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["price", "yield"])
def test_a_walk_with_a_wrong_bar_is_not_beaten(bench: Any, kind: str, tmp_path: Path) -> None:
    y = bench.walk(kind, 400, 3)
    clean = bench.judged(
        bench.loaded(bench.rows_with("clean", y, 3), None), bench.NULL_SETTINGS
    ).verdict
    cases = [
        ("zero", tmp_path),
        ("double day", tmp_path),
        *((fault, None) for fault in ("zero", "negative", "x10", "/100", "stuck week")),
    ]
    for fault, folder in cases:
        found = bench.judged(
            bench.loaded(bench.rows_with(fault, y, 3), folder), bench.NULL_SETTINGS
        ).verdict
        assert found.outcome != "beats", fault
        assert found.skill == pytest.approx(clean.skill, abs=0.05), fault
        assert not any("leak" in note or "broken" in note for note in found.notes), fault


@pytest.mark.parametrize("place", [424, 460, 499])
def test_nor_with_one_at_an_origin_in_the_test_part_or_at_the_end(bench: Any, place: int) -> None:
    y = bench.walk("price", 500, 5)
    rows = bench._factor(10.0)([(np.datetime64("2012-01-02"), float(v)) for v in y], place)
    found = bench.judged(bench.loaded(rows, None), bench.NULL_SETTINGS)
    assert found.verdict.outcome != "beats"
    assert abs(found.verdict.skill) < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["price", "yield"])
@pytest.mark.parametrize("direct", [False, True])
def test_hardly_any_walk_is_beaten(bench: Any, kind: str, direct: bool, tmp_path: Path) -> None:
    for fault in bench.FAULTS:
        beaten = 0
        for seed in range(20):
            series = bench.loaded(
                bench.rows_with(fault, bench.walk(kind, 700, seed), seed),
                None if direct else tmp_path,
            )
            beaten += (
                bench.judged(
                    series, {**bench.NULL_SETTINGS, "horizon": 1, "seed": seed}
                ).verdict.outcome
                == "beats"
            )
        assert beaten <= 2, fault


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["price", "yield"])
def test_a_true_signal_is_still_found(bench: Any, kind: str) -> None:
    found = 0
    for seed in range(10):
        y = bench.walk(kind, 1200, seed, bench.SIGNAL)
        series = bench.loaded(bench.rows_with("clean", y, seed), None)
        found += (
            bench.judged(
                series, {**bench.SIGNAL_SETTINGS, "horizon": 1, "seed": seed}
            ).verdict.outcome
            == "beats"
        )
    assert found >= 9
