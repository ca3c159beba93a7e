"""Tags, decisions and classes: saved with a revision, told to all pages, and taken back."""

import json
from pathlib import Path

import pytest

from studio.pages import Page, opened
from untrim.annotations import Annotations, Video, read_annotations, write_annotations
from untrim.studio.project import open_project
from untrim.timeline import Instance, Point, Segment

JUMP = {"id": "s1", "label": "jump", "start": 0.1, "end": 0.5, "state": "added"}


def test_what_is_saved_is_there_with_who_and_when(page: Page, folder: Path) -> None:
    key = page.ids()["garage"]
    answer = page.save(
        key, 0, labels=["run"], exhaustive=["jump"], segments=[JUMP], points=[{"label": "fall", "time": 0.3}]
    )
    assert answer.status == 200
    review = answer.json["review"]
    assert review["revision"] == 1
    assert review["labels"] == ["fall", "jump", "run"]
    assert review["segments"][0]["at"].endswith("Z")
    assert answer.headers["etag"] == '"1"'
    assert answer.json["video"]["state"] == "in review"
    assert json.loads((folder / "reviews" / "garage.json").read_text()) == review
    assert page.get(f"/api/videos/{key}/review").json == review
    again = page.save(key, 1, **{name: review[name] for name in ("labels", "exhaustive", "segments", "points")})
    assert again.json["review"] == review


def test_only_what_changed_gets_a_new_time(page: Page) -> None:
    key = page.ids()["garage"]
    first = page.save(key, 0, segments=[JUMP]).json["review"]["segments"][0]
    forged = {**first, "by": "somebody else", "at": "1999-01-01T00:00:00Z"}
    other = {**JUMP, "id": "s2", "start": 0.6, "end": 0.7}
    saved = page.save(key, 1, segments=[forged, other]).json["review"]["segments"]
    assert saved[0] == first
    assert saved[1]["by"] == first["by"]


def test_a_change_of_an_older_revision_is_refused_with_what_is_there(page: Page) -> None:
    key = page.ids()["garage"]
    page.save(key, 0, labels=["a"])
    refused = page.save(key, 0, labels=["b"])
    assert refused.status == 412
    assert refused.json["review"]["labels"] == ["a"]
    assert page.ask("PUT", f"/api/videos/{key}/review", {"labels": ["b"]}).status == 428
    assert page.get(f"/api/videos/{key}/review").json["labels"] == ["a"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"segments": [{**JUMP, "end": 0.1}]}, "not after its start"),
        ({"segments": [{**JUMP, "end": 50}]}, "outside the video"),
        ({"segments": [{**JUMP, "end": 1e999}]}, "outside the video"),
        ({"segments": [JUMP, JUMP]}, "is listed twice"),
        ({"segments": [{**JUMP, "id": "../x"}]}, "id"),
        ({"segments": [{**JUMP, "label": "  "}]}, "a label is empty"),
        ({"segments": [{**JUMP, "state": "perhaps"}]}, "state"),
        ({"segments": "all"}, "segments"),
        ({"points": [{"label": "fall", "time": -9}]}, "outside the video"),
        ({"labels": ["x" * 201]}, "labels"),
        ({"labels": ["a\u0007b"]}, "cannot be shown"),
        ({"labels": [1]}, "labels"),
        ({"exhaustive": False}, "exhaustive"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(page: Page, content: dict[str, object], why: str) -> None:
    key = page.ids()["garage"]
    page.get(f"/api/videos/{key}")
    answer = page.save(key, 0, **content)
    assert answer.status == 422
    assert why in answer.json["error"]
    assert "\n" not in answer.json["error"]
    assert page.get(f"/api/videos/{key}/review").json["revision"] == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"labels": ["a"], "labels": []}', b"\xff", b'{"labels": NaN}'])
def test_a_body_that_is_no_object_changes_nothing(page: Page, body: bytes) -> None:
    key = page.ids()["garage"]
    answer = page.ask("PUT", f"/api/videos/{key}/review", body, If_Match='"0"')
    assert answer.status == (200 if body == b"" else 422)
    assert page.get(f"/api/videos/{key}/review").json["revision"] == 0


def test_many_are_tagged_and_it_is_taken_back_and_done_again(page: Page) -> None:
    ids = page.ids()
    page.save(ids["yard"], 0, segments=[JUMP])
    answer = page.ask("POST", "/api/videos/tags", {"ids": list(ids.values()), "add": ["run"], "remove": ["jump"]}).json
    assert {row["name"]: row["labels"] for row in answer["videos"]} == {
        "garage": ["run"], "hall": ["run"], "yard": ["jump", "run"],
    }  # fmt: skip
    assert [kept["label"] for kept in answer["kept"]] == ["jump"]
    undone = page.ask("POST", f"/api/operations/{answer['operation']['id']}/undo", {}).json
    assert [row["labels"] for row in undone["videos"]] == [[], [], ["jump"]]
    redone = page.ask("POST", f"/api/operations/{undone['operation']['id']}/undo", {}).json
    assert [row["labels"] for row in redone["videos"]] == [["run"], ["run"], ["jump", "run"]]
    assert page.ask("POST", "/api/operations/o99/undo", {}).status == 404


def operations(page: Page) -> dict[str, list[str]]:
    """What can be undone and done again, in words."""
    there = page.get("/api/project").json["operations"]
    return {key: [one["words"] for one in there[key]] for key in ("undo", "redo")}


def test_a_change_of_many_is_taken_back_after_a_restart(folder: Path, tmp_path: Path) -> None:
    """Also of videos of which the annotations knew, and which were never saved before."""
    path = tmp_path / "labels.json"
    write_annotations(Annotations([Video("garage", "training", 0.8, ("jmp",))]), path)

    def labels(page: Page) -> dict[str, list[str]]:
        return {row["name"]: row["labels"] for row in page.get("/api/videos").json["videos"]}

    def travel(page: Page, key: str) -> None:
        operation = page.get("/api/project").json["operations"][key][-1]["id"]
        assert page.ask("POST", f"/api/operations/{operation}/undo", {}).status == 200

    with opened(open_project(folder, annotations=path)) as page:
        ids = page.ids()
        before = labels(page)
        page.ask("POST", "/api/videos/tags", {"ids": [ids["garage"], ids["yard"]], "add": ["run"]})
        tagged = labels(page)
        page.ask("POST", "/api/classes/rename", {"from": ["jmp"], "to": "jump"})
        renamed = labels(page)
        assert renamed == {"garage": ["jump", "run"], "hall": [], "yard": ["run"]}
        page.ask("POST", "/api/classes/rename", {"from": ["run"], "to": "jump"})
        travel(page, "undo")
        assert page.ask("POST", "/api/videos/tags", {"ids": [ids["yard"]], "add": ["run"]}).json["operation"] is None
    with opened(open_project(folder)) as page:
        assert operations(page) == {"undo": ["run, 2 videos", "jmp renamed to jump"], "redo": ["run merged into jump"]}
        assert labels(page) == renamed
        page.save(ids["yard"], page.get(f"/api/videos/{ids['yard']}/review").json["revision"], labels=["run", "fall"])
        travel(page, "undo")
        assert labels(page) == {**tagged, "yard": ["fall", "run"]}
        assert page.get(f"/api/videos/{ids['garage']}").json["review"]["labels"] == ["jmp", "run"]
        travel(page, "undo")
    with opened(open_project(folder)) as page:
        assert labels(page) == {**before, "yard": ["fall"]}
        assert operations(page)["undo"] == []
        for _ in range(3):
            travel(page, "redo")
        assert labels(page) == {"garage": ["jump"], "hall": [], "yard": ["fall", "jump"]}
        page.ask("POST", "/api/videos/tags", {"ids": [ids["hall"]], "add": ["swim"]})
        assert operations(page)["redo"] == []


def test_a_change_of_which_nothing_is_left_is_taken_back_once(page: Page) -> None:
    ids = page.ids()
    tagged = page.ask("POST", "/api/videos/tags", {"ids": [ids["garage"]] * 2, "add": ["run"]}).json["operation"]
    assert tagged["words"] == "run, 1 video"
    page.save(ids["garage"], 1, labels=[])
    assert page.ask("POST", f"/api/operations/{tagged['id']}/undo", {}).json["operation"] is None


def test_a_tag_that_cannot_be_is_refused_in_plain_words(page: Page) -> None:
    answer = page.ask("POST", "/api/videos/tags", {"ids": [page.ids()["garage"]], "add": [""]})
    assert (answer.status, answer.json["error"]) == (422, "garage: 'labels.0': a label is empty, found ''")


def test_taking_back_says_what_is_wrong_with_the_history(page: Page, folder: Path) -> None:
    """That is another answer than to an operation that is not there."""
    tagged = page.ask("POST", "/api/videos/tags", {"ids": list(page.ids().values()), "add": ["run"]}).json["operation"]
    history = folder / "reviews" / "history.jsonl"
    history.write_bytes(b"no line of a history\n" + history.read_bytes())
    answer = page.ask("POST", f"/api/operations/{tagged['id']}/undo", {})
    assert answer.status == 422
    assert "history.jsonl" in answer.json["error"]
    history.write_bytes(b"")
    answer = page.ask("POST", f"/api/operations/{tagged['id']}/undo", {})
    assert (answer.status, "holds nothing of the operation" in answer.json["error"]) == (422, True)


def test_undoing_leaves_what_was_changed_since(page: Page) -> None:
    ids = page.ids()
    tagged = page.ask("POST", "/api/videos/tags", {"ids": [ids["garage"]], "add": ["run"]}).json
    page.save(ids["garage"], 1, labels=["run", "fall"], segments=[JUMP])
    undone = page.ask("POST", f"/api/operations/{tagged['operation']['id']}/undo", {}).json
    assert undone["videos"][0]["labels"] == ["fall", "jump"]


def test_nothing_happens_here_is_a_tag_of_its_own(page: Page, folder: Path) -> None:
    ids = page.ids()
    row = page.ask("POST", "/api/videos/tags", {"ids": [ids["garage"]], "none": True}).json["videos"][0]
    assert (row["none"], row["state"], row["exhaustive"]) == (True, "complete", True)
    page.ask("POST", "/api/videos/tags", {"ids": [ids["yard"]], "add": ["run"]})
    row = page.ask("POST", "/api/videos/tags", {"ids": [ids["garage"]], "add": ["run"]}).json["videos"][0]
    assert (row["none"], row["exhaustive"]) == (False, [])


def test_a_class_gets_another_name_everywhere(page: Page) -> None:
    ids = page.ids()
    page.save(ids["garage"], 0, labels=["jmp"], exhaustive=["jmp"], points=[{"label": "jmp", "time": 0.2}])
    page.save(ids["yard"], 0, segments=[{**JUMP, "label": "jmp", "state": "rejected"}])
    page.save(ids["hall"], 0, labels=["jump"])
    before = {key: page.get(f"/api/videos/{key}/review").json for key in ids.values()}
    answer = page.ask("POST", "/api/classes/rename", {"from": ["jmp"], "to": "jump"}).json
    assert {row["name"] for row in answer["videos"]} == {"garage", "yard"}
    assert [entry["label"] for entry in answer["classes"]["classes"]] == ["jump"]
    garage = page.get(f"/api/videos/{ids['garage']}/review").json
    assert (garage["labels"], garage["exhaustive"], garage["points"][0]["label"]) == (["jump"], ["jump"], "jump")
    assert page.get(f"/api/videos/{ids['yard']}/review").json["segments"][0]["label"] == "jump"
    page.ask("POST", f"/api/operations/{answer['operation']['id']}/undo", {})
    for key in ids.values():
        now = page.get(f"/api/videos/{key}/review").json
        same = ("labels", "exhaustive", "segments", "points")
        assert {name: _unstamped(now[name]) for name in same} == {name: _unstamped(before[key][name]) for name in same}
    assert [entry["label"] for entry in page.get("/api/classes").json["classes"]] == ["jmp", "jump"]


def test_everything_of_a_merged_class_is_marked_only_if_it_was_of_both(page: Page) -> None:
    key = page.ids()["garage"]
    page.save(key, 0, labels=["leap", "jump"], exhaustive=["leap"])
    page.ask("POST", "/api/classes/rename", {"from": ["leap"], "to": "jump"})
    review = page.get(f"/api/videos/{key}/review").json
    assert (review["labels"], review["exhaustive"]) == (["jump"], [])


def test_classes_keep_their_colours_and_keys(page: Page) -> None:
    page.save(page.ids()["garage"], 0, labels=["b", "a"])
    answer = page.get("/api/classes")
    entries = answer.json["classes"]
    assert [(entry["label"], entry["key"], entry["videos"]) for entry in entries] == [("a", "1", 1), ("b", "2", 1)]
    assert entries[0]["color"] != entries[1]["color"]
    changed = [{"label": "b", "color": "#123456", "cue": "dots", "key": "9"}, {"label": "new"}]
    saved = page.ask("PUT", "/api/classes", {"classes": changed}, If_Match=answer.headers["etag"])
    assert [(entry["label"], entry["key"]) for entry in saved.json["classes"]] == [
        ("b", "9"),
        ("new", None),
        ("a", "1"),
    ]
    assert saved.json["classes"][0]["color"] == "#123456"
    assert page.ask("PUT", "/api/classes", {"classes": []}, If_Match=answer.headers["etag"]).status == 412
    wrong = [
        {"label": ""},
        {"label": "x", "color": "url(//evil)"},
        {"label": "x", "key": "10"},
        {"label": "x", "cue": 1},
    ]
    for entry in wrong:
        assert page.ask("PUT", "/api/classes", {"classes": [entry]}, If_Match=saved.headers["etag"]).status == 422
    assert page.ask("POST", "/api/classes/rename", {"from": ["nothing"], "to": "x"}).status == 422


def test_a_label_that_is_nearly_a_known_one_is_pointed_out(page: Page) -> None:
    page.save(page.ids()["garage"], 0, labels=["open_door"])
    nearly = {"Open door": "open_door", "open_dor": "open_door", "open_door": None, "swim": None}
    for label, known in nearly.items():
        assert page.get(f"/api/classes/alike?label={label.replace(' ', '%20')}").json == {"label": known}


def test_the_list_is_given_again_only_if_it_changed(page: Page) -> None:
    tag = page.list_when_known().headers["etag"]
    assert page.get("/api/videos", If_None_Match=tag).status == 304
    page.save(page.ids()["garage"], 0, labels=["a"])
    assert page.get("/api/videos", If_None_Match=tag).status == 200


def test_labels_that_are_there_already_are_the_start(folder: Path, tmp_path: Path) -> None:
    truth = Video("garage", "validation", 0.8, ("jump", "run"), (Instance("jump", Segment(0.1, 0.4)),))
    write_annotations(Annotations([truth, Video("other", "training", 3.0, ("swim",))]), tmp_path / "labels.json")
    content = (tmp_path / "labels.json").read_bytes()
    with opened(open_project(folder, annotations=tmp_path / "labels.json")) as page:
        key = page.ids()["garage"]
        video = page.get(f"/api/videos/{key}").json
        assert video["truth"] == [{"label": "jump", "start": 0.1, "end": 0.4}]
        assert (video["review"]["labels"], video["review"]["subset"]) == (["jump", "run"], "validation")
        assert not (folder / "reviews").exists() or not list((folder / "reviews").glob("*.json"))
        page.ask("POST", "/api/classes/rename", {"from": ["jump"], "to": "leap"})
        assert page.get(f"/api/videos/{key}").json["truth"][0]["label"] == "leap"
        assert page.get(f"/api/videos/{key}/review").json["labels"] == ["leap", "run"]
    assert (tmp_path / "labels.json").read_bytes() == content


def test_a_folder_of_reviews_is_read_as_annotations(page: Page, folder: Path) -> None:
    ids = page.ids()
    rejected = {**JUMP, "id": "s2", "label": "swim", "state": "rejected"}
    point = {"label": "fall", "time": 0.7}
    page.save(ids["garage"], 0, labels=["run"], segments=[JUMP, rejected], points=[point], exhaustive=["jump", "swim"])
    page.ask("POST", "/api/videos/tags", {"ids": [ids["yard"]], "add": ["run"]})
    page.ask("POST", "/api/videos/tags", {"ids": [ids["hall"]], "add": ["x"]})
    page.ask("POST", "/api/videos/tags", {"ids": [ids["hall"]], "remove": ["x"]})
    found = read_annotations(folder / "reviews")
    assert list(found) == ["garage", "yard"]
    assert found["garage"].labels == ("fall", "jump", "run")
    assert found["garage"].points == (Point("fall", 0.7),)
    assert found["garage"].exhaustive == ("jump",)
    assert found["garage"].instances == (Instance("jump", Segment(0.1, 0.5)),)
    assert found["garage"].rejected == (Instance("swim", Segment(0.1, 0.5)),)
    assert found["garage"].subset == "training"
    assert "1 review says nothing: hall" in found.notes


def _unstamped(parts: object) -> object:
    if not isinstance(parts, list):
        return parts
    return [
        {k: v for k, v in part.items() if k not in ("by", "at")} if isinstance(part, dict) else part for part in parts
    ]
