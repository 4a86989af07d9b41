"""Commands run for a client of the Model Context Protocol: each in a process of its own, without a
shell, that ends with the call.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from app.cli.progress import PROGRESS_LINES

Document = dict[str, Any]
#: ``report(done, total, message)`` tells a client how far a call is.
Report = Callable[[float, float | None, str], Awaitable[None]]
#: Most characters of what a process prints; most items of a list and of a table in an answer.
_MOST_CHARACTERS, _MOST_ROWS, _MOST_KEYS = 50_000_000, 250, 40
#: Most lines of notes, and characters of one.
_MOST_NOTES, _LONGEST_NOTE = 40, 2000
#: Seconds that a process has to end by itself after its call was cancelled.
_GRACE_S = 5.0
#: Processes that are running: a signal that ends the server ends them first.
RUNNING: set[Process] = set()


class CommandError(Exception):
    """A command that failed; its message is for the client."""


async def run_command(
    command: str, options: Sequence[str], sources: Sequence[str], report: Report
) -> tuple[list[Document], list[str]]:
    """Run a command of the program and return its documents and its notes.

    Parameters
    ----------
    command : str
    options : sequence of str
        Flags; ``--json`` is added.
    sources : sequence of str
        What the command is about; never read as flags.
    report : callable

    Raises
    ------
    CommandError
        The command failed: with its message and its hint.
    """
    words = [*program(), command, "--json", *options, "--", *sources]
    found: list[str] = []
    notes: list[str] = []
    async with _process(words) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        async with anyio.create_task_group() as group:
            group.start_soon(_collect, TextReceiveStream(process.stdout), found)
            group.start_soon(_listen, TextReceiveStream(process.stderr), notes, report)
        status = await process.wait()
    text = "".join(found)
    if len(text) > _MOST_CHARACTERS:
        raise CommandError("The answer is too long for a client: ask for fewer series.")
    if not text.strip():
        raise CommandError(_failure(status, notes))
    try:
        made = json.loads(text)
    except ValueError:
        raise CommandError(_failure(status, notes)) from None
    return made if isinstance(made, list) else [made], notes


def program() -> list[str]:
    """Return the words that start this program once more: in a bundle it is a file of its own."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-P", "-m", "app"]


@contextlib.asynccontextmanager
async def _process(words: Sequence[str]) -> AsyncIterator[Process]:
    process = await anyio.open_process(words, stdin=-3, env=_environment())
    RUNNING.add(process)
    try:
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            await _ended(process)
        RUNNING.discard(process)


async def _ended(process: Process) -> None:
    """Let a process end: asked first, killed where that takes too long."""
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            process.terminate()
            with anyio.move_on_after(_GRACE_S):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
    await process.aclose()


def _environment() -> dict[str, str]:
    """Return the environment of a command: the same program, whatever lies in the folder."""
    root = str(Path(__file__).resolve().parents[2])
    before = os.environ.get("PYTHONPATH", "")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (root, before))),
        "PYTHONIOENCODING": "utf-8",
        PROGRESS_LINES: "1",
    }


async def _collect(stream: TextReceiveStream, found: list[str]) -> None:
    """Gather what a process prints, up to a little more than an answer may have."""
    size = 0
    async for part in stream:
        if size <= _MOST_CHARACTERS:
            found.append(part)
        size += len(part)


async def _listen(stream: TextReceiveStream, notes: list[str], report: Report) -> None:
    """Pass progress on, and remember what else is said."""
    rest = ""
    async for part in stream:
        *lines, rest = (rest + part).split("\n")
        for line in lines:
            await _heard(line, notes, report)
    await _heard(rest, notes, report)


async def _heard(line: str, notes: list[str], report: Report) -> None:
    if not line.strip():
        return
    if line.startswith('{"progress"'):
        with contextlib.suppress(ValueError, KeyError):
            found = json.loads(line)
            await report(float(found["progress"]), found["total"] or None, found["message"])
        return
    if len(notes) < _MOST_NOTES:
        notes.append(line[:_LONGEST_NOTE])


def _failure(status: int, notes: Sequence[str]) -> str:
    messages = [note.removeprefix("Error: ") for note in notes if not note.startswith("Note: ")]
    return " ".join(messages) or f"The command ended with status {status} and said nothing."


def flags(settings: Mapping[str, Any], allowed: Mapping[str, object]) -> list[str]:
    """Return settings as flags of the command line.

    Parameters
    ----------
    settings : mapping of str to str, int, float, bool or None
        None is left out.
    allowed : mapping
        The settings that there are.

    Raises
    ------
    CommandError
        A setting that there is none of, or a value that is no number, text or yes and no.
    """
    found: list[str] = []
    for name, value in settings.items():
        if name not in allowed:
            raise CommandError(
                f"There is no setting '{name}'. There are {', '.join(sorted(allowed))}."
            )
        dashed = name.replace("_", "-")
        if isinstance(value, bool):
            found.append(f"--{dashed}" if value else f"--no-{dashed}")
        elif isinstance(value, str | int | float):
            if isinstance(value, float) and not math.isfinite(value):
                raise CommandError(f"{name} = {value} is no number.")
            found.append(f"--{dashed}={value}")
        elif value is not None:
            raise CommandError(f"{name} takes a number, a text, or true and false, not {value!r}.")
    return found


def answer(
    documents: Sequence[Document],
    notes: Sequence[str],
    verdict: object,
    base_rate: object,
) -> Document:
    """Return what a client gets: verdict and base rate first, then the bounded result."""
    results = [
        {key: value for key, value in item.items() if key not in ("verdict", "base_rate")}
        for item in documents
    ]
    cut = [0]
    bounded = _bounded(results[0] if len(results) == 1 else results, cut)
    found: Document = {
        "verdict": verdict,
        "base_rate": base_rate,
        "result": bounded,
        "notes": list(notes),
    }
    if cut[0]:
        found["left_out"] = (
            f"{cut[0]:,} items of long lists and tables are left out here; "
            "the command line has all of them."
        )
    return found


def _bounded(value: Any, cut: list[int], table: bool = False) -> Any:
    """Return a document whose lists and tables hold at most so many items; count the others."""
    if isinstance(value, dict):
        items = list(value.items())
        shown = items[:_MOST_KEYS] if table else items
        cut[0] += len(items) - len(shown)
        return {key: _bounded(item, cut, table=True) for key, item in shown}
    if isinstance(value, list):
        cut[0] += max(0, len(value) - _MOST_ROWS)
        return [_bounded(item, cut) for item in value[:_MOST_ROWS]]
    return value
