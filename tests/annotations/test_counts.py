"""What is given, in words."""

from untrim.annotations import Video
from untrim.annotations.counts import count_labels
from untrim.timeline import Instance, Point, Segment

RUN, JUMP = Instance("run", Segment(1, 2)), Instance("jump", Segment(3, 4))


def test_the_kinds_that_there_are_are_counted() -> None:
    tagged = [Video("a", labels=("run",)), Video("b", labels=("jump",))]
    assert str(count_labels(tagged)) == "2 videos tagged"
    assert not count_labels(tagged).beyond_tags
    every = [
        *tagged,
        Video("c", exhaustive=True),
        Video("d"),
        Video("e", points=(Point("run", 1), Point("run", 2))),
        Video("f", instances=(RUN,), exhaustive=("run",)),
        Video("g", instances=(RUN, JUMP), exhaustive=("fall", "run")),
        Video("h", instances=(JUMP,), exhaustive=True),
    ]
    assert str(count_labels(every)) == (
        "6 videos tagged, 1 in which nothing happens, 2 points, 4 segments, 2 videos with all instances of 2 classes, "
        "1 video with all instances of every class"
    )
    assert count_labels(every).beyond_tags
