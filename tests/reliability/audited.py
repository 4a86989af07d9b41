"""A child process that goes a way through the program and writes down each file it opens for
writing and each address it talks to.

``python audited.py REPORT WAY WORDS ...``; what Python's audit hooks see goes to REPORT, one JSON
document a line.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

REPORT, WAY, *WORDS = sys.argv[1:]
_LOG = os.open(REPORT, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate",
    "os.chmod", "os.utime", "sqlite3.connect",
}  # fmt: skip
_TALKS = {
    "socket.connect",
    "socket.bind",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
}


def note(kind: str, *what: object) -> None:
    os.write(_LOG, (json.dumps([kind, *map(str, what)]) + "\n").encode())


def heard(event: str, args: tuple[Any, ...]) -> None:
    """Note what changes a file or reaches for an address."""
    if event == "open":
        name, _mode, flags = args
        if isinstance(flags, int) and flags & _WRITING and not isinstance(name, int):
            note("write", os.fsdecode(name))
    elif event in _CHANGES:
        folder = (
            os.readlink(f"/proc/self/fd/{args[-1]}")
            if event in ("os.remove", "os.rmdir", "os.mkdir") and args[-1] != -1
            else ""
        )
        note(
            "write",
            *(
                os.path.join(folder, os.fsdecode(item))
                for item in args[:2]
                if isinstance(item, str | bytes | os.PathLike)
            ),
        )
    elif event in _TALKS:
        note(
            "talk",
            event,
            args[1:]
            if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg")
            else args[:2],
        )
    elif event == "subprocess.Popen":
        note("child", args[0], args[1])


sys.addaudithook(heard)


def commands(folder: Path, port: int) -> None:
    """Load, train, judge, save, export and fetch from the command line."""
    from app.cli import main

    point_at(port)
    tiny = [
        "--input-size",
        "10",
        "--horizon",
        "3",
        "--hidden-size",
        "4",
        "--epochs",
        "2",
        "--val-size",
        "40",
        "--test-size",
        "40",
    ]
    prices, out = str(folder / "prices.csv"), folder / "out"
    exports = [
        word
        for name in ("x.csv", "x.parquet", "x.html", "x.png", "x.svg", "x.pdf")
        for word in ("--export", str(out / name))
    ]
    for words in (
        ["inspect", prices],
        ["inspect", "yahoo:AAPL"],
        ["forecast", prices, *tiny, *exports, "--save", str(out / "model.candlecast")],
        ["forecast", prices, "--model-file", str(out / "model.candlecast")],
        ["forecast", "yahoo:AAPL", *tiny, "--members", "1"],
        ["lr-find", prices, "--input-size", "10", "--horizon", "3"],
        ["journal"],
        ["runs", "list"],
        ["doctor"],
    ):
        note("status", words[0], main(words))


def idle_window(seconds: float) -> None:
    """Open the window as a user does, and leave it alone; it is closed as a session's end closes
    it.
    """
    import signal
    import threading

    from app.__main__ import main

    def leave() -> None:
        import psutil

        for sock in psutil.Process().net_connections(kind="inet"):
            note("talk", "held", sock.raddr or sock.laddr)
        note("status", "window", 0)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Timer(seconds, leave).start()
    main([])


def point_at(port: int) -> None:
    """Let tickers come from a server on loopback."""
    from yahoo_server import YahooServer

    from forecasting.sources.yahoo import YahooSource, bounded_session

    server = YahooServer(port=port)
    YahooSource.session_factory = staticmethod(lambda: bounded_session(server.transport()))


if WAY == "commands":
    commands(Path(WORDS[0]), int(WORDS[1]))
elif WAY == "window":
    idle_window(float(WORDS[0]))
else:  # a planted offence
    exec(WORDS[0])
    note("status", "planted", 0)
