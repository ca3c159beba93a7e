"""The lowest version that pyproject.toml allows of each dependency, as constraints for pip."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
tested = ("dev", "docs", "onnx", "otio", "pandas", "plots", "tensorboard", "tune")
wanted = [*project["dependencies"], *(name for extra in tested for name in project["optional-dependencies"][extra])]
for requirement in wanted:
    if not requirement.startswith("untrim["):
        name, floor = re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement).groups()
        print(f"{name}=={floor}")
