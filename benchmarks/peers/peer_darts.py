"""Darts at work: serves the tasks of the comparisons in the peers' environment."""

from __future__ import annotations

from typing import Any

from serving import measured, serve, slope

with measured() as IMPORTS:
    import logging
    import warnings

    import numpy as np
    from darts import TimeSeries
    from darts.models import BlockRNNModel
    from darts.utils.likelihood_models.torch import QuantileRegression

warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
CELLS = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}
TRAINER = {
    "accelerator": "cpu",
    "enable_progress_bar": False,
    "logger": False,
    "enable_checkpointing": False,
    "enable_model_summary": False,
}


def series_of(data: str) -> list[TimeSeries]:
    """Return the series, in the single precision in which the others train, each moved and
    scaled to mean 0 and deviation 1.
    """
    given = np.load(data)
    parts = np.split(given["y"], np.cumsum(given["lengths"])[:-1])
    return [
        TimeSeries.from_values(((part - part.mean()) / part.std()).astype(np.float32))
        for part in parts
    ]


def model(
    cell: str, h: int, lookback: int, levels: list[float], batch: int, hidden: int, max_steps: int
) -> BlockRNNModel:
    return BlockRNNModel(
        lookback,
        h,
        model=CELLS[cell],
        hidden_dim=hidden,
        n_rnn_layers=1,
        batch_size=batch,
        n_epochs=10_000,
        likelihood=QuantileRegression(levels),
        random_state=1,
        pl_trainer_kwargs={**TRAINER, "max_steps": max_steps},
    )


def steps(
    data: str,
    cell: str,
    batch: int,
    hidden: int,
    lookback: int,
    h: int,
    levels: list[float],
    few: int,
    many: int,
) -> dict[str, Any]:
    """Return seconds a gradient step: the difference of a longer and a shorter training, by the
    steps it has more.
    """
    series, took = series_of(data), []
    for count in (few, many):
        network = model(cell, h, lookback, levels, batch, hidden, count)
        with measured() as run:
            network.fit(series, dataloader_kwargs={"num_workers": 0})
        took.append(run)
    return slope(took[0], took[1], many - few)


def walk(
    data: str,
    h: int,
    lookback: int,
    levels: list[float],
    test: int,
    refit: int,
    max_steps: int,
    hidden: int,
) -> dict[str, Any]:
    """Walk forward over the last ``test`` bars, one origin a bar, training once or every
    ``refit`` origins.
    """
    series, origins = series_of(data), test - h + 1
    network = model("lstm", h, lookback, levels, 128, hidden, max_steps)
    found = []
    with measured() as run:
        # A model is trained over all series; historical_forecasts would train one for each, so that
        # folds are cut here.
        for first in range(0, origins, refit or origins):
            started = [part[: len(part) - test + first] for part in series]
            network = network.untrained_model()
            network.fit(started)
            many = min(refit or origins, origins - first)
            upto = [part[: len(part) - test + first + many - 1 + h] for part in series]
            found += network.historical_forecasts(
                upto, start=-(many + h - 1), start_format="position", forecast_horizon=h, stride=1,
                retrain=False, overlap_end=False,
                last_points_only=False, predict_likelihood_parameters=True, verbose=False,
                show_warnings=False,
            )  # fmt: skip
    return {"imports": IMPORTS, "run": run, "origins": sum(map(len, found)) // len(series)}


if __name__ == "__main__":
    serve({"steps": steps, "walk": walk})
