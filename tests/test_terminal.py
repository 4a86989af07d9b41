"""What reaches a terminal, a pipe or a full disk, and what a command still writes where nobody
can be told.
"""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.cli import main
from app.cli.documents import to_json
from app.cli.terminal import OutputError, PlainStream, plain, say, show

ROOT = Path(__file__).resolve().parents[1]
QUICK = (
    "--epochs",
    "1",
    "--lookback",
    "6",
    "--horizon",
    "2",
    "--hidden-size",
    "2",
    "--device",
    "cpu",
    "--baselines",
    "random-walk",
)


class Refusing(io.RawIOBase):
    """A stream that takes nothing, as a full disk or a pipe whose reader has gone."""

    def __init__(self, code: int) -> None:
        self._code = code

    def writable(self) -> bool:
        return True

    def write(self, _data: object) -> int:
        raise OSError(self._code, "refused")

    def flush(self) -> None:
        return


class Quiet(io.TextIOWrapper):
    """A text stream that is dropped without a last try to write."""

    def close(self) -> None:
        return

    def __del__(self) -> None:
        return


@pytest.fixture
def stdout(monkeypatch: pytest.MonkeyPatch) -> Callable[[io.RawIOBase, str], None]:
    """Return what replaces standard output by a stream of an encoding."""

    def replace(raw: io.RawIOBase, encoding: str) -> None:
        monkeypatch.setattr(
            sys, "stdout", Quiet(raw, encoding=encoding, errors="strict", write_through=True)
        )  # type: ignore[arg-type]

    return replace


class Kept(io.BytesIO):
    """Bytes that stay readable."""

    def close(self) -> None:
        return


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.01, 120)))
    path = tmp_path / "茅台.csv"
    pd.DataFrame({"Date": pd.bdate_range("2022-01-03", periods=120), "Close": close}).to_csv(
        path, index=False, date_format="%Y-%m-%d"
    )
    return path


@pytest.mark.parametrize("code", [errno.EPIPE, errno.ENOSPC, errno.EIO])
def test_files_are_written_whatever_becomes_of_stdout(
    code: int, csv: Path, stdout: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    table, model = csv.with_name("out.csv"), csv.with_name("out.model")
    stdout(Refusing(code), "utf-8")
    assert main(["forecast", str(csv), *QUICK, "--export", str(table), "--save", str(model)]) == 1
    assert table.stat().st_size > 100
    assert model.stat().st_size > 100
    told = capsys.readouterr().err
    assert "fault of Candlecast" not in told
    assert told.count("Note: The ") == 1


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["backtest", "--export", "OUT"], marks=pytest.mark.slow),
        pytest.param(["lr-find"], marks=pytest.mark.slow),
        pytest.param(["audit"], marks=pytest.mark.slow),
        ["inspect"],
        ["journal"],
        ["runs", "list"],
    ],
)
def test_no_command_takes_a_closed_pipe_for_a_fault(
    words: list[str], csv: Path, stdout: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    out = csv.with_name("outcomes.csv")
    words = [str(out) if word == "OUT" else word for word in words]
    if words[0] in ("backtest", "lr-find", "audit"):
        words = [words[0], str(csv), *QUICK, *words[1:]]
    elif words[0] == "inspect":
        words = [*words, str(csv)]
    stdout(Refusing(errno.EPIPE), "utf-8")
    assert main(words) == 1
    told = capsys.readouterr().err
    assert "closed before all of it was shown" in told
    assert "fault" not in told
    assert out.exists() is (words[0] == "backtest")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
def test_letters_that_the_code_page_lacks_are_replaced(
    encoding: str, csv: Path, stdout: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    table, told = csv.with_name("out.csv"), Kept()
    stdout(told, encoding)
    assert main(["forecast", str(csv), *QUICK, "--export", str(table)]) == 0
    assert main(["runs", "list"]) == 0
    assert main(["journal"]) == 0
    assert told.getvalue().count(b"??") >= 3
    assert "茅台" in table.read_text(encoding="utf-8-sig")
    capsys.readouterr()


def test_one_export_that_fails_costs_neither_the_others_nor_the_tables(
    csv: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.cli import exporting

    real = exporting.write

    def write(path: Path, *args: object, **more: object) -> None:
        if path.stem == "bad":
            raise ZeroDivisionError("inside a library")
        real(path, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(exporting, "write", write)
    targets = [csv.with_name(name) for name in ("bad.csv", "good.csv", "good.parquet")]
    words = [word for target in targets for word in ("--export", str(target))]
    assert main(["forecast", str(csv), *QUICK, *words, "--save", str(csv.with_name("m"))]) == 1
    out, err = capsys.readouterr()
    assert [target.exists() for target in targets] == [False, True, True]
    assert csv.with_name("m").exists()
    assert "Random walk" in out
    assert "inside a library" in err


def test_no_control_character_of_a_file_reaches_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "e\x1b[31m.csv"
    path.write_text(
        'Date,Close,"\x1b]0;title\x07\x1b[31mX","b\u202e\u2066i\u009bd"\n'
        "2020-01-01,1,1,1\n2020-01-02,1.1,1,1\n2020-01-03,1.2,1,1\n2020-01-06,1.2,1,1\n"
        '"\x1b]8;;http://x\x07click\x1b]8;;\x07","\x1b[2J",1,1\n',
        encoding="utf-8",
    )
    assert main(["inspect", str(path)]) == 0
    assert main(["inspect", str(path), "--json"]) == 0
    assert main(["inspect", str(tmp_path / "no\x1b[31m\u202e.csv")]) == 2
    assert main(["inspect", "--n\x1b[31m"]) == 2
    out, err = capsys.readouterr()
    assert "\ufffd" in out
    for text in (out, err):
        assert not {
            sign
            for sign in text
            if sign != "\n" and (sign < " " or "\x7f" <= sign <= "\x9f" or sign in "\u202e\u2066")
        }


def test_json_escapes_what_it_cannot_show() -> None:
    text = to_json({"a": "\x1b\x7f\u202e\u009b"})
    assert text.isascii()
    assert "\x7f" not in text
    assert json.loads(text) == {"a": "\x1b\x7f\u202e\u009b"}


def test_plain_text_keeps_lines_and_letters() -> None:
    assert plain("Größe 茅台\n\x1b[1m\tx") == "Größe 茅台\n\ufffd[1m x"
    assert len(plain("a" * 5000 + "\x00")) == 5001


def test_tables_keep_their_colours_but_not_those_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.text import Text

    from app.cli.console import console

    told = io.StringIO()
    monkeypatch.setattr(sys, "stdout", told)
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    console().print(Text("\x1b[31mred", style="bold"))
    assert told.getvalue() == "\x1b[1m\ufffd[31mred\x1b[0m\n"


def test_what_libraries_print_is_plain_too() -> None:
    told = io.StringIO()
    stream = PlainStream(told)
    stream.writelines(["a\x1b[31m", "b"])
    stream.flush()
    assert told.getvalue() == "a\ufffd[31mb"
    assert not stream.isatty()


def test_nobody_to_tell_is_no_error(monkeypatch: pytest.MonkeyPatch, csv: Path) -> None:
    monkeypatch.setattr(
        sys, "stderr", Quiet(Refusing(errno.EPIPE), encoding="utf-8", write_through=True)
    )  # type: ignore[arg-type]
    say("text")
    assert main(["inspect", "nowhere.csv"]) == 2
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["inspect", str(csv)]) == 0
    for stream in (sys.stdout, sys.stderr):
        stream.close()


def test_show_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys, "stdout", Quiet(Refusing(errno.ENOSPC), encoding="utf-8", write_through=True)
    )  # type: ignore[arg-type]
    with pytest.raises(OutputError, match="cannot be shown"):
        show("text")


@pytest.mark.skipif(sys.platform != "linux", reason="platforms of Linux")
@pytest.mark.parametrize("platform", ["junk", pytest.param("wayland", marks=pytest.mark.slow)])
def test_pictures_need_no_display_whatever_the_environment_says(platform: str) -> None:
    """In a process of its own: Qt would end it."""
    script = "from app.export.page import need_application; need_application(); print('drawn')"
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY")
    }
    environment |= {"QT_QPA_PLATFORM": platform, "QT_QPA_PLATFORM_PLUGIN_PATH": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "drawn\n"), done.stderr


def test_nothing_of_the_commands_prints_past_the_one_way() -> None:
    root = ROOT / "app" / "cli"
    own = {"terminal.py", "console.py"}
    for path in root.glob("*.py"):
        if path.name not in own:
            text = path.read_text(encoding="utf-8")
            assert " print(" not in text, path
            assert "Console()" not in text, path


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_too_little_memory_is_told_before_a_library_waits_for_it(
    csv: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    monkeypatch.setattr(
        resource, "getrlimit", lambda _what: (1_500_000_000, resource.RLIM_INFINITY)
    )
    monkeypatch.delitem(sys.modules, "torch", raising=False)  # loaded by another test
    assert main(["forecast", str(csv), *QUICK]) == 2
    assert "1,500 MB" in capsys.readouterr().err
    assert main(["inspect", str(csv)]) == 0


@pytest.mark.parametrize(
    "error",
    [MemoryError("an array"), ImportError("x.so: failed to map segment from shared object")],
)
def test_memory_that_runs_out_is_no_fault_of_the_program(
    error: Exception, csv: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from forecasting import jobs

    def load(*_args: object, **_more: object) -> object:
        raise error

    monkeypatch.setattr(jobs, "load", load)
    assert main(["inspect", str(csv)]) == 2
    told = capsys.readouterr().err
    assert "not enough memory" in told
    assert "fault of" not in told
