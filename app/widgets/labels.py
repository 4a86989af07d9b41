"""Labels: their look and how their text behaves, named where they are made."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel


def text_label(
    text: str = "",
    role: str = "",
    *,
    wrap: bool = True,
    plain: bool = False,
    selectable: bool = False,
) -> QLabel:
    """Make a label.

    Parameters
    ----------
    text : str
    role : str
        Of the style sheet: ``title``, ``heading``, ``muted`` or ``danger``.
    wrap : bool
        Break lines between words.
    plain : bool
        Never read the text as HTML.
    selectable : bool
        Let the mouse select the text.
    """
    label = QLabel(text)
    label.setWordWrap(wrap)
    if role:
        label.setProperty("role", role)
    if plain:
        label.setTextFormat(Qt.TextFormat.PlainText)
    if selectable:
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
