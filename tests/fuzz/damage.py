"""Damage to files, by seed: to their bytes, to what they hold, or to where they are.

Nothing here makes a device or a pipe, or leads out of the scratch folder.
"""

from __future__ import annotations

import io
import json
import random
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

from fuzz.calls import VALUES

Change = Callable[[bytes, random.Random], bytes]

_STARTS = [
    b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x80\x04]q\x00.", b"GIF89a", b"\x00\x00\x00\x18ftypmp42", b"{", b"\xff\xfe",
    b"SQLite format 3\x00",
]  # fmt: skip
_JUNK = [None, True, -1, 0, 1e308, "x", "", "nan", [], {}, [[]], {"a": 1}, "1e999", 10**30, [1, 2, 3], "\u0000", 0.5]
_DTYPES = ["O", "?", "c8", "i8", "f8", "f2", "U3", "M8[s]", "V4", ">f4"]
_SHAPES = [(), (0,), (12,), (0, 6), (12, 0), (6, 12), (12, 6, 1), (1, 6), (12, 7), (12, 6)]


def damage(file: Path, rng: random.Random) -> None:
    """Change a file."""
    if rng.random() < 0.08:
        _move(file, rng)
        return
    ways: list[Change] = [_cut, _flip, _zeros, _swap, _nothing] + 6 * _OF_KIND.get(file.suffix, [])
    file.write_bytes(rng.choice(ways)(file.read_bytes(), rng))


def _move(file: Path, rng: random.Random) -> None:
    """It is gone, has another name, or is a folder or a link."""
    content = file.read_bytes()
    file.unlink()
    what = rng.choice(["gone", "folder", "loop", "dangling", "name", "name", "name", "copy"])
    if what == "folder":
        file.mkdir()
    elif what in ("loop", "dangling"):
        file.symlink_to(file.name if what == "loop" else "no-such")
    elif what in ("name", "copy"):
        stem = rng.choice(
            ["ü", "u\u0308", "💥", "=1+1", file.stem.upper(), file.stem + " ", ".x", "a" * 240, "x\ny", "\x1b[1m"]
        )
        file.with_name(stem + rng.choice([file.suffix, "", file.suffix.upper(), ".txt"])).write_bytes(content)
        if what == "copy":
            file.write_bytes(content)


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content or b"x")
    for _ in range(rng.choice([1, 2, 8, 64])):
        at = min(rng.randrange(len(changed)), rng.choice([len(changed), 200, 4096])) % len(changed)
        changed[at] = rng.randrange(256)
    return bytes(changed)


def _zeros(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + bytes(rng.choice([1, 16, 512])) + content[at + 16 :]


def _swap(content: bytes, rng: random.Random) -> bytes:
    """The beginning of something else."""
    return rng.choice(_STARTS) + content[rng.choice([0, 4, 16]) :]


def _nothing(content: bytes, rng: random.Random) -> bytes:
    return rng.choice([b"", b" ", b"null", b"[]", b"{}", b"\n\n", b"[" * 9000, b"0" * 5000, b"nan"])


def _json(content: bytes, rng: random.Random) -> bytes:
    """A value or a name in a JSON document, or in one of several lines of JSON."""
    text = content.decode(errors="replace")
    if rng.random() < 0.1:  # A name that is listed twice.
        return re.sub(r'("\w+": *[\w".-]+)([,}\n])', r"\1, \1\2", text, count=rng.randrange(1, 4)).encode()
    try:
        return json.dumps(_changed(json.loads(text), rng)).encode()
    except ValueError:
        lines = text.splitlines() or [""]
        at = rng.randrange(len(lines))
        other = ["", "{}", "[]", '{"iteration": "x"}', "\x00", lines[at] * 2, lines[at].replace("1", "NaN")]
        lines[at] = rng.choice(other)
        return "\n".join(lines).encode()


def _changed(value: object, rng: random.Random) -> object:
    """`value` with junk in one of its places."""
    place, key, current = None, None, value
    for _ in range(rng.randrange(1, 7)):
        if not isinstance(current, dict | list) or not current:
            break
        place, key = current, rng.choice(list(current)) if isinstance(current, dict) else rng.randrange(len(current))
        current = current[key]
    if place is None:
        return rng.choice(_JUNK)
    if isinstance(place, dict) and rng.random() < 0.3:
        place[rng.choice(["", "x", "segment", "label", "\u202e", f"{key} ", "a" * 300])] = place.pop(key)
    else:
        place[key] = rng.choice(_JUNK)
    return value


def _word(content: bytes, rng: random.Random) -> bytes:
    """Another word in a text."""
    text = content.decode(errors="replace")
    words = list(re.finditer(r"[^\s,:=]+", text))
    if not words:
        return b"x"
    found = rng.choice(words)
    return (text[: found.start()] + rng.choice(VALUES) + text[found.end() :]).encode("utf-8", "replace")


def _table(content: bytes, rng: random.Random) -> bytes:
    """Other separators, encodings, lines or columns."""
    text = content.decode(errors="replace")
    lines = text.splitlines() or [""]
    line = rng.choice(lines)
    return rng.choice(
        [
            text.replace(",", rng.choice([";", "\t", ",,", " "])).encode(),
            text.encode(rng.choice(["utf-16", "utf-32", "utf-8-sig", "utf-16-le"])),
            text.replace(".", ",").encode(),
            "\n".join([*lines, line]).encode(),
            "\n".join(row.rpartition(",")[0] for row in lines).encode(),
            text.replace(line, line + ",x" * rng.choice([1, 3, 9])).encode(),
            text.replace("\n", rng.choice(["\r", "\r\n", "\n\n"])).encode(),
            text.replace(line, f'"{line}').encode(),
        ]
    )


def _array(content: bytes, rng: random.Random) -> bytes:
    """An array of another kind or shape, with values that are none, or whose header promises more than there is."""
    array = np.ones(rng.choice(_SHAPES), rng.choice(["f4", "f4", *_DTYPES]))
    if array.dtype.kind == "f" and array.size:
        array.flat[rng.randrange(array.size)] = rng.choice([np.nan, np.inf, -np.inf, 6e4, 0])
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    huge = rng.choice([b"(-1, 6)", b"(99999999999999, 6)", b"(12, 6, 'x')"]) if rng.random() < 0.2 else b"(12, 6)"
    return stream.getvalue().replace(b"(12, 6)", huge)


def _archive(content: bytes, rng: random.Random) -> bytes:
    """An array of it changed, gone, or under another name."""
    with np.load(io.BytesIO(content)) as found:
        arrays = dict(found)
    key = rng.choice(list(arrays))
    changed = rng.choice([np.ones((6, 12, 1)), np.array("x"), np.array(-1), np.zeros(0), np.ones(12, complex)])
    old = arrays.pop(key)
    arrays |= rng.choice([{}, {"x": old}, {key: changed}, {key: old * np.nan}])
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def _tensors(content: bytes, rng: random.Random) -> bytes:
    """The header of a safetensors file, or values that are no numbers."""
    size = int.from_bytes(content[:8], "little")
    header, values = content[8 : 8 + size], bytearray(content[8 + size :])
    if rng.random() < 0.3 and len(values) >= 4:
        at = rng.randrange(len(values) // 4) * 4
        values[at : at + 4] = rng.choice([b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"\xff\xff\x7f\x7f"])
        return content[: 8 + size] + values
    header = _json(header, rng)
    return len(header).to_bytes(8, "little") + header + values


def _study(content: bytes, rng: random.Random) -> bytes:
    """A cell, a row or a table of an SQLite database."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(content)
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        counted = [(name, database.execute(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0]) for (name,) in tables]
        table = rng.choice([name for name, rows in counted if rows])
        column = rng.choice([row[1] for row in database.execute(f'PRAGMA table_info("{table}")')])
        way = rng.randrange(10)
        try:
            if way == 0:
                database.execute(f'DROP TABLE "{rng.choice(tables)[0]}"')
            elif way == 1:
                database.execute(f'DELETE FROM "{table}"')
            elif way == 2:
                database.execute(f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO other')
            else:
                words = ["RUNNING", "FAIL", "WAITING", "COMPLETE", "MINIMIZE", "[0.1]", *VALUES]
                junk = rng.choice([*words, json.dumps(rng.choice(_JUNK)), None, -1, 1e308, b"\xff"])
                database.execute(f'UPDATE "{table}" SET "{column}" = ?', (junk,))
        except sqlite3.Error:  # The database holds to what its tables say.
            database.rollback()
        database.commit()
        return database.serialize()


_OF_KIND: dict[str, list[Change]] = {
    ".json": [_json],
    ".jsonl": [_json],
    ".yaml": [_word],
    ".txt": [_word, _table],
    ".csv": [_word, _table],
    ".npy": [_array],
    ".npz": [_archive],
    ".safetensors": [_tensors],
    ".db": [_study],
}
