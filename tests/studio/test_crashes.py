"""A server that is killed loses nothing that it said was saved, and a second one is refused meanwhile."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers import run_untrim
from studio.pages import Page, opened
from untrim.annotations.reviews import Review
from untrim.errors import UntrimError
from untrim.studio.history import History, applied, what_changed
from untrim.studio.ledger import Ledger
from untrim.studio.project import PROJECT, ClassList, open_project

JUMP = {"id": "s1", "label": "jump", "start": 0.1, "end": 0.5, "state": "added"}


def test_killed_in_the_middle_of_edits_nothing_is_lost(folder: Path) -> None:
    command = [sys.executable, "-m", "untrim", "studio", str(folder), "--no-open"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found is not None
        page = Page(found[0])
        key = page.ids()["garage"]
        for revision in range(5):
            assert page.save(key, revision, segments=[{**JUMP, "end": 0.3 + revision / 100}]).status == 200
        with pytest.raises(UntrimError, match="is open in another studio"), opened(open_project(folder)):
            pass
        assert run_untrim("studio", folder, "--no-open") == 2
        server.send_signal(signal.SIGKILL)
    with opened(open_project(folder)) as page:
        review = page.get(f"/api/videos/{key}/review").json
        assert (review["revision"], review["segments"][0]["end"]) == (5, pytest.approx(0.34))


def test_the_studio_ends_when_it_is_asked_to(folder: Path) -> None:
    command = [sys.executable, "-m", "untrim", "studio", str(folder), "--no-open"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        assert "http://127.0.0.1:" in server.stdout.readline()
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
        assert "ssh -L" in server.stdout.read()
    assert not (folder / "reviews" / ".lock").exists()


def ledger(folder: Path, kept: list[ClassList] | None = None) -> Ledger:
    return Ledger(folder, ClassList(), ([] if kept is None else kept).append, lambda name, _: Review(video=name))


def test_a_review_is_completed_from_the_history(tmp_path: Path) -> None:
    """Killed after the history was written and before the review was."""
    before = ledger(tmp_path)
    before.save("a", {"segments": [JUMP]}, 0)
    old = (tmp_path / "a.json").read_bytes()
    before.save("a", {"labels": ["run"], "segments": [{**JUMP, "end": 0.4}]}, 1)
    new = (tmp_path / "a.json").read_bytes()
    (tmp_path / "a.json").write_bytes(old)
    assert ledger(tmp_path).review("a").revision == 2
    assert (tmp_path / "a.json").read_bytes() == new
    (tmp_path / "a.json").unlink()
    assert ledger(tmp_path).review("a").labels == ("jump", "run")


def test_half_a_line_of_history_is_cut_off(tmp_path: Path) -> None:
    before = ledger(tmp_path)
    before.save("a", {"labels": ["é"]}, 0)
    whole = (tmp_path / "history.jsonl").read_bytes()
    (tmp_path / "history.jsonl").write_bytes(whole + '{"schema": 1, "video": "é'.encode()[:-1])
    after = ledger(tmp_path)
    assert after.review("a").revision == 1
    assert (tmp_path / "history.jsonl").read_bytes() == whole
    after.save("a", {"labels": ["b"]}, 1)
    assert ledger(tmp_path).review("a").labels == ("b",)


def test_an_operation_on_many_videos_is_done_whole_or_not_at_all(tmp_path: Path) -> None:
    kept: list[ClassList] = []
    before = ledger(tmp_path, kept=kept)
    for name in "abc":
        before.save(name, {"labels": ["old"]}, 0)
    start = (tmp_path / "history.jsonl").read_bytes()
    before.change(
        {name: {"labels": ["new"]} for name in "abc"}, "new", ClassList(renamed={"annotations": {"old": "new"}})
    )
    lines = (tmp_path / "history.jsonl").read_bytes()[len(start) :].splitlines(keepends=True)
    assert len(lines) == 4
    reviews = {name: (tmp_path / f"{name}.json").read_bytes() for name in "abc"}
    for count in range(5):
        (tmp_path / "history.jsonl").write_bytes(start + b"".join(lines[:count]))
        for name in "abc":  # None of the reviews was written yet.
            review = json.loads(reviews[name]) | {"labels": ["old"], "revision": 1}
            (tmp_path / f"{name}.json").write_text(json.dumps(review))
        kept.clear()
        after = ledger(tmp_path, kept=kept)
        assert {after.review(name).labels for name in "abc"} == {("new",) if count == 4 else ("old",)}
        assert bool(kept) == (count == 4)


def test_a_disk_that_is_full_changes_nothing(page: Page, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = page.ids()["garage"]
    page.save(key, 0, labels=["a"])
    history = (folder / "reviews" / "history.jsonl").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        answer = page.save(key, 1, labels=["b"])
    assert answer.status == 507
    assert "the disk is full" in answer.json["error"]
    assert (folder / "reviews" / "history.jsonl").read_bytes() == history
    assert page.get(f"/api/videos/{key}/review").json["labels"] == ["a"]
    assert page.save(key, 1, labels=["b"]).status == 200


@pytest.mark.parametrize(
    "content", ["{}", "[]", '{"revision": -1, "video": "garage"}', '{"schema": 9}', '{"video": "b"}']
)
def test_a_file_that_is_no_review_is_named(folder: Path, content: str) -> None:
    (folder / "reviews").mkdir()
    (folder / "reviews" / "garage.json").write_text(content)
    with pytest.raises(UntrimError, match=r"garage\.json"), opened(open_project(folder)):
        pass


@pytest.mark.parametrize("line", ["{", "[]", '{"schema": 2}', '{"operation": "o1"}', '{"video": "a", "revision": "x"}'])
def test_a_line_that_is_no_history_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "history.jsonl").write_text(line + "\n")
    with pytest.raises(UntrimError, match=r"history\.jsonl"):
        ledger(tmp_path)


def test_every_revision_can_be_made_again_from_the_history(tmp_path: Path) -> None:
    made = ledger(tmp_path)
    contents: list[dict[str, Any]] = [
        {"labels": ["a"], "segments": [JUMP], "points": [{"label": "b", "time": 1.0}]},
        {"segments": [{**JUMP, "end": 0.2}, {**JUMP, "id": "s2"}], "exhaustive": True},
        {"segments": [{**JUMP, "id": "s2", "label": "z"}], "exhaustive": ["a"], "points": []},
    ]
    wanted = [made.save("v", content, revision) for revision, content in enumerate(contents)]
    review = Review(video="v")
    for entry, want in zip(History(tmp_path / "history.jsonl").read(), wanted, strict=True):
        review = applied(review, entry["change"], entry["revision"], "history")
        assert review == want
    assert what_changed(review, review) == {}


def test_a_project_that_was_moved_opens_again(folder: Path, tmp_path: Path) -> None:
    with opened(open_project(folder)) as page:
        page.save(page.ids()["garage"], 0, labels=["a"])
    target = folder.rename(tmp_path / "elsewhere")
    (target / "later").mkdir()
    (target / "garage.mp4").rename(target / "later" / "garage.mp4")
    (target / "yard.mp4").rename(tmp_path / "yard.mp4")
    project = open_project(target)
    assert [video.name for video in project.videos.values() if video.problem] == ["yard"]
    with opened(project) as page:
        rows = {row["name"]: row for row in page.get("/api/videos").json["videos"]}
        assert rows["garage"]["labels"] == ["a"]
        assert "--videos FOLDER" in rows["yard"]["problem"]
        assert page.get(f"/api/videos/{rows['yard']['id']}").json["problem"]
        assert page.get(f"/media/{rows['yard']['id']}").status == 404
        assert page.get(f"/sprite/{rows['yard']['id']}").status == 422
    (tmp_path / "more").mkdir()
    (tmp_path / "yard.mp4").rename(tmp_path / "more" / "yard.mp4")
    assert not any(video.problem for video in open_project(target, videos=tmp_path / "more").videos.values())


def test_all_videos_may_move_to_another_folder(folder: Path, tmp_path: Path) -> None:
    project = open_project(folder)
    project.save()
    (tmp_path / "archive").mkdir()
    for video in project.videos.values():
        video.path.rename(tmp_path / "archive" / video.path.name)
    assert all(video.problem for video in open_project(folder).videos.values())
    project = open_project(folder, videos=tmp_path / "archive")
    assert [video.name for video in project.videos.values() if video.problem] == []
    assert project.places() == ["../archive"]


def test_a_file_that_takes_the_name_of_another_is_refused(folder: Path) -> None:
    open_project(folder).save()
    before = (folder / PROJECT).read_bytes()
    (folder / "other").mkdir()
    (folder / "other" / "hall.mp4").write_bytes((folder / "garage.mp4").read_bytes())
    with pytest.raises(UntrimError, match="rename the new file"):
        open_project(folder)
    assert (folder / PROJECT).read_bytes() == before
