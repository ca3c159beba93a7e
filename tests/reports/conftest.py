"""A run on eight videos as `train`, `localize` and `evaluate` leave it, with real video files of known colours."""

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from untrim.annotations import Annotations, Video, write_annotations, write_detections
from untrim.evaluation.detection import evaluate_detections, iou_thresholds
from untrim.features.store import FeatureInfo
from untrim.methods.wsad import WSADConfig
from untrim.support.files import write_json
from untrim.timeline import Detection, Instance, Segment
from untrim.training.checkpoint import Run

LABELS = ("dive", "<script>alert('jump')</script>", "run & hide", "throw")
DURATION = 20.0
VIDEOS = tuple(f"video{i}" for i in range(8))


@dataclass
class Inputs:
    """Where everything lies, and what is in it."""

    folder: Path
    truth: Annotations
    detections: dict[str, list[Detection]]
    cas: dict[str, np.ndarray]

    @property
    def arguments(self) -> dict[str, object]:
        return {
            "run": self.folder / "run",
            "detections": self.folder / "detections.json",
            "annotations": self.folder / "annotations.json",
            "evaluation": self.folder / "evaluation.json",
            "videos": self.folder / "videos",
            "output": self.folder / "report.html",
        }


@pytest.fixture(scope="session")
def _inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = tmp_path_factory.mktemp("report")
    info = FeatureInfo(
        snippet_frames=16, stride_frames=16, fps=25, first_center_seconds=0.32, dim=8, streams={"rgb": (0, 8)},
        backbone="hoghof",
    )  # fmt: skip
    run = Run(folder / "run", "wsad", "paper", 7, "training", WSADConfig(iterations=40), LABELS, info)
    run.save_description()
    lines = [
        {"iteration": i, "seconds": i / 2, "loss": 3.0 / i, "classification": 2.0 / i, "metric": 1 / i}
        for i in range(1, 41)
    ]
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_json(run.path / "environment.json", {"python": "3.11.7", "device": "cpu", "packages": {"torch": "2.13.0"}})
    truth, detections, cas = _corpus(info)
    (folder / "activations").mkdir()
    for name, array in cas.items():
        attention = 1 / (1 + np.exp(-array.max(axis=1)))
        np.savez(folder / "activations" / f"{name}.npz", cas=array, attention=attention, video_scores=array.max(axis=0))
    (folder / "videos").mkdir()
    for name in VIDEOS:
        _write_video(folder / "videos" / f"{name}.mp4")
    write_annotations(truth, folder / "annotations.json")
    write_detections(detections, folder / "detections.json")
    result = evaluate_detections(detections, truth, iou_thresholds("0.1:0.7:0.1"))
    write_json(folder / "evaluation.json", result.to_json())
    return Inputs(folder, truth, detections, cas)


@pytest.fixture
def inputs(_inputs: Inputs, tmp_path: Path) -> Inputs:
    """The inputs in a folder of the test's own, whose files are links that a test may replace."""
    for source in _inputs.folder.rglob("*"):
        link = tmp_path / source.relative_to(_inputs.folder)
        link.mkdir(parents=True) if source.is_dir() else link.symlink_to(source)
    return Inputs(tmp_path, _inputs.truth, _inputs.detections, _inputs.cas)


def _corpus(info: FeatureInfo) -> tuple[Annotations, dict[str, list[Detection]], dict[str, np.ndarray]]:
    """Two instances a video; detections that find them worse and worse from the first video to the last."""
    rng, grid = np.random.default_rng(0), info.grid()
    truth, detections, sequences = [], {}, {}
    for index, name in enumerate(VIDEOS):
        label, other = LABELS[index % 4], LABELS[(index + 1) % 4]
        segments = Segment(2.125, 6.5), Segment(11.0, 14.75)
        truth.append(Video(name, "validation", DURATION, instances=tuple(Instance(label, s) for s in segments)))
        off = 0.6 * index
        detections[name] = [
            *(Detection(label, Segment(s.start + off, s.end + off), 9.5 - i) for i, s in enumerate(segments)),
            Detection(label, Segment(17.25, 18.5), 1.0),
            Detection(other, Segment(8.0, 9.75), 2.5),
        ]
        cas = rng.normal(-6, 1, (31, 4)).astype(np.float32)
        for segment in segments:
            cas[grid.snippets(segment, 31), index % 4] += 10
        sequences[name] = cas
    return Annotations(truth), detections, sequences


def _write_video(path: Path) -> None:
    """Two frames a second; their grey grows with time, by 10 a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=2)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = Fraction(1, 2)
        for index in range(int(2 * DURATION)):
            grey = np.full((48, 64, 3), 30 + 5 * index, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
