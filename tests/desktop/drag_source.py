"""A file manager in miniature: a window of its own process, from which a file can be dragged.

``python drag_source.py FILE`` prints "ready" as soon as its window can be seen at the top left of
the screen.
"""

from __future__ import annotations

import sys

from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QDrag, QMouseEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QLabel


class Source(QLabel):
    """Drags its file as soon as the mouse moves with a button held down."""

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        print("ready", flush=True)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if event.buttons() & Qt.MouseButton.LeftButton:
            drag, data = QDrag(self), QMimeData()
            data.setUrls([QUrl.fromLocalFile(sys.argv[1])])
            drag.setMimeData(data)
            drag.exec(Qt.DropAction.CopyAction)


if __name__ == "__main__":
    application = QApplication([])
    source = Source("Drag me")
    source.setWindowFlag(Qt.WindowType.BypassWindowManagerHint)
    source.setGeometry(0, 0, 120, 60)
    source.show()
    application.exec()
