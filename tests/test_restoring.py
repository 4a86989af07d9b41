"""Settings, projects and configurations that hold anything: refused in words, or at their
default, and the window is whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from window_bench import idle, price_file, wait, window

from app.features.project.project_file import Project, read_project
from app.features.view.controller import ViewController
from forecasting.config import GROUPS, BacktestConfig, RunConfig
from forecasting.errors import CandlecastError

VALUES = (
    "null",
    "[]",
    "{}",
    '"x"',
    "1e400",
    "-1",
    "1e308",
    f'"{"y" * 5000}"',
    "[[[[1]]]]",
    "true",
    "NaN",
    "9" * 400,
    '{"a":{"b":[]}}',
)


def test_any_json_is_settings_or_is_refused_in_words() -> None:
    names = [(group, name) for group, cls in GROUPS.items() for name in cls.model_fields]
    texts = list(VALUES) + [f'{{"{group}":{value}}}' for group in GROUPS for value in VALUES]
    texts += [f'{{"{group}":{{"{name}":{value}}}}}' for group, name in names for value in VALUES]
    texts += ["[" * 3000 + "]" * 3000, '{"task":', ""]
    refused = 0
    for text in texts:
        refused += len(_refusal(partial(RunConfig.from_json, text))) in range(1, 4000)
    assert refused > 500


def _refusal(work: Callable[[], object]) -> str:
    """Do something; return the words in which it is refused, or nothing."""
    try:
        work()
    except CandlecastError as error:
        return str(error)
    return ""


def test_every_number_of_the_settings_has_limits() -> None:
    for cls in (*GROUPS.values(), BacktestConfig):
        for name, field in cls.model_fields.items():
            if field.annotation in (int, float):
                limits = {
                    kind
                    for item in field.metadata
                    for kind in ("ge", "gt", "le", "lt")
                    if hasattr(item, kind)
                }
                assert limits & {"ge", "gt"}, name
                assert limits & {"le", "lt"}, name


@pytest.mark.parametrize("shape", [[], {}, None, 7, "x"])
def test_a_change_to_no_shape_is_refused(shape: Any) -> None:
    with pytest.raises(CandlecastError):
        RunConfig().changed(shape=shape)


def test_every_part_of_a_project_may_hold_anything(tmp_path: Path) -> None:
    path = tmp_path / "a.candleproject"
    for name in Project.model_fields:
        for value in VALUES:
            path.write_text(f'{{"candleproject":1,"{name}":{value}}}', encoding="utf-8")
            refusal = _refusal(lambda: read_project(path))
            if refusal:
                assert "a.candleproject" in refusal
            elif _refusal(lambda: read_project(path).run_config):
                assert name == "config"


def test_the_window_is_whole_whatever_one_setting_holds(tmp_path: Path, qapp: object) -> None:
    prices = price_file(tmp_path / "mine.csv")
    held = {"run": '{"model":[]}', "plan": '{"step_size":[]}', "ticker": "[]", "toured": True}
    (tmp_path / "preferences.json").write_text(json.dumps(held))
    with window(tmp_path, str(prices)) as bench:
        wait(idle_now(bench))
        assert [row.symbol for row in bench.session.watchlist.rows] == ["mine"]
        assert bench.model.config() == RunConfig()


def idle_now(bench: Any) -> Any:
    idle(bench)
    return lambda: bench.session.series is not None


@pytest.mark.slow
def test_a_part_that_cannot_be_restored_keeps_nothing_else_back(
    tmp_path: Path, qapp: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: object) -> None:
        raise ZeroDivisionError("damaged beyond words")

    monkeypatch.setattr(ViewController, "restore", broken)
    held = {"run": json.dumps({"task": {"horizon": 7}}), "toured": True}
    (tmp_path / "preferences.json").write_text(json.dumps(held))
    with window(tmp_path, str(price_file(tmp_path / "mine.csv"))) as bench:
        wait(idle_now(bench))
        assert bench.session.series.symbol == "mine"
        assert bench.model.config().task.horizon == 7
        assert "the view of the chart" in bench.banner.text
