"""Where tensors are worked on: the name a person gives, as a device that is really there."""

from __future__ import annotations

import torch

from untrim.errors import UntrimError


def choose_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is the GPU where there is one.

    Raises:
        UntrimError: No such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UntrimError(f"device '{name}' cannot be used: {error!s:.80}", fix="use cpu or auto") from error
    return device
