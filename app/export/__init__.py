"""Files that leave the program: pictures of every plot, all drawn by one painter path, tables,
and the report.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from app.charts.plot import Plot
from app.export.figure import Figure, Look
from forecasting.errors import ExportError
from forecasting.events import Prediction, RunResult
from forecasting.files.atomic import atomic_write
from forecasting.generators import run_to_end
from forecasting.plugins import load_plugins

__all__ = ["EXPORTERS", "PICTURES", "Figure", "Look", "begin", "write"]

#: Draws piece by piece in the thread of the window, which may do something else at every pause;
#: ends with what makes the bytes of the file, in any thread.
Drawing = Generator[None, None, Callable[[], bytes]]


@dataclass(frozen=True)
class Exporter:
    """One format: what people call it, whether it is a picture of one plot, and what draws it."""

    label: str
    picture: bool
    draw: Callable[[Figure], Drawing]


def write(
    path: str | Path,
    result: RunResult | Prediction | None,
    *,
    symbol: str | None = None,
    chart: Plot | None = None,
    kind: str = "price",
    title: str = "",
    look: Look | None = None,
) -> None:
    """Write a run to a file whose suffix decides on the format; a reader sees the old file or the
    whole new one.

    Needs no display: without a running application one is made that draws into memory only.

    Parameters
    ----------
    path : str or Path
        Target; one of :data:`EXPORTERS` by its suffix.
    result : RunResult, Prediction or None
        None writes a picture of what ``chart`` shows; tables need a result, and the report needs
        one that was judged.
    symbol : str, optional
        Series that a picture shows; the first by default. Tables and reports hold all series.
    chart : Plot, optional
        Draw this plot as it is on screen, instead of one of ``kind``.
    kind : str
        Which plot of the run a picture shows: a key of :data:`app.charts.registry.PLOTS`.
    title : str
        Heading of ``chart`` where it shows something else than prices and forecast.
    look : Look, optional
        Size, density, colours, ground and footer of a picture.

    Raises
    ------
    ExportError
        An unknown suffix or kind, nothing to export, an impossible size, or a file that cannot be
        written.
    """
    save = run_to_end(begin(path, Figure(result, symbol, chart, kind, title, look or Look())))
    save()


def begin(path: str | Path, figure: Figure) -> Generator[None, None, Callable[[], None]]:
    """Draw a figure piece by piece, in the thread of the window; returns what writes the file, in
    any thread.

    The suffix decides on the format; errors as :func:`write`. What is on screen is drawn before the
    first pause.
    """
    path = Path(path)
    exporter = EXPORTERS.get(path.suffix.lower())
    if exporter is None:
        known = ", ".join(EXPORTERS)
        raise ExportError(
            f"{path.name}: there is no format '{path.suffix}'.", f"Formats are {known}."
        )
    encode = yield from exporter.draw(figure)
    return lambda: atomic_write(path, encode())


def _picture(name: str) -> Callable[[Figure], Drawing]:
    """Wrap a painter: Qt is imported only when something is drawn."""

    def draw(figure: Figure) -> Drawing:
        try:
            from app.export import pictures
            from app.export.page import drawn
        except ImportError as error:
            raise ExportError(
                f"Pictures need Qt, which cannot be loaded: {error}.",
                "Run 'candlecast doctor', or export .csv.",
            ) from error
        painter: Callable[..., Callable[[], bytes]] = getattr(pictures, name)
        with drawn(figure) as page:
            encode = painter(page)
        yield from ()
        return encode

    return draw


def _forecasts(name: str) -> Callable[[Figure], Drawing]:
    """Wrap an encoder of tables: what is written are the forecasts of all series, and nothing of
    it is drawn.
    """

    def draw(figure: Figure) -> Drawing:
        from app.export import tables

        encoder: Callable[..., bytes] = getattr(tables, name)
        result = figure.result  # not the figure: its chart belongs to the thread of the window
        yield from ()
        return lambda: encoder(tables.forecasts(result))

    return draw


def _report(figure: Figure) -> Drawing:
    from app.export.report import report

    return (yield from report(figure))


#: The formats, by suffix. A new one is a new entry here.
EXPORTERS: dict[str, Exporter] = {
    ".png": Exporter("PNG picture", True, _picture("png")),
    ".svg": Exporter("SVG drawing", True, _picture("svg")),
    ".pdf": Exporter("PDF page", True, _picture("pdf")),
    ".csv": Exporter("CSV table", False, _forecasts("csv_bytes")),
    ".parquet": Exporter("Parquet table", False, _forecasts("parquet_bytes")),
    ".html": Exporter("HTML report", False, _report),
}
EXPORTERS.update(load_plugins("candlecast.exporters", Exporter, EXPORTERS))
#: Suffixes of pictures of one plot of one series.
PICTURES: tuple[str, ...] = tuple(
    suffix for suffix, exporter in EXPORTERS.items() if exporter.picture
)
