from itertools import pairwise
from pathlib import Path

import pytest

from untrim.video.decode import VideoFile
from untrim.video.files import find_videos

# What the real files hold, as FFmpeg's own count of decoded frames and their container say.
CLIPS = {
    "anet_v_GGSY1Qvo990.mp4": (355, 18.158),
    "anet_v_ZNVhz7ctTq0.mp4": (420, 14.048),
    "asl_book.mkv": (109, 3.666),
    "asl_eat.mkv": (47, 1.566),
    "asl_walk.mkv": (89, 2.966),
    "decord_flipping_a_pancake.mkv": (310, 10.381),
    "longjump_women_long_jump.mp4": (871, 35.155),
    "mlb_swing1.gif": (121, 4.84),
    "mmaction2_arm_wrestling.mp4": (280, 10.0),
    "stgcn_clean_and_jerk.mp4": (300, 10.01),
    "stgcn_tai_chi.mp4": (300, 10.01),
    "ucf_v_ApplyEyeMakeup_g01_c01.avi": (164, 6.56),
    "ucf_v_BaseballPitch_g01_c01.avi": (107, 3.57),
    "webcam_exercise_multi_action.avi": (393, 39.3),
}


@pytest.mark.parametrize("name", CLIPS)
def test_real_files_decode_whole_with_plausible_times(shared_data: Path, name: str) -> None:
    count, seconds = CLIPS[name]
    with VideoFile(shared_data / "clips" / name) as video:
        times = [frame.seconds for frame in video.frames(size=(32, 24))]
        assert len(times) == count
        assert times[0] == 0
        steps = [later - earlier for earlier, later in pairwise(times)]
        assert min(steps) > 0
        assert max(steps) - min(steps) < 0.002  # all are of one rate, up to milliseconds in MKV
        assert video.broken_packets == 0
        # Sound may go on a little longer than the picture.
        assert seconds - 0.1 < video.duration < seconds + 0.001
        assert video.duration == pytest.approx(times[-1] + steps[0], abs=0.002)


def test_real_folder_is_found_whole(shared_data: Path) -> None:
    assert [file.name for file in find_videos([shared_data / "clips"]).files.values()] == sorted(CLIPS)


def test_pixels_that_are_not_square_are_shown_square(shared_data: Path) -> None:
    with VideoFile(shared_data / "clips" / "mmaction2_arm_wrestling.mp4") as video:  # 16:9 stored as 340 x 256
        assert (video.info.width, video.info.height) == (427, 256)
        assert next(video.frames()).image.shape == (256, 427, 3)
        assert next(video.frames(size=128)).image.shape == (128, 214, 3)
        assert next(video.frames(size=(340, 256))).image.shape == (256, 340, 3)
