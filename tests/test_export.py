from __future__ import annotations

import csv
import errno
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from fabricated import SENTENCE, run, walk
from PySide6.QtGui import QFontDatabase, QImage
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from app import export
from app.charts.price import PriceChart
from app.export import Look
from app.theme import DARK, LIGHT, Theme
from forecasting.errors import ExportError
from forecasting.events import RunResult

PICTURES = (".png", ".svg", ".pdf")


@pytest.fixture
def result() -> RunResult:
    return run(walk("ACME"), walk("OTHER", seed=1))


@pytest.fixture
def chart(qapp: QApplication, result: RunResult) -> Iterator[PriceChart]:
    chart = PriceChart()
    chart.lay_out(800, 450)
    chart.show_series(result.panel[0])
    chart.show_forecast(result.forecasts[0], result.baseline_forecasts[0])
    chart.refresh()
    yield chart
    chart.deleteLater()


def pixels(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    return (
        np.frombuffer(image.constBits(), np.uint8)
        .reshape(image.height(), -1, 4)[:, : image.width(), 2::-1]
        .astype(int)
    )


def has(image: QImage, color: str, least: int = 50) -> bool:
    wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
    return bool((np.abs(pixels(image) - wanted).max(axis=2) <= 12).sum() >= least)


# Pictures


def test_png_has_the_size_and_density_asked_for(
    qapp: QApplication, result: RunResult, tmp_path: Path
) -> None:
    export.write(tmp_path / "f.png", result, look=Look((6.0, 3.5), 200))
    image = QImage(str(tmp_path / "f.png"))
    assert (image.width(), image.height()) == (1200, 700)
    assert image.dotsPerMeterX() == round(200 / 0.0254)
    assert "400 bars" in image.text("Description")
    for color in (LIGHT.surface, LIGHT.up, LIGHT.down, LIGHT.forecast, LIGHT.volume):
        assert has(image, color), color


def test_png_is_drawn_at_its_density_and_not_enlarged(
    qapp: QApplication, result: RunResult, tmp_path: Path
) -> None:
    export.write(tmp_path / "f.png", result, look=Look((6.0, 3.5), 192))
    image = pixels(QImage(str(tmp_path / "f.png")))
    pairs = np.abs(image[:, 0::2] - image[:, 1::2]).max(axis=2) > 40
    assert (
        pairs.sum() > 3000
    )  # twice the logical density, so an enlarged picture would have equal pairs


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_svg_is_well_formed_and_keeps_text_as_text(
    qapp: QApplication, result: RunResult, tmp_path: Path, theme: Theme
) -> None:
    export.write(tmp_path / "f.svg", result, look=Look(theme=theme.name))
    document = (tmp_path / "f.svg").read_text()
    root = ElementTree.fromstring(document)
    texts = " ".join(text for node in root.iter() if (text := (node.text or "").strip()))
    for words in (
        "ACME – GRU forecast",
        "Cutoff 2018-07-13",
        SENTENCE,
        "seed 42",
        "prices.csv",
        "Not financial advice",
        "GRU median",
    ):
        assert words in texts, words
    assert root.get("viewBox") == "0 0 960 576"
    assert not [node for node in root.iter() if node.tag.endswith("image")]
    assert "nan" not in document.lower().replace("financial", "")
    assert "sans-serif" in document
    renderer = QSvgRenderer(str(tmp_path / "f.svg"))
    assert renderer.isValid()


def test_pdf_is_one_page_of_vectors(qapp: QApplication, result: RunResult, tmp_path: Path) -> None:
    export.write(tmp_path / "f.pdf", result, look=Look((8.0, 5.0)))
    data = (tmp_path / "f.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type\s*/Page\b", data)) == 1
    box = re.search(rb"/MediaBox\s*\[\s*([\d. ]+)\]", data)
    assert box is not None
    assert [round(float(part)) for part in box[1].split()] == [0, 0, 576, 360]
    assert b"/FontFile" in data
    assert b"/Subtype /Image" not in data


def test_picture_looks_like_the_chart_on_screen(
    chart: PriceChart, result: RunResult, tmp_path: Path
) -> None:
    chart._zoom(0.3, 200.0)
    chart.set_style("area")
    chart.set_scale("log")
    chart.refresh()
    before = chart.price_pane.viewRange()
    export.write(tmp_path / "f.png", result, chart=chart, look=Look(dpi=72, theme="dark"))
    for now, then in zip(chart.price_pane.viewRange(), before, strict=True):
        assert now == pytest.approx(then, rel=1e-3)
    assert (chart.theme, chart.size().toTuple()) == (LIGHT, (800, 450))


def test_picture_without_a_result_shows_the_chart(chart: PriceChart, tmp_path: Path) -> None:
    export.write(tmp_path / "f.svg", None, chart=chart)
    assert ">ACME<" in (tmp_path / "f.svg").read_text().replace("\n", "")


def test_symbol_chooses_the_series(qapp: QApplication, result: RunResult, tmp_path: Path) -> None:
    export.write(tmp_path / "f.svg", result, symbol="OTHER")
    assert "OTHER – GRU forecast" in (tmp_path / "f.svg").read_text()
    with pytest.raises(ExportError, match="no series 'NONE'") as caught:
        export.write(tmp_path / "g.svg", result, symbol="NONE")
    assert "ACME, OTHER" in caught.value.hint


def test_pictures_name_no_folder_of_this_machine(
    qapp: QApplication, result: RunResult, tmp_path: Path
) -> None:
    export.write(tmp_path / "f.svg", result)
    assert "someone" not in (tmp_path / "f.svg").read_text()


def test_long_words_stay_inside(qapp: QApplication, result: RunResult, tmp_path: Path) -> None:
    verdict = replace(result.verdict, sentence="A very long verdict indeed. " * 12)
    export.write(tmp_path / "f.png", replace(result, verdict=verdict), look=Look((4.0, 4.0), 96))
    image = pixels(QImage(str(tmp_path / "f.png")))
    assert (image[:, -6:] == 255).all()
    assert (image[-6:] == 255).all()


@pytest.mark.parametrize(
    ("size", "dpi"),
    [((0.0, 5.0), 300), ((10.0, 6.0), 1), ((10.0, 6.0), 100_000), ((150.0, 150.0), 2000)],
)
def test_impossible_sizes_are_refused(
    qapp: QApplication, result: RunResult, tmp_path: Path, size: tuple[float, float], dpi: int
) -> None:
    with pytest.raises(ExportError):
        export.write(tmp_path / "f.png", result, look=Look(size, dpi))
    assert not list(tmp_path.iterdir())


def test_without_fonts_no_wordless_picture_is_written(
    qapp: QApplication, result: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFontDatabase, "families", lambda *_: [])
    with pytest.raises(ExportError, match="no fonts"):
        export.write(tmp_path / "f.png", result)


# Tables


def test_csv_has_nixtlas_layout_for_all_series(result: RunResult, tmp_path: Path) -> None:
    export.write(tmp_path / "f.csv", result)
    rows = list(csv.reader(io.StringIO((tmp_path / "f.csv").read_text())))
    assert rows[0] == [
        "unique_id",
        "ds",
        "GRU-median",
        "GRU-lo-80",
        "GRU-hi-80",
        "GRU-lo-95",
        "GRU-hi-95",
    ]
    assert [row[0] for row in rows[1:]] == ["ACME"] * 10 + ["OTHER"] * 10
    first = result.forecasts[0]
    assert [row[1] for row in rows[1:11]] == [str(ds)[:10] for ds in first.ds]
    numbers = np.array([row[2:] for row in rows[1:11]], float)
    assert (numbers[:, 0] == first.median).all()
    for index, level in ((1, 80), (3, 95)):
        assert (numbers[:, index] == first.band(level)[0]).all()
        assert (numbers[:, index + 1] == first.band(level)[1]).all()
    assert (np.diff(numbers[:, [3, 1, 0, 2, 4]], axis=1) > 0).all()


def test_csv_keeps_times_and_escapes_formulas(tmp_path: Path) -> None:
    names = ("=1+1", "+A", "-A", "@A", "^GSPC", "A,B", 'A"B')
    export.write(tmp_path / "f.csv", run(*(walk(name, step="h") for name in names)))
    rows = list(csv.reader(io.StringIO((tmp_path / "f.csv").read_text())))
    assert [row[0] for row in rows[1::10]] == ["'=1+1", "'+A", "'-A", "'@A", "^GSPC", "A,B", 'A"B']
    assert rows[1][1] == "2017-01-19T01:30:00"


# Files


def test_unknown_formats_are_refused_with_those_that_exist(
    result: RunResult, tmp_path: Path
) -> None:
    for name in ("f.docx", "f", "f.png.exe"):
        with pytest.raises(ExportError) as caught:
            export.write(tmp_path / name, result)
        assert all(suffix in caught.value.hint for suffix in export.EXPORTERS)
    export.write(tmp_path / "F.CSV", result)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    result: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "f.csv"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(ExportError, match="No space left"):
        export.write(path, result)
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["f.csv"]


def test_a_missing_folder_and_nothing_to_export(result: RunResult, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be written"):
        export.write(tmp_path / "no" / "f.csv", result)
    for suffix in export.EXPORTERS:
        with pytest.raises(ExportError, match="There is n"):
            export.write(tmp_path / f"f{suffix}", None)


HEADLESS = """
import sys
from fabricated import run, walk
from app import export
result = run(walk("ACME"))
export.write(sys.argv[1] + "/f.csv", result)
assert not any(name.startswith("PySide6") for name in sys.modules), "a table needs no Qt"
export.write(sys.argv[1] + "/f.png", result, look=export.Look(dpi=72))
"""


@pytest.mark.slow
def test_no_display_is_needed(tmp_path: Path) -> None:
    lean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    lean["PYTHONPATH"] = os.pathsep.join(
        str(folder) for folder in Path(__file__).resolve().parents[:2]
    )
    command = [sys.executable, "-c", HEADLESS, str(tmp_path)]
    done = subprocess.run(
        command, env=lean, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert QImage(str(tmp_path / "f.png")).width() == 720
