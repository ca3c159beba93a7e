"""What can only be seen on a GPU: that it computes what the CPU computes, and how much faster.

    python benchmarks/bench_gpu.py [--minutes 5.5] [-f FEATURES -a ANNOTATIONS]

    part         what must hold                                           what is measured
    methods      losses, gradients and detections of every method are
                 those of the CPU, in double precision
    i3d          so are I3D's features, and nearly in half precision      snippets per second
    tvl1         so is TV-L1's flow                                       pairs of pictures per second
    amp          losses in bfloat16 are nearly those in float32, for
                 every method; WSAD's training goes as in float32         steps per second
    copies       a batch arrives as it was                                GB per second, pinned and not
    extraction   two streams of a film are those of the CPU               what decoding, flow and networks take, and all
    steps                                                                 steps per second of each method
    ecm          ECM's presets `paper` and `official` train at their      steps per second, memory, mAP
                 full width, as many steps as there is time for

Where something does not hold, the rest goes on, and the exit code is 1. Without a GPU there is nothing to see: a line
says so. ECM is trained on a made-up corpus, or on FEATURES and ANNOTATIONS.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.optim import Adam

from bench_methods import STEPS
from gpu_inputs import moving_pictures, random_batch, random_clips, random_i3d, write_corpus, write_film
from untrim.annotations import Annotations, read_annotations
from untrim.data.dataset import Batch, TrainingVideos
from untrim.evaluation.detection import evaluate_detections, iou_thresholds
from untrim.features.backbones.i3d import I3D, I3DConfig, clips
from untrim.features.backbones.i3d_engines import TorchEngine
from untrim.features.snippets import to_grey
from untrim.features.store import FeatureFolder
from untrim.methods import load_method, method_names
from untrim.methods.base import Method
from untrim.pipeline import localize
from untrim.timeline import SnippetGrid
from untrim.training.checkpoint import Run
from untrim.training.choices import Precision
from untrim.training.loop import train
from untrim.training.metrics import METRICS, read_metrics
from untrim.training.parallel import World
from untrim.training.steps import Trainer
from untrim.video.decode import VideoFile
from untrim.video.tvl1 import tvl1

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Bench:
    """Where to measure, and how much of everything; a test measures little of it on the CPU.

    Args:
        device: The GPU.
        folder: For files that are not kept.
        until: When all must be done, of `time.monotonic`.
        dim: Columns of features.
        classes: Classes.
        clips: Clips that I3D sees at once.
        height: Of pictures, in pixels.
        width: Likewise.
        crop: Pixels of the square that I3D sees.
        frames: Of the film.
        compared: How many of them the CPU takes too.
        pairs: Pairs of pictures for TV-L1.
        rounds: How often what is timed is done.
        steps: Methods and sizes of their batches, as in `bench_methods`.
        ecm: Values of ECM over those of its presets.
        corpus: What ECM is trained on; None for one that is made up.
    """

    device: torch.device
    folder: Path
    until: float
    dim: int = 2048
    classes: int = 20
    clips: int = 16
    height: int = 256
    width: int = 340
    crop: int = 224
    frames: int = 400
    compared: int = 17
    pairs: int = 16
    rounds: int = 5
    steps: tuple[tuple[str, int, int], ...] = tuple((name, videos, snippets) for name, videos, snippets, *_ in STEPS)
    ecm: Mapping[str, object] = field(default_factory=dict)
    corpus: tuple[FeatureFolder, Annotations] | None = None

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.until - time.monotonic()


def difference(found: Tensor, wanted: Tensor, most: float, what: str, least: float = 0.0) -> float:
    """The largest difference as a share of the largest value wanted, or of `least` where that is larger.

    Raises:
        AssertionError: It is more than `most`, or not a number.
    """
    found, wanted = found.detach().double().cpu(), wanted.detach().double().cpu()
    value = float((found - wanted).abs().max() / wanted.abs().max().clamp(min=max(least, 1e-30)))
    if not value <= most:
        raise AssertionError(f"{what}: differs by {value:.1e} of the largest value, at most {most:.0e} is right")
    return value


def seconds(work: Callable[[], object], device: torch.device, rounds: int, *, warm: bool = False) -> float:
    """Seconds of one call; of the second one and later ones, unless all is `warm` already."""

    def done() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    if not warm:
        work()
    start = done()
    for _ in range(rounds):
        work()
    return (done() - start) / rounds


def without_dropout(name: str) -> dict[str, object]:
    return {key: 0.0 for key in load_method(name).Config.model_fields if "dropout" in key}


def network(name: str, dim: int, classes: int, hidden: int | None = None) -> Method:
    method, values = load_method(name), without_dropout(name)
    if hidden is not None and "hidden" in method.Config.model_fields:
        values["hidden"] = hidden
    torch.manual_seed(0)
    return method(method.Config.model_validate(values), dim, [f"c{c:02d}" for c in range(classes)])


def methods(bench: Bench) -> Iterator[str]:
    batch = random_batch(6, 60, 64, bench.classes, torch.float64)
    for name in method_names():
        if load_method(name).supervision == "none":
            continue
        here = network(name, 64, bench.classes, hidden=64).double()
        there = copy.deepcopy(here).to(bench.device)
        errors = [0.0]
        terms = [
            model.losses(model(b.features, b.mask), b) for model, b in ((here, batch), (there, batch.to(bench.device)))
        ]
        for key, value in terms[0].items():
            errors.append(difference(terms[1][key], value, 1e-9, f"{name}, loss {key}"))
        for term in terms:
            torch.stack(list(term.values())).sum().backward()
        # A gradient that is 0 but for rounding is compared with the others.
        largest = max(float(one.grad.abs().max()) for one in here.parameters() if one.grad is not None)
        for (key, parameter), other in zip(here.named_parameters(), there.parameters(), strict=True):
            if parameter.grad is not None:
                assert other.grad is not None, f"{name}: no gradient of {key}"
                what, least = f"{name}, gradient of {key}", 1e-6 * largest
                errors.append(difference(other.grad, parameter.grad, 1e-8, what, least))
        found = [detections(model.eval(), batch.features[:1]) for model in (here, there)]
        assert [row[:3] for row in found[0]] == [row[:3] for row in found[1]], f"{name}: other segments"
        alike = f"{len(errors) - 1} losses and gradients, largest difference {max(errors):.0e}"
        yield f"{name:12} {alike}; {len(found[0])} detections alike"


@torch.inference_mode()
def detections(model: Method, features: Tensor) -> list[tuple[str, float, float]]:
    features = features.to(next(model.parameters()).device)
    found = model(features, torch.ones(features.shape[:2], dtype=torch.bool, device=features.device))
    rows = model.localize(found, SnippetGrid.regular(16, 16, 25))
    return sorted((row.label, row.segment.start, row.segment.end) for row in rows)


def i3d(bench: Bench) -> Iterator[str]:
    own, seen = random_i3d(3), random_clips(bench.clips, 3, bench.crop)
    doubles = [copy.deepcopy(own).double().to(device) for device in (CPU, bench.device)]
    with torch.inference_mode():
        clip = seen[:1].double().permute(0, 4, 1, 2, 3)
        wanted, found = doubles[0](clip), doubles[1](clip.to(bench.device))
    yield f"double precision: largest difference {difference(found, wanted, 1e-9, 'double precision'):.0e}"
    here, there = (TorchEngine(copy.deepcopy(own), device) for device in (CPU, bench.device))
    first = seen[:1].numpy()
    wanted, found = torch.from_numpy(here(first)), torch.from_numpy(there(first))
    yield f"as extracted (half precision on a GPU): {difference(found, wanted, 2e-2, 'half precision'):.0e}"
    rate = bench.clips / seconds(lambda: there(seen.numpy()), bench.device, bench.rounds)
    yield f"{rate:.1f} snippets per second; the CPU {1 / seconds(lambda: here(first), CPU, 1):.2f}"


def optical_flow(bench: Bench) -> Iterator[str]:
    pictures = list(moving_pictures(bench.pairs + 1, bench.height, bench.width))
    images = torch.from_numpy(np.stack([to_grey(picture) for picture in pictures]))
    moved = images.to(bench.device)
    wanted, found = tvl1(images[:2], images[1:3]), tvl1(moved[:2], moved[1:3]).cpu()
    mean = float((found - wanted).abs().mean())
    assert mean < 1e-3, f"the flow differs by {mean:.1e} pixels on average"
    yield f"{bench.width} x {bench.height}: mean difference {mean:.0e} pixels"
    rate = bench.pairs / seconds(lambda: tvl1(moved[:-1], moved[1:]), bench.device, bench.rounds)
    yield f"{rate:.1f} pairs per second; the CPU {2 / seconds(lambda: tvl1(images[:2], images[1:3]), CPU, 1):.2f}"


def mixed_precision(bench: Bench) -> Iterator[str]:
    features, annotations = write_corpus(bench.folder / "amp", 6 * bench.classes, 100, bench.dim, bench.classes)
    videos = TrainingVideos([(features, annotations.subset("training"))])

    def trainer_of(name: str, precision: Precision, **values: object) -> Trainer:
        config = load_method(name).Config.model_validate({**without_dropout(name), "iterations": 200, **values})
        run = Run(
            bench.folder / "unwritten", name, "paper", 0, "training", config, videos.class_names, features.info,
            precision=precision,
        )  # fmt: skip
        torch.manual_seed(0)
        return Trainer(run, run.build().to(bench.device), videos, World(), bench.device)

    for name in method_names():
        if load_method(name).supervision == "labels":
            fields = load_method(name).Config.model_fields
            small = {key: value for key, value in {"hidden": 64, "max_snippets": 60}.items() if key in fields}
            exact, near = (trainer_of(name, precision, **small) for precision in ("fp32", "bf16"))
            batch = exact.batch(0).to(bench.device)
            wanted, found = exact.losses(batch), near.losses(batch)
            errors = [difference(found[key], wanted[key], 0.02, f"{name}, loss {key} in bfloat16") for key in wanted]
            yield f"{name:12} {len(errors)} losses, largest difference {max(errors):.0e}"
    last = []
    for precision in ("fp32", "bf16"):
        trainer = trainer_of("wsad", precision)
        batches = [trainer.batch(step).to(bench.device) for step in range(4)]
        losses = [trainer.update(batches[step % 4])[0] for step in range(20)]
        last.append(torch.stack(list(losses[-1].values())).sum().detach())
        taken = seconds(lambda: trainer.update(batches[0]), bench.device, bench.rounds)  # noqa: B023
        yield f"{precision}: loss {float(last[-1]):.4f} after 20 steps, {1 / taken:.1f} steps per second"
    yield f"differs by {difference(last[1], last[0], 0.05, 'the loss in bfloat16'):.1e}"


def copies(bench: Bench) -> Iterator[str]:
    batch = random_batch(16, 8 * bench.clips, bench.dim, bench.classes).features
    pinned = batch.pin_memory() if bench.device.type == "cuda" else batch
    for name, source in (("as it is", batch), ("pinned", pinned)):
        found = source.to(bench.device, non_blocking=True)
        assert torch.equal(found.cpu(), batch), f"{name}: arrives changed"
        taken = seconds(lambda: source.to(bench.device, non_blocking=True), bench.device, bench.rounds)  # noqa: B023
        yield f"{name}: {batch.nbytes / 1e9 / taken:.1f} GB per second"


def extraction(bench: Bench) -> Iterator[str]:
    weights = {}
    for stream, channels in (("rgb", 3), ("flow", 2)):
        weights[f"{stream}_weights"] = bench.folder / f"{stream}.pt"
        torch.save(random_i3d(channels).state_dict(), weights[f"{stream}_weights"])
    size = {"short_side": bench.height, "crop": bench.crop}
    here, there = (I3D(I3DConfig(**size, **weights, device=str(device))) for device in (CPU, bench.device))
    film = bench.folder / "film.mp4"
    write_film(film, bench.frames, bench.height, bench.width)

    def pictures() -> Iterator[np.ndarray]:
        with VideoFile(film) as video:
            yield from (frame.image for frame in video.frames(25.0, bench.height))

    images = list(pictures())
    wanted, found = (torch.from_numpy(backbone.features(images[: bench.compared])) for backbone in (here, there))
    alike = f"largest difference {difference(found, wanted, 3e-2, 'features'):.0e}"
    yield f"two streams of {bench.compared} frames: {alike}"
    seen = list(clips(images, there.config))
    many = max(engine.batch for engine in there._engines.values())
    parts = {
        "decoding": lambda: list(pictures()),
        "flow": lambda: list(clips(images, there.config)),
        "networks": lambda: [there._rows(seen[first : first + many]) for first in range(0, len(seen), many)],
    }
    parts["networks"]()  # A batch of another size takes longer the first time; the flow above had its first time.
    taken = {name: seconds(work, bench.device, 1, warm=True) for name, work in parts.items()}
    together = seconds(lambda: there.features(pictures()), bench.device, 1, warm=True)
    each = ", ".join(f"{name} {value:.2f} s" for name, value in taken.items())
    yield f"{bench.frames} frames: {each}; overlapped {together:.2f} s instead of {sum(taken.values()):.2f}"
    yield f"{len(seen) / together:.1f} snippets per second, from the file to the features"


def steps(bench: Bench) -> Iterator[str]:
    for name, videos, snippets in bench.steps:
        batch = random_batch(videos, snippets, bench.dim, bench.classes)
        here = network(name, bench.dim, bench.classes)
        there = copy.deepcopy(here).to(bench.device)
        rate = 1 / seconds(stepping(there, batch.to(bench.device)), bench.device, bench.rounds)
        slow = 1 / seconds(stepping(here, batch), CPU, 1)
        yield f"{name:6} {videos} x {snippets}: {rate:.1f} steps per second; the CPU {slow:.2f}"


def stepping(model: Method, batch: Batch) -> Callable[[], None]:
    optimizer = Adam(model.parameters())

    def step() -> None:
        optimizer.zero_grad()
        torch.stack(list(model.losses(model(batch.features, batch.mask), batch).values())).sum().backward()
        optimizer.step()

    return step


def ecm(bench: Bench) -> Iterator[str]:
    made = bench.folder / "corpus"
    corpus = bench.corpus or write_corpus(made, 6 * bench.classes, 300, bench.dim, bench.classes)
    presets = ("paper", "official")
    for index, preset in enumerate(presets):
        spare = 0.8 * bench.left / (len(presets) - index)
        settings, device = dict(bench.ecm), str(bench.device)
        wanted = int(str(settings.get("iterations", load_method("ecm").Config.model_fields["iterations"].default)))
        if bench.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(bench.device)
        trial = trained(corpus, bench.folder / f"{preset}-trial", preset, settings | {"iterations": 10}, device)
        passed = read_metrics(trial.path / METRICS)["seconds"]  # Of each step; the first ones take longer.
        rate = 5 / max(float(passed[-1]) - float(passed[4]), 1e-3)
        fit = max(10, min(wanted, int(spare * rate)))
        run = trained(corpus, bench.folder / preset, preset, settings | {"iterations": fit}, device)
        log = read_metrics(run.path / METRICS)
        first, last, taken = float(log["loss"][0]), float(log["loss"][-1]), float(log["seconds"][-1])
        assert np.isfinite(last), f"{preset}: the loss is {last}"
        done = f"{fit} of {wanted} steps, {fit / taken:.2f} per second{memory(bench.device)}"
        yield f"{preset}: {done}; loss {first:.2f} to {last:.2f}"
        validation = corpus[1].subset("validation")
        found = localize(run, corpus[0], validation, device=device)
        result = evaluate_detections(found, validation, iou_thresholds("0.1:0.7:0.1"))
        yield f"{preset}: average mAP 0.1 to 0.7 {100 * result.average:.1f}"


def trained(
    corpus: tuple[FeatureFolder, Annotations], output: Path, preset: str, settings: Mapping[str, object], device: str
) -> Run:
    return train("ecm", [corpus], output, recipe=preset, settings=settings, device=device, rehearsal=False)


def memory(device: torch.device) -> str:
    return f", {torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB" if device.type == "cuda" else ""


PARTS: dict[str, Callable[[Bench], Iterator[str]]] = {
    "methods": methods,
    "i3d": i3d,
    "tvl1": optical_flow,
    "amp": mixed_precision,
    "copies": copies,
    "extraction": extraction,
    "steps": steps,
    "ecm": ecm,
}


def measure(bench: Bench) -> int:
    """Do all parts, and say what they show; how many failed."""
    failed = 0
    for name, part in PARTS.items():
        started = time.monotonic()
        try:
            for line in part(bench):
                print(f"{name:11} {line}", flush=True)
        except Exception as error:  # Time on a GPU is dear: what else there is to see is seen.
            failed += 1
            print(f"{name:11} FAILED: {error}", flush=True)
            traceback.print_exc()
        print(f"{name:11} took {time.monotonic() - started:.0f} s, {bench.left:.0f} s are left", flush=True)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.5)
    parser.add_argument("-f", "--features", type=Path)
    parser.add_argument("-a", "--annotations", type=Path)
    arguments = parser.parse_args()
    if (arguments.features is None) != (arguments.annotations is None):
        parser.error("give both features and annotations, or neither")
    if not torch.cuda.is_available():
        print("no GPU is available to torch here: nothing to measure")
        return 0
    until, corpus = time.monotonic() + 60 * arguments.minutes, None
    if arguments.features is not None:
        corpus = FeatureFolder.open(arguments.features), read_annotations(arguments.annotations)
    device = torch.device("cuda", torch.cuda.current_device())
    print(
        f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}, {torch.get_num_threads()} threads of the CPU"
    )
    with tempfile.TemporaryDirectory() as folder:
        failed = measure(Bench(device, Path(folder), until, corpus=corpus))
    print(f"{len(PARTS) - failed} of {len(PARTS)} parts hold")
    return min(failed, 1)


if __name__ == "__main__":
    raise SystemExit(main())
