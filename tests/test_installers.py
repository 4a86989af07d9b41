"""What people without Python install: the bundle's contents, its desktop files, its child processes."""

from __future__ import annotations

import configparser
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGING = ROOT / "packaging"
MIME = "{http://www.freedesktop.org/standards/shared-mime-info}"


@pytest.fixture
def packaging(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Return the builder, with its neighbours within reach, for one test."""
    monkeypatch.syspath_prepend(str(PACKAGING))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield importlib.import_module("make")
    for path in PACKAGING.glob("*.py"):
        if path.stem not in before:
            sys.modules.pop(path.stem, None)


def fake_bundle(folder: Path) -> Path:
    """Return a folder that looks like a bundle."""
    (folder / "_internal").mkdir(parents=True)
    (folder / "candlecast").write_text("#!/bin/sh\necho started\n")
    (folder / "candlecast").chmod(0o755)
    (folder / "_internal" / "module.pyc").write_bytes(b"0")
    return folder


def test_the_desktop_entry_opens_every_type_that_is_declared() -> None:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(ROOT / "assets" / "candlecast.desktop")
    entry = parser["Desktop Entry"]
    assert entry["Type"] == "Application"
    assert entry["Exec"].split() == ["candlecast", "%F"]
    assert entry["Terminal"] == "false"
    types = set(entry["MimeType"].strip(";").split(";"))
    declared = ElementTree.parse(PACKAGING / "linux" / "candlecast-mime.xml").getroot()
    globs = {
        item.attrib["type"]: [glob.attrib["pattern"] for glob in item.iter(f"{MIME}glob")]
        for item in declared.iter(f"{MIME}mime-type")
    }
    assert globs == {
        "application/x-candlecast": ["*.candlecast"],
        "application/x-candleproject": ["*.candleproject"],
    }
    assert types == {"text/csv", *globs}
    if shutil.which("desktop-file-validate"):
        path = str(ROOT / "assets" / "candlecast.desktop")
        done = subprocess.run(["desktop-file-validate", path], capture_output=True, check=False)
        assert done.returncode == 0, done.stdout


def test_a_root_holds_program_entry_icons_and_manual(packaging: ModuleType, tmp_path: Path) -> None:
    icons = tmp_path / "icons"
    icons.mkdir()
    (icons / "48.png").write_bytes(b"picture")
    packaging.debian.desktop.furnish(tmp_path / "root", fake_bundle(tmp_path / "bundle"), icons)
    usr = tmp_path / "root" / "usr"
    done = subprocess.run([usr / "bin" / "candlecast"], capture_output=True, check=True)
    assert done.stdout == b"started\n"
    share = usr / "share"
    for name in (
        "applications/candlecast.desktop",
        "mime/packages/candlecast.xml",
        "icons/hicolor/scalable/apps/candlecast.svg",
        "icons/hicolor/48x48/apps/candlecast.png",
        "icons/hicolor/48x48/mimetypes/application-x-candleproject.png",
        "man/man1/candlecast.1.gz",
        "doc/candlecast/copyright",
        "doc/candlecast/changelog.gz",
    ):
        assert (share / name).is_file(), name


@pytest.mark.skipif(
    not (shutil.which("dpkg-deb") and shutil.which("readelf")), reason="needs Debian's tools"
)
def test_a_package_can_be_read_back(packaging: ModuleType, tmp_path: Path) -> None:
    bundle = fake_bundle(tmp_path / "bundle")
    shutil.copyfile("/usr/bin/true", bundle / "_internal" / "needs-the-c-library")
    made = packaging.debian.package(bundle, tmp_path, tmp_path, "1.2.3", quick=True)
    fields = subprocess.run(
        ["dpkg-deb", "--field", made], capture_output=True, text=True, check=True
    ).stdout
    assert "Package: candlecast\nVersion: 1.2.3\n" in fields
    assert "Depends: libc6 (>= 2." in fields
    listed = subprocess.run(
        ["dpkg-deb", "--contents", made], capture_output=True, text=True, check=True
    ).stdout
    assert "root/root" in listed
    assert "./usr/bin/candlecast -> ../lib/candlecast/candlecast" in listed


@pytest.mark.skipif(
    not (shutil.which("mksquashfs") and shutil.which("unsquashfs")), reason="needs squashfs-tools"
)
def test_an_appimage_holds_the_program_behind_its_runtime(
    packaging: ModuleType, tmp_path: Path
) -> None:
    icons = tmp_path / "icons"
    icons.mkdir()
    (icons / "256.png").write_bytes(b"picture")
    runtime = tmp_path / "runtime"
    runtime.write_bytes(b"runtime" * 100)
    bundle = fake_bundle(tmp_path / "bundle")
    made = packaging.appimage.image(bundle, tmp_path, tmp_path, "1.2.3", runtime, quick=True)
    assert made.name.startswith("Candlecast-1.2.3-")
    assert made.read_bytes().startswith(runtime.read_bytes())
    assert os.access(made, os.X_OK)
    root = tmp_path / "unpacked"
    words = ["unsquashfs", "-no-progress", "-offset", "700", "-dest", str(root), str(made)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run([root / "AppRun"], capture_output=True, check=True, cwd="/")
    assert done.stdout == b"started\n"
    assert {"candlecast.desktop", "candlecast.png", ".DirIcon"} <= set(os.listdir(root))
    assert (root / ".DirIcon").resolve().read_bytes() == b"picture"


def test_sources_are_compiled_in_the_bundle_whatever_the_builder_has_set(tmp_path: Path) -> None:
    inside = tmp_path / "bundle" / "_internal"
    inside.mkdir(parents=True)
    (inside / "module.py").write_text("")
    (inside / "module.pyc").write_bytes(b"")
    words = [sys.executable, str(PACKAGING / "compiled.py"), str(tmp_path / "bundle")]
    elsewhere = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path / "elsewhere")}
    subprocess.run(words, check=True, env=elsewhere)
    tag = sys.implementation.cache_tag
    made = {path.relative_to(inside).as_posix() for path in inside.rglob("module.*")}
    assert made == {"module.py", f"__pycache__/module.{tag}.pyc"}


def test_nothing_that_a_bundle_needs_is_left_out(packaging: ModuleType, tmp_path: Path) -> None:
    contents = packaging.contents
    for pattern in contents.REQUIRED_FILES:
        path = tmp_path / pattern.replace("*", "1")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        assert not contents.is_unused(path.relative_to(tmp_path).as_posix()), pattern
    assert contents.missing(tmp_path) == []
    (tmp_path / "app" / "assets" / "style.qss").unlink()
    assert contents.missing(tmp_path) == ["app/assets/style.qss"]


@pytest.mark.parametrize(
    ("path", "unused"),
    [
        ("torch/include/ATen/ATen.h", True),
        ("torch/bin/test_api", True),
        ("torch/bin/protoc", True),
        ("torch/bin/torch_shm_manager", False),
        ("torch/lib/libtorch_cpu.so", False),
        ("PySide6/Qt/qml/QtQuick/qmldir", True),
        ("PySide6\\Qt\\translations\\qt_de.qm", True),
        ("PySide6/Qt/plugins/platforms/libqxcb.so", False),
        ("pyarrow/libarrow_flight.so.2600", True),
        ("pyarrow/libarrow_python.so.2600.1.0", True),
        ("pyarrow/libarrow_python.so.2600", False),
        ("pandas/tests/frame/test_api.py", True),
        ("app/docs/window.md", False),
        ("forecasting/native/layout.h", False),
    ],
)
def test_what_stays_out(packaging: ModuleType, path: str, unused: bool) -> None:
    assert packaging.contents.is_unused(path) is unused


def test_the_source_of_the_program_imports_nothing_that_is_left_out(packaging: ModuleType) -> None:
    """Modules that start-up files of the program name are in the bundle."""
    out = packaging.contents.UNUSED_MODULES
    assert not {name.split(".")[0] for name in out if "." not in name} & {
        "app",
        "arch",
        "candlecast",
        "forecasting",
        "multiprocessing",
        "optuna",
        "pyarrow",
        "statsmodels",
        "sympy",
        "torch",
    }


def test_every_distribution_states_its_licence(packaging: ModuleType) -> None:
    licences = importlib.import_module("licences")
    names = {item.metadata["Name"].lower().replace("_", "-") for item in licences.included()}
    assert {"numpy", "torch", "pyside6-essentials"} <= names
    assert not names & {"pip", "pyinstaller"}
    folders = {folder for _source, folder in licences.texts()}
    assert any(folder.startswith("licences/numpy-") for folder in folders)
    kept = {Path(source).name for source, folder in licences.texts() if folder == "licences"}
    assert {"QT.md", "LGPL-3.txt", "GPL-3.txt"} <= kept
    text = licences.index({"libxcb-cursor.so.0": "libxcb-cursor0"})
    assert "libxcb-cursor.so.0: libxcb-cursor0" in text
    assert "numpy 2" in text


def test_a_child_of_a_frozen_program_is_the_program_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("anyio", reason="the server for assistants is an extra")
    from app.cli import mcp_call

    assert mcp_call.program() == [sys.executable, "-P", "-m", "app"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/usr/lib/candlecast/candlecast")
    assert mcp_call.program() == ["/usr/lib/candlecast/candlecast"]


def test_the_program_of_the_bundle_finds_plugins_and_spares_other_programs(tmp_path: Path) -> None:
    """A plugin in the folder of the data sees the environment that a browser would inherit."""
    plugins = tmp_path / "plugins"
    info = plugins / "spy-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[candlecast.sources]\nspy = spied:SOURCE\n")
    (plugins / "spied.py").write_text(
        "import os, sys\nprint('libraries', os.environ.get('LD_LIBRARY_PATH'), file=sys.stderr)\n"
        "SOURCE = None\n"
    )
    done = subprocess.run(
        [sys.executable, str(PACKAGING / "program.py"), "inspect", "nowhere.csv"],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "CANDLECAST_HOME": str(tmp_path),
            "LD_LIBRARY_PATH": "/usr/lib/candlecast/_internal",
            "LD_LIBRARY_PATH_ORIG": "/opt/users",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "libraries /opt/users" in done.stderr
    assert "nowhere.csv" in done.stderr
    assert done.returncode == 2


def test_an_appimage_that_cannot_be_made_is_refused_before_the_build(
    packaging: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(packaging.appimage.shutil, "which", lambda _name: None)
    words = ["make.py", "appimage", "--work", str(tmp_path), "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit):
        packaging.main()
    assert "apt-get install squashfs-tools" in capsys.readouterr().err
    assert packaging.appimage.lacking(None)
    monkeypatch.setattr(packaging.appimage.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert "build_runtime.sh" in packaging.appimage.lacking(None)
    assert packaging.appimage.lacking(tmp_path) == ""


def make(*words: str | Path) -> None:
    """Run the builder with its usual folder of work, ``build/packaging``."""
    subprocess.run([sys.executable, str(PACKAGING / "make.py"), *words], check=True, cwd=ROOT)


@pytest.fixture(scope="module")
def bundle() -> Path:
    """Return the folder of a bundle that was built now."""
    make("folder")
    return ROOT / "build" / "packaging" / "dist" / "candlecast"


@pytest.fixture(params=["deb", "appimage"], scope="module")
def unpacked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a package or an AppImage that was made and unpacked, with a home."""
    if request.param == "appimage" and not (
        shutil.which("mksquashfs") and list((ROOT / "build" / "packaging").glob("runtime-*"))
    ):
        pytest.skip("needs squashfs-tools, and AppImage's runtime in build/packaging")
    built: Path = request.getfixturevalue("bundle")
    folder = tmp_path_factory.mktemp(request.param)
    make(request.param, "--quick", "--bundle", built, "--out", folder)
    (folder / "home").mkdir()
    if request.param == "deb":
        (made,) = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", made, folder / "root"], check=True)
    else:
        (made,) = folder.glob("*.AppImage")
        words = [str(made), "--appimage-extract"]
        subprocess.run(words, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        (folder / "squashfs-root").rename(folder / "root")
    return folder


@pytest.mark.slow
@pytest.mark.timeout(5400)
@pytest.mark.parametrize("unpacked", ["appimage"], indirect=True)
def test_an_appimage_runs_as_one_file(unpacked: Path) -> None:
    (made,) = unpacked.glob("*.AppImage")
    done = subprocess.run(
        [made, "--version"],
        env={"HOME": str(unpacked / "home"), "APPIMAGE_EXTRACT_AND_RUN": "1", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("candlecast ")


needs_debian = pytest.mark.skipif(
    not all(shutil.which(name) for name in ("dpkg-deb", "readelf", "strip")),
    reason="needs dpkg-deb and binutils",
)


@pytest.mark.slow
@pytest.mark.timeout(5400)
@needs_debian
def test_a_package_works_without_python(
    unpacked: Path, packaging: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = importlib.import_module("trial")
    monkeypatch.delenv("DISPLAY", raising=False)
    place = trial.Prefix(unpacked / "root", str(unpacked / "home"))
    place.lay_prices(unpacked / "home")
    found = trial.try_commands(place)
    assert found["version"]["end"].strip().startswith("candlecast ")
    assert "FAILED" not in found["doctor"]["end"]
    assert (unpacked / "home" / "forecast.png").stat().st_size > 10_000
    assert "<html" in (unpacked / "home" / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(5400)
@needs_debian
@pytest.mark.skipif(
    not all(shutil.which(name) for name in ("Xvfb", "openbox", "xdotool", "import")),
    reason="needs Xvfb, openbox, xdotool and ImageMagick",
)
def test_the_window_of_a_package_comes_to_a_verdict(
    unpacked: Path, packaging: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "desktop"))
    trial, stage = importlib.import_module("trial"), importlib.import_module("stage")
    place = trial.Prefix(unpacked / "root", str(unpacked / "home"))
    place.lay_prices(unpacked / "home")
    with stage.stage() as screen:
        monkeypatch.setenv("DISPLAY", screen["DISPLAY"])
        found = trial.first_verdict(place, unpacked)
    assert found["run"]
    assert (unpacked / "verdict.png").stat().st_size > 10_000
