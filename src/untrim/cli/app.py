"""The application that verbs register with, and the options that several of them take."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from untrim.cli.printing import complain, say
from untrim.cli.terminal import be_quiet
from untrim.errors import UntrimError, WorkFailed, numbered

if TYPE_CHECKING:
    from untrim.annotations import Annotations, Detections

Read = TypeVar("Read", "Annotations", "Detections")

_PANELS = {
    "Start": ("demo", "studio"),
    "The way": ("extract", "suggest", "train", "localize", "watch", "evaluate", "report"),
    "Look closer": ("diagnose", "doctor", "methods"),
    "Hand over": ("convert", "clips", "overlay", "onnx"),
    "Research": ("reproduce", "tune", "combine", "import", "weights"),
}
"""The verbs as the help shows them: in the order of the work."""


PATH_OPTIONS = frozenset(
    ["--output", "-o", "--json", "--features", "-f", "--annotations", "-a", "--detections", "-d", "--evaluation", "-e"]
    + ["--from", "--videos", "--run", "--against", "--segments", "--subset-file", "--fps-file", "--labels"]
    + ["--activations", "--report", "--ledger", "--second-corpus"]
)
"""Options of all verbs that take a path."""


class Verbs(TyperGroup):
    """The verbs, in the order and under the headings of `_PANELS`; one that is not listed there comes last."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        place = {verb: panel for panel, verbs in _PANELS.items() for verb in verbs}
        order = [*place, *sorted(self.commands.keys() - place)]
        self.commands = {verb: self.commands[verb] for verb in order if verb in self.commands}
        for verb, command in self.commands.items():
            command.rich_help_panel = place.get(verb)  # type: ignore[attr-defined]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse an empty path, which would be the folder that one is in."""
        for before, word in zip(["", *args], args, strict=False):
            option = before if word == "" else word.removesuffix("=")
            if (word == "" or word.endswith("=")) and (option in PATH_OPTIONS or (word == "" and option[:1] != "-")):
                what = f"{option}: " if option in PATH_OPTIONS else ""
                raise UntrimError(f"{what}a path or name is empty", fix="name one; . is the folder that you are in")
        found: list[str] = super().parse_args(ctx, args)
        return found

    def get_params(self, ctx: Any) -> list[Any]:
        """Typer's options for completion would come before the verbs: the last line of the help names them."""
        found: list[Any] = super().get_params(ctx)
        for option in found:
            option.hidden = option.name in ("install_completion", "show_completion")
        return found


app = typer.Typer(
    help="Find when actions happen in untrimmed videos. Training needs only which actions happen.",
    epilog="Complete verbs and options in your shell: untrim --install-completion",
    cls=Verbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(value: bool) -> None:
    if value:
        import untrim

        say(f"untrim {untrim.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress; errors and results are shown.")
    ] = False,
) -> None:
    be_quiet(quiet)


def _list_protocols(value: str) -> str:
    if value == "list":
        from untrim.evaluation.protocols import describe_protocols

        say(describe_protocols())
        raise typer.Exit
    return value


FeatureFolders = Annotated[
    list[Path], typer.Option("--features", "-f", help="Feature folder; may be given repeatedly.")
]
AnnotationFiles = Annotated[
    list[Path], typer.Option("--annotations", "-a", help="ActivityNet JSON or CSV, one per feature folder.")
]
AnnotationFile = Annotated[Path, typer.Option("--annotations", "-a", help="ActivityNet JSON or CSV.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
MinScore = Annotated[
    float | None, typer.Option("--min-score", help="Score from which a detection counts as found; default: 0.5.")
]
ProtocolName = Annotated[
    str, typer.Option(help="Protocol; `list` explains them.", callback=_list_protocols, is_eager=True)
]
Settings = Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="Set one value; repeatable.")]
Subset = Annotated[str, typer.Option(help="Subset of the annotations.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes that extract features; default: one per core.")]
PrintJson = Annotated[bool, typer.Option("--json", help="Print JSON in the place of text.")]
Only = Annotated[
    list[str], typer.Option(metavar="NAMES", help="Look for these classes only, separated by commas; repeatable.")
]


def named_classes(only: list[str]) -> list[str] | None:
    """The classes that --only lists, one with a comma in quotes, as in a CSV file; None if it is not given."""
    if not only:
        return None
    rows = [row for text in only for row in csv.reader(StringIO(text, newline=""), skipinitialspace=True)]
    return [name for row in rows for name in row]


def renaming(option: str, texts: list[str], example: str) -> dict[str, str]:
    """Old name -> new name, as given by a repeated option OLD=NEW; OLD may be empty.

    Raises:
        UntrimError: One of the texts is no such pair.
    """
    pairs = [text.partition("=") for text in texts]
    if wrong := [text for text, (_, mark, new) in zip(texts, pairs, strict=True) if not mark or not new.strip()]:
        raise UntrimError(f"{option} {wrong[0]}: not a renaming", fix=f"write it as {example}")
    return {old.strip(): new.strip() for old, _, new in pairs}


def pair_up(features: list[Path], annotations: list[Path]) -> list[tuple[Path, Path]]:
    """Feature folders, each with its annotations, as given by repeated -f and -a.

    Raises:
        UntrimError: Unequal numbers of them.
    """
    if len(features) != len(annotations):
        raise UntrimError(
            f"{len(features)} feature folders and {len(annotations)} annotation files", fix="give one -a for each -f"
        )
    return list(zip(features, annotations, strict=True))


def read_labels(path: Path) -> Annotations:
    """Annotations of a file or folder; how it was taken, where it could be taken otherwise, goes to standard error."""
    from untrim.annotations import read_annotations

    return _with_notes(read_annotations(path), path)


def read_found(path: Path) -> Detections:
    """Detections of a file, likewise."""
    from untrim.annotations import read_detections

    return _with_notes(read_detections(path), path)


def _with_notes(found: Read, path: Path) -> Read:
    for note in found.notes:
        complain(f"{path}: {note}")
    return found


def read_training_labels(features: list[Path], annotations: list[Path], subset: str) -> list[tuple[Path, Annotations]]:
    """Feature folders, each with its annotations; what looks wrong in the labels of `subset` goes to standard error.

    Nothing is said of labels whose features are missing: that is one line.
    """
    from untrim.annotations.checks import left_out, training_doubts
    from untrim.features.store import FeatureFolder
    from untrim.training.parallel import is_first

    sources = [(folder, read_labels(path)) for folder, path in pair_up(features, annotations)]
    chosen = [(folder, labelled.subset(subset)) for folder, labelled in sources]
    for folder, labelled in chosen:
        FeatureFolder.open(folder).require(list(labelled))
    if is_first():
        out = [said for _, labelled in sources if (said := left_out(labelled, subset))]
        doubts = [f"{said}; write '{subset}'" for said in out]
        doubts += training_doubts(video for _, labelled in chosen for video in labelled.values())
        doubts += [line for folder, labelled in chosen for line in _late(folder, labelled)]
        for doubt in doubts:
            complain(f"warning: {doubt}")
    return sources


def _late(folder: Path, labelled: Annotations) -> tuple[str, ...]:
    """A line on labels whose times may be those of a player, of videos whose pictures begin late."""
    from untrim.features.source_files import late_labels, late_pictures
    from untrim.features.store import FeatureFolder

    info = FeatureFolder.open(folder).info
    return late_pictures(info, late_labels(info, labelled))


def complain_of(failed: Mapping[str, str], features: Sequence[Path] = ()) -> None:
    """Say which videos failed, if any, and end with exit code 1.

    Args:
        failed: The reasons.
        features: The folders of features that list them.
    """
    from untrim.features.inventory import FAILURES_NAME

    for reason in failed.values():
        complain(f"failed: {reason}")
    if failed:
        lists = " and ".join(str(folder / FAILURES_NAME) for folder in features)
        listed = f", listed in {lists}" if lists else ""
        raise WorkFailed(f"{numbered(len(failed), 'video', 'videos')} failed{listed}")
