"""Errors that a person can act on: what happened, the offending value, and the next step."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any, Literal

#: Most letters of a message or a hint: what a file holds may be quoted in it.
_MOST = 1500


@dataclass(frozen=True)
class Remedy:
    """A next step that the program can take by itself.

    Attributes
    ----------
    kind : str
        ``settings``: run with other settings. ``retry``: do the same once more, as the cause may be
        over. ``stored``: take prices of the same ticker that the price cache holds. ``longer``:
        train more epochs.
    values : tuple of (str, object)
        Settings by name, ``interval`` of the stored prices, or ``epochs``.
    bars : int
        Bars that the settings suit; 0 for other kinds.
    """

    kind: Literal["settings", "retry", "stored", "longer"]
    values: tuple[tuple[str, Any], ...] = ()
    bars: int = 0


#: The cause may pass: no connection, a server out of order, a file that another program has locked.
RETRY = Remedy("retry")


class CandlecastError(Exception):
    """A fault that is told to the user as one message and one hint, never as a traceback.

    Parameters
    ----------
    message : str
        What went wrong, with the value that caused it and what was needed.
    hint : str
        The next step for the user; may be empty when the message says it all.
    remedies : tuple of Remedy
        Next steps that the program can take by itself, best first.
    """

    def __init__(self, message: str, hint: str = "", *, remedies: tuple[Remedy, ...] = ()) -> None:
        message, self.hint = presentable(message), presentable(hint)
        self.remedies = remedies
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        """Return message and hint as one text of one or two lines."""
        return f"{self.message}\n{self.hint}" if self.hint else self.message


def presentable(text: str, most: int = _MOST) -> str:
    """Return a text that can be shown, printed and kept anywhere, shortened to ``most`` letters.

    What steers a terminal, turns the direction of writing or is no text at all is replaced; line
    ends stay.
    """
    if len(text) > most:
        text = f"{text[: most - 1]}…"
    if text.isprintable():
        return text
    return "".join(
        "\ufffd" if unicodedata.category(sign) in _UNSEEN and sign not in "\n\u200c\u200d" else sign
        for sign in text.replace("\t", " ")
    )


def is_text(name: str) -> bool:
    """Whether a name can be written: those of files may hold bytes that are no letters of the
    system.
    """
    return not any("\ud800" <= sign <= "\udfff" for sign in name)


#: Control and format characters, halves of surrogates, and separators of lines.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


class SourceError(CandlecastError):
    """A file, ticker or sample that could not be read or fetched.

    Parameters
    ----------
    message, hint, remedies
        As for :class:`CandlecastError`.
    suggestions : tuple of str
        References that may be meant instead, likeliest first, such as ``yahoo:BRK-B``.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        suggestions: tuple[str, ...] = (),
        *,
        remedies: tuple[Remedy, ...] = (),
    ) -> None:
        super().__init__(message, hint, remedies=remedies)
        self.suggestions = suggestions


class DataError(CandlecastError):
    """A series that was read but does not suit the task (too short, not positive, ...)."""


class ConfigError(CandlecastError):
    """A setting out of range, or settings that contradict each other."""


class ModelFileError(CandlecastError):
    """A model file that is damaged, foreign or made for something else."""


class ExportError(CandlecastError):
    """A file that could not be written."""
