"""Undo and redo over all topics, in the order in which things were done."""

from __future__ import annotations

from app.undo_history import Change, UndoHistory


class Text:
    """Something that is changed."""

    def __init__(self, history: UndoHistory, topic: str) -> None:
        self.value, self.allowed = "", True
        self._history, self._topic = history, topic

    def write(self, value: str, *, continues: bool = False) -> Change:
        before, self.value = self.value, value
        change = Change(
            self._topic,
            lambda: self._restore(before),
            lambda: self._restore(value),
            lambda: self.allowed,
        )
        self._history.record(change, continues=continues)
        return change

    def _restore(self, value: str) -> None:
        self.write(value)  # is no change of its own


def test_topics_are_undone_and_redone_in_their_order() -> None:
    history = UndoHistory()
    one, two = Text(history, "one"), Text(history, "two")
    one.write("a")
    two.write("b")
    one.write("c")
    history.undo()
    history.undo()
    assert (one.value, two.value, history.can_redo) == ("a", "", True)
    history.redo()
    assert (one.value, two.value) == ("a", "b")
    two.write("d")
    assert not history.can_redo, "a new change takes the place of those that were undone"
    history.undo()
    history.undo()
    history.undo()
    assert (one.value, two.value, history.can_undo) == ("", "", False)


def test_steps_of_one_change_are_undone_at_once() -> None:
    history = UndoHistory()
    text = Text(history, "one")
    text.write("a")
    for value in "bcd":
        text.write(value, continues=True)
    history.undo()
    assert text.value == ""
    history.redo()
    assert text.value == "d"


def test_a_change_is_taken_back_out_of_turn_refused_or_forgotten() -> None:
    history = UndoHistory()
    one, two = Text(history, "one"), Text(history, "two")
    change = one.write("a")
    two.write("b")
    assert history.undo_change(change)
    assert not history.undo_change(change), "it was taken back already"
    assert (one.value, two.value) == ("", "b")
    two.allowed = False
    assert not history.can_undo
    history.undo()
    assert two.value == "b"
    history.forget("two")
    history.redo()
    assert (one.value, history.can_redo, history.can_undo) == ("a", False, True)
