import unicodedata
from pathlib import Path

from untrim.support.named_files import file_of, names_in

NFC, NFD = unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")


def test_a_file_of_macos_is_found_under_the_one_form_of_its_name(tmp_path: Path) -> None:
    (tmp_path / NFD).mkdir()
    (tmp_path / NFD / f"{NFD}.npy").touch()
    (tmp_path / f"{NFD}.npy").touch()
    assert names_in(tmp_path, ".npy") == [NFC, f"{NFC}/{NFC}"]
    assert file_of(tmp_path, NFC, ".npy").name == f"{NFD}.npy"
    assert file_of(tmp_path, f"{NFC}/{NFC}", ".npy").is_file()
    (tmp_path / f"{NFC}.npy").touch()
    assert file_of(tmp_path, NFD, ".npy").name == f"{NFC}.npy"
    assert names_in(tmp_path, ".npy") == [NFC, f"{NFC}/{NFC}"]


def test_new_files_have_the_one_form(tmp_path: Path) -> None:
    assert file_of(tmp_path, f"{NFD} ", ".npz") == tmp_path / f"{NFC}.npz"
