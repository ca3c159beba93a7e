"""Facts about the training data, from which the project's defaults follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from untrim.data.dataset import TrainingVideos
from untrim.data.snippet_labels import tells_times
from untrim.features.store import FeatureInfo
from untrim.support.names import names_a_side


@dataclass(frozen=True)
class DataSummary:
    """Facts about a training set.

    Args:
        videos: Number of videos.
        classes: Number of classes.
        dim: Width of the features.
        labels_per_video: Mean number of labels per video in which something happens.
        snippets: Snippets of each video, ascending, (V,).
        column_means: Mean of each column over all snippets, (D,).
        stream_rms: Root mean square of the stream that each column belongs to, (D,); never 0.
        stream_deviations: The same, after the mean of each column is subtracted.
        digests: What changes with the features of each video, in order.
        times_known: Share of the videos of which something is known in single snippets.
        nothing_happens: Share of the videos in which no action happens: all their snippets are known.
        mirror_known: Whether the features know the mirror image of a video.
        sides: Whether a class names a side, left or right.
    """

    videos: int
    classes: int
    dim: int
    labels_per_video: float
    snippets: npt.NDArray[np.int64]
    column_means: npt.NDArray[np.float32]
    stream_rms: npt.NDArray[np.float32]
    stream_deviations: npt.NDArray[np.float32]
    digests: tuple[str, ...] = ()
    times_known: float = 0.0
    nothing_happens: float = 0.0
    mirror_known: bool = False
    sides: bool = False

    @property
    def classification_share(self) -> float:
        """n / (1 + n) for n labels per video: weight of the classification loss where another loss has the rest.

        Softmax cross-entropy against L1-normalised labels shares one unit of loss among the labels of a video. With
        this weight, each label weighs as much against the other loss as a single label does at the papers' one half.
        """
        return round(self.labels_per_video / (1 + self.labels_per_video), 3)

    @property
    def class_threshold(self) -> float:
        """0.1 / n for n labels per video: the least probability of a class to localize, where all classes share 1."""
        return round(0.1 / self.labels_per_video, 4)

    def known_weight(self, learns_from_nothing: bool) -> float:
        """Weight of the loss on what is known of single snippets (`add_known`): the share of videos that tell any.

        The methods' own losses are means over all videos, this one is a mean over what is known. With this weight, a
        video that tells times weighs as much by these as by its labels, however few or many there are.

        Args:
            learns_from_nothing: Whether the method's own loss learns that nothing happens in a video. Such videos then
                do not count: alone they would say where no action is, and nothing would balance it.
        """
        return round(self.times_known - (self.nothing_happens if learns_from_nothing else 0.0), 4)

    def unit_scale(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """What to subtract from each column, (D,), and the root mean square of its stream after that, (D,).

        If the means of a stream's columns are larger than what varies about them (by root mean square), they are
        reduced to that size. A method hardly learns what is small against what all snippets have in common. But some
        methods learn worse without any mean (docs/results/defaults.md).
        """
        varying = self.stream_deviations.astype(np.float64)
        constant = np.sqrt((np.square(self.stream_rms, dtype=np.float64) - np.square(varying)).clip(min=0))
        kept = np.minimum(constant, varying)
        taken = (constant - kept) / np.maximum(constant, varying)
        return self.column_means * taken.astype(np.float32), np.hypot(varying, kept).astype(np.float32)

    def training_defaults(self, least_iterations: int = 1000, *, all_alike: bool = True) -> dict[str, object]:
        """How long to train and with which step size, by rules for every method.

        Streams are brought to unit root mean square (`unit_scale`). A step of Adam then moves an output by about step
        size times width. So the step size falls with the width: 1e-3 up to 256 columns, 1.25e-4 at 2,048 (the papers'
        1e-4). Training takes ten steps per video, at least `least_iterations` (even with few videos the weights have to
        grow) and at most 10,000. The first fifth is a warm-up: the network learns what the snippets of a video have in
        common before it picks single snippets. If a video is longer than a method takes, its snippets are evenly
        spread: a contiguous stretch might not show all that the labels name.

        Args:
            least_iterations: Least number of steps.
            all_alike: Whether videos in which nothing happens count too; not where they come on top of each batch.
        """
        videos = self.videos * (1.0 if all_alike else 1 - self.nothing_happens)
        return {
            "input_scaling": "unit",
            "learning_rate": float(f"{min(1e-3, 0.256 / self.dim):.3g}"),
            "iterations": int(np.clip(round(10 * videos), least_iterations, 10000)),
            "warmup": 0.2,
            "crop": "uniform",
        }


def summarize(videos: TrainingVideos) -> DataSummary:
    """Read all training features once, which checks every file, and summarize them."""
    info = videos.info
    sums, squares, lengths, digests = np.zeros(info.dim), np.zeros(info.dim), [], []
    for index in range(len(videos)):
        features = videos.features(index)
        sums += features.sum(axis=0, dtype=np.float64)
        squares += np.square(features, dtype=np.float64).sum(axis=0)
        lengths.append(len(features))
        digests.append(videos.digest(index))
    means, powers = sums / sum(lengths), squares / sum(lengths)
    variances = (powers - np.square(means)).clip(min=0)
    return DataSummary(
        videos=len(videos),
        classes=videos.labels.shape[1],
        dim=info.dim,
        labels_per_video=float(videos.labels.sum() / videos.labels.any(axis=1).sum()),
        snippets=np.sort(np.array(lengths)),
        column_means=means.astype(np.float32),
        stream_rms=_of_streams(powers, info),
        stream_deviations=_of_streams(variances, info),
        digests=tuple(digests),
        times_known=float(np.mean([tells_times(videos.known(index)) for index in range(len(videos))])),
        nothing_happens=float(np.mean(~videos.labels.any(axis=1))),
        mirror_known=videos.mirrored is not None,
        sides=any(map(names_a_side, videos.class_names)),
    )


def _of_streams(squares: npt.NDArray[np.float64], info: FeatureInfo) -> npt.NDArray[np.float32]:
    """Root of the mean of `squares` (D,) in the stream of each column, (D,); 1 for a stream of zeros."""
    roots = np.ones(info.dim, dtype=np.float32)
    for first, stop in info.streams.values():
        roots[first:stop] = np.sqrt(squares[first:stop].mean()) or 1.0
    return roots
