"""Ready runs, of stand-ins for the published weights and of a tiny model of Hugging Face."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import new_folder, run_untrim
from untrim.annotations import Annotations, Video, read_annotations, read_detections
from untrim.cli.app import named_classes
from untrim.errors import UntrimError
from untrim.features.backbones.i3d import RGB_WEIGHTS
from untrim.features.backbones.i3d_network import InceptionI3D
from untrim.features.store import FeatureFolder
from untrim.features.weights import kinetics400_names
from untrim.pipeline import localize, localize_videos, suggest
from untrim.rendering.overlay import make_overlays
from untrim.support.tensors import read_safetensors, write_safetensors
from untrim.training.checkpoint import Run
from untrim.training.loop import train
from untrim.training.ready_runs import find_run, is_ready_run, pull_run, ready_path, search_classes

TINY = {
    "image_size": 32, "patch_size": 16, "num_frames": 4, "tubelet_size": 2, "hidden_size": 24,
    "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
}  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with weights of random numbers in the layout of the published ones."""
    folder = tmp_path_factory.mktemp("cache")
    torch.manual_seed(0)
    write_safetensors(folder / "weights" / f"{RGB_WEIGHTS}.safetensors", InceptionI3D().state_dict())
    return folder


@pytest.fixture(autouse=True)
def _own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNTRIM_CACHE", str(cache))


@pytest.fixture
def features(tmp_path: Path) -> FeatureFolder:
    """Features of two videos, of the kind of `kinetics400`; they show what its classifier calls skiing slalom."""
    run = find_run("kinetics400")
    weights = read_safetensors(run.path / "model.safetensors")["classifier.weight"]
    row = weights[run.labels.index("skiing slalom")].numpy()
    folder = FeatureFolder(tmp_path / "features", run.features)
    for index in range(2):
        array = np.random.default_rng(index).normal(0, 0.01, (40, 1024))
        array[10:25] += 20 * row / np.linalg.norm(row) ** 2
        folder.save(f"video{index}", array)
    folder.save_info()
    return folder


def test_the_names_are_those_of_the_data(shared_data: Path) -> None:
    assert kinetics400_names() == tuple((shared_data / "golden" / "kinetics400_labels.txt").read_text().splitlines())


def test_a_ready_run_is_a_run_with_the_classifier_of_the_network(cache: Path) -> None:
    assert is_ready_run("kinetics400")
    run = pull_run("kinetics400")
    assert run == Run.open(cache / "runs" / "kinetics400") == find_run("kinetics400") == find_run(run)
    assert (run.method, run.finished, run.labels) == ("pretrained", True, kinetics400_names())
    info = run.features
    assert (info.backbone, info.snippet_frames, info.stride_frames) == ("i3d", 16, 8)
    network = read_safetensors(cache / "weights" / f"{RGB_WEIGHTS}.safetensors")
    model = run.load_model(torch.device("cpu")).state_dict()
    assert torch.equal(model["classifier.weight"], network["logits.conv3d.weight"].flatten(1))
    assert torch.equal(model["classifier.bias"], network["logits.conv3d.bias"])
    assert "MIT" in (run.path / "README.md").read_text()


def test_a_run_that_was_not_written_to_its_end_is_written_again(cache: Path) -> None:
    path = pull_run("kinetics400").path
    (path / "model.safetensors").unlink()
    (path / "labels.json").unlink()
    assert find_run("kinetics400").finished


def test_it_finds_what_the_network_knows(features: FeatureFolder) -> None:
    found = localize("kinetics400", features)
    best = found["video0"][0]
    assert best.label == "skiing slalom"
    assert best.segment.tiou(features.info.grid().segment(10, 25)) > 0.8


def test_features_of_any_stride_fit(features: FeatureFolder) -> None:
    features.info = features.info.with_stride(4)
    found = localize("kinetics400", features)["video0"][0].segment
    assert found.duration == pytest.approx(15 * 4 / 25, abs=0.5)
    features.info = features.info.model_copy(update={"snippet_frames": 32})
    with pytest.raises(UntrimError, match="snippet_frames: 16 against 32"):
        localize("kinetics400", features)


def test_only_what_is_asked_for(features: FeatureFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "found.json"
    call = ("localize", "kinetics400", "-f", features.path, "-o", out)
    assert run_untrim(*call, "--only", "abseiling, skiing slalom", "--only", "yoga") == 0
    found = read_detections(out)
    assert {each.label for own in found.values() for each in own} == {"abseiling", "skiing slalom", "yoga"}
    wrong = {
        "skiing slalon": "did you mean 'skiing slalom'?",
        "crosscountry": "there are skiing (not slalom or crosscountry), skiing crosscountry",
        "slalon": "did you mean 'skiing slalom'?",
        "Tai Chi": "did you mean 'tai chi'?",
        "tight-rope": "known: ",
        "yoga,": "a class without a name",
        "": "a class without a name",
    }
    out.unlink()
    capsys.readouterr()
    for names, words in wrong.items():
        assert run_untrim(*call, "--only", names) == 2
        assert words in capsys.readouterr().err
    assert not out.exists()


def test_any_run_can_be_asked_for_some_of_its_classes(features: FeatureFolder) -> None:
    """Here one whose method does not hear of it."""
    run = find_run("kinetics400")
    everything = localize(run, features, "video0")["video0"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("untrim.methods.pretrained.Pretrained.look_for", lambda *_: None)
        assert localize(run, features, "video0", only="skiing slalom")["video0"] == [
            each for each in everything if each.label == "skiing slalom"
        ]
        assert localize(run, features, "video0", only="yoga")["video0"] == []


def test_the_table_shows_the_best_twenty(
    features: FeatureFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [name for name in kinetics400_names() if "ski" in name][:6]
    call = ("localize", "kinetics400", "-f", features.path, "-o", tmp_path / "found.csv", "--only", ",".join(names))
    assert run_untrim(*call, "--min-score", "0") == 0
    count = len((tmp_path / "found.csv").read_text().splitlines()) - 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["video", "action", "start", "end", "score"]
    assert lines[1].startswith("video")
    assert "skiing slalom" in lines[1]
    scores = [float(line.split()[-1]) for line in lines[1:21]]
    assert scores == sorted(scores, reverse=True)
    assert count > 20
    assert lines[21] == f"the best 20 of {count}"
    assert len({line.rindex(".") for line in lines[1:21]}) == 1  # flush right


def test_where_nothing_counts_as_found_the_table_shows_the_best_of_the_rest(
    features: FeatureFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ("localize", "kinetics400", "-f", features.path, "-o", tmp_path / "found.csv", "--only", "yoga,zumba")
    assert run_untrim(*call, "--min-score", "0.999") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "nothing above 0.999; the best below:"
    assert lines[1].split() == ["video", "action", "start", "end", "score"]
    count = len((tmp_path / "found.csv").read_text().splitlines()) - 1
    assert len([line for line in lines[2:] if line.startswith("video")]) == min(5, count)
    assert f"0 above 0.999, {count} more in the file" in lines


def test_a_class_with_a_comma_is_named_in_quotes() -> None:
    assert named_classes([]) is None
    assert named_classes(["walk, run", '"cut, slice",yoga', "a b"]) == ["walk", "run", "cut, slice", "yoga", "a b"]


@pytest.mark.parametrize("verb", ["localize kinetics400", "suggest"])
def test_if_no_video_can_be_done_no_file_is_written(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    works = "localize_videos" if verb.startswith("localize") else "suggest"
    monkeypatch.setattr(f"untrim.pipeline.{works}", lambda *_, **__: ({}, {"broken": "broken.mp4: no readable video"}))
    out = tmp_path / ("found.csv" if verb.startswith("localize") else "labels.csv")
    earlier = f"video,label,{'start,end,' if verb.startswith('localize') else ''}score\n"
    out.write_text(earlier)
    assert run_untrim(*verb.split(), tmp_path / "broken.mp4", "-o", out) == 1
    printed = capsys.readouterr()
    assert printed.err.splitlines()[0] == "failed: broken.mp4: no readable video"
    assert printed.out == ""
    assert out.read_text() == earlier


def test_names_lead_to_ready_runs_and_folders(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UntrimError, match="did you mean 'kinetics400'"):
        find_run("kinetics-400")
    with pytest.raises(UntrimError, match="is not a run folder"):
        find_run(tmp_path)
    monkeypatch.chdir(tmp_path)
    new_folder(tmp_path / "kinetics400", rgb=2)
    assert not is_ready_run("kinetics400")
    with pytest.raises(UntrimError, match="is not a run folder"):
        find_run("kinetics400")
    assert ready_path("hf:../../x").parent == ready_path(f"hf:{'a' * 5000}").parent == cache / "runs"


def test_classes_are_searched(capsys: pytest.CaptureFixture[str]) -> None:
    assert ("kinetics400", "skiing slalom") in search_classes("SKI")
    with pytest.raises(UntrimError, match="did you mean 'juggling balls'"):
        search_classes("jugling balls")
    assert run_untrim("weights", "list", "--search", "slalom") == 0
    assert "kinetics400  skiing slalom" in capsys.readouterr().out.splitlines()


def test_the_command_line_names_ready_runs(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_untrim("weights", "pull", "kinetics400") == 0
    assert "untrim localize kinetics400 VIDEO" in capsys.readouterr().out
    assert run_untrim("weights", "path", "kinetics400") == 0
    assert capsys.readouterr().out.strip() == str(cache / "runs" / "kinetics400")
    assert run_untrim("weights", "list") == 0
    assert "kinetics400  here  400 classes" in capsys.readouterr().out
    monkeypatch.setenv("UNTRIM_CACHE", str(tmp_path))
    assert run_untrim("weights", "path", "kinetics400") == 2
    assert "run `untrim weights pull kinetics400`" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A VideoMAE classifier of three classes with random weights, as `save_pretrained` writes it."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    labels = {0: "wave", 1: "clap", 2: "bow"}
    config = transformers.VideoMAEConfig(**TINY, id2label=labels, label2id={name: i for i, name in labels.items()})
    transformers.VideoMAEForVideoClassification(config).save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


def test_a_model_of_hugging_face_becomes_a_ready_run(
    checkpoint: Path, tmp_path: Path, write_video: Callable[..., Path]
) -> None:
    """Its logits are those of the model itself, of one snippet."""
    transformers = pytest.importorskip("transformers")
    name, video = f"hf:{checkpoint}", write_video(tmp_path / "video.mp4", 64)
    run = find_run(name)
    assert run.labels == ("wave", "clap", "bow")
    assert run.features.recipe["pooled"] == "classifier"
    assert (name, "clap") in search_classes("clap")
    found, failed = localize_videos(name, video, tmp_path / "features", workers=1, activations=tmp_path / "said")
    assert (found.keys(), failed) == ({"video"}, {})
    rows = FeatureFolder.open(tmp_path / "features").load("video")
    classifier = transformers.VideoMAEForVideoClassification.from_pretrained(checkpoint).eval().classifier
    with torch.inference_mode(), np.load(tmp_path / "said" / "video.npz") as arrays:
        middle = min(2, len(rows) - 1)
        window = classifier(torch.from_numpy(rows[max(0, middle - 2) : middle + 3])).mean(0)
        np.testing.assert_allclose(arrays["cas"][middle], window, atol=1e-3)
    with pytest.raises(UntrimError, match="their model is a path that the run chooses"):
        localize_videos(run.path, video, tmp_path / "features")


def test_a_model_that_has_changed_is_read_again(checkpoint: Path) -> None:
    transformers = pytest.importorskip("transformers")
    before = pull_run(f"hf:{checkpoint}")
    model = transformers.VideoMAEForVideoClassification.from_pretrained(checkpoint)
    with torch.no_grad():
        model.classifier.bias += 1
    model.save_pretrained(checkpoint)
    after = pull_run(f"hf:{checkpoint}")
    assert before.path == after.path
    bias = after.load_model(torch.device("cpu")).state_dict()["classifier.bias"]
    torch.testing.assert_close(bias, model.classifier.bias.detach())


def test_models_that_cannot_become_ready_runs(checkpoint: Path, cache: Path) -> None:
    transformers = pytest.importorskip("transformers")
    described = json.loads((checkpoint / "config.json").read_text())
    described["id2label"] = {0: "wave", 1: "wave", 2: "bow"}
    (checkpoint / "config.json").write_text(json.dumps(described))
    with pytest.raises(UntrimError, match="two alike"):
        pull_run(f"hf:{checkpoint}")
    transformers.VideoMAEModel(transformers.VideoMAEConfig(**TINY)).save_pretrained(checkpoint)
    with pytest.raises(UntrimError, match="lacks the weights of"):
        pull_run(f"hf:{checkpoint}")
    with pytest.raises(UntrimError, match="nowhere"):
        pull_run(f"hf:{checkpoint / 'nowhere'}")
    with pytest.raises(UntrimError, match="unknown weights 'kinetics'"):
        pull_run("kinetics")
    assert not list((cache / "runs").glob("*nowhere*"))


def test_fetching_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[object, ...]] = []
    (pull_run("kinetics400").path / "model.safetensors").unlink()
    find_run("kinetics400", lambda *step: told.append(step))
    find_run("kinetics400", lambda *step: told.append(step))
    assert told == [("fetch kinetics400", 0, 1, ""), ("fetch kinetics400", 1, 1, "")]


def test_what_was_not_trained_is_no_start_of_a_training(features: FeatureFolder) -> None:
    labels = {"video0": ["yoga"], "video1": ["zumba"]}
    known = Annotations([Video(name, "training", None, tuple(own)) for name, own in labels.items()])
    with pytest.raises(UntrimError, match="none can start from it"):
        train(None, [(features.path, known)], features.path / "run", start="kinetics400")


def test_an_overlay_takes_the_name_of_a_ready_run(
    features: FeatureFolder, tmp_path: Path, write_video: Callable[..., Path]
) -> None:
    video, said = write_video(tmp_path / "video0.mp4", 40), tmp_path / "said"
    found = localize("kinetics400", features, "video0", activations=said)
    made = make_overlays(found, video, tmp_path / "films", run="kinetics400", activations=said, min_score=0)
    assert (list(made.films), made.notes) == (["video0"], ())


def test_suggestions_are_labels_to_train_on(
    checkpoint: Path, tmp_path: Path, write_video: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "videos").mkdir()
    for index in range(2):
        write_video(tmp_path / "videos" / f"video{index}.mp4", 70, seed=index)
    name, kept, out = f"hf:{checkpoint}", tmp_path / "labels-features", tmp_path / "labels.csv"
    call = ("suggest", tmp_path / "videos", "--run", name, "-o", out, "--least", "0", "--most", "2", "--workers", "1")
    assert run_untrim(*call) == 0
    printed = capsys.readouterr().out
    assert "4 labels for 2 videos" in printed
    assert f"untrim train -m consensus -f {kept} -a {out}" in printed
    assert out.read_text().splitlines()[0] == "video,label,score"
    labels = read_annotations(out)
    assert {video.subset for video in labels.values()} == {"training"}
    suggested, failed = suggest(name, tmp_path / "videos", kept, least=0)
    assert failed == {}
    for video, rows in suggested.items():
        assert {row.label for row in rows[:2]} == {*labels[video].labels}
        assert {row.label for row in rows} == {"wave", "clap", "bow"}
        assert [row.score for row in rows] == sorted((row.score for row in rows), reverse=True)
    best = {video: rows[0].label for video, rows in suggested.items()}
    alone, _ = suggest(name, tmp_path / "videos", kept, least=1)
    assert {video: [row.label for row in rows] for video, rows in alone.items()} == {v: [c] for v, c in best.items()}
    asked, _ = suggest(name, tmp_path / "videos", kept, only="bow")
    assert [[row.label for row in rows] for rows in asked.values()] == [["bow"], ["bow"]]
    with pytest.raises(UntrimError, match="least 2"):
        suggest(name, tmp_path / "videos", kept, least=2)
    assert (
        run_untrim("train", "-m", "wsad", "-f", kept, "-a", out, "-o", tmp_path / "run", "--set", "iterations=1") == 0
    )


def test_a_ready_run_with_other_settings_is_written_to_a_folder(
    checkpoint: Path, tmp_path: Path, write_video: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    name, run = f"hf:{checkpoint}", tmp_path / "run"
    assert run_untrim("weights", "pull", name, "-o", run, "--set", "snippet_frames=16", "--set", "short_side=48") == 0
    assert f"untrim localize {run} VIDEO" in capsys.readouterr().out
    made = Run.open(run)
    assert (made.features.snippet_frames, made.features.stride_frames, made.finished) == (16, 8, True)
    assert made.features.recipe["short_side"] == 48
    video = write_video(tmp_path / "video.mp4", 40)
    call = ("localize", run, video, "-o", tmp_path / "found.json", "--workers", "1")
    assert run_untrim(*call, "--set", f"checkpoint={checkpoint}") == 0
    before = {file: file.read_bytes() for file in run.iterdir()}
    capsys.readouterr()
    wrong = {
        "holds a run already": (name, "-o", run),
        "holds features": (name, "-o", tmp_path / "found-features"),
        "name a folder for another one": (name, "--set", "snippet_frames=16"),
        "unknown key 'nonsense'": (name, "-o", tmp_path / "new", "--set", "nonsense=1"),
        "is no run": (RGB_WEIGHTS, "-o", tmp_path / "new"),
    }
    for words, arguments in wrong.items():
        assert run_untrim("weights", "pull", *arguments) == 2
        assert words in capsys.readouterr().err
    assert {file: file.read_bytes() for file in run.iterdir()} == before
    assert not (tmp_path / "new").exists()


def test_one_command_from_a_video_to_the_page(
    checkpoint: Path, tmp_path: Path, write_video: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    video, out, page = write_video(tmp_path / "dance.mp4", 80), tmp_path / "found.json", tmp_path / "found.html"
    assert run_untrim("localize", f"hf:{checkpoint}", video, "-o", out, "--report", page) == 0
    assert f"report: {page}" in capsys.readouterr().out
    text = page.read_text()
    assert "Nothing was trained" in text
    assert "dance.mp4" in text
    assert "data:image/" in text
    assert read_detections(out)["dance"]
    page.unlink()
    for wrong, words in ((tmp_path / "found.txt", "has ending '.txt'"), (tmp_path, "has ending ''")):
        assert run_untrim("localize", f"hf:{checkpoint}", video, "-o", tmp_path / "new.json", "--report", wrong) == 2
        assert words in capsys.readouterr().err
    assert not (tmp_path / "new.json").exists()
