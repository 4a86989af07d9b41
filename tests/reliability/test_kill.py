"""Kills at random moments of everything that the program writes: nothing unreadable, nothing
left lying about, hardly anything lost.
"""

from __future__ import annotations

import faulthandler
import itertools
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kill_plays import PACE_S
from killed_program import Ended, Start, programs
from window_bench import price_file
from yahoo_server import Market, serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="programs are forked"),
]

#: What may be lost of edits, and what a noisy machine may take longer for what the program
#: promises.
EDITS_S, SLACK_S = 2.0, 1.5
TICKERS, BARS = tuple(f"T{number}" for number in range(8)), 300


@dataclass
class Tally:
    """What the kills of one subject came to."""

    kills: int = 0
    unreadable: int = 0
    stray: int = 0
    offers: int = 0
    worst: float = 0.0


@dataclass
class Subject:
    """Something to be killed: its play, its folders, and what must hold after each kill.

    Attributes
    ----------
    play : str
    folder : Path
        Of its homes and of what it writes.
    judge : callable
        Takes subject, how the program ended and what the next start found; raises AssertionError.
    seconds, events : float, int
        How long the play takes and how many moments of writing it has, learnt while it is killed.
    """

    play: str
    folder: Path
    judge: Callable[[Subject, Ended, dict[str, Any]], None]
    more: dict[str, Any]
    seconds: float = 3.0
    events: int = 60
    fresh: bool = False
    tally: Tally = field(default_factory=Tally)
    finished: set[str] = field(default_factory=set)
    number: int = 0

    @property
    def target(self) -> Path:
        """Where the program writes what it was asked for."""
        return self.folder / "target"

    @property
    def home(self) -> Path:
        """The home of the program."""
        return self.folder / (f"home-{self.number}" if self.fresh else "home")

    def order(self) -> dict[str, Any]:
        """Return what the play needs to know."""
        return {"target": str(self.target), "base": 1000 * self.number, **self.more}

    def kill_once(self, start: Start, chance: np.random.Generator, without: str = "") -> None:
        """Start the program, kill it at a random moment, start it again and judge."""
        self.number += 1
        self.target.mkdir(parents=True, exist_ok=True)
        moment = (
            {"after": float(chance.uniform(0, self.seconds))}
            if self.number % 2
            else {"event": int(chance.integers(self.events))}
        )
        ended = start(self.play, self.home, **moment, without=without, **self.order())
        if not ended.killed:
            assert ended.status == 0, ended.said[-2000:]
            self.seconds, self.events = (
                min(self.seconds, 1.02 * ended.seconds),
                max(2, min(self.events, moment.get("event", self.events))),
            )
            self.rest()
            return
        self.tally.kills += 1
        kept = (
            {"project": str(self.target / "mine.candleproject")}
            if (self.target / "mine.candleproject").exists()
            else {}
        )
        swept = "" if without != "sweeping" else without
        window = self.play in ("train", "project") or self.number % 4 == 0
        seen = start(
            "look", self.home, folders=[str(self.target)], window=window, without=swept, **kept
        )
        assert seen.status == 0, seen.said[-3000:]
        found = json.loads(seen.said.split("found ", 1)[1].splitlines()[0])
        self.tally.unreadable += len(found["unreadable"])
        self.tally.stray += len(found["stray"])
        assert not found["unreadable"], found["unreadable"]
        stray = [item for item in found["stray"] if not item.startswith(str(self.target))]
        assert not stray, stray
        self.judge(self, ended, found)
        if self.fresh:
            shutil.rmtree(self.home)

    def rest(self) -> None:
        """Begin again where the play has come to its end."""
        shutil.rmtree(self.target / "folds", ignore_errors=True)
        self.finished = set()


def judge_training(subject: Subject, ended: Ended, found: dict[str, Any]) -> None:
    epochs = [(int(number), float(at)) for number, at in ended.told("epoch")]
    network = subject.target / "net.candlecast"
    if len(epochs) < 2 or (network.exists() and network.stat().st_mtime >= epochs[0][1]):
        return
    longest = max(after - before for (_, before), (_, after) in itertools.pairwise(epochs))
    saved = max([epochs[0][1], *(at for _epoch, at in found["trainings"])])
    lost = max(0.0, epochs[-1][1] - saved)
    subject.tally.worst = max(subject.tally.worst, lost)
    assert lost <= max(PACE_S, longest) + SLACK_S, (
        f"{lost:.2f} s of training are lost; an epoch took {longest:.2f} s"
    )
    if found["trainings"]:
        assert "was cut short" in found["resume"] or "was trained, but" in found["resume"], found[
            "resume"
        ]
        subject.tally.offers += 1


def judge_backtest(subject: Subject, ended: Ended, found: dict[str, Any]) -> None:
    del ended, found
    folds = {item.name for item in subject.target.glob("folds/*.npz")}
    assert subject.finished <= folds, "a fold that was finished is gone"
    subject.finished = folds


def judge_download(subject: Subject, ended: Ended, found: dict[str, Any]) -> None:
    del subject
    for (ticker,) in ended.told("kept"):
        assert found.get("held", {}).get(ticker) == BARS, f"{ticker}: {found.get('held')}"


def judge_export(subject: Subject, ended: Ended, found: dict[str, Any]) -> None:
    del subject, ended, found  # that every file is whole has been seen


def judge_project(subject: Subject, ended: Ended, found: dict[str, Any]) -> None:
    edits = [(int(number), float(at)) for number, at in ended.told("edit")]
    saved = max((int(number) for (number,) in ended.told("saved")), default=0)
    old = [number for number, at in edits if at <= ended.at - EDITS_S]
    best = max([item for item in found["seeds"] if item > 1000 * subject.number], default=0)
    lost = [at for number, at in edits if number > best]
    if lost:
        subject.tally.worst = max(subject.tally.worst, ended.at - lost[0])
    assert best >= saved, f"edit {saved} was saved, and {best} is there"
    assert not old or best >= old[-1], (
        f"edit {old[-1]} was made {ended.at - dict(edits)[old[-1]]:.2f} s before the kill, and "
        f"{best} is there"
    )
    if old and old[-1] > saved:
        assert "not closed properly" in found["recovery"], found["recovery"]
    if found["recovery"]:
        subject.tally.offers += 1
    for copy in (subject.home / "recovery").glob("*.candleproject"):
        copy.unlink()


def judge_loading(subject: Subject, ended: Ended, found: dict[str, Any]) -> None:
    loaded = [(symbol, float(at)) for symbol, at in ended.told("loaded")]
    lost = [at for symbol, at in loaded if symbol not in found["symbols"]]
    if lost:
        subject.tally.worst = max(subject.tally.worst, ended.at - lost[0])
    assert all(ended.at - at <= EDITS_S for at in lost), (
        f"loaded {max(ended.at - at for at in lost):.2f} s before the kill, and lost"
    )


def subjects(folder: Path, start: Start) -> dict[str, Subject]:
    """Return everything that is killed; a network that exports are made of is trained for it."""
    folder.mkdir(parents=True)
    prices = price_file(folder / "AAA.csv", 400)
    files = [price_file(folder / f"S{number}.csv", 60, number) for number in range(8)]
    made = {
        "train": Subject("train", folder / "train", judge_training, {"prices": prices}, 6.0),
        "backtest": Subject("backtest", folder / "backtest", judge_backtest, {"prices": prices}),
        "download": Subject("download", folder / "download", judge_download, {"tickers": TICKERS}),
        "export": Subject("export", folder / "export", judge_export, {"prices": prices}),
        "project": Subject("project", folder / "project", judge_project, {"prices": prices}, 8.0),
        "load": Subject("load", folder / "load", judge_loading, {"files": files}, 7.0, fresh=True),
    }
    network = folder / "network"
    network.mkdir()
    trained = start("train", folder / "first", target=str(network), prices=prices)
    assert trained.status == 0, trained.said
    made["export"].more["network"] = str(network / "net.candlecast")
    return made


@pytest.fixture
def market() -> Iterator[int]:
    with serving(**{ticker: Market.made(BARS) for ticker in TICKERS}) as server:
        yield server.port


def kill(subject: Subject, count: int, start: Start, seed: int, without: str = "") -> None:
    """Kill a program so often, at moments that the seed decides."""
    chance, tries = np.random.default_rng(seed), 0
    while subject.tally.kills < count:
        tries += 1
        assert tries < 4 * count + 20, f"{subject.play} ends before it can be killed"
        subject.kill_once(start, chance, without)
    if "stray" not in without and subject.play in ("train", "export", "backtest", "project"):
        ended = start(subject.play, subject.home, **subject.order())
        assert ended.status == 0, ended.said[-2000:]
        left = [str(path) for path in subject.target.rglob("*") if path.name.startswith(".")]
        assert not left, f"left beside what was written: {left}"


@pytest.mark.timeout(0)
def test_a_kill_at_any_moment_leaves_nothing_unreadable_and_loses_next_to_nothing(
    times: Callable[[int], int], tmp_path: Path, market: int
) -> None:
    # with many kills this takes longer than any other test
    faulthandler.cancel_dump_traceback_later()
    started, share = time.monotonic(), -(-times(30) // 6)
    names = ("train", "backtest", "download", "export", "project", "load")
    with programs() as first, programs() as second:
        made = subjects(tmp_path / "kills", first)
        made["download"].more["port"] = market
        free = {id(item): threading.Lock() for item in (first, second)}

        def work(name: str) -> None:
            start = next(item for item in (first, second) if free[id(item)].acquire(blocking=False))
            try:
                kill(made[name], share, start, seed=names.index(name))
            finally:
                free[id(start)].release()
                print(f"  {name}: {made[name].tally}", flush=True)

        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(work, name) for name in names]:
                done.result()
    tallies = {name: item.tally for name, item in made.items()}
    kills = sum(item.kills for item in tallies.values())
    print(
        f"\n{kills} kills in {time.monotonic() - started:.0f} s: "
        f"{sum(item.unreadable for item in tallies.values())} unreadable files,"
    )
    print(
        "no temporary file after the next start, or beside what the user wrote after the next "
        "writing of it"
    )
    for name, item in tallies.items():
        later = f"{item.stray} temporary files beside targets until these were next written"
        print(
            f"  {name}: {item.kills} kills, {later}, {item.offers} offers, at most "
            f"{item.worst:.2f} s lost"
        )


@pytest.mark.parametrize(
    ("play", "without"),
    [
        ("export", "whole files"),
        ("project", "recovery copies"),
        ("train", "autosave"),
        ("train", "sweeping"),
    ],
)
def test_without_the_protection_the_kills_would_be_noticed(
    play: str, without: str, tmp_path: Path
) -> None:
    with programs() as start:
        made = subjects(tmp_path / "kills", start)
        with pytest.raises(AssertionError, match=r"\.|lost|there"):
            kill(made[play], 25, start, 1, without)
