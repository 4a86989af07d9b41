"""Draw the program's icon in the sizes that desktops ask for.

python icons.py SVG FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

SIZES = (16, 24, 32, 48, 64, 128, 256, 512)


def draw(renderer: QSvgRenderer, side: int) -> QImage:
    """Return the icon as a square picture."""
    picture = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, side, side))
    painter.end()
    return picture


def main() -> None:
    """Write ``SIDE.png`` for each size; ``candlecast.ico`` and ``.icns`` where Qt can."""
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    application = QGuiApplication([])
    renderer = QSvgRenderer(str(source))
    for side in SIZES:
        draw(renderer, side).save(str(folder / f"{side}.png"))
    for suffix in ("ico", "icns"):
        draw(renderer, 256).save(str(folder / f"candlecast.{suffix}"))
    del application


if __name__ == "__main__":
    main()
