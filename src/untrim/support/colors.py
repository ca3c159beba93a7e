"""Colours of classes, the same in pages, videos and notebooks."""

from __future__ import annotations

# M. Okabe, K. Ito: Color Universal Design (2008), without yellow and black, which vanish on white and on black.
_HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MOST_BLACK, _MOST_WHITE = 0.7, 0.5  # Further, they would vanish as well.


def colors(count: int) -> list[str]:
    """`count` different colours: those of Okabe and Ito, which suit colour-blind people, then shades of them."""
    return [_shade(_HUES[i % len(_HUES)], i // len(_HUES)) for i in range(count)]


def _shade(color: str, ring: int) -> str:
    """`color` itself in ring 0; in every other ring a mixture with black or white, in turn, by another amount."""
    target, most = (0, _MOST_BLACK) if ring % 2 else (255, _MOST_WHITE)
    amount = most * _van_der_corput((ring + 1) // 2)
    parts = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part + amount * (target - part)):02x}" for part in parts)


def _van_der_corput(index: int) -> float:
    """The index-th number of 0, 1/2, 1/4, 3/4, 1/8, …: none repeats, each fills a widest gap."""
    return sum(int(bit) * 0.5**place for place, bit in enumerate(reversed(f"{index:b}"), start=1))
