"""What a training lets one choose by name; apart, so that the command line lists it without loading torch."""

from typing import Literal

Precision = Literal["fp32", "bf16"]
"""In which the network computes."""
Select = Literal["last", "weak", "rehearsed"]
"""The last checkpoint; one chosen on held-out videos by their labels; or, of a training on all videos, the one where a
rehearsal without a fifth was best on these by their labels."""

DEFAULT_METHOD = "consensus"
"""What `untrim train`, `untrim tune` and the demo train, where nobody names a method."""
