"""A trained run that stays ready: videos, features or frames in, detections out, in this process, from any thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from numbers import Integral
from pathlib import Path
from threading import Lock
from typing import NamedTuple, TypeGuard, cast

import numpy as np

from untrim.activations import Sequences
from untrim.errors import UntrimError, unforeseen
from untrim.features.backbones import Backbone, BackboneConfig
from untrim.features.prefetch import in_threads
from untrim.features.store import as_half
from untrim.prediction.network import Network, wanted_classes
from untrim.prediction.recipe import backbone_of
from untrim.prediction.stream import Pace, stream_detections
from untrim.support.array_types import Float32, Floating, Image
from untrim.support.paths import as_path
from untrim.support.progress import Progress
from untrim.timeline import Detection, SnippetGrid
from untrim.training.checkpoint import Run
from untrim.training.ready_runs import find_run, with_own_settings
from untrim.video.decode import VideoFile
from untrim.video.resampling import FrameSource

Given = Path | str | Floating | Iterable[Image]


@dataclass(frozen=True)
class Prediction:
    """What a run says of one video.

    Args:
        detections: Best first, inside the video; scores as `untrim.localize` gives them.
        curves: The activation sequences, where they were asked for.
    """

    detections: list[Detection]
    curves: Sequences | None = None


class _Seen(NamedTuple):
    """A video as the network is shown it: its name, features (T, D), where they are in time, its seconds."""

    name: str
    features: Float32
    grid: SnippetGrid
    duration: float


def open_run(
    run: Run | Path | str,
    *,
    only: str | Sequence[str] | None = None,
    settings: Mapping[str, object] | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Predictor:
    """Load a trained run once, to look at one video after the other.

    Args:
        run: A finished run, its folder, or the name of a ready run.
        only: The classes to look for, or one of them; None for all that the run knows.
        settings: As in `untrim.localize_videos`.
        device: Where the run's network computes: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: Told of the fetching of a ready run; None for silence.

    Raises:
        UntrimError: The run is not finished or damaged, does not know a class of `only`, or there is no such device.
    """
    found = find_run(run, progress)
    return Predictor(found, wanted_classes(found, only), with_own_settings(run, settings), device)


class Predictor:
    """A trained run, ready in this process. `untrim.open_run` makes one.

    It starts no process, and any number of threads may use it at a time. It keeps nothing of a video. While it looks at
    one, it holds the pictures of one snippet, and the features: 4 D bytes per snippet, D columns. How many threads
    OpenCV and torch use is left to the program that it runs in (``cv2.setNumThreads``, ``torch.set_num_threads``).

    Args:
        run: A finished run.
        wanted: The classes to look for, of the run's; None for all.
        settings: Values of the backbone's config that the run's recipe does not hold.
        device: Where the network computes.
    """

    def __init__(
        self, run: Run, wanted: frozenset[str] | None, settings: Mapping[str, object], device: str = "auto"
    ) -> None:
        self.run = run
        self._settings, self._making = settings, Lock()
        self._backbone: Backbone[BackboneConfig] | None = None
        self._network = Network(run, device, wanted)

    def __repr__(self) -> str:
        return f"Predictor({self.run!r})"

    def predict(self, video: Given, *, fps: float | None = None, curves: bool = False) -> Prediction:
        """Find the actions of the run in one video.

        Args:
            video: A video file; its features, (T, D), as `FeatureFolder.load` gives them; or its frames, RGB uint8
                (H, W, 3), one by one. For `hoghof` also grey, (H, W), as files are read: `VideoFile.frames`.
            fps: Frames per second, of frames.
            curves: Whether to give the activation sequences too.

        Returns:
            Of a file exactly what `untrim.localize_videos` finds in it. Of features, what `untrim.localize` finds where
            the video's duration is not known. Frames are brought to the rate and size of the run's features.

        Raises:
            UntrimError: The video cannot be read, features or frames are not of the run's kind, or such features as the
                run's cannot be extracted here.
        """
        (found,) = self._predictions([self._seen(video, fps)], curves)
        if isinstance(found, UntrimError):
            raise found
        return found

    def predict_many(
        self, videos: Iterable[Path | str | Floating], *, batch: int = 1, threads: int = 1, curves: bool = False
    ) -> Iterator[Prediction | UntrimError]:
        """Find the actions of the run in one video after the other, of any number; each on its own, as `predict` does.

        Args:
            videos: Video files, or features (T, D).
            batch: Videos that the network sees at once: more is faster on a GPU. Beyond 1, scores differ by rounding.
            threads: Videos that are decoded and whose features are computed at a time.
            curves: As in `predict`.

        Yields:
            In the order of `videos`; for one that cannot be done the error.

        Raises:
            UntrimError: `videos` is a single one, or `batch` or `threads` is less than 1.
        """
        if not all(isinstance(value, Integral) and value >= 1 for value in (batch, threads)):
            raise UntrimError(f"batch {batch!r:.40}, threads {threads!r:.40}", fix="give whole numbers from 1")
        if isinstance(videos, str) or not isinstance(videos, Iterable) or _is_features(videos):
            raise UntrimError("these are not several videos", fix="give a list, or call `predict`")
        return self._one_after_the_other(videos, batch, threads, curves)

    def predict_stream(
        self, frames: Iterable[Image], fps: float, *, window: float = 60.0, margin: float = 8.0, step: float = 2.0
    ) -> Iterator[Detection]:
        """Find the actions of the run while a video still runs.

        The network sees the latest `window` seconds as if they were the whole video. A detection is given once, at the
        first look after its end is older than `margin`; its start cannot be before the window. So it comes at most
        ``margin + step`` and the length of a snippet after its end, however long the stream; with `hoghof` perhaps
        seven frames later, if eight does not divide the frames of a snippet or its stride. What is left at the end of
        the stream is given then.

        Args:
            frames: As in `predict`.
            fps: Frames per second that they are.
            window: Seconds that the network sees.
            margin: Seconds for which the border of a detection may still change: more agrees better with what is found
                in the whole video.
            step: Seconds from one look to the next.

        Yields:
            Detections in seconds from the first frame, with scores as in `predict`.

        Raises:
            UntrimError: As in `predict`, or the seconds are not positive or do not fit into the window.
        """
        pace, source, backbone = Pace(window, margin, step), FrameSource(frames, fps), self.backbone
        images = source.images(backbone.config.fps, backbone.config.short_side, grey=backbone.grey)
        blocks = (self._rounded(block, "the stream") for block in backbone.blocks(images))
        return stream_detections(self._network, blocks, backbone.grid, pace, lambda: source.duration)

    @property
    def backbone(self) -> Backbone[BackboneConfig]:
        """What makes features like those of the run; loaded when it is first asked for."""
        with self._making:
            if self._backbone is None:
                self._backbone = backbone_of(self.run, self._settings)
        return self._backbone

    def _one_after_the_other(
        self, videos: Iterable[Path | str | Floating], batch: int, threads: int, curves: bool
    ) -> Iterator[Prediction | UntrimError]:
        seen = in_threads(self._tried, videos, threads)
        while group := list(islice(seen, batch)):
            yield from self._predictions(group, curves)

    def _tried(self, video: Path | str | Floating) -> _Seen | UntrimError:
        try:
            return self._seen(video, None)
        except UntrimError as error:
            return error

    def _predictions(self, group: Sequence[_Seen | UntrimError], curves: bool) -> Iterator[Prediction | UntrimError]:
        said = iter(self._network.activations_of([one.features for one in group if isinstance(one, _Seen)]))
        for one in group:
            if isinstance(one, UntrimError):
                yield one
                continue
            found = next(said)
            try:
                self._network.check(found, one.name)
            except UntrimError as error:
                yield error
                continue
            detections = self._network.detections(found, one.grid, 0.0, one.duration)
            detections = self._network.with_confidence({one.name: detections})[one.name]
            yield Prediction(detections, self._network.curves(found, one.grid) if curves else None)

    def _seen(self, video: Given, fps: float | None) -> _Seen:
        """The features of a video, however it is given."""
        if fps is not None and (isinstance(video, Path | str) or _is_features(video)):
            raise UntrimError("fps is the rate of frames; a file and features have their own", fix="drop fps")
        if _is_features(video):
            return self._seen_of_features(video)
        if isinstance(video, Path | str):
            return self._seen_of_file(as_path(video, "video"))
        if not isinstance(video, Iterable):
            raise UntrimError(f"not a video: {video!r:.60}", fix="give a file, features (T, D), or frames")
        if fps is None:
            raise UntrimError("frames without their rate", fix="say fps=; features are one array (T, D)")
        source, backbone = FrameSource(cast(Iterable[Image], video), fps), self.backbone
        images = source.images(backbone.config.fps, backbone.config.short_side, grey=backbone.grey)
        features = self._rounded(backbone.features(images), "frames")
        return _Seen("frames", features, backbone.grid, source.duration)

    def _seen_of_file(self, path: Path) -> _Seen:
        backbone, config = self.backbone, self.backbone.config
        try:
            with VideoFile(path, limits=config.limits) as file:
                frames = file.frames(config.fps, config.short_side, grey=backbone.grey)
                features = backbone.features(frame.image for frame in frames)
                return _Seen(path.name, self._rounded(features, path), backbone.grid, file.duration)
        except UntrimError:
            raise
        except Exception as error:  # A file may be broken in a way that no library foresees.
            raise UntrimError(unforeseen(error), where=path) from error

    def _seen_of_features(self, features: Floating) -> _Seen:
        grid, dim = self.run.features.grid(), self.run.features.dim
        if features.dtype.kind != "f" or features.shape[1:] != (dim,) or not len(features):
            raise UntrimError(f"features are {features.dtype} {features.shape}, wanted float (T, {dim})")
        with np.errstate(over="ignore"):
            rows = features.astype(np.float32)
        if not np.isfinite(rows).all():
            raise UntrimError("features hold NaN or infinity, or are beyond what float32 holds")
        return _Seen("features", rows, grid, grid.boundary(len(rows)))

    @staticmethod
    def _rounded(features: Floating, where: object) -> Float32:
        """What is read of features that have been stored."""
        return as_half(features, where).astype(np.float32)


def _is_features(video: object) -> TypeGuard[Floating]:
    """Whether an array is given for features, right ones or not: frames have more axes."""
    return isinstance(video, np.ndarray) and video.ndim <= 2
