import threading
from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrim.features.prefetch import in_threads, prefetch


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
