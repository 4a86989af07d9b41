"""The audit passes an honest engine and finds each leak that is planted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import forecasting.features
from forecasting import jobs
from forecasting.audit import simulated_walk
from forecasting.baselines import BASELINES
from forecasting.config import RunConfig
from forecasting.events import AuditFinished
from forecasting.series import Panel
from forecasting.volatility import Har


def audited(panel: Panel) -> AuditFinished:
    config = RunConfig().changed(input_size=10, horizon=2, epochs=1, batch_size=256, device="cpu")
    last = list(jobs.audit(panel, config))[-1]
    assert isinstance(last, AuditFinished)
    return last


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> Panel:
    monkeypatch.setattr(
        "forecasting.baselines.default_baselines", lambda panel: ("random-walk", "har")
    )
    return Panel((simulated_walk(400, 7), simulated_walk(300, 8)))


def test_an_honest_engine_passes(panel: Panel) -> None:
    result = audited(panel)
    assert result.passed, result.checks
    assert len(result.checks) == 5


def test_a_feature_that_looks_ahead_is_found(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        forecasting.features.FEATURES, "move", lambda bars: np.roll(bars.move / bars.known, -1)
    )
    failed = [check for check in audited(panel).checks if not check.passed]
    assert "Inputs at past bars" in [check.name for check in failed]
    assert all(
        "the future leaks into the past" in check.detail
        for check in failed
        if "random walks" not in check.name
    )


def test_a_scaling_fitted_on_everything_is_found(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Har.fit.__func__  # type: ignore[attr-defined]

    def everything(cls: type[Har], panel: Panel, insample: Sequence[int], *rest: object) -> Har:
        return honest(cls, panel, [len(s) for s in panel], *rest)

    monkeypatch.setattr(Har, "fit", classmethod(everything))
    checks = {check.name: check.passed for check in audited(panel).checks}
    assert not checks["Inputs at past bars"]
    assert not checks["Forecast of HAR volatility"]
    assert checks["Forecast of Random walk"]


def test_a_baseline_that_looks_ahead_is_found(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Peeking(type(BASELINES["random-walk"])):  # type: ignore[misc]
        def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> object:
            honest = super().fit(panel, insample, horizon)

            class Peek:
                name = "random-walk"

                def predict(
                    self, panel: Panel, origins: object, quantiles: tuple[float, ...]
                ) -> np.ndarray:
                    return honest.predict(panel, origins, quantiles) + panel[0].y[-1]

            return Peek()

    monkeypatch.setitem(BASELINES, "random-walk", Peeking())
    checks = {check.name: check.passed for check in audited(panel).checks}
    assert not checks["Forecast of Random walk"]
    assert checks["Forecast of HAR volatility"]


def test_stop_ends_an_audit_early() -> None:
    panel = Panel((simulated_walk(400, 7),))
    last = list(jobs.audit(panel, RunConfig().changed(input_size=10, horizon=2), lambda: True))[-1]
    assert isinstance(last, AuditFinished)
    assert last.checks == ()
