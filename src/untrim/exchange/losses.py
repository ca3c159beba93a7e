"""What a conversion loses: what the target cannot hold or nobody reads, counted, and how far times are rounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from untrim.errors import numbered


@dataclass
class Losses:
    """What is lost on the way into a format.

    Args:
        counts: Thing in the singular and in the plural -> how many of them are lost.
        rounding: The largest difference in seconds between a time and what is written of it.
        asked: As `counts`, of what is left out because the caller said so.
    """

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    rounding: float = 0.0
    asked: dict[tuple[str, str], int] = field(default_factory=dict)

    def lose(self, one: str, many: str, count: int = 1) -> None:
        """Count things that are lost, named in the singular and in the plural."""
        if count:
            self.counts[one, many] = self.counts.get((one, many), 0) + count

    def leave_out(self, one: str, many: str, count: int = 1) -> None:
        """Count things that are left out as asked, likewise."""
        if count:
            self.asked[one, many] = self.asked.get((one, many), 0) + count

    def rounded(self, wanted: float, written: float) -> float:
        """Note that `written` stands for the time `wanted`, both in seconds; gives `written`."""
        self.rounding = max(self.rounding, abs(wanted - written))
        return written

    @property
    def lost(self) -> str:
        """What is lost, in words; empty if nothing is. Rounding is no loss."""
        return _in_words(self.counts)

    def __str__(self) -> str:
        what = f"lost: {self.lost}" if self.counts else f"nothing {'else ' if self.asked else ''}is lost"
        if self.asked:
            what = f"left out as asked: {_in_words(self.asked)}; {what}"
        exact = self.rounding < 1e-9
        return f"{what}; times are {'exact' if exact else f'rounded by up to {1000 * self.rounding:.3g} ms'}"


def _in_words(counts: Mapping[tuple[str, str], int]) -> str:
    return ", ".join(numbered(count, *names) for names, count in counts.items())
