"""Every kind of plot in every format, theme and density: without fault, well-formed, not empty,
and the picture that is on screen.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from fabricated import forecast, run, walk
from PySide6.QtCore import QByteArray, QRectF
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QWidget

from app.charts.registry import PLOTS, build
from app.export import Look, write
from app.export.page import bare
from app.export.pictures import image
from app.theme import DARK, LIGHT, Theme
from forecasting.events import GradientByLag, Prediction, RunResult

SIZE = (640, 400)
SVG = "{http://www.w3.org/2000/svg}"


def priced(
    series: Any = None, style: str = "candles", scale: str = "linear", **shown: Any
) -> Callable[[RunResult], Any]:
    def make(result: RunResult) -> Any:
        chart = PLOTS["price"].build(result if series is None else run(series), "ACME")
        chart.set_style(style)
        chart.set_scale(scale)
        for name, value in shown.items():
            getattr(chart, name)(*value(result))
        return chart

    return make


def only_closes() -> Any:
    series = walk("ACME")
    return replace(series, columns=("close",), values=series.y[:, None])


def compared(result: RunResult) -> tuple[Any]:
    from app.charts.compare import Compared

    others = [
        forecast(result.panel[0], name, spread)
        for name, spread in (("LSTM", 0.008), ("RNN", 0.014))
    ]
    return (tuple(Compared(item, item.model, index) for index, item in enumerate(others)),)


def remembered(view: str) -> Callable[[RunResult], Any]:
    def make(result: RunResult) -> Any:
        from app.charts.memory import MemoryChart, Trace

        lags = np.array([0, 1, 2, 3, 5, 8, 13, 21, 34, 55])
        chart = MemoryChart()
        chart.show_traces(
            [Trace("GRU", GradientByLag(3, lags, np.exp(-np.outer([1.0, 0.4], lags / 9))))]
        )
        chart.set_view(view)
        return chart

    return make


def lost_by_log(result: RunResult) -> Any:
    chart = PLOTS["loss"].build(result, "ACME")
    chart.set_log(True)  # type: ignore[union-attr]
    return chart


def covered(result: RunResult) -> Any:
    from app.charts.evaluation import CoverageChart

    chart = CoverageChart()
    ds = result.panel[0].ds[-50:]
    chart.show_coverage(
        ds, {80.0: 80 + 10 * np.sin(np.arange(50) / 9), 95.0: np.linspace(90, 96, 50)}
    )
    return chart


#: The kinds of the registry, and what else a chart may show.
KINDS: dict[str, Callable[[RunResult], Any]] = {
    **{name: (lambda result, name=name: build(name, result, "ACME")) for name in PLOTS},
    **{style: priced(style=style) for style in ("bars", "line", "area")},
    "log": priced(scale="log"),
    "intraday": priced(walk("ACME", step="h")),
    "closes": priced(only_closes()),
    "long": priced(walk("ACME", 20_000), show_range=lambda _: (None,)),
    "close-up": priced(show_range=lambda _: (12,)),
    "training": priced(show_forecast=lambda result: (result.forecasts[0], None, False)),
    "unforeseen": priced(show_forecast=lambda _: (None,)),
    "fan": priced(show_outcomes=lambda result: (result.outcomes["GRU"],)),
    "compared": priced(show_compared=compared),
    "saved network": lambda result: build(
        "price", Prediction(result.config, result.panel, result.forecasts), "ACME"
    ),
    "loss log": lost_by_log,
    "memory": remembered("map"),
    "memory curves": remembered("curves"),
    "coverage": covered,
}
SAMPLE = (
    ("price", ".png", 1),
    ("calibration", ".svg", 1),
    ("memory", ".pdf", 1),
    ("past", ".png", 2),
    ("loss log", ".svg", 2),
)


@pytest.fixture(scope="module")
def result() -> RunResult:
    return run(walk("ACME"), walk("OTHER", seed=1))


@pytest.fixture
def made(qapp: QApplication, result: RunResult) -> Iterator[Callable[[str], Any]]:
    charts: list[QWidget] = []

    def make(kind: str) -> Any:
        charts.append(KINDS[kind](result))
        return charts[-1]

    yield make
    for chart in charts:
        chart.deleteLater()


def pixels(shown: QImage) -> np.ndarray:
    shown = shown.convertToFormat(QImage.Format.Format_RGB32)
    return (
        np.frombuffer(shown.constBits(), np.uint8)
        .reshape(shown.height(), -1, 4)[:, : shown.width(), 2::-1]
        .astype(int)
    )


def ink(shown: QImage, ground: str) -> float:
    """Return the share of pixels that stand out from the ground."""
    color = QColor(ground)
    return float(
        (np.abs(pixels(shown) - (color.red(), color.green(), color.blue())).max(axis=2) > 40).mean()
    )


def check_png(path: Path, look: Look) -> None:
    shown = QImage(str(path))
    assert (shown.width(), shown.height()) == look.pixels
    assert 0.004 < ink(shown, look.colors.surface) < 0.9


def check_svg(path: Path, look: Look) -> None:
    root = ElementTree.parse(path).getroot()
    assert root.get("viewBox") == "0 0 {:g} {:g}".format(*look.logical)
    numbers = " ".join(
        value
        for node in root.iter()
        for name, value in node.attrib.items()
        if name in ("d", "points", "x", "y", "transform")
    )
    assert not re.search(r"nan|inf", numbers)
    check_clips(root)
    shown = QImage(*SIZE, QImage.Format.Format_RGB32)
    renderer = QSvgRenderer(QByteArray(path.read_bytes()))
    assert renderer.isValid()
    painter = QPainter(shown)
    renderer.render(painter, QRectF(shown.rect()))
    painter.end()
    assert 0.004 < ink(shown, look.colors.surface) < 0.9


def check_clips(root: ElementTree.Element) -> None:
    """See that every text begins inside what it is clipped to: browsers clip, Qt's own reader
    does not.
    """
    numbers = re.compile(r"-?[\d.]+")
    boxes = {}
    for clip in root.iter(f"{SVG}clipPath"):
        indices = np.array(
            [
                float(item)
                for path in clip.iter(f"{SVG}path")
                for item in numbers.findall(path.get("d", ""))
            ]
        ).reshape(-1, 2)
        assert indices.size, "a clip of nothing hides what is drawn"
        boxes[f"url(#{clip.get('id')})"] = (indices.min(axis=0) - 2, indices.max(axis=0) + 2)
    texts = 0
    for clipped in root.iter(f"{SVG}g"):
        if clipped.get("clip-path") is None:
            continue
        low, high = boxes[str(clipped.get("clip-path"))]
        for group in clipped.iter(f"{SVG}g"):
            matrix = [float(item) for item in numbers.findall(group.get("transform", ""))] or [
                1,
                0,
                0,
                1,
                0,
                0,
            ]
            for text in group.findall(f"{SVG}text"):
                x, y = float(text.get("x", 0)), float(text.get("y", 0))
                index = np.array(
                    [
                        matrix[0] * x + matrix[2] * y + matrix[4],
                        matrix[1] * x + matrix[3] * y + matrix[5],
                    ]
                )
                assert (index >= low).all(), f"{text.text} is clipped away"
                assert (index <= high).all(), f"{text.text} is clipped away"
                texts += 1
    assert texts > 3


def check_pdf(path: Path, look: Look) -> None:
    data = path.read_bytes()
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")
    index = int(re.findall(rb"startxref\s+(\d+)", data)[-1])
    assert data[index : index + 4] == b"xref"
    assert len(re.findall(rb"\d+ 0 obj\b", data)) == len(re.findall(rb"\bendobj\b", data))
    assert b"/FontFile" in data
    drawn = max(
        (
            inflated(found[1])
            for found in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL)
        ),
        key=operators,
    )
    assert operators(drawn) > 30


def inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data)
    except zlib.error:
        return b""


def operators(content: bytes) -> int:
    """Count what a page draws: strokes, fills and texts."""
    return len(re.findall(rb"(?:^|\s)(?:S|f\*?|B\*?|Tj|TJ)(?=\s)", content))


CHECKS = {".png": check_png, ".svg": check_svg, ".pdf": check_pdf}


def product() -> Iterator[Any]:
    for kind, suffix, theme, scale in itertools.product(KINDS, CHECKS, ("light", "dark"), (1, 2)):
        quick = (kind, suffix, scale) in SAMPLE
        yield pytest.param(
            kind,
            suffix,
            theme,
            scale,
            marks=() if quick else pytest.mark.slow,
            id=f"{kind}-{suffix[1:]}-{theme}-{scale}x",
        )


@pytest.mark.parametrize(("kind", "suffix", "theme", "scale"), list(product()))
def test_every_kind_in_every_format_theme_and_density(
    made: Callable[[str], Any],
    result: RunResult,
    tmp_path: Path,
    kind: str,
    suffix: str,
    theme: Any,
    scale: int,
) -> None:
    chart = made(kind)
    look = Look((SIZE[0] / 96, SIZE[1] / 96), 96 * scale, theme)
    path = tmp_path / f"plot{suffix}"
    write(path, result, symbol="ACME", chart=chart, title=kind, look=look)
    CHECKS[suffix](path, look)
    assert chart.table()
    assert len({len(column) for column in chart.table().values()}) == 1
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def same_picture(chart: Any, theme: Theme, scale: int) -> None:
    """Compare what the screen shows with the export of its size; of denser ones, each pixel of
    the screen with its part.
    """
    chart.set_theme(theme)
    chart.lay_out(*SIZE)
    screen = pixels(chart.grab().toImage())[
        2:-2, 2:-2
    ]  # the frame of the focus is no part of the plot
    height, width = screen.shape[:2]
    shown = image(
        bare(chart, Look((width / 96, height / 96), 96 * scale, theme.name), "", font_px=0)
    )  # type: ignore[arg-type]
    drawn = pixels(shown).reshape(height, scale, width, scale, 3).mean(axis=(1, 3))
    far = np.abs(drawn - screen).max(axis=2) > 60
    assert far.mean() < (0.003 if scale == 1 else 0.06)
    assert np.abs(drawn - screen).mean() < (0.5 if scale == 1 else 4)
    again = pixels(chart.grab().toImage())[2:-2, 2:-2]
    assert (np.abs(again - screen).max(axis=2) > 60).mean() < 0.003, (
        "the export has changed what is on screen"
    )


@pytest.mark.parametrize(
    ("kind", "theme", "scale"),
    [
        pytest.param(
            kind,
            theme,
            scale,
            marks=() if (kind, scale) in (("price", 1), ("memory", 2)) else pytest.mark.slow,
        )
        for kind, theme, scale in itertools.product(KINDS, (LIGHT, DARK), (1, 2))
    ],
    ids=lambda value: value.name if isinstance(value, Theme) else str(value),
)
def test_the_picture_is_what_the_screen_shows(
    made: Callable[[str], Any], kind: str, theme: Theme, scale: int
) -> None:
    same_picture(made(kind), theme, scale)


def test_about_twenty_two_kinds_are_tried_and_all_of_the_registry() -> None:
    assert len(KINDS) >= 22
    assert set(PLOTS) <= set(KINDS)


def test_a_transparent_picture_has_no_ground(made: Callable[[str], Any], result: RunResult) -> None:
    shown = image(bare(made("loss"), Look((4, 3), 96, transparent=True), ""))
    alpha = np.frombuffer(shown.constBits(), np.uint8).reshape(shown.height(), -1, 4)[
        :, : shown.width(), 3
    ]
    assert (alpha == 0).mean() > 0.5
    assert (alpha == 255).any()


def test_a_fault_in_painting_is_told_and_leaves_the_screen_as_it_was(
    made: Callable[[str], Any],
) -> None:
    chart = made("loss")
    chart.lay_out(*SIZE)

    class Broken:
        def paint(self, painter: object, frame: object) -> None:
            raise ZeroDivisionError

    chart._pane.artists.append(Broken())
    with pytest.raises(ZeroDivisionError):
        image(bare(chart, Look((8, 5), 96, "dark"), ""))
    assert (chart.theme, chart.size().toTuple()) == (LIGHT, SIZE)
