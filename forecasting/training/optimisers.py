"""Optimisers in a few lines each: torch's own import its compiler at first use, seconds that a small network does not need."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from forecasting.config import TrainConfig


class Optimiser(ABC):
    """Moves parameters against their gradients, and pulls them towards zero apart from that.

    Parameters
    ----------
    parameters : iterable of nn.Parameter
    weight_decay : float
        Share of each weight, times the learning rate, that a step takes away (Loshchilov and Hutter 2019).
    """

    #: What is remembered of each parameter from step to step, by name.
    slots: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[nn.Parameter], weight_decay: float) -> None:
        self.parameters: list[Tensor] = [p for p in parameters if p.requires_grad]
        self.weight_decay, self.steps = weight_decay, 0
        self.memory = {name: [torch.zeros_like(p) for p in self.parameters] for name in self.slots}

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move every parameter against its gradient and clear the gradients."""
        self.steps += 1
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self.parameters]
        torch._foreach_mul_(self.parameters, 1 - learning_rate * self.weight_decay)
        self.move(gradients, learning_rate)
        self.clear()

    @abstractmethod
    def move(self, gradients: list[Tensor], learning_rate: float) -> None:
        """Add this step to the parameters."""

    def clear(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """Return what is remembered, by name; :meth:`restore` takes it back."""
        return {f"{name}.{place}": tensor for name, tensors in self.memory.items() for place, tensor in enumerate(tensors)}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor], steps: int) -> None:
        """Go on from what :meth:`state` gave after so many steps.

        Raises
        ------
        KeyError, RuntimeError
            It belongs to another optimiser or network.
        """
        for name, tensor in self.state().items():
            tensor.copy_(state[name])
        self.steps = steps


class AdamW(Optimiser):
    """Adam with decoupled weight decay (Kingma and Ba 2015; Loshchilov and Hutter 2019); the steps of ``torch.optim.AdamW``."""

    slots = ("mean", "square")

    def move(self, gradients: list[Tensor], learning_rate: float) -> None:
        """Step by the mean of gradients over the root of the mean of their squares."""
        first, second = 0.9, 0.999
        mean, square = self.memory["mean"], self.memory["square"]
        torch._foreach_lerp_(mean, gradients, 1 - first)
        torch._foreach_mul_(square, second)
        torch._foreach_addcmul_(square, gradients, gradients, 1 - second)
        size = torch._foreach_sqrt(square)
        torch._foreach_div_(size, math.sqrt(1 - second**self.steps))
        torch._foreach_add_(size, 1e-8)
        torch._foreach_addcdiv_(self.parameters, mean, size, -learning_rate / (1 - first**self.steps))


class SGD(Optimiser):
    """Gradient descent with momentum (Polyak 1964; Sutskever et al. 2013); the steps of ``torch.optim.SGD``."""

    slots = ("velocity",)

    def __init__(self, parameters: Iterable[nn.Parameter], weight_decay: float, momentum: float = 0.9) -> None:
        super().__init__(parameters, weight_decay)
        self.momentum = momentum

    def move(self, gradients: list[Tensor], learning_rate: float) -> None:
        """Step by the gradient and what is left of earlier steps."""
        velocity = self.memory["velocity"]
        torch._foreach_mul_(velocity, self.momentum)
        torch._foreach_add_(velocity, gradients)
        torch._foreach_add_(self.parameters, velocity, alpha=-learning_rate)


class RMSprop(Optimiser):
    """Gradients over the root of the mean of their squares (Tieleman and Hinton 2012); the steps of ``torch.optim.RMSprop``."""

    slots = ("square",)

    def move(self, gradients: list[Tensor], learning_rate: float) -> None:
        """Step by the gradient over its usual size."""
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
