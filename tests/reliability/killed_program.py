"""The real program in processes that are killed: each is forked from one that has imported all
of it, so that five hundred are cheap.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
#: Seconds after which a program is killed in any case.
WATCH_S = 120.0


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Attributes
    ----------
    status : int
        Exit status; -9 where it was killed.
    seconds : float
        From its start to its end.
    at : float
        ``time.time()`` of its end.
    said : str
        What it wrote to its terminal.
    """

    status: int
    seconds: float
    at: float
    said: str

    @property
    def killed(self) -> bool:
        """Whether it was killed before it ended by itself."""
        return self.status == -signal.SIGKILL

    def told(self, word: str) -> list[list[str]]:
        """Return the words of the whole lines that begin with a word."""
        lines = self.said.split("\n")[:-1]
        return [line.split()[1:] for line in lines if line.startswith(f"{word} ")]


Start = Callable[..., Ended]


@contextlib.contextmanager
def programs() -> Iterator[Start]:
    """Start the process that others are forked from, for the time of a ``with`` block.

    Yields
    ------
    callable
        Takes the name of a play of :mod:`kill_plays`, the folder that the program takes for its
        home, and ``after`` (seconds after which it is killed), ``event`` (place of the opening,
        renaming or pushing to disk of a file at which it is killed), or neither; further words are
        for the play. Returns an :class:`Ended`.
    """
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    with subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    ) as origin:
        assert origin.stdin is not None
        assert origin.stdout is not None
        source, sink = origin.stdin, origin.stdout

        def start(
            play: str,
            home: Path,
            *,
            after: float | None = None,
            event: int | None = None,
            **more: Any,
        ) -> Ended:
            source.write(
                json.dumps(
                    {"play": play, "home": str(home), "after": after, "event": event, **more}
                )
                + "\n"
            )
            source.flush()
            answer = sink.readline()
            assert answer, "the process that programs are forked from has ended"
            return Ended(**json.loads(answer))

        yield start
        source.close()
        sink.read()


# In the process that others are forked from


def serve() -> None:
    """Fork a program for each line of the input."""
    import kill_plays
    import torch

    torch.set_num_threads(1)
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, CANDLECAST_HOME=folder),
    ):
        kill_plays.rehearse(Path(folder))
    for line in sys.stdin:
        order = json.loads(line)
        home = Path(order["home"])
        home.mkdir(parents=True, exist_ok=True)
        terminal = home.with_name(f"{home.name}.terminal")
        started = time.monotonic()
        pid = os.fork()
        if not pid:
            _become(home, terminal)
            if order["event"] is not None:
                _die_at(int(order["event"]))
            status = 1
            try:
                kill_plays.unprotect(order.get("without", ""))
                status = kill_plays.PLAYS[order["play"]](order)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        status = _end_of(pid, started, order["after"])
        ended = Ended(
            status, time.monotonic() - started, time.time(), terminal.read_text(errors="replace")
        )
        print(json.dumps(ended.__dict__), flush=True)


def _become(home: Path, terminal: Path) -> None:
    """Be a program of its own: its session, its home, its terminal."""
    os.setsid()
    opened = os.open(terminal, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(opened, number)
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
    scratch = home.with_name(f"{home.name}.tmp")
    scratch.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)


def _die_at(index: int) -> None:
    """Kill this process at the n-th time that it opens a file for writing, renames, removes or
    pushes one to the disk.
    """
    left = [index]

    def count() -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event in ("os.rename", "os.remove", "os.mkdir") or (
            event == "open" and isinstance(given[2], int) and given[2] & 3
        ):
            count()

    real = os.fsync

    def fsync(number: int) -> None:
        count()
        real(number)
        count()

    os.fsync = fsync
    sys.addaudithook(hook)


def _end_of(pid: int, begun: float, after: float | None) -> int:
    """Wait for the end of a program, which is killed when its time has come."""
    last = begun + (WATCH_S if after is None else after)
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= last:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "reliability")]
    serve()
