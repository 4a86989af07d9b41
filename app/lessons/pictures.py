"""The pictures of lessons and comparisons: what was seen of trainings, as panels of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from app.charts.cell_parts import CellPart
from app.charts.picture import Line, Panel, Picture, shared_range
from app.lessons.run import figures_of, ranked
from app.training_history import TrainingHistory
from forecasting.config import RunConfig
from forecasting.events import CellStates, RunResult, StepNorms
from forecasting.next_bar import NextBar, next_bar
from forecasting.series import Floats
from forecasting.shapes import describe

Trainings = Sequence[TrainingHistory]
#: Bars of the test part that are shown one step ahead, and past bars before a forecast.
_SHOWN, _PAST = 60, 60
#: Moves of a line to the left that are compared.
_SHIFTS = range(-3, 6)


def forecasts(trainings: Trainings) -> Picture:
    """Show the window that is read, the bars before it, and the forecast."""
    panels = []
    for training in trainings:
        result = _result(training)
        series, forecast = result.panel[0], result.forecasts[0]
        lookback = training.config.task.input_size
        past = series.y[-max(_PAST, 2 * lookback) :]
        before = np.arange(1.0 - len(past), 1.0)
        ahead = np.arange(0.0, len(forecast) + 1.0)
        low, high = forecast.band(80)
        y0 = forecast.y0
        panels.append(
            Panel(
                training.name,
                (
                    Line("80 % band", ahead, np.r_[y0, high], "band", low=np.r_[y0, low], color=2),
                    Line("earlier bars", before[:-lookback], past[:-lookback], color=5),
                    Line(f"window of {lookback} bars", before[-lookback:], past[-lookback:]),
                    Line("forecast", ahead, np.r_[y0, forecast.point], color=2),
                ),
                "bars from the last one",
            )
        )
    return _side("The window that is read, and the forecast", panels, share=False)


def losses(trainings: Trainings) -> Picture:
    """Show training and validation loss by epoch beside the baseline's."""
    panels = []
    for training in trainings:
        epochs = _epochs(training, "epoch")
        baseline = training.epochs[0].val_loss if training.epochs else math.nan
        panels.append(
            Panel(
                training.name,
                (
                    Line("training", epochs, _epochs(training, "train_loss")),
                    Line("validation", epochs, _epochs(training, "val_loss"), color=1),
                ),
                "epoch",
                limits=(("baseline", baseline),),
            )
        )
    return _side("Loss by epoch", panels)


def validation(trainings: Trainings) -> Picture:
    """Show the validation losses of several trainings in one plot."""
    lines = tuple(
        Line(item.name, _epochs(item, "epoch"), _epochs(item, "val_loss"), color=index)
        for index, item in enumerate(trainings)
    )
    baseline = trainings[0].epochs[0].val_loss
    panel = Panel("Validation loss", lines, "epoch", limits=(("baseline", baseline),))
    return Picture("Validation loss by epoch", (panel,), 1, _summary(trainings, "best_loss"))


def skills(trainings: Trainings) -> Picture:
    """Show how much better than its best baseline each training is on the test part."""
    found = [100 * _result(item).verdict.skill for item in trainings]
    panel = _bars("Better than the best baseline, in %", trainings, found)
    return Picture("Verdicts", (panel,), 1, _summary(trainings, "skill"))


def gains(trainings: Trainings) -> Picture:
    """Show what each training gained on the validation part beside its test part."""
    names = tuple(item.name for item in trainings)
    x = np.arange(float(len(trainings)))
    gained = np.array([figures_of(item)["gain"] for item in trainings])
    skill = np.array([100 * _result(item).verdict.skill for item in trainings])
    lines = (
        Line("validation part, chosen on", x, gained, "bars"),
        Line("test part, never seen", x, skill, "bars", color=1),
    )
    panel = Panel("Gain over the baseline, in %", lines, names=names)
    return Picture("What was chosen, and what came", (panel,), 1, _summary(trainings, "skill"))


def step_norms(trainings: Trainings) -> Picture:
    """Lay the gradient norms of every step over each other, with the clip limit."""
    lines, limits = [], {}
    for index, item in enumerate(trainings):
        x, before = steps_of(item.steps, "before")
        lines.append(Line(item.name, x, before, color=index))
        limit = item.steps[-1].limit if item.steps else math.nan
        if math.isfinite(limit):
            _, after = steps_of(item.steps, "after")
            label = f"{item.name}, after clipping"
            lines.append(Line(label, x, after, color=index, dashed=True))
            limits[f"clip limit {limit:g}"] = limit
    panel = Panel(
        "Norm of the gradient at every step",
        tuple(lines),
        "epoch",
        log=True,
        limits=tuple(limits.items()),
    )
    return Picture("Gradient of every step", (panel,), 1, _summary(trainings, "largest_norm"))


def step_norms_side(trainings: Trainings) -> Picture:
    """Show the gradient norms of every step side by side on one scale."""
    panels = [replace(step_norms([item]).panels[0], title=item.name) for item in trainings]
    return _side("Gradient of every step", panels)


def layer_norms(trainings: Trainings) -> Picture:
    """Show the gradient norms of every step for each part of the network."""
    panels = []
    for item in trainings:
        layers = item.steps[-1].layers if item.steps else ()
        x, _ = steps_of(item.steps, "before")
        values = np.concatenate([step.by_layer for step in item.steps]) if item.steps else None
        lines = tuple(
            Line(layer, x, values[:, column], color=column)
            for column, layer in enumerate(layers)
            if values is not None
        )
        panels.append(Panel(item.name, lines, "epoch", log=True))
    return _side("Gradient of every step by layer", panels)


def memory(trainings: Trainings) -> Picture:
    """Show how much of the gradient arrives at each bar back."""
    lines = []
    for index, item in enumerate(trainings):
        if item.memory is not None:
            shares = item.memory.shares.max(axis=0)
            label = f"{item.name}: reaches {item.memory.reach} bars"
            lines.append(Line(label, item.memory.lags.astype(float), shares, color=index))
    panel = Panel(
        "Gradient that arrives, as a share of the strongest",
        tuple(lines),
        "bars back",
        log=True,
        limits=(("nothing is learned below", 1e-3),),
    )
    return Picture("How far back it learns", (panel,), 1, _summary(trainings, "reach"))


def memory_side(trainings: Trainings) -> Picture:
    """Show how far back each training learns, side by side on one scale."""
    panels = [replace(memory([item]).panels[0], title=item.name) for item in trainings]
    return _side("How far back it learns", panels)


def gates(trainings: Trainings) -> Picture:
    """Show the mean opening of each gate bar by bar, before the first step and at the end."""
    panels = []
    for item in trainings:
        lines = [*_openings(item.untrained, "untrained"), *_openings(item.cells, "trained")]
        panels.append(
            Panel(item.name, tuple(lines), "bars from the last one", y_range=(0.0, 1.0))
            if lines
            else Panel(item.name, text="This cell has no gates.")
        )
    return Picture(
        "Openings of the gates, 0 shut, 1 open", tuple(panels), 2, _gates_summary(trainings)
    )


def states(trainings: Trainings) -> Picture:
    """Show the size of what is carried on, bar by bar."""
    lines = []
    for index, item in enumerate(trainings):
        for cells, text in ((item.untrained, "untrained"), (item.cells, "trained")):
            if cells is not None:
                y = cells.state.mean(axis=0)
                label = f"{item.name}, {text}"
                x = -cells.lags.astype(float)
                lines.append(Line(label, x, y, color=index, dashed=text == "untrained"))
    panel = Panel("Size of the state", tuple(lines), "bars from the last one")
    return Picture("Size of the state, bar by bar", (panel,), 1, "Root mean square of the state.")


def attention(trainings: Trainings) -> Picture:
    """Show which bars a Transformer looks at."""
    panels = []
    for item in trainings:
        if item.cells is None or not item.cells.attention.size:
            continue
        for layer, grid in enumerate(item.cells.attention, start=1):
            label = f"oldest bar … last bar (row by row: from {len(grid)} bars of the window)"
            panels.append(Panel(f"{item.name}, layer {layer}", x_label=label, grid=grid))
        last = item.cells.attention[0, -1]
        x = -item.cells.lags.astype(float)
        title = "What the last bar looks at"
        panels.append(Panel(title, (Line("share", x, last),), "bars from the last one"))
    found = tuple(panels) or (Panel("", text="This network has no attention."),)
    return Picture("Attention", found, 2, "Weights of attention, row by row.")


def shapes(trainings: Trainings) -> Picture:
    """Show the unrolled networks."""
    panels = tuple(Panel(item.name, diagram=describe(item.config)) for item in trainings)
    texts = " ".join(f"{item.name}: {describe(item.config).sentence}" for item in trainings)
    return Picture("From bars to answers", panels, min(2, len(panels)), texts)


def next_bar_ahead(trainings: Trainings) -> Picture:
    """Show forecast, truth and yesterday's price one step ahead over the end of the test part."""
    panels = []
    for item in trainings:
        found = _next_bar(item)
        x = np.arange(1.0 - len(found.truth), 1.0)[-_SHOWN:]
        panels.append(
            Panel(
                item.name,
                (
                    Line("truth", x, found.truth[-_SHOWN:]),
                    Line("forecast of it", x, found.forecast[-_SHOWN:], color=2),
                    Line("yesterday", x, found.yesterday[-_SHOWN:], color=3, dashed=True),
                ),
                "bars from the last one",
            )
        )
    return _side("One step ahead", panels, share=False)


def shifts(trainings: Trainings) -> Picture:
    """Show how well the line of the forecast fits when it is moved to the left."""
    lines = []
    for index, item in enumerate(trainings):
        found = _next_bar(item)
        x = np.array(_SHIFTS, float)
        y = np.array([found.distance(shift) for shift in _SHIFTS])
        lines.append(Line(item.name, x, y / np.nanmin(y), color=index))
    panel = Panel(
        "Distance of forecast and truth, 1 at the best shift",
        tuple(lines),
        "bars moved to the left",
    )
    return Picture("Shift by which the line fits", (panel,), 1, _summary(trainings, "best_shift"))


def coverage(trainings: Trainings) -> Picture:
    """Show how often bands held beside how often they said they would."""
    from forecasting.metrics import calibration

    lines = [Line("honest", np.array([0.0, 100.0]), np.array([0.0, 100.0]), color=3, dashed=True)]
    for index, item in enumerate(trainings):
        found = calibration(next(iter(_result(item).outcomes.values())))
        lines.append(Line(item.name, found.level, found.realised, color=index))
    panel = Panel("Bands that held, in %", tuple(lines), "stated, in %")
    return Picture("Stated and realised coverage", (panel,), 1, _summary(trainings, "coverage_80"))


def doctor(trainings: Trainings) -> Picture:
    """Write what the gradient doctor says, causes first."""
    panels = []
    for item in trainings:
        advice = [f"{index}. {found.message}" for index, found in enumerate(ranked(item), start=1)]
        panels.append(Panel(item.name, text="\n\n".join(advice) or "Nothing to say."))
    texts = " ".join(f"{panel.title}: {panel.text}" for panel in panels)
    return Picture("What the doctor says", tuple(panels), 2, texts)


def verdicts(trainings: Trainings) -> Picture:
    """Write the verdicts side by side."""
    panels = tuple(
        Panel(item.name, text=item.result.verdict.sentence)
        for item in trainings
        if item.result is not None
    )
    texts = " ".join(f"{panel.title}: {panel.text}" for panel in panels)
    return Picture("Verdicts", panels, 2, texts)


#: Every picture by the name that lessons call it.
PICTURES: dict[str, Callable[[Trainings], Picture]] = {
    "forecasts": forecasts,
    "losses": losses,
    "validation": validation,
    "skills": skills,
    "gains": gains,
    "step_norms": step_norms,
    "step_norms_side": step_norms_side,
    "layer_norms": layer_norms,
    "memory": memory,
    "memory_side": memory_side,
    "gates": gates,
    "states": states,
    "attention": attention,
    "shapes": shapes,
    "next_bar": next_bar_ahead,
    "shifts": shifts,
    "coverage": coverage,
    "doctor": doctor,
    "verdicts": verdicts,
}


def side_by_side(trainings: Trainings) -> Picture:
    """Return one picture of trainings in columns: loss, gradients, memory, gates and verdict, each
    row on one scale and each column under its own name.
    """
    rows = [losses(trainings), step_norms_side(trainings), memory_side(trainings)]
    if any(item.cells is not None and item.cells.gates for item in trainings):
        rows.append(gates(trainings))
    if all(item.result is not None for item in trainings):
        rows.append(verdicts(trainings))
    titles: tuple[str, ...] = (
        "loss",
        "gradient of every step",
        "how far back it learns",
        "gates",
        "verdict",
    )
    if len(rows) > 3 and rows[3].title == "Verdicts":
        titles = (*titles[:3], "verdict")
    panels = [
        replace(panel, title=f"{item.name}: {title}")
        for row, title in zip(rows, titles, strict=False)
        for panel, item in zip(row.panels, trainings, strict=True)
    ]
    names = " and ".join(item.name for item in trainings)
    return Picture(names, tuple(panels), len(trainings), " ".join(row.summary for row in rows))


def overlaid(trainings: Trainings) -> Picture:
    """Return one picture in which trainings lie over each other: loss, gradients and memory."""
    pictures = (validation(trainings), step_norms(trainings), memory(trainings))
    panels = tuple(panel for picture in pictures for panel in picture.panels)
    names = " and ".join(item.name for item in trainings)
    return Picture(names, panels, 1, " ".join(picture.summary for picture in pictures))


def inside(trainings: Trainings, config: RunConfig) -> Picture:
    """Return the network of some settings, and what goes on inside the cells of trainings."""
    panels: list[Panel] = [Panel(config.model.title, diagram=describe(config))]
    summary = describe(config).sentence
    for item in trainings:
        if item.cells is None:
            continue
        if item.cells.attention.size:
            panels += attention([item]).panels
            summary = "Weights of attention: bright is much."
        else:
            panels += [*gates([item]).panels, *states([item]).panels]
            summary = _gates_summary([item])
    return Picture(config.model.title, tuple(panels), min(2, len(panels)), summary)


def inside_part(training: TrainingHistory, part: CellPart) -> Picture:
    """Return what is known of one part of the cell: the openings of a gate, the size of the state,
    or the map of attention; of other parts the unrolled network.
    """
    if part.kind == "attention":
        return attention([training])
    if part.kind == "state":
        return states([training])
    lines = [
        *_openings(training.untrained, "untrained", part.gate),
        *_openings(training.cells, "trained", part.gate),
    ]
    if part.kind == "gate" and lines:
        panel = Panel(part.title, tuple(lines), "bars from the last one", y_range=(0.0, 1.0))
        return Picture("Opening of the gate, 0 shut, 1 open", (panel,), 1, part.text)
    return inside([], training.config)


def steps_of(steps: Sequence[StepNorms], name: str) -> tuple[Floats, Floats]:
    """Return the steps of all epochs: epochs that are done at each, and a norm."""
    if not steps:
        return np.empty(0), np.empty(0)
    x = [
        item.epoch - 1 + item.share * (np.arange(len(item.before)) + 1) / len(item.before)
        for item in steps
    ]
    values = [getattr(item, name) for item in steps]
    # A norm that is not a number is one that has grown beyond all numbers.
    found = np.concatenate(values)
    return np.concatenate(x), np.where(np.isnan(found), np.inf, found)


def _result(training: TrainingHistory) -> RunResult:
    assert training.result is not None
    return training.result


def _next_bar(training: TrainingHistory) -> NextBar:
    result = _result(training)
    found = next_bar(next(iter(result.outcomes.values())), result.panel.symbols[0])
    assert found is not None
    return found


def _epochs(training: TrainingHistory, name: str) -> Floats:
    return np.array([getattr(item, name) for item in training.epochs], np.float64)


def _openings(cells: CellStates | None, text: str, only: str = "") -> list[Line]:
    """Return the mean opening of each gate, or of one only, over all layers."""
    if cells is None:
        return []
    x = -cells.lags.astype(float)
    dashed = text == "untrained"
    return [
        Line(
            f"{gate}, {text}", x, cells.openings[:, index].mean(axis=0), color=index, dashed=dashed
        )
        for index, gate in enumerate(cells.gates)
        if only in ("", gate)
    ]


def _bars(title: str, trainings: Trainings, values: Sequence[float]) -> Panel:
    names = tuple(item.name for item in trainings)
    line = Line("", np.arange(float(len(values))), np.array(values, np.float64), "bars")
    return Panel(title, (line,), names=names)


def _side(title: str, panels: Sequence[Panel], *, share: bool = True) -> Picture:
    """Return panels side by side, on one scale."""
    found = shared_range(panels) if share else None
    shown = tuple(replace(panel, y_range=found) for panel in panels) if found else tuple(panels)
    names = ", ".join(panel.title for panel in panels)
    return Picture(title, shown, 2, f"{title}: {names}.")


def _summary(trainings: Trainings, name: str) -> str:
    words = {
        "best_loss": "lowest validation loss",
        "skill": "better than the best baseline in %",
        "largest_norm": "largest norm",
        "reach": "bars reached back",
        "best_shift": "best shift in bars",
        "coverage_80": "share of 80 % bands that held",
    }
    figures = ", ".join(
        f"{item.name} {figures_of(item)[name]:.3g}" for item in trainings if item.result
    )
    return f"{words[name].capitalize()}: {figures}."


def _gates_summary(trainings: Trainings) -> str:
    parts = [
        f"{item.name}: {gate} gate {item.cells.mean_opening(gate):.2f} open"
        for item in trainings
        if item.cells is not None
        for gate in item.cells.gates
    ]
    return ", ".join(parts) + "." if parts else "No gates."
