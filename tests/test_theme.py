from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QIcon, QPalette
from PySide6.QtWidgets import QApplication

from app import theme
from app.theme import DARK, LIGHT, THEMES, Theme, contrast, mixed

both = pytest.mark.parametrize("colors", [LIGHT, DARK], ids=lambda t: t.name)
ICONS = sorted(
    path.stem
    for path in (Path(theme.__file__).resolve().parents[1] / "assets" / "icons").glob("*.svg")
)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#0072B2", "#FFFFFF") == pytest.approx(5.19, abs=0.01)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


def _grounds(colors: Theme) -> list[str]:
    """Everything that text and controls stand on: plain grounds, parts of the split, what is
    selected, and what is under the mouse.
    """
    shades = [
        mixed(colors.raised, colors.accent, 0.16),
        mixed(colors.raised, colors.text, 0.06),
        mixed(colors.surface, colors.window, 0.7),
    ]
    return [
        colors.window,
        colors.surface,
        colors.raised,
        colors.val,
        colors.test,
        colors.train,
        *shades,
    ]


@both
def test_text_is_readable_on_every_ground(colors: Theme) -> None:
    for text, ground in itertools.product(
        (colors.text, colors.muted, colors.danger, colors.up_text, colors.down_text),
        _grounds(colors),
    ):
        assert contrast(text, ground) >= 4.5, (text, ground)
    assert contrast(colors.on_accent, colors.accent) >= 4.5
    assert (
        contrast(colors.on_accent, mixed(colors.accent, colors.text, 0.14)) >= 4.5
    )  # under the mouse
    assert (
        min(
            contrast(colors.accent, ground)
            for ground in (colors.window, colors.surface, colors.raised)
        )
        >= 4.5
    )  # links
    assert contrast(colors.text, mixed(colors.raised, colors.text, 0.12)) >= 4.5  # pressed
    for tag in (colors.price, colors.forecast, colors.text):
        assert max(contrast("#FFFFFF", tag), contrast("#0F1217", tag)) >= 4.5, tag


@both
def test_graphics_stand_out_from_every_ground(colors: Theme) -> None:
    series = (
        colors.up,
        colors.down,
        colors.price,
        colors.forecast,
        colors.baseline,
        colors.volume,
        colors.train_loss,
        colors.val_loss,
    )
    for color, ground in itertools.product(series, (colors.surface, colors.train)):
        assert contrast(color, ground) >= 3, (color, ground)
    for color in (
        colors.up,
        colors.down,
        colors.forecast,
        colors.price,
        colors.baseline,
        colors.volume,
    ):
        assert min(contrast(color, colors.val), contrast(color, colors.test)) >= 3, color
    for ground in _grounds(colors):
        assert contrast(colors.control, ground) >= 3, ground
        assert contrast(colors.accent, ground) >= 3, ground
    chevron = re.search(
        r'stroke="(#\w+)"', theme.asset("icons", "chevron-down-mid.svg").read_text()
    )
    assert chevron is not None
    assert contrast(chevron[1], colors.surface) >= 3


def _lab(color: str, deficiency: np.ndarray) -> np.ndarray:
    """CIE Lab (D65) of a colour as seen through a matrix on linear RGB."""
    rgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(deficiency @ linear, 0, 1)
    xyz = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        @ seen
        / np.array([0.9505, 1, 1.089])
    )
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


# Machado, Oliveira and Fernandes (2009), severity 1.0.
DEFICIENCIES = {
    "none": np.eye(3),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
}


@both
@pytest.mark.parametrize("kind", DEFICIENCIES)
def test_colours_that_mean_different_things_differ_for_the_colour_blind(
    colors: Theme, kind: str
) -> None:
    for first, second in (
        (colors.up, colors.down),
        (colors.train_loss, colors.val_loss),
        (colors.price, colors.forecast),
    ):
        apart = np.linalg.norm(_lab(first, DEFICIENCIES[kind]) - _lab(second, DEFICIENCIES[kind]))
        assert apart >= 20, (kind, first, second, apart)


@both
def test_palette_names_every_role_that_widgets_use(qapp: QApplication, colors: Theme) -> None:
    palette = theme.palette(colors)
    role = QPalette.ColorRole
    assert palette.color(role.Window).name().upper() == colors.window
    pairs = (
        (role.WindowText, role.Window),
        (role.Text, role.Base),
        (role.ButtonText, role.Button),
        (role.ToolTipText, role.ToolTipBase),
    )
    for text, ground in (
        *pairs,
        (role.HighlightedText, role.Highlight),
        (role.PlaceholderText, role.Base),
    ):
        assert (
            contrast(palette.color(text).name().upper(), palette.color(ground).name().upper())
            >= 4.5
        ), text


@both
def test_theme_is_applied_and_leaves_nothing_to_fill_in(qapp: QApplication, colors: Theme) -> None:
    sheet, palette, style = qapp.styleSheet(), qapp.palette(), qapp.style().objectName()
    try:
        theme.apply(qapp, colors)
        assert qapp.palette().color(QPalette.ColorRole.Base).name().upper() == colors.surface
        assert "$" not in qapp.styleSheet()
        assert all(
            Path(name).is_file() for name in re.findall(r'url\("([^"]+)"\)', qapp.styleSheet())
        )
    finally:
        qapp.setStyleSheet(sheet)
        qapp.setPalette(palette)
        qapp.setStyle(style)


def test_a_switch_keeps_the_style(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    theme.apply(qapp, LIGHT)
    set_anew: list[object] = []
    monkeypatch.setattr(QApplication, "setStyle", lambda *given: set_anew.append(given))
    for colors in (DARK, LIGHT):
        theme.apply(qapp, colors)
    assert set_anew == [], "a new style makes Qt polish every widget once more"


def test_current_theme() -> None:
    assert theme.current("dark") is DARK
    assert theme.current("light") is LIGHT
    assert theme.current("system") in THEMES.values()
    with pytest.raises(KeyError):
        theme.current("sepia")
    assert DARK.is_dark
    assert not LIGHT.is_dark


def test_icons_draw_in_the_colour_of_the_theme(qapp: QApplication) -> None:
    assert len(ICONS) > 20
    for name in ICONS:
        image = (
            theme.icon(name, LIGHT, "#FF0000").pixmap(QSize(24, 24), QIcon.Mode.Normal).toImage()
        )
        inked = [
            image.pixelColor(x, y)
            for x in range(image.width())
            for y in range(image.height())
            if image.pixelColor(x, y).alpha() > 200
        ]
        assert inked, name
        if "currentColor" in theme.asset("icons", f"{name}.svg").read_text():
            assert all(color.red() > 200 and color.green() < 60 for color in inked), name


def test_app_icon_and_missing_icons(qapp: QApplication) -> None:
    assert not theme.app_icon().pixmap(64, 64).isNull()
    with pytest.raises(FileNotFoundError):
        theme.icon("no-such-icon", LIGHT)
