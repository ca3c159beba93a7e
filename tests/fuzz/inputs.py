"""Wrong inputs, each made from a whole project by seed: a damaged file, a wrong call, or both."""

from __future__ import annotations

import random
from pathlib import Path

from fuzz.calls import change_call, choose_call
from fuzz.damage import damage


def make_input(seed: int, folder: Path) -> list[str]:
    """Damage the project in `folder`, which is the current one, or a call; gives the call."""
    rng = random.Random(seed)
    call = choose_call(rng)
    if rng.random() < 0.75:
        damage(_choose_file(folder, call, rng), rng)
    if rng.random() < 0.4:
        call = change_call(call, rng)
    return call


def _choose_file(folder: Path, call: list[str], rng: random.Random) -> Path:
    """A file, mostly one that the call reads; each kind as often, however many files of it there are."""
    files = sorted(file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    read = {Path(part.rpartition("=")[2].rpartition(":")[2]).parts[0] for part in call if part[:1].isalnum()}
    named = [file for file in files if file.parts[0] in read]
    if named and rng.random() < 0.9:
        files = named
    kind = rng.choice(sorted({file.suffix for file in files}))
    return rng.choice([file for file in files if file.suffix == kind])
