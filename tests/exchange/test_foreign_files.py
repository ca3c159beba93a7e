"""Files as other tools write them, and files of people who mean harm: each is read, or refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from untrim import Annotations, Detections, Instance, Point, Segment, UntrimError, convert, read

LABEL_STUDIO: list[dict[str, Any]] = [
    {
        "id": 7,
        "data": {"video": "/data/local-files/?d=films/garage%2001.mp4", "fps": 25},
        "annotations": [
            {"was_cancelled": True, "result": "nonsense"},
            {
                "result": [
                    {
                        "id": "a",
                        "type": "timelinelabels",
                        "value": {"ranges": [{"start": 26, "end": 50}], "timelinelabels": ["run", "jump"]},
                    },
                    {"id": "b", "type": "choices", "value": {"choices": ["run", "walk"]}},
                    {"id": "c", "type": "videorectangle", "value": {"sequence": []}},
                ]
            },
        ],
    }
]
CVAT = """<annotations><version>1.1</version><meta><task><size>101</size><start_frame>10</start_frame>
<frame_filter>step=2</frame_filter><source>films/garage 01.mp4</source></task></meta>
<track id="0" label="run"><box frame="5" outside="0" keyframe="1"/><box frame="10" outside="0" keyframe="1"/>
<box frame="15" outside="1" keyframe="1"/><box frame="50" outside="0" keyframe="1"/></track>
<image id="0"/></annotations>"""
VIA: dict[str, Any] = {
    "project": {"data_format_version": "3.1.1", "vid_list": ["1"]},
    "config": {},
    "attribute": {
        "1": {"aname": "Action", "anchor_id": "FILE1_Z2_XY0", "type": 4, "options": {"0": "run", "1": "jump"}},
        "2": {"aname": "quality", "anchor_id": "FILE1_Z2_XY0", "type": 1, "options": {}},
    },
    "file": {"1": {"fid": "1", "fname": "garage 01.mp4", "type": 4, "loc": 1, "src": ""}},
    "metadata": {
        "1_a": {"vid": "1", "flg": 0, "z": [1.0, 2.5], "xy": [], "av": {"1": "1", "2": "good"}},
        "1_b": {"vid": "1", "flg": 0, "z": [1.0], "xy": [2, 1, 1, 5, 5], "av": {}},
    },
    "view": {"1": {"fid_list": ["1"]}},
}
BORIS: dict[str, Any] = {
    "project_format_version": "7.0",
    "behaviors_conf": {"0": {"code": "run", "type": "State event"}, "1": {"code": "hop", "type": "Point event"}},
    "observations": {
        "first": {
            "type": "MEDIA",
            "file": {"1": ["C:\\films\\garage 01.mp4"], "2": []},
            "events": [
                [1.0, "Ann", "run", "", ""],
                [1.5, "Bob", "run", "", ""],
                [2.0, "Ann", "run", "", "", 50],
                [2.25, "", "hop", "", ""],
                [3.0, "Bob", "run", "", ""],
                [4.0, "Bob", "run", "", ""],
            ],
        },
        "live": {"type": "LIVE", "events": []},
    },
}
VTT = """WEBVTT - a title

NOTE a remark

STYLE
::cue { color: red }

first
00:01.000 --> 00:02.500 align:start position:0%
<v Ann><b>run</b> &amp; jump
on grass

01:00:00.000 --> 01:00:01.000
walk"""
SRT = "1\n00:00:01,000 --> 00:00:02,500\nrun &amp; <i>jump</i>\n\n2\n01:00:00,000 --> 01:00:01,000\nwalk\n"
AUDACITY = "1,5\t2.5\trun & jump\n\\\t100.0\t2000.0\n3.000000\t3.000000\thop\n"
TEXTGRID = '''File type = "ooTextFile"
Object class = "TextGrid"

0
5
<exists>
2
"IntervalTier"
"who ""says"""
0
5
2
0
1.5
""
1.5
2.5
"run ""fast"""
"TextTier"
"marks"
0
5
1
3
"hop"
'''


def found(path: Path, text: object, **settings: Any) -> Annotations:
    content = text if isinstance(text, str) else json.dumps(text)
    path.write_text(content, encoding="utf-16" if path.suffix == ".TextGrid" else "utf-8")
    result = read(path, **settings)
    assert isinstance(result, Annotations)
    return result


def test_label_studio(tmp_path: Path) -> None:
    video = found(tmp_path / "x.json", LABEL_STUDIO)["garage 01"]
    assert video.labels == ("jump", "run", "walk")
    assert set(video.instances) == {Instance("run", Segment(1, 2)), Instance("jump", Segment(1, 2))}


def test_the_rate_of_label_studio_is_never_guessed(tmp_path: Path) -> None:
    task = [{**LABEL_STUDIO[0], "data": {"video": "garage 01.mp4"}}]
    with pytest.raises(UntrimError, match=r"does not say how many frames per second .* 24 where that has none"):
        found(tmp_path / "x.json", task)
    assert found(tmp_path / "x.json", task, fps=50.0)["garage 01"].instances[0].segment == Segment(0.5, 1)


def test_predictions_of_label_studio_are_detections(tmp_path: Path) -> None:
    region = {"type": "timelinelabels", "score": 0.5, "value": {"ranges": [{"start": 1, "end": 25}]}}
    region["value"]["timelinelabels"] = ["run"]  # type: ignore[index]
    task = [{"data": {"video": "a.mp4", "fps": "25"}, "annotations": [], "predictions": [{"result": [region]}]}]
    (tmp_path / "x.json").write_text(json.dumps(task))
    result = read(tmp_path / "x.json")
    assert isinstance(result, Detections)
    assert result["a"][0].segment == Segment(0, 1)


def test_cvat(tmp_path: Path) -> None:
    """Frames of the task are every second one of the video, from the tenth on; a track is there up to its end."""
    result = found(tmp_path / "x.xml", CVAT, fps=10.0)
    segments = [(i.segment.start, i.segment.end) for i in result["garage 01"].instances]
    assert segments == [pytest.approx((2.0, 4.0)), pytest.approx((11.0, 21.2))]
    assert result.notes == ("1 picture with marks of their own are passed over: tracks count",)
    with pytest.raises(UntrimError, match="counts frames, and nobody says how many 'garage 01' has per second"):
        read(tmp_path / "x.xml")


def test_via(tmp_path: Path) -> None:
    result = found(tmp_path / "x.json", VIA)
    assert result["garage 01"].instances == (Instance("jump", Segment(1.0, 2.5)),)
    assert result.notes == ("regions of pictures are passed over: 1", "attributes that are passed over: quality")


@pytest.mark.parametrize(
    ("name", "text", "lost"),
    [
        ("x.xml", CVAT, "lost: 1 picture with marks;"),
        ("x.json", VIA, "lost: 1 region of a picture, 1 attribute;"),
        ("x.boris", BORIS, "lost: 1 observation without media;"),
    ],
)
def test_what_is_passed_over_is_lost(name: str, text: Any, lost: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text if isinstance(text, str) else json.dumps(text))
    assert str(convert(tmp_path / name, tmp_path / "own.json", fps=10.0).losses).startswith(lost)


def test_boris(tmp_path: Path) -> None:
    result = found(tmp_path / "x.boris", BORIS)
    assert sorted(i.segment for i in result["garage 01"].instances) == [Segment(1, 2), Segment(1.5, 3)]
    assert result["garage 01"].points == (Point("hop", 2.25),)
    assert result.notes == (
        "observations without media are passed over: live",
        "1 state has a start and no end: the label stays",
    )


def test_subtitles(tmp_path: Path) -> None:
    own = {Instance("run & jump on grass", Segment(1.0, 2.5)), Instance("walk", Segment(3600, 3601))}
    assert set(found(tmp_path / "a.vtt", VTT)["a"].instances) == own
    own = {Instance("run &amp; <i>jump</i>", Segment(1.0, 2.5)), Instance("walk", Segment(3600, 3601))}
    assert set(found(tmp_path / "a.srt", SRT)["a"].instances) == own


def test_audacity(tmp_path: Path) -> None:
    video = found(tmp_path / "a.txt", AUDACITY)["a"]
    assert (video.instances, video.points) == ((Instance("run & jump", Segment(1.5, 2.5)),), (Point("hop", 3.0),))


def test_praat_in_its_short_form_and_in_utf_16(tmp_path: Path) -> None:
    video = found(tmp_path / "a.TextGrid", TEXTGRID)["a"]
    assert (video.instances, video.points) == ((Instance('run "fast"', Segment(1.5, 2.5)),), (Point("hop", 3.0),))


def changed(value: Any, *path: Any, to: object) -> Any:
    """A copy of a JSON value with another value in one place."""
    copy = json.loads(json.dumps(value))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return copy


_RANGES = (0, "annotations", 1, "result", 0, "value", "ranges")
_EVENTS = ("observations", "first", "events")
DEEP = "[" * 2_000_000
HOSTILE: dict[str, tuple[str, object]] = {
    "label studio, nested": ("label-studio", DEEP),
    "label studio, min": ("label-studio", [{"video": "a", "actions": []}]),
    "label studio, NaN": ("label-studio", '[{"data": {"video": "a", "fps": NaN}, "annotations": []}, 3]'),
    "label studio, frame 0": ("label-studio", changed(LABEL_STUDIO, *_RANGES, to=[{"start": 0, "end": 5}])),
    "label studio, endless": ("label-studio", changed(LABEL_STUDIO, *_RANGES, to=[{"start": 1, "end": 10**9}])),
    "label studio, text": ("label-studio", changed(LABEL_STUDIO, *_RANGES, to=[{"start": "1", "end": 5}])),
    "label studio, backwards": ("label-studio", changed(LABEL_STUDIO, *_RANGES, to=[{"start": 9, "end": 5}])),
    "label studio, no rate": ("label-studio", changed(LABEL_STUDIO, 0, "data", "fps", to=-25)),
    "label studio, path": ("label-studio", changed(LABEL_STUDIO, 0, "data", "video", to="../../..")),
    "cvat, bomb": ("cvat", '<!DOCTYPE a [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><annotations>&b;</annotations>'),
    "cvat, entity": ("cvat", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>&x;</annotations>'),
    "cvat, nested": ("cvat", "<annotations>" + "<track>" * 1_000_000),
    "cvat, negative": ("cvat", CVAT.replace('frame="5"', 'frame="-5"')),
    "cvat, NaN": ("cvat", CVAT.replace('frame="5"', 'frame="NaN"')),
    "cvat, backwards": ("cvat", CVAT.replace('frame="15"', 'frame="1"')),
    "cvat, a billion frames": ("cvat", CVAT.replace('frame="50"', 'frame="999999999"')),
    "cvat, no label": ("cvat", CVAT.replace('label="run"', "")),
    "cvat, filter": ("cvat", CVAT.replace("step=2", "step=0")),
    "cvat, path": ("cvat", CVAT.replace("films/garage 01.mp4", "../..")),
    "via, nested": ("via", DEEP),
    "via, NaN": ("via", json.dumps(VIA).replace("2.5", "NaN")),
    "via, negative": ("via", changed(VIA, "metadata", "1_a", "z", to=[-1, 2])),
    "via, backwards": ("via", changed(VIA, "metadata", "1_a", "z", to=[2, 1])),
    "via, option": ("via", changed(VIA, "metadata", "1_a", "av", to={"1": "__proto__"})),
    "via, view": ("via", changed(VIA, "metadata", "1_a", "vid", to="9")),
    "via, file": ("via", changed(VIA, "view", "1", "fid_list", to=["2"])),
    "via, path": ("via", changed(VIA, "file", "1", "fname", to="..")),
    "via, lists": ("via", changed(VIA, "metadata", to=[])),
    "boris, nested": ("boris", DEEP),
    "boris, NaN": ("boris", json.dumps(BORIS).replace("1.5", "NaN")),
    "boris, negative": ("boris", changed(BORIS, *_EVENTS, 0, 0, to=-1.0)),
    "boris, unknown": ("boris", changed(BORIS, *_EVENTS, 0, 2, to="../fly")),
    "boris, short": ("boris", changed(BORIS, *_EVENTS, 0, to=[1.0])),
    "boris, several media": ("boris", changed(BORIS, "observations", "first", "file", to={"1": ["a", "b"]})),
    "boris, path": ("boris", changed(BORIS, "observations", "first", "file", to={"1": ["../.."]})),
    "webvtt, no head": ("webvtt", VTT.removeprefix("WEBVTT")),
    "webvtt, NaN": ("webvtt", "WEBVTT\n\nNaN --> 00:01.000\nrun"),
    "webvtt, negative": ("webvtt", "WEBVTT\n\n-00:01.000 --> 00:01.000\nrun"),
    "webvtt, backwards": ("webvtt", "WEBVTT\n\n00:02.000 --> 00:01.000\nrun"),
    "webvtt, 99 minutes": ("webvtt", "WEBVTT\n\n00:99:02.000 --> 00:99:03.000\nrun"),
    "webvtt, no text": ("webvtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n\nrun"),
    "srt, NaN": ("srt", "1\nNaN --> 00:00:01,000\nrun"),
    "srt, negative": ("srt", "1\n-00:00:01,000 --> 00:00:01,000\nrun"),
    "srt, backwards": ("srt", "1\n00:00:02,000 --> 00:00:01,000\nrun"),
    "audacity, NaN": ("audacity", "nan\t1\trun"),
    "audacity, infinite": ("audacity", "0\tinf\trun"),
    "audacity, negative": ("audacity", "-1\t1\trun"),
    "audacity, backwards": ("audacity", "2\t1\trun"),
    "audacity, no tabs": ("audacity", "0 1 run"),
    "audacity, no label": ("audacity", "0\t1\t"),
    "textgrid, other": ("textgrid", TEXTGRID.replace("TextGrid", "Sound")),
    "textgrid, cut": ("textgrid", TEXTGRID[:120]),
    "textgrid, NaN": ("textgrid", TEXTGRID.replace("1.5", "NaN")),
    "textgrid, negative": ("textgrid", TEXTGRID.replace("1.5", "-1.5")),
    "textgrid, backwards": ("textgrid", TEXTGRID.replace("\n2.5\n", "\n0.5\n")),
    "textgrid, a billion tiers": ("textgrid", TEXTGRID.replace("<exists>\n2", "<exists>\n999999999")),
    "textgrid, infinite": ("textgrid", TEXTGRID.replace("2.5", "1e400")),
    "csv, NaN": ("csv", "video,label,start,end\na,run,nan,2\n"),
    "csv, infinite": ("csv", "video,label,start,end\na,run,0,inf\n"),
    "csv, backwards": ("csv", "video,label,start,end\na,run,3,2\n"),
    "activitynet, nested": ("activitynet", DEEP),
    "activitynet, NaN": ("activitynet", '{"results": {"a": [{"label": "x", "score": NaN, "segment": [0, 1]}]}}'),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_one_line(kind: str, tmp_path: Path) -> None:
    name, content = HOSTILE[kind]
    path = tmp_path / "bad.file"
    if name in ("csv", "activitynet"):
        path = tmp_path / f"bad.{'csv' if name == 'csv' else 'json'}"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(UntrimError, match=r"bad\.") as refused:
        read(path, format=name, fps=25.0)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("size", [1 << 29])
def test_a_file_that_fills_the_memory_is_not_read(size: int, tmp_path: Path) -> None:
    with (tmp_path / "big.vtt").open("wb") as file:
        file.truncate(size)
    with pytest.raises(UntrimError, match="is larger than 256 MiB"):
        read(tmp_path / "big.vtt")
