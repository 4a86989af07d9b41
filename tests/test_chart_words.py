"""The words of the charts go through the translator of the user's language."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fabricated import run, walk
from PySide6.QtCore import QTranslator
from PySide6.QtWidgets import QApplication

from app.charts.canvas import Chart
from app.charts.registry import build
from forecasting.events import RunResult

#: What is not of any language: names of models and figures.
NAMES = ("GRU", "Random walk", "Random walk 95 %", "80 %", "95 %")


class Marking(QTranslator):
    """Puts marks around every word of a chart."""

    def isEmpty(self) -> bool:  # noqa: N802 - Qt's name
        return False

    def translate(self, context: str, text: str, *_: object) -> str:
        return f"«{text}»" if context == "Chart" else text


@pytest.fixture
def marked(qapp: QApplication) -> Iterator[None]:
    translator = Marking()
    qapp.installTranslator(translator)
    yield
    qapp.removeTranslator(translator)


def legend(result: RunResult, kind: str) -> list[str]:
    chart = build(kind, result, "AAA")
    assert isinstance(chart, Chart)
    entries: Callable[[], list[object]] = getattr(chart, "_entries", lambda: chart._legend.entries)  # type: ignore[attr-defined]
    return [entry.label for entry in entries()]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("price", "«GRU «median»»"),
        ("past", "«past forecasts»"),
        ("loss", "«validation»"),
        ("gradient", "«before clipping»"),
        ("calibration", "«as stated»"),
        ("step_coverage", "«stated»"),
        ("residuals", "«GRU, 1 ahead»"),
    ],
)
def test_the_words_of_a_legend_are_translated(marked: None, kind: str, told: str) -> None:
    labels = legend(run(walk("AAA")), kind)
    assert told in labels
    assert [item for item in labels if "«" not in item and item not in NAMES] == []
