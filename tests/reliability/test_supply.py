"""What comes from others is what was locked, may be passed on under MIT, and is listed."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import imports  # noqa: E402 - a script, which is no package

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-torch.lock")
#: Licences that would bind who passes Candlecast on; the LGPL does not bind programs that load a
#: library at run time.
_BINDING = re.compile(
    r"\bA?GPL|\bSSPL|\bGNU (Affero )?General|proprietary|non-?commercial|\bEULA|all rights "
    r"reserved",
    re.IGNORECASE,
)
_FREE = re.compile(
    r"\bLGPL|\bMIT\b|\bBSD|\bApache|\bMPL|\bISC\b|\bPSF|\bNCSA|\bMIT-0|\b0BSD", re.IGNORECASE
)


def unfit(licence: str) -> bool:
    """Whether a package may not be passed on with a program under MIT: every licence that it
    offers binds, or it names none.
    """
    offered = re.split(r"\s+OR\s+", licence)
    return not any(
        _FREE.search(item) and not (_BINDING.search(item) and not re.search(r"\bLGPL", item))
        for item in offered
    )


@pytest.mark.parametrize(
    ("licence", "wrong"),
    [
        ("MIT", False),
        ("LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0", False),
        ("Apache-2.0 AND BSD-3-Clause AND MIT", False),
        ("GPL-3.0-or-later", True),
        ("MIT AND GPL-3.0-only", True),
        ("AGPL-3.0", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("", True),
        ("Proprietary", True),
    ],
)
def test_licences_are_told_apart(licence: str, wrong: bool) -> None:
    assert unfit(licence) is wrong


def test_no_package_that_runs_stands_under_a_licence_that_binds() -> None:
    runs = {**imports.locked("requirements.lock"), **imports.locked("requirements-torch.lock")}
    found = {item.metadata["Name"].lower().replace("_", "-"): item for item in distributions()}
    looked_at = {name: imports.licence(found[name]) for name in runs if name in found}
    assert len(looked_at) > 50
    assert {name: licence for name, licence in looked_at.items() if unfit(licence)} == {}


def test_every_direct_dependency_is_explained_and_measured() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "dependencies"
    ]
    names = {re.match(r"[A-Za-z0-9-]+", item)[0] for item in declared}  # type: ignore[index]
    assert names == set(imports.DIRECT), "benchmarks/imports.py says why each one is here"
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for name in (*names, *imports.locked()):
        if name != "colorama":  # on Windows alone
            assert re.search(rf"^\| {re.escape(name)} \d", page, re.MULTILINE | re.IGNORECASE), (
                f"{name} is missing: benchmarks/imports.py --write"
            )


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_its_hash_and_no_address(name: str) -> None:
    check_lock((ROOT / name).read_text(encoding="utf-8"))


def check_lock(text: str) -> None:
    """Check that each entry is a pinned version with hashes and nothing else."""
    entries = re.split(r"\n(?=\S)", text.strip())
    for entry in entries:
        first, *rest = entry.split("\\\n")
        assert re.fullmatch(r"[a-z0-9-]+==[\w.+!]+( ; .+)?", first.strip()), (
            f"not a pinned version: {first}"
        )
        assert rest, f"no hash: {first}"
        assert all(re.fullmatch(r"\s*--hash=sha256:[0-9a-f]{64}\s*", line) for line in rest), (
            f"not a hash: {entry}"
        )


@pytest.mark.parametrize(
    "spoilt",
    [
        "numpy==2.4.6",
        "numpy>=2 \\\n    --hash=sha256:" + "0" * 64,
        "numpy==2.4.6 \\\n    --hash=md5:" + "0" * 32,
        "--index-url https://packages.example.com/simple",
        "numpy @ https://packages.example.com/numpy.whl \\\n    --hash=sha256:" + "0" * 64,
    ],
)
def test_a_spoilt_lock_is_seen(spoilt: str) -> None:
    with pytest.raises(AssertionError):
        check_lock(spoilt)


def test_the_first_command_installs_by_hash() -> None:
    text = (ROOT / "run").read_text(encoding="utf-8")
    installing = re.findall(r"_(?:uv|pip)\((?!\*words)([^)]*)\)", text)
    by_lock = [words for words in installing if '"-r"' in words]
    assert len(by_lock) == 4
    assert all('"--require-hashes"' in words for words in by_lock)
    others = [words for words in installing if '"-r"' not in words]
    assert all("torch==" in words for words in others), (
        "torch's CPU build alone comes by its version"
    )
    assert not re.search(r"index-url|find-links|trusted-host", text)


@pytest.mark.slow
def test_pip_refuses_a_package_that_was_changed_after_it_was_locked(tmp_path: Path) -> None:
    wheel = tmp_path / "harmless-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("harmless.py", "")
        file.writestr(
            "harmless-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: harmless\nVersion: 1.0\n",
        )
        file.writestr(
            "harmless-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: none\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        file.writestr("harmless-1.0.dist-info/RECORD", "")
    lock = tmp_path / "some.lock"
    lock.write_text(f"harmless==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    check_lock(lock.read_text())
    words = [
        "install",
        "--no-index",
        "--find-links",
        str(tmp_path),
        "--target",
        str(tmp_path / "there"),
        "-r",
        str(lock),
    ]
    honest = subprocess.run(
        [sys.executable, "-m", "pip", *words, "--require-hashes"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert honest.returncode != 0
    assert "DO NOT MATCH THE HASHES" in honest.stderr
    assert not (tmp_path / "there").exists()
