"""One line of trouble above the chart: what happened and the next step, without stopping
anybody's work.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
)

from app.background import versions
from app.theme import Theme, icon
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from app.widgets.message_bar import MessageBar


class Banner(MessageBar):
    """A message with its hint, shown until it is dismissed or replaced.

    Attributes
    ----------
    details_requested : Signal
        The user asks for everything there is to know about the message.
    action_requested, other_requested : Signal
        The user takes the next step that was offered, or the other one.
    """

    details_requested = Signal()
    action_requested = Signal()
    other_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("banner")
        self.setProperty("role", "card")
        self.setAccessibleName(self.tr("Message"))
        self._theme: Theme | None = None
        self._kind = "warning"
        self._lasting: list[tuple[str, str]] = []
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._message = text_label(role="heading", plain=True, selectable=True)
        self._hint = text_label(role="muted", plain=True, selectable=True)
        words = fill(QVBoxLayout(), spacing=2)
        for label in (self._message, self._hint):
            label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            words.addWidget(label)
        self._details = QPushButton(self.tr("Details…"))
        self._details.clicked.connect(self.details_requested)
        self._action = QPushButton()
        self._action.hide()
        self._action.clicked.connect(self.action_requested)
        self._other = QPushButton()
        self._other.hide()
        self._other.clicked.connect(self.other_requested)
        self._copy = QToolButton()
        self._copy.setAccessibleName(self.tr("Copy details"))
        self._copy.setToolTip(
            self.tr("Copy details: this message, and the versions of the program")
        )
        self._copy.clicked.connect(
            lambda: QApplication.clipboard().setText(f"{self.text}\n\n{versions()}")
        )
        self._dismiss = QToolButton()
        self._dismiss.setAccessibleName(self.tr("Dismiss"))
        self._dismiss.setToolTip(self.tr("Dismiss"))
        self._dismiss.clicked.connect(self._next)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(10)
        row.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        row.addWidget(self._action, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._other, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._details, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._copy, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._dismiss, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    @property
    def text(self) -> str:
        """Message and hint as shown, one a line; "" while hidden."""
        return (
            "\n".join(filter(None, (self._message.text(), self._hint.text())))
            if self.wanted
            else ""
        )

    @property
    def urgent(self) -> bool:
        """Whether something went wrong."""
        return self._kind == "warning"

    @property
    def choices(self) -> tuple[str, ...]:
        """The next steps that are offered, as their buttons name them."""
        return tuple(
            button.text() for button in (self._action, self._other) if not button.isHidden()
        )

    def show_fault(
        self, message: str, hint: str = "", *, details: bool = False, choices: Sequence[str] = ()
    ) -> None:
        """Show what went wrong; ``details`` offers more of it, ``choices`` name two next steps
        at most that are offered.
        """
        self._show("warning", message, hint, details=details, choices=choices)

    def show_notice(self, message: str, hint: str = "", *, choices: Sequence[str] = ()) -> None:
        """Show something that is worth knowing and stops nothing; ``choices`` as for
        :meth:`show_fault`.
        """
        self._show("info", message, hint, choices=choices)

    def show_lasting(self, message: str, hint: str = "") -> None:
        """Show something that must be seen: it stays, or comes back after other messages, until
        it is dismissed.
        """
        if (message, hint) not in self._lasting:
            self._lasting.append((message, hint))
        self.show_notice(message, hint)

    def pass_on(self) -> None:
        """Take away what concerned the work before; what lasts is shown again."""
        if self._lasting:
            self.show_notice(*self._lasting[-1])
        else:
            self.set_active(False)

    def _next(self) -> None:
        """Forget what is shown, and show what lasts besides."""
        shown = (self._message.text(), self._hint.text())
        self._lasting = [item for item in self._lasting if item != shown]
        self.pass_on()

    def set_theme(self, theme: Theme) -> None:
        """Draw icons in the colours of a theme."""
        self._theme = theme
        self._dismiss.setIcon(icon("cancel", theme))
        self._copy.setIcon(icon("copy", theme))
        self._draw_kind(theme)

    def _draw_kind(self, theme: Theme) -> None:
        self._picture.setPixmap(icon(self._kind, theme).pixmap(QSize(20, 20)))

    def _show(
        self,
        kind: str,
        message: str,
        hint: str,
        *,
        details: bool = False,
        choices: Sequence[str] = (),
    ) -> None:
        action, other = (*choices, "", "")[:2]
        self._kind = kind
        self._message.setText(message)
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))
        self._details.setVisible(details)
        self._action.setText(action)
        self._action.setVisible(bool(action))
        self._other.setText(other)
        self._other.setVisible(bool(other))
        self._copy.setVisible(kind == "warning")
        self.setAccessibleDescription(f"{message} {hint}".strip())
        if self._theme:
            self._draw_kind(self._theme)
        self.set_active(True)
