"""Lessons in a terminal: the list of them, and one run with its figures and a page for a course."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.arguments import AsJson
from app.cli.progress import Stopper, finish
from app.cli.terminal import show
from forecasting.errors import ConfigError

if TYPE_CHECKING:
    from app.lessons.run import LessonRun


def lesson(
    number: Annotated[
        int | None, typer.Argument(metavar="N", help="Run this lesson; without it, list them.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the lesson as one page: lesson5.html."),
    ] = None,
    as_json: AsJson = False,
    language: Annotated[
        str, typer.Option(metavar="CODE", help="Language of the texts, where there is one.")
    ] = "en",
) -> int:
    """See recurrent networks remember, forget, explode and copy: lessons whose every figure is
    computed on the spot.
    """
    from app.lessons.lesson import languages, read_all, read_lesson
    from app.lessons.run import LessonFinished, run_lesson

    if language not in languages():
        raise ConfigError(
            f"There are no lessons in the language {language!r}.",
            f"Languages are {', '.join(languages())}.",
        )
    if number is None:
        if export is not None:
            raise ConfigError("--export needs the number of a lesson.", "Try candlecast lesson 5.")
        _show_list(read_all(language), as_json)
        return 0
    chosen = read_lesson(number, language)
    if export is not None and export.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(
            f"{export.name}: a lesson is written as a page of HTML.",
            "Name a file that ends in .html.",
        )
    with Stopper().listening() as stopper:
        job = stopper.following(run_lesson(chosen, stopper))
        run = finish(job, LessonFinished).run
    if export is not None:
        from app.lessons.page import lesson_page
        from forecasting.files.atomic import atomic_write

        atomic_write(export, lesson_page(run))
    if as_json:
        from app.cli import documents
        from app.lessons.page import document

        show(documents.to_json(document(run)))
    else:
        _show_run(run)
    return stopper.exit_status


def _show_list(items: tuple[object, ...], as_json: bool) -> None:
    from app.cli import documents
    from app.lessons.lesson import Lesson

    found = [item for item in items if isinstance(item, Lesson)]
    if as_json:
        listed = [
            {
                "lesson": item.number,
                "title": item.title,
                "summary": item.summary,
                "reviewed": item.reviewed,
            }
            for item in found
        ]
        show(documents.to_json(listed))
        return
    for item in found:
        show(f"{item.number}  {item.title}")
        show(f"   {item.summary}")
    show("")
    show("candlecast lesson 5 runs one; --export lesson5.html writes it as a page.")


def _show_run(run: LessonRun) -> None:
    show(f"Lesson {run.lesson.number}: {run.lesson.title}")
    if not run.lesson.reviewed:
        show("(The translation has not been reviewed.)")
    show(run.lesson.summary)
    for number, step in enumerate(run.lesson.steps, start=1):
        show("")
        show(f"{number}. {run.fill(step.title)}")
        show(f"   {run.fill(step.text)}")
        show(f"   {run.fill(step.question)}")
        for letter, answer in zip("ABCDEF", step.answers, strict=False):
            show(f"     {letter}. {run.fill(answer)}")
        show(f"   Answer: {'ABCDEF'[step.right]}. {run.fill(step.because)}")
