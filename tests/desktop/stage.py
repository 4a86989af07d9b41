#!/usr/bin/env python3
"""A virtual X server with a window manager: the screen on which the tests of this folder run.

``python tests/desktop/stage.py pytest tests/desktop`` runs a command on one. Only the standard
library is used, as ``./test`` reads this file before anything is installed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

#: Debian's package for each program that is needed.
PROGRAMS = {"Xvfb": "xvfb", "openbox": "openbox", "xdotool": "xdotool"}
#: Variable that names the displays of several processes of tests, separated by spaces.
DISPLAYS = "CANDLECAST_DISPLAYS"
#: Size of the screen in pixels.
SCREEN = (1920, 1200)
#: Longest wait in seconds for the server and for its window manager.
PATIENCE_S = 60
#: A window manager without menus, decorations that animate, or keys of its own that could take
#: those of the program.
OPENBOX = """<?xml version="1.0"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <focus><focusNew>yes</focusNew><followMouse>no</followMouse></focus>
  <placement><policy>Smart</policy></placement>
  <desktops><number>1</number><popupTime>0</popupTime></desktops>
  <keyboard></keyboard>
  <mouse>
    <context name="Titlebar">
      <mousebind button="Left" action="Press"><action name="Focus"/><action name="Raise"/></mousebind>
      <mousebind button="Left" action="Drag"><action name="Move"/></mousebind>
    </context>
    <context name="Client">
      <mousebind button="Left" action="Press"><action name="Focus"/><action name="Raise"/></mousebind>
    </context>
  </mouse>
</openbox_config>
"""


def missing() -> list[str]:
    """Return the programs that this machine lacks; all of them where X servers do not exist."""
    return [
        name
        for name in PROGRAMS
        if not sys.platform.startswith("linux") or shutil.which(name) is None
    ]


@contextlib.contextmanager
def stage(size: Sequence[int] = SCREEN) -> Iterator[Mapping[str, str]]:
    """Start a server and its window manager on a free display.

    Parameters
    ----------
    size : sequence of int
        Width and height of the screen in pixels.

    Yields
    ------
    mapping of str to str
        Environment for a program that is to use it: ``DISPLAY`` and ``QT_QPA_PLATFORM``.

    Raises
    ------
    RuntimeError
        One of the two did not start.
    """
    with tempfile.TemporaryDirectory(prefix="stage-") as folder, contextlib.ExitStack() as started:
        display = f":{started.enter_context(_server(size))}"
        environment = {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        started.enter_context(_window_manager(Path(folder), {**os.environ, **environment}))
        yield environment


@contextlib.contextmanager
def _server(size: Sequence[int]) -> Iterator[int]:
    """Run Xvfb and yield the number of the display that it chose."""
    read, write = os.pipe()
    screen = f"{size[0]}x{size[1]}x24"
    command = [
        "Xvfb",
        "-displayfd",
        str(write),
        "-screen",
        "0",
        screen,
        "-nolisten",
        "tcp",
        "-noreset",
        "-dpi",
        "96",
    ]
    with _running(command, pass_fds=(write,)) as server:
        os.close(write)
        with os.fdopen(read) as told:
            number = told.readline().strip()
        if not number:
            raise RuntimeError(f"Xvfb ended with exit status {server.wait()} instead of starting.")
        yield int(number)


@contextlib.contextmanager
def _window_manager(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run openbox, and wait until it says that it manages windows."""
    ready = folder / "ready"
    (folder / "rc.xml").write_text(OPENBOX, encoding="utf-8")
    command = ["openbox", "--config-file", str(folder / "rc.xml"), "--startup", f"touch {ready}"]
    own = {
        **environment,
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "XDG_CACHE_HOME": str(folder),
    }
    with _running(command, env=own) as manager:
        end = time.monotonic() + PATIENCE_S
        while not ready.exists():
            if manager.poll() is not None or time.monotonic() > end:
                raise RuntimeError("openbox did not start.")
            time.sleep(0.05)
        yield


@contextlib.contextmanager
def _running(command: Sequence[str], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for as long as it is needed."""
    quiet = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    program = subprocess.Popen(command, **quiet, **options)  # type: ignore[call-overload]
    try:
        yield program
    finally:
        program.terminate()
        try:
            program.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()


def main() -> int:
    """Run a command on a stage of its own and return its exit status."""
    if lacking := missing():
        sys.exit(
            f"{sys.argv[0]}: needs {', '.join(lacking)} (Debian: apt-get install "
            f"{' '.join(PROGRAMS[item] for item in lacking)})"
        )
    signal.signal(
        signal.SIGTERM, lambda signum, _frame: sys.exit(128 + signum)
    )  # the servers end with this
    with stage() as environment:
        return subprocess.run(
            sys.argv[1:], env={**os.environ, **environment}, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
