"""What was noticed in prices, one line each: how grave it is, what it is, where, and what was
done about it.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from app.theme import Theme, icon
from forecasting.series import Finding

_GRAVITY = ("error", "warning", "info")
_ICONS = {"info": "info", "warning": "warning", "error": "warning"}
_MOST_DATES = 3


def finding_text(finding: Finding) -> str:
    """Write a finding with what was done, and with the first dates where the sentence does not
    name them.
    """
    done = (
        ""
        if finding.action in ("", "kept") or finding.action in finding.message
        else f" → {finding.action}"
    )
    dates = [day for day in finding.dates if day not in finding.message]
    more = len(dates) > _MOST_DATES or finding.count > len(finding.dates)
    shown = ", ".join(dates[:_MOST_DATES]) + (", …" if dates and more else "")
    return f"{finding.message}{done}{f' ({shown})' if shown else ''}"


def remedy_text(finding: Finding) -> str:
    """Return what the button of a finding with a remedy says."""
    if finding.remedy[0] == "adjusted":
        return QCoreApplication.translate("QualityList", "Read adjusted prices")
    words = {
        "mdy": "month/day",
        "dmy": "day/month",
        "ymd": "year/month/day",
        "ydm": "year/day/month",
    }
    value = finding.remedy[-1]
    return QCoreApplication.translate("QualityList", "Read as {how}").format(
        how=words.get(value, value)
    )


def clear_rows(rows: QGridLayout) -> None:
    """Take every widget out of a layout, at once for the eye."""
    while (left := rows.takeAt(0)) is not None:
        if (widget := left.widget()) is not None:
            widget.hide()
            widget.deleteLater()


class QualityList(QWidget):
    """Findings below each other, the gravest first; below one that can be settled is a button that
    does so.

    Attributes
    ----------
    remedy_requested : Signal
        Name and value of the reading option that settles a finding.
    """

    remedy_requested = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._theme: Theme | None = None
        self._findings: tuple[Finding, ...] = ()
        self._rows = QGridLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setColumnStretch(1, 1)
        self._rows.setHorizontalSpacing(8)
        self._rows.setVerticalSpacing(6)

    def show_findings(self, findings: Sequence[Finding]) -> None:
        """Show these findings instead."""
        ordered = tuple(sorted(findings, key=lambda item: _GRAVITY.index(item.severity)))
        if ordered == self._findings:
            return
        self._findings = ordered
        self._fill()

    def set_theme(self, theme: Theme) -> None:
        """Draw the signs in the colours of a theme."""
        self._theme = theme
        self._fill()

    def _fill(self) -> None:
        clear_rows(self._rows)
        self._rows.setRowStretch(self._rows.rowCount() - 1, 0)
        for index, finding in zip(
            range(0, 2 * len(self._findings), 2), self._findings, strict=True
        ):
            mark, text = QLabel(), QLabel(finding_text(finding))
            text.setWordWrap(True)
            text.setTextFormat(Qt.TextFormat.PlainText)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            mark.setAccessibleName(finding.severity)
            mark.setToolTip(finding.severity)
            if self._theme:
                mark.setPixmap(_sign(finding, self._theme))
            self._rows.addWidget(mark, index, 0, Qt.AlignmentFlag.AlignTop)
            self._rows.addWidget(text, index, 1)
            if finding.remedy:
                button = QPushButton(remedy_text(finding))
                button.clicked.connect(
                    lambda _checked=False, finding=finding: self.remedy_requested.emit(
                        *finding.remedy
                    )
                )
                self._rows.addWidget(button, index + 1, 1, Qt.AlignmentFlag.AlignLeft)
        self._rows.setRowStretch(2 * len(self._findings), 1)


def _sign(finding: Finding, theme: Theme) -> QPixmap:
    color = {"error": theme.danger, "warning": theme.down, "info": theme.muted}[finding.severity]
    return icon(_ICONS[finding.severity], theme, color).pixmap(QSize(16, 16))
