"""Guards around every test: folders of its own, no network, and no thread, timer, process or
window left behind.
"""

from __future__ import annotations

import builtins
import gc
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from leaks import Leaks
from network_guard import NetworkGuard, Trap
from PySide6.QtCore import QSettings

# As the program does: PySide reads the source of every module that is imported from here on.
builtins.__import__ = getattr(builtins, "__orig_import__", builtins.__import__)

# The same examples in every run, so that a change is judged by itself; HYPOTHESIS_PROFILE=explore
# looks for new ones.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

# A process of xdist has a second thread, in which a cycle that holds a Qt object must not be freed:
# the guards below collect instead.
gc.disable()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a test of reliability be repeated as often as is wanted: the figures of
    docs/reliability.md say how often.
    """
    parser.addoption(
        "--times",
        type=int,
        default=None,
        help="how often each test of tests/reliability repeats what it does",
    )


def pytest_collection_finish() -> None:
    """Take what all test files import out of the collector's sight before it looks the first
    time.
    """
    gc.freeze()


@pytest.fixture
def times(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """Return ``times(usual)``: how often to repeat, the usual number unless ``--times`` says
    another.
    """
    asked = request.config.getoption("--times")
    return lambda usual: usual if asked is None else int(asked)


@pytest.fixture(autouse=True, scope="module")
def frozen_imports() -> None:
    """Take what is imported by now out of the collector's sight: each of the collections below
    would walk through torch.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def no_pause() -> Iterator[None]:
    """Compare prices as soon as they have come: offscreen nobody waits for the chart."""
    with pytest.MonkeyPatch.context() as patch:
        if os.environ["QT_QPA_PLATFORM"] == "offscreen":
            patch.setattr("app.tasks.SHOWING_S", 0.0)
        yield


def live_in(home: Path) -> Path:
    """Point the home folder, the settings and Candlecast's own folders at a fresh directory."""
    home.mkdir()
    names = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "CANDLECAST_HOME")
    folders = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")
    os.environ.update(dict.fromkeys(names, str(home)))  # the next test has others
    os.environ.update({name: str(home / name.lower()) for name in folders})
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(home))
    return home


@pytest.fixture(autouse=True, scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home folders of the tests, numbered here: pytest would read all that there are for each
    new one. What modules share is made before their first test, so one is taken at once.
    """
    folder = tmp_path_factory.mktemp("homes")
    numbered = (folder / str(number) for number in itertools.count())
    live_in(next(numbered))
    return numbered


@pytest.fixture(autouse=True)
def own_folders(homes: Iterator[Path]) -> Path:
    """Give each test a home of its own."""
    return live_in(next(homes))


@pytest.fixture(scope="session")
def network_guard() -> Iterator[NetworkGuard]:
    """The guard of all tests: to put it up for each would take a sixth of a millisecond."""
    with pytest.MonkeyPatch.context() as patch:
        yield NetworkGuard(patch, Trap())


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, network_guard: NetworkGuard) -> Iterator[None]:
    """Fail a test that tries to leave this machine, whatever becomes of the error; except those
    marked ``network``.
    """
    if request.node.get_closest_marker("network"):
        with network_guard.open():
            yield
        return
    network_guard.forget()
    yield
    if network_guard.tried:
        pytest.fail(
            f"{request.node.name} tried to reach {', '.join(dict.fromkeys(network_guard.tried))}",
            pytrace=False,
        )


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves a thread, a timer, a process or a window behind."""
    leaks = Leaks(monkeypatch)
    yield
    leaks.settle(qt=bool({"qtbot", "qapp"} & set(request.fixturenames)))
    if left := leaks.found():
        pytest.fail(
            f"{request.node.name} leaves something behind: {'; '.join(left)}", pytrace=False
        )
