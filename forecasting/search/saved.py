"""A search in the store: what identifies it, and its trials as they are written and read back."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, DataError
from forecasting.files.archive import read_archive, write_archive
from forecasting.search.blocks import Blocks
from forecasting.search.space import SearchSpace
from forecasting.series import Floats
from forecasting.store import SearchStore, StoredSearch, StoredTrial, TrialRecord

if TYPE_CHECKING:
    from forecasting.search.trials import SearchPlan, Trial, Trials

#: Most bytes that the losses of a trial, or what all trials share, unpack to.
_MOST_BYTES = 2**30


class SavedSearch:
    """Writes a search to the store while it runs.

    A store that cannot be used costs the way back after a kill, never the search:
    :attr:`problem` then says why.

    Parameters
    ----------
    stored : StoredSearch or None
        As the store has it; None where nothing is to be written.
    trials : sequence of StoredTrial
        Those of an earlier session, by number.

    Attributes
    ----------
    problem : str
        Why nothing is written any more; "" while all is well.
    """

    def __init__(self, stored: StoredSearch | None, trials: Sequence[StoredTrial] = ()) -> None:
        self.stored = stored
        self.earlier = tuple(trials)
        self.problem = ""

    @property
    def key(self) -> str:
        """Return the key of the search; "" where it is not stored."""
        return self.stored.key if self.stored is not None else ""

    @property
    def seconds(self) -> float:
        """Return the seconds that earlier sessions took."""
        return self.stored.seconds if self.stored is not None and self.earlier else 0.0

    def write_trial(self, trial: Trial, seconds: float) -> None:
        """Write a trial as it is now."""
        if self.stored is None:
            return
        record = TrialRecord(
            number=trial.number,
            values=dict(trial.values),
            config=trial.config.to_json(),
            state=trial.state,
            running_loss=tuple(trial.running_loss),
            seconds=trial.seconds,
            at=trial.at,
            reason=trial.reason,
            asked=trial.asked,
            ended=trial.ended,
            unit=trial.unit,
            checked=trial.checked,
            ratios=tuple(trial.ratios),
        )
        losses = _packed({}, {"loss": trial.by_date})
        self._attempt(lambda store: store.put_trial(self.key, StoredTrial(record, losses), seconds))

    def write_shared(self, trials: Trials, seconds: float) -> None:
        """Write what is judged once, with the defaults: baselines and origins."""
        if self.stored is None:
            return
        self.stored = replace(self.stored, shared=_packed_shared(trials), seconds=seconds)
        self._write()

    def finish(self, verdict: Any, best: int, seconds: float) -> None:
        """Write what the look at the test part came to."""
        if self.stored is None:
            return
        result = {"best": best, "verdict": asdict(verdict)}
        text = json.loads(json.dumps(result, default=float))
        self.stored = replace(self.stored, state="finished", result=text, seconds=seconds)
        self._write()
        self._attempt(lambda store: store.drop_running(self.key))

    def _write(self) -> None:
        stored = self.stored
        assert stored is not None
        self._attempt(lambda store: store.update(stored))

    def _attempt(self, work: Any) -> None:
        if self.problem:
            return
        try:
            with SearchStore() as store:
                work(store)
        except CandlecastError as error:
            self.problem = f"{error.message} {error.hint}".strip()


def open_saved(
    blocks: Blocks, config: RunConfig, space: SearchSpace, plan: SearchPlan, sampler: str
) -> SavedSearch:
    """Enter a new search in the store, or find the one that ``plan.resume`` asks for.

    Raises
    ------
    DataError
        ``plan.resume``, and the store has no search of these prices and settings.
    """
    digest = _digest(blocks, config, space, plan, sampler)
    if not plan.resume:
        return _new(blocks, config, space, plan, sampler, digest)
    with SearchStore() as store:
        stored = store.latest(digest)
        if stored is None:
            raise DataError(
                "There is no search of these prices and settings to go on with.",
                "Leave --resume out to begin one; sources, settings, space, blocks and sampler "
                "have to be those of the search that was cut short.",
            )
        return SavedSearch(replace(stored, state="running", result={}), store.trials(stored.key))


def _new(
    blocks: Blocks,
    config: RunConfig,
    space: SearchSpace,
    plan: SearchPlan,
    sampler: str,
    digest: str,
) -> SavedSearch:
    description = {
        "config": json.loads(config.to_json()),
        "space": [_described(dimension) for dimension in space.dimensions],
        "symbols": list(blocks.panel.symbols),
        "sampler": sampler,
        "blocks": plan.blocks,
        "minutes": plan.budget.minutes,
        "trials": plan.budget.trials,
        "arena": plan.arena,
        "workers": plan.workers,
        "only": list(plan.only),
    }
    saved = SavedSearch(None)
    try:
        with SearchStore() as store:
            saved.stored = store.begin(digest, description)
    except CandlecastError as error:
        saved.problem = f"{error.message} {error.hint}".strip()
    return saved


def _digest(
    blocks: Blocks, config: RunConfig, space: SearchSpace, plan: SearchPlan, sampler: str
) -> str:
    """Return what is the same for searches that would try the same settings on the same bars."""
    parts = {
        "prices": [series.fingerprint for series in blocks.panel],
        "config": json.loads(config.changed(device="auto").to_json()),
        "space": [_described(dimension) for dimension in space.dimensions],
        "blocks": plan.blocks,
        "sampler": sampler,
        "arena": plan.arena,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _described(dimension: Any) -> dict[str, Any]:
    """Return a dimension as plain values, without limits that it does not have."""
    return {
        name: value for name, value in asdict(dimension).items() if value == value and value != ()
    }


def described_search(stored: StoredSearch) -> tuple[RunConfig, SearchSpace, SearchPlan]:
    """Return defaults, space and plan of a stored search, ready to go on.

    Raises
    ------
    DataError
        A description that this program does not understand.
    """
    from forecasting.search.space import Dimension
    from forecasting.search.trials import Budget, SearchPlan

    text = stored.description
    try:
        dimensions = tuple(
            Dimension(**{**item, "choices": tuple(item.get("choices", ()))})
            for item in text["space"]
        )
        budget = Budget(float(text["minutes"]), int(text["trials"]))
        plan = SearchPlan(
            budget,
            int(text["blocks"]),
            "random" if text["sampler"] == "random search" else "auto",
            int(text["workers"]),
            arena=bool(text["arena"]),
            resume=True,
        )
        return RunConfig.from_json(json.dumps(text["config"])), SearchSpace(dimensions), plan
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"The search {stored.key} cannot be gone on with: {error}.", "Begin it anew."
        ) from error


def losses_of(stored: StoredTrial, dates: int) -> Floats:
    """Return the losses by date of a stored trial, [N].

    Raises
    ------
    DataError
        Losses that are damaged, or of another number of dates.
    """
    found = _unpacked(stored.losses)[1].get("loss")
    if found is None or found.shape != (dates,):
        raise DataError(
            f"Trial {stored.record.number} of the search is damaged.", "Search anew, not --resume."
        )
    return np.asarray(found, np.float64)


def restore_shared(trials: Trials, stored: StoredSearch) -> bool:
    """Bring back what was judged with the defaults; False where it is not there, or damaged."""
    facts, arrays = _unpacked(stored.shared)
    dates = len(trials.blocks.dates)
    try:
        baselines = {name: arrays[f"baseline.{n}"] for n, name in enumerate(facts["baselines"])}
        origins = [
            set(zip(arrays[f"symbol.{n}"], arrays[f"cutoff.{n}"], strict=True))
            for n in range(int(facts["blocks"]))
        ]
    except (KeyError, ValueError, TypeError):
        return False
    if any(losses.shape != (dates,) for losses in baselines.values()):
        return False
    trials.baselines = dict(baselines)
    trials.relative = bool(facts["relative"])
    trials.restore_origins(origins)
    return len(origins) == trials.blocks.count


def _packed_shared(trials: Trials) -> bytes:
    facts = {
        "baselines": list(trials.baselines),
        "relative": trials.relative,
        "blocks": len(trials.origins),
    }
    arrays: dict[str, Any] = {
        f"baseline.{n}": loss for n, loss in enumerate(trials.baselines.values())
    }
    for n, keys in enumerate(trials.origins):
        ordered = sorted(keys)
        arrays[f"symbol.{n}"] = np.array([symbol for symbol, _ in ordered])
        arrays[f"cutoff.{n}"] = np.array([cutoff for _, cutoff in ordered])
    return _packed(facts, arrays)


def _packed(facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    write_archive(buffer, facts, arrays, compress=True)
    return buffer.getvalue()


def _unpacked(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the facts and arrays of :func:`_packed`; empty where they are damaged."""
    try:
        return read_archive(io.BytesIO(data), _MOST_BYTES)
    except Exception:  # the store is a file that anything may have damaged
        return {}, {}
