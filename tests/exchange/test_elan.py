"""ELAN: what we write as another program reads it, round trips, and files of others."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from round_trips import annotations, check_same, there_and_back
from untrim import Annotations, Instance, Segment, UntrimError, Video, convert, read, write

HEAD = '<ANNOTATION_DOCUMENT AUTHOR="" DATE="2020-01-01T00:00:00Z" FORMAT="3.0" VERSION="3.0">'
FOREIGN = f"""<?xml version="1.0" encoding="UTF-8"?>
{HEAD}
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/Users/me/My%20films/garage 01.mp4" MIME_TYPE="video/mp4" TIME_ORIGIN="2000"/>
</HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1500"/>
<TIME_SLOT TIME_SLOT_ID="ts3"/></TIME_ORDER>
<TIER LINGUISTIC_TYPE_REF="t" TIER_ID="run#2">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2"><ANNOTATION_VALUE/>
</ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE>jump</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER LINGUISTIC_TYPE_REF="u" TIER_ID="remarks" PARENT_REF="run#2"><ANNOTATION>
<REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1"><ANNOTATION_VALUE>!</ANNOTATION_VALUE></REF_ANNOTATION>
</ANNOTATION></TIER>
<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="t" TIME_ALIGNABLE="true"/>
</ANNOTATION_DOCUMENT>"""


def test_a_file_of_elan_is_read(tmp_path: Path) -> None:
    (tmp_path / "any.eaf").write_text(FOREIGN)
    found = read(tmp_path / "any.eaf")
    assert isinstance(found, Annotations)
    assert found["garage 01"].instances == (Instance("run", Segment(2.5, 3.5)),)  # TIME_ORIGIN is added.
    assert found["garage 01"].labels == ("jump", "run")
    assert found.notes == (
        "tiers that refer to others are passed over: remarks",
        "1 annotation has no times of their own: the label stays",
    )
    lost = convert(tmp_path / "any.eaf", tmp_path / "any.json").losses
    assert str(lost).startswith("lost: 1 tier that refers to others;")


@settings(max_examples=40)
@given(annotations())
def test_round_trip(truth: Annotations) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if truth:
            found, losses = there_and_back(truth, Path(folder) / "out", "elan")
            check_same(truth, found, losses, shortest=0.001)
            assert losses.rounding <= 0.0005 + 1e-9


def test_what_overlaps_has_a_tier_of_its_own_and_a_class_of_that_name_too(tmp_path: Path) -> None:
    pympi = pytest.importorskip("pympi", reason="pympi-ling reads ELAN's files")
    times = [("run", 0, 2), ("run", 1, 3), ("run", 2, 4), ("run#2", 0, 1), ('a <&> "b"', 1, 1)]
    own = tuple(Instance(label, Segment(start, end)) for label, start, end in times)
    write(Annotations([Video("v", instances=own)]), tmp_path / "v.eaf")
    document = pympi.Elan.Eaf(str(tmp_path / "v.eaf"))
    assert {tier: sorted(document.get_annotation_data_for_tier(tier)) for tier in document.get_tier_names()} == {
        "run": [(0, 2000, "run"), (2000, 4000, "run")],
        "run#3": [(1000, 3000, "run")],
        "run#2": [(0, 1000, "run#2")],
        'a <&> "b"': [(1000, 1001, 'a <&> "b"')],
    }


HOSTILE = {
    "bomb": '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><ANNOTATION_DOCUMENT>&b;</ANNOTATION_DOCUMENT>',
    "entity": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><ANNOTATION_DOCUMENT>&x;</ANNOTATION_DOCUMENT>',
    "dtd": '<!DOCTYPE a SYSTEM "http://localhost/a.dtd"><ANNOTATION_DOCUMENT/>',
    "deep": HEAD + "<a>" * 3_000_000,
    "cut": FOREIGN[:700],
    "NaN": FOREIGN.replace('"500"', '"NaN"'),
    "negative": FOREIGN.replace('"500"', '"-500"'),
    "huge": FOREIGN.replace('"500"', f'"{"9" * 400}"'),
    "backwards": FOREIGN.replace('"500"', '"2500"'),
    "no slot": FOREIGN.replace('TIME_SLOT_REF1="ts1" ', ""),
    "units": FOREIGN.replace('"milliseconds"', '"PAL-frames"'),
    "no name": FOREIGN.replace("file:///C:/Users/me/My%20films/garage 01.mp4", "file:///../.."),
    "other": "<annotations/>",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_one_line(kind: str, tmp_path: Path) -> None:
    (tmp_path / "bad.eaf").write_text(HOSTILE[kind])
    with pytest.raises(UntrimError, match=r"bad\.eaf") as refused:
        read(tmp_path / "bad.eaf")
    assert "\n" not in str(refused.value)


def test_media_paths_lead_nowhere(tmp_path: Path) -> None:
    text = FOREIGN.replace("file:///C:/Users/me/My%20films/garage 01.mp4", "../../../etc/passwd.mp4")
    (tmp_path / "a.eaf").write_text(text)
    assert list(read(tmp_path / "a.eaf")) == ["passwd"]
