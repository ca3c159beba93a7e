"""How well the detections of a stream agree with those of the whole video.

    OMP_NUM_THREADS=1 python benchmarks/bench_stream.py RUN FEATURES ANNOTATIONS [WINDOW MARGIN STEP] …

The features of each validation video stream past in their order. For each pace: mAP@0.5 of the stream; of what is found
in the whole video (score from 0.5) the share that the stream finds too, same class and tIoU 0.5 or more; of what
the stream finds, the share that is found in the whole video; seconds of processor time per hour of video.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

import untrim
from untrim.prediction.network import Network
from untrim.prediction.stream import Pace, stream_detections

PACES = ((20, 4, 1), (60, 4, 1), (60, 8, 2), (120, 20, 2))

Found = Mapping[str, Sequence[untrim.Detection]]


def main() -> None:
    torch.set_num_threads(1)
    run, features = untrim.Run.open(sys.argv[1]), untrim.FeatureFolder.open(sys.argv[2])
    truth = untrim.read_annotations(sys.argv[3]).subset("validation")
    asked = list(map(float, sys.argv[4:]))
    paces = [Pace(*asked[i : i + 3]) for i in range(0, len(asked), 3)] or [Pace(*pace) for pace in PACES]
    whole, network = untrim.localize(run, features, list(truth)), Network(run, "auto", None)
    lasting = {name: features.duration(name, len(features.stored(name))) for name in truth}
    print(f"{Path(sys.argv[2])}: {len(lasting)} videos of {sum(lasting.values()) / len(lasting):.0f} s on average")
    print(f"whole video: mAP@0.5 {100 * score(whole, truth):.1f}, {count(whole)} found")
    for pace in paces:
        start = time.process_time()
        found = {name: streamed(network, features, name, pace) for name in lasting}
        used = 3600 * (time.process_time() - start) / sum(lasting.values())
        print(
            f"window {pace.window:g}, margin {pace.margin:g}, step {pace.step:g}: "
            f"mAP@0.5 {100 * score(found, truth):.1f}, {count(found)} found, "
            f"{100 * share(whole, found):.0f}% of the whole video's, {100 * share(found, whole):.0f}% are the whole "
            f"video's; {used:.0f} s per hour"
        )


def streamed(network: Network, features: untrim.FeatureFolder, name: str, pace: Pace) -> Sequence[untrim.Detection]:
    """What a stream finds in a video, best first."""
    rows, grid = features.load(name), features.info.grid(name)
    found = stream_detections(network, [rows], grid, pace, lambda: features.duration(name, len(rows)))
    return sorted(found, key=lambda one: -one.score)


def score(found: Found, truth: untrim.Annotations) -> float:
    return untrim.evaluate_detections(found, truth, [0.5], subset="validation").average


def kept(found: Found) -> Found:
    return untrim.counting_as_found(found)


def count(found: Found) -> int:
    return sum(map(len, kept(found).values()))


def share(of: Found, among: Found) -> float:
    """Share of what counts as found `of` one that counts as found `among` the other."""
    others = kept(among)
    hits = [
        any(one.label == other.label and one.segment.tiou(other.segment) >= 0.5 for other in others[name])
        for name, own in kept(of).items()
        for one in own
    ]
    return sum(hits) / max(1, len(hits))


if __name__ == "__main__":
    main()
