import threading
import time
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrim.features.prefetch import in_threads, prefetch, share_out


@given(st.lists(st.none() | st.integers()), st.integers(1, 4))
def test_the_same_items_in_the_same_order(items: list[int | None], ahead: int) -> None:
    assert list(prefetch(items, ahead)) == items


def test_works_ahead_in_another_thread() -> None:
    made, third = list[str](), threading.Event()

    def items() -> Iterator[int]:
        for index in range(9):
            made.append(threading.current_thread().name)
            if index == 2:
                third.set()
            yield index

    ahead = prefetch(items(), 2)
    assert next(ahead) == 0
    assert third.wait(10)  # Made although only the first was asked for.
    ahead.close()
    assert len(made) < 9
    assert threading.current_thread().name not in made


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("disk gone")

    got = list[int]()
    with pytest.raises(OSError, match="disk gone"):
        got.extend(prefetch(items(), 1))
    assert got == [1, 2]


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_leaving_early_ends_the_thread(taken: int) -> None:
    before = threading.active_count()
    ahead = prefetch(range(10**9), 2)
    assert list(islice(ahead, taken)) == list(range(taken))
    ahead.close()
    assert threading.active_count() == before


@given(st.lists(st.integers()), st.integers(1, 4))
def test_threads_give_the_same_in_the_same_order(items: list[int], threads: int) -> None:
    assert list(in_threads(lambda item: -item, items, threads)) == [-item for item in items]


def test_two_threads_work_at_a_time_while_the_next_item_is_made() -> None:
    made, both = list[int](), threading.Barrier(2)

    def items() -> Iterator[int]:
        for index in range(4):
            made.append(index)
            yield index

    def work(index: int) -> int:
        both.wait(60)  # It would wait for ever if one thread did all.
        return index

    results = in_threads(work, items(), 2)
    assert next(results) == 0
    assert made == [0, 1, 2]
    assert list(results) == [1, 2, 3]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_a_thread_is_raised_here(threads: int) -> None:
    results = in_threads(lambda item: 1 // item, [1, 0, 1], threads)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for index in range(40):
        yield np.full(2, index), np.full(3, -index)


def test_each_work_is_given_its_part_of_all_items() -> None:
    found = share_out(pairs(), [lambda part: [item.tolist() for item in part] for _ in range(2)], 4)
    assert found == [[[index] * 2 for index in range(40)], [[-index] * 3 for index in range(40)]]
    assert share_out(((item,) for item in range(3)), [list], 4) == [[0, 1, 2]]


def test_no_work_is_far_before_the_slowest() -> None:
    made, full = list[int](), threading.Event()

    def items() -> Iterator[tuple[int, int]]:
        for index in range(20):
            made.append(index)
            if index == 5:
                full.set()
            yield index, index

    def slow(part: Iterator[int]) -> int:
        assert full.wait(60)
        time.sleep(0.05)  # Without a bound, all are made meanwhile.
        before = len(made)
        assert list(part) == list(range(20))
        return before

    assert share_out(items(), [slow, lambda part: len(list(part))], 5) == [6, 20]


@pytest.mark.parametrize("taken", [0, 3, 40])
def test_a_work_that_ends_early_holds_up_no_other(taken: int) -> None:
    def some(part: Iterator[np.ndarray]) -> int:
        count = len(list(islice(part, taken)))
        part.close()  # type: ignore[attr-defined]
        return count

    assert share_out(pairs(), [some, lambda part: len(list(part))], 2) == [taken, 40]


def test_an_error_in_a_work_or_in_an_item_is_raised_when_all_have_ended() -> None:
    ended = list[int]()

    def fail(part: Iterator[np.ndarray]) -> None:
        next(part)
        raise ZeroDivisionError

    def count(part: Iterator[np.ndarray]) -> None:
        ended.append(len(list(part)))

    def broken() -> Iterator[tuple[int, int]]:
        yield 1, 2
        raise ValueError("broken")

    with pytest.raises(ZeroDivisionError):
        share_out(pairs(), [fail, count], 2)
    with pytest.raises(ValueError, match="broken"):
        share_out(broken(), [count, count], 2)
    assert ended == [40, 1, 1]
