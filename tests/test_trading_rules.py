"""What fixed trading rules would have earned: positions, accounts, luck, and the command."""

from __future__ import annotations

import csv
import json
import math
import warnings
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from app.cli import main
from forecasting.config import QUANTILES
from forecasting.errors import DataError
from forecasting.series import Outcomes
from forecasting.trading_rules import RuleOptions, RulesJudged, document, judge_rules
from forecasting.trading_rules.account import trade
from forecasting.trading_rules.positions import market

_Z = np.array([NormalDist().inv_cdf(q) for q in QUANTILES])
_BEFORE = 40


def made(
    rng: np.random.Generator,
    how: str,
    origins: int = 200,
    horizon: int = 4,
    step: int = 1,
    series: int = 1,
) -> Outcomes:
    """Forecast random walks by past changes (``momentum``), by coin (``noise``), or knowing what
    comes (``oracle``).
    """
    common = rng.normal(0, 0.01, _BEFORE + origins + horizon)
    parts = []
    for number in range(series):
        changes = common + (rng.normal(0, 0.005, common.size) if number else 0)
        y = 100 * np.exp(np.cumsum(changes))
        ds = np.busday_offset("2015-01-01", np.arange(y.size), roll="forward")
        bars = np.arange(_BEFORE, _BEFORE + origins, step)
        steps = np.arange(1, horizon + 1)
        spread = np.array([changes[bar - 20 : bar + 1].std() for bar in bars])
        lean = {
            "momentum": [changes[bar - 9 : bar + 1].mean() for bar in bars],
            "noise": rng.normal(0, 0.003, bars.size),
            "oracle": [changes[bar + 1] for bar in bars],
        }[how]
        logs = np.asarray(lean)[:, None, None] + (
            spread[:, None, None] * np.sqrt(steps)[:, None] * _Z
        )
        ahead = bars[:, None] + steps
        parts.append(
            (
                np.full(bars.size, f"S{number}"),
                ds[bars].astype("datetime64[us]"),
                ds[ahead].astype("datetime64[us]"),
                y[bars],
                y[ahead],
                y[bars][:, None, None] * np.exp(logs),
            )
        )
    symbol, cutoff, due, y0, y, values = (
        np.concatenate(items) for items in zip(*parts, strict=True)
    )
    return Outcomes("net", symbol, cutoff, due, y0, y, QUANTILES, values)


def _more_than_chance(judged: RulesJudged) -> list[str]:
    return [rule.name for rule in judged.rules if rule.outcome == "more"]


def test_a_position_earns_from_the_bar_after_its_decision_and_pays_at_both_ends() -> None:
    close = np.array([[100.0], [110.0], [99.0], [99.0]])
    targets = np.array([[[1.0], [np.nan], [-1.0], [0.0]]])
    traded = trade(close, targets, 0.01)
    first = 10_000 / (100 * 1.01)
    assert traded.equity[0, 0] == pytest.approx(first * 100)
    assert traded.equity[0, 1] == pytest.approx(first * 110)
    sold = first * 99 * 0.99
    short = sold / (99 * 1.01)
    assert traded.equity[0, 2] == pytest.approx(sold - short * 99 * 0.01)
    assert traded.equity[0, 3] == pytest.approx(sold - 2 * short * 99 * 0.01)
    assert traded.trades[0] == 3
    assert traded.costs[0] == pytest.approx((first * 100 + first * 99 + 2 * short * 99) * 0.01)


def test_positions_do_not_see_what_comes() -> None:
    rng = np.random.default_rng(1)
    whole = made(rng, "momentum", origins=120)
    early = judge_rules(whole.take(np.arange(100)), random_rules=5)
    late = judge_rules(whole, random_rules=5)
    for before, after in zip(early.rules, late.rules, strict=True):
        assert np.array_equal(before.targets[:100], after.targets[:100], equal_nan=True)
    other = Outcomes(**{**vars(whole), "y": whole.y * 1.5})
    where = market(other)
    for name, rule in zip(("median", "chance", "width"), late.rules, strict=True):
        found = next(r for r in judge_rules(other, random_rules=5).rules if r.name == name)
        decided = np.unique(where.row)[:-1]
        assert np.array_equal(found.targets[decided], rule.targets[decided], equal_nan=True)


def test_a_position_ends_where_the_forecast_does() -> None:
    outcomes = made(np.random.default_rng(2), "noise", horizon=3, step=5)
    judged = judge_rules(outcomes, random_rules=5)
    assert judged.step == 3
    median = judged.rules[0]
    assert (median.targets[3::4, 0] == 0).all()


def test_random_rules_trade_as_much_and_an_oracle_is_no_luck() -> None:
    rng = np.random.default_rng(3)
    judged = judge_rules(made(rng, "oracle"), RuleOptions(costs=0, slippage=0))
    median, chance, width = judged.rules
    assert median.outcome == chance.outcome == "more"
    assert _more_than_chance(judged) == ["median", "chance"]
    assert median.random_turnover == pytest.approx(median.earnings.turnover, rel=0.05)
    assert width.random_turnover == pytest.approx(width.earnings.turnover, rel=0.1)
    assert median.earnings.sharpe_low > 0
    assert (
        judge_rules(made(np.random.default_rng(3), "oracle"), tries=50, random_rules=50)
        .rules[0]
        .earnings.sharpe_low
        < median.earnings.sharpe_low
    )


@pytest.mark.parametrize(
    ("how", "series", "paths"),
    [
        ("noise", 1, 15),
        pytest.param("noise", 1, 200, marks=pytest.mark.slow),
        pytest.param("momentum", 1, 200, marks=pytest.mark.slow),
        pytest.param("noise", 3, 200, marks=pytest.mark.slow),
    ],
)
def test_on_random_walks_hardly_ever_more_than_chance(how: str, series: int, paths: int) -> None:
    rng = np.random.default_rng(4)
    found = [
        _more_than_chance(judge_rules(made(rng, how, origins=40, series=series), random_rules=99))
        for _ in range(paths)
    ]
    # at 5 %, no more than these come in 99 of 100 such tests
    assert sum(map(bool, found)) <= {15: 3, 200: 18}[paths]


def test_few_decisions_and_positions_that_never_change_are_not_judged() -> None:
    rng = np.random.default_rng(5)
    few = judge_rules(made(rng, "noise", origins=15), random_rules=9)
    assert {rule.outcome for rule in few.rules} <= {"few", "still"}
    assert "cannot" in few.sentence
    assert all(math.isnan(rule.p_value) for rule in few.rules)


def test_prices_at_or_below_zero_are_refused_by_name() -> None:
    outcomes = made(np.random.default_rng(6), "noise", origins=30)
    y = outcomes.y.copy()
    y[-1, 0] = -1.0
    with pytest.raises(DataError, match="S0 has values that are not above zero"):
        judge_rules(Outcomes(**{**vars(outcomes), "y": y}))


def test_a_bar_that_is_no_price_trades_nothing() -> None:
    outcomes = made(np.random.default_rng(7), "noise", origins=30)
    y = outcomes.y.copy()
    y[10] = np.nan
    y[9, 0] = np.nan
    judged = judge_rules(Outcomes(**{**vars(outcomes), "y": y}), random_rules=9)
    assert np.isfinite(judged.rules[0].equity).all()
    assert outcomes.cutoff[10] not in judged.ds[np.isfinite(judged.rules[0].targets[:, 0])]


def test_the_document_names_costs_figures_and_luck() -> None:
    found = document(judge_rules(made(np.random.default_rng(8), "noise"), random_rules=99))
    assert found["not_advice"].startswith("Not advice")
    assert [rule["name"] for rule in found["rules"]] == ["median", "chance", "width"]
    for rule in found["rules"]:
        assert {"sharpe", "sharpe_low", "sharpe_high", "max_drawdown", "turnover"} <= set(rule)
        assert rule["random"]["rules"] == 99
    assert found["buy_and_hold"]["exposure"] == pytest.approx(100, abs=1)


@pytest.mark.slow
def test_equal_to_backtesting_py_to_the_cent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty paths, each rule, against the accounts of the package ``backtesting``."""
    backtesting = pytest.importorskip("backtesting")
    from backtesting.lib import FractionalBacktest

    monkeypatch.setattr(backtesting.backtesting, "_tqdm", lambda items, **_: items)
    rng = np.random.default_rng(9)
    for path in range(50):
        outcomes = made(rng, "noise", origins=80, step=1 + path % 3)
        options = RuleOptions(costs=float(path % 4) * 5, slippage=float(path % 3) * 4)
        judged = judge_rules(outcomes, options, random_rules=1)
        for rule in judged.rules:
            theirs = _by_backtesting(
                backtesting, FractionalBacktest, judged, rule.targets[:, 0], options.rate
            )
            assert theirs == pytest.approx(rule.earnings.final_equity, abs=0.005)


def _by_backtesting(backtesting: Any, engine: Any, judged: Any, targets: Any, rate: float) -> float:
    """Return the final equity of the same positions, traded at closes by the package."""
    import pandas as pd

    unit = 1e-8
    close = judged.close[[0, *range(judged.ds.size), -1], 0]
    index = pd.bdate_range("2015-01-01", periods=close.size)
    frame = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close"), close), index)
    frame["Volume"] = 1.0

    class Follow(backtesting.Strategy):  # type: ignore[misc,name-defined]
        def init(self) -> None:
            self.have = 0.0

        def next(self) -> None:
            bar = len(self.data) - 2
            target = targets[bar] if bar < targets.size else np.nan
            if not np.isfinite(target) or target == self.have:
                return
            price, worth = self.data.Close[-1], self.equity
            units = self.position.size
            if units * target < 0 or target == 0:
                self.position.close()
                worth -= abs(units) * price * rate
                units = 0
            self.have = target
            change = int(target * worth / (price * (1 + rate))) - units
            if target and change > 0:
                self.buy(size=change)
            elif target and change < 0:
                self.sell(size=-change)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        test = engine(
            frame,
            Follow,
            cash=10_000,
            commission=lambda size, price: abs(size) * price * rate,
            trade_on_close=True,
            fractional_unit=unit,
        )
        return float(test.run()["_equity_curve"]["Equity"].iloc[-1])


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "walk.csv"
    close = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.01, 260)))
    days = np.busday_offset("2015-01-01", np.arange(260), roll="forward")
    rows = "".join(f"{day},{value:.6f}\n" for day, value in zip(days, close, strict=True))
    path.write_text("date,close\n" + rows)
    return path


def test_the_command_shows_writes_and_documents(
    prices: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "rules.csv"
    words = ["backtest", str(prices), "--epochs", "1", "--hidden-size", "2", "--lookback", "8"]
    words += ["--horizon", "2", "--workers", "1", "--no-keep-run", "--test-size", "40"]
    assert main([*words, "--rules", "--costs", "1", "--rules-export", str(table), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["rules"]
    assert found["costs_bp"] == 1
    assert found["slippage_bp"] == 5
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert {row["rule"] for row in rows} == {"median", "chance", "width", "buy-and-hold"}
    last = [row for row in rows if row["rule"] == "width"][-1]
    assert float(last["equity"]) == pytest.approx(found["rules"][2]["final_equity"])


@pytest.mark.parametrize("words", [["--costs", "3"], ["--rules-export", "x.csv"]])
def test_costs_without_rules_are_refused(
    words: list[str], prices: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backtest", str(prices), *words]) == 2
    assert "Add --rules." in capsys.readouterr().err
