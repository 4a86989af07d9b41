"""A child process that opens strangers' files through the program's own entries, and tells what
became of it and what it cost.

Reads one JSON line a file from stdin (kind and path), answers with one on stdout. Run as a script
by :mod:`test_hostile`.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

#: What a file that is only read has no reason to do: events of Python's audit hooks.
FORBIDDEN = (
    "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.startfile",
    "pty.spawn", "socket.connect",
    "socket.getaddrinfo",
    "ctypes.dlopen", "webbrowser.open", "pickle.find_class", "urllib.Request", "ftplib.connect",
)  # fmt: skip
CHANGING = (
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.chmod",
    "shutil.rmtree",
    "shutil.move",
)

broken: list[str] = []
watching = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what must not happen while a stranger's file is open."""
    if not watching:
        return
    if event in FORBIDDEN:
        broken.append(f"{event} {arguments!r}"[:300])
    elif event == "open":
        path, mode, flags = arguments
        writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (
            isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
        )
        if writes and isinstance(path, str | bytes | os.PathLike) and _outside(path):
            broken.append(f"open for writing {path!r}")
    elif (
        event in CHANGING
        and arguments
        and isinstance(arguments[0], str | bytes | os.PathLike)
        and _outside(_placed(event, arguments))
    ):
        broken.append(f"{event} {arguments!r}"[:300])


def _placed(event: str, arguments: tuple[Any, ...]) -> str:
    """Return the path that is changed, also where it is named from an open folder."""
    folder = arguments[1] if event in ("os.remove", "os.rmdir") else -1
    return os.path.join(
        os.readlink(f"/proc/self/fd/{folder}") if folder >= 0 else "", os.fsdecode(arguments[0])
    )


def _outside(path: Any) -> bool:
    """Whether a path is outside the folders that the program may write to: its own, and the one
    for temporary files.
    """
    real = os.path.realpath(os.fsdecode(path)) + os.sep
    return not any(
        real.startswith(os.path.realpath(os.environ[name]) + os.sep)
        for name in ("CANDLECAST_HOME", "TMPDIR", "MAY_WRITE")
    )


def memory(name: str) -> int:
    """Return VmRSS or VmHWM of this process in bytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))


def processor_seconds() -> float:
    """Return what this process and its children that have ended took of the processor."""
    found = (resource.getrusage(item) for item in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(item.ru_utime + item.ru_stime for item in found)


def prices(path: str) -> str:
    from forecasting import jobs
    from forecasting.errors import CandlecastError
    from forecasting.events import SeriesLoaded

    with contextlib.suppress(
        CandlecastError
    ):  # what the dialog shows is a look only; it may tell of a problem in its own way
        list(jobs.understand(path))
    panel = next(event.panel for event in jobs.load([path]) if isinstance(event, SeriesLoaded))
    for series in panel:
        bad = [sign for sign in series.symbol if not sign.isprintable()]
        assert not bad, f"the symbol {series.symbol[:80]!r} is not fit to be shown"
        assert 0 < len(series.symbol) <= 200, (
            f"the symbol {series.symbol[:80]!r} is not fit to be shown"
        )
    return f"{len(panel)} series"


def model(path: str) -> str:
    import numpy as np

    from forecasting import jobs
    from forecasting.events import ForecastMade

    made = next(
        event for event in jobs.predict(_sample(), path, "cpu") if isinstance(event, ForecastMade)
    )
    assert all(np.isfinite(item.values).all() for item in made.forecasts), (
        "a forecast that is not finite"
    )
    return "forecast"


def training(path: str) -> str:
    import shutil

    from hostile_files import TINY

    from forecasting import jobs
    from forecasting.events import RunFinished

    if os.path.isfile(path) and not path.startswith("/proc") and os.path.getsize(path) < 2**30:
        kept = Path(os.environ["CANDLECAST_HOME"]) / "unfinished"
        kept.mkdir(exist_ok=True)
        shutil.copy(path, kept / "a.training")
        list(jobs.unfinished())
    done = [
        event
        for event in jobs.train(_sample(), TINY, resume=Path(path))
        if isinstance(event, RunFinished)
    ]
    return f"{done[0].result.info.epochs} epochs"


def folds(path: str) -> str:
    from forecasting.backtest.saved_folds import read_fold
    from forecasting.errors import SourceError

    fold = read_fold(Path(path))
    if fold is None:
        raise SourceError(
            f"{Path(path).name} is no fold: it is run again.", "Nothing is to be done."
        )
    return f"fold {fold.number}"


def resumed(path: str) -> str:
    from hostile_files import TINY

    from forecasting.backtest.saved_folds import SavedFolds
    from forecasting.backtest.work import Work
    from forecasting.config import BacktestConfig

    SavedFolds(Path(path), Work(_sample(), TINY, BacktestConfig(), (0.1, 0.5, 0.9), ()))
    return "folds"


def project(path: str) -> str:
    from app.features.project.project_file import read_project

    read = read_project(Path(path))
    read.run_config  # noqa: B018 - reading it is the test
    assert len(read.watchlist) == len(read.rows)
    if read.shown:
        from forecasting.store.runs import restored

        kept, curves = read.shown.unpack()
        restored(kept, curves, _sample())
    return f"{len(read.rows)} rows"


def watchlist(path: str) -> str:
    from app.watchlist import read_watchlist
    from forecasting.errors import CandlecastError

    try:
        return f"{len(read_watchlist(Path(path))[0])} rows"
    except OSError as error:  # as the window tells it
        raise CandlecastError(
            "The watchlist cannot be read, and is not kept.", f"{path}: {error.strerror or error}"
        ) from error


def config(path: str) -> str:
    from forecasting.config import RunConfig

    return RunConfig.from_file(path).model.model


def settings(path: str) -> str:
    from app.preferences import Preferences

    preferences = Preferences(Path(path).with_name("preferences.json"))
    for name in (
        "theme",
        "style",
        "scale",
        "indicators",
        "hidden",
        "span",
        "run",
        "plan",
        "folder",
        "offline",
        "ticker",
        "recent",
        "toured",
    ):
        getattr(preferences, name)
    for key in ("geometry", "state"):
        preferences.bytes(key)
    return preferences.theme


def store(path: str) -> str:
    from forecasting.store import Journal, PriceStore, RunStore

    said = []
    for cls, look in ((RunStore, "runs"), (Journal, "entries"), (PriceStore, "held")):
        with cls(Path(path)) as opened:
            getattr(opened, look)()
            said += [finding.message for finding in opened.findings]
    return "; ".join(said)


def _sample() -> Any:
    from hostile_files import panel

    return panel()


OPENERS: dict[str, Callable[[str], str]] = {
    one.__name__: one
    for one in (
        prices,
        model,
        training,
        folds,
        resumed,
        project,
        watchlist,
        config,
        settings,
        store,
    )
}


@contextlib.contextmanager
def watched() -> Iterator[None]:
    global watching
    broken.clear()
    watching = True
    try:
        yield
    finally:
        watching = False


def opened(kind: str, path: str) -> dict[str, Any]:
    """Open one file and return what happened."""
    from forecasting.errors import CandlecastError

    gc.collect()
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    answer: dict[str, Any] = {"outcome": "opened", "message": "", "hint": ""}
    before_s = processor_seconds()
    os.environ["MAY_WRITE"] = (
        str(Path(path).parent) if kind in ("store", "training") else os.environ["TMPDIR"]
    )  # set aside, or locked, there
    try:
        with watched():
            answer["message"] = OPENERS[kind](path)
    except CandlecastError as error:
        answer |= {"outcome": "refused", "message": error.message, "hint": error.hint}
    except Exception as error:
        answer |= {
            "outcome": "crashed",
            "message": f"{type(error).__name__}: {error}"[:500],
            "hint": traceback.format_exc()[-2500:],
        }
    return answer | {
        "seconds": processor_seconds() - before_s,
        "bytes": memory("VmHWM") - before,
        "broken": list(broken),
    }


def serve() -> None:
    """Answer until stdin ends."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)
    for limit in (resource.RLIMIT_AS,):
        resource.setrlimit(limit, (memory("VmSize") + 16 * 2**30, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.addaudithook(_watch)
    for line in sys.stdin:
        asked = json.loads(line)
        if "without" in asked:
            from hostile_files import PROTECTIONS

            PROTECTIONS[asked["without"]]()
            answer: dict[str, Any] = {}
        else:
            answer = opened(asked["kind"], asked["path"])
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.path.insert(0, str(Path(__file__).parent.parent))
    serve()
