"""What the program is doing when it is killed, and what its next start finds: run in the forked
processes of killed_program.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

Order = dict[str, Any]
#: The minute between two savings of a training, shortened so that a training of seconds has many of
#: them.
PACE_S = 0.3
_QUICK = (
    "--model",
    "gru",
    "--hidden-size",
    "6",
    "--input-size",
    "12",
    "--horizon",
    "2",
    "--device",
    "cpu",
    "--baselines",
    "random-walk",
)
_STEPS = (
    "--batch-size",
    "32",
    "--patience",
    "1000",
    "--schedule",
    "constant",
    "--learning-rate",
    "0.003",
)


def _main(*words: str) -> int:
    from app.__main__ import main

    return main([str(word) for word in words])


def say(*words: object) -> None:
    """Acknowledge something: whoever reads it may rely on it."""
    print(*words, flush=True)


def rehearse(folder: Path) -> None:
    """Import what the commands import late; no thread is started by that, and no window opened."""
    from window_bench import price_file

    from app.cli import main

    prices = price_file(folder / "X.csv", 200)
    with (
        (folder / "said").open("w") as said,
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        for words in (
            ["inspect", "sample:sp500"],
            ["forecast", prices, *_QUICK, "--epochs", "1"],
            ["runs", "list"],
            ["journal"],
        ):
            assert main([*words, "--json"]) == 0, (folder / "said").read_text()


# What is killed


def train(order: Order) -> int:
    """Train, then write everything that a training can be written to."""
    from forecasting.training import checkpoint, trainer

    checkpoint._EVERY_S, checkpoint._SOON_S, checkpoint._SHARE, trainer._REPORT_S = (
        PACE_S,
        PACE_S / 2,
        1e9,
        0.02,
    )
    note, target = trainer.Trainer.record_epoch, Path(order["target"])

    def noted(run: Any, *given: Any) -> Any:
        event = note(run, *given)
        say("epoch", event.epoch, time.time())
        return event

    words = [
        "forecast",
        order["prices"],
        *_QUICK,
        *_STEPS,
        "--epochs",
        "100",
        "--save",
        target / "net.candlecast",
    ]
    words += ["--export", target / "report.html", "--export", target / "loss.csv"]
    with mock.patch.object(trainer.Trainer, "record_epoch", noted):
        status = _main(*words)
    say("written", status)
    return status


def backtest(order: Order) -> int:
    """Walk forward with saved folds."""
    target = Path(order["target"])
    words = [
        "backtest",
        order["prices"],
        *_QUICK,
        *_STEPS,
        "--epochs",
        "2",
        "--refit",
        "5",
        "--step-size",
        "5",
        "--workers",
        "1",
    ]
    return _main(
        *words,
        "--test-size",
        "80",
        "--resume",
        target / "folds",
        "--export",
        target / "folds.parquet",
    )


def download(order: Order) -> int:
    """Fetch tickers from a server on loopback, again and again."""
    from yahoo_server import YahooServer

    from forecasting.sources.http import bounded_session
    from forecasting.sources.yahoo import YahooSource

    server = YahooServer({})
    server.port = order["port"]
    YahooSource.session_factory = staticmethod(lambda: bounded_session(server.transport()))
    for ticker in order["tickers"]:
        if _main("inspect", f"yahoo:{ticker}", "--period", "max", "--refresh", "--json"):
            return 1
        say("kept", ticker)
    return 0


def export(order: Order) -> int:
    """Write the forecast of a saved network in every format."""
    target = Path(order["target"])
    paths = [target / f"plot{suffix}" for suffix in (".png", ".svg", ".pdf", ".csv", ".parquet")]
    words = [word for path in paths for word in ("--export", path)]
    return _main(
        "forecast", order["prices"], "--model-file", order["network"], "--dpi", "60", *words
    )


def project(order: Order) -> int:
    """Edit a project in the window, and save it now and then; every edit is a seed of its own."""
    path, base = Path(order["target"]) / "mine.candleproject", int(order["base"])
    number = [base]

    def act(bench: Any) -> None:
        number[0] += 1
        if number[0] == base + 1:
            bench.project_controller.save_to(path)
        bench.model.show_config(bench.model.config().changed(seed=number[0]))
        bench.model.config_changed.emit()
        say("edit", number[0], time.time())
        if (number[0] - base) % 35 == 0 and bench.project_controller.save_to(path):
            say("saved", number[0])

    return _window([order["prices"]], act, every_ms=100, turns=50)


def load(order: Order) -> int:
    """Load file after file in the window."""
    files = list(order["files"])

    def act(bench: Any) -> None:
        if bench.session.state == "idle" and files:
            bench.watchlist_controller.load([files.pop(0)], "also")
        for row in bench.session.watchlist.rows:
            if row.series is not None and row.symbol not in seen:
                seen.add(row.symbol)
                say("loaded", row.symbol, time.time())

    seen: set[str] = set()
    return _window([files.pop(0)], act, every_ms=120, turns=45)


class _EndedError(Exception):
    """The window was closed; its argument is the exit status."""


def _window(references: list[str], act: Callable[[Any], None], every_ms: int, turns: int) -> int:
    """Run the real window; once it is there something is done every so often, and then it is
    closed.
    """
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    import app.__main__ as program
    from app import dialogs
    from app.session import Session

    Session.warm_up = lambda _session: None  # type: ignore[method-assign]
    dialogs.ask_save_project = lambda *_: "discard"  # type: ignore[assignment]
    program._CLOSE_MS = (
        60_000  # what cannot be interrupted is waited for: the files are read after it
    )
    catch, left = program._catch_faults, [turns]

    def began(window: Any) -> None:
        catch(window)

        def look() -> None:
            bench = window.bench
            if bench is None or (
                left[0] == turns and (bench.session.threads or bench.session.state != "idle")
            ):
                return
            left[0] -= 1
            if left[0] > 0:
                act(bench)
            else:
                timer.stop()
                QApplication.closeAllWindows()

        timer = QTimer(window)
        timer.timeout.connect(look)
        timer.start(every_ms)

    def end(_app: object, status: int) -> NoReturn:
        raise _EndedError(status)

    program._catch_faults, program._end = began, end  # the process goes on, to read the files
    try:
        return program.main(references)
    except _EndedError as ended:
        return int(ended.args[0])


# The next start


def unprotect(what: str) -> None:
    """Take a protection out, as a proof that the tests would notice."""
    from forecasting.files import atomic
    from forecasting.training import checkpoint

    @contextlib.contextmanager
    def plain(path: Path) -> Any:
        yield path

    def in_two(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            sys.audit(
                "os.rename", str(path), str(path), -1, -1
            )  # a moment at which a kill may come
            return file.write(data[len(data) // 2 :])

    if what == "whole files":
        atomic.atomic_open = plain  # type: ignore[assignment]
        Path.write_bytes = in_two  # type: ignore[method-assign, assignment]
    elif what == "sweeping":
        atomic._drop_if_left = lambda _path: None  # type: ignore[assignment]
    elif what == "autosave":
        checkpoint.Autosave.due = lambda *_, **__: False  # type: ignore[method-assign]
    elif what == "recovery copies":
        from app.features.project import controller as project_controller

        project_controller._KEEP_MS = 60_000


def look(order: Order) -> int:
    """Start the program once more, as a command and as a window, then read every file with its
    own readers; the answer is one line.
    """
    folders = [Path(item) for item in order["folders"]]
    found: dict[str, Any] = {
        "list": _main("runs", "list", "--json"),
        "journal": _main("journal", "--json"),
    }
    if order.get("project"):
        from app.features.project.project_file import read_project

        read_project(Path(order["project"]))
    if order.get("window", True):
        found |= _started()
    found |= {"stray": [], "unreadable": [], "seeds": [], "symbols": [], "trainings": []}
    for folder in (*folders, Path(order["home"]), Path(f"{order['home']}.tmp")):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                _read(path, found)
            elif path.name.startswith("candlecast-"):
                found["stray"].append(str(path))
    say("found", json.dumps(found))
    return 0


def _started() -> dict[str, Any]:
    """Return what the window offers and tells."""
    told: dict[str, Any] = {}

    def act(bench: Any) -> None:
        told.update(
            recovery=bench.layout.recovery.text,
            resume=bench.layout.resume.text,
            banner=bench.banner.text,
        )

    told["window"] = _window([], act, every_ms=60, turns=3)
    return told


def _read(path: Path, found: dict[str, Any]) -> None:
    reader = READERS.get(path.suffix)
    if path.name == "terminal" or "yfinance" in path.parts or path.suffix == ".log":
        return
    if reader is None or path.name.startswith("."):
        found["stray"].append(str(path))
        return
    try:
        if "damaged" in path.name:
            raise ValueError("set aside")
        reader(path, found)
    except Exception as error:
        found["unreadable"].append(f"{path}: {type(error).__name__}: {error}")


def _read_project(path: Path, found: dict[str, Any]) -> None:
    from app.features.project.project_file import read_project

    read = read_project(path)
    found["seeds"].append(read.config.get("train", {}).get("seed", 0))
    found["symbols"] += [row.symbol for row in read.rows]


def _read_list(path: Path, found: dict[str, Any]) -> None:
    from app.watchlist import Watchlist

    found["symbols"] += [row.symbol for row in Watchlist.from_json(path.read_bytes())[0].rows]


def _read_store(path: Path, found: dict[str, Any]) -> None:
    from forecasting.store import Journal, PriceStore, RunStore

    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()
    with PriceStore(path) as prices, Journal(path) as journal, RunStore(path) as runs:
        found["held"] = {item.symbol: item.bars for item in prices.held()}
        for ticker in found["held"]:
            assert prices._read(f"yahoo:{ticker}:1d") is not None or prices.held()
        found["entries"], found["runs"] = len(journal.entries()), len(runs.runs())
        assert not (*prices.findings, *journal.findings, *runs.findings)


def _read_training(path: Path, found: dict[str, Any]) -> None:
    from forecasting.training import TrainingState

    checkpoint = TrainingState.load(path)
    found["trainings"].append(
        [max(epoch.epoch for epoch in checkpoint.history), path.stat().st_mtime]
    )


def _read_network(path: Path, _found: dict[str, Any]) -> None:
    from forecasting.training import TrainedNetwork

    TrainedNetwork.load(path)


def _read_fold(path: Path, _found: dict[str, Any]) -> None:
    from forecasting.backtest.saved_folds import read_fold

    assert read_fold(path) is not None


def _read_picture(path: Path, _found: dict[str, Any]) -> None:
    from PySide6.QtGui import QImage

    assert not QImage(str(path)).isNull()


def _read_end(end: bytes) -> Callable[[Path, dict[str, Any]], None]:
    def read(path: Path, _found: dict[str, Any]) -> None:
        assert path.read_bytes().rstrip().endswith(end)

    return read


def _read_table(path: Path, _found: dict[str, Any]) -> None:
    import pandas

    table = pandas.read_parquet(path) if path.suffix == ".parquet" else pandas.read_csv(path)
    assert len(table)
    assert path.suffix == ".parquet" or path.read_bytes().endswith(b"\n")


READERS: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    ".candleproject": _read_project,
    ".json": lambda path, found: (
        _read_list(path, found) if path.name == "watchlist.json" else json.loads(path.read_bytes())
    ),
    ".sqlite": _read_store,
    ".sqlite-wal": lambda *_: None,
    ".sqlite-shm": lambda *_: None,
    ".training": _read_training,
    ".candlecast": _read_network,
    ".npz": _read_fold,
    ".png": _read_picture,
    ".svg": _read_end(b"</svg>"),
    ".pdf": _read_end(b"%%EOF"),
    ".html": _read_end(b"</html>"),
    ".csv": _read_table,
    ".parquet": _read_table,
}
PLAYS: dict[str, Callable[[Order], int]] = {
    "train": train,
    "backtest": backtest,
    "download": download,
    "export": export,
    "project": project,
    "load": load,
    "look": look,
}
