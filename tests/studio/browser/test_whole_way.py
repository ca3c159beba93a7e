"""The whole way, by keys and mouse: tag, look, correct, take back, save, lose the server, hand on."""

import csv
import json
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from studio.browser.driving import (
    Server,
    check_kept,
    drag,
    on_disk,
    open_video,
    opened,
    press,
    served,
    shape,
    show_all_found,
    state,
    wait_for,
    wait_saved,
)
from untrim.studio.suggested import SUGGESTED, write_suggested


def test_tag_correct_undo_redo_reload(page: Any, project: Path) -> None:
    # Tag all three at once.
    page.get_by_label("Select all videos shown").check()
    page.get_by_label("Type a tag, press Enter").fill("jump")
    press(page, "Enter")
    wait_for(page, "state.videos.every(video => video.labels.join() === 'jump')")

    open_video(page, "constant")
    before = shape(page)
    press(page, "Tab", "KeyA")  # The first is accepted; the next that was found is selected.
    wait_for(page, "state.review.segments.length === 1")
    press(page, "BracketLeft", "Period", "Period", "Escape")  # Its start moves two frames on.
    wait_for(page, "state.review.segments.length === 2 && state.review.segments[1].start > 2.55")
    press(page, "KeyX")
    wait_for(page, "state.review.segments[1].state === 'rejected'")
    press(page, "Escape")
    drag(page, 8.0, 9.0, "jump")  # A new one, by mouse, in an empty stretch.
    wait_for(page, "state.review.segments.length === 3")
    drag(page, 9.0, 9.4, "jump")  # Its end, by mouse.
    wait_for(page, "state.review.segments[2].end > 9.3")
    press(page, "Escape", "KeyT", "Home")
    wait_for(page, "state.review.points.length === 1")
    changed = shape(page)
    assert [segment[::3] for segment in changed["segments"]] == [
        ["jump", "accepted"], ["turn", "rejected"], ["jump", "added"],
    ]  # fmt: skip
    times = state(page, "[...state.frames.seconds]")
    assert all(time in times for segment in changed["segments"][2:] for time in segment[1:3]), "edges are on frames"

    for _ in range(10):
        press(page, "Control+z")
        if not state(page, "state.undo.undo.length") or state(page, "state.undo.undo.startsWith('jump,')"):
            break
    wait_for(page, "state.review.segments.length === 0")
    assert shape(page) == before
    for _ in range(10):
        press(page, "Control+Shift+z")
    wait_for(page, "state.undo.redo === ''")
    assert shape(page) == changed

    check_kept(page, project, "constant")
    assert state(page, "state.undo.undo") == "jump, 3 videos"  # Changes of many are undone on another day too.


def test_split_merge_delete_and_complete(page: Any) -> None:
    open_video(page, "ntsc")
    press(page, "Tab", "ArrowRight", "KeyS")
    wait_for(page, "state.review.segments.length === 2")
    press(page, "KeyM")
    wait_for(page, "state.review.segments.length === 1 && state.review.segments[0].end === 2.2")
    press(page, "Delete")
    wait_for(page, "state.review.segments.length === 0")
    press(page, "Tab", "2", "Control+Enter")  # The selected one becomes a turn; all the rest is right.
    wait_for(page, "state.videos.find(video => video.name === 'ntsc').state === 'complete'")
    assert state(page, "state.route.id !== state.videos.find(video => video.name === 'ntsc').id"), "the next is opened"


def test_a_suggested_tag_is_taken_by_a_press(context: Any, project: Path) -> None:
    write_suggested(
        project / SUGGESTED, {"constant": [("walking the dog", 0.9), ("yoga", 0.4)], "late": [("yoga", 0.8)]}
    )
    with served(project) as address, opened(context, address) as page:
        page.get_by_role("row", name="constant").get_by_text("walking the dog").click()
        wait_for(page, "state.videos.find(video => video.name === 'constant').labels.join() === 'walking the dog'")
        page.get_by_text("walking the dog: 1 video").wait_for()
        assert page.get_by_role("row", name="constant").get_by_text("yoga").count() == 0, "tagged by now"
        open_video(page, "late")
        page.get_by_role("button", name="yoga").click()
        wait_for(page, "state.review.labels.join() === 'yoga'")
        wait_saved(page)
    assert on_disk(project, "late")["labels"] == ["yoga"]


def test_times_can_be_typed(page: Any) -> None:
    open_video(page, "constant")
    field = page.get_by_label("Start of jump").first
    field.fill("0:00.5")
    field.press("Enter")
    wait_for(page, "state.review.segments.length === 1")
    assert state(page, "state.review.segments[0].start") == 0.5
    field.fill("three")
    field.press("Enter")
    page.get_by_text('"three" is no time').wait_for()
    assert state(page, "state.review.segments[0].start") == 0.5


def test_a_server_that_is_killed_in_an_edit_loses_nothing(context: Any, project: Path) -> None:
    server = Server(project, options=("-d", str(project.parent / "found.json")))
    page = context.new_page()
    page.goto(server.address)
    wait_for(page, "state.videos.length")
    show_all_found(page)
    open_video(page, "constant")
    press(page, "Tab", "KeyA")
    server.kill()
    press(page, "KeyX")
    page.get_by_text("Not saved").wait_for()
    again = Server(project, server.port)
    try:
        fresh = context.new_page()  # As the person does: the new address.
        fresh.goto(again.address)
        wait_saved(page)  # The old window has the new key and saves by itself.
        assert [s["state"] for s in on_disk(project, "constant")["segments"]] == ["accepted", "rejected"]

        again.kill()
        press(page, "KeyA")
        page.get_by_text("Not saved").wait_for()
        page.close()  # The window is gone as well; what it had not saved is found by the next.
        fresh.close()
        again = Server(project, server.port)
        fresh = context.new_page()
        fresh.goto(again.address)
        fresh.get_by_text("had not been saved were brought").wait_for()
        assert [s["state"] for s in on_disk(project, "constant")["segments"]] == ["accepted", "rejected", "accepted"]
    finally:
        again.close()


def test_every_exported_file_agrees_with_the_screen(page: Any, tmp_path: Path) -> None:
    open_video(page, "constant")
    press(page, "Tab", "KeyA")
    wait_for(page, "state.review.segments.length === 1")
    press(page, "BracketRight", "Period", "Escape", "Tab", "KeyX")
    wait_for(page, "state.review.segments.length === 3")
    drag(page, 8.0, 9.0, "jump")
    wait_for(page, "state.review.segments.length === 4")
    wait_saved(page)
    shown = sorted(segment[:3] for segment in shape(page)["segments"] if segment[3] != "rejected")
    page.get_by_role("link", name="Export").click()
    for title, read in (("ActivityNet JSON", of_json), ("CSV", of_csv), ("ELAN", of_elan)):
        card = page.locator(".format", has=page.get_by_role("heading", name=title, exact=True))
        card.locator(".export-facts p").first.wait_for()
        with page.expect_download() as download:
            card.get_by_role("link", name="Download").click()
        download.value.save_as(tmp_path / "file")
        exported = sorted(read(tmp_path / "file"))
        assert [row[0] for row in exported] == [row[0] for row in shown], title
        assert all(
            abs(row[edge] - mine[edge]) < 1e-3 for row, mine in zip(exported, shown, strict=True) for edge in (1, 2)
        )


def of_json(path: Path) -> list[list[Any]]:
    video = json.loads(path.read_text())["database"]["constant"]
    return [[each["label"], *each["segment"]] for each in video["annotations"] if "segment" in each]


def of_csv(path: Path) -> list[list[Any]]:
    rows = csv.DictReader(path.read_text().splitlines())
    return [
        [row["label"], float(row["start"]), float(row["end"])]
        for row in rows
        if row["video"] == "constant" and row["end"]
    ]


def of_elan(path: Path) -> list[list[Any]]:
    """A zip where there are several files, else the file itself."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as several:
            root = ElementTree.fromstring(several.read(next(name for name in several.namelist() if "constant" in name)))
    else:
        root = ElementTree.parse(path).getroot()
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE", 0)) / 1000 for slot in root.iter("TIME_SLOT")}
    return [
        [tier.get("TIER_ID"), slots[each.get("TIME_SLOT_REF1")], slots[each.get("TIME_SLOT_REF2")]]
        for tier in root.iter("TIER")
        for each in tier.iter("ALIGNABLE_ANNOTATION")
    ]
