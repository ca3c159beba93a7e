"""Features that other projects published, as feature folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from untrim.annotations import Annotations, annotations_of
from untrim.errors import UntrimError, nearest
from untrim.features.importers.folders import read_basnet, read_ecm, read_files
from untrim.features.importers.survey import Survey
from untrim.features.importers.target import Known, Taker, Target, Timing
from untrim.features.importers.wtalc import read_wtalc
from untrim.features.writing import ImportReport, growing
from untrim.support.kinds import check_kind
from untrim.support.paths import as_path, as_paths
from untrim.support.progress import Progress

__all__ = ["LAYOUTS", "Layout", "Timing", "import_features"]


@dataclass(frozen=True)
class Layout:
    """How a project keeps its features.

    Args:
        about: What it looks like, in a line.
        timing: When its snippets are.
        backbone: What made the features that the project published.
        read: Hands all videos to a taker; gives what is worth knowing.
    """

    about: str
    timing: Timing
    backbone: str
    read: Callable[[Sequence[Path], Taker, Progress | None], tuple[str, ...]]


_I3D = Timing(snippet_frames=16, stride_frames=16, fps=25)
_DENSE = Timing(snippet_frames=16, stride_frames=4, fps=30, own_fps=True)

LAYOUTS: Mapping[str, Layout] = {
    "wtalc": Layout("NAME-I3D-JOINTFeatures.npy and NAME-Annotations/", _I3D, "i3d (W-TALC)", read_wtalc),
    "basnet": Layout("folders rgb/ and flow/ of VIDEO.npy", _I3D, "i3d (BaS-Net)", read_basnet),
    "ecm": Layout("VIDEO.npz with feat_spa and feat_tem, stretched", _I3D, "i3d (ECM)", read_ecm),
    "actionformer": Layout("VIDEO.npz with feats, or VIDEO.npy", _DENSE, "i3d (ActionFormer)", read_files),
    "opentad": Layout("VIDEO.npy", _DENSE, "i3d (OpenTAD)", read_files),
}


def import_features(
    layout: str,
    sources: Path | str | Sequence[Path | str],
    output: Path | str,
    *,
    annotations: Annotations | Path | str | None = None,
    fps: float | None = None,
    snippet_frames: int | None = None,
    stride_frames: int | None = None,
    center_frames: float | None = None,
    streams: Mapping[str, int] | None = None,
    backbone: str | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Turn other people's features into a feature folder; videos already present and equal are left as they are.

    Args:
        layout: Name of the layout (`LAYOUTS`).
        sources: Its files or folders.
        output: Feature folder, new or of an import like this.
        annotations: Labels, or their file, that know the durations, and where frames are the videos' own, their fps.
        fps: Frames per second that snippets are counted in, if other than the layout's.
        snippet_frames: Frames that a snippet sees, likewise.
        stride_frames: Frames from one snippet to the next, likewise.
        center_frames: Frames from the start to the middle of the first snippet; None for half a snippet.
        streams: Columns per stream, in order; None: 2,048 columns are 1,024 of RGB and 1,024 of flow, unless the layout
            keeps them apart, and others one stream.
        backbone: What made the features; it must be the same for all that is trained and localized with.
        progress: Told of each video; None for silence.

    Raises:
        UntrimError: Unknown layout, wrong or hostile files, no video that could be taken, arrays that lie (D, T) or
            last much longer or shorter than the videos, or `output` holds something else or other features, is
            worked in by another run, or cannot be written.
    """
    if not isinstance(layout, str) or layout not in LAYOUTS:
        raise UntrimError(f"unknown layout '{layout}'", fix=nearest(layout, LAYOUTS))
    of = LAYOUTS[layout]
    timing = of.timing.changed(
        fps=fps, snippet_frames=snippet_frames, stride_frames=stride_frames, center_frames=center_frames
    )
    paths, output = as_paths(sources, "sources"), as_path(output, "output")
    check_kind(output, "features")
    known = Known(None if annotations is None else annotations_of(annotations))
    survey = Survey(timing, known)
    of.read(paths, survey, None)
    widths = survey.widths()
    lasting = survey.notes(widths)
    with growing(output) as folder:
        target = Target(folder, timing, backbone or of.backbone, streams or {}, widths, known)
        notes = of.read(paths, target, progress)
    return target.report((*notes, *lasting))
