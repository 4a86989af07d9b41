"""Every finished run, kept so that it can be found, compared, shown and done again: settings,
prices by their hash, scores, curves.
"""

from __future__ import annotations

import hashlib
import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator

from forecasting.config import RunConfig, Settings
from forecasting.errors import CandlecastError, DataError
from forecasting.events import (
    BacktestFinished,
    EpochEnd,
    NetworkAdds,
    RunInfo,
    RunResult,
    SplitMade,
    Verdict,
)
from forecasting.evidence import MIN_ORIGINS
from forecasting.files.archive import check_crc32, crc32, inflated
from forecasting.metrics import profile
from forecasting.series import Floats, Forecast, Outcomes, Panel, PriceSeries
from forecasting.store.database import Database, text_of
from forecasting.store.outcomes import (
    NONE_KEPT,
    StoredOutcomes,
    is_date,
    pack_outcomes,
    unpack_outcomes,
)

Kind = Literal["training", "backtest"]

#: Most numbers of the curves of one run: 64 MB.
MOST_NUMBERS = 8 * 2**20
#: Most letters of a note, of a name, and of all tags of a run.
LONGEST_NOTE, LONGEST_NAME, LONGEST_TAGS = 4000, 200, 500
_TEXT, _LINE = 65_536, 4096
_MARKUP = re.compile(r"<(?=[A-Za-z/!])")
_ROW = "key, made_at, record, curves, notes, checksum"
_INSERT = f"INSERT OR IGNORE INTO run ({_ROW}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 - names of our own
_INSERT_OUTCOMES = (
    "INSERT OR IGNORE INTO run_outcomes (run, told, checksum) SELECT ?, ?, ? WHERE "
    "EXISTS (SELECT 1 FROM run WHERE key = ?)"
)
_INSERT_LABEL = (
    "INSERT OR REPLACE INTO run_label (run, name, tags) SELECT ?, ?, ? WHERE "
    "EXISTS (SELECT 1 FROM run WHERE key = ?)"
)
_INSERT_CANDLES = (
    "INSERT OR IGNORE INTO run_candles (run) SELECT ? WHERE EXISTS "
    "(SELECT 1 FROM run WHERE key = ?)"
)


class RunSeries(Settings):
    """One series of a run: what loads it again, and what it is recognised by.

    Attributes
    ----------
    symbol : str
    reference : str
        Path, ``yahoo:TICKER`` or ``sample:NAME``.
    request : str
        All that was settled about the reading, as JSON of a ``Request``; "" where nothing was.
    fingerprint : str
        :attr:`PriceSeries.fingerprint` of the bars alone; "" where they were not at hand.
    inputs : dict of str to str
        A hash of each input of the user by its name.
    """

    symbol: str = Field(max_length=400)
    reference: str = Field("", max_length=_LINE)
    request: str = Field("", max_length=_TEXT)
    fingerprint: str = Field("", max_length=200)
    inputs: dict[str, str] = Field({}, max_length=1000)

    @classmethod
    def of(cls, series: PriceSeries, request: str = "") -> RunSeries:
        """Return what a run keeps of a series."""
        bars = replace(series, exog=())
        inputs = {column.name: column.digest() for column in series.exog}
        return cls(
            symbol=series.symbol,
            reference=series.provenance.source,
            request=request,
            fingerprint=bars.fingerprint,
            inputs=inputs,
        )


#: What a verdict tells of single parts of a forecast.
_PARTS = ("network_adds", "inputs_add")


class _Adds(Settings):
    skill: float | None
    p_value: float | None


class _Judged(Settings):
    outcome: Literal["beats", "ties", "loses"]
    sentence: str = Field(max_length=_LINE)
    skill: float | None
    p_value: float | None
    reference: str = Field(max_length=200)
    notes: tuple[str, ...] = Field((), max_length=100)
    tries: int = 1
    independent: float | None = None
    network_adds: _Adds | None = None
    inputs_add: _Adds | None = None

    @property
    def few(self) -> bool:
        """Whether too few independent origins were there to decide anything; False in runs that
        did not keep their number.
        """
        return self.independent is not None and self.independent < MIN_ORIGINS

    @field_validator("sentence", "reference", "notes")
    @classmethod
    def _without_markup(cls, told: str | tuple[str, ...]) -> str | tuple[str, ...]:
        """Take the meaning from what a stranger's file might want to be shown as markup;
        ``p < 0.001`` stays.
        """
        return (
            _MARKUP.sub("‹", told)
            if isinstance(told, str)
            else tuple(_MARKUP.sub("‹", item) for item in told)
        )


class _Shape(Settings):
    """What the numbers of one forecast are: which of them are dates, and which quantiles; the
    mean comes last.
    """

    symbol: str = Field(max_length=400)
    model: str = Field(max_length=200)
    steps: int = Field(ge=1, le=1000)
    quantiles: tuple[float, ...] = Field(min_length=1, max_length=1000)
    mean: bool = False

    @property
    def size(self) -> int:
        """Numbers of the forecast: cutoff, value there, dates, values, and the mean where there
        is one.
        """
        return 2 + self.steps * (1 + len(self.quantiles) + self.mean)


class RunRecord(Settings):
    """A run but for its curves. JSON both ways; validated wherever it is read.

    Attributes
    ----------
    kind : str
        ``training`` or ``backtest``.
    made_at : str
        ISO time (UTC) of its end.
    config : str
        The settings as JSON, for ``RunConfig.from_json``.
    series : tuple of RunSeries
    scores : dict
        Metric by model name, the network first; None where there is nothing to tell.
    beside : tuple of str
        Requests, as JSON, of series that are not forecast but that what is forecast is made of: the
        other one of a ratio or a spread.
    """

    version: Literal[1] = 1
    kind: Kind = "training"
    made_at: str = Field(max_length=40)
    config: str = Field(max_length=_TEXT)
    series: tuple[RunSeries, ...] = Field(min_length=1, max_length=5000)
    device: str = Field(max_length=200)
    seed: int
    epochs: int = Field(ge=0)
    best_epoch: int = Field(ge=0)
    stopped: Literal["epochs", "early", "user"]
    seconds: float = Field(ge=0, allow_inf_nan=False)
    versions: dict[str, str] = Field({}, max_length=100)
    scores: dict[str, dict[str, float | None]]
    verdict: _Judged
    val_start: str = Field("", max_length=40)
    test_start: str = Field("", max_length=40)
    windows: dict[str, int] = Field({}, max_length=10)
    parameters: int = 0
    history: int = Field(0, ge=0, le=1_000_000)
    columns: tuple[str, ...] = Field((), max_length=64)
    forecasts: tuple[_Shape, ...] = Field((), max_length=5000)
    baselines: tuple[_Shape, ...] = Field((), max_length=5000)
    beside: tuple[str, ...] = Field((), max_length=16)

    @property
    def numbers(self) -> int:
        """How many numbers the curves are."""
        return self.history * len(self.columns) + sum(
            shape.size for shape in (*self.forecasts, *self.baselines)
        )


@dataclass(frozen=True, eq=False)
class Curves:
    """What is drawn of a run.

    Attributes
    ----------
    history : tuple of EpochEnd
    forecasts, baselines : tuple of Forecast
        One a series; the baseline's beside the network's.
    """

    history: tuple[EpochEnd, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    baselines: tuple[Forecast, ...] = ()


@dataclass(frozen=True)
class StoredRun:
    """A run of the store.

    Attributes
    ----------
    key : str
        Short name, made of its contents.
    record : RunRecord
    notes : str
        What the user wrote.
    name : str
        What the user calls it.
    tags : tuple of str
        Words by which the user finds it again, in order.
    candles : bool
        Whether its forecast is drawn as whole candles.
    """

    key: str
    record: RunRecord
    notes: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    candles: bool = False

    @property
    def symbols(self) -> str:
        """Names of the series: ``SPY``, or ``SPY, QQQ, IWM and 2 more``."""
        names = [item.symbol for item in self.record.series]
        return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

    @cached_property
    def config(self) -> RunConfig:
        """The settings; ConfigError where this program does not know them."""
        return RunConfig.from_json(self.record.config)

    @property
    def model(self) -> str:
        """Name of the network in the table of scores."""
        return next(iter(self.record.scores), "")

    @property
    def horizon(self) -> int:
        """Bars ahead; 0 where the settings cannot be read."""
        if self.record.forecasts:
            return self.record.forecasts[0].steps
        try:
            return self.config.task.horizon
        except CandlecastError:
            return 0

    def score(self, metric: str) -> float:
        """Return a score of the network; NaN where there is none."""
        found = self.record.scores.get(self.model, {}).get(metric)
        return math.nan if found is None else found

    @property
    def skill(self) -> float:
        """Gain over the reference of the verdict; NaN where unknown."""
        return math.nan if self.record.verdict.skill is None else self.record.verdict.skill


class RunStore(Database):
    """The runs in the store's file; parameters and errors as of :class:`Database`.

    A damaged run is left out, and :attr:`findings` says so.
    """

    def add(
        self, record: RunRecord, curves: bytes, outcomes: bytes = b"", notes: str = ""
    ) -> StoredRun:
        """Keep a run, as :func:`recorded` made it; one that is there already stays as it is,
        notes included.
        """
        text = record.model_dump_json()
        key = hashlib.sha256(text.encode()).hexdigest()[:10]
        row = (key, record.made_at, text, curves, notes, crc32(text, curves))
        message = [(key, outcomes, crc32(outcomes), key)] if outcomes else []
        self._guarded(lambda: self._do((_INSERT, [row]), (_INSERT_OUTCOMES, message)))
        return StoredRun(key, record, notes)

    def runs(self) -> tuple[StoredRun, ...]:
        """Return all runs, latest first."""
        with_curves = self._guarded(lambda: self._rows("", ()))
        labels = {row[0]: row[1:3] for row in self._guarded(lambda: self._labels(""))}
        drawn = {row[0] for row in self._guarded(lambda: self._as_candles(""))}
        found = (self._kept(key, row) for key, *row in with_curves)
        return tuple(
            replace(_labelled(run, labels.get(run.key)), candles=run.key in drawn)
            for run in found
            if run is not None
        )

    def find(self, key: str) -> tuple[StoredRun, Curves]:
        """Return a run by its key, or by as many first letters of it as tell it from the others.

        Raises
        ------
        DataError
            No run has that key, or several begin so.
        """
        rows = (
            self._guarded(lambda: self._rows("WHERE substr(key, 1, ?) = ?", (len(key), key)))
            if key
            else []
        )
        if len(rows) != 1:
            text = "Several runs begin with" if rows else "There is no run"
            raise DataError(f"{text} {key!r}.", "`candlecast runs list` shows all of them.")
        (name, *row), kept = rows[0], self._kept(rows[0][0], rows[0][1:])
        if kept is None:
            raise DataError(f"The run {name} is damaged.", "Delete it.")
        labels = self._guarded(lambda: self._labels("WHERE run = ?", (name,)))
        drawn = bool(self._guarded(lambda: self._as_candles("WHERE run = ?", (name,))))
        found = replace(_labelled(kept, labels[0][1:3] if labels else None), candles=drawn)
        return found, unpacked(kept.record, row[2])

    def outcomes(self, key: str) -> StoredOutcomes:
        """Return what was kept of the outcomes of a run, by its whole key; without any it says why.

        Raises
        ------
        DataError
            Outcomes that are damaged.
        """
        rows = self._guarded(lambda: self._told(key))
        if not rows:
            return NONE_KEPT
        ((_, data, checksum, _),) = rows
        if not isinstance(data, bytes) or crc32(data) != checksum:
            raise DataError(
                f"The outcomes of the run {key} do not match their checksum.",
                "Delete the run, or reproduce it.",
            )
        return unpack_outcomes(data)

    def delete(self, keys: Iterable[str]) -> Deleted:
        """Take runs out, and return what :meth:`put_back` needs; keys that are not there are
        passed over.
        """
        wanted = tuple(keys)

        def work() -> Deleted:
            rows = [row for key in wanted for row in self._rows("WHERE key = ?", (key,))]
            texts = [row for key in wanted for row in self._told(key)]
            labels = [row for key in wanted for row in self._labels("WHERE run = ?", (key,))]
            drawn = [row for key in wanted for row in self._as_candles("WHERE run = ?", (key,))]
            self._do(("DELETE FROM run WHERE key = ?", [(key,) for key in wanted]))
            return Deleted(tuple(rows), tuple(texts), tuple(labels), tuple(drawn))

        return self._guarded(work)

    def put_back(self, deleted: Deleted) -> None:
        """Undo :meth:`delete`."""
        self._guarded(
            lambda: self._do(
                (_INSERT, deleted.rows),
                (_INSERT_OUTCOMES, deleted.outcomes),
                (_INSERT_LABEL, deleted.labels),
                (_INSERT_CANDLES, deleted.candles),
            )
        )

    def note(self, key: str, notes: str) -> None:
        """Write the notes of a run, at most :data:`LONGEST_NOTE` letters of them."""
        self._guarded(
            lambda: self._do(
                ("UPDATE run SET notes = ? WHERE key = ?", [(notes[:LONGEST_NOTE], key)])
            )
        )

    def label(self, key: str, name: str, tags: Sequence[str]) -> None:
        """Write name and tags of a run; of a run that is not there nothing is written."""
        row = (key, name.strip()[:LONGEST_NAME], " ".join(_tags(tags)), key)
        self._guarded(lambda: self._do((_INSERT_LABEL, [row])))

    def draw_candles(self, key: str, on: bool) -> None:
        """Keep whether the forecast of a run is drawn as whole candles; of a run that is not there
        nothing is written.
        """
        drawn = (_INSERT_CANDLES, [(key, key)])
        plain = ("DELETE FROM run_candles WHERE run = ?", [(key,)])
        self._guarded(lambda: self._do(drawn if on else plain))

    def _do(self, *work: tuple[str, Sequence[Sequence[object]]]) -> None:
        """Carry out statements, each with all its rows: all of it or nothing."""
        with self._writing() as db:
            for statement, rows in work:
                db.executemany(statement, rows)

    def _told(self, key: str) -> list[tuple[Any, ...]]:
        """Return the row of a run's outcomes as :data:`_INSERT_OUTCOMES` takes it."""
        with self._reading() as db:
            return db.execute(
                "SELECT run, told, checksum, run FROM run_outcomes WHERE run = ?", (key,)
            ).fetchall()

    def _labels(self, where: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Return rows of labels as :data:`_INSERT_LABEL` takes them."""
        with self._reading() as db:
            query = f"SELECT run, name, tags, run FROM run_label {where}"  # noqa: S608
            return db.execute(query, values).fetchall()

    def _as_candles(self, where: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Return rows of runs that are drawn as candles, as :data:`_INSERT_CANDLES` takes them."""
        with self._reading() as db:
            return db.execute(f"SELECT run, run FROM run_candles {where}", values).fetchall()  # noqa: S608

    def _rows(self, where: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._reading() as db:
            query = f"SELECT {_ROW} FROM run {where} ORDER BY made_at DESC, id DESC"  # noqa: S608
            return db.execute(query, values).fetchall()

    def _kept(self, key: object, row: Sequence[object]) -> StoredRun | None:
        text = f"The run {key} in the store is damaged and is left out."
        return self._decoded(partial(_run, key, row), "run_damaged", text)


def _run(key: object, row: Sequence[Any]) -> StoredRun:
    """Return a run as it was written, without its curves; any error where a column does not hold
    what it should.
    """
    _made_at, text, curves, notes, checksum = row
    text_of(key, text, notes)
    check_crc32(checksum, text, curves)
    return StoredRun(str(key), RunRecord.model_validate_json(text), notes)


def _labelled(run: StoredRun, label: Sequence[Any] | None) -> StoredRun:
    """Return a run with its name and tags; what is no text is left out."""
    if label is None:
        return run
    name, tags = (text if isinstance(text, str) else "" for text in label)
    return replace(run, name=name, tags=tuple(tags.split()))


def _tags(tags: Sequence[str]) -> list[str]:
    """Return tags without blanks or doubles, as many as are stored."""
    words = dict.fromkeys(word.strip(",;#") for tag in tags for word in tag.split())
    found: list[str] = []
    for word in words:
        if word and len(" ".join([*found, word])) <= LONGEST_TAGS:
            found.append(word)
    return found


@dataclass(frozen=True)
class Deleted:
    """Runs that were taken out of the store, as they were there."""

    rows: tuple[tuple[object, ...], ...]
    outcomes: tuple[tuple[object, ...], ...] = ()
    labels: tuple[tuple[object, ...], ...] = ()
    candles: tuple[tuple[object, ...], ...] = ()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.rows)


def recorded(
    result: RunResult, requests: Mapping[str, str] | None = None
) -> tuple[RunRecord, bytes, bytes]:
    """Return a finished training as it is kept: the record, the packed curves and the packed
    outcomes.

    Parameters
    ----------
    result : RunResult
    requests : mapping of str to str, optional
        Symbol to the request that loads it, as JSON.
    """
    split = result.split
    record = RunRecord(
        **_common(result.config, result.info, result.scores, result.verdict),
        series=tuple(
            RunSeries.of(item, (requests or {}).get(item.symbol, "")) for item in result.panel
        ),
        val_start=str(split.val_start),
        test_start=str(split.test_start),
        windows={str(part): count for part, count in split.windows.items()},
        parameters=split.parameters,
        history=len(result.history),
        columns=tuple(item.name for item in fields(EpochEnd)),
        forecasts=tuple(_shape(item) for item in result.forecasts),
        baselines=tuple(_shape(item) for item in result.baseline_forecasts),
        beside=_beside(result.config, requests or {}),
    )
    return (
        record,
        packed(Curves(result.history, result.forecasts, result.baseline_forecasts)),
        _packed(result.outcomes),
    )


def _beside(config: RunConfig, requests: Mapping[str, str]) -> tuple[str, ...]:
    """Return the requests of the series that the target of a run is made of beside its own."""
    _, colon, name = config.task.target_column.partition(":")
    other = name.strip().casefold()
    return tuple(text for symbol, text in requests.items() if colon and symbol.casefold() == other)


def recorded_backtest(
    finished: BacktestFinished, panel: Panel, requests: Mapping[str, str] | None = None
) -> tuple[RunRecord, bytes, bytes]:
    """Return a finished walk-forward test as it is kept, without curves.

    Parameters as :func:`recorded`.
    """
    record = RunRecord(
        **_common(finished.config, finished.info, finished.scores, finished.verdict),
        kind="backtest",
        series=tuple(RunSeries.of(item, (requests or {}).get(item.symbol, "")) for item in panel),
    )
    return record, packed(Curves()), _packed(finished.outcomes)


def _packed(outcomes: Mapping[str, Outcomes]) -> bytes:
    return pack_outcomes(outcomes, {name: profile(item) for name, item in outcomes.items()})


def packed(curves: Curves) -> bytes:
    """Return curves as compressed numbers; :class:`RunRecord` tells what they are."""
    parts = [np.array([list(asdict(end).values()) for end in curves.history], np.float64).ravel()]
    for item in (*curves.forecasts, *curves.baselines):
        stamps = (
            np.r_[item.cutoff.astype("datetime64[us]"), item.ds].astype(np.int64).astype(np.float64)
        )
        parts += [
            np.r_[stamps[:1], item.y0, stamps[1:]],
            item.values.ravel(),
            item.mean if item.mean is not None else np.empty(0),
        ]
    return zlib.compress(np.concatenate(parts).astype("<f8").tobytes())


def unpacked(record: RunRecord, data: bytes) -> Curves:
    """Return the curves of a record; no more is unpacked than the record tells of.

    Raises
    ------
    DataError
        Curves that are damaged, too many, or not those of the record.
    """
    size = record.numbers * 8
    try:
        if record.numbers > MOST_NUMBERS:
            raise ValueError("more than any run has")
        numbers = np.frombuffer(inflated(data, size), "<f8").astype(np.float64)
        wide = len(record.columns)
        table, rest = (
            numbers[: record.history * wide].reshape(record.history, wide),
            numbers[record.history * wide :],
        )
        history = tuple(_epoch(record.columns, row) for row in table)
        found = []
        for shape in (*record.forecasts, *record.baselines):
            found.append(_forecast(shape, rest[: shape.size]))
            rest = rest[shape.size :]
    except (zlib.error, ValueError, TypeError, OverflowError) as error:
        raise DataError(
            f"The curves of a run of {record.series[0].symbol} are damaged: {error}.",
            "Delete the run.",
        ) from error
    return Curves(
        history, tuple(found[: len(record.forecasts)]), tuple(found[len(record.forecasts) :])
    )


def restored(
    kept: StoredRun, curves: Curves, panel: Panel, told: StoredOutcomes = NONE_KEPT
) -> RunResult:
    """Return a kept training as a result to be shown beside the prices that are loaded now.

    Raises
    ------
    ConfigError
        Settings that this program does not know.
    DataError
        A run without a split: a walk-forward test.
    """
    record = kept.record
    try:
        val_start, test_start = starts = np.array(
            [record.val_start, record.test_start], "datetime64[us]"
        )
        if np.isnat(starts).any():
            raise ValueError(starts)
    except ValueError as error:
        raise DataError(f"The run {kept.key} does not tell its parts.", "Delete it.") from error
    have = record.windows
    windows: dict[Literal["train", "val", "test"], int] = {
        name: have.get(name, 0) for name in ("train", "val", "test")
    }
    split = SplitMade(val_start, test_start, windows, record.parameters, record.device)
    drawn = (curves.history, curves.forecasts, curves.baselines)
    judged = (told.outcomes, restored_scores(record), restored_verdict(record))
    return RunResult(
        kept.config,
        panel,
        split,
        *drawn,
        *judged,
        _info(record),
        told.profiles,
        told.lacking,
        candles=kept.candles,
    )


def restored_backtest(kept: StoredRun, told: StoredOutcomes = NONE_KEPT) -> BacktestFinished:
    """Return a kept walk-forward test as it ended; ConfigError for settings that this program
    does not know.
    """
    record = kept.record
    return BacktestFinished(
        kept.config, told.outcomes, restored_scores(record), restored_verdict(record), _info(record)
    )


def restored_verdict(record: RunRecord) -> Verdict:
    """Return the verdict of a kept run."""
    judged = record.verdict
    numbers = {name: _number(getattr(judged, name)) for name in ("skill", "p_value", "independent")}
    added = {name: _restored_adds(getattr(judged, name)) for name in _PARTS}
    return Verdict(**{**judged.model_dump(), **numbers, **added})


def _restored_adds(adds: _Adds | None) -> NetworkAdds | None:
    return None if adds is None else NetworkAdds(_number(adds.skill), _number(adds.p_value))


def restored_scores(record: RunRecord) -> dict[str, dict[str, float]]:
    """Return the scores of a kept run, by model and metric; NaN where there is none."""
    return {
        model: {name: _number(value) for name, value in row.items()}
        for model, row in record.scores.items()
    }


def _common(
    config: RunConfig, info: RunInfo, scores: Mapping[str, Mapping[str, float]], verdict: Verdict
) -> dict[str, object]:
    judged = {
        **asdict(verdict),
        **{name: _or_none(getattr(verdict, name)) for name in ("skill", "p_value", "independent")},
    }
    for part in _PARTS:
        adds: NetworkAdds | None = getattr(verdict, part)
        if adds is not None:
            judged[part] = {name: _or_none(value) for name, value in asdict(adds).items()}
    return {
        "made_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "config": config.to_json(),
        "device": info.device,
        "seed": info.seed,
        "epochs": info.epochs,
        "best_epoch": info.best_epoch,
        "stopped": info.stopped,
        "seconds": info.seconds,
        "versions": dict(info.versions),
        "scores": {
            model: {name: _or_none(value) for name, value in row.items()}
            for model, row in scores.items()
        },
        "verdict": judged,
    }


def _shape(forecast: Forecast) -> _Shape:
    mean = forecast.mean is not None
    return _Shape(
        symbol=forecast.symbol,
        model=forecast.model,
        steps=len(forecast),
        quantiles=forecast.quantiles,
        mean=mean,
    )


def _forecast(shape: _Shape, numbers: Floats) -> Forecast:
    stamps = np.r_[numbers[:1], numbers[2 : 2 + shape.steps]]
    if not np.isfinite(numbers).all():
        raise ValueError("numbers that are not finite")
    if np.abs(stamps).max() > 2**62 or not is_date(stamps.astype(np.int64)):
        raise ValueError("a date that is none")
    ds = stamps.astype(np.int64).view("datetime64[us]")
    values = numbers[2 + shape.steps :][: shape.steps * len(shape.quantiles)].reshape(
        shape.steps, len(shape.quantiles)
    )
    mean = numbers[-shape.steps :] if shape.mean else None
    return Forecast(
        shape.symbol, shape.model, ds[0], float(numbers[1]), ds[1:], shape.quantiles, values, mean
    )


def _epoch(columns: Sequence[str], row: Floats) -> EpochEnd:
    """Return an epoch; a value that was not kept has its default, or is NaN; one that is no
    longer known is left out.
    """
    text = dict(zip(columns, row.tolist(), strict=True))
    whole = ("epoch", "epochs", "best_epoch")
    lacking = {
        item.name: math.nan if item.default is MISSING else item.default
        for item in fields(EpochEnd)
    }
    lacking.update(dict.fromkeys(whole, 0.0))
    values = {name: text.get(name, default) for name, default in lacking.items()}
    return EpochEnd(
        **{name: int(value) if name in whole else value for name, value in values.items()}
    )


def _info(record: RunRecord) -> RunInfo:
    return RunInfo(
        record.seconds,
        record.epochs,
        record.best_epoch,
        record.device,
        record.seed,
        record.stopped,
        record.versions,
    )


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value
