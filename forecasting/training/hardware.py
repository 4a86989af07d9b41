"""Choose a device, test it, and detect when its memory is too small."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable

import torch
from torch import nn

from forecasting.config import ModelConfig, TrainConfig
from forecasting.errors import ConfigError

#: Largest difference between a device's numbers and the CPU's in the self-test; TF32 and fused
#: kernels stay well below it.
_TOLERANCE = 1e-2
#: What libraries say where memory is short: PyTorch on the CPU says it as a plain RuntimeError,
#: cuDNN and cuBLAS in words of their own.
_SHORT_OF_MEMORY = (
    "out of memory",
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_NOT_SUPPORTED",
    "CUBLAS_STATUS_ALLOC_FAILED",
)


def choose_device(wanted: str) -> torch.device:
    """Return the device of a run: the named one, or for ``auto`` CUDA, then MPS, then the CPU.

    Raises
    ------
    ConfigError
        A device that this machine lacks; the hint names those it has.
    """
    have = devices()
    if wanted == "auto":
        return torch.device(next(iter(have)))
    name = "cuda:0" if wanted == "cuda" else wanted
    if name not in have:
        raise ConfigError(
            f"There is no device '{wanted}' here.", f"Choose one of: auto, {', '.join(have)}."
        )
    return torch.device(name)


def devices() -> dict[str, str]:
    """Return the devices of this machine, fastest first: name -> description."""
    found = {}
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            found[f"cuda:{index}"] = _described(index)
    if torch.backends.mps.is_available():
        found["mps"] = "Apple GPU"
    threads = torch.get_num_threads()
    found["cpu"] = f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    return found


def _described(index: int) -> str:
    try:
        facts = torch.cuda.get_device_properties(index)
    except (
        RuntimeError,
        AssertionError,
    ):  # a driver that does not answer: the self-test will say so
        return f"CUDA device {index}"
    return f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB"


def tested_device(wanted: str) -> tuple[torch.device, str]:
    """Return the tested device of a run, and why it is not the fastest one ("" where it is).

    Raises
    ------
    ConfigError
        The device that was named is not there or fails the test.
    """
    device = choose_device(wanted)
    fault = self_test(device)
    if not fault:
        return device, ""
    if wanted != "auto":
        raise ConfigError(
            f"The device '{wanted}' cannot be used: {fault}.", "Choose the device 'cpu', or 'auto'."
        )
    return (
        torch.device("cpu"),
        f"{devices().get(str(device), str(device))} cannot be used ({fault}); training goes on "
        "on the CPU.",
    )


def self_test(device: torch.device | str) -> str:
    """Compare a small LSTM's forward and backward pass with the CPU; return the error, "" where
    none is found.

    The CPU's random state is left unchanged. The CPU itself is not tested.
    """
    if torch.device(device).type == "cpu":
        return ""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network, window = nn.LSTM(4, 8, batch_first=True), torch.randn(4, 12, 4)
        try:
            ours = _gradient(network, window)
            theirs = _gradient(network.to(device), window.to(device))
        except (
            RuntimeError,
            TypeError,
            AssertionError,
        ) as error:  # no driver, no float64, a build without CUDA
            return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    apart = float((ours - theirs).abs().max())
    return "" if apart <= _TOLERANCE else f"its numbers differ from the CPU's by {apart:.1e}"


def fits(work: Callable[[], object]) -> bool:
    """Call a function; return False where memory was too small. No reference to its allocations is
    kept.

    Other errors are raised.
    """
    try:
        work()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means out of memory, of a device or of the computer."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in _SHORT_OF_MEMORY
    )


def release(device: torch.device) -> None:
    """Release cached memory of a device."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _gradient(network: nn.LSTM, window: torch.Tensor) -> torch.Tensor:
    outputs, _ = network(window)
    [gradient] = torch.autograd.grad(
        outputs.square().sum(), [network.get_parameter("weight_hh_l0")]
    )
    return gradient.detach().cpu()


def set_threads(model: ModelConfig, train: TrainConfig) -> None:
    """Use one thread for steps so small that a second thread costs more than it gains.

    The rule depends on settings only, never on timing, so that the same run gives the same numbers.
    """
    cores = os.cpu_count() or 1
    torch.set_num_threads(
        1
        if model.hidden_size * train.batch_size <= 8192
        else max(1, cores // 2 if cores > 4 else cores)
    )
