"""What is brought in with labels: nothing of it is lost, all of it counts, and what is odd about it is said."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers import run_untrim
from studio.pages import Page, ended, opened
from untrim.annotations import Annotations, Video, read_annotations, write_annotations
from untrim.annotations.reviews import Review
from untrim.errors import UntrimError
from untrim.studio.brought import BroughtIn
from untrim.studio.learning import known_video
from untrim.studio.project import PROJECT, open_project
from untrim.timeline import Instance, Point, Segment

GARAGE = Video(
    "garage", "training", 0.8, ("jump", "run"),
    (Instance("jump", Segment(0.1, 0.4)), Instance("run", Segment(0.5, 0.6))),
    ambiguous=(Segment(0.65, 0.7),), points=(Point("jump", 0.2),), exhaustive=True,
    rejected=(Instance("swim", Segment(0.2, 0.3)),),
)  # fmt: skip
HALL = replace(GARAGE, name="hall", subset="validation")
YARD = Video("yard", "training", 0.8, exhaustive=True)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    write_annotations(Annotations([GARAGE, HALL, YARD]), tmp_path / "labels.json")
    return tmp_path / "labels.json"


def exported(page: Page, path: Path) -> dict[str, Video]:
    path.write_bytes(page.get("/api/export/activitynet").body)
    return dict(read_annotations(path))


def rows(page: Page) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in page.get("/api/videos").json["videos"]}


def test_tagged_and_taken_back_everything_brought_in_is_there(folder: Path, labels: Path, tmp_path: Path) -> None:
    with opened(open_project(folder, annotations=labels)) as page:
        page.list_when_known()
        first = exported(page, tmp_path / "first.json")
        assert (first["garage"].exhaustive, first["hall"].exhaustive, first["yard"].nothing_happens) == (True,) * 3
        answer = page.ask("POST", "/api/videos/tags", {"ids": list(page.ids().values()), "add": ["fall"]}).json
        tagged = exported(page, tmp_path / "tagged.json")
        assert (tagged["garage"].exhaustive, tagged["hall"].exhaustive) == (("jump", "run"),) * 2
        assert tagged["garage"].instances == tagged["hall"].instances == GARAGE.instances
        page.ask("POST", f"/api/operations/{answer['operation']['id']}/undo", {})
        assert exported(page, tmp_path / "undone.json") == first
    with opened(open_project(folder)) as page:
        assert exported(page, tmp_path / "again.json") == first
        assert read_annotations(folder / "reviews")["garage"].exhaustive is True


def test_reviews_say_that_they_are_not_all_that_is_known(folder: Path, labels: Path) -> None:
    with opened(open_project(folder, annotations=labels)) as page:
        page.ask("POST", "/api/videos/tags", {"ids": [page.ids()["garage"]], "add": ["fall"]})
    found = read_annotations(folder / "reviews")
    assert list(found) == ["garage"]
    assert [note for note in found.notes if note.startswith("the project began with ../labels.json")]


def test_an_edit_and_its_undo_in_a_page_leave_what_was_brought_in(folder: Path, labels: Path, tmp_path: Path) -> None:
    with opened(open_project(folder, annotations=labels)) as page:
        page.list_when_known()
        first, key = exported(page, tmp_path / "first.json"), page.ids()["garage"]
        review = page.get(f"/api/videos/{key}").json["review"]
        whole = {part: review[part] for part in ("labels", "exhaustive", "segments", "points")}
        gone = [one for one in whole["segments"] if one["label"] != "jump"]
        assert page.save(key, 0, **{**whole, "segments": gone, "points": []}).status == 200
        left = exported(page, tmp_path / "left.json")["garage"]
        assert (left.instances, left.points) == (GARAGE.instances[1:], ())
        assert page.save(key, 1, **whole).status == 200
        assert exported(page, tmp_path / "undone.json") == first


def test_brought_in_labels_count_and_are_shown(folder: Path, labels: Path) -> None:
    with opened(open_project(folder, annotations=labels)) as page:
        there = rows(page)
        assert (there["yard"]["none"], there["yard"]["state"]) == (True, "complete")
        assert (there["garage"]["points"], there["garage"]["exhaustive"], there["garage"]["state"]) == (
            1,
            True,
            "complete",
        )
        assert (there["hall"]["points"], there["hall"]["state"], there["hall"]["decided"]) == (1, "tagged", 1)
        assert page.get("/api/videos").json["next"]["id"] == page.ids()["hall"]
        work = page.get("/api/work").json
        assert {key: work[key] for key in ("tagged", "corrected", "none", "untagged", "points")} == {
            "tagged": 0, "corrected": 1, "none": 1, "untagged": 0, "points": 1,
        }  # fmt: skip
        truth = page.get(f"/api/videos/{page.ids()['hall']}").json["truth"]
        assert [one["label"] for one in truth] == ["jump", "run"]


def test_what_no_review_holds_stays_beside_it() -> None:
    """An instance of no length, ambiguous spans, and the rate; with two classes that became one."""
    whole = replace(
        GARAGE, fps=25.0, instances=(*GARAGE.instances, Instance("run", Segment(0.7, 0.7))), exhaustive=("jump", "run")
    )
    brought = BroughtIn(Annotations([whole]), ["garage"])
    assert known_video(brought.review("garage", {}, None), whole, {}) == whole
    partly = replace(GARAGE, exhaustive=("jump",))
    merged = BroughtIn(Annotations([partly]), ["garage"]).review("garage", {"jump": "run"}, None)
    assert known_video(merged, partly, {"jump": "run"}).exhaustive is False


def test_labels_that_came_after_the_review_are_merged_and_lose_nothing(folder: Path) -> None:
    """So are reviews of versions that did not begin with all that was brought in."""
    tagged = Review(video="garage", revision=1, labels=("jump", "run"))
    known = known_video(tagged, GARAGE, {})
    assert (known.instances, known.points, known.rejected) == (GARAGE.instances, GARAGE.points, GARAGE.rejected)
    assert known.exhaustive is True
    assert known_video(Review(video="yard", revision=2), YARD, {}).nothing_happens
    begun = Review(video="yard", revision=2, began_with="0" * 16)
    assert not known_video(begun, YARD, {}).nothing_happens


def test_a_time_that_was_brought_in_outside_the_video_does_not_block_it(folder: Path, tmp_path: Path) -> None:
    late = Video("garage", "training", None, ("run",), (Instance("run", Segment(0.5, 9)),))
    write_annotations(Annotations([late]), tmp_path / "labels.json")
    with opened(open_project(folder, annotations=tmp_path / "labels.json")) as page:
        page.list_when_known()
        key = page.ids()["garage"]
        review = page.get(f"/api/videos/{key}").json["review"]
        assert page.save(key, 0, labels=["fall", "run"], segments=review["segments"]).status == 200
        more = [*review["segments"], {"id": "s1", "label": "run", "start": 0.1, "end": 20, "state": "added"}]
        assert "outside the video" in page.save(key, 1, segments=more).json["error"]


def notes(page: Page) -> list[str]:
    return list(page.get("/api/project").json["notes"])


def test_what_is_odd_about_labels_is_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "typo.csv"
    path.write_text("video;label;start;end;note\ngrage;jump;;;\nhall;Jump;;;\nfar_99;jump;0,25;;x\n")
    with opened(open_project(folder, annotations=path)) as page:
        said = notes(page)
    assert said == [
        f"{path}: cells are separated by semicolons",
        f"{path}: columns that are not used: note",
        f"{path}: times have decimal commas: '0,25' is 0.25 s",
        f"{path}: 1 row has a start and no end: a moment at which it happens",
        f"{path}: 2 of 3 labelled videos have no file here: far_99, grage; 'grage' may be 'garage'",
    ]
    monkeypatch.setattr("untrim.cli.studio.stop_requests", _AtOnce)
    with ThreadPoolExecutor(1) as thread:  # The tests in a browser keep a loop of events in this one.
        assert thread.submit(run_untrim, "studio", folder, "--no-open").result() == 0
    assert capsys.readouterr().err.splitlines() == said
    path.write_text("video,label\ngarage,Jump\nyard,jump\nhall.MP4,jump\n")
    with opened(open_project(folder, annotations=path)) as page:
        assert notes(page) == [
            f"{path}: labels that differ in spelling alone: Jump = jump",
            f"{path}: 1 of 3 labelled videos has no file here: hall.MP4; 'hall.MP4' is there as 'hall'",
        ]


class _AtOnce:
    """In the place of what waits for Ctrl-C: it was pressed."""

    def __enter__(self) -> Any:
        return lambda: True

    def __exit__(self, *about: object) -> None:
        pass


def test_labels_that_changed_since_a_review_began_are_told(folder: Path, labels: Path) -> None:
    with opened(open_project(folder, annotations=labels)) as page:
        assert notes(page) == []
        page.ask("POST", "/api/videos/tags", {"ids": [page.ids()["garage"]], "add": ["fall"]})
    changed = replace(GARAGE, points=(Point("jump", 0.3),))
    write_annotations(Annotations([changed, replace(HALL, points=()), YARD]), labels)
    with opened(open_project(folder)) as page:
        told = "says other things of 1 video than when their review began, and the review holds: garage"
        assert notes(page) == [f"{labels}: {told}"]
        assert page.get(f"/api/videos/{page.ids()['garage']}").json["review"]["points"][0]["time"] == 0.2


@pytest.mark.parametrize("option", ["annotations", "run", "detections", "videos"])
def test_what_cannot_be_read_is_refused_and_not_kept(folder: Path, tmp_path: Path, option: str) -> None:
    bad = tmp_path / "bad.json"
    given = bad if option != "videos" else tmp_path / "gone"
    bad.write_text("{")
    with pytest.raises(UntrimError), opened(open_project(folder, **{option: given})):
        pass
    assert not (folder / PROJECT).exists()
    with opened(open_project(folder)) as page:
        assert notes(page) == []
    before = (folder / PROJECT).read_bytes()
    assert run_untrim("studio", folder, "--no-open", f"--{option}", given) == 2
    assert (folder / PROJECT).read_bytes() == before


def test_a_label_that_no_review_can_hold_is_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"video,label\ngarage,{'x' * 201}\n")
    with (
        pytest.raises(UntrimError, match=r"labels\.csv.*labels\.0.*200"),
        opened(open_project(folder, annotations=path)),
    ):
        pass


def test_labels_that_are_gone_are_asked_for(folder: Path, labels: Path) -> None:
    with opened(open_project(folder, annotations=labels)):
        pass
    elsewhere = labels.rename(labels.with_name("moved.json"))
    with pytest.raises(UntrimError, match="with -a"), opened(open_project(folder)):
        pass
    with opened(open_project(folder, annotations=elsewhere)) as page:
        assert rows(page)["yard"]["none"]


def test_what_the_studio_writes_is_no_place_to_look_for_videos(folder: Path, tmp_path: Path) -> None:
    labels = folder / "labels.json"
    write_annotations(Annotations([GARAGE]), labels)
    with opened(open_project(folder, annotations=labels)) as page:
        page.ask("POST", "/api/videos/tags", {"ids": list(page.ids().values()), "add": ["fall"]})
        for place in ("runs/1", "found/1", "features", "jobs/j9"):
            (folder / place).mkdir(parents=True)
            (folder / place / "x.npy").write_bytes(b"")
            (folder / place / "clip.mp4").write_bytes((folder / "garage.mp4").read_bytes())
        (folder / "notes.txt").write_text("")
    project = open_project(folder)
    assert project.notes == ["passed over 1 file: 1 .txt"]
    assert {video.name for video in project.videos.values()} == {"garage", "yard", "hall"}
    (folder / "features" / "x.npy").unlink()
    with opened(project) as page:
        key = page.ask("POST", "/api/jobs", {"kind": "extract"}).json["job"]["id"]
        assert ended(page, key)["notes"] == project.notes
        assert all(row["features"] for row in rows(page).values())
    assert {path.stem for path in (folder / "features").glob("*.npy")} == {"garage", "yard", "hall"}
