"""Calls of every verb on the project that `fuzz.project` makes, right ones and wrong ones."""

from __future__ import annotations

import random

VALUES = [
    "", " ", "0", "-1", "nan", "inf", "-inf", "1e308", "1e400", "99999999999999999999999999", "null", "true", "x",
    "a=b", "[1]", "{a: 1}", "2020-13-45", "1e-4", "../up", "no/such", "labels.json", "run", "features", "ü", "💥",
    "a" * 300, "\x1b[31m", "*", "&a", "!!python/object:os.system", "0.5", "1:2:3", "a|b", "1..5", "list", "\ufeff", "-",
    "found.csv", "1,5", "-o", "--", "a\nb", "v0", "training", "cpu",
]  # fmt: skip
_OPTIONS = [
    "--iou", "--subset", "--seed", "--device", "--protocol", "--fps", "--streams", "--json", "--measures", "--set",
    "--recipe", "--search", "--select", "--precision", "--row", "--jobs", "--stride-frames", "--workers", "--backbone",
]  # fmt: skip
_KEYS = [
    "learning_rate", "batch_size", "groups", "max_snippets", "nonsense", "device", "threshold", "add_metric", "warmup",
    "fps", "short_side", "stride_frames", "streams", "runtime", "rgb_weights", "", "iterations.x",
]  # fmt: skip

_SMALL = "--set batch_size=4 --set max_snippets=12 --set iterations="  # Last, so that no call trains for long.
_CALLS = [
    "evaluate found.json -a labels.json",
    "evaluate found.csv -a labels.csv --measures recall,frames,segmental,classification",
    "evaluate found.json -a thumos --subset test --ignore-unknown",
    "evaluate found.json -a labels.json --json new.json",
    "diagnose found.json -a labels.json -o page.html",
    "report run -d found.json -a labels.json -e evaluation.json -o report.html",
    "report run -d found.csv -a labels.csv --videos videos -o report.html",
    "doctor -f features -a labels.json --run run --videos videos",
    "localize run -f features -o new.json",
    "localize run -f features -a labels.json -o new.csv --save-activations",
    "train -m wtalc -f features -a labels.json -o run --resume " + _SMALL + "1",
    "train -m wtalc -f features -a labels.json -o half --resume " + _SMALL + "2",
    "train -m wsad -f features -a labels.csv -o new --recipe recipe.yaml --set iterations=1",
    "train -m wtalc -f features -a labels.json -o new --set iterations=0",
    "combine features -o new",
    "import features npy -o new --layout opentad -a labels.json",
    "import features npz -o new --layout actionformer",
    "import features wtalc -o new --layout wtalc",
    "convert labels.json -o new.csv",
    "convert found.csv -o new --to elan",
    "convert labels.json -o new.json --to via",
    "convert labels.json -o new.json --to label-studio --fps 25",
    "convert labels.json -o new.boris",
    "convert labels.json -o new --to textgrid",
    "convert thumos -o new.json",
    "convert lists -o new.json --from lists",
    "convert labels.csv -o new.json --from player-csv --videos videos",
    "import labels labels.json -o new.json --layout activitynet",
    "localize run videos -o new.json",
    "methods wsad",
    "weights path i3d-rgb-kinetics400",
    "weights list",
    "weights pull i3d-rgb",  # Without a network.
    "weights quantize videos -o new.safetensors --set rgb_weights=weights/int8.safetensors",
    "extract videos -o new --backbone i3d --workers 1",
    "extract videos -o new --backbone i3d --workers 1 --set rgb_weights=weights/rgb.pt",
    "extract videos -o new --backbone i3d --workers 1 --set rgb_weights=weights/int8.safetensors",
    "extract videos -o new --backbone hf:weights/hf --workers 1",
    "tune -m wtalc -f features -a labels.json -o study --trials 1 --set iterations=0",
    "tune -m wtalc -f features -a labels.json -o study --trials 1 " + _SMALL + "1",
]
_COSTLY = [
    "tune -m wtalc -f features -a labels.json -o new --trials 1 --set iterations=1",
    "tune -m wtalc -f features -a labels.json -o study --trials 2 " + _SMALL + "1",
    "extract videos/v0.mp4 videos/v2.avi -o new --workers 1 --set short_side=32",
    "clips found.json --videos videos -o new --min-score 0",
    "overlay found.json --videos videos -o new --min-score 0 --run run",
    "reproduce wsad:table1 -f features -a labels.json -o new --dry-run --jobs 1 --set iterations=1",
]
"""These start processes, decode videos or load Optuna."""


def choose_call(rng: random.Random) -> list[str]:
    """A call that is right."""
    return rng.choice(_COSTLY if rng.random() < 0.03 else _CALLS).split()


def change_call(call: list[str], rng: random.Random) -> list[str]:
    """Another value, a setting or an option more, or a word less."""
    at = rng.randrange(1, len(call))
    match rng.randrange(4):
        case 0:
            return [*call[:at], rng.choice(VALUES), *call[at + 1 :]]
        case 1:
            return [*call, "--set", f"{rng.choice(_KEYS)}={rng.choice(VALUES)}"]
        case 2:
            return [*call, rng.choice(_OPTIONS), rng.choice(VALUES)]
        case _:
            return [*call[:at], *call[at + 1 :]]
