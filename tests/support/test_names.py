import unicodedata

import pytest

from untrim.errors import UntrimError
from untrim.support.names import (
    in_one_form,
    labels_in,
    names_a_side,
    spelled_alike,
    standard,
    there_as,
    without_ending,
)

NFC, NFD = unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")


def test_the_one_form() -> None:
    assert NFC != NFD
    assert standard(f" {NFD} ") == NFC
    assert in_one_form({f"{NFD} ": 1, "b": 2}) == {NFC: 1, "b": 2}
    with pytest.raises(UntrimError, match=r"l\.json: 'café' is listed twice, in forms that look the same"):
        in_one_form({NFC: 1, NFD: 2}, "l.json")


def test_only_the_ending_of_a_video_is_an_ending() -> None:
    names = ["clip.MP4", "S01.cam1", "a.b.webm", "v1.5", "mp4"]
    assert [without_ending(name) for name in names] == ["clip", "S01.cam1", "a.b", "v1.5", "mp4"]


@pytest.mark.parametrize(
    "pair",
    [("Run", "run"), ("High Jump", "HighJump"), ("a_b", "a-b"), (NFC, NFD), ("Straße", "STRASSE"), ("½", "1⁄2")],
)
def test_spelled_alike(pair: tuple[str, str]) -> None:
    assert spelled_alike([*pair, "other"]) == [list(pair)]


@pytest.mark.parametrize("pair", [("C", "C++"), ("कि", "की"), ("😀", "👍"), ("run#jump", "run"), ("a.b", "ab")])
def test_not_spelled_alike(pair: tuple[str, str]) -> None:
    assert spelled_alike(pair) == []


@pytest.mark.parametrize("label", ["run;jump", "run|jump", "run, jump", "run#jump", "run / jump", "run;"])
def test_several_labels_in_one(label: str) -> None:
    assert labels_in(label, ["run", "jump"]) == (["run", "jump"] if label != "run;" else [])


def test_one_label_with_signs_in_it() -> None:
    known = ["Open", "C", "C++", "rock", "roll"]
    assert [labels_in(label, known) for label in ("Open, then close", "C++", "C#", "rock & roll")] == [
        [], [], [], ["rock", "roll"]
    ]  # fmt: skip
    assert labels_in("sit;stand", []) == ["sit", "stand"]


SIDES = """turn_left turnRight Left-hand_swing links_abbiegen clockwise counterclockwise 左折 swipe_leftwards lefty
turnleft HTMLLeft turn_ccw turn_L ←_turn Linkskurve rechte_Hand izquierdas sinistro ＬＥＦＴ налево 왼쪽 vänster"""


@pytest.mark.parametrize("label", SIDES.split())
def test_a_name_of_a_side(label: str) -> None:
    assert names_a_side(label)


@pytest.mark.parametrize(
    "label", ["jump", "", "DEXTER", "Long Jump", "clean_and_jerk", "brush", "copyrighted", "forehand", "R2D2"]
)
def test_no_name_of_a_side(label: str) -> None:
    assert not names_a_side(label)


def test_what_a_name_is_there_as() -> None:
    known = ["clip", "Clip One", "v_abc", NFD, "x"]
    assert there_as(["clip.MP4"], known) == "'clip.MP4' is there as 'clip'"
    assert there_as(["clip one.mov", "abc", NFC, "lost"], known) == (
        f"'clip one.mov' is there as 'Clip One', 'abc' is there as 'v_abc', '{NFC}' is there as '{NFD}'"
    )
    assert there_as(["lost", "fish"], known) == ""
    assert there_as(["mtach_03", "match_99"], ["match_03", "match_09"]) == "'mtach_03' may be 'match_03'"
    assert there_as(["clip"], ["one/clip", "two/clip", "clap"]) == "'clip' may be 'one/clip' or 'two/clip'"
    assert there_as([f"V{index}" for index in range(5)], [f"v{index}" for index in range(5)]).endswith(
        "and 2 more like these"
    )
