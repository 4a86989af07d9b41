"""Every writer of the program on a disk that fails at the n-th thing asked of it: the old file
stays, and the user is told what to do.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import numpy as np
import pytest
from fabricated import run, walk
from failing_disk import ERRORS, failing
from window_bench import exported, idle, price_file, wait, window

from app import export, log
from app.cli import main
from app.cli.outcomes import write_outcomes
from app.export import tables
from app.features.project.project_file import Project, read_project, write_project
from app.preferences import Preferences
from app.window.workbench import Workbench
from forecasting import jobs
from forecasting.backtest.saved_folds import read_fold, write_fold
from forecasting.backtest.work import FoldRun
from forecasting.bundle import read_bundle, write_bundle
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, ExportError
from forecasting.events import Notice
from forecasting.files import atomic
from forecasting.series import Panel
from forecasting.training.checkpoint import TrainingState

pytestmark = pytest.mark.slow

RESULT = run(walk("ACME"), walk("OTHER", seed=1))
SMALL = RunConfig().changed(
    model="gru", hidden_size=4, input_size=10, horizon=2, device="cpu", baselines="random-walk"
)
Write = Callable[[Path, int], None]


def _fold(path: Path, number: int) -> None:
    write_fold(path, FoldRun(number, 9, RESULT.outcomes, 1, 1, "cpu", "epochs"))


def _state(path: Path, number: int) -> None:
    config = RunConfig().changed(seed=number)
    TrainingState(
        config, {"A": "x"}, ("a.csv",), {"history": []}, {"network.w": np.arange(50_000.0)}
    ).save(path)


def _exported(path: Path, number: int) -> None:
    export.write(
        path, run(walk("ACME", seed=number), walk("OTHER", seed=1)), look=export.Look(dpi=60)
    )


#: Everything that writes a file of its own, by the name of the file: takes where to, and a number
#: that makes another file of it.
WRITERS: dict[str, Write] = {
    "mine.candleproject": lambda path, n: write_project(
        path, Project(candleproject=1, config={"train": {"seed": n}})
    ),
    "net.candlecast": lambda path, n: write_bundle(
        path, {"kind": "x"}, {"w": np.full(30_000, float(n))}
    ),
    "kept.training": _state,
    "fold-00001.npz": _fold,
    "plot.png": _exported,
    "plot.svg": _exported,
    "plot.pdf": _exported,
    "forecast.csv": _exported,
    "forecast.parquet": _exported,
    "report.html": _exported,
    "loss.csv": lambda path, n: tables.write_table(path, {"x": np.arange(9_000) + n}),
    "folds.csv": lambda path, n: write_outcomes(path, RESULT.outcomes, (0.1, 0.5, 0.9)[n % 2 :]),
    "folds.parquet": lambda path, n: write_outcomes(
        path, RESULT.outcomes, (0.1, 0.5, 0.9)[n % 2 :]
    ),
}


def check_every_place(path: Path, write: Write, error: int) -> int:
    """Let a writer fail at every place there is; returns how many there are."""
    write(path, 0)
    old, index = path.read_bytes(), 0
    while True:
        with failing(path.parent, error, index) as disk:
            try:
                write(path, 1)
                refused = None
            except CandlecastError as told:
                refused = told
        if not disk.failed:
            break
        assert refused is not None, f"asked {disk.asked}: it failed, and nobody was told"
        assert path.read_bytes() == old, f"asked {disk.asked}: the old file is not as it was"
        assert str(path) in refused.message
        assert os.strerror(error) in refused.message
        assert refused.hint
        assert [item.name for item in path.parent.iterdir()] == [path.name], (
            "a temporary file stays"
        )
        index += 1
    assert refused is None, f"nothing failed, but {refused}"
    assert path.read_bytes() != old, "the new file is there"
    return index


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_that_fails_at_any_place_leaves_the_old_file_and_says_why(
    name: str, tmp_path: Path, qapp: object
) -> None:
    indices = 0
    for what, error in ERRORS.items():
        folder = tmp_path / what
        folder.mkdir()
        indices += check_every_place(folder / name, WRITERS[name], error)
    print(f"\n{name}: {indices} faults")
    assert indices >= 3 * len(ERRORS)


@pytest.mark.parametrize("name", ["mine.candleproject", "fold-00001.npz"])
def test_a_plain_writer_would_be_noticed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import contextlib

    @contextlib.contextmanager
    def plain(path: Path) -> Iterator[Path]:
        try:
            yield path
        except OSError as error:
            raise ExportError(f"{path} cannot be written: {error.strerror}.", "x") from error

    monkeypatch.setattr(atomic, "atomic_open", plain)
    monkeypatch.setattr("forecasting.backtest.saved_folds.atomic_open", plain)
    with pytest.raises(AssertionError, match="old file is not as it was"):
        check_every_place(tmp_path / name, WRITERS[name], errno.ENOSPC)


_LIMITED = """
import resource, signal, sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/tests", sys.argv[1] + "/tests/reliability"]
from PySide6.QtWidgets import QApplication
app = QApplication([])
from test_writers import WRITERS, CandlecastError
name, path = Path(sys.argv[2]).name, Path(sys.argv[2])
WRITERS[name](path, 0)
old = path.read_bytes()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
if sys.argv[3] == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(64, len(old) // 3), resource.RLIM_INFINITY))
else:
    with (path.parent / "filler").open("wb", buffering=0) as filler:
        try:
            while filler.write(bytes(1024)):
                pass
        except OSError:
            pass
try:
    WRITERS[name](path, 1)
except CandlecastError as error:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    left = sorted(one.name for one in path.parent.iterdir() if one.name != "filler")
    print(path.read_bytes() == old, left == [name], str(path) in error.message, bool(error.hint), flush=True)
"""


def _really(path: Path, *how: str) -> str:
    command = [sys.executable, "-c", _LIMITED, str(Path(__file__).parents[2]), str(path), *how]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env=environment
    )
    return done.stdout.strip() or done.stderr[-2000:]


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no limit on the size of files")
@pytest.mark.parametrize(
    "name",
    [
        "folds.parquet",
        "folds.csv",
        "net.candlecast",
        "report.html",
        "plot.png",
        "mine.candleproject",
    ],
)
def test_a_file_that_may_not_grow_is_refused_by_the_real_system(name: str, tmp_path: Path) -> None:
    assert _really(tmp_path / name, "limit") == "True True True True"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KB; needs the right to mount one."""
    index = tmp_path / "disk"
    index.mkdir()
    if (
        not sys.platform.startswith("linux")
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(index)],
            capture_output=True,
            check=False,
        ).returncode
    ):
        pytest.skip("no disk can be mounted here")
    yield index
    subprocess.run(["umount", "-l", str(index)], check=True)


@pytest.mark.parametrize("name", ["folds.parquet", "net.candlecast", "mine.candleproject"])
def test_a_disk_that_is_really_full_is_told(name: str, small_disk: Path) -> None:
    assert _really(small_disk / name, "full") == "True True True True"


def test_a_folder_that_vanishes_while_it_is_written_to_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "network"
    folder.mkdir()

    def write() -> None:
        with atomic.atomic_open(folder / "mine.csv") as part:
            part.write_bytes(b"half")
            folder.rename(tmp_path / "unplugged")

    with pytest.raises(ExportError, match=r"network.mine.csv cannot be written") as told:
        write()
    assert "connect its drive or network again" in told.value.hint


def test_a_read_only_file_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ExportError, match="Permission denied"):
        atomic.atomic_write(path, b"new")
    assert path.read_text() == "old"


def test_links_and_permissions_stay_as_they_were(tmp_path: Path) -> None:
    path, link = tmp_path / "real.csv", tmp_path / "link.csv"
    path.write_text("old")
    path.chmod(0o600)
    link.symlink_to(path)
    atomic.atomic_write(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    atomic.atomic_write(tmp_path / f"{'n' * 250}.csv", b"a name as long as the disk takes")


def test_only_what_a_killed_program_left_is_swept(tmp_path: Path) -> None:
    ours = (".mine.csv.0123abcd.candlecast-part", ".other.csv.0123abcd.candlecast-part")
    others = (
        ".hidden",
        ".mine.csv.0123abcd.part",
        "mine.candlecast-part",
        ".x.0123abc.candlecast-part",
        "empty.lock",
        "poetry.lock",
    )
    for name in (*ours, *others):
        (tmp_path / name).write_text("")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "yarn.lock").touch()
    with atomic.atomic_open(tmp_path / "mine.csv") as part:
        part.write_bytes(b"x")
        atomic.remove_own_stale(tmp_path)
        assert part.exists(), "what is being written stays"
    assert sorted(item.name for item in tmp_path.iterdir()) == sorted(
        [*others, "below", "mine.csv"]
    )
    assert (tmp_path / "below" / "yarn.lock").exists()


def test_a_claim_of_a_program_that_is_gone_is_swept(tmp_path: Path) -> None:
    claim = atomic.FileLock(tmp_path / "store.sqlite")
    assert claim.take()
    atomic.remove_own_stale(tmp_path)
    assert claim.path.exists()
    name = claim.path.name
    claim.release()
    (tmp_path / name).touch()
    atomic.remove_own_stale(tmp_path)
    assert not (tmp_path / name).exists()


# Settings


def test_settings_stay_whole_and_it_is_said_once(tmp_path: Path, qapp: object) -> None:
    path, told = tmp_path / "preferences.json", list[tuple[str, str]]()
    kept = Preferences(path)
    kept.theme, kept.folder = "dark", 'Zażółć "gęślą" \\ jaźń, @home; = [x]\n'
    assert kept.save()
    old = path.read_bytes()
    kept.told = lambda message, hint: told.append((message, hint))
    for index in range(6):
        kept.style = ("bars", "line")[index % 2]
        with failing(tmp_path, errno.ENOSPC, index) as disk:
            saved = kept.save()
        if not disk.failed:
            break
        assert saved or path.read_bytes() == old
    assert len(told) == 1
    assert str(path) in told[0][0]
    assert told[0][1]
    kept.style = "area"
    assert kept.save()
    again = Preferences(path)
    assert (again.theme, again.style) == ("dark", "area")
    assert again._folder == kept._folder


def test_two_windows_keep_each_others_settings(tmp_path: Path, qapp: object) -> None:
    item, other = (
        Preferences(tmp_path / "preferences.json"),
        Preferences(tmp_path / "preferences.json"),
    )
    item.theme = "dark"
    item.remember("a.csv")
    assert item.save()
    other.style = "line"
    other.remember("b.csv")
    assert other.save()
    both = Preferences(tmp_path / "preferences.json")
    assert (both.theme, both.style, both.recent) == ("dark", "line", ("b.csv", "a.csv"))


# The window


@pytest.fixture
def bench(tmp_path: Path, qapp: object) -> Iterator[Workbench]:
    with window(
        tmp_path / "settings", price_file(tmp_path / "ACME.csv", 300), recovery=True
    ) as opened:
        yield opened
        opened.project_controller.path = None  # nothing is asked at the end


def test_the_window_says_what_cannot_be_written_and_keeps_the_work(
    bench: Workbench, tmp_path: Path
) -> None:
    folder = tmp_path / "target"
    folder.mkdir()
    path = folder / "mine.candleproject"
    assert bench.project_controller.save_to(path)
    old = path.read_bytes()
    bench.model.show_config(bench.model.config().changed(horizon=7))
    for what, error in ERRORS.items():
        with failing(folder, error, 1):
            assert not bench.project_controller.save_to(path)
            assert not exported(bench, folder / "chart.png")
        assert "chart.png" in bench.banner.text
        assert os.strerror(error) in bench.banner.text, what
        assert path.read_bytes() == old
        assert [item.name for item in folder.iterdir()] == [path.name]
    elsewhere = tmp_path / "elsewhere.candleproject"
    assert bench.project_controller.save_to(elsewhere), (
        "the work is still there, and can be saved elsewhere"
    )
    assert read_project(elsewhere).run_config.task.horizon == 7
    assert exported(bench, folder / "chart.png")


def test_lists_and_recovery_copies_that_cannot_be_kept_are_told(
    bench: Workbench, tmp_path: Path
) -> None:
    home = tmp_path / "settings"
    bench.watchlist_controller.save()
    old = (home / "watchlist.json").read_bytes()
    bench.session.check([0], False)
    with failing(home, errno.ENOSPC, 0):
        bench.watchlist_controller.save()
    assert "watchlist could not be kept" in bench.banner.text
    assert "Free some space" in bench.banner.text
    assert (home / "watchlist.json").read_bytes() == old
    bench.banner.set_active(False)
    with failing(home, errno.EACCES, 0):
        bench.session.check([0], True)
        bench.model.show_config(bench.model.config().changed(horizon=8))
        bench.model.config_changed.emit()
        wait(lambda: "not kept for the case of a crash" in bench.banner.text)
        idle(bench)


# The command line

QUICK = (
    "--model",
    "gru",
    "--hidden-size",
    "4",
    "--input-size",
    "10",
    "--horizon",
    "2",
    "--epochs",
    "2",
    "--device",
    "cpu",
)


def _told(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    capsys.readouterr()
    status = main([str(word) for word in words])
    return status, *capsys.readouterr()


def test_a_command_writes_what_it_can_and_loses_nothing_that_was_trained(
    tmp_path: Path, own_folders: Path, capsys: pytest.CaptureFixture[str], qapp: object
) -> None:
    prices, folder = price_file(tmp_path / "ACME.csv", 200), tmp_path / "target"
    folder.mkdir()
    (folder / "f.csv").write_text("old")
    words = [
        "forecast",
        prices,
        *QUICK,
        "--export",
        folder / "f.csv",
        "--export",
        tmp_path / "f.html",
        "--save",
        folder / "n.candlecast",
    ]
    with failing(folder, errno.ENOSPC, 0):
        status, out, err = _told(capsys, *words)
    assert status == 2
    assert "ACME" in out, "the forecast is told"
    assert (tmp_path / "f.html").is_file(), "what can be written is written"
    assert f"{folder / 'f.csv'} cannot be written: No space left" in err
    assert "Free some space" in err
    assert (folder / "f.csv").read_text() == "old"
    assert [item.name for item in folder.iterdir()] == ["f.csv"]
    (rescued,) = (own_folders / "rescued").iterdir()
    assert str(rescued) in err, "the network is not lost"
    read_bundle(rescued)
    status, out, _ = _told(capsys, "runs", "list", "--json")
    assert status == 0
    assert "ACME" in out, "the run is kept"


def test_a_backtest_whose_folds_cannot_be_kept_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = Panel((walk("ACME", 200),))
    config = SMALL.changed(epochs=1, test_size=40)
    from forecasting.config import BacktestConfig

    folder = tmp_path / "folds"
    with failing(folder, errno.ENOSPC, 9):
        events = list(
            jobs.backtest(
                panel, config, BacktestConfig(refit=10, step_size=10), workers=1, resume=folder
            )
        )
    told = [
        event
        for event in events
        if isinstance(event, Notice) and "not kept from here on" in event.message
    ]
    assert len(told) == 1
    assert "No space left" in told[0].message
    assert type(events[-1]).__name__ == "BacktestFinished"
    assert all(read_fold(item) is not None for item in folder.glob("*.npz"))


def test_a_training_state_that_cannot_be_written_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from forecasting.training import checkpoint

    monkeypatch.setattr(checkpoint, "_SOON_S", 0.0)
    monkeypatch.setattr(checkpoint, "_SHARE", 1e9)
    panel = Panel((walk("ACME", 200),))
    config = SMALL.changed(epochs=4)
    for index in range(8):
        file = tmp_path / f"{index}" / "kept.training"
        file.parent.mkdir()
        with failing(file.parent, errno.EIO, index):
            events = list(jobs.train(panel, config, autosave=file))
        assert type(events[-1]).__name__ == "RunFinished"
        assert (
            sum("cannot be kept" in event.message for event in events if isinstance(event, Notice))
            <= 1
        )
        assert list(file.parent.iterdir()) == [], index


def test_a_log_that_cannot_be_written_stops_nothing_and_says_nothing(
    own_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.begin(0, safe=False)
    handlers = logging.getLogger("candlecast").handlers  # pytest adds one of its own
    handler = next(item for item in handlers if isinstance(item, RotatingFileHandler))

    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handler, "stream", Full())
        log.note("a line that finds no room")
    log.note("a line that does")
    log.end()
    assert "a line that does" in (own_folders / "log" / "candlecast.log").read_text()
    assert capsys.readouterr().err == ""


def test_limits_are_as_they_were() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
