"""Shapes: what each asks of lookback and horizon, what is refused, and how they look."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from forecasting.checks import cautions
from forecasting.config import SHAPES, ModelConfig, RunConfig
from forecasting.errors import ConfigError
from forecasting.features import feature_names
from forecasting.shapes import SENTENCES, STRATEGIES, describe


def test_every_shape_is_known_everywhere() -> None:
    names = set(get_args(ModelConfig.model_fields["shape"].annotation))
    assert names == set(SHAPES) == set(SENTENCES)
    assert {strategy for shape in SHAPES.values() for strategy in shape.strategies} == set(
        STRATEGIES
    )


@pytest.mark.parametrize(
    ("shape", "lookback", "horizon", "strategy"),
    [
        ("many-to-one", 60, 20, "direct"),
        ("one-to-one", 1, 1, "direct"),
        ("one-to-many", 1, 20, "recursive"),
        ("many-to-many", 60, 20, "direct"),
        ("encoder-decoder", 60, 20, "seq2seq"),
    ],
)
def test_a_shape_sets_what_is_left_open(
    shape: str, lookback: int, horizon: int, strategy: str
) -> None:
    for config in (
        RunConfig().changed(shape=shape),
        RunConfig.from_json(json.dumps({"model": {"shape": shape}})),
        RunConfig(model=ModelConfig(shape=shape)),
    ):
        assert (config.task.input_size, config.task.horizon, config.model.strategy) == (
            lookback,
            horizon,
            strategy,
        )
        assert RunConfig.from_json(config.to_json()) == config


def test_a_shape_taken_back_gives_back_what_it_took() -> None:
    config = RunConfig().changed(shape="one-to-many", decoding="seq2seq", horizon=7)
    back = config.changed(shape="many-to-one")
    assert (back.task.input_size, back.task.horizon, back.model.strategy) == (60, 7, "direct")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"shape": "one-to-one", "input_size": 60},
            "input_size = 60: a network of shape one-to-one reads one bar",
        ),
        ({"shape": "one-to-one", "horizon": 5}, "horizon = 5.*choose the shape one-to-many"),
        ({"shape": "one-to-many", "horizon": 1}, "horizon = 1.*two bars or more"),
        ({"shape": "encoder-decoder", "horizon": 1}, "horizon = 1.*one output"),
        ({"input_size": 1}, "input_size = 1.*choose one-to-one"),
        ({"decoding": "seq2seq"}, "decoding = seq2seq.*encoder-decoder"),
        ({"shape": "encoder-decoder", "decoding": "direct"}, "decoding = direct.*seq2seq"),
        (
            {"shape": "many-to-many", "bidirectional": True},
            "bidirectional = True with shape = many-to-many",
        ),
        (
            {"decoding": "recursive", "bidirectional": True},
            "bidirectional = True with decoding = recursive",
        ),
        (
            {"supervision": "sequence", "bidirectional": True},
            "bidirectional = True with supervision = sequence",
        ),
        ({"supervision": "sequence", "model": "transformer"}, "model = transformer"),
        ({"supervision": "sequence", "shape": "encoder-decoder"}, "shape = encoder-decoder"),
        (
            {"supervision": "sequence", "decoding": "recursive", "teacher_forcing": False},
            "teacher_forcing = False",
        ),
        ({"target": "seasonal", "decoding": "recursive"}, "do not add up"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_next_step(
    values: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=f"(?s){said}") as refused:
        RunConfig().changed(**values)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("values", "inputs", "states", "outputs", "feedback"),
    [
        ({}, 60, 60, 1, False),
        ({"shape": "one-to-one"}, 1, 1, 1, False),
        ({"shape": "one-to-many"}, 1, 20, 20, True),
        ({"shape": "one-to-many", "decoding": "direct"}, 1, 1, 1, False),
        ({"shape": "many-to-many"}, 60, 60, 60, False),
        ({"shape": "encoder-decoder", "layers": 2, "bidirectional": True}, 60, 80, 20, True),
        ({"decoding": "recursive", "horizon": 3}, 60, 62, 3, True),
    ],
)
def test_a_shape_is_described_for_drawing(
    values: dict[str, Any], inputs: int, states: int, outputs: int, feedback: bool
) -> None:
    config = RunConfig().changed(**values)
    found = describe(config)
    assert (found.inputs, found.states, found.outputs, found.feedback) == (
        inputs,
        states,
        outputs,
        feedback,
    )
    assert found.layers == config.model.layers
    kinds = {arrow.kind for arrow in found.arrows}
    assert ("fed back" in kinds) is feedback
    assert ("carries back" in kinds) is config.model.bidirectional
    assert {cell.column for cell in found.cells} == set(range(found.columns))
    assert all(
        0 <= end < len(found.cells) for arrow in found.arrows for end in (arrow.start, arrow.end)
    )
    for arrow in found.arrows:
        start, end = found.cells[arrow.start], found.cells[arrow.end]
        assert {"reads": ("input", "state"), "says": ("state", "output")}.get(
            arrow.kind, (start.kind, end.kind)
        ) == (start.kind, end.kind)
    assert found.sentence.count(".") >= 2


def test_a_convolution_layers_and_members_are_in_the_picture() -> None:
    config = RunConfig().changed(model="lstm", conv_kernel=30, layers=2, members=5)
    found, plain = describe(config), describe(RunConfig().changed(model="lstm"))
    boxes = [cell for cell in found.cells if cell.kind == "convolution"]
    assert found.convolution
    assert {cell.label for cell in boxes} == {"conv 30"}
    assert (
        len(boxes)
        == sum(cell.kind == "input" for cell in found.cells)
        == len(found.cells) - len(plain.cells)
    )
    ends = {
        (found.cells[arrow.start].kind, found.cells[arrow.end].kind)
        for arrow in found.arrows
        if arrow.kind == "reads"
    }
    assert ends == {("input", "convolution"), ("convolution", "state")}
    assert {cell.label for cell in found.cells if cell.kind == "state"} == {"LSTM ×2"}
    for said in ("reads 30 bars at a time", "2 layers", "5 such networks"):
        assert said in found.sentence
        assert said not in plain.sentence
    recursive = describe(RunConfig().changed(shape="one-to-many", conv_kernel=4, horizon=3))
    fed = [arrow for arrow in recursive.arrows if arrow.kind == "fed back"]
    assert {recursive.cells[arrow.end].kind for arrow in fed} == {"convolution"}


def test_a_memory_longer_than_the_lookback_is_cautioned_against() -> None:
    config = RunConfig().changed(model="lstm", shape="one-to-one", memory=80, conv_kernel=30)
    memory, convolution = cautions(config)
    assert (
        memory
        == "The initial memory of 80 bars is longer than the lookback of 1 bar: what lies before "
        "it is not read."
    )
    assert "30 bars" in convolution
    assert cautions(RunConfig().changed(model="lstm", memory=60)) == ()
    assert cautions(RunConfig().changed(model="rnn", memory=80)) == ()


def test_what_is_fed_back_stands_first_among_the_inputs() -> None:
    assert feature_names(RunConfig().inputs)[:2] == ("move", "range")
