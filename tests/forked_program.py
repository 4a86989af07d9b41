"""The real program in processes of its own, each closed in some state; forked from one that has
imported all, so that many are cheap.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
#: Seconds after which a program that has not ended is taken for hung: its threads are printed, and
#: it is killed.
WATCH_S = 60
#: Seconds that processes of a program which has ended may take to follow it.
_FOLLOW_S = 2.0
#: What a program finds in memory, and what only one that is to have its engine at once does.
_IMPORTS = (
    "app.window.workbench",
    "forecasting.jobs",
    "forecasting.sources.yahoo",
    "pandas",
    "pyqtgraph",
    "psutil",
)
_LATE = ("torch", "forecasting.backtest.walk", "forecasting.training", "forecasting.verdict")


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Attributes
    ----------
    status : int
        Exit status; negative for a signal.
    seconds : float
        From the moment it was closed to its end.
    said : str
        What it wrote to its terminal.
    left : list of str
        Processes and files that it left behind.
    """

    status: int
    seconds: float
    said: str
    left: list[str]

    @property
    def faults(self) -> list[str]:
        """What a user would complain about, the time aside."""
        words = [
            line
            for line in self.said.splitlines()
            if any(bad in line for bad in ("QThread", "Traceback", "Fatal", "QObject", "Timeout"))
        ]
        return (
            [f"exit status {self.status}: {self.said[-3000:]}"] * (self.status != 0)
            + words
            + self.left
        )


@contextlib.contextmanager
def programs(*, torch: bool = True) -> Iterator[Callable[..., Ended]]:
    """Start the process that others are forked from, for the time of a ``with`` block.

    Yields
    ------
    callable
        Takes the state, the folder that the program takes for its home, and more words for the
        state; returns an :class:`Ended`.
    """
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, __file__, "torch" if torch else ""]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as origin:
        assert origin.stdin is not None
        assert origin.stdout is not None
        source, sink = origin.stdin, origin.stdout

        def run(state: str, home: Path, **more: Any) -> Ended:
            source.write(json.dumps({"state": state, "home": str(home), **more}) + "\n")
            source.flush()
            return Ended(**json.loads(sink.readline()))

        yield run
        source.close()
        sink.read()


# In the process that others are forked from


def serve(*, torch: bool) -> None:
    """Fork a program for each line of the input."""
    for name in (*_IMPORTS, *(_LATE if torch else ())):
        importlib.import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        home = Path(order["home"])
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        pid = os.fork()
        if not pid:
            _become(home)
            from program_states import run

            sys.exit(run(order))
        print(json.dumps(asdict(_end_of(pid, home))), flush=True)


def _become(home: Path) -> None:
    """Be a program of its own: its session, its home, its terminal."""
    os.setsid()
    terminal = os.open(home / "terminal", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(terminal, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name in (
        "HOME",
        "CANDLECAST_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_CACHE_HOME",
        "XDG_STATE_HOME",
    ):
        os.environ[name] = str(home)
    os.environ["TMPDIR"] = tempfile.tempdir = str(home / "tmp")
    faulthandler.register(signal.SIGUSR1, file=2, all_threads=True)


def _end_of(pid: int, home: Path) -> Ended:
    """Wait for the end of a program, and look what is left of it."""
    began, status = time.monotonic(), 0
    while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if time.monotonic() - began > WATCH_S:
            with (home / "terminal").open("a") as terminal:
                terminal.write("Timeout: the program hangs.\n")
            os.kill(pid, signal.SIGUSR1)
            time.sleep(1)
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)
    ended = time.monotonic()
    _, status = os.waitpid(pid, 0)
    left = [f"process {item}" for item in _session_of(pid)]
    left += [f"file {item.relative_to(home)}" for item in (home / "tmp").rglob("*")]
    closed = home / "closed"
    seconds = ended - float(closed.read_text()) if closed.exists() else float("nan")
    return Ended(
        os.waitstatus_to_exitcode(status),
        seconds,
        (home / "terminal").read_text(errors="replace"),
        left,
    )


def _session_of(pid: int) -> list[str]:
    """Return the processes of a program which has ended that do not follow it; they are killed."""
    end = time.monotonic() + _FOLLOW_S
    while (left := list(_members(pid))) and time.monotonic() < end:
        time.sleep(0.02)
    told = []
    for item in left:
        with contextlib.suppress(psutil.Error):
            told.append(f"{item.pid} {' '.join(item.cmdline())}")
            item.kill()
    return told


def _members(session: int) -> Iterator[psutil.Process]:
    for pid in psutil.pids():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            process = psutil.Process(pid)
            if os.getsid(pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                yield process


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    serve(torch="torch" in sys.argv)
