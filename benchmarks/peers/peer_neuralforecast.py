"""neuralforecast at work: serves the tasks of the comparisons in the peers' environment."""

from __future__ import annotations

from typing import Any

from serving import measured, serve, slope

with measured() as IMPORTS:
    import logging

    import numpy as np
    import pandas as pd
    from neuralforecast import NeuralForecast
    from neuralforecast.losses.pytorch import MQLoss
    from neuralforecast.models import GRU, LSTM, RNN

logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
CELLS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
QUIET = {
    "accelerator": "cpu",
    "enable_progress_bar": False,
    "logger": False,
    "enable_checkpointing": False,
    "enable_model_summary": False,
}


def frame(symbols: Any, lengths: Any, y: Any) -> pd.DataFrame:
    """Return the long frame that the library reads; bars are numbered, so that no holiday is a
    gap.
    """
    ds = np.concatenate([np.arange(n) for n in lengths])
    return pd.DataFrame({"unique_id": np.repeat(symbols, lengths), "ds": ds, "y": y})


def model(
    cell: str, h: int, lookback: int, levels: list[float], seed: int = 1, **settings: Any
) -> Any:
    return CELLS[cell](
        h=h,
        input_size=lookback,
        loss=MQLoss(quantiles=levels),
        random_seed=seed,
        **{**QUIET, **settings},
    )


def forecast(
    data: str,
    into: str,
    h: int,
    lookback: int,
    levels: list[float],
    test: int,
    seed: int,
    **settings: Any,
) -> dict[str, Any]:
    """Train on all but the last ``test`` bars of each series, forecast from each later origin;
    write the last step's quantiles.
    """
    given = np.load(data)
    whole = frame(given["symbols"], given["lengths"], given["y"])
    known = whole[whole["ds"] < np.repeat(given["lengths"] - test, given["lengths"])]
    library = NeuralForecast([model("lstm", h, lookback, levels, seed, **settings)], freq=1)
    with measured() as train:
        library.fit(known)
    with measured() as predict:
        found = library.cross_validation(
            whole, use_fitted=True, test_size=test, n_windows=None, step_size=1
        )
    last = found[found["ds"] - found["cutoff"] == h].sort_values(
        ["unique_id", "cutoff"], kind="stable"
    )
    names = [f"LSTM{name}" for name in MQLoss(quantiles=levels).output_names]
    np.savez(
        into,
        symbol=last["unique_id"].to_numpy(str),
        cutoff=last["cutoff"].to_numpy(),
        values=last[names].to_numpy(np.float64),
    )
    return {"imports": IMPORTS, "train": train, "predict": predict}


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
    given = np.load(data)
    whole = frame(given["symbols"], given["lengths"], given["y"])
    took = []
    for count in (few, many):
        settings = {
            "encoder_n_layers": 1,
            "encoder_hidden_size": hidden,
            "decoder_layers": 1,
            "windows_batch_size": batch,
        }
        library = NeuralForecast(
            [model(cell, h, lookback, levels, max_steps=count, **settings)], freq=1
        )
        with measured() as run:
            library.fit(whole)
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
    given = np.load(data)
    whole = frame(given["symbols"], given["lengths"], given["y"])
    settings = {"encoder_n_layers": 1, "encoder_hidden_size": hidden, "decoder_layers": 1}
    library = NeuralForecast(
        [model("lstm", h, lookback, levels, max_steps=max_steps, **settings)], freq=1
    )
    with measured() as run:
        found = library.cross_validation(
            whole, n_windows=None, test_size=test, step_size=1, refit=refit or False
        )
    return {"imports": IMPORTS, "run": run, "origins": int(found["cutoff"].nunique())}


if __name__ == "__main__":
    serve({"forecast": forecast, "steps": steps, "walk": walk})
