"""Verbs that look at what was found: evaluate, diagnose, report."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from untrim.cli.app import AnnotationFile, MinScore, ProtocolName, Subset, app, read_found, read_labels
from untrim.cli.next_steps import next_steps
from untrim.cli.printing import is_standard_output, one_file, say
from untrim.errors import UntrimError

IgnoreUnknown = Annotated[
    bool, typer.Option("--ignore-unknown", help="Leave out videos and classes without ground truth.")
]


@app.command()
def evaluate(
    detections: Annotated[Path, typer.Argument(help="Detections, .json or .csv.")],
    annotations: AnnotationFile,
    subset: Subset = "validation",
    iou: Annotated[str, typer.Option(help="tIoU thresholds, first:last:step or a list.")] = "0.1:0.7:0.1",
    protocol: ProtocolName = "activitynet",
    against: Annotated[Path | None, typer.Option(help="Other detections to compare with, by a paired test.")] = None,
    intervals: Annotated[bool, typer.Option("--intervals", help="95% intervals by bootstrap over videos.")] = False,
    measures: Annotated[
        str, typer.Option(help="More measures: recall,frames,segmental,classification,confidence.")
    ] = "",
    ignore_unknown: IgnoreUnknown = False,
    json_: Annotated[
        Path | None, typer.Option("--json", help="Write the result to this file too; - for standard output.")
    ] = None,
) -> None:
    """Compare detections with ground truth: mean average precision, and how certain it is."""
    from untrim.evaluation.detection import evaluate_detections, iou_thresholds, table
    from untrim.evaluation.measures import check_measures, measure_detections, measures_table
    from untrim.evaluation.uncertainty import bootstrap, compare_paired
    from untrim.support.files import linked_file, write_json
    from untrim.support.kinds import check_file

    with _figures(json_) as target:
        if target is not None:
            check_file(target, "evaluation")
        named = measures.split(",") if measures else []
        check_measures(named)
        other = None if against is None else read_found(against)
        truth, found, thresholds = read_labels(annotations), read_found(detections), iou_thresholds(iou)
        strict = not ignore_unknown
        result = evaluate_detections(found, truth, thresholds, protocol, subset=subset, strict=strict)
        say(table({detections.stem: result}))
        content = result.to_json()
        if intervals:
            spread = bootstrap(found, truth, thresholds, protocol, subset=subset, strict=strict)
            say(spread)
            content["intervals"] = spread.to_json()
        if named:
            measured = measure_detections(found, truth, named, protocol, subset=subset)
            say(measures_table(measured))
            content["measures"] = measured
        if other is not None:
            compared = compare_paired(found, other, truth, thresholds, protocol, subset=subset, strict=strict)
            say(compared)
            content["against"] = compared.to_json()
        if target is not None:
            write_json(linked_file(target), content)


@app.command()
def diagnose(
    detections: Annotated[Path, typer.Argument(help="Detections, .json or .csv.")],
    annotations: AnnotationFile,
    subset: Subset = "validation",
    iou: Annotated[float, typer.Option(help="tIoU from which a detection counts as right.")] = 0.5,
    protocol: ProtocolName = "activitynet",
    ignore_unknown: IgnoreUnknown = False,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML page to write; - for standard output.")] = Path(
        "diagnosis.html"
    ),
    json_: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file too; - for standard output.")
    ] = None,
) -> None:
    """Say what is wrong with detections, and what mAP would be without each kind of error."""
    from untrim.evaluation.diagnosis import diagnose
    from untrim.evaluation.findings import findings
    from untrim.reports.diagnosis_page import write_diagnosis_page
    from untrim.support.files import linked_file, write_json
    from untrim.support.kinds import check_file

    with one_file(output, ".html") as page, _figures(json_) as figures:
        check_file(page, "diagnosis")
        if figures is not None:
            check_file(figures, "diagnosed")
        truth, found = read_labels(annotations), read_found(detections)
        diagnosis = diagnose(found, truth, iou, protocol, subset=subset, strict=not ignore_unknown)
        sentences = findings(diagnosis)
        say("\n".join(sentences))
        write_diagnosis_page(diagnosis, page, detections.stem)
        say(f"page: {output}")
        if figures is not None:
            write_json(linked_file(figures), {**diagnosis.to_json(), "findings": sentences})


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    detections: Annotated[Path, typer.Option("--detections", "-d", help="Detections of that run.")],
    annotations: Annotated[
        Path | None, typer.Option("--annotations", "-a", help="Ground truth, if any: ActivityNet JSON or CSV.")
    ] = None,
    evaluation: Annotated[
        Path | None, typer.Option("--evaluation", "-e", help="The file that evaluate --json wrote.")
    ] = None,
    videos: Annotated[
        list[Path],
        typer.Option("--videos", help="Video file, or folder of video files: pictures, and to play them; repeatable."),
    ] = [],  # noqa: B006
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write; - for standard output.")] = Path(
        "report.html"
    ),
    subset: Subset = "validation",
    max_videos: Annotated[int | None, typer.Option(min=0, help="Draw so many videos; default: all.")] = None,
    min_score: MinScore = None,
) -> None:
    """Write one HTML page: timelines and a list of what was found, results, training."""
    from untrim.reports.html import write_report

    if is_standard_output(output) and videos:
        what = "the page plays videos where they are, seen from its own place: standard output has none"
        raise UntrimError(what, fix="name a file with -o, or leave --videos out")
    with one_file(output, ".html") as page:
        write_report(
            run,
            detections=detections,
            annotations=annotations,
            evaluation=evaluation,
            videos=videos or None,
            output=page,
            subset=subset,
            max_videos=max_videos,
            min_score=min_score,
        )
        say(f"report: {output}")
        say(next_steps(detections, videos, min_score))


def _figures(json_: Path | None) -> AbstractContextManager[Path | None]:
    """The file for --json, if it is given."""
    return nullcontext() if json_ is None else one_file(json_, ".json")
