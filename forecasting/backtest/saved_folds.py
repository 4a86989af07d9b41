"""Finished folds on disk, so that a walk-forward test that was cut short goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from forecasting import __version__
from forecasting.backtest.work import FoldRun, Work
from forecasting.config import GROUPS, BacktestConfig, Settings
from forecasting.errors import CandlecastError, ConfigError, ExportError
from forecasting.files.archive import read_archive, write_archive
from forecasting.files.atomic import atomic_open, atomic_write, remove_stale
from forecasting.files.bounded_read import read_regular_file, regular_file
from forecasting.series import Outcomes

_FORMAT = 2
#: Most bytes of the description of a test.
_MOST_BYTES = 8 * 2**20
_PLAN = "backtest.json"
_FACTS = ("number", "folds", "epochs", "best_epoch", "device", "stopped", "base")
_ARRAYS = ("symbol", "cutoff", "ds", "y0", "y", "values", "scale", "rms_scale", "mean")


class SavedFolds:
    """A folder with one file a finished fold, and a description of the test that they belong to.

    Parameters
    ----------
    folder : Path
        Made where it is not there; goes on with what is in it otherwise.
    work : Work
        The test.

    Raises
    ------
    ConfigError
        The folder holds folds of other settings, other prices, or something else.
    ExportError
        The folder cannot be written.
    """

    def __init__(self, folder: Path, work: Work) -> None:
        self.folder = folder
        asked = _described(work)
        remove_stale(folder, "" if (folder / _PLAN).is_file() else _PLAN)
        if folder.exists() and (
            not folder.is_dir() or (any(folder.iterdir()) and not (folder / _PLAN).is_file())
        ):
            raise ConfigError(
                f"{folder} is there already and holds no folds of a backtest.",
                "Name a folder that is new or empty.",
            )
        if (folder / _PLAN).is_file():
            _refuse_another(folder, asked)
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ExportError(
                f"The folder {folder} cannot be made: {error.strerror}.", "Choose another place."
            ) from error
        atomic_write(folder / _PLAN, json.dumps(asked, indent=1).encode())

    def __getitem__(self, number: int) -> FoldRun | None:
        """Return a finished fold; None where it is not there, or damaged."""
        return read_fold(self.file(number))

    def file(self, number: int) -> Path:
        """Return the file of a fold."""
        return self.folder / f"fold-{number:05}.npz"

    def keep(self, run: FoldRun) -> None:
        """Write a finished fold."""
        write_fold(self.file(run.number), run)


def write_fold(path: Path, run: FoldRun) -> None:
    """Write a fold whole or not at all.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    facts = {name: getattr(run, name) for name in _FACTS}
    levels = {name: item.quantiles for name, item in run.outcomes.items()}
    arrays = {
        f"{index}.{name}": getattr(item, name)
        for index, item in enumerate(run.outcomes.values())
        for name in _ARRAYS
    }
    with atomic_open(path) as part, part.open("wb") as file:
        write_archive(file, {**facts, "quantiles": levels}, arrays)


def read_fold(path: Path) -> FoldRun | None:
    """Read what :func:`write_fold` wrote; None where there is no file, or a damaged one: its
    fold has to be run again.
    """
    try:
        with regular_file(path).open("rb") as file:
            facts, arrays = read_archive(file)
        outcomes = {}
        for index, (name, quantiles) in enumerate(facts.pop("quantiles").items()):
            fields = {field: arrays[f"{index}.{field}"] for field in _ARRAYS}
            outcomes[name] = Outcomes(model=name, quantiles=tuple(quantiles), **fields)
        return FoldRun(outcomes=outcomes, **facts)
    except Exception:  # a damaged file can hold anything
        return None


def _described(work: Work) -> dict[str, Any]:
    """Return everything that decides the numbers, in an order in which differences are best
    told.
    """
    return {
        "format": _FORMAT,
        "program": {"version": __version__},
        **{
            group: dict(values)
            for group, values in work.config.model_dump(mode="json").items()
            if isinstance(values, dict)
        },
        "plan": work.plan.model_dump(mode="json"),
        "quantiles": {"levels": list(work.quantiles)},
        "baselines": {"names": list(work.baselines)},
        "prices": {series.symbol: series.fingerprint for series in work.panel},
    }


def _refuse_another(folder: Path, asked: dict[str, Any]) -> None:
    """Compare the description in the folder with that of the test at hand; the first difference
    is told.
    """
    try:
        found = json.loads(read_regular_file(folder / _PLAN, _MOST_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{folder / _PLAN} cannot be read: {error}.", "Name a new folder."
        ) from error
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise ConfigError(
            f"{folder} was written by another version of the program.", "Name a new folder."
        )
    for group, wanted in asked.items():
        have = _with_defaults(group, found.get(group))
        if have != wanted:
            raise _other(folder, group, have if isinstance(have, dict) else {}, wanted)


def _with_defaults(group: str, have: Any) -> Any:
    """Fill in the defaults of settings that did not exist yet when a description was written:
    folds were run as these say.
    """
    groups: dict[str, type[Settings]] = {**GROUPS, "plan": BacktestConfig}
    settings = groups.get(group)
    if settings is None or not isinstance(have, dict):
        return have
    return settings().model_dump(mode="json") | have


def _other(
    folder: Path, group: str, have: dict[str, Any], wanted: dict[str, Any]
) -> CandlecastError:
    name = next(key for key in (*wanted, *have, "") if have.get(key) != wanted.get(key))
    hint = "Name a new folder, or run with the same sources and settings as before."
    if group == "prices":
        return ConfigError(
            f"{folder} was begun with other prices: {name} has {wanted.get(name)} here and "
            f"{have.get(name)} there.",
            hint,
        )
    text = " ".join(f"{name} = {wanted.get(name)} here and {have.get(name)} there".split("_"))
    return ConfigError(f"{folder} was begun with other settings: {text}.", hint)
