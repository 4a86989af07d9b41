"""The audit for leaks on screen: started, followed, stopped, and its findings."""

from __future__ import annotations

from app.background import Reporting
from app.features.audit.dialog import AuditDialog
from app.features.spec import FeatureContext, FeatureController
from app.theme import Theme
from forecasting import jobs
from forecasting.events import AuditFinished, Progress


class AuditController(FeatureController):
    """Stands between the dialog of the audit and the session.

    Parameters
    ----------
    context : FeatureContext

    Attributes
    ----------
    dialog : AuditDialog
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context)
        self._model = context.model
        self.dialog = AuditDialog(self._window)
        self.dialog.start_requested.connect(self.start)
        self.dialog.stop_requested.connect(self._session.stop)
        context.panels["backtest"].audit_requested.connect(self.start)
        self._connect("audit", self.start)
        self._session.event_received.connect(self._show_event)
        self._session.state_changed.connect(self._show_state)
        self._session.list_changed.connect(self._show_state)
        self._show_state()

    def start(self) -> None:
        """Audit the checked series with the settings of the model form."""
        with Reporting(self.refused.emit):
            config = self._model.config()
            self._session.begin(
                "auditing", lambda panel: lambda stop: jobs.audit(panel, config, stop)
            )
            self.dialog.show_checks(())
            self._show_state()
            self.dialog.show()
            self.dialog.raise_()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.dialog.set_theme(theme)

    def _show_event(self, event: object) -> None:
        if (
            isinstance(event, Progress)
            and self._session.task == "auditing"
            and self._session.state != "stopping"
        ):
            self.dialog.show_progress(event)
        elif isinstance(event, AuditFinished):
            self.dialog.show_checks(event.checks, stopped=self._session.state == "stopping")

    def _show_state(self) -> None:
        session = self._session
        ready = session.panel is not None and not session.busy
        if session.task == "auditing" and session.busy:
            words = {
                "preparing": self.tr("Preparing the engine…"),
                "stopping": self.tr("Stopping after the check at hand…"),
            }
            self.dialog.show_running(
                words.get(session.state, self.tr("Looking for leaks…")),
                stopping=session.state == "stopping",
            )
        else:
            self.dialog.show_idle(ready=ready)
