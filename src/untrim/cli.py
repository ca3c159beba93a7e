"""The command line: each verb parses, calls one public function, prints."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from untrim.errors import UntrimError

app = typer.Typer(
    help="Find when actions happen in untrimmed videos, told only which actions happen.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _list_protocols(value: str) -> str:
    if value == "list":
        from untrim.evaluation.protocols import describe_protocols

        print(describe_protocols())
        raise typer.Exit
    return value


FeatureFolders = Annotated[
    list[Path], typer.Option("--features", "-f", help="Feature folder; may be given repeatedly.")
]
AnnotationFiles = Annotated[
    list[Path], typer.Option("--annotations", "-a", help="ActivityNet JSON or CSV, one a feature folder.")
]
AnnotationFile = Annotated[Path, typer.Option("--annotations", "-a", help="ActivityNet JSON or CSV.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Protocol = Annotated[str, typer.Option(help="Protocol; `list` explains them.", callback=_list_protocols, is_eager=True)]
Subset = Annotated[str, typer.Option(help="Subset of the annotations.")]


def main() -> None:
    """Run the command line: a wrong call or input is one line and exit code 2, work that failed is 1."""
    try:
        result = app(standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except UntrimError as error:
        code = _complain(str(error), error.exit_code)
    except typer.TyperException as error:
        code = _complain(f"{error.format_message()} (see untrim --help)", 2)
    except (KeyboardInterrupt, typer.Abort):
        code = _complain("stopped; the same command goes on from here", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _complain(message: str, code: int) -> int:
    print(f"untrim: {' '.join(message.split())}", file=sys.stderr)
    return code


@app.command()
def train(
    method: Annotated[str, typer.Option("--method", "-m", help="wsad, …; `untrim methods` lists them.")],
    features: FeatureFolders,
    annotations: AnnotationFiles,
    output: Annotated[Path, typer.Option("--output", "-o", help="Run folder to write.")],
    recipe: Annotated[str | None, typer.Option(help="Preset or YAML file; none: the project's defaults.")] = None,
    set_: Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="Set one value; repeatable.")] = [],  # noqa: B006
    subset: Subset = "training",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the output folder.")] = False,
    device: Device = "auto",
) -> None:
    """Train a method on video-level labels."""
    from untrim.annotations import read_annotations
    from untrim.features.store import FeatureFolder
    from untrim.training.loop import train
    from untrim.training.settings import parse_settings

    if len(features) != len(annotations):
        raise UntrimError(
            f"{len(features)} feature folders and {len(annotations)} annotation files", fix="give one -a for each -f"
        )
    sources = [
        (FeatureFolder.open(folder), read_annotations(file)) for folder, file in zip(features, annotations, strict=True)
    ]
    settings = parse_settings(set_)
    train(
        method,
        sources,
        output,
        recipe=recipe,
        settings=settings,
        subset=subset,
        seed=seed,
        resume=resume,
        device=device,
    )
    print(f"trained: {output}")


@app.command()
def localize(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    features: Annotated[Path, typer.Option("--features", "-f", help="Feature folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Detections to write, .json or .csv.")],
    annotations: Annotated[
        Path | None, typer.Option("--annotations", "-a", help="Look only at the videos of a subset of these.")
    ] = None,
    subset: Subset = "validation",
    save_activations: Annotated[
        bool, typer.Option("--save-activations", help="Write activations/ beside the detections, for the report.")
    ] = False,
    device: Device = "auto",
) -> None:
    """Find the actions of a run in videos."""
    from untrim.annotations import read_annotations, write_detections
    from untrim.features.store import FeatureFolder
    from untrim.pipeline import localize
    from untrim.training.checkpoint import Run

    videos = None if annotations is None else read_annotations(annotations).subset(subset)
    activations = output.parent / "activations" if save_activations else None
    found = localize(Run.open(run), FeatureFolder.open(features), videos, activations=activations, device=device)
    write_detections(found, output)
    print(f"{sum(map(len, found.values()))} detections in {len(found)} videos: {output}")


@app.command()
def extract(
    videos: Annotated[list[Path], typer.Argument(help="Video files, or folders of them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Feature folder to write.")],
    backbone: Annotated[str, typer.Option(help="hoghof, …")] = "hoghof",
    set_: Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="Set one value of the backbone.")] = [],  # noqa: B006
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Extract snippet features from videos; resumes by itself."""
    from untrim.errors import WorkFailed
    from untrim.features.extract import FAILURES_NAME, extract
    from untrim.training.settings import parse_settings

    report = extract(videos, output, backbone, parse_settings(set_), workers)
    print(f"{len(report.done)} extracted, {len(report.skipped)} were there: {output}")
    for reason in report.failed.values():
        print(f"failed: {reason}", file=sys.stderr)
    if report.failed:
        raise WorkFailed(f"{len(report.failed)} videos failed, listed in {output / FAILURES_NAME}")


@app.command()
def evaluate(
    detections: Annotated[Path, typer.Argument(help="Detections, .json or .csv.")],
    annotations: AnnotationFile,
    subset: Subset = "validation",
    iou: Annotated[str, typer.Option(help="tIoU thresholds, first:last:step or a list.")] = "0.1:0.7:0.1",
    protocol: Protocol = "activitynet",
    against: Annotated[Path | None, typer.Option(help="Other detections, to compare with by a paired test.")] = None,
    intervals: Annotated[bool, typer.Option("--intervals", help="95% intervals by bootstrap over videos.")] = False,
    measures: Annotated[str, typer.Option(help="More: recall,frames,segmental,classification.")] = "",
    ignore_unknown: Annotated[
        bool, typer.Option("--ignore-unknown", help="Leave out videos and classes without ground truth.")
    ] = False,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the result to this file too.")] = None,
) -> None:
    """Compare detections with ground truth: mean average precision, and how sure of it one can be."""
    from untrim.annotations import read_annotations, read_detections
    from untrim.evaluation.detection import evaluate_detections, iou_thresholds, table
    from untrim.evaluation.measures import measure_detections, measures_table
    from untrim.evaluation.uncertainty import bootstrap, compare_paired
    from untrim.files import write_json

    truth, found, thresholds = read_annotations(annotations), read_detections(detections), iou_thresholds(iou)
    strict = not ignore_unknown
    result = evaluate_detections(found, truth, thresholds, protocol, subset=subset, strict=strict)
    print(table({detections.stem: result}))
    content = result.to_json()
    if intervals:
        spread = bootstrap(found, truth, thresholds, protocol, subset=subset, strict=strict)
        print(spread)
        content["intervals"] = spread.to_json()
    if measures:
        measured = measure_detections(found, truth, measures.split(","), protocol, subset=subset)
        print(measures_table(measured))
        content["measures"] = measured
    if against is not None:
        other = read_detections(against)
        compared = compare_paired(found, other, truth, thresholds, protocol, subset=subset, strict=strict)
        print(compared)
        content["against"] = compared.to_json()
    if json_ is not None:
        write_json(json_, content)


@app.command()
def diagnose(
    detections: Annotated[Path, typer.Argument(help="Detections, .json or .csv.")],
    annotations: AnnotationFile,
    subset: Subset = "validation",
    iou: Annotated[float, typer.Option(help="tIoU that a right detection needs.")] = 0.5,
    protocol: Protocol = "activitynet",
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML page to write.")] = Path("diagnosis.html"),
    json_: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")] = None,
) -> None:
    """Say what is wrong with detections, and what mending each kind of error would give."""
    from untrim.annotations import read_annotations, read_detections
    from untrim.evaluation.diagnosis import diagnose
    from untrim.evaluation.findings import findings
    from untrim.files import write_json
    from untrim.reports.diagnosis_page import write_diagnosis_page

    truth, found = read_annotations(annotations), read_detections(detections)
    diagnosis = diagnose(found, truth, iou, protocol, subset=subset, strict=True)
    print("\n".join(findings(diagnosis)))
    write_diagnosis_page(diagnosis, output, detections.stem)
    print(f"page: {output}")
    if json_ is not None:
        write_json(json_, diagnosis.to_json())


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    detections: Annotated[Path, typer.Option("--detections", "-d", help="Detections of that run.")],
    annotations: AnnotationFile,
    evaluation: Annotated[Path | None, typer.Option("--evaluation", "-e", help="What evaluate --json wrote.")] = None,
    videos: Annotated[Path | None, typer.Option(help="Folder of the video files, for thumbnails.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")] = Path("report.html"),
    subset: Subset = "validation",
) -> None:
    """Write one self-contained HTML page: results, training, and what was found when."""
    from untrim.reports.html import write_report

    write_report(
        run,
        detections=detections,
        annotations=annotations,
        evaluation=evaluation,
        videos=videos,
        output=output,
        subset=subset,
    )
    print(f"report: {output}")


@app.command()
def methods(
    method: Annotated[str | None, typer.Argument(help="Show the options of this method.")] = None,
) -> None:
    """List methods and presets, or one method's options with their meaning."""
    from untrim.methods import describe_methods, describe_options

    print(describe_methods() if method is None else describe_options(method))


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path("untrim-demo"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the corpus and the training.")] = 0,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open the report in a browser.")] = True,
) -> None:
    """Render a small corpus of videos, run the whole way on it, and show the report."""
    import webbrowser

    from untrim.demo import demo_corpus, run_demo
    from untrim.evaluation.detection import table

    results = run_demo(output, demo_corpus(seed))
    print(table(results))
    report = (output / "report.html").resolve()
    print(
        f"""
report: {report}

The same with your own videos (labels.csv holds rows of video,label):
  untrim extract VIDEOS -o features
  untrim train -m wsad -f features -a labels.csv -o run
  untrim localize run -f features -o detections.json"""
    )
    if open_ and sys.stdout.isatty():
        webbrowser.open(report.as_uri())


if __name__ == "__main__":
    main()
