"""The classes of a project: how the page shows them, and what a new name for one changes."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from untrim.annotations.reviews import Review
from untrim.errors import UntrimError
from untrim.studio.project import ClassList, KnownClass
from untrim.support.names import spelled_alike, standard

# M. Okabe, K. Ito: Color Universal Design (2008), without yellow and black, which vanish on white and on black.
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_CUES = ("solid", "stripes", "dots", "cross", "waves", "grid")
_KEYS = 9
_NEAR = 0.85


def complete_list(known: ClassList, labels: Iterable[str]) -> ClassList:
    """The classes with those of `labels` that are new; each gets a colour, a cue, and a key while there are any."""
    there = {entry.label for entry in known.classes}
    entries = list(known.classes)
    entries += [KnownClass(label=label) for label in sorted(set(labels) - there)]
    keys = {entry.key for entry in entries}
    free = iter([str(key) for key in range(1, _KEYS + 1) if str(key) not in keys])
    full = []
    for number, entry in enumerate(entries):
        turn = number // len(_COLORS)
        more: dict[str, str | None] = {
            "color": entry.color or _COLORS[number % len(_COLORS)],
            "cue": entry.cue or _CUES[(number + turn) % len(_CUES)],
        }
        if entry.label not in there:
            more["key"] = next(free, None)
        full.append(entry.model_copy(update=more))
    return known.model_copy(update={"classes": tuple(full)})


def like(label: str, known: Collection[str]) -> str | None:
    """The known label that `label` is nearly: with other case, blanks or hyphens, or a slip or two away."""
    label = standard(label)
    if label in known:
        return None
    alike = [group for group in spelled_alike([*known, label]) if label in group]
    if alike:
        return next(other for other in alike[0] if other != label)
    folded = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(label.casefold(), folded, n=1, cutoff=_NEAR)
    return folded[near[0]] if near else None


def renamed_content(review: Review, names: Mapping[str, str]) -> dict[str, Any] | None:
    """What `Ledger.change` takes to call classes of a review otherwise; None if it has none of them."""
    values = review.to_json()
    used = {*review.labels, *(segment.label for segment in review.segments)}
    used |= set() if review.exhaustive is True else set(review.exhaustive)
    if not used & names.keys():
        return None
    exhaustive: Any = review.exhaustive
    if exhaustive is not True:
        # Of two classes that become one, everything is marked only if it was of both.
        becomes = {label: names.get(label, label) for label in used}
        parts = {new: {old for old in becomes if becomes[old] == new} for new in becomes.values()}
        exhaustive = sorted(new for new, old in parts.items() if old <= set(exhaustive))
    return {
        "labels": sorted({names.get(label, label) for label in review.labels}),
        "exhaustive": exhaustive,
        "segments": [{**part, "label": names.get(part["label"], part["label"])} for part in values["segments"]],
        "points": [{**part, "label": names.get(part["label"], part["label"])} for part in values["points"]],
    }


def renamed_list(known: ClassList, old: Sequence[str], new: str, sources: Iterable[str]) -> ClassList:
    """The classes with `old` called `new`: in the place of the first of them, or of `new` if it is there.

    Args:
        known: The classes.
        old: Those to call otherwise.
        new: What they are called.
        sources: Inputs that have the old names: runs there are by now, and annotations.

    Raises:
        UntrimError: A class in `old` is not there, or `new` is no name.
    """
    labels = [entry.label for entry in known.classes]
    if lacking := [label for label in old if label not in labels]:
        raise UntrimError(f"no class '{lacking[0]}'")
    if not old or not (new := standard(new)):
        raise UntrimError("a class needs a name")
    names = dict.fromkeys(old, new)
    keeper = new if new in labels else old[0]
    entries = tuple(
        entry.model_copy(update={"label": new}) if entry.label == keeper else entry
        for entry in known.classes
        if entry.label == keeper or entry.label not in names
    )
    renamed = {}
    for source in sources:
        before = known.renamed.get(source, {})
        after = {label: names.get(now, now) for label, now in before.items()}
        renamed[source] = after | {label: new for label in old if label not in before}
    return known.model_copy(update={"classes": entries, "renamed": renamed})
