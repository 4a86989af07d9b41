"""The log, safe mode and resetting: what is written down, what is left alone, and what is said."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import __main__ as program
from app import log
from app.background import Failure
from app.log import without_values

ROOT = Path(__file__).resolve().parents[1]


def test_the_log_holds_no_words_of_an_exception() -> None:
    quoted = ("12.34 secret", "AAPL closed at 187.25\n  and 188.10 the day after")
    try:
        try:
            float(quoted[0])
        except ValueError as error:
            raise LookupError(quoted[1]) from error
    except LookupError as error:
        told = without_values(Failure.of(error).details)
    assert "test_logbook.py" in told
    assert "\nLookupError\n" in told
    assert "\nValueError\n" in told
    assert "Python 3" in told
    for value in ("12.34 secret", "secret\n", "187.25", "188.10", "could not convert"):
        assert value not in told, told


def test_resetting_sets_the_settings_aside_and_says_so(own_folders: Path) -> None:
    assert "nothing to reset" in program._reset()
    (own_folders / "window.ini").write_text("[General]\ntheme=dark\n")
    (own_folders / "watchlist.json").write_text("{}")
    assert "window.before-reset.ini" in program._reset()
    (own_folders / "preferences.json").write_text('{"theme": "dark"}')
    assert "preferences.before-reset.json" in program._reset()
    assert sorted(path.name for path in own_folders.glob("[pw]*")) == [
        "preferences.before-reset.json",
        "watchlist.json",
        "window.before-reset.ini",
    ]


_RUN = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
import app.__main__ as program
from app.session import Session
Session.warm_up = lambda self: None
inner = program._catch_faults

def furnished(window):
    inner(window)
    def look():
        bench = window.bench
        if bench is None or bench.session.threads:
            return
        if window.windowTitle().startswith("Candlecast"):
            return
        print(window.windowTitle(), len(bench.session.watchlist), bench.model.config().task.horizon)
        bench.report(ValueError("12.34 secret"))
        QApplication.closeAllWindows()
        timer.stop()
        QApplication.quit()
    timer = QTimer(window)
    timer.timeout.connect(look)
    timer.start(50)

program._catch_faults = furnished
sys.exit(program.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_safe_mode_restores_and_overwrites_nothing(own_folders: Path) -> None:
    (own_folders / "preferences.json").write_text('{"run": "damaged", "style": "area"}')
    (own_folders / "watchlist.json").write_text('{"version": 1, "rows": []}')
    before = {path.name: path.read_bytes() for path in own_folders.glob("[pw]*")}
    command = [sys.executable, "-c", _RUN, str(ROOT), "--safe-mode", "sample:sp500"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Candlecast (safe mode) 1 20" in done.stdout
    assert {path.name: path.read_bytes() for path in own_folders.glob("[pw]*")} == before
    log = (own_folders / "log" / "candlecast.log").read_text()
    assert "safe mode" in log
    assert "loaded 1 series of 5031 bars" in log
    assert "ValueError" in log
    assert "secret" not in log
    assert "2506" not in log, "no price is in it"


def test_a_library_that_sets_up_logging_does_not_silence_the_log(own_folders: Path) -> None:
    logging.getLogger("candlecast").disabled = True  # as logging.config.dictConfig does
    log.begin(0, safe=False)
    log.note("a line")
    log.end()
    assert "a line" in (own_folders / "log" / "candlecast.log").read_text(encoding="utf-8")


def test_no_control_character_reaches_the_log(own_folders: Path) -> None:
    log.begin(0, safe=False)
    log.note("loaded \x1b[31mred\u202e\u009b\nforged line")
    log.end()
    lines = (own_folders / "log" / "candlecast.log").read_text(encoding="utf-8").splitlines()
    assert lines[1].endswith("loaded \ufffd[31mred\ufffd\ufffd forged line")
    assert len(lines) == 3
