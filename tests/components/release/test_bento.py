"""A Bento carries the code, the weights and what they need, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from components.release.bento import runtime_pins


def test_pins_are_those_that_the_service_needs(root) -> None:
    pins = runtime_pins((root / "requirements.lock.txt").read_text())
    names = {line.split("==")[0].lower() for line in pins}
    assert {"torch", "bentoml", "sam2", "starlette", "pydicom", "hydra-core"} <= names
    assert not {"mlflow", "dvc", "prefect", "great-expectations"} & names
    assert set(pins) <= set((root / "requirements.lock.txt").read_text().splitlines())


def test_a_package_that_isnt_installed_keeps_its_pin() -> None:
    assert runtime_pins("nosuchpackage==1.0\nother==2\n", roots=("NoSuchPackage", "absent")) == ["nosuchpackage==1.0"]


def test_a_bento_is_built_once_and_found_again(root, make_model, tmp_path) -> None:
    code = (
        "import sys, json; from pathlib import Path; from components.release.bento import build_bento, find_bento;"
        "a = build_bento(Path(sys.argv[1]), Path(sys.argv[2])); b = build_bento(Path(sys.argv[1]), Path(sys.argv[2]));"
        "assert a == b == find_bento(a.tag); assert find_bento('sonoforge:none') is None;"
        "print('RESULT', json.dumps([a.tag, str(a.folder), a.model_digest]))"
    )
    where: dict[str, Any] = {
        "cwd": root,
        "env": {**os.environ, "BENTOML_HOME": str(tmp_path / "bentos"), "BENTOML_DO_NOT_TRACK": "true"},
        "capture_output": True,
        "text": True,
        "check": False,
    }
    done = subprocess.run([sys.executable, "-c", code, str(root), str(make_model(1))], **where)
    assert done.returncode == 0, done.stderr[-3000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    tag, folder, digest = json.loads(line.removeprefix("RESULT "))
    assert tag.startswith(f"sonoforge:{digest[:12]}-")
    source = Path(folder) / "src"
    assert (source / "model" / "weights.safetensors").is_file()
    assert (source / "serving" / "web" / "index.html").is_file()
    assert (source / "components" / "promptable" / "predict.py").is_file()
    assert not list(Path(folder).rglob("*.pyc"))
    assert "torch==" in (Path(folder) / "env" / "python" / "requirements.txt").read_text()

    for name in ("weights.safetensors", "model.json"):
        shutil.copy(make_model(2) / name, source / "model" / name)
    find = "import sys; from components.release.bento import find_bento; find_bento(sys.argv[1])"
    swapped = subprocess.run([sys.executable, "-c", find, tag], **where)
    assert f"the Bento {tag} holds the weights" in swapped.stderr and "bentoml delete" in swapped.stderr
