"""The installation's self-test, and that no forecast depends on which others are asked for with
it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from app.cli import main
from app.cli.runs import _same_skill
from forecasting.config import RunConfig
from forecasting.series import Panel, within
from forecasting.windows import Scaling, Windows
from tests.fabricated import walk

ROOT = Path(__file__).resolve().parents[1]


def test_the_doctor_finds_a_healthy_machine_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["doctor"])
    out = capsys.readouterr().out
    assert status == 0, out
    assert "FAILED" not in out


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["COMPATIBLE", "AVX2", ""])
def test_the_doctor_passes_however_mkl_rounds(mode: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "MKL_CBWR": mode,
        "CANDLECAST_HOME": str(tmp_path),
        "QT_QPA_PLATFORM": "offscreen",
    }
    command = [sys.executable, "-m", "app", "doctor"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_scale_of_a_forecast_does_not_depend_on_how_many_are_asked_for() -> None:
    config, panel = RunConfig(), Panel((walk("AAA", 300),))
    scaling = Scaling.fit(panel, [250], config.task, config.inputs)
    windows = Windows(panel, scaling, config.task, torch.device("cpu"))
    rows = torch.arange(60, 300)
    whole = windows.scale(rows)
    for count in (1, 2, 3, 7, 16, 33):
        assert torch.equal(windows.scale(rows[-count:]), whole[-count:])


def test_a_skill_is_the_same_to_the_last_decimal_that_is_printed() -> None:
    assert _same_skill(-0.001417201, -0.001417199)
    assert not _same_skill(-0.0014172, -0.0014192)
    assert _same_skill(float("nan"), float("nan"))
    assert not _same_skill(float("nan"), 0.0)


def test_a_value_on_the_limit_of_its_band_lies_within_it() -> None:
    limit = np.nextafter(10.0, 11.0)
    y = np.array([10.0, 10.0, 10.0001, np.nan])
    low = np.array([limit, 9.0, 9.0, 9.0])
    high = np.array([11.0, np.nextafter(10.0, 9.0), 10.0, 11.0])
    assert within(low, y, high).tolist() == [True, True, False, False]
