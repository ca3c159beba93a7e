import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrim.data.sampling import Sampler, crop_snippets

label_matrices = st.integers(0, 2**32 - 1).map(
    lambda seed: (np.random.default_rng(seed).random((12, 5)) < 0.3).astype(np.float32)
)


@given(
    st.integers(1, 500), st.integers(1, 500), st.sampled_from(["random", "contiguous", "uniform"]), st.integers(0, 9)
)
def test_crops_are_ascending_and_inside(count: int, most: int, crop: str, seed: int) -> None:
    kept = crop_snippets(count, most, crop, np.random.default_rng(seed))
    assert len(kept) == min(count, most)
    assert (np.diff(kept) > 0).all()
    assert kept[0] >= 0
    assert kept[-1] < count
    assert crop != "contiguous" or kept[-1] - kept[0] == len(kept) - 1


def test_uniform_crop_is_even() -> None:
    np.testing.assert_array_equal(crop_snippets(12, 4, "uniform", np.random.default_rng(0)), [1, 4, 7, 10])


@given(st.integers(1, 500), st.integers(1, 500))
def test_resampling_stretches_evenly(count: int, most: int) -> None:
    kept = crop_snippets(count, most, "resample", np.random.default_rng(0))
    assert len(kept) == most
    times = np.bincount(kept, minlength=count)
    assert len(times) == count
    assert times.max() - times.min() <= 1
    if count > most:
        np.testing.assert_array_equal(kept, crop_snippets(count, most, "uniform", np.random.default_rng(0)))


def test_no_limit_keeps_all() -> None:
    np.testing.assert_array_equal(crop_snippets(5, None, "random", np.random.default_rng(0)), np.arange(5))


@given(label_matrices, st.integers(0, 4), st.integers(2, 4), st.integers(0, 100))
def test_groups_share_a_class_and_hold_no_video_twice(
    labels: np.ndarray, groups: int, group_videos: int, step: int
) -> None:
    videos, membership = Sampler(labels, 10, groups, group_videos, seed=3).draw(step)
    assert len(videos) == len(membership)
    for group in range(membership.max(initial=-1) + 1):
        members = videos[membership == group]
        assert 2 <= len(members) <= group_videos
        assert len(set(members)) == len(members)
        assert labels[members].all(axis=0).any()


@given(label_matrices, st.integers(1, 15))
def test_the_deck_deals_every_video_once_an_epoch(labels: np.ndarray, batch_size: int) -> None:
    sampler = Sampler(labels, batch_size, groups=0, group_videos=2, seed=1)
    dealt = np.concatenate([sampler.draw(step)[0] for step in range(3 * len(labels))])
    for epoch in range(3 * batch_size):
        assert sorted(dealt[epoch * len(labels) : (epoch + 1) * len(labels)]) == list(range(len(labels)))


@pytest.mark.parametrize(("bare", "on_top"), [(1, 1), (5, 2), (10, 4), (60, 8)])
def test_where_groups_fill_the_batch_videos_without_labels_come_on_top(bare: int, on_top: int) -> None:
    """Otherwise no step would ever see one."""
    labels = np.eye(4, dtype=np.float32).repeat(5, axis=0)  # 20 videos; 8 in each batch
    alone = Sampler(labels, 8, 4, 2, seed=0)
    with_bare = Sampler(np.concatenate([np.zeros((bare, 4), dtype=np.float32), labels]), 8, 4, 2, seed=0)
    dealt = []
    for step in range(2 * bare):
        (videos, membership), (others, among) = with_bare.draw(step), alone.draw(step)
        np.testing.assert_array_equal(videos[videos >= bare] - bare, others)
        np.testing.assert_array_equal(membership[videos >= bare], among)
        assert (membership[videos < bare] == -1).all()
        dealt += [videos[videos < bare]]
        assert len(dealt[-1]) == on_top
        assert len(videos) == with_bare.smallest
    assert (np.bincount(np.concatenate(dealt), minlength=bare) == 2 * on_top).all()


def test_a_video_whose_class_no_other_has_comes_on_top_too() -> None:
    labels = np.pad(np.eye(4, dtype=np.float32).repeat(5, axis=0), ((0, 1), (0, 1)))
    labels[20, 4] = 1
    sampler = Sampler(labels, 8, 4, 2, seed=0)
    assert all(20 in sampler.draw(step)[0] for step in range(3))


def test_a_step_depends_on_its_number_and_the_seed_alone() -> None:
    labels = np.eye(4, dtype=np.float32).repeat(5, axis=0)
    one, two = (Sampler(labels, 20, 4, 3, seed=5) for _ in range(2))
    for step in range(7):
        two.draw(step)
    np.testing.assert_array_equal(one.draw(7)[0], two.draw(7)[0])
    assert not np.array_equal(one.draw(7)[0], one.draw(8)[0])
    assert not np.array_equal(one.draw(7)[0], Sampler(labels, 20, 4, 3, seed=6).draw(7)[0])


@pytest.mark.parametrize("labels", [np.eye(3, dtype=np.float32), np.ones((1, 2), dtype=np.float32)])
def test_without_a_pair_there_are_no_groups(labels: np.ndarray) -> None:
    videos, membership = Sampler(labels, 4, groups=2, group_videos=2, seed=0).draw(0)
    assert (membership == -1).all()
    assert len(videos) == 4
