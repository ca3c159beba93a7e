"""One file per video in a folder. A name such as ``cam1/clip`` is a path: its file lies in a folder in the folder.

Files are written under the one form of a name (`untrim.support.names`). Those that are there may have macOS's.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from untrim.errors import UntrimError
from untrim.support.names import standard

_LONGEST = 255  # bytes of a part of a path, on the file systems of Linux, macOS and Windows


def file_of(folder: Path, name: str, ending: str) -> Path:
    """Where the file of a video lies.

    Args:
        folder: The folder.
        name: The video; folders in its name are separated by ``/`` on every system.
        ending: Of the file, with its dot.

    Raises:
        UntrimError: The name leads out of the folder, through a link or to a hidden file in it, or is too long.
    """
    name = standard(name)
    *folders, last = name.split("/")
    drive = len(name) > 1 and name[1] == ":" and name[0].isalpha() and os.name == "nt"
    odd = drive or "\\" in name or "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name)
    if odd or any(not part or part.startswith(".") for part in (*folders, last)):
        raise UntrimError(f"{name!r} cannot be a video's name", where=folder, fix="use plain file names")
    for part, most in (*((part, _LONGEST) for part in folders), (last, _LONGEST - len(ending))):
        if (size := len(os.fsencode(part))) > most:
            what = f"'{part[:40]}…' is too long a name: {size} bytes, at most {most}"
            raise UntrimError(what, where=folder, fix="rename the video")
    if any(folder.joinpath(*folders[: count + 1]).is_symlink() for count in range(len(folders))):
        raise UntrimError(f"{name!r} lies behind a link", where=folder, fix="put the folder itself in its place")
    path = folder.joinpath(*folders, f"{last}{ending}")
    apart = folder / f"{unicodedata.normalize('NFD', name)}{ending}"
    return apart if apart != path and os.path.isfile(apart) and not path.exists() else path


def names_in(folder: Path, ending: str) -> list[str]:
    """Names of the videos that have a file with this ending, sorted; hidden files and folders hold none."""
    files = (file.relative_to(folder) for file in folder.rglob(f"*{ending}"))
    shown = (file.as_posix() for file in files if not any(part.startswith(".") for part in file.parts))
    return sorted({standard(path.removesuffix(ending)) for path in shown})
