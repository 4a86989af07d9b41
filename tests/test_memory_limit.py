"""Too little memory for the engine is told in words before it is loaded, by the jobs that the
window and the commands share.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="limits of address space are those of POSIX"
)

_PROGRAM = """
import resource
from forecasting import jobs
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError
from forecasting.memory import check_memory
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
