"""BORIS' projects, format 7.0 (https://www.boris.unito.it/user_guide/), JSON, any number of videos.

A video is an observation, a class is a behaviour. A state has two events, one that begins it and one that ends it, so
segments of one class may not overlap: what does is merged. A point is one event. Times are media seconds, to three
decimals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from untrim.annotations import Video
from untrim.annotations.parsing import number
from untrim.errors import UntrimError, listing, numbered
from untrim.exchange.formats import Destination, ForeignFile, Format
from untrim.exchange.json_values import as_list, as_object, as_text
from untrim.exchange.losses import Losses
from untrim.exchange.marks import Contents, LabelMark
from untrim.exchange.times import in_ticks
from untrim.support.files import write_json
from untrim.timeline import LONGEST, Segment

_Event = tuple[float, tuple[str, str, str]]


def _read(source: ForeignFile) -> Contents:
    project = as_object(source.json, source.path, "the file")
    states = _states(project, source)
    observations = as_object(project.get("observations"), source.path, "'observations'")
    marks: list[LabelMark] = []
    videos, passed, unpaired = [], [], 0
    for name, value in observations.items():
        observation = as_object(value, source.path, f"observation '{name}'")
        if observation.get("type") != "MEDIA":
            passed.append(name)
            continue
        video = _video(name, observation, source)
        videos.append(Video(video))
        own, open_ends = _marks(video, _events(name, observation, source), states, source)
        marks, unpaired = marks + own, unpaired + open_ends
    notes = [f"observations without media are passed over: {listing(passed)}"] if passed else []
    if unpaired:
        notes.append(f"{numbered(unpaired, 'state has', 'states have')} a start and no end: the label stays")
    lost = {("observation without media", "observations without media"): len(passed)}
    return Contents.gathered(marks, videos, source=source.path, notes=notes, lost=lost)


def _states(project: Mapping[str, object], source: ForeignFile) -> dict[str, bool]:
    """Code of each behaviour -> whether it is a state."""
    behaviours = as_object(project.get("behaviors_conf"), source.path, "'behaviors_conf'")
    found = {}
    for value in behaviours.values():
        one = as_object(value, source.path, "a behaviour")
        code = as_text(one.get("code"), source.path, "the code of a behaviour")
        found[code] = "state" in str(one.get("type")).lower()
    return found


def _video(name: str, observation: Mapping[str, object], source: ForeignFile) -> str:
    players = as_object(observation.get("file"), source.path, f"'file' of '{name}'")
    media = as_list(players.get("1") or [], source.path, f"the media of '{name}'")
    if len(media) > 1:
        what = f"observation '{name}' joins {len(media)} media"
        raise UntrimError(what, where=source.path, fix="make one observation for each")
    path = as_text(media[0], source.path, "a path") if media else None
    return source.media.name_by(name, path, source.path)


def _events(name: str, observation: Mapping[str, object], source: ForeignFile) -> list[_Event]:
    """Time of each event, and its subject, code and modifiers, in the order of time."""
    events = []
    for value in as_list(observation.get("events"), source.path, f"'events' of '{name}'"):
        event = as_list(value, source.path, "an event")
        if len(event) < 4 or not all(isinstance(text, str) for text in event[1:4]):
            raise UntrimError(f"an event of '{name}' is {event!r:.60}", where=source.path)
        time = number(event[0], source.path, f"a time of '{name}'")
        if not 0 <= time <= LONGEST:
            raise UntrimError(f"an event of '{name}' is at {time:g} s", where=source.path, fix="times count from 0")
        events.append((time, (str(event[1]), str(event[2]), str(event[3]))))
    return sorted(events, key=lambda event: event[0])


def _marks(
    video: str, events: list[_Event], states: Mapping[str, bool], source: ForeignFile
) -> tuple[list[LabelMark], int]:
    """The marks of a video, and how many states have no end."""
    begun: dict[tuple[str, str, str], float] = {}
    marks = []
    for time, who in events:
        if (code := who[1]) not in states:
            raise UntrimError(f"'{code:.60}' of '{video}' is no behaviour of the project", where=source.path)
        if not states[code]:
            marks.append(LabelMark(video, code, time))
        elif who in begun:
            marks.append(LabelMark(video, code, Segment(begun.pop(who), time)))
        else:
            begun[who] = time
    timed = {mark.label for mark in marks}
    left = dict.fromkeys(code for _, code, _ in begun if code not in timed)
    return [*marks, *(LabelMark(video, code) for code in left)], len(begun)


def _write(contents: Contents, target: Destination) -> Callable[[Path], None]:
    labels = sorted({mark.label for mark in contents.marks})
    states = dict.fromkeys(labels, False) | {
        mark.label: True for mark in contents.marks if isinstance(mark.time, Segment)
    }
    project = {
        "time_format": "hh:mm:ss",
        "project_date": "1970-01-01T00:00:00",
        "project_name": target.path.stem,
        "project_description": "",
        "project_format_version": "7.0",
        "subjects_conf": {},
        "behaviors_conf": {
            str(number): _behaviour(label, "State event" if states[label] else "Point event")
            for number, label in enumerate(labels)
        },
        "observations": {
            name: _observation(name, own, states, contents, target) for name, own in contents.by_video().items()
        },
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    return partial(write_json, value=project)


def _behaviour(label: str, kind: str) -> dict[str, object]:
    empty: dict[str, object] = {
        "key": "",
        "description": "",
        "color": "",
        "category": "",
        "excluded": "",
        "coding map": "",
    }
    return {"type": kind, "code": label, "modifiers": {}, **empty}


def _observation(
    name: str, marks: list[LabelMark], states: Mapping[str, bool], contents: Contents, target: Destination
) -> dict[str, object]:
    events = []
    for label in sorted({mark.label for mark in marks}):
        own = [mark.time for mark in marks if mark.label == label]
        segments = [in_ticks(time, target.losses) for time in own if isinstance(time, Segment)]
        events += [(time, label) for span in _merged(segments, target.losses) for time in span]
        points = [round(1000 * target.losses.rounded(time, round(time, 3))) for time in own if isinstance(time, float)]
        if states[label]:
            target.losses.lose("point of a class with segments", "points of classes with segments", len(points))
        else:
            events += [(time, label) for time in points]
    events.sort(key=lambda event: event[0])
    path, duration = target.media.reference(name), contents.videos[name].duration
    known = target.media.offset(name) + (duration or 0.0)
    length = max([known, *(time / 1000 for time, _ in events)])
    info = {"length": length, "fps": contents.videos[name].fps or 25.0, "hasVideo": True, "hasAudio": False}
    return {
        "file": {"1": [path]},
        "type": "MEDIA",
        "date": "1970-01-01T00:00:00",
        "description": "",
        "time offset": 0.0,
        "events": [
            [time / 1000, "", label, "", "", "NA"] for time, label in sorted(events, key=lambda event: event[0])
        ],
        "observation time interval": [0, 0],
        "close_behaviors_between_videos": False,  # BORIS cannot play an observation without it.
        "independent_variables": {},
        "media_info": {key: {path: value} for key, value in info.items()},
    }


def _merged(spans: list[tuple[int, int]], losses: Losses) -> list[tuple[int, int]]:
    """Spans in the order of time, those that overlap put together."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            losses.lose("segment merged with one that it overlaps", "segments merged with ones that they overlap")
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


BORIS = Format(
    name="boris",
    title="BORIS",
    endings=(".boris", ".json"),
    holds=frozenset({"points", "empty videos"}),
    recognises=lambda source: (
        isinstance(source.json, dict) and {"behaviors_conf", "observations"} <= source.json.keys()
    ),
    read=_read,
    write=_write,
    media_times=True,
)
