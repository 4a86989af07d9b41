"""Lessons: data files, runs, figures, pages and the command line."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest

from app.cli import main
from app.lessons.lesson import (
    Lesson,
    LessonTraining,
    languages,
    lesson_numbers,
    read_all,
    read_lesson,
)
from app.lessons.page import document, lesson_page
from app.lessons.pictures import PICTURES, side_by_side, steps_of
from app.lessons.run import LessonRun, ranked, run_lesson
from app.training_history import TrainingHistory, thinned
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError
from forecasting.events import StepNorms
from forecasting.generators import run_to_end
from forecasting.next_bar import NextBar

NUMBERS = lesson_numbers()


def ran(number: int) -> LessonRun:
    return run_to_end(run_lesson(read_lesson(number)))


@pytest.fixture(scope="module")
def tiny() -> LessonRun:
    """A lesson on little data: every picture can be made of it."""
    settings = {
        "input_size": 12,
        "horizon": 1,
        "hidden_size": 4,
        "epochs": 1,
        "test_size": 60,
        "val_size": 60,
        "batch_size": 512,
    }
    trainings = (
        LessonTraining("lstm", "LSTM", "sample:echo", {**settings, "model": "lstm"}),
        LessonTraining("other", "Tf", "sample:echo", {**settings, "model": "transformer"}),
    )
    steps = read_lesson(5).steps[:2]
    plain = [
        type(step)(
            step.title,
            "It reaches {lstm[reach]} of {lstm[lookback]} bars.",
            step.picture,
            (),
            step.question,
            step.answers,
            step.right,
            "So <it> is.",
        )
        for step in steps
    ]
    return run_to_end(run_lesson(Lesson(9, "Tiny", "Little.", trainings, tuple(plain))))


def test_there_are_eight_lessons_that_are_whole() -> None:
    assert NUMBERS == (1, 2, 3, 4, 5, 6, 7, 8)
    for lesson in read_all():
        assert lesson.title
        assert len(lesson.steps) >= 3
        keys = {training.key for training in lesson.trainings}
        for training in lesson.trainings:
            assert training.config.train.epochs >= 1
            assert training.source.startswith("sample:")
        for step in lesson.steps:
            assert step.picture in PICTURES
            assert set(step.trainings) <= keys
            assert 0 <= step.right < len(step.answers)
            named = re.findall(r"{(\w+)\[", " ".join((step.text, step.because, *step.answers)))
            assert set(named) <= keys
            assert bool(step.task) == bool(step.settings)
            if step.settings:
                assert step.task_done(RunConfig().changed(**step.settings))
        assert any(step.settings for step in lesson.steps), "something to do in each"


def test_a_lesson_that_is_not_there_is_named() -> None:
    with pytest.raises(CandlecastError, match="There is no lesson 9"):
        read_lesson(9)


@pytest.mark.parametrize("language", [code for code in languages() if code != "en"])
def test_a_translation_says_what_the_english_texts_say(language: str) -> None:
    for number in NUMBERS:
        first, other = read_lesson(number), read_lesson(number, language)
        assert other.title != first.title
        assert not other.reviewed, "until somebody has read it over"
        assert len(other.steps) == len(first.steps)
        for ours, theirs in zip(first.steps, other.steps, strict=True):
            assert len(theirs.answers) == len(ours.answers)
            assert bool(theirs.task) == bool(ours.task)
            texts = [
                " ".join((step.text, step.question, *step.answers, step.because))
                for step in (ours, theirs)
            ]
            named = [set(re.findall(r"{\w+\[\w+\]}", text)) for text in texts]
            assert named[0] == named[1], (number, ours.title)
            numbers = [
                re.findall(r"\d+", re.sub(r"{.*?}", "", step.title)) for step in (ours, theirs)
            ]
            assert numbers[0] == numbers[1]


def test_texts_fall_back_to_english() -> None:
    assert read_lesson(1, "xx").title == read_lesson(1).title
    assert read_lesson(1, "../en").title == read_lesson(1).title


def test_every_picture_can_be_made_and_says_what_it_shows(tiny: LessonRun) -> None:
    trainings = tuple(tiny.trainings.values())
    for name, make in PICTURES.items():
        picture = make(trainings)
        assert picture.panels, name
        assert picture.title
        assert picture.summary, name
    both = side_by_side(trainings)
    assert both.columns == 2
    assert {panel.title.split(":")[0] for panel in both.panels} == {"LSTM", "Tf"}
    left, right = both.panels[0], both.panels[1]
    assert left.y_range == right.y_range


def test_the_page_of_a_lesson_stands_alone(tiny: LessonRun) -> None:
    page = lesson_page(tiny).decode()
    assert page.count("<svg") == len(tiny.lesson.steps)
    assert "It reaches" in page
    assert "{lstm" not in page
    assert "So &lt;it&gt; is." in page
    assert not re.search(r"(?:src|href)=.?https?:", page)
    found = json.loads(json.dumps(document(tiny), allow_nan=False))
    assert found["trainings"][0]["figures"]["lookback"] == 12
    assert found["steps"][0]["text"].endswith("of 12 bars.")


def test_the_command_lists_lessons_and_refuses_what_it_cannot_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["lesson", "--json"]) == 0
    assert [item["lesson"] for item in json.loads(capsys.readouterr().out)] == list(NUMBERS)
    assert main(["lesson"]) == 0
    assert "Vanishing gradients" in capsys.readouterr().out
    assert main(["lesson", "--language", "de", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed[4]["title"] == "Schwindende Gradienten und das LSTM"
    assert not listed[4]["reviewed"]
    for words, text in (
        (["9"], "There is no lesson 9"),
        (["5", "--export", "x.pdf"], "page of HTML"),
        (["--export", "x.html"], "needs the number"),
        (["5", "--language", "tlh"], "no lessons in the language"),
    ):
        assert main(["lesson", *words]) == 2
        assert text in capsys.readouterr().err


def test_a_stopped_lesson_has_no_figures() -> None:
    with pytest.raises(CandlecastError, match="stopped"):
        run_to_end(run_lesson(read_lesson(1), lambda: True))


def norms(epoch: int, values: list[float], share: float = 1.0) -> StepNorms:
    found = np.array(values)
    return StepNorms(
        epoch, found, np.minimum(found, 1.0), 1.0, True, ("head",), found[:, None], share
    )


def test_steps_are_laid_out_by_epoch_and_what_is_no_number_is_infinite() -> None:
    x, y = steps_of([norms(1, [1.0, 2.0]), norms(2, [math.nan], 0.5)], "before")
    assert x.tolist() == [0.5, 1.0, 1.5]
    assert y.tolist() == [1.0, 2.0, math.inf]


def test_of_very_many_steps_the_larger_of_two_neighbours_stays() -> None:
    assert thinned(norms(1, [1.0, 9.0, 2.0])).before.tolist() == [9.0, 2.0]
    watched = TrainingHistory(RunConfig())
    for epoch in range(1, 4):
        watched.take(norms(epoch, [1.0, 5.0] * 25_000))
    assert sum(len(item.before) for item in watched.steps) <= 100_000
    assert max(item.largest for item in watched.steps) == 5.0


def test_a_copy_of_yesterday_fits_once_it_is_moved_by_a_day() -> None:
    truth = np.cumsum(np.random.default_rng(1).normal(size=200)) + 100
    ds = np.arange(199).astype("datetime64[D]").astype("datetime64[us]")
    copied = NextBar("A", ds, truth[1:], truth[:-1], truth[:-1], None)
    assert copied.best_shift == 1
    assert math.isnan(copied.moves_guessed)
    honest = NextBar("A", ds, truth[1:], truth[1:], truth[:-1], None)
    assert honest.best_shift == 0
    assert honest.moves_guessed == 1.0
    assert math.isnan(honest.distance(500))


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("number", NUMBERS)
def test_each_lesson_runs_and_its_texts_have_all_figures(number: int) -> None:
    run = ran(number)
    for step in run.lesson.steps:
        for text in (step.title, step.text, step.question, step.because, *step.answers):
            assert "{" not in run.fill(text)
            assert "–" not in run.fill(text), text
    assert lesson_page(run)
    figures = run.figures
    if number == 2:
        assert figures["many_to_many"]["skill"] > figures["one_to_one"]["skill"] + 5
    elif number == 3:
        for gate, key in (("forget", "lstm"), ("update", "gru")):
            trained, before = figures[key][f"{gate}_gate"], figures[key][f"{gate}_untrained"]
            assert abs(trained - before) > 0.01
    elif number == 4:
        assert figures["off"]["largest_norm"] > 1e3
        assert figures["on"]["largest_after"] <= 1.001
        assert figures["off"]["last_loss"] > 1 > figures["on"]["last_loss"]
        for key in ("off", "on"):
            assert ranked(run.trainings[key])[0].topic == "learning-rate"
    elif number == 5:
        assert figures["rnn"]["reach"] < 20
        assert figures["lstm"]["reach"] < 40
        assert figures["long"]["reach"] > 70
        outcomes = [figures[key]["outcome"] for key in ("rnn", "lstm", "long")]
        assert outcomes[-1] == "beats"
        assert outcomes[0] != "beats"
    elif number == 6:
        assert figures["conv"]["best_loss"] < 0.7 * figures["lstm"]["best_loss"]
    elif number == 7:
        assert figures["level"]["best_shift"] == 1
        assert figures["level"]["correlation_yesterday"] > 0.5 > figures["level"]["correlation"]
    elif number == 8:
        raw, calibrated = figures["raw"], figures["calibrated"]
        assert abs(calibrated["coverage_50"] - 50) < abs(raw["coverage_50"] - 50)
        assert abs(calibrated["coverage_95"] - 95) < abs(raw["coverage_95"] - 95)
