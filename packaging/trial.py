#!/usr/bin/env python3
"""Install the package on a clean Debian without Python, use it as a person would, remove it.

    sudo python3 tests/desktop/stage.py python3 packaging/trial.py PACKAGE.deb [--work FOLDER]

Needs root, debootstrap, a mirror of Debian, ImageMagick's ``import``, and a display without access
control, such as the one of ``stage.py``. The clean system is a folder that programs are started in
with ``chroot``; its mounts are in a name space of their own and end with this process. Findings
are printed as JSON; pictures of the window are left in the folder of work.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

USER = "visitor"
HOME = Path("/home") / USER
SAMPLE = "usr/lib/candlecast/_internal/**/sp500.csv.gz"
#: What a removed package may not leave: its own files anywhere but in the journals of dpkg and apt.
_JOURNALS = ("var/lib/dpkg", "var/log", "var/cache", "proc", "sys", "dev", "home")
_PATIENCE_S = 600
_INSIDE = "CANDLECAST_TRIAL"


class Place:
    """Where a package was laid, and how its programs are started there.

    Parameters
    ----------
    root : Path
        Folder that holds its ``usr``.
    home : str
        Folder of the user, as programs there see it.
    """

    def __init__(self, root: Path, home: str) -> None:
        self.root = root
        self.home = home

    def words(self, words: Sequence[str], user: str) -> list[str]:
        """Return a command that starts a program there with an empty environment."""
        raise NotImplementedError

    def call(self, *words: str, user: str = "root", check: bool = True) -> str:
        """Run a command to its end and return what it printed."""
        done = subprocess.run(
            self.words(words, user), capture_output=True, text=True, check=False, stdin=-3
        )
        if check and done.returncode != 0:
            raise SystemExit(f"{' '.join(words)}: status {done.returncode}\n{done.stderr[-3000:]}")
        return done.stdout

    def lay_prices(self, home: Path) -> None:
        """Write the prices of a sample as a CSV file into a folder."""
        (source, *_) = self.root.glob(SAMPLE)
        (home / "prices.csv").write_bytes(gzip.decompress(source.read_bytes()))


class Prefix(Place):
    """A package that was unpacked into a folder, on the system that runs this."""

    def words(self, words: Sequence[str], user: str) -> list[str]:
        """Return a command whose search path holds the package alone."""
        program = str(self.root / "usr" / "bin" / words[0])
        return ["env", "-i", *_variables(self.home), "PATH=/nowhere", program, *words[1:]]


class Machine(Place):
    """A clean system in a folder.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root, str(HOME))

    def make(self, suite: str) -> None:
        """Lay the smallest Debian, with a user."""
        if not (self.root / "etc" / "debian_version").exists():
            subprocess.run(
                ["debootstrap", "--variant=minbase", suite, str(self.root)],
                check=True,
                stdout=sys.stderr,
            )
        shutil.copyfile("/etc/resolv.conf", self.root / "etc" / "resolv.conf")
        if not (self.root / str(HOME).lstrip("/")).exists():
            self.call("useradd", "--create-home", USER)

    def mount(self) -> None:
        """Give programs the kernel's folders; this process has mounts of its own."""
        for name in ("proc", "sys", "dev"):
            (self.root / name).mkdir(exist_ok=True)
            words = ["mount", "--rbind", f"/{name}", str(self.root / name)]
            subprocess.run(words, check=True)

    def words(self, words: Sequence[str], user: str) -> list[str]:
        """Return a command that runs in the system with nothing of this one's environment."""
        home = self.home if user == USER else "/root"
        variables = [*_variables(home), "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        chroot = ["chroot", f"--userspec={user}", str(self.root)]
        return [
            "env",
            "-i",
            *variables,
            *chroot,
            "sh",
            "-c",
            'cd "$HOME" && exec "$@"',
            "sh",
            *words,
        ]

    def remains(self) -> list[str]:
        """Return the files of the package that are there."""
        found = []
        for folder, names, files in os.walk(self.root):
            place = Path(folder).relative_to(self.root).as_posix()
            if place.startswith(_JOURNALS):
                names.clear()
                continue
            found += [f"{place}/{name}" for name in (*names, *files) if "candlecast" in name]
        return sorted(found)

    def mentions(self) -> list[str]:
        """Return the desktop's lists that name the program."""
        share = self.root / "usr" / "share"
        lists = (share / "applications" / "mimeinfo.cache", share / "mime" / "globs2")
        return [
            path.name
            for path in lists
            if path.is_file() and "candle" in path.read_text(encoding="utf-8", errors="replace")
        ]


def _variables(home: str) -> list[str]:
    """Return the environment of a program, less its search path."""
    display = [f"DISPLAY={os.environ['DISPLAY']}"] if "DISPLAY" in os.environ else []
    return [*display, f"HOME={home}", "LANG=C.UTF-8"]


def timed(place: Place, *words: str) -> tuple[float, float, str]:
    """Run a command as the user; return wall seconds, CPU seconds and what it printed."""
    begun, before = time.monotonic(), os.times()
    printed = place.call(*words, user=USER)
    after = os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return time.monotonic() - begun, used, printed


@contextlib.contextmanager
def window(place: Place, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the window for as long as it is needed."""
    command = place.words(["candlecast", *words], USER)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def visible() -> str:
    """Return the number of the program's window once it is seen."""
    end = time.monotonic() + _PATIENCE_S
    search = ["xdotool", "search", "--onlyvisible", "--class", "candlecast"]
    while time.monotonic() < end:
        found = subprocess.run(search, capture_output=True, text=True, check=False).stdout.split()
        if found:
            return found[-1]
        time.sleep(0.02)
    raise SystemExit("The window did not open.")


def picture(path: Path) -> None:
    """Take a picture of the screen."""
    subprocess.run(["import", "-window", "root", str(path)], check=True)


def runs(place: Place) -> list[dict[str, object]]:
    """Return the trainings that were kept."""
    printed = place.call("candlecast", "runs", "list", "--json", user=USER, check=False)
    with contextlib.suppress(ValueError):
        found = json.loads(printed)
        return list(found["runs"] if isinstance(found, dict) else found)
    return []


def first_verdict(place: Place, work: Path) -> dict[str, object]:
    """Open the prices as a double click does, press Train, and wait for the verdict."""
    before = len(runs(place))
    begun = time.monotonic()
    with window(place, f"{place.home}/prices.csv"):
        shown = visible()
        seen = time.monotonic() - begun
        time.sleep(8)  # somebody looks at the chart
        picture(work / "loaded.png")
        pressed = time.monotonic()
        subprocess.run(["xdotool", "windowactivate", "--sync", shown], check=False)
        while len(runs(place)) == before:
            # Does nothing while prices are read, nor while a network is trained.
            subprocess.run(["xdotool", "key", "ctrl+t"], check=True)
            if time.monotonic() > pressed + _PATIENCE_S:
                picture(work / "late.png")
                raise SystemExit("There was no verdict in time.")
            time.sleep(5)
        judged = time.monotonic() - begun
        time.sleep(3)
        picture(work / "verdict.png")
    return {"window_s": seen, "verdict_s": judged, "run": runs(place)[0]}


def try_commands(place: Place) -> dict[str, object]:
    """Run the commands that need data files, child processes and the engine."""
    found: dict[str, object] = {}
    prices = f"{place.home}/prices.csv"
    for name, words in {
        "version": ("--version",),
        "help": ("--help",),
        "inspect": ("inspect", prices),
        "forecast": ("forecast", prices, "--epochs", "1", "--export", f"{place.home}/forecast.png"),
        "report": ("forecast", prices, "--epochs", "1", "--export", f"{place.home}/report.html"),
        "backtest": (
            *("backtest", prices, "--epochs", "1", "--test-size", "60"),
            *("--refit", "30", "--workers", "2"),
        ),
        "doctor": ("doctor",),
    }.items():
        wall, cpu, printed = timed(place, "candlecast", *words)
        found[name] = {"wall_s": round(wall, 2), "cpu_s": round(cpu, 2), "end": printed[-300:]}
    return found


def trial(package: Path, work: Path, suite: str) -> dict[str, object]:
    """Return what was found."""
    machine = Machine(work / "root")
    machine.make(suite)
    machine.mount()
    found: dict[str, object] = {"package_mb": round(package.stat().st_size / 1e6, 1)}
    machine.call("apt-get", "remove", "--purge", "--yes", "candlecast", check=False)
    found["python_before"] = machine.call("sh", "-c", "command -v python3 pip || true").split()
    shutil.copyfile(package, machine.root / "tmp" / package.name)
    machine.call("apt-get", "update", "--quiet")
    begun = time.monotonic()
    machine.call(
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "--yes",
        f"/tmp/{package.name}",
    )
    (machine.root / "tmp" / package.name).unlink()
    found["install_s"] = round(time.monotonic() - begun, 1)
    found["python_after"] = machine.call("sh", "-c", "command -v python3 pip || true").split()
    found["lists"] = machine.mentions()
    machine.lay_prices(machine.root / str(HOME).lstrip("/"))
    if "DISPLAY" in os.environ:
        found["window"] = first_verdict(machine, work)
    found["commands"] = try_commands(machine)
    machine.call("dpkg", "--remove", "candlecast")
    found["remains"] = machine.remains()
    found["lists_after"] = machine.mentions()
    return found


def main() -> None:
    """Begin anew with mounts of one's own, then try."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("package", type=Path)
    parser.add_argument("--work", type=Path, default=Path("/tmp/candlecast-trial"))
    parser.add_argument("--suite", default="bookworm")
    given = parser.parse_args()
    if _INSIDE not in os.environ:
        os.environ[_INSIDE] = "1"
        words = ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv]
        os.execvp(words[0], words)
    given.work.mkdir(parents=True, exist_ok=True)
    print(json.dumps(trial(given.package.resolve(), given.work.resolve(), given.suite), indent=1))


if __name__ == "__main__":
    main()
