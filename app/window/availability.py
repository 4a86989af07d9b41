"""Which commands can be used now: decided in one place, from what the session has and what the
shown row has.
"""

from __future__ import annotations

from app.session import Session

#: Commands that :func:`available` decides on.
DECIDED = frozenset({
    "open", "import", "paste", "ticker", "new_project", "reload", "train", "use_model", "backtest",
    "audit", "longer", "pause", "inputs", "explain",
    "stop", "cancel", "save_model", "export", "copy", "fit",
})  # fmt: skip


def available(session: Session) -> frozenset[str]:
    """Return the names of the commands, of those in :data:`DECIDED`, that can be used now.

    The answer depends on nothing but the session, so it has to be asked again whenever the
    session's state, its watchlist, its selected row or its results change, and at no other time.
    """
    state = session.state
    running = state not in ("idle", "loading")
    ready = session.panel is not None and not session.busy
    rules = {
        ("open", "import", "paste", "ticker", "new_project"): not running,
        ("reload",): not running and session.row is not None,
        ("train", "use_model", "backtest", "audit", "inputs"): ready,
        ("longer",): not session.busy and session.can_train_on,
        ("pause",): state == "paused" or (state == "training" and session.task == "training"),
        ("stop",): session.busy and state != "stopping",
        ("cancel",): session.busy,
        ("save_model", "explain"): session.finished is not None and not running,
        ("export", "copy", "fit"): session.series is not None,
    }
    return frozenset(name for names, holds in rules.items() if holds for name in names)
