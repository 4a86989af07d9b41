"""A long day in one window: after tens of thousands of redraws, trainings, loads and exports it
is no larger than after the first ones.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
from program_states import ENDLESS
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication
from window_bench import exported, price_file, rested, wait, window

from app.window.workbench import Workbench
from forecasting import jobs
from forecasting.events import EngineReady

Times = Callable[[int], int]

#: Part of a soak that is taken for warming up, and bytes by which the program may grow in the rest
#: of it.
_WARMING, MOST_BYTES = 0.1, 10 * 2**20
_LOOKS = 20


@dataclass(frozen=True)
class Counts:
    """What there is at a moment; all but the bytes must not grow at all."""

    bytes: int
    files: int
    threads: int
    objects: int
    windows: int
    timers: int

    @classmethod
    def of(cls, bench: Workbench) -> Counts:
        """Count, once the window rests."""
        rested(bench)
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        process = psutil.Process()
        timers = sum(timer.isActive() for timer in bench.window.findChildren(QTimer))
        objects, windows = (
            len(bench.window.findChildren(QObject)),
            len(QApplication.topLevelWidgets()),
        )
        return cls(
            process.memory_info().rss,
            process.num_fds(),
            process.num_threads(),
            objects,
            windows,
            timers,
        )


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("prices")
    return [
        price_file(folder / f"{name}.csv", bars=1000, seed=seed)
        for seed, name in enumerate(("first", "second"))
    ]


@pytest.fixture(scope="module")
def bench(
    qapp: QApplication, prices: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workbench]:
    with window(tmp_path_factory.mktemp("soak"), prices[0]) as bench:
        bench.session.engine = next(
            item for item in jobs.warm_up() if isinstance(item, EngineReady)
        )
        yield bench
        bench.session.unsaved = False


def soaked(bench: Workbench, what: str, often: int, do: Callable[[int], object]) -> None:
    """Do something again and again; after the first tenth nothing grows any more."""
    warm = max(2, round(often * _WARMING))
    for number in range(warm):
        do(number)
    before, seen = Counts.of(bench), []
    for number in range(warm, often):
        do(number)
        if (number - warm) % max(1, (often - warm) // _LOOKS) == 0:
            seen.append(psutil.Process().memory_info().rss)
    after = Counts.of(bench)
    grown = after.bytes - before.bytes
    slope = (
        float(np.polyfit(range(len(seen)), seen, 1)[0]) * len(seen)
        if len(seen) > 2
        else float(grown)
    )
    print(
        f"\n{often} {what}: {before.bytes / 2**20:.1f} MB after {warm}, {grown / 2**20:+.1f} "
        f"MB at the end (trend {slope / 2**20:+.1f} MB)"
    )
    print({name: value for name, value in asdict(after).items() if name != "bytes"})
    more = {
        name: (value, asdict(after)[name])
        for name, value in asdict(before).items()
        if name != "bytes" and asdict(after)[name] > value
    }
    assert not more, f"there is more than before: {more}"
    assert grown < MOST_BYTES, f"{grown / 2**20:.1f} MB more than before"


def drawn(bench: Workbench) -> Callable[[int], object]:
    """Return what pans and zooms by one step, and paints the chart."""
    chart, page = bench.chart, bench.chart.grab()
    kinds = ("style-candles", "style-line", "style-area", "style-bars")

    def draw(number: int) -> None:
        if number % 1000 == 0:
            bench.actions[kinds[number // 1000 % len(kinds)]].trigger()
        left = number % 700
        chart.show_view((float(left), float(left + 200 + number % 50)), None)
        chart.refresh()
        chart.render(page)
        if number % 100 == 0:
            QApplication.processEvents()

    return draw


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_redraws_leave_nothing(bench: Workbench, times: Times) -> None:
    soaked(bench, "redraws", times(3) * 1000, drawn(bench))


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_trainings_that_are_cancelled_leave_nothing(bench: Workbench, times: Times) -> None:
    bench.model.show_config(ENDLESS)

    def train(number: int) -> None:
        bench.actions["train"].trigger()
        wait(lambda: len(bench.session.history) > number % 5)
        bench.cancel()
        wait(lambda: bench.session.threads == 0)

    soaked(bench, "trainings", times(40), train)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_loads_leave_nothing(bench: Workbench, prices: list[str], times: Times) -> None:
    def load(number: int) -> None:
        bench.load([prices[number % 2]])
        wait(lambda: bench.session.state == "idle" and bench.session.threads == 0)

    soaked(bench, "loads", times(40), load)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_exports_leave_nothing(bench: Workbench, tmp_path: Path, times: Times) -> None:
    suffixes = (".png", ".svg", ".pdf")
    soaked(
        bench,
        "exports",
        times(40),
        lambda number: exported(bench, tmp_path / f"chart{suffixes[number % 3]}"),
    )


@pytest.mark.slow
def test_what_stays_is_caught(bench: Workbench, tmp_path: Path) -> None:
    kept: list[object] = []
    leaks: dict[str, tuple[Callable[[int], object], str]] = {
        "bytes": (lambda _number: kept.append(np.ones(2**17)), "MB more"),
        "files": (lambda number: kept.append((tmp_path / f"{number}").open("w")), "files"),
        "threads": (lambda _number: kept.append(held()), "threads"),
        "objects": (lambda _number: kept.append(QObject(bench.window)), "objects"),
    }
    for what, (leak, said) in leaks.items():
        with pytest.raises(AssertionError, match=said):
            soaked(bench, f"leaks of {what}", 30, leak)
        for item in kept:
            if isinstance(item, QObject):
                item.deleteLater()
            elif isinstance(item, threading.Timer):
                item.cancel()
                item.join()
            elif not isinstance(item, np.ndarray):
                item.close()  # type: ignore[attr-defined]
        kept.clear()


def held() -> threading.Timer:
    """Start a thread that waits."""
    timer = threading.Timer(600, lambda: None)
    timer.start()
    return timer


EMITS = """
import gc, sys
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QLabel

class Source(QObject):
    told = Signal(object)
    pulsed = Signal()

app, source, heard = QApplication([]), Source(), []
source.notified.connect(lambda event: heard.clear())
source.pulsed.connect(heard.clear)
label = QLabel("paint")
page = label.grab()
before = [sys.getrefcount(one) for one in (None, True, False)]
for number in range({emits}):
    source.notified.emit(None if number % 2 else True)
    source.pulsed.emit()
    if number % 10 == 0:
        label.render(page)
gc.collect()
lost = [was - sys.getrefcount(one) for was, one in zip(before, (None, True, False))]
{check}
print("lost", lost)
"""


def emitted(
    emits: int, check: str = "assert max(lost) < 50, lost"
) -> subprocess.CompletedProcess[str]:
    code = EMITS.format(emits=emits, check=check)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=600
    )


@pytest.mark.slow
def test_signals_and_repaints_do_not_use_up_what_python_needs(times: Times) -> None:
    done = emitted(times(100) * 1000)
    assert done.returncode == 0, done.stderr
    print(
        f"\n{times(100) * 2000} signals, {times(100) * 100} repaints: status 0, "
        f"{done.stdout.strip()} references of None, True and False"
    )


@pytest.mark.slow
def test_lost_references_are_caught() -> None:
    assert "AssertionError" in emitted(1000, "lost[1] += 1000\nassert max(lost) < 50, lost").stderr
