import json
import math
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrim.localization.grouping import Runs, sweep
from untrim.localization.nms import nms
from untrim.localization.scoring import OuterRounding, outer_inner_contrast, run_max, run_mean


@st.composite
def values_and_runs(draw: st.DrawFn) -> tuple[np.ndarray, Runs]:
    rows, length = draw(st.integers(1, 3)), draw(st.integers(1, 20))
    values = np.random.default_rng(draw(st.integers(0, 999))).normal(size=(rows, length))
    chosen = []
    for _ in range(draw(st.integers(0, 6))):
        first = draw(st.integers(0, length - 1))
        chosen.append((draw(st.integers(0, rows - 1)), first, draw(st.integers(first + 1, length))))
    return values, Runs(*np.array(chosen, dtype=np.intp).reshape(-1, 3).T)


@given(values_and_runs())
def test_max_and_mean(given_: tuple[np.ndarray, Runs]) -> None:
    values, runs = given_
    inside = [values[row, first:stop] for row, first, stop in zip(*runs, strict=True)]
    np.testing.assert_array_equal(run_max(values, runs), [part.max() for part in inside])
    np.testing.assert_allclose(run_mean(values, runs), [part.mean() for part in inside], atol=1e-12)


@given(
    values_and_runs(),
    st.sampled_from([0.0, 0.25, 0.4, 0.5, 1.0, 3.0]),
    st.sampled_from(get_args(OuterRounding)),
    st.sampled_from([None, 0.3]),
)
def test_outer_inner_contrast(
    given_: tuple[np.ndarray, Runs], outer: float, rounding: OuterRounding, level: float | None
) -> None:
    values, runs = given_
    between = None if level is None else values <= level
    expected = []
    for row, first, stop in zip(*runs, strict=True):
        margin = outer * (stop - first)
        end = {
            "uneven": math.floor(stop - 1 + margin) + 1,
            "up": math.ceil(stop + margin),
            "official": int(stop - 1 + margin),
        }[rounding]
        around = [*values[row, max(0, math.floor(first - margin)) : first], *values[row, stop:end]]
        outside = [value for value in around if level is None or value <= level]
        expected.append(values[row, first:stop].mean() - (np.mean(outside) if outside else 0.0))
    np.testing.assert_allclose(outer_inner_contrast(values, runs, outer, rounding, between), expected, atol=1e-12)


@pytest.mark.parametrize(("rounding", "expected"), [("uneven", 4 - 1), ("up", 4 - 1.5), ("official", 4 - 1)])
def test_whether_one_snippet_has_both_sides(rounding: OuterRounding, expected: float) -> None:
    runs = Runs(np.array([0]), np.array([2]), np.array([3]))
    assert outer_inner_contrast(np.array([[0.0, 1.0, 4.0, 2.0, 9.0]]), runs, 0.4, rounding) == pytest.approx(expected)


def test_contrast_at_the_borders() -> None:
    values = np.array([[1.0, 1.0, 4.0, 0.0, 2.0, 2.0]])
    runs = Runs(np.zeros(4, dtype=np.intp), np.array([0, 4, 0, 2]), np.array([2, 6, 6, 4]))
    found = outer_inner_contrast(values, runs, 0.5)  # one snippet a side, where there is one
    np.testing.assert_allclose(found, [1 - 4, 2 - 0, values.mean(), 2 - 1.5])


def test_large_values_do_not_drown_small_ones() -> None:
    values = np.array([[1e4, -1e4] * 5000 + [0.25, 0.75]])
    runs = Runs(np.array([0]), np.array([10000]), np.array([10002]))
    np.testing.assert_allclose(run_mean(values, runs), [0.5], rtol=1e-10)


class TestGoldenValues:
    """Proposals and suppression of BaS-Net's own code. It takes the outer mean of what is left above the threshold (the
    rest set to 0), and adds one second to all lengths in its suppression; nothing else differs from ours."""

    @pytest.fixture
    def cases(self, shared_data: Path) -> list[dict]:
        return json.loads((shared_data / "golden" / "basnet_oic.json").read_text())

    def sequences(self, case: dict) -> tuple[np.ndarray, float]:
        """Activations over their maximum, in finer steps, (C, T'), and how many seconds a step is."""
        cas, scale = np.array(case["cas"]).T, case["scale"]
        cas = (cas - cas.min(axis=1, keepdims=True).clip(0)) / np.ptp(cas.clip(0), axis=1, keepdims=True)
        position = np.arange(0, case["n"], 1 / scale)
        before = np.minimum(position.astype(int), case["n"] - 2)  # beyond the last value the line goes on
        fine = cas[:, before] + (position - before) * (cas[:, before + 1] - cas[:, before])
        return fine, 16 / (scale * case["fps"])

    def test_proposals(self, cases: list[dict]) -> None:
        for case in cases:
            values, seconds = self.sequences(case)
            for c, expected in case["proposals"].items():
                row, found = values[[int(c)]], []
                for threshold in case["thresholds"]:
                    runs = sweep(row, [threshold])
                    left = np.where(row < threshold, 0, row)
                    scores = outer_inner_contrast(left, runs, case["lambda_"]) + (
                        case["gamma"] * case["class_score"][int(c)]
                    )
                    found += list(zip(scores, runs.first * seconds, runs.stop * seconds, strict=True))
                np.testing.assert_allclose(found, np.array(expected)[:, 1:], rtol=1e-9, atol=1e-12)
                together = sweep(row, case["thresholds"])
                assert len(together.row) == len({(start, end) for _, _, start, end in expected})

    def test_kept(self, cases: list[dict]) -> None:
        for case in cases:
            for c, proposals in case["proposals"].items():
                segments, scores = np.array(proposals)[:, 2:], np.array(proposals)[:, 1]
                longer = segments + np.array([0.0, 1.0])
                kept = nms(longer, scores, case["nms"], np.zeros(len(scores), dtype=np.intp))
                np.testing.assert_array_equal(
                    np.column_stack([scores, segments])[kept], np.array(case["kept"][c])[:, 1:]
                )
