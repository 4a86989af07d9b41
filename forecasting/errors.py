"""Errors that a person can act on: what happened, the offending value, and the next step."""

from __future__ import annotations


class CandlecastError(Exception):
    """A fault that is told to the user as one message and one hint, never as a traceback.

    Parameters
    ----------
    message : str
        What went wrong, with the value that caused it and what was needed.
    hint : str
        The next step for the user; may be empty when the message says it all.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return message and hint as one text of one or two lines."""
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class SourceError(CandlecastError):
    """A file, ticker or sample that could not be read or fetched."""


class DataError(CandlecastError):
    """A series that was read but does not suit the task (too short, not positive, ...)."""


class ConfigError(CandlecastError):
    """A setting out of range, or settings that contradict each other."""


class ModelFileError(CandlecastError):
    """A model file that is damaged, foreign or made for something else."""


class ExportError(CandlecastError):
    """A file that could not be written."""
