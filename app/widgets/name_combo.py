"""A choice among names that users and their files give."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox


class NameCombo(QComboBox):
    """As wide as some letters, however long the names are; its list is as wide as the longest.

    Parameters
    ----------
    name : str
        What is chosen: accessible name, and tool tip where none is set.
    letters : int
        Letters there is room for at least.
    """

    def __init__(self, name: str, letters: int) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(letters)

    def showPopup(self) -> None:
        """Open the list, wide enough for its names where the screen is."""
        view = self.view()
        width = view.sizeHintForColumn(0) + view.verticalScrollBar().sizeHint().width() + 8
        view.setMinimumWidth(min(width, self.screen().availableGeometry().width() // 2))
        super().showPopup()
