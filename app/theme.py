"""Colours, palettes and icons: what makes light and dark look like one program, with contrasts
that tests compute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

#: Names under which a user may choose a theme.
THEME_NAMES: tuple[str, ...] = ("system", "light", "dark")


@dataclass(frozen=True)
class Theme:
    """One set of colours, as ``#RRGGBB``.

    Series colours are from Okabe and Ito's colour-blind safe set (Color Universal Design, 2008).
    Text reaches a contrast of 4.5 on its ground, graphics 3 (WCAG 2.2, 1.4.3 and 1.4.11).

    Attributes
    ----------
    name : str
        ``light`` or ``dark``.
    window, surface, raised : str
        Ground of the window, of charts, tables and inputs, and of menus, tool tips and buttons.
    text, muted : str
        Text, and text of lesser weight.
    line, control : str
        Separators (decoration), and outlines of controls (graphics).
    accent, on_accent : str
        The one colour of emphasis, and text on it.
    danger : str
        Text of faults.
    grid : str
        Grid lines of charts (decoration).
    up, down, price, volume : str
        Rising bars (hollow), falling bars (filled), the line of closes, volume.
    up_text, down_text : str
        Changes of a price written in words and figures, which need more contrast than bars.
    forecast, baseline : str
        The network's forecast and the baseline's.
    train, val, test : str
        Shades behind the parts of a split (decoration: each carries a label).
    train_loss, val_loss : str
        Curves of the loss chart.
    see_through : bool
        Whether pictures have no ground, so that labels get no patch of it either.
    """

    name: str
    window: str
    surface: str
    raised: str
    text: str
    muted: str
    line: str
    control: str
    accent: str
    on_accent: str
    danger: str
    grid: str
    up: str
    down: str
    price: str
    volume: str
    up_text: str
    down_text: str
    forecast: str
    baseline: str
    train: str
    val: str
    test: str
    train_loss: str
    val_loss: str
    see_through: bool = False

    @property
    def is_dark(self) -> bool:
        """Whether light text stands on a dark ground."""
        return luminance(self.surface) < luminance(self.text)


LIGHT = Theme(
    name="light",
    window="#F4F6F8",
    surface="#FFFFFF",
    raised="#FFFFFF",
    text="#17202B",
    muted="#56616F",
    line="#DCE1E7",
    control="#76818F",
    accent="#0072B2",
    on_accent="#FFFFFF",
    danger="#B3261E",
    grid="#EBEEF2",
    up="#0072B2",
    down="#D55E00",
    price="#0072B2",
    volume="#7E8997",
    up_text="#00629A",
    down_text="#A34700",
    forecast="#009E73",
    baseline="#6B7685",
    train="#FFFFFF",
    val="#FBF5E6",
    test="#EDF3FA",
    train_loss="#0072B2",
    val_loss="#D55E00",
)

DARK = Theme(
    name="dark",
    window="#171B21",
    surface="#0F1217",
    raised="#1E232B",
    text="#E6EAF0",
    muted="#A3ADBA",
    line="#2B323C",
    control="#7B8696",
    accent="#56B4E9",
    on_accent="#0F1217",
    danger="#FF8A80",
    grid="#1C2129",
    up="#56B4E9",
    down="#E69F00",
    price="#56B4E9",
    volume="#6B7685",
    up_text="#56B4E9",
    down_text="#E69F00",
    forecast="#00B98A",
    baseline="#98A3B1",
    train="#0F1217",
    val="#1C1A12",
    test="#111B26",
    train_loss="#56B4E9",
    val_loss="#E69F00",
)

#: Contrast with white of what is to be read on a dark page, too: there it is about the same.
_ON_BOTH = 4.2

THEMES: dict[str, Theme] = {"light": LIGHT, "dark": DARK}


@cache
def luminance(color: str) -> float:
    """Return the relative luminance of ``#RRGGBB``, 0 to 1 (WCAG 2.2, "relative luminance")."""
    parts = (int(color[index : index + 2], 16) / 255 for index in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def mixed(first: str, second: str, share: float) -> str:
    """Return ``first`` with ``share`` (0 to 1) of ``second`` mixed in."""
    pairs = ((int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


def see_through(theme: Theme) -> Theme:
    """Return a theme for pictures without a ground: tints for what is shaded, and of a dark theme
    colours that show on white, too.

    Text and marks of a dark theme are toned down until their contrast with white is about that with
    a dark page.
    """
    tints: dict[str, Any] = {
        "grid": "#2B808890",
        "line": "#70808890",
        "val": "#24E69F00",
        "test": "#2456B4E9",
        "see_through": True,
    }
    if not theme.is_dark:
        return replace(theme, **tints)
    marks = (
        "up",
        "down",
        "price",
        "forecast",
        "train_loss",
        "val_loss",
        "accent",
        "up_text",
        "down_text",
        "danger",
        "baseline",
    )
    toned: dict[str, Any] = {
        name: _toned(getattr(theme, name), _ON_BOTH)
        for name in ("text", "muted", "control", *marks)
    }
    return replace(theme, **tints, **toned)


def _toned(color: str, least: float) -> str:
    """Return a colour mixed with black until it has a contrast with white."""
    shares = (share / 50 for share in range(51))
    return next(
        item
        for item in (mixed(color, "#000000", share) for share in shares)
        if contrast(item, "#FFFFFF") >= least
    )


def current(name: str = "system") -> Theme:
    """Return the theme a user chose; ``system`` asks the desktop, and takes light where it does not
    say.

    Raises
    ------
    KeyError
        A name that is not among :data:`THEME_NAMES`.
    """
    if name != "system":
        return THEMES[name]
    if not isinstance(QGuiApplication.instance(), QGuiApplication):
        return LIGHT
    return DARK if QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark else LIGHT


def palette(theme: Theme) -> QPalette:
    """Return the explicit palette of a theme; ``setColorScheme`` alone does nothing without a
    platform theme.
    """
    role = QPalette.ColorRole
    colors: Mapping[QPalette.ColorRole, str] = {
        role.Window: theme.window,
        role.WindowText: theme.text,
        role.Base: theme.surface,
        role.AlternateBase: mixed(theme.surface, theme.window, 0.7),
        role.Text: theme.text,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.BrightText: theme.danger,
        role.ToolTipBase: theme.raised,
        role.ToolTipText: theme.text,
        role.Highlight: theme.accent,
        role.HighlightedText: theme.on_accent,
        role.Accent: theme.accent,
        role.Link: theme.accent,
        role.LinkVisited: theme.accent,
        role.PlaceholderText: theme.muted,
        role.Light: theme.raised,
        role.Midlight: theme.line,
        role.Mid: theme.control,
        role.Dark: theme.control,
        role.Shadow: mixed(theme.window, "#000000", 0.5),
    }
    result = QPalette()
    for index, color in colors.items():
        result.setColor(index, QColor(color))
    faint = QColor(mixed(theme.muted, theme.window, 0.4))
    for index in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, index, faint)
    result.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(theme.line))
    result.setColor(QPalette.ColorGroup.Disabled, role.Accent, faint)
    return result


def apply(app: QApplication, theme: Theme) -> None:
    """Give the whole application a theme; may be called again at any time to switch."""
    sheet, colors = style_sheet(theme), palette(theme)
    if app.styleSheet() == sheet and app.palette() == colors:
        return
    app.setStyleSheet(
        ""
        # a palette that changes under a sheet makes Qt style every widget once more, at five times
        # the cost
    )
    if app.style().objectName().lower() != "fusion":  # under a sheet the style has no name
        app.setStyle("Fusion")  # the one style that follows a palette on each platform
    app.setPalette(colors)
    app.setStyleSheet(sheet)


@cache
def asset(*parts: str) -> Path:
    """Return the path of a file of ``assets``, in a checkout and in an installed wheel.

    Raises
    ------
    FileNotFoundError
        An asset that does not exist: a fault of the installation.
    """
    for root in _asset_folders():
        path = root.joinpath(*parts)
        if path.is_file():
            return path
    raise FileNotFoundError(f"asset {'/'.join(parts)} is missing from the installation")


@cache
def _asset_folders() -> tuple[Path, Path]:
    here = Path(__file__).resolve().parent
    return here / "assets", here.parent / "assets"


@cache
def icon(name: str, theme: Theme, color: str = "") -> QIcon:
    """Return a line icon of ``assets/icons`` in the theme's colours, with a faint one for disabled
    actions; drawn once.

    Parameters
    ----------
    name : str
        File name without suffix, such as ``train``.
    theme : Theme
    color : str
        Used instead of the theme's text colour, such as ``theme.on_accent`` on a primary button.

    Raises
    ------
    FileNotFoundError
        There is no such icon.
    """
    svg = asset("icons", f"{name}.svg").read_text(encoding="utf-8")
    result = QIcon()
    states = (
        (QIcon.Mode.Normal, QIcon.State.Off, color or theme.text),
        (QIcon.Mode.Normal, QIcon.State.On, color or theme.accent),
        (QIcon.Mode.Disabled, QIcon.State.Off, mixed(theme.muted, theme.window, 0.5)),
    )
    for mode, state, color in states:
        renderer = QSvgRenderer(QByteArray(svg.replace("currentColor", color).encode()))
        for pixels in (16, 24, 48):
            result.addPixmap(_drawn(renderer, QSize(pixels, pixels)), mode, state)
    return result


def app_icon() -> QIcon:
    """Return the program's own icon."""
    renderer = QSvgRenderer(str(asset("candlecast.svg")))
    result = QIcon()
    for pixels in (16, 24, 32, 48, 64, 128, 256):
        result.addPixmap(_drawn(renderer, QSize(pixels, pixels)))
    return result


def _drawn(renderer: QSvgRenderer, size: QSize) -> QPixmap:
    """Draw an SVG into a pixmap."""
    pixmap = QPixmap(size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(0, 0, size.width(), size.height()))
    painter.end()
    return pixmap


def style_sheet(theme: Theme) -> str:
    """Return the style sheet: spacing, rounding and focus marks on top of Fusion.

    Widgets may set the dynamic properties ``role`` (labels: ``title``, ``heading``, ``muted``,
    ``danger``, ``badge``; frames: ``card``) and ``primary`` (the one main button of a panel).
    """
    values = {
        **{name: getattr(theme, name) for name in theme.__dataclass_fields__},
        "hover": mixed(theme.raised, theme.text, 0.06),
        "pressed": mixed(theme.raised, theme.text, 0.12),
        "selected": mixed(theme.raised, theme.accent, 0.16),
        "accent_hover": mixed(theme.accent, theme.text, 0.14),
        "accent_off": mixed(theme.window, theme.muted, 0.18),
        "faint": mixed(theme.muted, theme.window, 0.4),
        "check": asset("icons", f"check-on-{theme.name}.svg").as_posix(),
        "chevron": asset("icons", "chevron-down-mid.svg").as_posix(),
        "dock_close": asset("icons", "dock-close-mid.svg").as_posix(),
        "dock_float": asset("icons", "dock-float-mid.svg").as_posix(),
        "chevron_up": asset("icons", "chevron-up-mid.svg").as_posix(),
    }
    sheet = asset("style.qss").read_text(encoding="utf-8")
    return Template(sheet).substitute(values)
