import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from untrim.evaluation.intervals import difference, outnumbers, wilson


@given(st.integers(1, 500), st.floats(0, 1))
def test_wilson_is_scipys(total: int, share: float) -> None:
    count = round(share * total)
    wanted = binomtest(count, total).proportion_ci(method="wilson")
    assert wilson(count, total) == pytest.approx((wanted.low, wanted.high), abs=1e-9)


def test_no_cases_leave_everything_open() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert not outnumbers(0, 0)
    assert not outnumbers(5, 0)
    assert outnumbers(6, 0)


@given(st.integers(0, 300), st.integers(0, 300))
def test_more_than_chance_gives_is_scipys_sign_test(more: int, less: int) -> None:
    sure = more > less and binomtest(more, more + less).pvalue < 0.05
    assert outnumbers(more, less) == sure


def test_the_difference_is_that_of_the_papers_example() -> None:
    """Newcombe 1998, table II: 56 of 70 against 48 of 80, method 10; and 9 of 10 against 3 of 10."""
    assert difference((56, 70), (48, 80)) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert difference((9, 10), (3, 10)) == pytest.approx((0.1705, 0.8090), abs=5e-5)
