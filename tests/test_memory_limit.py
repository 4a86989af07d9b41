"""Too little memory for the engine is told in words before it is loaded, by the jobs that the
window and the commands share.
"""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

from forecasting import jobs
from forecasting.config import RunConfig
from forecasting.memory import trim_heap
from forecasting.series import Panel, PriceSeries

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="limits of address space are those of POSIX"
)

_PROGRAM = """
import resource
from forecasting import jobs
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError
from forecasting.memory import check_memory, trim_heap
check_memory()
resource.setrlimit(resource.RLIMIT_AS, (1_600_000_000, 1_600_000_000))
for job in (jobs.warm_up(), jobs.train(None, RunConfig()), jobs.backtest(None, RunConfig()), jobs.find_learning_rate(None, RunConfig())):
    try:
        list(job)
    except CandlecastError as error:
        print(error.message, error.hint)
"""


def test_jobs_that_need_the_engine_are_refused_where_it_has_no_room() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 4, done.stderr
    for line in lines:
        assert "1,600 MB of address space" in line
        assert "ulimit -v" in line


def test_memory_is_given_back_while_another_thread_imports_pyarrow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", ModuleType("pyarrow"))
    trim_heap()


def test_a_backtest_whose_forecasts_do_not_fit_is_refused_before_it_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from forecasting import memory

    monkeypatch.setattr(memory, "available_bytes", lambda: 1_000_000)
    ds = np.datetime64("2020-01-01", "us") + np.arange(400) * np.timedelta64(1, "D")
    y = 100 + np.random.default_rng(0).normal(size=400).cumsum()
    panel = Panel((PriceSeries("A", ds, ("close",), y[:, None]),))
    config = RunConfig().changed(input_size=20, horizon=5, test_size=60)
    levels = tuple(k / 1000 for k in range(1, 1000))
    with pytest.raises(memory.TooLittleMemoryError, match=r"999 quantiles.* 1 MB are free"):
        list(jobs.backtest(panel, config, quantiles=levels))
