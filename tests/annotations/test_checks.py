from dataclasses import replace

import pytest

from untrim.annotations import Video
from untrim.annotations.checks import training_doubts, untold_classes
from untrim.timeline import Instance, Point, Segment

SOME = (Video("a", labels=("run", "sit")), Video("b", labels=("run", "sit")), Video("c", labels=("jump",)))
NOTHING = Video("n", exhaustive=True)
RUN, SIT = Instance("run", Segment(1, 2)), Instance("sit", Segment(3, 4))


def untold(*videos: Video) -> list[str]:
    return [what.split(":")[0] for what, _ in untold_classes(videos)]


def test_classes_that_labels_do_not_tell_apart() -> None:
    assert untold(*SOME) == ["'run', 'sit'"]
    assert untold(*SOME, Video("d", labels=("run",))) == []
    assert untold(*SOME[:2]) == ["'run', 'sit'"]
    assert untold(*SOME[:2], NOTHING) == ["'run', 'sit'"]
    assert untold(*SOME[1:]) == untold(SOME[0]) == []
    (found,) = untold_classes(SOME)
    assert "in the same 2 training videos and no other" in found[0]


def test_a_class_of_every_video_is_not_told_from_all_else() -> None:
    alone = [replace(video, labels=("run",)) for video in SOME]
    (found,) = untold_classes(alone)
    assert found[0].startswith("'run': in each training video")
    assert untold(*alone, NOTHING) == []
    beside = [replace(video, labels=("run", "sit")) for video in SOME]
    assert untold(replace(beside[0], points=(Point("run", 1),)), *beside[1:]) == ["'sit'"]
    assert untold(*alone, Video("d", labels=("jump",))) == []
    assert training_doubts(alone) == ["; ".join(found)]
    assert training_doubts([]) == []


@pytest.mark.parametrize(
    "known",
    [
        {"instances": (RUN, SIT)},
        {"points": (Point("run", 1), Point("sit", 2))},
        {"rejected": (RUN,), "points": (Point("sit", 2),)},
    ],
)
def test_times_of_each_tell_them_apart(known: dict[str, tuple[Instance | Point, ...]]) -> None:
    assert untold(replace(SOME[0], **known), *SOME[1:]) == []  # type: ignore[arg-type]
    first = {key: marks[:1] for key, marks in known.items() if any(mark.label == "run" for mark in marks)}
    assert untold(replace(SOME[0], **first), *SOME[1:]) == ["'run', 'sit'"]  # type: ignore[arg-type]
