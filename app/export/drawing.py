"""Plots inside a page of HTML: SVG that takes the reader's light or dark colours and is as small as it can be."""

from __future__ import annotations

import re
from itertools import count
from xml.sax.saxutils import quoteattr

from app.export.figure import LOGICAL_DPI, Look
from forecasting.errors import ExportError
from forecasting.events import RunResult

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_WIDE = 9.0
_EMPTY_GROUP = re.compile(r"<g [^>]*>\s*</g>")
_DEFAULTS = re.compile(
    r' (?:vector-effect="none"|font-style="normal"|transform="matrix\(1,0,0,1,0,0\)"'
    r'|xml:space="preserve"|stroke-dashoffset="0"|font-family="[^"]*")'
)
_LINES = re.compile(r"\s*\n\s*")
_TINY = re.compile(r"(\.\d\d)\d+")
_PATHS = re.compile(r'( (?:d|points)=")([^"]*)"')


class Palette:
    """The colours of a page, each as a variable with its light and its dark value."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}

    def name(self, light: str, dark: str) -> str:
        """Return the variable for a pair of colours."""
        return self._names.setdefault((light.lower(), dark.lower()), f"--c{len(self._names)}")

    def css(self) -> str:
        """Return the rules that give the variables their values."""
        light = ";".join(f"{name}:{pair[0]}" for pair, name in self._names.items())
        dark = ";".join(f"{name}:{pair[1]}" for pair, name in self._names.items())
        return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"


def plot_svg(kind: str, result: RunResult, symbol: str, palette: Palette, *, tall: float = 0.36) -> str:
    """Return a plot as an ``<svg>`` element, or "" where the run has nothing of the kind.

    It is drawn in both themes: only colours differ, and each pair of them becomes a variable.

    Parameters
    ----------
    kind : str
        A key of :data:`app.charts.plots.PLOTS`.
    result : RunResult
    symbol : str
    palette : Palette
        Gets the colours.
    tall : float
        Height as a share of the width.

    Raises
    ------
    ExportError
        The plot cannot be drawn.
    """
    from app.charts.plots import build
    from app.export.page import bare, need_application
    from app.export.pictures import svg

    need_application()
    plot = build(kind, result, symbol)
    if plot is None:
        return ""
    looks = [Look((_WIDE, round(_WIDE * tall, 2)), LOGICAL_DPI, theme, transparent=True) for theme in ("light", "dark")]
    light, dark = (svg(bare(plot, look, kind)).decode() for look in looks)
    if _COLOR.sub("", light) != _COLOR.sub("", dark):
        raise ExportError(f"{kind}: the plot has another shape in dark than in light.", "Please report this.")
    names = iter([palette.name(*pair) for pair in zip(_COLOR.findall(light), _COLOR.findall(dark), strict=True)])
    return _small(_COLOR.sub(lambda found: f"var({next(names)})", light), plot.summary())


_documents = count()


def _small(document: str, summary: str) -> str:
    """Return the element of a document without what a page of HTML does not need."""
    body = document[document.index("<defs>") :]
    place = next(_documents)
    body = body.replace('id="clipPath', f'id="p{place}c').replace("url(#clipPath", f"url(#p{place}c")
    body = _PATHS.sub(lambda found: found[1] + _TINY.sub(r"\1", found[2]) + '"', body)
    body = _DEFAULTS.sub("", body)
    before = ""
    while before != body:
        before, body = body, _EMPTY_GROUP.sub("", body)
    box = re.search(r'viewBox="([^"]*)"', document)
    assert box is not None
    body = _LINES.sub(" ", body)
    return f'<svg viewBox="{box[1]}" role="img" aria-label={quoteattr(summary)}>{body}'
