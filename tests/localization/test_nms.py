import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from untrim.localization.nms import nms
from untrim.timeline import Segment

candidates = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 8), st.sampled_from([0.1, 0.5, 0.5, 0.9]), st.integers(0, 1)),
    max_size=12,
)


def suppressed(found: list[tuple[int, int, float, int]], threshold: float) -> list[int]:
    return nms(
        np.array([(start, start + length) for start, length, _, _ in found]).reshape(-1, 2),
        np.array([score for _, _, score, _ in found]),
        threshold,
        np.array([c for *_, c in found], dtype=np.intp),
    ).tolist()


@given(candidates, st.sampled_from([0.25, 0.5, 0.7, 1.0]))
def test_greedy_on_tiou_within_a_class(found: list[tuple[int, int, float, int]], threshold: float) -> None:
    segments = [Segment(start, start + length) for start, length, _, _ in found]
    expected: list[int] = []
    for i in sorted(range(len(found)), key=lambda i: -found[i][2]):
        if all(found[i][3] != found[j][3] or segments[i].tiou(segments[j]) < threshold for j in expected):
            expected.append(i)
    assert suppressed(found, threshold) == expected


@given(candidates)
def test_kept_segments_stay_when_suppressed_again(found: list[tuple[int, int, float, int]]) -> None:
    kept = suppressed(found, 0.5)
    assert suppressed([found[i] for i in kept], 0.5) == list(range(len(kept)))


def test_short_segments_are_not_merged() -> None:
    """One second added to all lengths, as BaS-Net does, would make these one."""
    assert suppressed([(0, 1, 0.9, 0), (1, 1, 0.8, 0)], 0.3) == [0, 1]
