"""The wheel that people install, and the two commands that a checkout starts with."""

from __future__ import annotations

import configparser
import importlib.machinery
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import candlecast
import pytest

import forecasting
from forecasting import __version__

ROOT = Path(__file__).resolve().parents[1]
LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-torch.lock",
    "requirements-cluster.lock",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def script(name: str) -> ModuleType:
    """Return one of the commands of the checkout as a module."""
    loader = importlib.machinery.SourceFileLoader(f"candlecast_{name}", str(ROOT / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module


@pytest.fixture
def run() -> ModuleType:
    """Return the command ``./run`` as a module."""
    return script("run")


@pytest.mark.parametrize(
    ("words", "offscreen", "desktop"),
    [
        ([], [], ["DESKTOP"]),
        (["-k", "windows"], ["-k", "windows"], ["DESKTOP", "-k", "windows"]),
        (["tests/desktop", "-x"], None, ["-x", "tests/desktop"]),
        (["tests/desktop/test_severe.py::test_a"], None, ["tests/desktop/test_severe.py::test_a"]),
        (["tests/test_cli.py", "-k", "ctrl"], ["-k", "ctrl", "tests/test_cli.py"], None),
        (["tests/test_cli.py", "tests/desktop"], ["tests/test_cli.py"], ["tests/desktop"]),
        (["tests"], ["tests"], ["DESKTOP"]),
    ],
)
def test_words_of_the_test_command_reach_the_step_that_they_name(
    words: list[str], offscreen: list[str] | None, desktop: list[str] | None
) -> None:
    folder = str(ROOT / "tests" / "desktop")
    expected = (
        [folder if word == "DESKTOP" else word for word in desktop] if desktop is not None else None
    )
    assert script("test").split(words) == (offscreen, expected)


def test_a_machine_without_an_x_server_skips_the_desktop_and_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    test = script("test")
    monkeypatch.setattr(test.stage.shutil, "which", lambda _name: None)
    monkeypatch.setattr(test.stage.sys, "platform", "linux")
    assert test.desktop(Path(sys.executable), []) is None
    assert "apt-get install openbox xdotool xvfb" in capsys.readouterr().out


def test_the_wheel_holds_the_program_and_its_assets(wheel: Path) -> None:
    assert wheel.name == f"candlecast-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = f"candlecast-{__version__}.dist-info"
        assert "candlecast = app.__main__:main" in archive.read(f"{info}/entry_points.txt").decode()
        metadata = archive.read(f"{info}/METADATA").decode()
    assert {
        "app/__main__.py",
        "app/py.typed",
        "forecasting/jobs/__init__.py",
        "forecasting/py.typed",
        f"{info}/licenses/LICENSE",
    } <= names
    assets = {
        f"app/{path.relative_to(ROOT).as_posix()}"
        for path in (ROOT / "assets").rglob("*")
        if path.is_file()
    }
    assert assets <= names
    alias = ROOT / "forecasting" / "alias"
    sources = {
        path.relative_to(alias if path.is_relative_to(alias) else ROOT).as_posix()
        for room in ("app", "forecasting")
        for path in (ROOT / room).rglob("*.py")
    }
    assert sources <= names
    assert {"candlecast/__init__.py", "candlecast/py.typed"} <= names
    assert {name.split("/")[0] for name in names} == {"app", "candlecast", "forecasting", info}
    assert not any("alias" in name for name in names)
    assert "Requires-Python: >=3.11" in metadata
    assert "torch>=2.6" in metadata


@pytest.mark.slow
def test_the_installed_command_finds_its_assets(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own, which borrows only the other packages of this one."""
    home = tmp_path / "environment"
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        str(wheel),
    ]
    subprocess.run(pip, check=True)
    packages = next(home.rglob("site-packages"))
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "QT_QPA_PLATFORM", "DISPLAY")
    }
    command = [str(python.with_name("candlecast")), "doctor"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(packages / "app" / "assets") in done.stdout
    assert "FAILED" not in done.stdout
    ask = "import candlecast; print(candlecast.__file__, candlecast.Forecaster(h=3))"
    told = subprocess.run(
        [str(python), "-c", ask],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert str(packages / "candlecast") in told
    assert "h=3" in told


@pytest.mark.parametrize("name", LOCKS)
def test_locks_pin_with_hashes_and_name_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"://|index-url|find-links|^#|/", text, re.MULTILINE)
    pins = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert len(pins) > 20
    assert all(re.match(r"[a-z0-9-]+==\S+ (; .+)?\\$", line) for line in pins)
    assert text.count("--hash=sha256:") > len(pins)


def test_the_runtime_lock_leaves_torch_to_its_own() -> None:
    names = {line.split("==")[0] for line in (ROOT / LOCKS[0]).read_text().splitlines()}
    assert not {name for name in names if name.startswith(("torch", "nvidia-", "triton", "cuda-"))}
    assert {
        "sympy",
        "networkx",
        "jinja2",
        "fsspec",
        "filelock",
        "typing-extensions",
        "setuptools",
    } <= names
    assert re.search(r"^torch==\d", (ROOT / LOCKS[2]).read_text(), re.MULTILINE)


def test_candlecast_has_the_public_names_and_refuses_another_engine(tmp_path: Path) -> None:
    assert set(candlecast.__all__) == set(forecasting.__all__) == set(dir(candlecast))
    assert candlecast.Forecaster is forecasting.Forecaster
    with pytest.raises(AttributeError, match="candlecast"):
        _ = candlecast.nothing
    (tmp_path / "forecasting.py").write_text("")
    paths = os.pathsep.join([str(tmp_path), str(ROOT / "forecasting" / "alias")])
    done = subprocess.run(
        [sys.executable, "-c", "import candlecast"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "is not Candlecast's" in done.stderr


def test_importing_the_public_names_is_light(tmp_path: Path) -> None:
    ask = (
        "import sys, candlecast; print(sorted({'torch', 'pandas', 'numpy', 'PySide6'} & "
        "set(sys.modules)))"
    )
    paths = os.pathsep.join([str(ROOT), str(ROOT / "forecasting" / "alias")])
    done = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_the_environment_of_a_checkout_finds_its_packages(
    run: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "PYTHON", Path(sys.executable))
    packages = tmp_path / "site-packages"
    packages.mkdir()

    class Asked:
        stdout = f"{packages}\n"

    monkeypatch.setattr(run.subprocess, "run", lambda *words, **more: Asked)
    run._point_at_checkout()
    found = (packages / "candlecast-checkout.pth").read_text().splitlines()
    assert found == [str(ROOT), str(ROOT / "forecasting" / "alias")]
    assert (Path(found[1]) / "candlecast" / "__init__.py").is_file()


def test_a_finished_set_up_is_not_repeated(
    run: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only another lock, another Python, or a set-up cut short builds again."""
    for name in LOCKS[::2]:
        shutil.copy(ROOT / name, tmp_path)
    lock, home = tmp_path / LOCKS[0], tmp_path / ".venv"
    built: list[Path] = []

    def set_up(which: Path) -> None:
        built.append(which)
        run.PYTHON.parent.mkdir(parents=True, exist_ok=True)
        run.PYTHON.touch()
        run.UNFINISHED.unlink(missing_ok=True)

    indices = {
        "VENV": home,
        "PYTHON": home / "bin" / "python",
        "UNFINISHED": home / "unfinished",
        "QT_FOUND": home / "qt",
    }
    for key, value in (
        indices
        | {"TORCH_LOCK": tmp_path / LOCKS[2], "_set_up": set_up}
        | dict.fromkeys(("_see_to_qt", "_see_to_kernel"), lambda: None)
    ).items():
        monkeypatch.setattr(run, key, value)
    assert run.prepare(lock) == run.prepare(lock) == home / "bin" / "python"
    assert len(built) == 1
    run.UNFINISHED.touch()
    run.prepare(lock)
    assert len(built) == 2
    lock.write_text(lock.read_text() + "extra==1 \\\n")
    run.prepare(lock)
    assert len(built) == 3
    run.PYTHON.unlink()
    run.prepare(lock)
    assert len(built) == 4


@pytest.mark.parametrize(("is_due", "reason"), [(False, ""), (True, ""), (True, "no such file\nx")])
def test_the_kernel_is_compiled_once_and_a_failure_stops_nothing(
    run: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    is_due: bool,
    reason: str,
) -> None:
    kernel = tmp_path / "build.py"
    kernel.write_text(f"is_due = lambda: {is_due}\nbuild = lambda: {reason!r}\n")
    monkeypatch.setattr(run, "KERNEL", kernel)
    run._see_to_kernel()
    told = capsys.readouterr().err
    assert ("compiling the native kernel" in told) == is_due
    assert ("torch is used instead, as it failed: no such file" in told) == bool(reason)


def test_optional_parts_are_installed_from_a_lock_of_their_own(
    run: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["backtest", "prices.csv", "--cluster", "tcp://127.0.0.1:8786"]
    assert run.optional_part(words) == (ROOT / LOCKS[0], words)
    assert run.optional_part(["--with", "cluster", *words]) == (ROOT / LOCKS[3], words)
    assert re.search(r"^distributed==", (ROOT / LOCKS[3]).read_text(), re.MULTILINE)
    runtime = {line for line in (ROOT / LOCKS[0]).read_text().splitlines() if "==" in line}
    assert runtime <= set((ROOT / LOCKS[3]).read_text().splitlines()), (
        "the runtime is the same with and without it"
    )
    with pytest.raises(SystemExit) as refused:
        run.optional_part(["--with", "clusters"])
    assert refused.value.code == 2
    assert "the optional parts are cluster" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("gpu", "works", "told", "tried"),
    [
        (False, ("+cpu",), "CPU build", ["pip +cpu"]),
        (False, ("--torch-backend",), "CPU build", ["pip +cpu", "uv cpu"]),
        (False, ("pip-lock",), "default build", ["pip +cpu", "uv cpu", "uv lock", "pip lock"]),
        (True, ("pip-lock",), "default build", ["uv lock", "pip lock"]),
    ],
)
def test_torch_comes_as_cpu_build_where_there_is_no_gpu(
    gpu: bool,
    works: tuple[str, ...],
    told: str,
    tried: list[str],
    run: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []

    def pip(*words: object, attempt: bool = False) -> bool:
        kind = "+cpu" if str(words[-1]).endswith("+cpu") else "lock"
        seen.append(f"pip {kind}")
        return (kind if kind == "+cpu" else "pip-lock") in works

    def uv(*words: object, attempt: bool = False) -> bool:
        seen.append("uv cpu" if "--torch-backend" in words else "uv lock")
        return "--torch-backend" in words and "--torch-backend" in works

    for name, value in {
        "_pip": pip,
        "_uv": uv,
        "_has_nvidia_gpu": lambda: gpu,
        "_installed": lambda _package: "2.6.0",
    }.items():
        monkeypatch.setattr(run, name, value)
    monkeypatch.setattr(run.sys, "platform", "linux")
    assert told in run._install_torch()
    assert seen == tried
    (locked,) = re.findall(r"^torch==(\S+)", run.TORCH_LOCK.read_text(), re.MULTILINE)
    monkeypatch.setattr(run, "_installed", lambda _package: f"{locked}+cpu")
    assert run._install_torch() == f"{locked}+cpu, already there"
    assert seen == tried


def test_the_desktop_entry_and_its_data_fit_the_program() -> None:
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str  # type: ignore[assignment,method-assign]
    entry.read(ROOT / "assets" / "candlecast.desktop", encoding="utf-8")
    told = entry["Desktop Entry"]
    assert told["Exec"].split()[0] == told["Icon"] == "candlecast"
    assert (ROOT / "assets" / f"{told['Icon']}.svg").is_file()
    data = ElementTree.parse(ROOT / "assets" / "candlecast.metainfo.xml").getroot()
    assert data.findtext("launchable") == "candlecast.desktop"
    assert data.findtext("project_license") == "MIT"
