"""The loop: features while people tag, training from what they said, what it found; it outlives the server."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from studio.pages import Page, ended, opened
from untrim.annotations import Annotations, Video, read_annotations, write_detections
from untrim.annotations.reviews import Review
from untrim.errors import UntrimError
from untrim.studio.brought import BroughtIn
from untrim.studio.child import Work, main
from untrim.studio.learning import count_labelled, known_video
from untrim.studio.project import PROJECT, open_project
from untrim.timeline import Detection, Instance, Point, Segment

JUMP = {"id": "s1", "label": "jump", "start": 0.1, "end": 0.5, "state": "added"}


def test_the_loop_goes_on_without_page_and_server(folder: Path) -> None:
    project = open_project(folder)
    project.content.method, project.content.settings = "wsad", {"iterations": 3, "hidden": 4}
    project.save()
    with opened(project) as page:
        ids = page.ids()
        assert page.get("/api/work").json["why_not"].startswith("tag videos")
        assert page.ask("POST", "/api/jobs", {"kind": "train"}).status == 422
        page.ask("POST", "/api/videos/tags", {"ids": [ids["garage"], ids["hall"]], "add": ["jump"]})
        page.save(ids["yard"], 0, segments=[{**JUMP, "label": "run"}], points=[{"label": "run", "time": 0.7}])
        work = page.get("/api/work").json
        assert (work["words"], work["can_train"]) == ("2 tagged, 1 corrected, 1 point", True)
        job = page.ask("POST", "/api/jobs", {"kind": "extract"}).json["job"]
        assert page.ask("POST", "/api/jobs", {"kind": "extract"}).status == 409
        assert page.ask("DELETE", f"/api/jobs/{job['id']}", {}).status == 200
        stopped = ended(page, job["id"])
        assert stopped["state"] == "stopped", stopped
        assert stopped["error"] is None
        resumed = page.ask("POST", "/api/jobs", {"resume": job["id"]})
        waiting = page.ask("POST", "/api/jobs", {"kind": "train"}).json["job"]
        assert (resumed.status, waiting["state"]) == (201, "waiting")
        assert ended(page, job["id"])["state"] == "done"
        page.ask("POST", "/api/videos/tags", {"ids": [ids["garage"]], "add": ["run"]})  # After the labels were kept.
    with opened(open_project(folder)) as page:
        training = page.get("/api/jobs").json["jobs"][0]
        assert training["kind"] == "train"
        if training["state"] == "stopped":  # The server ended before it began.
            page.ask("POST", "/api/jobs", {"resume": training["id"]})
        done = ended(page, training["id"])
        assert done["state"] == "done", (done, (folder / "jobs" / done["id"] / "log.txt").read_text())
        assert done["trained_on"] == "2 tagged, 1 corrected, 1 point"
        assert len(done["losses"]) > 0
        about = page.get("/api/project").json
        assert [(run["id"], run["trained_on"], run["classes"]) for run in about["runs"]] == [
            ("1", "2 tagged, 1 corrected, 1 point", ["jump", "run"]),
        ]  # fmt: skip
        video = page.get(f"/api/videos/{ids['garage']}").json
        assert (video["run"], video["curves"]["classes"]) == ("1", ["jump", "run"])
        curves = page.get(f"/api/videos/{ids['garage']}/curves")
        assert len(curves.body) == 4 * 3 * video["curves"]["snippets"]
        assert all(row["features"] for row in page.get("/api/videos").json["videos"])
        again = page.ask("POST", "/api/jobs", {"kind": "train"}).json["job"]
        assert ended(page, again["id"])["notes"][-1].startswith("Started from run 1: ")
    known = read_annotations(folder / "jobs" / training["id"] / "labels.json")
    assert known["garage"].labels == ("jump",)
    assert known["yard"].instances == (Instance("run", Segment(0.1, 0.5)),)
    assert known["yard"].points == (Point("run", 0.7),)


def test_a_job_whose_process_is_killed_says_so(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *words, **how: started.append(start(*words, **how)) or started[-1])
    job = page.ask("POST", "/api/jobs", {"kind": "extract"}).json["job"]
    started[0].kill()
    stopped = ended(page, job["id"])
    assert (stopped["state"], stopped["error"]) == (
        "stopped",
        "its process was ended from outside; it can be resumed",
    )


def test_a_job_that_ended_with_the_machine_says_so(folder: Path) -> None:
    job = folder / "jobs" / "j1"
    job.mkdir(parents=True)
    (job / "job.json").write_text(json.dumps({"schema": 1, "kind": "extract", "videos": ["."], "features": "features"}))
    with opened(open_project(folder)) as page:
        stopped = page.get("/api/jobs").json["jobs"][0]
        assert (stopped["state"], stopped["done"]) == ("stopped", 0)
        assert "ended with the studio or the machine" in stopped["error"]


def test_a_ready_run_suggests_first_tags(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    def suggest(run: str, videos: list[Path], features: Path, **hooks: object) -> object:
        given.extend([run, videos, features])
        return {"garage": [("opening door", 0.6), ("driving car", 0.1)], "gone": []}, {"hall": "hall.mp4: broken"}

    monkeypatch.setattr("untrim.pipeline.suggest", suggest)
    job = folder / "jobs" / "j1"
    job.mkdir(parents=True)
    order = {"kind": "suggest", "videos": ["."], "features": "found/suggested/features", "run": "kinetics400"}
    (job / "job.json").write_text(json.dumps({"schema": 1, **order}))
    main(job)
    assert given == ["kinetics400", [folder], folder / "found" / "suggested" / "features"]
    assert json.loads((job / "outcome.json").read_text())["notes"] == ["hall.mp4: broken"]
    with opened(open_project(folder)) as page:
        rows = {row["name"]: row["suggested"] for row in page.get("/api/videos").json["videos"]}
        assert rows == {"garage": ["opening door", "driving car"], "hall": [], "yard": []}
        tagged = page.ask("POST", "/api/videos/tags", {"ids": [page.ids()["garage"]], "add": ["opening door"]}).json
        assert tagged["videos"][0]["suggested"] == ["driving car"]


@pytest.mark.parametrize("name", ["features", "run", "detections", "activations"])
def test_a_job_writes_nowhere_but_in_its_project(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "project" / "jobs" / "j1"
    folder.mkdir(parents=True)
    order = {"schema": 1, "kind": "train", name: "../elsewhere"}
    (folder / "job.json").write_text(json.dumps(order))
    with pytest.raises(UntrimError, match="leads out of the project"):
        Work(folder)


def test_a_project_of_others_writes_nowhere_else(folder: Path) -> None:
    (folder / PROJECT).write_text(json.dumps({"schema": 1, "features": "../../features"}))
    with pytest.raises(UntrimError, match="leads out of the project"):
        open_project(folder)


TRUTH = Video(
    "v", "training", 30.0, ("a", "b"), (Instance("a", Segment(1, 2)), Instance("a", Segment(5, 6))), exhaustive=("a",)
)


def test_annotations_hold_until_a_review_is_saved() -> None:
    def known(names: dict[str, str]) -> Video:
        return known_video(BroughtIn(Annotations([TRUTH]), ["v"]).review("v", names, None), TRUTH, names)

    assert known({}) == TRUTH
    renamed = known({"a": "c"})
    assert (renamed.labels, renamed.exhaustive, renamed.instances[0].label) == (("b", "c"), ("c",), "c")
    assert known_video(Review(video="v", labels=("x",)), None, {}).labels == ("x",)


def test_a_review_has_the_last_word_on_tags_and_on_what_it_decides() -> None:
    def saved(**values: Any) -> Review:
        return Review(video="v", revision=1, **values)

    untagged = known_video(saved(labels=["b"]), TRUTH, {})
    assert (untagged.labels, untagged.instances, untagged.exhaustive) == (("b",), (), False)
    rejected = {"id": "1", "label": "a", "start": 1.1, "end": 2.0, "state": "rejected"}
    corrected = known_video(saved(labels=["a"], segments=[rejected]), TRUTH, {})
    assert corrected.instances == (Instance("a", Segment(5, 6)),)
    assert corrected.exhaustive is False
    added = {"id": "1", "label": "a", "start": 10, "end": 12, "state": "added"}
    complete = known_video(saved(segments=[added], exhaustive=["a"]), TRUTH, {})
    assert complete.instances == (Instance("a", Segment(10, 12)),)
    assert complete.exhaustive == ("a",)
    assert known_video(saved(labels=["a"]), TRUTH, {}).exhaustive == ("a",)


def test_videos_are_counted_by_how_they_are_labelled() -> None:
    reviews = [
        Review(video="1", labels=["a"]),
        Review(video="2", segments=[JUMP], points=[{"label": "a", "time": 1}]),
        Review(video="3", exhaustive=True),
        Review(video="4"),
    ]
    assert str(count_labelled(reviews)) == "1 tagged, 1 corrected, 1 without any action, 1 point"
    assert str(count_labelled([])) == "nothing"


def test_exports_hold_what_was_decided(page: Page, folder: Path, tmp_path: Path) -> None:
    ids = page.ids()
    assert page.get("/api/export/activitynet").status == 422
    rejected = {"id": "s2", "label": "swim", "start": 0.6, "end": 0.7, "state": "rejected"}
    page.save(ids["garage"], 0, segments=[JUMP, rejected], points=[{"label": "run", "time": 0.2}])
    page.ask("POST", "/api/videos/tags", {"ids": [ids["yard"]], "none": True})
    formats = page.get("/api/export").json["formats"]
    assert {"activitynet", "csv", "elan"} <= {form["name"] for form in formats}
    for form in formats:
        report = page.get(f"/api/export/{form['name']}?report=1")
        assert report.status == 200, (form, report.body)
        answer = page.get(f"/api/export/{form['name']}")
        assert len(answer.body) > 0
        assert answer.headers["content-disposition"].startswith("attachment")
    path = tmp_path / "labels.json"
    path.write_bytes(page.get("/api/export/activitynet").body)
    found = read_annotations(path)
    assert found["garage"].instances == (Instance("jump", Segment(0.1, 0.5)),)
    assert found["garage"].points == (Point("run", 0.2),)
    assert found["yard"].nothing_happens
    assert page.get("/api/export/..%2f..%2fx").status == 404
    assert page.get("/api/export/nothing").status == 422


def test_what_was_shown_of_a_random_pick_is_measured(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("untrim.evaluation.choosing.EVERY", 1)
    found = [Detection("jump", Segment(0.1, 0.5), 0.9), Detection("jump", Segment(0.6, 0.7), 0.9)]
    write_detections(dict.fromkeys(("garage", "yard", "hall"), found), tmp_path / "found.json")
    with opened(open_project(folder, detections=tmp_path / "found.json")) as page:
        chosen = page.get("/api/videos").json["next"]
        assert chosen["picked"] == "random"
        other = next(key for key in page.ids().values() if key != chosen["id"])
        assert page.save(other, 0, segments=[JUMP]).json["review"]["picked"] is None
        chosen = page.get("/api/videos").json["next"]
        assert page.get("/api/work").json["accuracy"] is None
        first = page.save(chosen["id"], 0, segments=[JUMP]).json["review"]
        assert (first["picked"], len(first["shown"])) == ("random", 2)
        rejected = {"id": "s2", "label": "jump", "start": 0.6, "end": 0.7, "state": "rejected"}
        last = page.save(chosen["id"], 1, segments=[JUMP, rejected], exhaustive=True).json["review"]
        assert last["shown"] == first["shown"]
        accuracy = page.get("/api/work").json["accuracy"]
        assert (accuracy["right"], accuracy["of"], accuracy["videos"]) == (1, 2, 1)
        assert "1 video picked at random" in accuracy["words"]
