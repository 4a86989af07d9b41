"""What a run keeps of its outcomes: figures as they were, forecasts as they are drawn, refusals
of what was not packed here.
"""

from __future__ import annotations

import json
import sqlite3
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fabricated import run, walk

from forecasting import metrics
from forecasting.errors import DataError
from forecasting.events import BacktestFinished, RunResult
from forecasting.series import Outcomes, Profile
from forecasting.store import RunStore, database, outcomes, store_path
from forecasting.store.outcomes import (
    DRAWN,
    NONE_KEPT,
    StoredOutcomes,
    pack_outcomes,
    unpack_outcomes,
)
from forecasting.store.runs import recorded, recorded_backtest, restored


def result(*, mean: bool = False) -> RunResult:
    """A run on two series, the second of which has unknown outcomes at its end; with means where
    wanted.
    """
    made = run(walk("AAA"), walk("BBB", seed=1))
    unknown = {
        name: replace(item, y=np.where(np.arange(len(item))[:, None] < 55, item.y, np.nan))
        for name, item in made.outcomes.items()
    }
    if mean:
        unknown = {
            name: replace(item, mean=item.quantile(0.5) * 1.001) for name, item in unknown.items()
        }
        made = replace(
            made,
            forecasts=tuple(replace(item, mean=item.median * 1.001) for item in made.forecasts),
        )
    return replace(made, outcomes=unknown)


def profiles(made: RunResult) -> dict[str, Profile]:
    return {name: metrics.profile(item) for name, item in made.outcomes.items()}


def kept(made: RunResult) -> RunResult:
    """Keep a run, and return it as the store gives it back."""
    with RunStore() as store:
        key = store.add(*recorded(made)).key
    with RunStore() as store:
        found, curves = store.find(key)
        return restored(found, curves, made.panel, store.outcomes(key))


def same(one: Profile, other: Profile) -> None:
    assert list(one.steps) == list(other.steps)
    for name, values in one.steps.items():
        np.testing.assert_array_equal(values, other.steps[name])
    for name in ("level", "realised", "by_step", "quantile", "below"):
        np.testing.assert_array_equal(
            getattr(one.calibration, name), getattr(other.calibration, name)
        )
    np.testing.assert_array_equal(one.residuals, other.residuals)


@pytest.mark.parametrize("mean", [False, True])
def test_the_judgement_of_a_run_comes_back(mean: bool) -> None:
    made = result(mean=mean)
    back = kept(made)
    assert back.lacking == ""
    assert list(back.profiles) == list(made.outcomes)
    for name, item in profiles(made).items():
        same(item, back.profiles[name])
    ours, then = back.outcomes["GRU"], made.outcomes["GRU"]
    assert list(back.outcomes) == ["GRU"]
    assert ours.quantiles == DRAWN
    for name in ("symbol", "cutoff", "ds", "y0", "y", "scale", "rms_scale"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(then, name))
    away = np.abs(then.quantile(0.1) - then.y0[:, None])
    assert (np.abs(ours.quantile(0.1) - then.quantile(0.1)) <= 1e-6 * away).all()
    np.testing.assert_array_equal(
        metrics.coverage(ours, 0, level=95), metrics.coverage(then, 0, level=95)
    )
    assert ours.point_name == then.point_name == ("mean" if mean else "median")
    forecast, before = back.forecasts[0], made.forecasts[0]
    assert forecast.point_name == before.point_name
    np.testing.assert_array_equal(forecast.point, before.point)
    np.testing.assert_array_equal(forecast.values, before.values)


def test_prices_that_single_precision_would_spoil_are_kept_whole() -> None:
    made = result()
    tiny = replace(
        made.outcomes["GRU"],
        values=np.full(made.outcomes["GRU"].values.shape, 1e-300),
        y0=np.full(60, 1.0),
    )
    back = unpack_outcomes(pack_outcomes({"GRU": tiny}, {"GRU": metrics.profile(tiny)})).outcomes[
        "GRU"
    ]
    assert (back.values >= 0).all()
    wide = replace(tiny, values=np.full(tiny.values.shape, 1e60))
    back = unpack_outcomes(pack_outcomes({"GRU": wide}, {"GRU": metrics.profile(wide)})).outcomes[
        "GRU"
    ]
    assert (back.values == 1e60).all()


def test_a_backtest_keeps_its_outcomes_too() -> None:
    made = result()
    with RunStore() as store:
        key = store.add(
            *recorded_backtest(
                BacktestFinished(made.config, made.outcomes, made.scores, made.verdict, made.info),
                made.panel,
            )
        ).key
        assert list(store.outcomes(key).profiles) == ["GRU", "random-walk"]


def test_too_many_forecasts_are_left_out_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "MOST_KEPT", 100)
    made = result()
    back = kept(made)
    assert back.outcomes == {}
    assert back.lacking.startswith("The 60 test forecasts were too many")
    same(back.profiles["GRU"], profiles(made)["GRU"])


def test_forecasts_that_cannot_be_drawn_are_left_out_and_told() -> None:
    made = result()
    broken = made.outcomes["GRU"].values.copy()
    broken[0, 0] = np.nan
    back = kept(replace(made, outcomes={"GRU": replace(made.outcomes["GRU"], values=broken)}))
    assert back.outcomes == {}
    assert "finite" in back.lacking


def test_a_run_of_an_earlier_version_opens_and_says_what_it_lacks() -> None:
    record, curves, _ = recorded(result())
    text = record.model_dump_json().replace(',"mean":false', "")
    store_path().parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(store_path()) as db:
        for statement in (item for version in database.MIGRATIONS[:4] for item in version):
            db.execute(statement)
        db.execute("PRAGMA user_version = 4")
        row = (
            "abc",
            record.made_at,
            text,
            curves,
            "mine",
            zlib.crc32(curves, zlib.crc32(text.encode())),
        )
        db.execute(
            "INSERT INTO run (key, made_at, record, curves, notes, checksum) VALUES (?, ?, ?, "
            "?, ?, ?)",
            row,
        )
    db.close()
    with RunStore() as store:
        found, read = store.find("abc")
        assert found.notes == "mine"
        back = restored(found, read, result().panel, store.outcomes("abc"))
    assert (back.outcomes, back.profiles) == ({}, {})
    assert "earlier version" in back.lacking
    assert back.forecasts[0].point_name == "median"


def test_outcomes_go_and_come_back_with_their_run() -> None:
    with RunStore() as store:
        key = store.add(*recorded(result())).key
        gone = store.delete([key])
        assert store._db.execute("SELECT count(*) FROM run_outcomes").fetchone() == (0,)
        store.put_back(gone)
        assert "GRU" in store.outcomes(key).outcomes
        assert store.outcomes("nothing") is NONE_KEPT


def test_a_list_of_runs_reads_no_outcomes() -> None:
    with RunStore() as store:
        key = store.add(*recorded(result())).key
        said: list[str] = []
        store._db.set_trace_callback(said.append)
        assert store.runs()
        assert store.find(key)
        assert said
        assert not [item for item in said if "run_outcomes" in item]


def test_damaged_outcomes_cost_nothing_else() -> None:
    with RunStore() as store:
        key = store.add(*recorded(result())).key
        store._db.execute("UPDATE run_outcomes SET told = substr(told, 1, length(told) - 1)")
        with pytest.raises(DataError, match="checksum"):
            store.outcomes(key)
        assert store.find(key)[1].forecasts


def packed(
    change: Callable[[dict[str, object]], object],
    planes: Callable[[bytes], bytes] = lambda raw: raw,
) -> bytes:
    """Return packed outcomes with another header, or other numbers."""
    made = result()
    data = pack_outcomes(made.outcomes, profiles(made))
    _, words, first = outcomes._HEAD.unpack_from(data)
    start = outcomes._HEAD.size
    header = json.loads(data[start : start + words])
    change(header)
    told, numbers = json.dumps(header).encode(), planes(data[start + words :][:first])
    return (
        outcomes._HEAD.pack(b"CCO1", len(told), len(numbers))
        + told
        + numbers
        + data[start + words + first :]
    )


def numbers(place: int, value: bytes) -> Callable[[bytes], bytes]:
    """Return what puts eight bytes in the place of a number of the first stream; from its end
    where negative.
    """

    def change(stream: bytes) -> bytes:
        flat = np.frombuffer(zlib.decompress(stream), np.uint8).reshape(8, -1).T.copy()
        flat[place] = np.frombuffer(value, np.uint8)
        return zlib.compress(flat.T.tobytes())

    return change


def _as(**values: object) -> Callable[[dict[str, object]], object]:
    return lambda header: header.update(values)


def _forecasts(**values: object) -> Callable[[dict[str, object]], object]:
    return lambda header: header["forecasts"].update(values)  # type: ignore[attr-defined]


#: From the end of the first stream: two scales of 60, 600 outcomes, 60 values at the cutoff, 600
#: dates, 60 cutoffs, 60 series.
_SCALE, _Y0, _DATE, _SERIES = -1, -721, -781, -1441
HOSTILE: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "no outcomes": lambda: b"PK\3\4" + bytes(100),
    "a header that is longer than all": lambda: outcomes._HEAD.pack(b"CCO1", 2**32 - 1, 0),
    "no JSON": lambda: outcomes._HEAD.pack(b"CCO1", 3, 0) + b"{{{",
    "deep JSON": lambda: outcomes._HEAD.pack(b"CCO1", 100_000, 0) + b"[" * 100_000,
    "a later version": lambda: packed(_as(version=2)),
    "an unknown field": lambda: packed(_as(code="import os")),
    "no models": lambda: packed(_as(models=[])),
    "many steps": lambda: packed(_as(steps=10**9)),
    "more numbers than there are": lambda: packed(_as(steps=1000)),
    "more numbers than any run has": lambda: packed(_forecasts(origins=4 * 2**20)),
    "too few numbers": lambda: packed(_as(steps=9)),
    "quantiles that fall": lambda: packed(_forecasts(quantiles=[0.9, 0.5, 0.1, 0.05, 0.01])),
    "no median": lambda: packed(_forecasts(quantiles=[0.1, 0.2, 0.3, 0.4, 0.6])),
    "no series": lambda: packed(_forecasts(symbols=[])),
    "a series that is not there": lambda: packed(_as(), numbers(_SERIES, np.int64(7).tobytes())),
    "a date that is none": lambda: packed(_as(), numbers(_DATE, np.int64(-(2**63)).tobytes())),
    "an infinite scale": lambda: packed(_as(), numbers(_SCALE, np.float64(np.inf).tobytes())),
    "an unknown value at the cutoff": lambda: packed(
        _as(), numbers(_Y0, np.float64(np.nan).tobytes())
    ),
    "an infinite figure": lambda: packed(_as(), numbers(0, np.float64(np.inf).tobytes())),
    "a stream cut short": lambda: packed(_as(), lambda stream: stream[:-20]),
    "a bomb": lambda: packed(_as(), lambda _stream: zlib.compress(bytes(24 * 2**20), 1)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_outcomes_are_refused(name: str) -> None:
    data = HOSTILE[name]()
    assert _refused(data) < 8 * 2**20, "no more is unpacked than a run of this size has"


def test_a_bomb_is_seen_where_unpacking_has_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    def unbounded(data: bytes, shapes: list[tuple[int, ...]], size: int) -> list[outcomes._Array]:
        if len(zlib.decompress(data)) != outcomes._count(shapes) * size:
            raise ValueError("another number")
        return []

    monkeypatch.setattr(outcomes, "_arrays", unbounded)
    assert _refused(HOSTILE["a bomb"]()) > 8 * 2**20


def _refused(data: bytes) -> int:
    """Return the most memory in bytes that refusing took."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="damaged"):
            unpack_outcomes(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_a_later_metric_would_need_is_unknown_in_earlier_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = result()
    data = pack_outcomes(made.outcomes, profiles(made))
    monkeypatch.setitem(metrics.METRICS, "newer", metrics.METRICS["mae"])
    back: StoredOutcomes = unpack_outcomes(data)
    assert np.isnan(back.profiles["GRU"].steps["newer"]).all()


def test_nothing_is_kept_of_nothing(tmp_path: Path) -> None:
    none: dict[str, Outcomes] = {}
    assert pack_outcomes(none, {}) == b""
