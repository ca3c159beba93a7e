import weakref
from collections.abc import Iterator
from itertools import islice, pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrim.features.backbones import StreamName, hoghof
from untrim.features.backbones.hoghof import (
    HogHof,
    HogHofConfig,
    normalise,
    picture_grid,
    soft_cells,
)
from untrim.features.motion import motion_centre
from untrim.features.snippets import with_flow
from untrim.video.camera import own_motion
from untrim.video.dis import halved
from untrim.video.flow import OpticalFlow

HOG, HOF, STILL, MBHX, MBHY = slice(0, 8), slice(8, 16), 16, slice(17, 25), slice(25, 33)
RIGHT, DOWN, LEFT, UP = 0, 2, 4, 6
CELLS, AROUND, PICTURE = 3 * 6, 25, 6 * 5  # Cells at two parts in time, and those of the grids.
RGB = (CELLS + AROUND + PICTURE) * 8  # Columns of the rgb stream.
FLOW = slice(RGB, RGB + CELLS * 25)  # Those of the flow stream without its grid.
GREY = np.full((120, 160, 3), 128, np.uint8)
Y, X = np.mgrid[:120, :160].astype(np.float32)
OBJECT = (np.hypot(X - 80, Y - 60) < 30)[..., None]  # 15% of the frame


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A blurred random picture, RGB, values 40 to 215."""
    noise = np.random.default_rng(seed).normal(0, 1, (height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.repeat(cv2.normalize(smooth, None, 40, 215, cv2.NORM_MINMAX)[..., None], 3, axis=2).astype(np.uint8)


def video(frames: int, height: int = 120, width: int = 160, turn: float = 0.0, seed: int = 0) -> Iterator[np.ndarray]:
    """A textured disc that moves to the right and turns by `turn` radians a frame, over a textured ground."""
    ground, paint = texture(height, width, seed), texture(60, 60, seed + 1)
    inside = np.hypot(*(np.mgrid[:60, :60] - 29.5)) < 24
    for index in range(frames):
        frame = ground.copy()
        turned = cv2.warpAffine(paint, cv2.getRotationMatrix2D((29.5, 29.5), -np.degrees(turn * index), 1), (60, 60))
        left = (height // 8 + index) % (width - 60)
        frame[height // 4 : height // 4 + 60, left : left + 60][inside] = turned[inside]
        yield frame


def fine_histograms(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Those of one frame, from its flow (H, W, 2)."""
    (fine,) = hoghof.fine_histograms([(image, halved(flow))])
    return fine


def whole(fine: np.ndarray) -> np.ndarray:
    """The descriptor (33,) of a frame in one cell."""
    return normalise(fine.mean((1, 2)))


@pytest.mark.parametrize("direction", range(8))
def test_motion_lands_in_the_bin_of_its_direction(direction: int) -> None:
    angle = direction * np.pi / 4  # from the right, clockwise on the screen
    flow = np.where(OBJECT, np.float32([3 * np.cos(angle), 3 * np.sin(angle)]), np.float32(0))
    hof = fine_histograms(GREY, flow).mean((1, 2))[HOF]
    assert hof.argmax() == direction
    assert hof[direction] > 0.95 * hof.sum()
    assert hof.sum() == pytest.approx(3 * OBJECT.mean(), rel=0.05)


def test_real_motion_to_the_right_lands_in_the_bin_of_its_direction() -> None:
    features = HogHof(HogHofConfig(snippet_frames=8, stride_frames=8)).features(video(8))
    whole_first_part = features[0, FLOW].reshape(3, 6, 25)[0, 0]
    assert whole_first_part[:8].argmax() == RIGHT
    assert whole_first_part[RIGHT] > 2 * np.delete(whole_first_part[:8], RIGHT).max()


@given(st.floats(0, 2 * np.pi), st.floats(0.5, 9))
def test_directions_are_shared_between_the_nearest_bins(angle: float, speed: float) -> None:
    flow = np.where(OBJECT, np.float32([speed * np.cos(angle), speed * np.sin(angle)]), np.float32(0))
    hof = fine_histograms(GREY, flow)[HOF, 6, 8]  # A fine cell in the middle of the object.
    place = angle / (np.pi / 4)
    wanted = np.zeros(8)
    wanted[int(place) % 8] += 1 - place % 1
    wanted[(int(place) + 1) % 8] += place % 1
    np.testing.assert_allclose(hof, speed * wanted, atol=0.04 * speed)


@pytest.mark.parametrize(("sense", "bins"), [(1, (UP, RIGHT)), (-1, (DOWN, LEFT))])
def test_turning_clockwise_and_back_differ(sense: int, bins: tuple[int, int]) -> None:
    turning = 0.2 * sense * np.stack([60 - Y, X - 80], axis=2)
    fine = fine_histograms(GREY, np.where(OBJECT, turning, np.float32(0)))
    inside = fine[:, 4:8, 6:10].mean((1, 2))
    assert (inside[MBHX].argmax(), inside[MBHY].argmax()) == bins
    assert inside[MBHX].sum() == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize(("sense", "bins"), [(1, (RIGHT, DOWN)), (-1, (LEFT, UP))])
def test_growing_and_shrinking_differ(sense: int, bins: tuple[int, int]) -> None:
    growing = 0.1 * sense * np.stack([X - 80, Y - 60], axis=2)
    inside = fine_histograms(GREY, np.where(OBJECT, growing, np.float32(0)))[:, 4:8, 6:10].mean((1, 2))
    assert (inside[MBHX].argmax(), inside[MBHY].argmax()) == bins


def test_turning_one_way_is_told_from_turning_the_other_way() -> None:
    backbone = HogHof(HogHofConfig(snippet_frames=12, stride_frames=12))
    one, same, other = (
        backbone.features(video(12, turn=turn, seed=seed))[0, FLOW] for turn, seed in ((0.15, 0), (0.15, 7), (-0.15, 0))
    )
    assert np.linalg.norm(one - other) > 1.3 * np.linalg.norm(one - same)


@given(st.lists(st.floats(-4, 4), min_size=2, max_size=2), st.lists(st.floats(-3, 3), min_size=4, max_size=4))
def test_the_camera_is_taken_off(shift: list[float], slopes: list[float]) -> None:
    place = np.stack([X / 160 - 0.5, Y / 120 - 0.5], axis=2)
    camera = (np.array(shift) + place @ np.array(slopes).reshape(2, 2)).astype(np.float32)
    actor = np.float32([0, 5])
    np.testing.assert_allclose(own_motion(camera[None]), 0, atol=0.05)
    descriptor = whole(fine_histograms(GREY, camera + OBJECT * actor))
    assert descriptor[HOF].argmax() == DOWN
    alone = whole(fine_histograms(GREY, OBJECT * actor))
    np.testing.assert_allclose(descriptor[8:], alone[8:], atol=0.2)
    assert fine_histograms(GREY, camera)[STILL].min() == 1


def test_no_motion_is_the_bin_of_no_motion() -> None:
    features = HogHof(HogHofConfig()).features([texture(120, 160)] * 30)
    flow = features[:, FLOW].reshape(2, 3, 6, 25)
    np.testing.assert_allclose(flow[:, :2, :, 8], 1, atol=1e-3)
    flow[:, :2, :, 8] = 0
    assert np.abs(flow).max() < 0.15


def test_slow_and_fast_motion_differ() -> None:
    still = [whole(fine_histograms(GREY, OBJECT * np.float32([speed, 0])))[STILL] for speed in (0.1, 0.5, 1, 2, 4, 8)]
    assert still[0] == pytest.approx(1, abs=1e-3)
    assert all(slower > faster + 0.02 for slower, faster in pairwise(still))


@pytest.mark.parametrize(
    ("picture", "direction"),
    [(X, RIGHT), (-X, LEFT), (Y, DOWN), (-Y, UP), (X + Y, 1), (Y - X, 3), (-X - Y, 5), (X - Y, 7)],
)
def test_brightness_rises_in_the_bin_of_its_direction(picture: np.ndarray, direction: int) -> None:
    grey = np.rint(128 + 0.4 * (picture - picture.mean()))[..., None].repeat(3, axis=2).astype(np.uint8)
    hog = fine_histograms(grey, np.zeros((120, 160, 2), np.float32))[HOG, 1:-1, 1:-1].mean((1, 2))
    assert hog.argmax() == direction


def test_lighting_barely_alters_the_picture_of_gradients() -> None:
    def descriptor(picture: np.ndarray) -> np.ndarray:
        fine = fine_histograms(picture.astype(np.uint8), np.zeros((120, 160, 2), np.float32))
        return normalise(fine)[HOG]

    bright, dark, other = (
        descriptor(p) for p in (texture(120, 160), 0.6 * texture(120, 160) + 30, texture(120, 160, 5))
    )
    assert np.abs(bright - dark).mean() < 0.03
    assert np.abs(bright - dark).mean() < 0.2 * np.abs(bright - other).mean()


@pytest.mark.parametrize(("height", "width"), [(120, 160), (160, 120), (90, 91), (32, 200), (33, 35)])
@pytest.mark.parametrize(("frames", "left_right"), [(1, False), (2, True), (24, False), (30, True), (33, False)])
def test_any_frame_shape_and_length(height: int, width: int, frames: int, left_right: bool) -> None:
    backbone = HogHof(HogHofConfig(parts=3, left_right=left_right))
    rng = np.random.default_rng(frames)
    features = backbone.features(rng.integers(0, 256, (frames, height, width, 3), dtype=np.uint8))
    assert features.shape == (backbone.grid.count(frames), backbone.dim)
    assert features.dtype == np.float32
    assert features.min() >= 0
    assert features.max() <= (1 if left_right else 2**0.5)
    assert (features.std(axis=1) > 0.01).all()


def test_overlapping_snippets_equal_each_alone() -> None:
    frames = list(video(60, 84, 84, turn=0.1))
    together = HogHof(HogHofConfig(snippet_frames=16, stride_frames=5)).features(iter(frames))
    assert len(together) == 10
    for index in range(9):
        # One frame more, to which the flow of the last one leads.
        alone = HogHof(HogHofConfig(snippet_frames=16, stride_frames=16)).features(frames[5 * index : 5 * index + 17])
        np.testing.assert_array_equal(together[index], alone[0])
    partial = HogHof(HogHofConfig(snippet_frames=16, stride_frames=16)).features(frames[45:])
    np.testing.assert_array_equal(together[9], partial[0])


def test_streams_are_columns_of_both() -> None:
    frames = list(video(20))
    both, rgb, flow = (HogHof(HogHofConfig(streams=s)).features(frames) for s in (("rgb", "flow"), ("rgb",), ("flow",)))
    np.testing.assert_array_equal(both, np.concatenate([rgb, flow], axis=1))
    assert HogHof(HogHofConfig()).streams == {"rgb": rgb.shape[1], "flow": flow.shape[1]}


def test_a_frame_has_its_histograms_whatever_frames_come_before_and_after() -> None:
    frames = list(with_flow(video(19, turn=0.2), OpticalFlow("dis", half=True)))
    together = list(hoghof.fine_histograms(iter(frames)))
    assert len(together) == 19
    for frame, fine in zip(frames, together, strict=True):
        np.testing.assert_array_equal(fine, next(hoghof.fine_histograms([frame])))


def test_parts_keep_the_order_of_time() -> None:
    frames = list(video(25))
    there = HogHof(HogHofConfig(parts=1, snippet_frames=12, stride_frames=12)).features(frames)
    halves = HogHof(HogHofConfig(parts=2)).features(frames)[0]
    flow = halves[FLOW].reshape(3, 150)
    np.testing.assert_allclose(flow[0][:25], there[0, RGB - 48 :][:25], atol=1e-6)  # the whole frame, in the first half
    np.testing.assert_allclose(flow[1][:25], there[1, RGB - 48 :][:25], atol=1e-6)
    assert np.abs(flow[0] - flow[1]).max() > 0.02


def test_a_snippet_has_the_means_over_its_parts_and_the_deviation_over_its_frames() -> None:
    pairs = list(islice(with_flow(video(9, turn=0.2), OpticalFlow("dis")), 8))
    frames = np.stack([whole(fine_histograms(image, flow)) for image, flow in pairs])  # (8, 33)
    features = HogHof(HogHofConfig(snippet_frames=8, stride_frames=8, flow="dis")).features(video(9, turn=0.2))
    wanted = np.stack([frames[:4].mean(0), frames[4:].mean(0), frames.std(0)])
    np.testing.assert_allclose(features[0, : CELLS * 8].reshape(3, 6, 8)[:, 0], wanted[:, HOG], atol=1e-5)
    np.testing.assert_allclose(features[0, FLOW].reshape(3, 6, 25)[:, 0], wanted[:, 8:], atol=1e-5)


def test_one_of_two_frames_stands_for_both() -> None:
    frames = list(video(25, turn=0.1))
    found, each = (HogHof(HogHofConfig(parts=1, every=every)).features(frames) for every in (2, 1))
    pairs = list(with_flow(map(hoghof.to_grey, frames[:24]), OpticalFlow("dis-moving", half=True)))[::2]
    wanted = np.stack(list(hoghof.fine_histograms(pairs))).repeat(2, axis=0)
    np.testing.assert_array_equal(found[0], HogHof(HogHofConfig(parts=1))._pool(wanted.swapaxes(0, 1)))
    assert found.shape == each.shape
    assert 0 < np.abs(found - each).mean() < 0.01


def test_the_window_follows_the_motion() -> None:
    motion = np.zeros((12, 16), np.float32)
    motion[2:4, 11:14] = 2
    weights = soft_cells(motion_centre(motion), 2.4, 12, 16).reshape(12, 16)
    assert weights.sum() == pytest.approx(1, rel=1e-5)
    y, x = np.unravel_index(weights.argmax(), weights.shape)
    assert 2 <= y <= 3
    assert 11 <= x <= 13
    assert weights[10, 2] < 0.01 * weights.max()


def test_an_actor_elsewhere_is_the_same_actor() -> None:
    def at(dx: int) -> np.ndarray:
        flow = np.zeros((120, 160, 2), np.float32)
        flow[45:75, 50 + dx : 80 + dx] = 0.2 * np.stack([60 - Y, X - 65 - dx], axis=2)[45:75, 50 + dx : 80 + dx]
        fine = fine_histograms(GREY, flow)
        cells = soft_cells(motion_centre(fine[HOF].sum(0)), 2.4, 12, 16)
        return normalise(fine.reshape(33, 192) @ cells.T)[:, 0]

    np.testing.assert_allclose(at(0), at(30), atol=0.02)


def test_frames_are_taken_one_by_one_and_not_kept() -> None:
    alive: weakref.WeakSet[np.ndarray] = weakref.WeakSet()

    class Watched(np.ndarray):
        __hash__ = object.__hash__

    most = 0

    def images() -> Iterator[np.ndarray]:
        nonlocal most
        for frame in video(80, 84, 96):
            watched = frame.view(Watched)
            alive.add(watched)
            most = max(most, len(alive))
            yield watched
            del watched

    HogHof(HogHofConfig()).features(images())
    assert 1 <= most <= 3


@given(st.integers(8, 30), st.integers(8, 30), st.data())
def test_cells_that_reach_out_of_the_picture_take_what_is_nearest(rows: int, columns: int, data: st.DataObject) -> None:
    at = data.draw(st.tuples(st.floats(-4, rows + 4), st.floats(-4, columns + 4)))
    weights = soft_cells(np.array([at]), 1.08, rows, columns)
    assert weights.sum() == pytest.approx(1, rel=1e-4)
    assert weights[weights > 0].min() > 1e-21  # Products with much smaller ones are slow.
    y, x = np.unravel_index(weights.argmax(), (rows, columns))
    assert abs(y + 0.5 - np.clip(at[0], 0.5, rows - 0.5)) <= 0.51
    assert abs(x + 0.5 - np.clip(at[1], 0.5, columns - 0.5)) <= 0.51


def test_the_grid_around_the_motion_moves_with_the_actor_and_tells_its_limbs_apart() -> None:
    def around(dx: int, limb: int) -> np.ndarray:
        """The grid of an actor at `dx` whose upper (-1) or lower (1) half moves up, the other one down."""
        frames = []
        for number in range(24):
            picture = np.full((120, 200, 3), 128, np.uint8)
            for half in (-1, 1):
                shift = (2 if half == limb else -2) * (number % 12)
                patch = np.roll(texture(32, 24), -shift, axis=0)
                picture[60 + 16 * half - 16 : 60 + 16 * half + 16, 60 + dx : 84 + dx] = patch
            frames.append(picture)
        features = HogHof(HogHofConfig(streams=("flow",))).features(frames)
        return features[0, CELLS * 25 :].reshape(AROUND, 25)

    here, there, other = around(0, 1), around(60, 1), around(0, -1)
    assert np.abs(here - there).mean() < 0.4 * np.abs(here - other).mean()


def test_the_grid_of_the_picture_says_where_edges_are_and_is_that_of_the_mirror_image() -> None:
    picture = texture(120, 200)
    picture[:, 60:] = 128  # Edges in the left three of ten columns.
    flow = np.zeros((120, 200, 2), np.float32)
    there = picture_grid(fine_histograms(picture, flow)[HOG])
    assert there.shape == (6, 5, 8)
    assert there[:, :3].mean() > 5 * there[:, 3:].mean() > 0
    np.testing.assert_allclose(there, picture_grid(fine_histograms(picture[:, ::-1], flow)[HOG]), atol=0.03)


@pytest.mark.parametrize(("rows", "columns"), [(12, 21), (12, 12), (40, 12), (12, 16)])
def test_the_grid_of_a_picture_of_even_edges_is_even(rows: int, columns: int) -> None:
    hog = np.zeros((8, rows, columns), np.float32)
    hog[DOWN] = 14
    there = picture_grid(hog)
    np.testing.assert_allclose(there[..., DOWN], np.sqrt(14 / 16), rtol=1e-5)
    assert there.sum() == pytest.approx(30 * np.sqrt(14 / 16), rel=1e-5)


def test_features_without_grids_are_those_that_there_were_before() -> None:
    frames = list(video(40))
    now, before = HogHof(HogHofConfig()), HogHof(HogHofConfig(grids=False))
    kept = np.r_[: CELLS * 8, FLOW]
    np.testing.assert_array_equal(now.features(frames)[:, kept], before.features(frames))
    assert before.info("hoghof").streams == {"rgb": (0, 144), "flow": (144, 594)}
    assert not {"grids", "left_right"} & before.info("hoghof").recipe.keys()


def test_settings_that_came_later_are_not_in_the_recipe_of_features_from_before() -> None:
    first = {"fps", "snippet_frames", "stride_frames", "short_side", "streams", "flow", "parts"}
    assert HogHofConfig(**HogHofConfig.before).model_dump().keys() == first  # type: ignore[arg-type]


@pytest.mark.parametrize("grids", [True, False])
@pytest.mark.parametrize(("parts", "streams"), [(2, ("rgb", "flow")), (1, ("flow",)), (3, ("rgb",))])
def test_a_snippet_has_the_features_of_its_mirror_image(
    parts: int, streams: tuple[StreamName, ...], grids: bool
) -> None:
    def both(backbone: HogHof) -> np.ndarray:
        return np.stack([backbone._pool(fine), backbone._pool(mirrored)])

    pictures = [texture(120, 160, seed) for seed in range(6)]
    flows = [OBJECT * (texture(120, 160, seed)[..., :2].astype(np.float32) / 20 - 4) for seed in range(6, 12)]
    fine = np.stack(list(map(fine_histograms, pictures, flows)), axis=1)
    pictures, flows = [each[:, ::-1].copy() for each in pictures], [each[:, ::-1] * [-1, 1] for each in flows]
    mirrored = np.stack(list(map(fine_histograms, pictures, flows)), axis=1)
    backbone = HogHof(HogHofConfig(parts=parts, streams=streams, grids=grids, left_right=False))
    here, there = both(backbone)
    np.testing.assert_allclose(here, there, atol=1e-3)
    assert here.shape == (backbone.dim,)
    config = HogHofConfig(parts=parts, streams=streams, grids=grids)
    apart, columns = both(HogHof(config)), HogHof.mirrored(config)
    assert np.abs(apart[0] - apart[1]).max() > 0.03
    np.testing.assert_allclose(apart[0][columns], apart[1], atol=1e-3)
    # What the two have in common is all there.
    assert np.linalg.norm(here) == pytest.approx(np.linalg.norm(apart.mean(0)), rel=1e-3)


def test_a_video_has_the_features_of_its_mirror_image() -> None:
    def both(backbone: HogHof) -> np.ndarray:
        frames = list(video(48, turn=0.15))
        return np.stack([backbone.features(frames), backbone.features(frame[:, ::-1].copy() for frame in frames)])

    same, apart = both(HogHof(HogHofConfig(left_right=False))), both(HogHof(HogHofConfig()))
    assert np.abs(np.diff(same, axis=0)).mean() < 0.15 * np.abs(np.diff(apart, axis=0)).mean()
