"""Tables on stdout, without a control character of what they show."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table

from app.cli.terminal import plain, written


def console() -> Console:
    """Return what prints tables on stdout; ``print`` raises OutputError as :func:`show`."""
    return _Console()


def titled_table(title: str) -> Table:
    """Return a table without columns yet, its title at the left."""
    return Table(
        title=escape(title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


class _Console(Console):
    """A console that replaces control characters in all it renders."""

    def __init__(self) -> None:
        super().__init__()
        self.push_render_hook(_Plain())

    def on_broken_pipe(self) -> None:
        """Leave it to :func:`written`; rich would end the process here."""
        raise BrokenPipeError

    def print(self, *objects: Any, **more: Any) -> None:
        """Print as rich does, and turn what goes wrong with standard output into an OutputError."""
        with written():
            super().print(*objects, **more)


class _Plain(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_PlainText(item) for item in renderables]


class _PlainText:
    """A renderable whose text has no control characters; styles and layout stay."""

    def __init__(self, inner: ConsoleRenderable) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for text, style, control in console.render(self._inner, options):
            yield Segment(text if control else plain(text), style, control)
