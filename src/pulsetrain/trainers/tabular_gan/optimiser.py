"""Adam on one long vector.

A network of this size is many small tensors; as one vector, a step is a handful of operations instead of a handful for
each. It also spares the start of a run the import of torch's compiler, which torch.optim brings (two seconds).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

EPSILON = 1e-8


class Adam:
    """Adam (Kingma and Ba 2015) for all parameters of a network, which become views of `weights`."""

    def __init__(self, network: nn.Module, *, beta1: float, beta2: float, decay: float = 0.0) -> None:
        """`decay` pulls the weights to zero (an L2 penalty of half its size)."""
        parameters = list(network.parameters())
        self.weights = torch.cat([parameter.detach().reshape(-1) for parameter in parameters])
        self.gradient = torch.zeros_like(self.weights)
        self.mean = torch.zeros_like(self.weights)
        self.square = torch.zeros_like(self.weights)
        self.steps = 0
        self.beta1, self.beta2, self.decay = beta1, beta2, decay
        start = 0
        for parameter in parameters:
            end = start + parameter.numel()
            parameter.data = self.weights[start:end].view_as(parameter)
            parameter.grad = self.gradient[start:end].view_as(parameter)
            start = end

    def clear(self) -> None:
        """Forget the gradient; the next backward pass adds to zero."""
        self.gradient.zero_()

    def step(self, rate: float) -> None:
        """Move the weights along the gradient, with learning rate `rate`."""
        self.steps += 1
        gradient = self.gradient.add(self.weights, alpha=self.decay) if self.decay else self.gradient
        self.mean.lerp_(gradient, 1 - self.beta1)
        self.square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        root = (self.square / (1 - self.beta2**self.steps)).sqrt_().add_(EPSILON)
        self.weights.addcdiv_(self.mean, root, value=-rate / (1 - self.beta1**self.steps))

    def state(self) -> dict[str, Tensor | int]:
        """All that it needs to go on, the weights included."""
        return {"weights": self.weights, "mean": self.mean, "square": self.square, "steps": self.steps}

    def load(self, state: dict[str, Tensor | int]) -> None:
        """Go on from `state`."""
        for name in ("weights", "mean", "square"):
            getattr(self, name).copy_(state[name])
        self.steps = int(state["steps"])
