"""Where tensors are worked on, and from which seed: what a person gives, as what there really is."""

from __future__ import annotations

import torch

from untrim.errors import UntrimError

LARGEST_SEED = (1 << 64) - 1


def choose_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is the GPU where there is one.

    Raises:
        UntrimError: No such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # "meta" keeps no values.
    except (RuntimeError, AssertionError, TypeError) as error:
        raise UntrimError(f"device '{name}' cannot be used: {error!s:.80}", fix="use cpu or auto") from error
    return device


def check_seed(seed: object, largest: int = LARGEST_SEED) -> None:
    """Check that `seed` is one that every generator takes, or one up to `largest`.

    Raises:
        UntrimError: It is not.
    """
    if type(seed) is not int or not 0 <= seed <= largest:
        raise UntrimError(f"seed {seed!r:.40}: not a whole number from 0 to {largest}")
