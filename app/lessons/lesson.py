"""Lessons as data: an experiment in one file, its texts in another one for each language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.theme import asset
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError

#: Language of the texts that are always there.
ENGLISH = "en"
#: What languages call themselves; others are shown by their code.
_NAMES = {"en": "English", "de": "Deutsch", "zh": "中文"}


@dataclass(frozen=True)
class LessonTraining:
    """One training of a lesson.

    Attributes
    ----------
    key : str
        Name in texts: ``{rnn[reach]}``.
    title : str
    source : str
        Reference of the sample.
    settings : mapping of str to object
    """

    key: str
    title: str
    source: str
    settings: Mapping[str, Any]

    @property
    def config(self) -> RunConfig:
        """The settings of the training."""
        return RunConfig().changed(**self.settings)


@dataclass(frozen=True)
class Step:
    """One step of a lesson: what to look at, a question, and perhaps something to do.

    Attributes
    ----------
    title, text : str
        The text may name figures of trainings.
    picture : str
        A key of :data:`app.lessons.pictures.PICTURES`.
    trainings : tuple of str
        Keys of the trainings that the picture shows.
    question : str
    answers : tuple of str
    right : int
        Place of the right answer.
    because : str
    task : str
        What the learner is asked to do in the window; "" for nothing.
    settings : mapping of str to object
        Settings of the form after the task.
    """

    title: str
    text: str
    picture: str
    trainings: tuple[str, ...]
    question: str
    answers: tuple[str, ...]
    right: int
    because: str
    task: str = ""
    settings: Mapping[str, Any] | None = None

    def task_done(self, config: RunConfig) -> bool:
        """Tell whether the settings of the form are those that the task asks for."""
        values = {**dict(config.task), **dict(config.model), **dict(config.train)}
        return all(values[name] == value for name, value in (self.settings or {}).items())


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    Attributes
    ----------
    number : int
    title, summary : str
    trainings : tuple of LessonTraining
    steps : tuple of Step
    reviewed : bool
        False for a translation that nobody has read over.
    """

    number: int
    title: str
    summary: str
    trainings: tuple[LessonTraining, ...]
    steps: tuple[Step, ...]
    reviewed: bool = True

    @property
    def sample(self) -> str:
        """The sample that is loaded with the lesson."""
        return self.trainings[0].source


def _folder() -> Path:
    return asset("lessons", "1.toml").parent


def lesson_numbers() -> tuple[int, ...]:
    """Return the numbers of all lessons."""
    files = _folder().glob("*.toml")
    return tuple(sorted(int(path.stem) for path in files if path.stem.isdigit()))


def languages() -> tuple[str, ...]:
    """Return the languages in which there are texts, English first."""
    found = {path.name for path in _folder().iterdir() if path.is_dir()}
    return (ENGLISH, *sorted(found - {ENGLISH}))


def language_names() -> dict[str, str]:
    """Return the languages by their codes, as they call themselves, English first."""
    return {code: _NAMES.get(code, code) for code in languages()}


def read_lesson(number: int, language: str = ENGLISH) -> Lesson:
    """Read a lesson; where it has no texts in a language, they are English.

    Raises
    ------
    CandlecastError
        There is no such lesson.
    """
    path = _folder() / f"{number}.toml"
    if not path.is_file():
        numbers = ", ".join(map(str, lesson_numbers()))
        raise CandlecastError(f"There is no lesson {number}.", f"Lessons are {numbers}.")
    plan = tomllib.loads(path.read_text(encoding="utf-8"))
    texts = _texts(number, language)
    shared = plan.get("settings", {})
    titles = texts.get("trainings", {})
    trainings = tuple(
        LessonTraining(
            item["key"],
            titles.get(item["key"], item["title"]),
            item.get("source", plan["source"]),
            {**shared, **item.get("settings", {})},
        )
        for item in plan["trainings"]
    )
    steps = tuple(map(_step, plan["steps"], texts["steps"]))
    reviewed = bool(texts.get("reviewed", True))
    return Lesson(number, texts["title"], texts["summary"], trainings, steps, reviewed)


def read_all(language: str = ENGLISH) -> tuple[Lesson, ...]:
    """Return every lesson in the order of their numbers."""
    return tuple(read_lesson(number, language) for number in lesson_numbers())


def _texts(number: int, language: str) -> dict[str, Any]:
    folders = [_folder() / name for name in (language, ENGLISH) if Path(name).name == name]
    path = next(
        folder / f"{number}.toml" for folder in folders if (folder / f"{number}.toml").is_file()
    )
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _step(plan: Mapping[str, Any], texts: Mapping[str, Any]) -> Step:
    return Step(
        texts["title"],
        " ".join(texts["text"].split()),
        plan["picture"],
        tuple(plan.get("trainings", ())),
        texts["question"],
        tuple(texts["answers"]),
        int(plan["right"]),
        " ".join(texts["because"].split()),
        texts.get("task", ""),
        plan.get("task"),
    )
