"""A lesson as one page of HTML: texts, figures, pictures, questions and answers, nothing loaded
from elsewhere.
"""

from __future__ import annotations

import json
import math
from html import escape
from typing import Any

from app.lessons.lesson import Lesson
from app.lessons.pictures import PICTURES
from app.lessons.run import LessonRun
from forecasting import __version__
from forecasting.generators import run_to_end

#: Height of one row of panels as a share of the width of the page.
_ROW = 0.42
_STYLE = """
ol.answers { list-style: upper-alpha; margin: 4px 0 8px; }
.question { font-weight: 600; }
details { margin: 4px 0; } summary { cursor: pointer; }
figcaption { color: var(--soft); }
"""


def lesson_page(run: LessonRun) -> bytes:
    """Return the page of a lesson whose trainings have run.

    Raises
    ------
    ExportError
        A picture cannot be drawn.
    """
    from app.charts.picture_view import PictureView
    from app.export.drawing import Palette, drawn_svg
    from app.export.page import need_application
    from app.theme import asset

    need_application()
    palette, lesson = Palette(), run.lesson
    parts = []
    for number, step in enumerate(lesson.steps, start=1):
        picture = PICTURES[step.picture](run.shown(step))
        view = PictureView()
        view.show_picture(picture)
        drawing = drawn_svg(view, picture.title, palette, tall=_ROW * max(1, picture.rows))
        parts.append(_section(run, number, run_to_end(drawing), picture.title))
        view.deleteLater()
    style = asset("report.css").read_text(encoding="utf-8") + palette.css() + _STYLE
    head = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\"/>"
        f'<meta name="generator" content="Candlecast {__version__}"/>'
        f"<title>{escape(_heading(run))}</title><style>{style}</style></head><body><main>"
    )
    opening = (
        f'<header><h1>{escape(_heading(run))}</h1><p class="muted">'
        f"{escape(run.fill(lesson.summary))}{_unreviewed(lesson)}</p></header>"
    )
    end = (
        "<footer>Every figure was computed for this page. Samples are synthetic where they say so. "
        f"Candlecast {__version__}. Not financial advice.</footer></main></body></html>"
    )
    return "".join([head, opening, *parts, _settings(run), end]).encode()


def document(run: LessonRun) -> dict[str, Any]:
    """Return a lesson and its figures as a document for JSON; NaN becomes None."""
    lesson = run.lesson
    figures = {
        key: {name: _plain(value) for name, value in found.items()}
        for key, found in run.figures.items()
    }
    steps = [
        {
            "title": run.fill(step.title),
            "text": run.fill(step.text),
            "picture": step.picture,
            "summary": PICTURES[step.picture](run.shown(step)).summary,
            "question": run.fill(step.question),
            "answers": [run.fill(answer) for answer in step.answers],
            "right": step.right,
            "because": run.fill(step.because),
        }
        for step in lesson.steps
    ]
    trainings = [
        {
            "key": item.key,
            "title": item.title,
            "source": item.source,
            "settings": dict(item.settings),
            "figures": figures[item.key],
        }
        for item in lesson.trainings
    ]
    return {
        "lesson": lesson.number,
        "title": lesson.title,
        "summary": lesson.summary,
        "reviewed": lesson.reviewed,
        "trainings": trainings,
        "steps": steps,
    }


def _unreviewed(lesson: Lesson) -> str:
    return "" if lesson.reviewed else "<br/>This translation has not been reviewed."


def _heading(run: LessonRun) -> str:
    return f"Lesson {run.lesson.number}: {run.lesson.title}"


def _section(run: LessonRun, number: int, drawing: str, title: str) -> str:
    step = run.lesson.steps[number - 1]
    answers = "".join(f"<li>{escape(run.fill(answer))}</li>" for answer in step.answers)
    right = escape(run.fill(step.answers[step.right]))
    return (
        f"<section><h2>{number}. {escape(run.fill(step.title))}</h2>"
        f"<p>{escape(run.fill(step.text))}</p>"
        f"<figure>{drawing}<figcaption>{escape(title)}</figcaption></figure>"
        f'<p class="question">{escape(run.fill(step.question))}</p>'
        f'<ol class="answers">{answers}</ol>'
        f"<details><summary>Answer</summary><p><strong>{right}.</strong> "
        f"{escape(run.fill(step.because))}</p></details></section>"
    )


def _settings(run: LessonRun) -> str:
    """Return the samples and settings, so that anybody can do the same."""
    rows = "".join(
        f"<tr><th>{escape(item.title)}</th><td>{escape(item.source)}</td>"
        f"<td>{escape(json.dumps(dict(item.settings)))}</td></tr>"
        for item in run.lesson.trainings
    )
    return (
        '<section><h2>What was run</h2><div class="wide"><table class="facts">'
        f"{rows}</table></div></section>"
    )


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
