"""How long a window stood still: the longest time between two beats of a timer in its thread."""

from __future__ import annotations

import time
from types import TracebackType

from PySide6.QtCore import Qt, QTimer


class Heartbeat:
    """A timer of 10 ms in the thread of the window, for the time of a ``with`` block.

    Attributes
    ----------
    gaps : list of float
        Seconds between two beats, one after the other.
    """

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._last = 0.0
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(10)
        self._timer.timeout.connect(self._beat)

    @property
    def longest(self) -> float:
        """Seconds of the longest gap."""
        return max(self.gaps, default=0.0)

    @property
    def beats(self) -> int:
        """How often the timer came."""
        return len(self.gaps)

    def __enter__(self) -> Heartbeat:
        self._last = time.monotonic()
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.stop()
        self._beat()

    def _beat(self) -> None:
        now = time.monotonic()
        self.gaps.append(now - self._last)
        self._last = now
