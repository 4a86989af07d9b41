"""What commands print: the one way to stdout and stderr, safe for terminals, pipes, full disks
and narrow code pages.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from io import FileIO, TextIOWrapper
from typing import TextIO

from forecasting.errors import CandlecastError, presentable


class OutputError(CandlecastError):
    """Standard output does not take the result: its reader has gone, or its disk is full.

    Attributes
    ----------
    closed : bool
        Whether the reader has gone, as ``head`` does: it has what it wanted.
    """

    exit_status = 1
    closed = False


def prepare() -> None:
    """Let no letter and no closed stream end a command.

    What the encoding of a stream lacks is replaced, by ``?`` on stdout; a stream that was closed
    before the start is made to swallow everything, so that no file which is opened later takes its
    place.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, TextIOWrapper(FileIO(os.devnull, "w"), encoding="utf-8"))
        elif stream.errors in ("strict", "surrogateescape") and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def plain(text: str) -> str:
    """Return a text without control characters but line ends: what a file holds must not steer
    the terminal.
    """
    if text.isprintable():
        return text
    lines = text.split("\n")
    return "\n".join(
        line if line.isprintable() else presentable(line, len(line) + 1) for line in lines
    )


def say(text: str) -> None:
    """Tell the user something beside the result: on stderr; where nobody can be told, the work
    goes on.
    """
    with contextlib.suppress(OSError, ValueError):
        print(plain(text), file=sys.stderr, flush=True)


def show(text: str) -> None:
    """Print a part of the result.

    Raises
    ------
    OutputError
        Standard output cannot be written.
    """
    with written():
        print(plain(text), flush=True)


class PlainStream:
    """A stream for what libraries print: control characters are replaced, and nothing that fails is
    an error.

    Parameters
    ----------
    stream : TextIO
        Where it is written.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text; return its length."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(plain(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand everything over."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        """Return False: libraries shall not colour what they print."""
        return False


@contextlib.contextmanager
def written() -> Iterator[None]:
    """Turn what the system says of standard output into an :class:`OutputError`, and let nothing
    more be written there.
    """
    try:
        yield
    except BrokenPipeError as error:
        _discard_output()
        text = OutputError("The output was closed before all of it was shown.")
        text.closed = True
        raise text from error
    except OSError as error:
        _discard_output()
        hint = "Send the output to another place, or free some space there."
        raise OutputError(
            f"The result cannot be shown: {error.strerror or error}.", hint
        ) from error


def _discard_output() -> None:
    """Let whatever is still in the buffer of standard output go nowhere: Python would fail at
    its end otherwise.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
