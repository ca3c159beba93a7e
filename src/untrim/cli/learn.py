"""Verbs of the way through: demo, extract, train, localize."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from untrim.cli.app import (
    AnnotationFiles,
    Device,
    FeatureFolders,
    MinScore,
    Only,
    Settings,
    Subset,
    Workers,
    app,
    complain_of,
    named_classes,
    read_labels,
    read_training_labels,
)
from untrim.cli.next_steps import how_to_combine, next_steps
from untrim.cli.printing import columns, complain, is_standard_output, one_file, say
from untrim.cli.terminal import stop_requests, terminal_progress
from untrim.errors import UntrimError, numbered
from untrim.training.choices import DEFAULT_METHOD, Precision, Select

if TYPE_CHECKING:
    from untrim.features.writing import WritingReport
    from untrim.support.workers import Engine
    from untrim.timeline import Detection

EngineName = Literal["local", "ray"]

_BEST = 20  # rows of the table
_BEST_BELOW = 5  # where nothing counts as found


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path("untrim-demo"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the corpus and the training.")] = 0,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open the report in a browser.")] = True,
) -> None:
    """Render a small corpus of videos, run every step on it, and show the report."""
    import webbrowser

    from untrim.demo import demo_corpus, run_demo
    from untrim.evaluation.detection import table

    with terminal_progress() as progress, stop_requests() as should_stop:
        results = run_demo(output, demo_corpus(seed), progress=progress, should_stop=should_stop)
    say(table(results))
    report = (output / "report.html").resolve()
    say(
        f"""
report: {report}

{next_steps(output / "detections.json", [output / "videos"])}

The same with your own videos (labels.csv holds rows of video,label):
  untrim extract VIDEOS -o features
  untrim train -f features -a labels.csv -o run
  untrim localize run -f features -o detections.json

Or without a command line, on a page in your browser. With this demo:
  untrim studio {output}"""
    )
    if open_ and sys.stdout.isatty():
        webbrowser.open(report.as_uri())


@app.command()
def extract(
    videos: Annotated[list[Path], typer.Argument(help="Video files, or folders of them.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Feature folder to write; for several backbones, the folder of theirs."),
    ],
    backbone: Annotated[
        str,
        typer.Option(
            help="hoghof, i3d, hf:NAME_OR_PATH, …; several as i3d,hoghof; auto: i3d where its weights are, else hoghof."
        ),
    ] = "auto",
    settings: Settings = [],  # noqa: B006
    shortest: Annotated[
        float | None, typer.Option(help="Seconds of the shortest actions: snippets are so close that each has four.")
    ] = None,
    workers: Workers = None,
    device: Annotated[
        str | None, typer.Option(help="For backbones that can run on a GPU: auto, cpu, cuda or cuda:N.")
    ] = None,
    engine: Annotated[EngineName, typer.Option(help="Extract on this machine, or on a Ray cluster.")] = "local",
    address: Annotated[str | None, typer.Option(help="Ray cluster to join, host:port or auto.")] = None,
    gpus: Annotated[float, typer.Option(min=0, help="Ray: GPUs of each process; 0.25 lets four share one.")] = 0,
) -> None:
    """Extract snippet features from videos; resumes by itself."""
    from untrim.features.choosing import choose_backbone, stride_for
    from untrim.features.extract import extract, extract_several
    from untrim.features.several import share_settings, split_backbones
    from untrim.support.settings import parse_settings

    values = parse_settings(settings)
    lines = []
    if backbone == "auto":
        backbone, why = choose_backbone(output)
        lines.append(why)
    names = split_backbones(backbone)
    if device is not None:
        values["device"] = _checked_device(device, names, values)
    own = share_settings(names, values)
    if shortest is not None:
        for name in names:
            own[name]["stride_frames"], cost = stride_for(name, own[name], shortest)
            lines.append(cost if len(names) == 1 else f"{name}: {cost}")
    place: AbstractContextManager[Engine | None] = nullcontext()
    if engine == "ray":
        from untrim.support.ray_workers import ray_engine

        place = ray_engine(address, gpus)
    elif address is not None or gpus:
        raise UntrimError("--address and --gpus are for a Ray cluster", fix="add --engine ray")
    for line in lines:
        say(line)
    with place as where, terminal_progress() as progress, stop_requests() as stop:
        if len(names) == 1:
            found = extract(
                videos, output, names[0], own[names[0]], workers, where, progress=progress, should_stop=stop
            )
            reports = {output: found}
        else:
            reports = extract_several(videos, output, own, workers, where, progress=progress, should_stop=stop)
    _tell_of_features(reports, output)


@app.command()
def train(
    features: FeatureFolders,
    annotations: AnnotationFiles,
    output: Annotated[Path, typer.Option("--output", "-o", help="Run folder to write.")],
    method: Annotated[
        str | None,
        typer.Option("--method", "-m", help=f"{DEFAULT_METHOD} (the default), wsad, …; `untrim methods` lists them."),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option("--from", metavar="RUN", help="Start from this finished run; train a tenth of its steps."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Preset, recipe or YAML file; none: the project's defaults.")
    ] = None,
    settings: Settings = [],  # noqa: B006
    subset: Subset = "training",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the run in the output folder.")] = False,
    device: Device = "auto",
    precision: Annotated[Precision, typer.Option(help="Number format of the network's computation.")] = "fp32",
    select: Annotated[
        Select,
        typer.Option(
            help="Keep the last checkpoint; the best on the labels of a held-out fifth (weak); or train on all videos "
            "as long as was best without that fifth (rehearsed)."
        ),
    ] = "last",
    rehearsal: Annotated[
        bool,
        typer.Option(help="Train once more without a fifth of the videos, to choose the score that counts as found."),
    ] = True,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard events too.")] = False,
) -> None:
    """Train a method on labels: which actions each video shows, and times where you know them."""
    from untrim.annotations.counts import count_labels
    from untrim.support.settings import parse_settings
    from untrim.training.loop import train
    from untrim.training.parallel import is_first
    from untrim.training.tracking import describe_outcome

    sources = read_training_labels(features, annotations, subset)
    if is_first():
        say(f"given: {count_labels(video for _, own in sources for video in own.subset(subset).values())}")
    with terminal_progress() as progress, stop_requests() as should_stop:
        run = train(
            method,
            sources,
            output,
            recipe=recipe,
            settings=parse_settings(settings),
            subset=subset,
            seed=seed,
            resume=resume,
            device=device,
            precision=precision,
            select=select,
            start=start,
            rehearsal=rehearsal,
            tensorboard=tensorboard,
            progress=progress,
            should_stop=should_stop,
        )
    if is_first():
        say("\n".join([*describe_outcome(run), f"trained: {output}"]))


@app.command()
def localize(
    run: Annotated[Path, typer.Argument(help="Run folder, or a ready run: kinetics400, hf:NAME_OR_PATH.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Detections to write, .json or .csv; - for standard output.")
    ],
    videos: Annotated[
        list[Path] | None, typer.Argument(help="Video files, or folders of them, to extract features of.")
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option("--features", "-f", help="Feature folder; with VIDEOS, the folder for their features."),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option("--annotations", "-a", help="Only look at the videos of a subset of these annotations."),
    ] = None,
    subset: Subset = "validation",
    only: Only = [],  # noqa: B006
    save_activations: Annotated[
        bool, typer.Option(help="Write the curves for the report into NAME-activations/ beside the detections.")
    ] = True,
    report: Annotated[
        Path | None, typer.Option(help="HTML page to write too, with pictures of the videos that are named.")
    ] = None,
    keep: Annotated[
        bool, typer.Option(help="Keep the features of VIDEOS, in NAME-features/ or the folder of -f.")
    ] = True,
    settings: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="With VIDEOS: a value for the backbone; repeatable.")
    ] = [],  # noqa: B006
    workers: Workers = None,
    device: Device = "auto",
    min_score: MinScore = None,
) -> None:
    """Find actions with a trained run: in the videos of a feature folder, or in video files."""
    from untrim.annotations import write_detections
    from untrim.evaluation.found import describe_found, least_score
    from untrim.pipeline import localize, localize_videos
    from untrim.reports.html import write_report
    from untrim.support.kinds import check_file
    from untrim.support.settings import parse_settings

    _refuse_what_does_not_combine(videos, features, annotations, settings, workers, keep)
    named = named_classes(only)
    notes: list[str] = []
    failed: Mapping[str, str] = {}
    with one_file(output, ".json") as target, TemporaryDirectory() as passing:
        check_file(target, "detections", [annotations])
        if report is not None:
            check_file(report, "report")
        least_score({}, min_score)  # refused before the work, not after it
        activations = target.with_name(f"{target.stem}-activations") if save_activations else None
        kept = features or (target.with_name(f"{target.stem}-features") if keep else Path(passing))
        with terminal_progress() as progress, stop_requests() as should_stop:
            if videos:
                found, failed = localize_videos(
                    run, videos, kept, settings=parse_settings(settings), only=named, activations=activations,
                    device=device, workers=workers, progress=progress, should_stop=should_stop, tell=notes.append,
                )  # fmt: skip
            else:
                names = None if annotations is None else read_labels(annotations).subset(subset)
                found = localize(
                    run, kept, names, only=named, activations=activations, device=device, progress=progress,
                    should_stop=should_stop, tell=notes.append,
                )  # fmt: skip
        stays = features is not None or (keep and not is_standard_output(output))
        for note in notes:
            complain(note)
        if failed and not found:  # No file is better than one about no video.
            complain_of(failed, [kept] if stays else [])
        write_detections(found, target)
        _show_best(found, least_score(found, min_score))
        detections = numbered(sum(map(len, found.values())), "detection", "detections")
        say(f"{detections} in {numbered(len(found), 'video', 'videos')}: {output}")
        say(describe_found(found, min_score))
        if report is not None:
            write_report(run, detections=target, videos=videos, output=report, min_score=min_score)
            say(f"report: {report}")
        if videos and stays:
            say(f"features: {kept}, {_megabytes(kept):.1f} MB{'' if features else '; --no-keep leaves none'}")
        if any(found.values()) and not is_standard_output(output):
            say(next_steps(output, videos or (), min_score))
    complain_of(failed, [kept] if stays else [])


def _refuse_what_does_not_combine(
    videos: list[Path] | None,
    features: Path | None,
    annotations: Path | None,
    settings: list[str],
    workers: int | None,
    keep: bool,
) -> None:
    """Refuse options of `localize` that say nothing together.

    Raises:
        UntrimError: Two of them do not go together, or there are no videos.
    """
    if videos:
        if annotations is not None:
            raise UntrimError("-a chooses among the videos of a feature folder", fix="name only the video files")
        if features is not None and not keep:
            raise UntrimError("-f names a folder to keep features in, and --no-keep keeps none", fix="drop one of them")
        return
    if features is None:
        raise UntrimError("no videos are named", fix="name video files, or a feature folder with -f")
    if settings:
        raise UntrimError("--set is for extracting features of video files", fix="name video files, or drop it")
    if workers is not None:
        raise UntrimError("--workers extract features of video files", fix="name video files, or drop it")
    if not keep:
        raise UntrimError("--no-keep is for features of video files", fix="name video files, or drop it")


def _megabytes(folder: Path) -> float:
    """Size of all files in a folder, in MB (10^6 bytes)."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def _show_best(found: Mapping[str, Sequence[Detection]], least: float) -> None:
    """Print the best of what counts as found in all videos as a table; where nothing does, the best of the rest."""
    every = [(name, detection) for name, own in found.items() for detection in own]
    every.sort(key=lambda row: -row[1].score)
    counting = sum(detection.score >= least for _, detection in every)
    rows = [
        (name, best.label, f"{best.segment.start:.2f}", f"{best.segment.end:.2f}", f"{best.score:.3f}")
        for name, best in every[: min(counting, _BEST) or _BEST_BELOW]
    ]
    if rows and not counting:
        say(f"nothing above {least:g}; the best below:")
    if rows:
        say(columns(("video", "action", "start", "end", "score"), rows, numbers=3))
    if counting > _BEST:
        say(f"the best {_BEST} of {counting:,}")


def _tell_of_features(reports: Mapping[Path, WritingReport], output: Path) -> None:
    """Say what became of the videos in each feature folder, and how several can become one; complain of failures."""
    for note in dict.fromkeys(note for report in reports.values() for note in report.notes):
        say(note)
    for folder, report in reports.items():
        say(f"{len(report.done)} extracted, {len(report.skipped)} already present: {folder}")
    if len(reports) > 1 and all(report.done or report.skipped for report in reports.values()):
        say(how_to_combine(list(reports), output / "combined"))
    failed: dict[str, dict[str, None]] = {}  # The reasons of each video, each once.
    for report in reports.values():
        for name, reason in report.failed.items():
            failed.setdefault(name, {})[reason] = None
    complain_of(
        {name: "; ".join(reasons) for name, reasons in failed.items()},
        [folder for folder, report in reports.items() if report.failed],
    )


def _checked_device(device: str, backbones: Sequence[str], values: Mapping[str, object]) -> str:
    """`device`, where one of the backbones has such a setting and it is not set already."""
    from untrim.features.backbones import load_backbone_class

    if all("device" not in load_backbone_class(name).Config.model_fields for name in backbones):
        who = f"backbone '{backbones[0]}' has" if len(backbones) == 1 else f"{' and '.join(backbones)} have"
        raise UntrimError(f"--device {device}: {who} no device to choose", fix="drop --device")
    if "device" in values:
        raise UntrimError(f"--device {device} and --set device={values['device']}", fix="give one of the two")
    return device
