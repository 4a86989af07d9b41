"""The guard around every test: what is left behind on purpose is found, of each kind, and what
is put away is not.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from leaks import Leaks
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QDialog

PLANTED = """
import subprocess, sys, threading, time
from PySide6.QtCore import QThread, QTimer
from PySide6.QtWidgets import QDialog, QMenu, QWidget
from app.features.export.dialog import Preview
from app.theme import LIGHT

kept = []

class Sleeper(QThread):
    def run(self):
        while not self.isInterruptionRequested():
            self.msleep(5)

def test_qthread(qapp):
    kept.append(Sleeper()); kept[-1].start()

def test_qtimer(qapp):
    kept.append(QTimer()); kept[-1].start(50)

def test_thread():
    kept.append(threading.Event()); threading.Thread(target=kept[-1].wait, name="planted").start()

def test_process():
    kept.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))

def test_ended_but_not_waited_for():
    kept.append(subprocess.Popen([sys.executable, "-c", ""]))

def test_window(qapp):
    kept.append(QWidget()); kept[-1].show()

def test_hidden_dialog(qapp):
    kept.append(QDialog())

def test_hidden_part_of_the_program(qapp):
    kept.append(Preview(LIGHT))

def test_clean_thread_process_timer_and_windows(qapp):
    thread = threading.Thread(target=time.sleep, args=(0.01,)); thread.start()
    subprocess.run([sys.executable, "-c", ""], check=True)
    sleeper, timer, dialog = Sleeper(), QTimer(), QDialog()
    dialog.itself = dialog
    sleeper.start(); timer.start(50); dialog.show()
    sleeper.requestInterruption(); assert sleeper.wait(5000)
    timer.stop(); dialog.close()
    kept.append(QMenu())

def test_the_end():
    for one in kept:
        if isinstance(one, QThread):
            one.requestInterruption(); one.wait(5000)
        elif isinstance(one, QTimer):
            one.stop()
        elif isinstance(one, threading.Event):
            one.set()
        elif isinstance(one, subprocess.Popen):
            one.communicate(b"")
"""
FOUND = {
    "test_qthread": "Sleeper '' still runs",
    "test_qtimer": "QTimer '' still runs",
    "test_thread": "thread 'planted' still runs",
    "test_process": "input() still runs",
    "test_ended_but_not_waited_for": "not waited for",
    "test_window": "window QWidget '' is still there",
    "test_hidden_dialog": "window QDialog '' (hidden) is still there",
    "test_hidden_part_of_the_program": "window Preview '' (hidden) is still there",
}


@pytest.mark.slow
def test_each_kind_of_leak_fails_the_test_that_plants_it_and_no_other(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    (tmp_path / "test_planted.py").write_text(PLANTED)
    (tmp_path / "conftest.py").write_text((root / "tests" / "conftest.py").read_text())
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        str(root / "pyproject.toml"),
        "-o",
        f"pythonpath={root} {root / 'tests'}",
    ]
    command = [sys.executable, "-m", "pytest", *options, "--rootdir", str(tmp_path), str(tmp_path)]
    said = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=root
    ).stdout
    for test, what in FOUND.items():
        (line,) = (
            line for line in said.splitlines() if line.startswith(f"{test} leaves something behind")
        )
        assert what in line, line
    assert f"10 passed, {len(FOUND)} errors" in said, said


def test_what_is_put_away_is_no_leak_and_what_is_not_is_one(qapp: QApplication) -> None:
    with pytest.MonkeyPatch.context() as patch:
        leaks = Leaks(patch)
        timer, dialog, gate = QTimer(), QDialog(), threading.Event()
        timer.start(50)
        thread = threading.Thread(target=gate.wait, name="planted")
        thread.start()
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        found = leaks.found()
        assert [item.split()[0] for item in found] == ["QTimer", "thread", "process", "window"], (
            found
        )
        process.communicate(b"\n")
        gate.set()
        timer.stop()
        dialog.deleteLater()
        leaks.settle(qt=True)
        assert leaks.found() == []
        assert not thread.is_alive()
