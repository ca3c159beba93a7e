"""Timelines in a notebook: right places, nothing of a name is obeyed as HTML, long sets are cut."""

import re
from html.parser import HTMLParser

from untrim import Annotations, Detection, Detections, Instance, Point, Segment, Video
from untrim.annotations.drawing import MOST_VIDEOS

EVIL = '"><img src=x onerror=alert(1)>'


class Tags(HTMLParser):
    """The names of all elements, the attributes they have, and how deep elements are left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.keys: set[str] = set()
        self.open = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.keys |= {key for key, _ in attrs}
        self.open += 1

    def handle_endtag(self, tag: str) -> None:
        self.open -= 1


def test_bars_are_where_the_segments_are() -> None:
    own = (Instance("run", Segment(2, 5)), Instance("jump", Segment(0, 1)))
    html = Video("v", "test", 10.0, ("walk",), own, points=(Point("run", 7.5),))._repr_html_()
    bars = re.findall(r'title="([^"]*)" style="position:absolute;left:([\d.]+)%;width:([\d.]+)%', html)
    assert {(title, float(left), float(width)) for title, left, width in bars} == {
        ("run: 2.00 to 5.00 s", 20.0, 30.0),
        ("run: 7.50 s, a point", 75.0, 0.0),
        ("jump: 0.00 to 1.00 s", 0.0, 10.0),
    }
    assert "10 s, test, without times: walk" in html


def test_names_are_no_html() -> None:
    found = Detections.of({EVIL: [Detection(EVIL, Segment(0, 1), 0.5)]})
    truth = Annotations([Video(EVIL, EVIL, 2.0, instances=(Instance(EVIL, Segment(0, 1)),))])
    for html in (found._repr_html_(), truth._repr_html_(), truth[EVIL]._repr_html_()):
        tags = Tags(html)
        assert tags.tags <= {"div", "b", "code", "small", "bdi"}
        assert tags.keys <= {"style", "title"}
        assert tags.open == 0


def test_a_thousand_videos_are_not_drawn() -> None:
    found = Detections.of({f"v{n}": [Detection("run", Segment(0, 1), 0.5)] for n in range(1000)})
    truth = Annotations([Video(f"v{n}", instances=(Instance("run", Segment(0, 1)),)) for n in range(1000)])
    for html in (found._repr_html_(), truth._repr_html_()):
        assert html.count("<code>") == MOST_VIDEOS
        assert f"and {1000 - MOST_VIDEOS} more" in html


def test_the_surest_is_the_most_opaque() -> None:
    found = Detections.of({"v": [Detection("run", Segment(0, 1), 3.0), Detection("run", Segment(2, 3), 1.0)]})
    assert re.findall(r"opacity:([\d.]+)", found._repr_html_()) == ["1.00", "0.25"]
    assert "0 detections in 0 videos" in Detections.of({})._repr_html_()
