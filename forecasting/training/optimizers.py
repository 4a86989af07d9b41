"""Optimisers of a few lines each: torch's classes import its compiler at first use, which takes
seconds.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from forecasting.config import TrainConfig


class Optimiser(ABC):
    """Base of optimisers, with decoupled weight decay.

    Parameters
    ----------
    parameters : iterable of nn.Parameter
    weight_decay : float
        Share of each weight, times the learning rate, that a step takes away (Loshchilov and Hutter
        2019).
    """

    #: What is remembered of each parameter from step to step, by name.
    slots: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[nn.Parameter], weight_decay: float) -> None:
        self.parameters: list[Tensor] = [p for p in parameters if p.requires_grad]
        self.weight_decay, self.steps = weight_decay, 0
        self.memory = {name: [torch.zeros_like(p) for p in self.parameters] for name in self.slots}

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update every parameter by its gradient and clear the gradients."""
        self.steps += 1
        torch._foreach_mul_(self.parameters, 1 - learning_rate * self.weight_decay)
        self.move(self.gradients(), learning_rate)
        self.clear()

    def gradients(self) -> list[Tensor]:
        """Return the gradient of each parameter; zeros where there is none."""
        return [p.grad if p.grad is not None else torch.zeros_like(p) for p in self.parameters]

    @abstractmethod
    def move(self, gradients: list[Tensor], learning_rate: float) -> None:
        """Update the parameters."""

    def clear(self) -> None:
        """Clear the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """Return the state tensors by name, for :meth:`restore`."""
        return {
            f"{name}.{index}": tensor
            for name, tensors in self.memory.items()
            for index, tensor in enumerate(tensors)
        }

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor], steps: int) -> None:
        """Restore :meth:`state` after so many steps.

        Raises
        ------
        KeyError, RuntimeError
            It belongs to another optimiser or network.
        """
        for name, tensor in self.state().items():
            tensor.copy_(state[name])
        self.steps = steps


#: The kernel behind ``torch.optim.AdamW(fused=True)``, one pass over all numbers; its name is
#: private, so it may be missing.
_KERNEL: Callable[..., None] | None = getattr(torch, "_fused_adamw_", None)
_KERNEL_DEVICES = ("cpu", "cuda")


class AdamW(Optimiser):
    """Adam with decoupled weight decay (Kingma and Ba 2015; Loshchilov and Hutter 2019); equal to
    ``torch.optim.AdamW``.

    On devices for which torch has a fused kernel a step is one pass, elsewhere a few operations.
    """

    slots = ("mean", "square")
    rates: ClassVar[dict[str, float]] = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}

    def __init__(self, parameters: Iterable[nn.Parameter], weight_decay: float) -> None:
        super().__init__(parameters, weight_decay)
        devices = {p.device.type for p in self.parameters}
        self.kernel = _KERNEL if len(devices) == 1 and devices <= {*_KERNEL_DEVICES} else None
        self._count = torch.zeros((), device=self.parameters[0].device) if self.kernel else None

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update every parameter by its gradient and clear the gradients."""
        if self.kernel is None or self._count is None:
            super().step(learning_rate)
            return
        self.steps += 1
        counts = [self._count.fill_(self.steps)] * len(self.parameters)
        mean, square = self.memory["mean"], self.memory["square"]
        kinds: dict[str, Any] = {
            "lr": learning_rate,
            "weight_decay": self.weight_decay,
            "amsgrad": False,
            "maximize": False,
            **self.rates,
        }
        self.kernel(self.parameters, self.gradients(), mean, square, [], counts, **kinds)
        self.clear()

    def move(self, gradients: list[Tensor], learning_rate: float) -> None:
        """Update by the running mean of the gradients over the root of that of their squares."""
        first, second = self.rates["beta1"], self.rates["beta2"]
        mean, square = self.memory["mean"], self.memory["square"]
        torch._foreach_lerp_(mean, gradients, 1 - first)
        torch._foreach_mul_(square, second)
        torch._foreach_addcmul_(square, gradients, gradients, 1 - second)
        size = torch._foreach_sqrt(square)
        torch._foreach_div_(size, math.sqrt(1 - second**self.steps))
        torch._foreach_add_(size, self.rates["eps"])
        torch._foreach_addcdiv_(
            self.parameters, mean, size, -learning_rate / (1 - first**self.steps)
        )


class SGD(Optimiser):
    """Gradient descent with momentum (Polyak 1964; Sutskever et al. 2013); equal to
    ``torch.optim.SGD``.
    """

    slots = ("velocity",)

    def __init__(
        self, parameters: Iterable[nn.Parameter], weight_decay: float, momentum: float = 0.9
    ) -> None:
        super().__init__(parameters, weight_decay)
        self.momentum = momentum

    def move(self, gradients: list[Tensor], learning_rate: float) -> None:
        """Update by the gradient and the momentum of earlier steps."""
        velocity = self.memory["velocity"]
        torch._foreach_mul_(velocity, self.momentum)
        torch._foreach_add_(velocity, gradients)
        torch._foreach_add_(self.parameters, velocity, alpha=-learning_rate)


class RMSprop(Optimiser):
    """Gradients over the root of the running mean of their squares (Tieleman and Hinton 2012);
    equal to ``torch.optim.RMSprop``.
    """

    slots = ("square",)

    def move(self, gradients: list[Tensor], learning_rate: float) -> None:
        """Update by the gradient over its root mean square."""
        square = self.memory["square"]
        torch._foreach_mul_(square, 0.99)
        torch._foreach_addcmul_(square, gradients, gradients, 0.01)
        size = torch._foreach_sqrt(square)
        torch._foreach_add_(size, 1e-8)
        torch._foreach_addcdiv_(self.parameters, gradients, size, -learning_rate)


#: Optimiser by the name in ``TrainConfig.optimiser``.
OPTIMISERS: dict[str, Callable[[Iterable[nn.Parameter], TrainConfig], Optimiser]] = {
    "adamw": lambda parameters, config: AdamW(parameters, config.weight_decay),
    "sgd": lambda parameters, config: SGD(parameters, config.weight_decay, config.momentum),
    "rmsprop": lambda parameters, config: RMSprop(parameters, config.weight_decay),
}
