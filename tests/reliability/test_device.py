"""What a device does wrong is noticed and told, and training goes on: with smaller batches, on
the CPU, or not at all, in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_training import fitted, numbers, quick, walk, weights

from app.cli import main
from forecasting import jobs
from forecasting.errors import ConfigError
from forecasting.events import Event, Notice, RunFinished, SplitMade
from forecasting.series import Panel
from forecasting.training import device_fallback, hardware, trainer

#: What the libraries below say, one line of each; True where it means that memory was short.
SAID: dict[str, tuple[type[BaseException], bool]] = {
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB": (
        torch.OutOfMemoryError,
        True,
    ),
    "CUDA error: out of memory": (RuntimeError, True),
    "CUDA out of memory": (RuntimeError, True),
    (
        "MPS backend out of memory (MPS allocated: 9.05 GB, other allocations: 1 KB, max allowed: "
        "9.07 GB)"
    ): (
        RuntimeError,
        True,
    ),
    (
        "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 8 bytes"
    ): (
        RuntimeError,
        True,
    ),
    (
        "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed in a "
        "non-contiguous input."
    ): (
        RuntimeError,
        True,
    ),
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED": (RuntimeError, True),
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`": (
        RuntimeError,
        True,
    ),
    "": (MemoryError, True),
    "Found no NVIDIA driver on your system.": (RuntimeError, False),
    "CUDA error: device-side assert triggered": (RuntimeError, False),
    "mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)": (RuntimeError, False),
    "Cannot convert a MPS Tensor to float64 dtype": (TypeError, False),
}
SHORT = [words for words, (_, short) in SAID.items() if short]
GPU = "Pretended GPU, 8 GiB"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device beside the CPU that computes as the CPU does."""
    for module in (hardware, device_fallback):
        monkeypatch.setattr(module, "devices", lambda: {"cpu:0": GPU, "cpu": "CPU"})


def error(words: str) -> BaseException:
    return SAID[words][0](words)


def notices(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Notice)]


class Short:
    """Too little memory on the device: everything of more than ``most`` windows fails there,
    until the CPU is told of.
    """

    def __init__(
        self, patch: pytest.MonkeyPatch, words: str, most: int, for_ever: bool = False
    ) -> None:
        self.tried: list[int] = []
        honest, honest_fit = trainer.Pinball.__call__, trainer.fit_on

        def cramped(pinball: Any, shape: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            self.tried.append(len(target))
            if self.on_device and len(target) > most:
                raise error(words)
            return honest(pinball, shape, target)

        def placed(device: torch.device, *rest: Any) -> Any:
            self.on_device = for_ever or device != torch.device("cpu")
            return honest_fit(device, *rest)

        self.on_device = True
        patch.setattr(trainer.Pinball, "__call__", cramped)
        patch.setattr(device_fallback, "fit_on", placed)


@pytest.mark.parametrize("words", SAID)
def test_what_means_too_little_memory_is_told_from_what_does_not(words: str) -> None:
    assert hardware.is_out_of_memory(error(words)) is SAID[words][1]


def goes_on_with_smaller_batches(gpu: None, patch: pytest.MonkeyPatch, words: str) -> None:
    """Check that batches are halved until they fit, and that this is told."""
    Short(patch, words, most=10)
    events, result = fitted(quick(epochs=2, device="auto"))
    assert [
        f"batches now have {size} windows" in said
        for size, said in zip((16, 8), notices(events), strict=True)
    ] == [True, True]
    assert np.isfinite(result.history[-1].val_loss)


@pytest.mark.slow
@pytest.mark.parametrize("words", SHORT)
def test_batches_are_halved_whatever_the_library_calls_it(
    gpu: None, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    goes_on_with_smaller_batches(gpu, monkeypatch, words)


def told_of_the_cpu(events: list[Event]) -> bool:
    said = (
        f"The memory of {GPU} is too small even for one window at a time: training begins anew "
        "on the CPU."
    )
    return (
        said in notices(events)
        and [event.device for event in events if isinstance(event, SplitMade)][-1] == "cpu"
    )


def test_what_does_not_fit_at_all_is_trained_on_the_cpu_with_the_cpus_numbers(
    gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        Short(patch, SHORT[0], most=0)
        events, result = fitted(quick(epochs=2, device="auto"))
    assert told_of_the_cpu(events)
    assert str(result.forecaster.device) == "cpu"
    _, there = fitted(quick(epochs=2))
    assert numbers(result) == numbers(there)
    assert all(
        torch.equal(ours, theirs)
        for ours, theirs in zip(weights(result), weights(there), strict=True)
    )


@pytest.mark.slow
def test_a_step_that_fits_at_no_size_leads_to_the_cpu_too(
    gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    Short(monkeypatch, SHORT[0], most=0)
    monkeypatch.setattr(
        trainer.Trainer, "val_losses", lambda run, **_: torch.ones(len(run.val_rows))
    )
    events, _ = fitted(quick(epochs=1, device="auto"))
    assert told_of_the_cpu(events)
    assert [said.split()[-2] for said in notices(events) if "batches now" in said] == [
        "16",
        "8",
        "4",
        "2",
        "1",
    ]


def test_a_computer_with_too_little_memory_says_so_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Short(monkeypatch, SHORT[4], most=0, for_ever=True)
    with pytest.raises(
        ConfigError, match="The memory of this computer is too small for this network"
    ) as told:
        fitted(quick(epochs=1))
    assert "Lower the network's size" in told.value.hint


def test_other_errors_are_not_taken_for_too_little_memory(
    gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    Short(monkeypatch, "CUDA error: device-side assert triggered", most=0)
    with pytest.raises(RuntimeError, match="device-side assert"):
        fitted(quick(epochs=1, device="auto"))


# The self-test


def pretended(
    patch: pytest.MonkeyPatch, theirs: Callable[[torch.Tensor], torch.Tensor]
) -> torch.device:
    """Return a device whose gradients are the CPU's with something done to them."""
    device, calls, honest = torch.device("meta"), [0], hardware._gradient

    def gradient(network: Any, window: torch.Tensor) -> torch.Tensor:
        calls[0] += 1
        if calls[0] == 1:
            gradient.first = honest(network, window)  # type: ignore[attr-defined]
            return gradient.first  # type: ignore[attr-defined,no-any-return]
        return theirs(gradient.first.clone())  # type: ignore[attr-defined]

    patch.setattr(hardware, "_gradient", gradient)
    return device


def failing(words: str) -> Callable[[torch.Tensor], torch.Tensor]:
    def theirs(_: torch.Tensor) -> torch.Tensor:
        raise error(words)

    return theirs


FAULTS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], str]] = {
    "no driver": (failing("Found no NVIDIA driver on your system."), "Found no NVIDIA driver"),
    "no float64": (failing("Cannot convert a MPS Tensor to float64 dtype"), "float64"),
    "an assertion": (failing("CUDA error: device-side assert triggered"), "device-side assert"),
    "NaN": (lambda ours: ours * torch.nan, "differ from the CPU's by nan"),
    "zeros": (torch.zeros_like, "differ from the CPU's"),
    "wrong by 5 %": (lambda ours: ours * 1.05, "differ from the CPU's"),
    "in another order": (lambda ours: ours.flip(0), "differ from the CPU's"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_unusable_device_is_found_before_it_is_used(
    monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    theirs, words = FAULTS[fault]
    assert words in hardware.self_test(pretended(monkeypatch, theirs))


@pytest.mark.parametrize("rounding", [1.0, 1 + 1e-4])
def test_a_device_that_rounds_otherwise_is_used(
    monkeypatch: pytest.MonkeyPatch, rounding: float
) -> None:
    assert hardware.self_test(pretended(monkeypatch, lambda ours: ours * rounding)) == ""


def test_a_driver_that_does_not_answer_does_not_stop_the_list_of_devices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", failing("Found no NVIDIA driver on your system.")
    )
    assert list(hardware.devices()) == ["cuda:0", "cpu"]
    device, excuse = hardware.tested_device("auto")
    assert str(device) == "cpu"
    assert excuse.startswith("CUDA device 0 cannot be used (")


# As people meet it


@pytest.mark.slow
def test_the_command_line_says_that_the_cpu_was_taken(
    gpu: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Short(monkeypatch, SHORT[0], most=0)
    words = [
        "--input-size",
        "12",
        "--horizon",
        "2",
        "--hidden-size",
        "4",
        "--epochs",
        "1",
        "--val-size",
        "60",
        "--test-size",
        "60",
    ]
    assert main(["forecast", "sample:sp500", *words]) == 0
    out, err = capfd.readouterr()
    assert "begins anew on the CPU" in " ".join((out + err).split())


@pytest.mark.slow
def test_the_result_is_scored_on_the_cpu_as_if_it_had_been_chosen(
    gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = Panel((walk(),))

    def scores(events: Iterator[Event]) -> Any:
        [last] = [event for event in events if isinstance(event, RunFinished)]
        return last.result.scores

    with monkeypatch.context() as patch:
        Short(patch, SHORT[0], most=0)
        fallen = scores(jobs.train(panel, quick(device="auto")))
    assert repr(fallen) == repr(scores(jobs.train(panel, quick())))


# Each protection taken out: the same check fails


@pytest.mark.slow
def test_without_the_words_of_the_libraries_training_would_end(
    gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "_SHORT_OF_MEMORY", ())
    with pytest.raises(RuntimeError, match="CUDNN_STATUS_NOT_SUPPORTED"):
        goes_on_with_smaller_batches(gpu, monkeypatch, SHORT[5])


def test_without_a_tolerance_wrong_numbers_would_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_TOLERANCE", np.inf)
    assert hardware.self_test(pretended(monkeypatch, torch.zeros_like)) == ""


# With a real one


@pytest.mark.gpu
def test_a_gpu_with_too_little_memory_left_is_left_for_the_cpu() -> None:
    torch.cuda.set_per_process_memory_fraction(1e-6)
    try:
        events, result = fitted(quick(epochs=1, device="cuda", hidden_size=64))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
    assert str(result.forecaster.device) == "cpu"
    assert any("begins anew on the CPU" in said for said in notices(events))


@pytest.mark.gpu
def test_a_gpu_passes_the_self_test() -> None:
    assert hardware.self_test("cuda") == ""
