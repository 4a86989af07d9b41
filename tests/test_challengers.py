"""Models of others as baselines: folders are refused before any code could run, nothing is fetched,
nothing looks ahead, and what they cost is said.
"""

from __future__ import annotations

import json
import pickle
import struct
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecasting import jobs
from forecasting.baselines import chosen_baselines, find_baseline, model_title
from forecasting.baselines.challengers import introduce, is_challenger, loaders, zero_shot
from forecasting.baselines.challengers.folder import checked_folder
from forecasting.baselines.challengers.levels import at_levels
from forecasting.baselines.challengers.loaders import Pretrained, load_pretrained
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, ConfigError, DataError, ModelFileError
from forecasting.imported_forecasts.results import ForecastsJudged
from forecasting.series import Floats, Origins, Panel, PriceSeries

BARS = 200
DS = np.busday_offset("2020-01-01", np.arange(BARS), roll="forward").astype("datetime64[us]")
Y = 100 * np.exp(np.cumsum(np.random.default_rng(4).normal(0, 0.01, BARS)))
PANEL = Panel((PriceSeries("AAA", DS, ("close",), Y[:, None]),))
LEVELS = (0.1, 0.5, 0.9)


def test_quantiles_between_levels_are_those_of_a_normal() -> None:
    normal = NormalDist(3, 2)
    values = np.array([[[normal.inv_cdf(q) for q in LEVELS]]])
    wanted = (0.025, 0.1, 0.3, 0.5, 0.975)
    found = at_levels(values - 100, LEVELS, wanted) + 100
    np.testing.assert_allclose(found[0, 0], [normal.inv_cdf(q) for q in wanted], atol=1e-9)
    logs = at_levels(np.exp(values), LEVELS, wanted)
    np.testing.assert_allclose(np.log(logs)[0, 0], [normal.inv_cdf(q) for q in wanted], atol=1e-9)


def test_names_of_challengers_are_chosen_like_the_rest() -> None:
    names = chosen_baselines(PANEL, "fracast, folder:/models/bolt-small, statsforecast:AutoETS")
    assert names == ("random-walk", "fracast", "folder:/models/bolt-small", "statsforecast:AutoETS")
    assert list(map(model_title, names[1:])) == ["Fracast", "bolt-small", "AutoETS"]
    RunConfig().changed(baselines="auto, folder:/models/Chronos-Bolt 2, sktime:NaiveForecaster")
    assert not is_challenger("folder:")
    for bad in ("fracas", "sktime:os.system", "sktime:__import__('os')", "http://a/b"):
        with pytest.raises(ConfigError):
            find_baseline(*(name for name in chosen_baselines(PANEL, bad) if name == bad))


# Folders


def weights(length: int = 8, header: Mapping[str, Any] | None = None) -> bytes:
    told = header or {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    text = json.dumps(told).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * length


BOLT: Mapping[str, Any] = {
    "architectures": ["ChronosBoltModelForForecasting"],
    "chronos_config": {"quantiles": [0.1, 0.5, 0.9]},
    "model_type": "t5",
}


def deep(levels: int) -> Any:
    found: Any = {}
    for _ in range(levels):
        found = {"a": found}
    return found


#: What is put into a folder that is otherwise fine; None takes a file away.
HOSTILE_FOLDERS: Mapping[str, Mapping[str, bytes | None]] = {
    "a pickle": {"pytorch_model.bin": pickle.dumps({"a": 1})},
    "a pickle of torch": {"model.pt": b"PK\x03\x04"},
    "another pickle": {"weights.pkl": pickle.dumps([1])},
    "a checkpoint": {"last.ckpt": b"PK\x03\x04"},
    "numbers of numpy": {"scale.npy": b"\x93NUMPY"},
    "a joblib": {"scaler.joblib": b"\x80\x04"},
    "code": {"modeling_chronos.py": b"raise SystemExit('ran')"},
    "compiled code": {"modeling.pyc": b"\xcb\r\r\n"},
    "a library": {"kernel.so": b"\x7fELF"},
    "a script": {"setup.sh": b"touch /tmp/ran"},
    "an archive": {"model.zip": b"PK\x03\x04"},
    "code in the settings": {"config.json": json.dumps({**BOLT, "auto_map": {"AutoModel": "m.M"}}).encode()},
    "code deep in the settings": {"config.json": json.dumps({**BOLT, "text": {"auto_map": {"a": "b"}}}).encode()},
    "code in other settings": {"generation_config.json": b'{"custom_pipelines": {"x": {"impl": "a.B"}}}'},
    "trust asked for": {"config.json": json.dumps({**BOLT, "trust_remote_code": True}).encode()},
    "no settings": {"config.json": None},
    "settings that are none": {"config.json": b"[1, 2]"},
    "settings that are damaged": {"config.json": b'{"architectures": ['},
    "settings of bytes": {"config.json": b"\xff\xfe\x00"},
    "settings without end": {"config.json": b" " * (3 * 2**20)},
    "settings without bottom": {"config.json": json.dumps({**BOLT, "x": deep(60)}).encode()},
    "an unknown kind": {"config.json": b'{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}'},
    "no kind": {"config.json": b"{}"},
    "a kind that is a number": {"config.json": b'{"architectures": 7, "model_type": 7}'},
    "no weights": {"model.safetensors": None},
    "empty weights": {"model.safetensors": b""},
    "weights cut short": {"model.safetensors": weights(3)},
    "weights that are longer": {"model.safetensors": weights(80)},
    "a header without end": {"model.safetensors": struct.pack("<Q", 2**40) + b"{}"},
    "a header that is none": {"model.safetensors": struct.pack("<Q", 4) + b"abcd" + b"\0" * 8},
    "a header of a list": {"model.safetensors": struct.pack("<Q", 2) + b"[]" + b"\0" * 8},
    "a file of many": {f"part-{number}.json": b"{}" for number in range(100)},
}  # fmt: skip


def folder_of(path: Path, more: Mapping[str, bytes | None]) -> Path:
    path.mkdir()
    files: dict[str, bytes | None] = {
        "config.json": json.dumps(BOLT).encode(),
        "model.safetensors": weights(),
        "README.md": b"about",
        **more,
    }
    for name, data in files.items():
        if data is not None:
            (path / name).write_bytes(data)
    return path


@pytest.mark.parametrize("name", HOSTILE_FOLDERS)
def test_hostile_folders_are_refused_before_a_library_sees_them(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_folder: Path) -> Pretrained:
        raise AssertionError("a library was given the folder")

    monkeypatch.setattr(loaders, "_LOADERS", {"chronos": never, "timesfm": never})
    path = folder_of(tmp_path / "model", HOSTILE_FOLDERS[name])
    with pytest.raises(ModelFileError) as told:
        load_pretrained(f"folder:{path}")
    assert told.value.message


def test_links_and_missing_folders_are_refused(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "model", {"model.safetensors": None})
    (path / "model.safetensors").symlink_to(folder_of(tmp_path / "other", {}) / "model.safetensors")
    with pytest.raises(ModelFileError, match="no ordinary file"):
        checked_folder(str(path))
    with pytest.raises(ModelFileError, match="no folder"):
        checked_folder(str(tmp_path / "none"))
    found, config = checked_folder(str(tmp_path / "other"))
    assert (found.name, config["model_type"]) == ("other", "t5")


def test_weights_that_their_library_cannot_load_are_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_folder: Path) -> Pretrained:
        raise KeyError("encoder.weight")

    monkeypatch.setattr(loaders, "_LOADERS", {"chronos": fail})
    path = folder_of(tmp_path / "model", {})
    with pytest.raises(ModelFileError, match="cannot be loaded as chronos: KeyError"):
        load_pretrained(f"folder:{path}")


def test_a_package_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for package in ("fracast", "chronos", "statsforecast", "sktime"):
        monkeypatch.setitem(sys.modules, package, None)
    loaders._fracast.cache_clear()
    path = folder_of(tmp_path / "model", {})
    for name in ("fracast", f"folder:{path}", "statsforecast:AutoETS", "sktime:NaiveForecaster"):
        with pytest.raises(CandlecastError, match="needs the package"):
            list(introduce((name,), 5))


# A pretrained model that is none


class Parrot:
    """Says the last value with a band around it, and remembers what it was shown."""

    def __init__(self, fail: bool = False) -> None:
        self.shown: list[Floats] = []
        self.fail = fail

    def ask(self, past: Floats, horizon: int) -> Floats:
        if self.fail:
            raise RuntimeError("no")
        self.shown.append(past)
        band = np.array([0.98, 1.0, 1.02])
        return np.repeat(past[:, -1:, None] * band, horizon, axis=1)


@pytest.fixture
def parrot(monkeypatch: pytest.MonkeyPatch) -> Parrot:
    made = Parrot()
    model = Pretrained(LEVELS, 64, 50, 1234, made.ask)
    monkeypatch.setattr(zero_shot, "load_pretrained", lambda _source: model)
    return made


def test_a_pretrained_model_sees_bars_up_to_the_cutoff_only(parrot: Parrot) -> None:
    predictor = find_baseline("folder:/models/parrot").fit(PANEL, [100], 3)
    bars = np.array([20, 150, 151, 150])
    values = predictor.predict(PANEL, Origins(np.zeros(4, int), bars), (0.1, 0.5, 0.9))
    np.testing.assert_allclose(values[:, 0, 1], Y[bars])
    np.testing.assert_allclose(values[0, 2], Y[20] * np.array([0.98, 1.0, 1.02]), rtol=1e-9)
    asked = len(parrot.shown)
    predictor.predict(PANEL, Origins(np.zeros(2, int), bars[:2]), (0.25,))
    assert len(parrot.shown) == asked
    assert parrot.shown[0].shape[1] <= 64
    with pytest.raises(DataError, match="needs 16"):
        predictor.predict(PANEL, Origins(np.zeros(1, int), np.array([5])), LEVELS)
    with pytest.raises(DataError, match="50 bars at most"):
        find_baseline("folder:/models/parrot").fit(PANEL, [100], 51)


def forecasts(folder: Path) -> Path:
    path = folder / "f.csv"
    table = {
        "ds": DS[101:].astype("datetime64[D]"),
        "y": Y[101:],
        "p10": Y[100:-1] * 0.99,
        "p50": Y[100:-1],
        "p90": Y[100:-1] * 1.01,
    }
    pd.DataFrame(table).to_csv(path, index=False)
    return path


def judged(
    path: Path, baselines: str, should_stop: Callable[[], bool] = lambda: False
) -> ForecastsJudged:
    events = list(jobs.judge_forecasts(path, PANEL, should_stop=should_stop, baselines=baselines))
    assert isinstance(events[-1], ForecastsJudged)
    return events[-1]


@pytest.mark.usefixtures("parrot")
def test_a_challenger_is_judged_and_its_cost_and_doubts_are_said(tmp_path: Path) -> None:
    found = judged(forecasts(tmp_path), "random-walk,folder:/models/parrot")
    (item,) = found.models.values()
    assert list(item.outcomes) == ["f", "random-walk", "folder:/models/parrot"]
    assert any("parrot: trained elsewhere" in note for note in item.verdict.notes)
    (cost,) = [finding for finding in found.findings if finding.code == "challenger"]
    assert "1,234 weights" in cost.message
    assert "99 forecasts" in cost.message
    stopped = judged(forecasts(tmp_path), "random-walk,folder:/models/parrot", lambda: True)
    assert "stopped" in {finding.code for finding in stopped.findings}


def test_one_that_fails_is_left_out(
    tmp_path: Path, parrot: Parrot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forecasting.imported_forecasts.judgement.introduce", lambda *_: ())
    parrot.fail = True
    found = judged(forecasts(tmp_path), "random-walk,folder:/models/parrot")
    assert any("parrot failed: RuntimeError" in finding.message for finding in found.findings)


# The real ones, where their packages are installed


def origins() -> Origins:
    return Origins(np.zeros(3, int), np.array([120, 150, 199]))


def check_real(name: str, horizon: int = 4) -> None:
    """Forecast from some bars, and see that later bars change nothing."""
    predictor = find_baseline(name).fit(PANEL, [110], horizon)
    values = predictor.predict(PANEL, origins(), (0.025, 0.5, 0.975))
    assert values.shape == (3, horizon, 3)
    assert np.isfinite(values).all()
    assert (np.diff(values, axis=2) >= 0).all()
    other = np.concatenate([Y[:151], 3 * Y[151:]])
    changed = Panel((PriceSeries("AAA", DS, ("close",), other[:, None]),))
    again = find_baseline(name).fit(changed, [110], horizon)
    np.testing.assert_allclose(
        again.predict(changed, origins(), (0.025, 0.5, 0.975))[:2], values[:2], rtol=1e-5
    )


@pytest.mark.slow
def test_fracast_forecasts_with_the_weights_in_its_package() -> None:
    pytest.importorskip("fracast")
    check_real("fracast")
    (told,) = introduce(("fracast",), 5)
    assert "85,001 weights" in told


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bolt", "chronos-2", "timesfm"])
def test_a_tiny_random_checkpoint_is_loaded_from_its_folder(tmp_path: Path, kind: str) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers" if kind == "timesfm" else "chronos")
    pytest.importorskip("tqdm").tqdm.monitor_interval = 0  # saving would leave its thread
    torch.manual_seed(0)
    {"bolt": _bolt, "chronos-2": _chronos2, "timesfm": _timesfm}[kind](tmp_path / kind)
    check_real(f"folder:{tmp_path / kind}")


def _bolt(folder: Path) -> None:
    from chronos.chronos_bolt import ChronosBoltModelForForecasting
    from transformers import T5Config

    config = T5Config(
        d_model=16, d_kv=8, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2, vocab_size=2,
        decoder_start_token_id=0, pad_token_id=0, eos_token_id=1, feed_forward_proj="relu",
    )  # fmt: skip
    config.chronos_config = {
        "context_length": 64, "prediction_length": 8, "input_patch_size": 8, "input_patch_stride": 8,
        "quantiles": [k / 10 for k in range(1, 10)], "use_reg_token": True,
    }  # fmt: skip
    config.chronos_pipeline_class = "ChronosBoltPipeline"
    config.architectures = ["ChronosBoltModelForForecasting"]
    ChronosBoltModelForForecasting(config).save_pretrained(folder)


def _chronos2(folder: Path) -> None:
    from chronos.chronos2 import Chronos2Model
    from chronos.chronos2.config import Chronos2CoreConfig

    config = Chronos2CoreConfig(d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    config.chronos_config = {
        "context_length": 64, "output_patch_size": 8, "input_patch_size": 8, "input_patch_stride": 8,
        "quantiles": [k / 10 for k in range(1, 10)], "use_reg_token": True, "use_arcsinh": True,
        "max_output_patches": 4, "time_encoding_scale": 64,
    }  # fmt: skip
    config.chronos_pipeline_class = "Chronos2Pipeline"
    config.architectures = ["Chronos2Model"]
    Chronos2Model(config).save_pretrained(folder)


def _timesfm(folder: Path) -> None:
    from transformers import TimesFm2_5Config, TimesFm2_5ModelForPrediction

    config = TimesFm2_5Config(
        patch_length=8, context_length=64, horizon_length=16, num_hidden_layers=1, hidden_size=32,
        intermediate_size=32, head_dim=16, num_attention_heads=2, num_key_value_heads=2,
        output_quantile_len=32,
    )  # fmt: skip
    TimesFm2_5ModelForPrediction(config).save_pretrained(folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["statsforecast:AutoETS", "sktime:NaiveForecaster"])
def test_models_of_libraries_forecast(name: str) -> None:
    pytest.importorskip(name.partition(":")[0])
    check_real(name)
    with pytest.raises(ConfigError):
        find_baseline(f"{name.partition(':')[0]}:NoSuchModel").fit(PANEL, [110], 4)
