"""Clips and overlays of real videos: every frame, its time, its picture and its sound."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from untrim.rendering.clips import make_clips
from untrim.rendering.overlay import make_overlays
from untrim.timeline import Detection, Segment
from untrim.video.decode import VideoFile
from untrim.video.sound import SoundReader

FILMS = {
    "anet_v_GGSY1Qvo990.mp4": Segment(5.82, 8.2),
    "decord_flipping_a_pancake.mkv": Segment(2.1, 4.4),
    "asl_book.mkv": Segment(0.6, 1.9),  # It begins at 0.033 s of the file.
    "mmaction2_arm_wrestling.mp4": Segment(0.0, 0.7),  # 427 pixels wide.
    "mlb_swing1.gif": Segment(1.8, 2.3),
    "ucf_v_ApplyEyeMakeup_g01_c01.avi": Segment(3.3, 4.9),
}


@pytest.mark.parametrize("name", FILMS)
def test_a_clip_of_a_real_video_is_that_stretch(shared_data: Path, tmp_path: Path, name: str) -> None:
    source, span = shared_data / "clips" / name, FILMS[name]
    found = {source.stem: [Detection("x", span, 0.9)]}
    (clip,) = make_clips(found, source, tmp_path / "clips").clips
    with VideoFile(source) as video, VideoFile(clip.path) as made:
        frames = [frame for frame in video.frames(size=(160, 120)) if frame.seconds < span.end - 1e-6]
        first = max(index for index, frame in enumerate(frames) if frame.seconds <= span.start + 1e-6)
        expected, own = frames[first:], list(made.frames(size=(160, 120)))
        times = [frame.seconds - expected[0].seconds for frame in expected]
        assert [frame.seconds for frame in own] == pytest.approx(times, abs=2e-5)
        unlike = [float(np.abs(a.image.astype(int) - b.image).mean()) for a, b in zip(own, expected, strict=True)]
        assert max(unlike) < 6
        with SoundReader(video, expected[0].seconds) as there, SoundReader(made, 0.0) as here:
            assert (there.form is None) == (here.form is None)
            if there.form is not None:
                heard, wanted = (
                    sound.until(times[-1] + start)[0] for sound, start in ((here, 0.0), (there, expected[0].seconds))
                )
                assert lag(heard, wanted) == 0


def lag(heard: np.ndarray, wanted: np.ndarray) -> int:
    """By how many samples one sound is later than the other."""
    count = min(len(heard), len(wanted))
    spectra = [np.fft.rfft(sound[:count], 2 * count) for sound in (heard, wanted)]
    together = np.fft.irfft(spectra[0] * spectra[1].conj())
    place = int(together.argmax())
    return place - 2 * count if place > count else place


def test_an_overlay_of_a_real_video_has_its_frames_and_its_sound(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "clips" / "decord_flipping_a_pancake.mkv"
    made = make_overlays({source.stem: [Detection("x", Segment(2, 6), 0.9)]}, source, tmp_path).films[source.stem]
    with VideoFile(source) as video, VideoFile(made) as film:
        assert list(film.times()) == pytest.approx(list(video.times()), abs=2e-5)
        with SoundReader(video, 0.0) as there, SoundReader(film, 0.0) as here:
            assert lag(here.until(10.0)[0], there.until(10.0)[0]) == 0
    with av.open(made) as container:
        assert json.loads(container.metadata["comment"])["untrim"]["overlay"] == 1
