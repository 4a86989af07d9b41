"""What leaves the program: the exported forecast, the saved network, the copied chart, and the
questions before any of it is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, cast

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMainWindow, QWidget

from app import dialogs
from app.background import Failure
from app.charts.plot import Columns, Plot
from app.charts.price import PriceChart
from app.export import EXPORTERS, PICTURES, Figure, Look, begin
from app.export.tables import TABLES, write_table
from app.features.export.dialog import ExportDialog
from app.features.export.plot_menu import PlotMenu, plots_in
from app.features.export.write_queue import FileWriteQueue, Pieces
from app.features.view.controller import ViewController
from app.preferences import Preferences
from app.session import Session
from app.widgets.status_line import StatusLine
from forecasting.errors import CandlecastError
from forecasting.events import RunFinished, RunResult
from forecasting.series import PriceSeries

MODEL_SUFFIX = ".candlecast"
#: Suffix of a network that is written for other programs.
ONNX_SUFFIX = ".onnx"
#: Letters of a symbol that a proposed file name begins with.
_LONGEST_SYMBOL = 60
#: Suffixes that people type and that are refused in words, instead of written as part of a name.
_FORMATS_OF_OTHERS = (
    *EXPORTERS,
    ".jpg",
    ".jpeg",
    ".gif",
    ".webp",
    ".bmp",
    ".tif",
    ".tiff",
    ".eps",
    ".xlsx",
    ".xls",
    ".json",
    ".txt",
)
#: A run that took this many seconds is not closed away without a question.
_WORTH_ASKING_S = 60


class ExportController(QObject):
    """Writes files and asks where.

    Parameters
    ----------
    window : QMainWindow
    session : Session
    chart : PriceChart
        What an image shows.
    status : StatusLine
        Tells what was written.
    view_controller : ViewController
        Has the theme of images.
    preferences : Preferences
        Keeps the folder of the last file.

    Attributes
    ----------
    dialog : ExportDialog or None
        The one that is open.
    again : callable or None
        Writes once more what was refused last.
    wrote, refused : Signal
        Something was written; it could not be (a CandlecastError or a Failure).
    """

    wrote = Signal()
    refused = Signal(object)

    def __init__(
        self,
        window: QMainWindow,
        session: Session,
        chart: PriceChart,
        status: StatusLine,
        view_controller: ViewController,
        preferences: Preferences,
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._view_controller, self._preferences = (
            window,
            session,
            view_controller,
            preferences,
        )
        self._chart, self._status = chart, status
        self._menus: dict[QWidget, PlotMenu] = {}
        self.dialog: ExportDialog | None = None
        self._exported: RunFinished | None = None
        self.again: Callable[[], object] | None = None
        self._writing = FileWriteQueue(self, session)
        session.state_changed.connect(self._renew)
        session.selected_changed.connect(self._renew)
        session.list_changed.connect(self._renew)
        self.offer_all(window)

    def export(self, path: str | Path) -> bool:
        """Begin to write what is shown; the suffix decides on the format, and tables need a
        finished run. False where there is nothing.
        """
        if self._session.series is None:
            return False
        self._begin(
            path, begin(path, self._figure()), settles=True, again=lambda: self.export(path)
        )
        return True

    @property
    def writing(self) -> bool:
        """Whether a file is still to be written."""
        return self._writing.busy

    def settle(self) -> bool:
        """Write now what is still to be written; False where that fails, or takes too long."""
        return self._writing.settle()

    def save_model(self, path: str | Path) -> bool:
        """Write the network of the last run to a file. True when it was written."""
        finished = self._session.finished
        if finished is None:
            return False
        try:
            finished.forecaster.save(Path(path))
        except CandlecastError as error:
            self._refuse(error, lambda: self.save_model(path))
            return False
        if Path(path).suffix.lower() != ONNX_SUFFIX:  # which is not read again
            self._session.unsaved = False
        self._tell_written(path)
        return True

    def offer(self, plot: QWidget) -> None:
        """Let a plot be copied and exported by its context menu; those that stood in the window
        at its start are offered already.
        """
        menu = PlotMenu(plot, self._view_controller.theme)
        self._view_controller.color_also(menu.set_theme)
        menu.notified.connect(self._status.rest)
        menu.refused.connect(self.refused)
        menu.image_requested.connect(self._ask_image)
        menu.data_requested.connect(self._ask_data)
        self._menus[plot] = menu

    def offer_all(self, part: QWidget) -> None:
        """Let all plots in a part of the window be copied and exported."""
        for plot in plots_in(part):
            if plot not in self._menus:
                self.offer(plot)

    def copy_chart(self) -> None:
        """Put the chart on the clipboard as an image."""
        self._menus[self._chart].copy_image()

    def ask_export(self) -> None:
        """Ask how the forecast is to be exported, and where to."""
        if self._session.series is not None:
            self._ask(self._figure())

    def _ask_image(self, plot: QWidget) -> None:
        """Ask how a plot is to be drawn, and where to."""
        figure = self._figure()
        self._ask(
            figure
            if plot is self._chart
            else replace(figure, chart=cast(Plot, plot), title=plot.accessibleName())
        )

    def _ask_data(self, plot: QWidget) -> None:
        """Ask where the numbers of a plot are to be written."""
        kinds = {suffix: label for suffix, (label, _) in TABLES.items()}
        name = f"{self._stem()}-{plot.accessibleName().lower().replace(' ', '-')}"
        path = dialogs.ask_save_path(
            self._window, self._preferences, self.tr("Save the data"), name, kinds
        )
        if path:
            columns = cast(Plot, plot).table()
            self._write_data(path, columns)

    def _write_data(self, path: str, columns: Columns) -> None:
        self._begin(
            path,
            _undrawn(lambda: write_table(path, columns)),
            again=lambda: self._write_data(path, columns),
        )

    def _ask(self, figure: Figure) -> None:
        suffix, look = self._preferences.export
        figure = replace(figure, look=Look.from_json(look, figure.look))
        dialog = ExportDialog(
            self._window, figure, self._view_controller.theme, _formats(figure), suffix
        )
        dialog.notified.connect(self._status.rest)
        dialog.export_requested.connect(self._ask_path)
        self.dialog = dialog
        dialog.finished.connect(self._closed)
        dialog.open()

    def _ask_path(self, suffix: str, figure: Figure) -> None:
        """Ask where to write what was chosen in the dialog; it closes once that is done.

        The suffix of the name decides on the format. Title and footer are those of what is shown
        when it is written.
        """
        self._preferences.export = (suffix, figure.look.to_json())
        stem = self._stem() + (
            f"-{figure.kind}" if figure.chart is None and suffix in PICTURES else ""
        )
        offered = _formats(figure)
        kinds = {suffix: EXPORTERS[suffix].label, **offered}
        path = dialogs.ask_save_path(
            self._window,
            self._preferences,
            self.tr("Export"),
            stem,
            kinds,
            known=_FORMATS_OF_OTHERS,
        )
        if path:
            self._write_figure(path, figure)

    def _write_figure(self, path: str, figure: Figure) -> None:
        """Write a figure, of what is shown now; the dialog that is open is accepted once that is
        done.
        """
        shown = self._figure()
        figure = replace(figure, result=shown.result, symbol=shown.symbol)
        again = partial(self._write_figure, path, figure)
        self._begin(
            path, begin(path, figure), settles=not figure.title, dialog=self.dialog, again=again
        )

    def _renew(self) -> None:
        """Let an open dialog take what is shown by now."""
        if self.dialog is None or self._session.series is None:
            return
        figure, before = self._figure(), self.dialog.shown
        if before.chart is not self._chart:
            figure = replace(figure, chart=before.chart, title=before.title)
        self.dialog.show_figure(figure, _formats(figure))

    def _closed(self) -> None:
        self.dialog = None

    def _figure(self) -> Figure:
        """Return what is shown, for pictures that look like the screen."""
        session = self._session
        live = session.task == "training" and session.running
        result = (session.result or session.predicted) if not live else None
        theme: Literal["light", "dark"] = "dark" if self._view_controller.theme.is_dark else "light"
        symbol = session.series.symbol if session.series else None
        if result is not None and symbol not in result.panel.symbols:
            result = None
        if isinstance(result, RunResult):
            drawn = self._chart.forecasts.candles.candles is not None
            result = replace(result, candles=drawn)
        return Figure(result, symbol, self._chart, look=Look(theme=theme))

    def ask_save_model(self) -> bool:
        """Ask for a file and write the network to it."""
        kinds = {MODEL_SUFFIX: self.tr("Candlecast network"), ONNX_SUFFIX: self.tr("ONNX network")}
        path = dialogs.ask_save_path(
            self._window,
            self._preferences,
            self.tr("Save the network"),
            self._network_stem(),
            kinds,
        )
        return bool(path) and self.save_model(path)

    def may_forget(self) -> bool:
        """Ask before a result is lost that is unsaved and took long enough to be missed; False
        when it is to stay.
        """
        finished = self._session.finished
        if (
            finished is None
            or not self._session.unsaved
            or finished is self._exported
            or finished.result.info.seconds < _WORTH_ASKING_S
        ):
            return True
        answer = dialogs.ask_save(self._window)
        return answer == "discard" or (answer == "save" and self.ask_save_model())

    def _stem(self) -> str:
        """Return a file name without suffix for what is shown: symbol, network if there is one,
        last date.
        """
        series = self._session.series
        assert series is not None
        return self._named(series)

    def _network_stem(self) -> str:
        """Return a file name without suffix for the network: after its series, or after how many
        it learned from together.
        """
        finished = self._session.finished
        assert finished is not None
        panel = finished.result.panel
        if len(panel) > 1:
            return f"panel-{len(panel)}-{finished.result.config.model.title}"
        shown = self._session.series
        return self._named(
            shown if shown is not None and shown.symbol in panel.symbols else panel[0]
        )

    def _named(self, series: PriceSeries) -> str:
        finished = self._session.finished
        symbol = "".join(
            letter if letter.isalnum() or letter in "-_." else "_" for letter in series.symbol
        )
        network = [finished.result.config.model.title] if finished else []
        return "-".join([symbol[:_LONGEST_SYMBOL], *network, str(series.ds[-1])[:10]])

    def _begin(
        self,
        path: str | Path,
        pieces: Pieces,
        *,
        settles: bool = False,
        dialog: ExportDialog | None = None,
        again: Callable[[], object] | None = None,
    ) -> None:
        """Begin to write, and tell of the end; ``again`` writes it once more where that fails.

        What ``settles`` has taken the result of the run that is there now out of the program.
        """
        finished = self._session.finished

        def tell(failure: Failure | None) -> None:
            if dialog is not None and dialog is self.dialog:
                dialog.go.setEnabled(True)
            if failure is not None:
                self._refuse(failure, again)
                return
            if settles:
                self._exported = finished
            if dialog is not None and dialog is self.dialog:
                dialog.accept()
            self._tell_written(path)

        if dialog is not None:
            dialog.go.setEnabled(False)
        self._status.rest(self.tr("Writing {path}…").format(path=path))
        self._writing.begin(pieces, tell)

    def _refuse(self, fault: object, again: Callable[[], object] | None) -> None:
        """Tell that something could not be written, and how to write it once more."""
        self.again = again
        self.refused.emit(fault)

    def _tell_written(self, path: str | Path) -> None:
        self._status.rest(self.tr("Wrote {path}").format(path=path))
        self.wrote.emit()


def _formats(figure: Figure) -> dict[str, str]:
    """Return the formats that a figure can be written in, by suffix: tables and the report need
    a run that was judged.
    """
    judged = isinstance(figure.result, RunResult) and not figure.title
    return {
        suffix: exporter.label
        for suffix, exporter in EXPORTERS.items()
        if judged or exporter.picture
    }


def _undrawn(write: Callable[[], None]) -> Generator[None, None, Callable[[], None]]:
    """Return what writes a file of which nothing is drawn."""
    yield from ()
    return write
