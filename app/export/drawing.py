"""Plots inside a page of HTML: SVG that takes the reader's light or dark colours and is as small
as it can be.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from itertools import count
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from app.export.figure import LOGICAL_DPI, Look
from forecasting.errors import ExportError
from forecasting.events import RunResult

if TYPE_CHECKING:
    from app.charts.plot import Plot

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
    """The colours of a page: light ones as they are drawn, with rules that replace them for readers
    who prefer dark.

    Readers that know no such rules show the light ones.
    """

    def __init__(self) -> None:
        self._dark: dict[str, str] = {}

    def color(self, light: str, dark: str) -> str:
        """Return the light colour of a pair; nudged by the least step where another pair has the
        same one.
        """
        value = int(light[1:], 16)
        while self._dark.setdefault(f"#{value:06x}", dark.lower()) != dark.lower():
            value += -1 if value & 1 else 1 if value == 0 else -1
        return f"#{value:06x}"

    def css(self) -> str:
        """Return the rules for readers who prefer dark."""
        parts = ("fill", "stroke", "stop-color")
        rules = "".join(
            f'svg [{part}="{light}"]{{{part}:{dark}}}'
            for light, dark in self._dark.items()
            for part in parts
        )
        return f"@media screen and (prefers-color-scheme:dark){{{rules}}}"


def plot_svg(
    kind: str, result: RunResult, symbol: str, palette: Palette, *, tall: float = 0.36
) -> Generator[None, None, str]:
    """Return a plot as an ``<svg>`` element, or "" where the run has nothing of the kind; pauses
    between its parts.

    It is drawn in both themes: only colours differ, and each pair of them becomes a rule of the
    palette.

    Parameters
    ----------
    kind : str
        A key of :data:`app.charts.registry.PLOTS`.
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
    from app.charts.registry import build
    from app.export.page import need_application

    need_application()
    plot = build(kind, result, symbol)
    return "" if plot is None else (yield from drawn_svg(plot, kind, palette, tall=tall))


def drawn_svg(
    plot: Plot, kind: str, palette: Palette, *, tall: float = 0.36
) -> Generator[None, None, str]:
    """Return a plot that is there as an ``<svg>`` element; as :func:`plot_svg`."""
    from app.export.page import bare
    from app.export.pictures import svg

    looks = [
        Look((_WIDE, round(_WIDE * tall, 2)), LOGICAL_DPI, theme, transparent=True)
        for theme in ("light", "dark")
    ]
    documents = []
    for look in looks:
        yield
        documents.append(svg(bare(plot, look, kind))().decode())
    light, dark = documents
    yield
    if _COLOR.sub("", light) != _COLOR.sub("", dark):
        raise ExportError(
            f"{kind}: the plot has another shape in dark than in light.", "Please report this."
        )
    colors = iter(
        [
            palette.color(*pair)
            for pair in zip(_COLOR.findall(light), _COLOR.findall(dark), strict=True)
        ]
    )
    return _small(_COLOR.sub(lambda _: next(colors), light), plot.summary())


_documents = count()


def _small(document: str, summary: str) -> str:
    """Return the element of a document without what a page of HTML does not need."""
    body = document[document.index("<defs>") :]
    index = next(_documents)
    body = body.replace('id="clipPath', f'id="p{index}c').replace(
        "url(#clipPath", f"url(#p{index}c"
    )
    body = _PATHS.sub(lambda found: found[1] + _TINY.sub(r"\1", found[2]) + '"', body)
    body = _DEFAULTS.sub("", body)
    before = ""
    while before != body:
        before, body = body, _EMPTY_GROUP.sub("", body)
    box = re.search(r'viewBox="([^"]*)"', document)
    assert box is not None
    body = _LINES.sub(" ", body)
    return f'<svg viewBox="{box[1]}" role="img" aria-label={quoteattr(summary)}>{body}'
