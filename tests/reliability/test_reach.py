"""How far the program and its tests reach: to no other machine, and to no folder that is not the
program's.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from window_bench import price_file
from yahoo_server import Market, serving

pytest_plugins = ["pytester"]

#: Attempts to leave the machine, and who is named. Addresses are of those that belong to nobody
#: (RFC 5737, RFC 2606).
ATTEMPTS = {
    "socket.create_connection(('192.0.2.1', 80), timeout=1)": "192.0.2.1",
    "socket.socket().connect_ex(('192.0.2.1', 80))": "192.0.2.1",
    "socket.socket(type=socket.SOCK_DGRAM).sendto(b'hello', ('192.0.2.1', 53))": "192.0.2.1",
    "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'hello'], [], 0, ('192.0.2.1', 53))": "192.0.2.1",
    "socket.getaddrinfo('prices.example.com', 443)": "prices.example.com",
    "socket.gethostbyname('prices.example.com')": "prices.example.com",
    "urllib.request.urlopen('https://prices.example.com')": "prices.example.com:443",
    "curl_cffi.requests.get('https://prices.example.com', timeout=5)": "prices.example.com:443",
}


def planted(attempt: str) -> str:
    """Return a test that swallows whatever its attempt raises."""
    return f"""
        import contextlib, socket, urllib.request, curl_cffi
        def test_planted():
            with contextlib.suppress(BaseException):
                {attempt}
        def test_after_it():
            pass
    """


@pytest.fixture
def inner(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> pytest.Pytester:
    """A suite of its own with the guard of ours."""
    pytester.makeconftest("""
        import pytest
        from conftest_of_candlecast import network_guard, no_network
    """)
    tests = request.config.rootpath / "tests"
    pytester.makepyfile(conftest_of_candlecast=(tests / "conftest.py").read_text())
    pytester.makeini(
        f"[pytest]\npythonpath = {tests} {request.config.rootpath}\nmarkers = network: ok"
    )
    return pytester


@pytest.mark.slow
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_test_that_tries_to_leave_the_machine_fails(inner: pytest.Pytester, attempt: str) -> None:
    inner.makepyfile(planted(attempt))
    result = inner.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, errors=1)
    assert re.search(
        rf"test_planted tried to reach \S*{re.escape(ATTEMPTS[attempt])}", result.stdout.str()
    )


# What the program itself reaches


@dataclass(frozen=True)
class Reached:
    """Where a child wrote, whom it talked to, which programs it started, and how its parts
    ended.
    """

    writes: frozenset[str]
    talks: frozenset[str]
    children: tuple[str, ...]
    statuses: tuple[tuple[str, str], ...]
    left: tuple[str, ...]
    said: str


def gone_through(folder: Path, *words: object) -> Reached:
    """Send a child its way, with folders of its own for everything, and return what it reached."""
    root = Path(__file__).resolve().parents[2]
    folders = {name: folder / name for name in ("home", "tmp", "work", "out")}
    for item in folders.values():
        item.mkdir(exist_ok=True)
    kept = {
        name: os.environ[name]
        for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
        if name in os.environ
    }
    environment = {
        **kept,
        "HOME": str(folders["home"]),
        "TMPDIR": str(folders["tmp"]),
        "PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "QT_QPA_PLATFORM": "offscreen",
        "OMP_NUM_THREADS": "1",
    }
    report = folder / "report.jsonl"
    child = [
        sys.executable,
        str(root / "tests" / "reliability" / "audited.py"),
        str(report),
        *map(str, words),
    ]
    done = subprocess.run(
        child,
        cwd=folders["work"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    lines = [json.loads(line) for line in report.read_text().splitlines()]

    def noted(kind: str) -> list[tuple[str, ...]]:
        return [tuple(words) for found, *words in lines if found == kind]

    statuses = tuple((name, status) for name, status in noted("status"))
    assert statuses, done.stderr
    left = [
        str(path.relative_to(folder))
        for item in folders.values()
        for path in item.rglob("*")
        if not path.is_dir()
    ]
    writes = frozenset(
        str((folders["work"] / path).resolve()) for paths in noted("write") for path in paths
    )
    return Reached(
        writes,
        frozenset(map(" ".join, noted("talk"))),
        tuple(map(" ".join, noted("child"))),
        statuses,
        tuple(left),
        done.stderr[-2000:],
    )


def stays_at_home(reached: Reached, folder: Path, port: int | None) -> None:
    """Check that all that was written lies in the program's folders or where the user wanted it,
    and all talk is with one port.
    """
    allowed = [
        folder / "out",
        *(
            folder / "home" / index / "candlecast"
            for index in (".config", ".local/share", ".local/state", ".cache")
        ),
    ]
    temporary = folder / "tmp"
    strange = [
        item
        for item in reached.writes
        if not any(Path(item).is_relative_to(index) for index in (*allowed, temporary))
    ]
    above = [
        item for item in strange if not any(index.is_relative_to(item) for index in allowed)
    ]  # making a folder's parents is not outside
    assert above == ["/dev/null"] * len(above), f"written outside: {above}"
    kept = [
        item
        for item in reached.left
        if not any((folder / item).is_relative_to(index) for index in allowed)
    ]
    assert kept == [], f"left outside: {kept}"
    fine = (
        "socket.bind (('::1', 0),)",
        *(() if port is None else (f"'127.0.0.1', {port}",)),
    )  # urllib3 looks whether there is IPv6
    asked = [item for item in reached.talks if not any(words in item for words in fine)]
    assert asked == [], f"talked to: {asked}"


@pytest.mark.slow
def test_every_command_writes_in_the_programs_folders_and_talks_to_the_price_server_alone(
    tmp_path: Path, own_folders: Path
) -> None:
    price_file(tmp_path / "prices.csv", 300)
    with serving(AAPL=Market.made(300)) as server:
        reached = gone_through(tmp_path, "commands", tmp_path, server.port)
        asked = len(server.requests)
    print(
        f"{len(reached.writes)} paths written, {len(reached.left)} files left, {asked} "
        f"requests, children: {reached.children}"
    )
    assert {status for _, status in reached.statuses} == {"0"}, (reached.statuses, reached.said)
    assert len(list((tmp_path / "out").iterdir())) >= 6
    assert asked > 0
    stays_at_home(reached, tmp_path, port=server.port)


@pytest.mark.slow
def test_a_window_that_is_left_alone_phones_nobody(tmp_path: Path) -> None:
    reached = gone_through(tmp_path, "window", 6)
    print(
        f"{len(reached.writes)} paths written, {len(reached.left)} files left, children: "
        f"{reached.children}"
    )
    assert reached.talks == frozenset()
    assert all(child.startswith("uname ") for child in reached.children), (
        "Python's own platform module asks for the processor"
    )
    stays_at_home(reached, tmp_path, port=None)


@pytest.mark.slow
@pytest.mark.parametrize(
    "offence",
    [
        "open('stray.txt', 'w').close()",
        "import pathlib; pathlib.Path.home().joinpath('.strayrc').write_text('x')",
        "import os; os.mkdir('stray')",
        "import sqlite3; sqlite3.connect('stray.sqlite').close()",
        "import tempfile; tempfile.mkstemp()",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 53))",
        "import socket; socket.getaddrinfo('127.0.0.1', 80)",
    ],
)
def test_a_planted_offence_is_seen(tmp_path: Path, offence: str) -> None:
    reached = gone_through(tmp_path, "planted", offence)
    with pytest.raises(AssertionError, match=r"outside|talked to"):
        stays_at_home(reached, tmp_path, port=None)
