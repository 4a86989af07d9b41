"""Which commands can be used now: decided in one place, from what the session has and what the
shown row has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.actions import Command
from app.session import Session

#: What a command may need, and whether the session has it.
RULES: Mapping[str, Callable[[Session], bool]] = {
    "rest": lambda session: session.state in ("idle", "loading"),
    "row": lambda session: session.state in ("idle", "loading") and session.row is not None,
    "prices": lambda session: session.panel is not None and not session.busy,
    "training": lambda session: not session.busy and session.can_train_on,
    "pausable": lambda session: (
        session.state == "paused" or (session.state == "training" and session.task == "training")
    ),
    "stoppable": lambda session: session.busy and session.state != "stopping",
    "busy": lambda session: session.busy,
    "network": lambda session: (
        session.finished is not None and session.state in ("idle", "loading")
    ),
    "chart": lambda session: session.series is not None,
}


def available(session: Session, commands: Mapping[str, Command]) -> dict[str, bool]:
    """Tell of each command that needs something whether it can be used now.

    The answer depends on nothing but the session, so it has to be asked again whenever the
    session's state, its watchlist, its selected row or its results change, and at no other time.
    """
    holds = {need: rule(session) for need, rule in RULES.items()}
    return {name: holds[command.needs] for name, command in commands.items() if command.needs}
