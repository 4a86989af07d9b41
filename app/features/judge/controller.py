"""Judges files of forecasts from the window: asked for or dropped, read, settled, judged, saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.background import Reporting
from app.dialogs import ask_file, ask_save_path
from app.features.evaluation.controller import EvaluationController
from app.features.judge.actual_prices import prices_within, shows
from app.features.spec import FeatureContext, FeatureController
from app.theme import Theme
from forecasting import jobs
from forecasting.events import Progress
from forecasting.series import Outcomes

if TYPE_CHECKING:  # what reads forecasts is imported when a file of them is opened
    from app.features.evaluation.days import Day
    from app.features.judge.dialog import JudgeDialog
    from app.features.judge.panel import JudgementWindow
    from forecasting.imported_forecasts.options import ForecastOptions

_PREVIEW, _JUDGE = "judge-preview", "judge"


class JudgeController(FeatureController):
    """The one judgement of a window.

    Parameters
    ----------
    context : FeatureContext

    Attributes
    ----------
    dialog : JudgeDialog or None
        The dialog while it is open.
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context)
        self._theme: Theme | None = None
        self.dialog: JudgeDialog | None = None
        self._shown: JudgementWindow | None = None
        self._connect("judge", self.ask)
        self._connect("judgement", self.show_last)

    @property
    def shown(self) -> JudgementWindow:
        """The window of the judgement, made when it is first wanted."""
        if self._shown is None:
            from app.features.judge.panel import JudgementWindow

            self._shown = JudgementWindow(self._window)
            views = {"judge": self._shown.late}
            EvaluationController(self._session, views, self._preferences)
            self._shown.report_requested.connect(self._ask_report)
            self._shown.export_requested.connect(self._ask_export)
            self._shown.journal_requested.connect(self.enter_journal)
            self._shown.day_chosen.connect(self.show_day)
            if self._theme:
                self._shown.set_theme(self._theme)
        return self._shown

    def takes(self, files: list[str]) -> bool:
        """Tell whether what was opened or dropped is a file of forecasts."""
        from forecasting.imported_forecasts.recognition import holds_forecasts

        return len(files) == 1 and holds_forecasts(files[0])

    def ask(self) -> None:
        """Ask for a file of forecasts."""
        kinds = self.tr("Forecasts (*.csv *.tsv *.txt *.json *.jsonl *.parquet *.xlsx *.feather)")
        path = ask_file(self._window, self._preferences, self.tr("Judge forecasts"), kinds)
        if path:
            self.open(path)

    def open(self, path: str) -> None:
        """Show how a file of forecasts is read."""
        from app.features.judge.dialog import JudgeDialog

        if self.dialog is not None:
            self.dialog.close()
        panel = self._session.panel
        names = ", ".join(panel.symbols[:3]) if panel is not None else ""
        self.dialog = JudgeDialog(path, names, self._window)
        self.dialog.preview_requested.connect(self._read)
        self.dialog.judge_requested.connect(self._judge)
        self.dialog.finished.connect(self._finished)
        if self._theme:
            self.dialog.set_theme(self._theme)
        self.dialog.open()
        self.dialog.start()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        if self._shown is not None:
            self._shown.set_theme(theme)
        if self.dialog is not None:
            self.dialog.set_theme(theme)

    def save_report(self, path: str | Path) -> bool:
        """Write the judgement as a page; False, with words, where that fails."""
        from app.export.judgement import write_report

        found = self.shown.found
        return found is not None and self._written(path, lambda: write_report(path, found))

    def export(self, path: str | Path) -> bool:
        """Write the forecasts beside what happened; False, with words, where that fails."""
        from app.export.judgement import write_rows

        found = self.shown.found
        return found is not None and self._written(path, lambda: write_rows(path, found))

    def enter_journal(self) -> None:
        """Enter forecasts of bars that are still to come, to await what happens."""
        from forecasting.store import Journal

        found = self.shown.found
        if found is None:
            return
        awaited = [forecast for model in found.models.values() for forecast in model.awaited]
        with Reporting(self.refused.emit):
            with Journal() as journal:
                added = journal.add(awaited, found.panel, None)
            self.notified.emit(
                self.tr("Forecasts entered in the journal: {n}.").format(n=added), ""
            )

    def show_last(self) -> None:
        """Bring the last judgement to the front, or ask for forecasts where there is none."""
        if self._shown is None or self._shown.found is None:
            self.ask()
            return
        self._bring(self._shown)

    def show_day(self, day: Day) -> None:
        """Show a day of the model in the judgement on the chart of the prices that judged it;
        where they are not on the watchlist, the actual values in the file are read into it first.
        """
        model, found = self.shown.model, self.shown.found
        if model is None or found is None:
            return
        if self._go_to(model.own, day):
            return
        request = prices_within(found.imported)
        words = self.tr("{symbol} is not loaded, so that the chart cannot show it.").format(
            symbol=day.symbol
        )
        if request is None or self._session.state not in ("idle", "loading"):
            self.notified.emit(words, self.tr("Load its prices, then choose the day again."))
            return
        loading = self._session.load((request,), "as_before")
        loading.loaded.connect(lambda: self._go_there(model.own, day, words))

    def _go_there(self, outcomes: Outcomes, day: Day, otherwise: str) -> None:
        if not self._go_to(outcomes, day):
            self.notified.emit(otherwise, "")

    def _go_to(self, outcomes: Outcomes, day: Day) -> bool:
        """Show a day on the chart; False where the watchlist does not have its prices."""
        rows = self._session.watchlist.rows
        index = next((n for n, row in enumerate(rows) if shows(row.series, outcomes, day)), None)
        if index is None:
            return False
        if self._session.selected != index:
            self._session.select(index)
        self.day_requested.emit(outcomes, day)
        self._window.raise_()
        self._window.activateWindow()
        return True

    def _ask_report(self) -> None:
        title, kinds = self.tr("Save the report"), {".html": "HTML"}
        path = ask_save_path(self.shown, self._preferences, title, "judgement", kinds)
        if path:
            self.save_report(path)

    def _ask_export(self) -> None:
        title, kinds = self.tr("Export forecasts"), {".csv": "CSV", ".parquet": "Parquet"}
        path = ask_save_path(self.shown, self._preferences, title, "forecasts", kinds)
        if path:
            self.export(path)

    def _read(self, path: str, options: ForecastOptions) -> None:
        assert self.dialog is not None
        task = self._session.background.run(
            lambda _stop: jobs.preview_forecasts(path, options), _PREVIEW
        )
        task.yielded.connect(self._show)
        task.failed.connect(self.dialog.show_failure)

    def _judge(self) -> None:
        assert self.dialog is not None
        path, options, beside = self.dialog.path, self.dialog.options, self.dialog.beside
        prices = self._session.panel if self.dialog.uses_prices else None
        task = self._session.background.run(
            lambda stop: jobs.judge_forecasts(path, prices, options, stop, baselines=beside), _JUDGE
        )
        task.yielded.connect(self._show)
        task.failed.connect(self.dialog.show_failure)

    def _show(self, event: object) -> None:
        """Show what a reading or a judgement delivers."""
        from forecasting.imported_forecasts.results import ForecastsJudged
        from forecasting.jobs.judging_forecasts import ForecastsPreviewed

        if self.dialog is None:
            return
        if isinstance(event, ForecastsPreviewed):
            self.dialog.show_preview(event.preview)
        elif isinstance(event, Progress):
            self.dialog.show_progress(event)
        elif isinstance(event, ForecastsJudged):
            self.dialog.accept()
            self.shown.show_judgement(event)
            self.shown.show()
            self.shown.raise_()

    def _finished(self) -> None:
        for key in (_PREVIEW, _JUDGE):
            self._session.background.cancel(key)
        self.dialog = None
