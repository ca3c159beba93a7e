import base64
import hashlib
import itertools
import json
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import cv2
import numpy as np
import pytest

from helpers import run_untrim
from untrim.annotations import Annotations, Video, write_annotations, write_detections
from untrim.errors import UntrimError
from untrim.reports.html import write_report
from untrim.support.files import write_json
from untrim.timeline import Detection, Instance, Segment
from untrim.training.checkpoint import Run


@dataclass
class Node:
    tag: str
    attributes: dict[str, str]
    children: list["Node"] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str = "", **wanted: str) -> list["Node"]:
        """Descendants with this tag and these attributes; of `kind`, one of the classes."""
        kind = wanted.pop("kind", None)
        found = []
        for child in self.children:
            classes = child.attributes.get("class", "").split()
            fits = all(child.attributes.get(key.replace("_", "-")) == value for key, value in wanted.items())
            if tag in ("", child.tag) and (kind is None or kind in classes) and fits:
                found.append(child)
            found += child.all(tag, **wanted, **({"kind": kind} if kind else {}))
        return found

    def whole_text(self) -> str:
        return " ".join([self.text, *(child.whole_text() for child in self.children)])


class Page(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.root = Node("", {})
        self.open = [self.root]
        self.feed(self.source)
        assert self.open == [self.root], "a tag is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {key: value or "" for key, value in attrs})
        self.open[-1].children.append(node)
        if tag not in ("meta", "img", "input"):
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Node(tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag, "tags cross"

    def handle_data(self, data: str) -> None:
        self.open[-1].text += data

    def table(self, section: str) -> list[list[str]]:
        """Texts of the cells of a section's table."""
        rows = self.root.all(id=section)[0].all("table")[0].all("tr")
        return [[cell.whole_text().strip() for cell in row.children] for row in rows]

    def notes(self) -> list[str]:
        return [item.text for notes in self.root.all("ul", kind="notes") for item in notes.all("li")]


def report(inputs, **changes) -> Page:
    return Page(write_report(**{**inputs.arguments, **changes}))


def percent(text: str) -> float:
    assert text.endswith("%")
    return float(text[:-1])


def test_it_is_a_page_that_loads_only_videos_and_runs_only_its_own_script(inputs):
    page = report(inputs)
    assert page.source.startswith("<!doctype html>")
    tags = {node.tag for node in page.root.all()}
    assert not tags & {"link", "iframe", "object", "embed", "base", "audio", "source"}
    assert not re.search(r"https?:|url\(|@import|innerHTML|eval\(", page.source)
    for node in page.root.all():
        assert not any(key.startswith("on") or key in ("xlink:href", "srcset") for key in node.attributes)
        assert node.attributes.get("href", "#").startswith("#")
        assert node.tag == "img" or "src" not in node.attributes
    assert all(image.attributes["src"].startswith("data:image/jpeg;base64,") for image in page.root.all("img"))
    content, script = page.root.all("script")
    assert content.attributes["type"] == "application/json"
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    policy = page.root.all("meta", http_equiv="Content-Security-Policy")[0].attributes["content"]
    assert policy == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; media-src 'self' file:"
    )
    assert len(page.source) < 1_000_000


def test_contents_lead_to_every_part_and_timelines_come_first(inputs):
    page = report(inputs)
    parts = [section.attributes["id"] for section in page.root.all("section")]
    assert parts == ["videos", "segments", "map", "classes", "training"]
    contents = page.root.all("nav", kind="contents")[0]
    assert [link.attributes["href"] for link in contents.all("a")] == [f"#{part}" for part in parts]


def segments(page: Page) -> dict[str, object]:
    """What the script sorts and filters."""
    return json.loads(page.root.all("script", id="content")[0].text)


def test_every_segment_is_there_as_text(inputs):
    page = report(inputs)
    head, *rows = page.table("segments")
    assert head == ["video", "action", "start", "end", "length", "score", "tIoU 0.5"]
    assert len(rows) == 32
    assert ["video0", "dive", "0:02.12", "0:06.50", "4.38 s", "9.5", "right"] in rows
    found = segments(page)
    assert len(found["rows"]) == 32
    assert found["least"] is None
    scores = [row[4] for row in found["rows"]]
    assert scores == sorted(scores, reverse=True)
    for video, label, start, end, score, right in found["rows"]:
        name, segment = found["videos"][video], Segment(start, end)
        there = [d for d in inputs.detections[name] if d.score == score]
        assert any(d.label == found["labels"][label] and d.segment.tiou(segment) > 0.99 for d in there)
        assert right == (score > 5 and segment.tiou(inputs.truth[name].instances[round(9.5 - score)].segment) >= 0.5)


def as_confidences(inputs) -> Path:
    """The detections with scores of 0.95, 0.85, 0.25 and 0.1."""
    path = inputs.folder / "confident.json"
    found = {n: [replace(d, score=d.score / 10) for d in own] for n, own in inputs.detections.items()}
    write_detections(found, path)
    return path


def test_what_counts_as_found_comes_first(inputs):
    page = report(inputs, detections=as_confidences(inputs))
    article = page.root.all("article", data_video="video0")[0]
    assert [
        row.attributes["data-label"] for row in article.all("div", kind="row") if "data-label" in row.attributes
    ] == ["dive"]
    looks = {
        float(b.attributes["data-start"]): b.attributes["class"].split() for b in article.all("rect", kind="found")
    }
    assert looks == {2.125: ["found"], 11.0: ["found"], 17.25: ["found", "wrong", "lesser"]}
    assert "2 true, 2 found" in " ".join(article.whole_text().split())
    text = " ".join(page.root.whole_text().split())
    assert "found, score 0.5 and above 16" in text
    assert "lesser detections 16" in text
    moved = report(inputs, detections=as_confidences(inputs), min_score=0.2)
    assert len(moved.root.all("article", data_video="video0")[0].all("div", kind="row")) == 3
    assert "nothing" not in article.attributes["class"].split()
    none = report(inputs, detections=as_confidences(inputs), min_score=0.99).root.all("article", data_video="video0")[0]
    assert "2 true, 0 found" in " ".join(none.whole_text().split())
    assert "nothing" in none.attributes["class"].split()  # then the lesser ones are drawn


def test_without_annotations_all_videos_are_shown_and_nothing_is_judged(inputs):
    page = report(inputs, detections=as_confidences(inputs), annotations=None, evaluation=None)
    drawn = page.root.all("article")
    assert [node.attributes["data-video"] for node in drawn] == sorted(inputs.truth)
    assert page.notes() == []
    assert not page.root.all("rect", kind="wrong")
    assert page.table("segments")[0][-1] == "score"
    assert float(drawn[0].attributes["data-duration"]) == pytest.approx(20.0, abs=0.5)  # as the file says
    text = " ".join(page.root.whole_text().split())
    assert "ground truth" not in text
    assert "Tested on" not in text


def test_videos_are_played_where_they_are(inputs):
    """By a path seen from the page, whatever the file is called; without files there is nothing to click."""
    odd = inputs.folder / "videos" / "a b#?%:é.mp4"
    (inputs.folder / "videos" / "video0.mp4").rename(odd)
    write_detections({odd.stem: inputs.detections["video0"]}, inputs.folder / "odd.json")
    output = inputs.folder / "pages" / "report.html"
    page = report(inputs, detections=inputs.folder / "odd.json", annotations=None, evaluation=None, output=output)
    video = page.root.all("video")[0]
    assert video.attributes["data-src"] == "../videos/a%20b%23%3F%25%3A%C3%A9.mp4"
    assert (output.parent / unquote(video.attributes["data-src"])).samefile(odd)
    assert float(video.attributes["data-offset"]) == 0.0
    assert not report(inputs, videos=None).root.all("video")


def test_the_command_takes_several_videos(inputs, capsys):
    files = [inputs.folder / "videos" / f"video{index}.mp4" for index in (0, 2)]
    page = inputs.folder / "few.html"
    named = [part for file in files for part in ("--videos", file)]
    run, found = inputs.arguments["run"], inputs.arguments["detections"]
    assert run_untrim("report", run, "-d", found, *named, "-o", page) == 0
    played = {video.attributes["data-src"] for video in Page(page).root.all("video")}
    assert played == {"videos/video0.mp4", "videos/video2.mp4"}
    assert f"--videos {files[0]} --videos {files[1]}" in capsys.readouterr().out


def test_more_than_fifty_videos_are_drawn_page_by_page(inputs):
    names = [f"v{index:03d}" for index in range(120)]
    write_detections({name: [Detection("dive", Segment(1, 2), 0.9)] for name in names}, inputs.folder / "many.json")
    page = report(inputs, detections=inputs.folder / "many.json", annotations=None, evaluation=None, videos=None)
    first = [node.attributes["data-video"] for node in page.root.all(id="timelines")[0].all("article")]
    rest = [[n.attributes["data-video"] for n in part.all("article")] for part in page.root.all("template")]
    assert first == names[:50]
    assert rest == [names[50:100], names[100:]]
    assert len(page.table("segments")) == 51
    assert len(segments(page)["rows"]) == 120


def test_curves_are_those_of_the_detections_own_folder(inputs):
    """`localize` keeps them in a folder of the detections' name: another run's are not taken for them."""
    mine = inputs.folder / "detections-activations"
    mine.mkdir()
    (inputs.folder / "activations" / "video0.npz").rename(mine / "video0.npz")
    page = report(inputs)
    drawn = {node.attributes["data-video"] for node in page.root.all("article") if node.all("path", kind="curve")}
    assert drawn == {"video0"}


def test_the_same_input_gives_the_same_page(inputs):
    first = report(inputs).source
    assert report(inputs, output=inputs.folder / "again.html").source == first


def test_text_and_a_run_do_as_well_as_paths(inputs):
    page = write_report(**inputs.arguments).read_bytes()
    texts = {name: str(path) for name, path in inputs.arguments.items()}
    assert write_report(**texts).read_bytes() == page
    assert write_report(**{**texts, "run": Run.open(texts["run"])}).read_bytes() == page


def test_bars_lie_where_their_times_are(inputs):
    page = report(inputs)
    drawn = page.root.all("article", kind="video")
    assert {article.attributes["data-video"] for article in drawn} == set(inputs.truth)
    for article in drawn:
        name = article.attributes["data-video"]
        duration = float(article.attributes["data-duration"])
        assert duration == pytest.approx(max(20.0, *(d.segment.end for d in inputs.detections[name])))
        for kind, wanted in (("truth", inputs.truth[name].instances), ("found", inputs.detections[name])):
            there = []
            for row in article.all("div", kind="row"):
                for bar in row.all("rect", kind=kind):
                    start, end = (float(bar.attributes[key]) for key in ("data-start", "data-end"))
                    assert percent(bar.attributes["x"]) == pytest.approx(100 * start / duration, abs=2e-3)
                    assert percent(bar.attributes["width"]) == pytest.approx(100 * (end - start) / duration, abs=2e-3)
                    there.append((row.attributes["data-label"], start, end))
            assert sorted(there) == sorted((e.label, e.segment.start, e.segment.end) for e in wanted)


def test_ticks_lie_where_their_seconds_are(inputs):
    article = report(inputs).root.all("article", data_video="video0")[0]
    labels = [(node.text, percent(node.attributes["x"])) for node in article.all("svg", kind="axis")[0].all("text")]
    assert labels == [("0 s", 0.0), ("5 s", 25.0), ("10 s", 50.0), ("15 s", 75.0), ("20 s", 100.0)]


def test_height_follows_the_score_and_looks_follow_the_match(inputs):
    article = report(inputs).root.all("article", data_video="video0")[0]
    bars = {float(bar.attributes["data-start"]): bar for bar in article.all("rect", kind="found")}
    height = {start: float(bar.attributes["height"]) for start, bar in bars.items()}
    assert height[2.125] > height[8.0] > height[17.25] > 0
    wrong = {start for start, bar in bars.items() if "wrong" in bar.attributes["class"].split()}
    assert wrong == {8.0, 17.25}
    assert "score 9.5, right: 2.12–6.50 s" in bars[2.125].whole_text()


def test_the_second_detection_of_an_instance_is_not_right(inputs):
    name = "video0"
    own = inputs.truth[name].instances[0]
    detections = {name: [Detection(own.label, own.segment, 2.0), Detection(own.label, own.segment, 1.0)]}
    path = inputs.folder / "twice.json"
    write_detections(detections, path)
    article = report(inputs, detections=path).root.all("article", data_video=name)[0]
    looks = [bar.attributes["class"] for bar in article.all("rect", kind="found")]
    assert looks == ["found", "found wrong"]


def test_curves_peak_inside_the_instances(inputs):
    for article in report(inputs).root.all("article", kind="video"):
        name = article.attributes["data-video"]
        video, row = inputs.truth[name], article.all("div", kind="row")[0]
        points = [
            tuple(map(float, point.split()))
            for point in row.all("path")[0].attributes["d"].removeprefix("M").split("L")
        ]
        duration = float(article.attributes["data-duration"])
        assert points[0][0] == pytest.approx(1000 * 0.32 / duration, abs=0.1)
        assert len(points) == 31
        for left, top in points:
            seconds = left / 1000 * duration
            inside = any(i.segment.start <= seconds <= i.segment.end for i in video.instances)
            assert (top < 50) == inside, (name, seconds)
        assert [row.attributes["data-overall"] for row in article.all("div") if "data-overall" in row.attributes] == [
            "attention"
        ]


def test_thumbnails_show_the_frame_of_their_time_and_point_to_it(inputs):
    article = report(inputs).root.all("article", data_video="video1")[0]
    wanted = sorted((d.segment.start + d.segment.end) / 2 for d in inputs.detections["video1"])
    pictures = article.all("div", kind="strip")[0].all("img")
    links = article.all("svg", kind="links")[0].all("line")
    assert len(pictures) == len(links) == len(wanted)
    for picture, link, seconds in zip(pictures, links, wanted, strict=True):
        jpeg = base64.b64decode(picture.attributes["src"].partition(",")[2])
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape[:2] == (144, 192)
        assert image.mean() == pytest.approx(30 + 10 * seconds, abs=6)
        assert percent(link.attributes["x2"]) == pytest.approx(100 * seconds / 20, abs=2e-3)
    centers = [percent(link.attributes["x1"]) for link in links]
    assert all(b - a >= 20 - 1e-3 for a, b in itertools.pairwise(centers))
    assert centers[0] >= 10 - 1e-3
    assert centers[-1] <= 90 + 1e-3


def test_tables_hold_the_evaluation(inputs):
    other = json.loads((inputs.folder / "evaluation.json").read_text())
    other["mAP"], other["average_mAP"] = [0.0625 for _ in other["iou"]], 0.0625
    write_json(inputs.folder / "other.json", other)
    page = report(inputs, comparisons={"<i>random</i>": inputs.folder / "other.json"})
    own = json.loads((inputs.folder / "evaluation.json").read_text())
    shown = [f"{100 * value:.1f}" for value in (own["average_mAP"], *own["mAP"])]
    head, first, second = page.table("map")
    assert head == ["tIoU", "average", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"]
    assert first == ["WSAD", *shown]
    assert second == ["<i>random</i>", *["6.2"] * 8]
    assert [line.text.strip() for line in page.root.all(id="map")[0].all("figcaption")[0].all("span")][:2] == [
        "WSAD",
        "<i>random</i>",
    ]
    rows = {row[0]: row[1:] for row in page.table("classes")[1:]}
    assert rows.keys() == own["per_class"].keys()
    for label, values in own["per_class"].items():
        assert rows[label] == [
            f"{100 * np.mean(values):.1f}",
            "",
            *(f"{100 * value:.1f}" for value in values),
            "4",
        ]
    meters = [
        percent(bar.attributes["style"].removeprefix("width:")) for bar in page.root.all(id="classes")[0].all("i")[1::2]
    ]
    assert meters == pytest.approx([float(row[1]) for row in page.table("classes")[1:]], abs=0.06)
    assert meters == sorted(meters, reverse=True)
    figures = [node.text for node in page.root.all("dl", kind="figures")[0].all("dd")]
    assert figures == [f"{100 * own['mAP'][4]:.1f}", shown[0], "8", "16", "32"]


def test_facts_and_config_of_the_run_are_there(inputs):
    text = " ".join(report(inputs).root.whole_text().split())
    for fact in (
        "WSAD, paper",
        "40 iterations in 20 s, seed 7",
        "hoghof: rgb 8",
        "16 frames every 16 at 25 fps",
        "subset validation: 2 min 40 s of video",
        "Protocol activitynet, subset validation: 16 instances in 8 videos, 32 detections counted",
        "learning_rate 0.0001 Adam's step size.",
        "torch 2.13.0",
        "block_size 60 Snippets per block",
    ):
        assert fact in text


def test_training_curves_run_over_the_iterations(inputs):
    section = report(inputs).root.all(id="training")[0]
    assert [node.text.strip() for node in section.all("figcaption")[0].all("span")] == [
        "loss",
        "classification",
        "metric",
        "loss over iterations",
    ]
    metric, classification, loss = (node.attributes["d"] for node in section.all("figure")[0].all("path"))
    for path, start in ((loss, 3.0), (classification, 2.0), (metric, 1.0)):
        points = [tuple(map(float, point.split())) for point in path.removeprefix("M").split("L")]
        assert len(points) == 40
        assert points[0] == (0.0, pytest.approx(100 * (1 - start / 3), abs=0.06))
        assert points[-1] == (1000.0, pytest.approx(100 * (1 - start / 40 / 3), abs=0.06))


def test_videos_are_drawn_evenly_from_best_to_worst(inputs):
    everything = [node.attributes["data-video"] for node in report(inputs).root.all("article")]
    assert everything[0] == "video0"
    page = report(inputs, max_videos=3)
    drawn = [node.attributes["data-video"] for node in page.root.all("article")]
    assert drawn == [everything[0], everything[4], everything[7]]
    assert "3 of 8 videos, evenly chosen from the best to the worst" in " ".join(page.root.whole_text().split())
    assert report(inputs, max_videos=0).root.all("article") == []


def test_hostile_names_are_text(inputs):
    name, label = '../../etc/<img src=x onerror="alert(1)">', '"><script>alert(2)</script>'
    video = Video(name, "validation", 10.0, instances=(Instance(label, Segment(1, 2)),))
    write_annotations(Annotations([video]), inputs.folder / "hostile.json")
    write_detections({name: [Detection(label, Segment(1, 2), 1.0)]}, inputs.folder / "found.json")
    page = report(
        inputs, annotations=inputs.folder / "hostile.json", detections=inputs.folder / "found.json", evaluation=None
    )
    assert len(page.root.all("script")) == 2
    assert not page.root.all("img")
    assert segments(page)["videos"] == [name]
    assert segments(page)["labels"] == [label]
    assert page.table("segments")[1][:2] == [name, label]
    article = page.root.all("article")[0]
    assert article.attributes["data-video"] == name
    assert article.all("div", kind="row")[0].attributes["data-label"] == label
    assert article.all("h3")[0].text == name
    assert any(f"not trained to find {label}" in note for note in page.notes())


def test_half_a_character_is_refused(inputs):
    (inputs.folder / "half.json").write_text(
        r'{"database": {"video0": {"subset": "validation", "annotations": [{"label": "a\ud800", "segment": [1, 2]}]}}}'
    )
    with pytest.raises(UntrimError, match=r"half\.json: holds half of a character"):
        report(inputs, annotations=inputs.folder / "half.json", evaluation=None)


def test_a_class_without_average_precision_has_a_dash(inputs):
    content = json.loads((inputs.folder / "evaluation.json").read_text())
    content["per_class"]["ghost"] = [None] * 7
    write_json(inputs.folder / "ghost.json", content)
    rows = report(inputs, evaluation=inputs.folder / "ghost.json").table("classes")
    assert rows[-1] == ["ghost", "–", "", *["–"] * 7, "0"]


def test_without_evaluation_videos_and_activations_the_page_says_so(inputs):
    lonely = inputs.folder / "elsewhere" / "detections.json"
    write_detections(inputs.detections, lonely)
    page = report(inputs, detections=lonely, evaluation=None, videos=None)
    assert page.notes() == [
        "No evaluation was given, so there are no tables: name with -e what evaluate --json wrote.",
        "No curves: there are no activation sequences (localize with --save-activations).",
        "No thumbnails: the video file is not there.",
    ]
    assert len(page.root.all("article")) == 8
    assert sum(len(article.all("rect", kind="found")) for article in page.root.all("article")) == 32
    assert not page.root.all("img")
    assert not page.root.all(id="map")


def test_one_missing_and_one_broken_video_are_noted_where_they_are(inputs):
    (inputs.folder / "videos" / "video3.mp4").unlink()
    broken = inputs.folder / "videos" / "video5.mp4"
    broken.unlink()
    broken.write_bytes(b"not a video")
    page = report(inputs)
    noted = {
        article.attributes["data-video"]: item.text
        for article in page.root.all("article")
        for notes in article.all("ul", kind="notes")
        for item in notes.all("li")
    }
    assert noted.keys() == {"video3", "video5"}
    assert noted["video3"] == "No thumbnails: the video file is not there."
    assert "not a readable video" in noted["video5"]


def test_videos_without_ground_truth_are_drawn_in_order_of_name(inputs):
    videos = [Video(name, "validation", labels=("dive",)) for name in reversed(list(inputs.truth))]
    write_annotations(Annotations(videos), inputs.folder / "labels.json")
    page = report(inputs, annotations=inputs.folder / "labels.json", evaluation=None, videos=None)
    assert [node.attributes["data-video"] for node in page.root.all("article")] == sorted(inputs.truth)
    assert not page.root.all("article")[0].all("rect", kind="wrong")
    assert "no ground truth to rank them by" in " ".join(page.root.whole_text().split())


def test_a_run_without_metrics_and_environment(inputs):
    (inputs.folder / "run" / "metrics.jsonl").unlink()
    (inputs.folder / "run" / "environment.json").unlink()
    section = report(inputs).root.all(id="training")[0]
    assert "No losses were recorded" in section.whole_text()
    assert not section.all("path")


def test_an_evaluation_of_other_videos_is_noted(inputs):
    path = inputs.folder / "fewer.json"
    write_json(path, {**json.loads((inputs.folder / "evaluation.json").read_text()), "videos": 3})
    assert any("counts 16 instances in 3 videos" in note for note in report(inputs, evaluation=path).notes())


def replaced(inputs, name: str, content: str) -> Path:
    path = inputs.folder / name
    path.unlink()
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mAP": [0.5]}, "'mAP' has 1 values for 7 thresholds"),
        ({"per_class": {"dive": [0.1]}}, "'dive' has 1 values for 7 thresholds"),
        ({"average_mAP": 62.0}, "average_mAP"),
        ({"subset": "test"}, "'subset' is test, wanted validation"),
        ({"schema": 2}, "schema"),
    ],
)
def test_a_wrong_evaluation_is_refused(inputs, change, message):
    content = {**json.loads((inputs.folder / "evaluation.json").read_text()), **change}
    path = replaced(inputs, "evaluation.json", json.dumps(content))
    with pytest.raises(UntrimError, match=re.escape(message)) as caught:
        report(inputs)
    assert str(path) in str(caught.value)
    assert not (inputs.folder / "report.html").exists()


def test_wrong_inputs_are_refused(inputs):
    with pytest.raises(UntrimError, match="is not a run folder"):
        report(inputs, run=inputs.folder / "videos")
    with pytest.raises(UntrimError, match="no video in subset 'nightly'"):
        report(inputs, subset="nightly")
    with pytest.raises(UntrimError, match="no such file or folder"):
        report(inputs, videos=inputs.folder / "nowhere")
    with pytest.raises(UntrimError, match="0 or more"):
        report(inputs, max_videos=-1)
    with pytest.raises(UntrimError, match="named 'WSAD', as the run"):
        report(inputs, comparisons={"WSAD": inputs.folder / "evaluation.json"})
    with pytest.raises(UntrimError, match="nothing to compare with"):
        report(inputs, comparisons={"other": inputs.folder / "evaluation.json"}, evaluation=None)
    other = json.loads((inputs.folder / "evaluation.json").read_text())
    write_json(inputs.folder / "other.json", {**other, "protocol": "thumos14"})
    with pytest.raises(UntrimError, match=r"other\.json: 'protocol' is thumos14, wanted activitynet"):
        report(inputs, comparisons={"other": inputs.folder / "other.json"})
    write_detections({"stranger": []}, inputs.folder / "stranger.json")
    with pytest.raises(UntrimError, match="no video in common: detections of stranger"):
        report(inputs, detections=inputs.folder / "stranger.json")
    with pytest.raises(UntrimError, match=r"report\.html: no file can be made in .*evaluation\.json: it is no folder"):
        report(inputs, output=inputs.folder / "evaluation.json" / "report.html")


def test_activations_of_another_run_are_refused(inputs):
    path = inputs.folder / "activations" / "video0.npz"
    path.unlink()
    np.savez(path, cas=np.zeros((31, 3), np.float32))
    with pytest.raises(UntrimError, match=re.escape("'cas' is float32 (31, 3), wanted float (31, 4)")):
        report(inputs)
