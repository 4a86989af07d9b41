"""Our side of the comparisons, in a process of its own like the peers; and the least that torch
needs for the same step.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from serving import measured, serve, slope

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

with measured() as IMPORTS:
    import numpy as np
    import torch
    from torch import Tensor, nn

    from benchmarks.accuracy.panel import known_by
    from forecasting import Panel, RunConfig
    from forecasting.backtest import Work, folds_of, outcomes_of, walk_forward
    from forecasting.config import BacktestConfig
    from forecasting.events import EpochEnd, SplitMade
    from forecasting.sources import source
    from forecasting.training import Fitted, fit
    from forecasting.training.checkpoint import Autosave
    from forecasting.training.step_norms import Rows
    from forecasting.training.trainer import TRAIN_LEVELS, Trainer, untrained
    from forecasting.windows import Split, split_panel

CELLS: dict[str, type[nn.RNN | nn.LSTM | nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def drained(panel: Panel, split: Split, config: RunConfig) -> tuple[Fitted, int]:
    """Train to the end in one thread; return what came out and how many gradient steps it took."""
    training, epochs = fit(panel, split, config, lambda: False), 0
    try:
        while True:
            event = next(training)
            if isinstance(event, SplitMade):
                torch.set_num_threads(1)
            epochs += isinstance(event, EpochEnd) and event.epoch > 0
    except StopIteration as finished:
        return finished.value, epochs * -(-len(split.train) // config.train.batch_size)


def forecast(
    panel: str, into: str, year: int, settings: dict[str, Any], levels: list[float]
) -> dict[str, Any]:
    """Train on what lies before a year, forecast from each origin in it; write the last step's
    quantiles.
    """
    known = known_by(Panel(source(panel).load()), year)
    dates = np.unique(np.concatenate([s.ds for s in known]))
    config = RunConfig().changed(
        **settings, test_size=int((dates >= np.datetime64(f"{year}-01-01")).sum()), device="cpu"
    )
    split = split_panel(known, config.task)
    with measured() as train:
        fitted, steps = drained(known, split, config)
    with measured() as predict:
        outcomes = outcomes_of(
            fitted.forecaster.calibrated(known),
            known,
            split.test,
            config.task.horizon,
            tuple(levels),
        )
    np.savez(
        into,
        symbol=outcomes.symbol.astype(str),
        cutoff=split.test.bar,
        values=outcomes.values[:, -1],
    )
    return {
        "imports": IMPORTS,
        "train": train,
        "predict": predict,
        "steps": steps,
        "trust": fitted.forecaster.trust,
    }


def _run(panel: Panel, config: RunConfig) -> Trainer:
    split = split_panel(panel, config.task)
    windows, forecaster = untrained(panel, split, config, torch.device("cpu"))
    return Trainer(forecaster, windows, split, panel, lambda: False, lambda: False, Autosave(None))


class Steps:
    """Training steps of ours and of a bare loop, on the same windows."""

    def __init__(
        self, panel: str, cell: str, batch: int, hidden: int, lookback: int, h: int, threads: int
    ) -> None:
        torch.manual_seed(0)
        torch.set_num_threads(threads)
        settings = {
            "model": cell,
            "hidden_size": hidden,
            "input_size": lookback,
            "horizon": h,
            "batch_size": batch,
        }
        self.run = _run(
            Panel(source(panel).load()[:20]), RunConfig().changed(**settings, device="cpu")
        )
        self.run.network.train()
        drawn = self.run.objective.sample_epoch(torch.Generator().manual_seed(0))
        self.batches = [some for some in drawn.split(batch) if len(some) == batch]
        every = torch.cat(self.batches)
        self.place = torch.arange(len(every)).split(batch)
        self.inputs, self.targets = (
            self.run.windows.window(every).contiguous(),
            self.run.windows.target(every).contiguous(),
        )
        self.cell = CELLS[cell](self.inputs.shape[-1], hidden, batch_first=True)
        self.head = nn.Linear(hidden, h * len(TRAIN_LEVELS))
        self.levels = torch.tensor(TRAIN_LEVELS)
        self.optimiser = torch.optim.AdamW(
            [*self.cell.parameters(), *self.head.parameters()], lr=5e-4
        )

    def ours(self, count: int) -> None:
        for number in range(count):
            self.run.step(self.batches[number % len(self.batches)], 5e-4)
            self.run._is_not_finite(last=False)

    def bare(self, count: int) -> None:
        # Where gradients vanish over the window they become denormal numbers, with which a
        # processor is slow: a plain RNN's step took 4.3 ms or, after some hundred steps, 7.7. The
        # rival is measured at its best.
        torch.set_flush_denormal(True)
        for number in range(count):
            rows = self.place[number % len(self.place)]
            outputs, _ = self.cell(self.inputs[rows])
            error = self.targets[rows].unsqueeze(-1) - self.head(outputs[:, -1]).view(
                len(rows), -1, len(self.levels)
            )
            loss: Tensor = torch.maximum(self.levels * error, (self.levels - 1) * error).mean()
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        torch.set_flush_denormal(False)


_PREPARED: dict[str, Steps] = {}


def steps(key: str, who: str, few: int, many: int, **words: Any) -> dict[str, Any]:
    """Return seconds a gradient step, measured as the peers' is: a longer less a shorter run."""
    if key not in _PREPARED:
        _PREPARED.clear()
        _PREPARED[key] = Steps(**words)
        _PREPARED[key].ours(3)
        _PREPARED[key].bare(3)
    loop = getattr(_PREPARED[key], who)
    took = []
    for count in (few, many):
        with measured() as run:
            loop(count)
        took.append(run)
    _PREPARED[key].run.seen = Rows()
    return slope(took[0], took[1], many - few)


def walk(
    panel: str,
    series: int,
    h: int,
    test: int,
    refit: int,
    settings: dict[str, Any],
    levels: list[float],
) -> dict[str, Any]:
    """Walk forward in this process, one origin a bar, without baselines."""
    loaded = Panel(source(panel).load()[:series])
    config = RunConfig().changed(**settings, horizon=h, test_size=test, device="cpu")
    work = Work(loaded, config, BacktestConfig(refit=refit), tuple(levels), ())
    starts = [None if fold.number == 1 else fold.test_start for fold in folds_of(work)]
    batches = [
        -(-len(split_panel(loaded, config.task, test_start=start).train) // config.train.batch_size)
        for start in starts
    ]
    with measured() as run:
        walking = walk_forward(work, lambda: False)
        try:
            while True:
                next(walking)
        except StopIteration as finished:
            folds = finished.value
    outcomes = [fold.outcomes[config.model.model.upper()] for fold in folds]
    origins = len(np.unique(np.concatenate([o.cutoff for o in outcomes])))
    return {
        "imports": IMPORTS,
        "run": run,
        "origins": origins,
        "steps": config.train.epochs * sum(batches) / len(batches),
    }


if __name__ == "__main__":
    serve({"forecast": forecast, "steps": steps, "walk": walk})
