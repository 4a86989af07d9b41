"""The memory chart shows how far back a network learns, as colours and as curves, and says it in
words.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication

from app.charts.memory import MemoryChart, Trace, color_of, edges, levels, power, share_text
from app.theme import DARK, LIGHT, luminance
from forecasting.events import GradientByLag

LAGS = np.array([0, 1, 2, 4, 8, 16, 32, 59])


def trace(name: str, keeps: float, layers: int = 1) -> Trace:
    """Return gradients that shrink by a factor a bar; of each further layer ten times as small."""
    norms = 0.02 * keeps ** LAGS[None, :].astype(float) * 10.0 ** -np.arange(layers)[:, None]
    return Trace(name, GradientByLag(3, LAGS, norms))


@pytest.fixture
def chart(qapp: QApplication) -> Iterator[MemoryChart]:
    item = MemoryChart()
    item.lay_out(500, 240)
    yield item
    item.deleteLater()


def picture(chart: MemoryChart) -> QImage:
    image = QImage(500, 240, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    chart.draw(painter, QRectF(0, 0, 500, 240))
    painter.end()
    return image


def test_reach_is_the_farthest_bar_with_a_thousandth() -> None:
    assert trace("RNN", 0.5).memory.reach == 8
    assert trace("LSTM", 0.95).memory.reach == 59
    assert GradientByLag(1, LAGS, np.zeros((2, len(LAGS)))).reach == 0


def test_levels_are_even_in_powers_of_ten() -> None:
    np.testing.assert_allclose(
        levels(np.array([1.0, 1e-3, 1e-6, 1e-9, 0.0])), [1.0, 0.5, 0.0, 0.0, 0.0]
    )
    np.testing.assert_allclose(edges(np.array([0, 1, 4])), [-0.5, 0.5, 2.5, 4.5])
    assert [power(e) for e in (0, -1, -3, -6, -12)] == ["1", "1/10", "1/1000", "10⁻⁶", "10⁻¹²"]
    assert [share_text(s) for s in (1.0, 0.0123, 2e-7)] == ["100 %", "1.2 %", "2e-07"]


def test_brightness_rises_with_the_gradient() -> None:
    brightness = [luminance(color_of(level).name()) for level in np.linspace(0, 1, 12)]
    assert brightness == sorted(brightness)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_map_is_bright_where_a_layer_learns_and_dark_where_it_forgot(
    chart: MemoryChart, theme: object
) -> None:
    assert chart.summary() == "No gradients yet."
    chart.set_theme(theme)  # type: ignore[arg-type]
    chart.show_traces([trace("#1 RNN", 0.5, layers=2)])
    chart.refresh()
    image = picture(chart)
    for row in (60, 170):
        assert image.pixelColor(8, row).lightness() > image.pixelColor(300, row).lightness()
        assert image.pixelColor(300, row).getRgb()[:3] == color_of(0.0).getRgb()[:3]
    assert "learns from the last 8 bars" in chart.summary()


def test_two_runs_are_laid_over_each_other(chart: MemoryChart) -> None:
    chart.set_view("curves")
    chart.show_traces([trace("#2 LSTM", 0.95), trace("#1 RNN", 0.5)])
    chart.refresh()
    first, second = chart._curves
    assert (first.dash, second.dash) == ((), (5.0, 3.0))
    assert first.y[-1] > 1e-2 > 1e-6 > second.y[-1]
    assert [entry.label for entry in chart._legend.entries] == [
        "#2 LSTM",
        "#1 RNN",
        "below: learns nothing",
    ]
    told: list[str] = []
    chart.readout.connect(told.append)
    chart._point(15.4)
    assert told == ["16 bars back   #2 LSTM 44 %   #1 RNN 1.5e-05"]
    picture(chart)


def test_the_pointer_reads_the_cell_of_its_layer(chart: MemoryChart) -> None:
    chart.show_traces([trace("#2 LSTM", 0.95, layers=2), trace("#1 RNN", 0.5)])
    chart.refresh()
    chart._point(59, 0.5)
    assert (
        chart._legend.note
        == "#2 LSTM, layer 2   59 bars back   4.8 % of the strongest   norm 9.7e-05"
    )
    chart._point(2, 0.99)
    assert chart._legend.note.startswith("#1 RNN, layer 1   2 bars back   25 %")
    chart._point(None)
    assert chart._legend.note == ""


def test_the_table_has_a_row_for_each_run_layer_and_lag(chart: MemoryChart) -> None:
    assert chart.table() == {}
    chart.show_traces([trace("#2 LSTM", 0.95, layers=2), trace("#1 RNN", 0.5)])
    table = chart.table()
    assert {len(column) for column in table.values()} == {3 * len(LAGS)}
    assert table["run"][-1] == "#1 RNN"
    assert table["layer"][len(LAGS)] == 2
