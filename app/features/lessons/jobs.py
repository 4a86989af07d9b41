"""What a worker runs for a lesson."""

from __future__ import annotations

from collections.abc import Callable, Generator

from app.background import Job
from app.lessons.lesson import Lesson
from forecasting.events import Event, Progress


def lesson_job(lesson: Lesson) -> Job:
    """Return the job that runs the trainings of a lesson; of their events only progress is passed
    on.
    """

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        from app.lessons.run import LessonFinished, LessonTrainingStarted, run_lesson

        for event in run_lesson(lesson, should_stop):
            if isinstance(event, LessonFinished | LessonTrainingStarted | Progress):
                yield event

    return job


def page_of(run: object) -> bytes:
    """Return the page of a lesson; drawn in the thread of the window, as it needs Qt."""
    from app.lessons.page import lesson_page
    from app.lessons.run import LessonRun

    assert isinstance(run, LessonRun)
    return lesson_page(run)
