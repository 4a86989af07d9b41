"""The documentation in a window of its own: pages that came with the program, without a network."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import cast

from PySide6.QtCore import QUrl
from PySide6.QtGui import (
    QDesktopServices,
    QImageReader,
    QResizeEvent,
    QTextBlock,
    QTextCursor,
    QTextOption,
)
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from app.doc_links import anchor, doc_page
from app.widgets.layouts import fill
from app.widgets.screen_fit import resize_on_screen

_SIZE = (760, 640)
_RIGHT, _KEEP = QTextCursor.MoveOperation.Right, QTextCursor.MoveMode.KeepAnchor


class DocsDialog(QDialog):
    """One page at a time; links to other pages are followed, others open in the browser.

    Parameters
    ----------
    parent : QWidget

    Attributes
    ----------
    page : str
        Name of the page that is shown.
    section : str
        Heading at which it stands; "" for its beginning.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.page = self.section = ""
        self._folder = Path()
        self._text = QTextBrowser()
        self._text.setAccessibleName(self.tr("Documentation"))
        self._text.setOpenLinks(False)
        self._text.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self._text.anchorClicked.connect(self._follow)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        fill(QVBoxLayout(self), (self._text, 1), buttons, margins=(16, 14, 16, 12))
        resize_on_screen(self, *_SIZE)

    def show_page(self, link: str) -> None:
        """Show a page at a section, such as ``networks.md#options``.

        Raises
        ------
        FileNotFoundError
            There is no such page.
        """
        name, _, wanted = link.partition("#")
        if name and name != self.page:
            path = doc_page(name)
            self._text.setSearchPaths([str(path.parent)])
            self._text.setMarkdown(path.read_text(encoding="utf-8"))
            self._folder = path.parent
            self._fit_pictures()
            self.page = name
        self.section = ""
        block = self._text.document().begin()
        self.setWindowTitle(block.text() or self.tr("Documentation"))
        while block.isValid():
            if wanted and block.blockFormat().headingLevel() and anchor(block.text()) == wanted:
                self._go(block)
                return
            block = block.next()
        self._text.moveCursor(QTextCursor.MoveOperation.Start)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep pictures as wide as the page at most."""
        super().resizeEvent(event)
        self._fit_pictures()

    def _fit_pictures(self) -> None:
        document = self._text.document()
        room = self._text.viewport().width() - 2 * document.documentMargin()
        cursor = QTextCursor(document)
        block = document.begin()
        while block.isValid():
            for part in cast(Iterable[QTextBlock.iterator], block):
                shape = part.fragment().charFormat().toImageFormat()
                if shape.isValid():
                    width = QImageReader(str(self._folder / shape.name())).size().width()
                    shape.setWidth(min(width, room))
                    cursor.setPosition(part.fragment().position())
                    cursor.movePosition(_RIGHT, _KEEP)
                    cursor.setCharFormat(shape)
            block = block.next()

    def _go(self, block: QTextBlock) -> None:
        """Bring a heading to the top."""
        self.section = block.text()
        self._text.setTextCursor(QTextCursor(block))
        bar = self._text.verticalScrollBar()
        top = self._text.document().documentLayout().blockBoundingRect(block).top()
        bar.setValue(int(top))

    def _follow(self, url: QUrl) -> None:
        """Follow a link: to another page here, to anything else in the browser."""
        if not url.isRelative():
            QDesktopServices.openUrl(url)
            return
        name = url.path().rpartition("/")[2] or self.page
        if name.endswith(".md"):
            with suppress(FileNotFoundError):  # a page of the project that does not come along
                self.show_page(f"{name}#{url.fragment()}")
