"""Programs of other people read files of ours, and print as JSON what they found: `python consumers.py NAME FILE...`.

Those libraries do not go with ours (another OpenCV, Qt) or bring much along, so that this runs in an environment of its
own (``.ci/consumers.txt``) and imports nothing of untrim.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
import types
from pathlib import Path


def label_studio(path: Path) -> object:
    """Every annotation and prediction is valid by the labelling configuration."""
    from label_studio_sdk.label_interface import LabelInterface

    interface = LabelInterface(path.with_suffix(".config.xml").read_text(encoding="utf-8"))
    tasks = json.loads(path.read_text(encoding="utf-8"))
    made = [(key, one) for task in tasks for key in ("annotations", "predictions") for one in task.get(key, ())]
    right = [
        interface.validate_annotation(one) if key == "annotations" else interface.validate_prediction(one)
        for key, one in made
    ]
    strange = {**tasks[0]["predictions"][0]["result"][0], "type": "labels", "from_name": "nowhere"}
    right.append(not interface.validate_annotation({"result": [strange]}))
    return {"right": right, "results": sum(len(one["result"]) for _, one in made)}


def cvat(path: Path) -> object:
    """Label -> frame, whether it is outside, and the box, of each key frame."""
    from datumaro.components.dataset import Dataset

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "annotations.xml").write_bytes(path.read_bytes())
        dataset = Dataset.import_from(folder, "cvat")
        names = dataset.categories()[next(iter(dataset.categories()))]
        frames: dict[str, list[list[object]]] = {}
        for item in dataset:
            for one in item.annotations:
                place = [int(item.attributes["frame"]), bool(one.attributes.get("outside")), one.get_bbox()]
                frames.setdefault(names[one.label].name, []).append(place)
    return {label: sorted(own, key=str) for label, own in frames.items()}


def audacity(path: Path) -> object:
    """Label, start and end of each row, as crowsetta has them."""
    import crowsetta

    found = crowsetta.formats.seq.AudSeq.from_file(path)
    rows = zip(found.labels, found.start_times, found.end_times, strict=True)
    return [[str(label), float(start), float(end)] for label, start, end in rows]


def boris(path: Path) -> object:
    """What BORIS says of the project, and its events; Qt and mpv are not needed for that."""

    class Anything(types.ModuleType):
        __path__: list[str] = []

        def __getattr__(self, name: str) -> object:
            return type(name, (), {})

    boris_package = types.ModuleType("boris")  # Its own `__init__` opens the program.
    spec = importlib.util.find_spec("boris")
    assert spec is not None
    boris_package.__path__ = list(spec.submodule_search_locations or [])
    sys.modules["boris"] = boris_package
    qt = ("PyQt5", "PyQt5.QtCore", "PyQt5.QtGui", "PyQt5.QtWidgets", "PIL", "PIL.ImageQt", "tablib")
    for name in (*qt, "boris.mpv2", "boris.db_functions", "boris.dialog", "boris.observation_operations"):
        sys.modules[name] = Anything(name)
    sys.modules["boris.mpv2"].sofile = ""  # type: ignore[attr-defined]
    from boris import project_functions

    _, changed, project, message = project_functions.open_project_json(str(path))
    told = project_functions.check_project_integrity(project, "hh:mm:ss", str(path), media_file_available=False)
    events = {name: [[float(e[0]), e[2]] for e in one["events"]] for name, one in project["observations"].items()}
    return {"changed": changed, "told": f"{message}{told}".replace("<br>", ""), "events": events}


if __name__ == "__main__":
    print(json.dumps([globals()[sys.argv[1]](Path(file)) for file in sys.argv[2:]]))
