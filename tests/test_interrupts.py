"""Ctrl-C and SIGTERM in the first moments: quiet, with the statuses that shells know, and
nothing left behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def _started(*words: str, pending: int = 0) -> subprocess.CompletedProcess[str]:
    """Run Python with a signal waiting for it, as ``run`` hands one over."""

    def interrupt() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, STATUS)
        os.kill(os.getpid(), pending)

    before = interrupt if pending else None
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        preexec_fn=before,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("signum", STATUS)
def test_a_signal_that_came_while_python_started_ends_the_program_quietly(
    signum: signal.Signals,
) -> None:
    done = _started("-m", "app", "inspect", "sample:sp500", pending=signum)
    assert (done.returncode, done.stdout, done.stderr) == (STATUS[signum], "", "")


@pytest.mark.parametrize("signum", STATUS)
def test_a_signal_in_the_middle_of_the_work_leaves_no_traceback_and_no_file(
    signum: signal.Signals, tmp_path: Path
) -> None:
    script = (
        "import signal, sys; from pathlib import Path; from app.interrupts import "
        "end_at_signals; end_at_signals()\n"
        "from forecasting.files.atomic import TempFolder, atomic_open\n"
        "scratch = TempFolder(); (scratch.path / 'a').touch(); print(scratch.path, flush=True)\n"
        f"with atomic_open(Path({str(tmp_path / 'table.csv')!r})) as part:\n"
        "    part.write_text('half')\n"
        f"    signal.raise_signal({int(signum)})\n"
    )
    done = _started("-c", script)
    assert (done.returncode, done.stderr) == (STATUS[signum], "")
    assert not Path(done.stdout.strip()).exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("signum", STATUS)
def test_an_interrupted_set_up_ends_with_the_status_of_its_signal(signum: signal.Signals) -> None:
    loader = SourceFileLoader("run_script", str(ROOT / "run"))
    run = module_from_spec(spec_from_loader(loader.name, loader))  # type: ignore[arg-type]
    loader.exec_module(run)
    with pytest.raises(SystemExit) as ended:
        run.interrupt(signum)
    assert ended.value.code == STATUS[signum]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such process")
def test_an_aborted_program_with_worker_processes_warns_of_nothing() -> None:
    script = (
        "import multiprocessing, os\n"
        "from forecasting.backtest.workers import start_quiet_tracker\n"
        "start_quiet_tracker()\n"
        "lock = multiprocessing.get_context('spawn').Lock()\n"
        "os._exit(130)\n"
    )
    ended = _started("-c", script)
    assert (ended.returncode, ended.stderr) == (130, "")
