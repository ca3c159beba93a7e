"""Adam with a running mean of the weights beside it.

Shamir, Zhang: Stochastic gradient descent for non-smooth optimization, ICML 2013 (polynomial-decay averaging).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam

_LATE = 3  # eta of the paper: the larger it is, the more the last steps count.


class AveragingAdam(Adam):
    """Adam, which also keeps a running mean of each parameter.

    At a constant step size the weights wander about a good place to the end, and their mean is nearer to it. Step t
    counts in the mean by t (t + 1) (t + 2), so that about the last quarter of the steps does, however many there are.
    A parameter without a gradient takes no step. The means are part of the optimizer's state, and so of what a training
    resumes from.
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take a step, and the weights after it into the means."""
        loss = super().step(closure)
        for parameter, state in self.state.items():
            if parameter.grad is None:
                continue
            if state.get("mean") is None:
                state["mean"] = parameter.detach().clone()
            state["mean"].lerp_(parameter, (_LATE + 1) / (float(state["step"]) + _LATE))
        return loss

    @torch.no_grad()
    def settle(self, parameters: Iterable[Tensor]) -> None:
        """Give parameters their means; one that has taken no step stays as it is."""
        for parameter in parameters:
            if (mean := self.state.get(parameter, {}).get("mean")) is not None:
                parameter.copy_(mean)
