"""A small project that the stages' tests walk through once, without servers."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from matplotlib.figure import Figure

from components.params import Params, load_params
from components.tracking import Provenance, collect_provenance
from pipelines.runtime.stage import Job, Stage, fill, narrowed
from pipelines.runtime.steps import Step

DEAF = pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
    reason="a job that the shell started in the background is deaf to SIGINT, and so is what it starts",
)

SMALL = {"busi": 24, "fugc": 6}


def shrink(params: dict[str, Any], images: Mapping[str, int]) -> dict[str, Any]:
    """The parameters of the smallest run: few phantoms, 64 pixels, one epoch."""
    params["datasets"] = {name: value for name, value in params["datasets"].items() if name in images}
    for name, count in images.items():
        params["datasets"][name]["phantom"]["images"] = count
    params["model"]["image_size_px"] = 64
    for training in ("finetune", "distil"):
        params[training] |= {"epochs": 1, "batch_size": 4, "loader_workers": 0}
    params["unet"] |= {"epochs": 1, "batch_size": 4, "loader_workers": 0, "channels": [8, 8]}
    params["prompts"]["evaluate"]["kinds"] = ["box", "box_jitter", "click"]
    params["evaluate"] |= {"bootstrap_resamples": 100, "figure_cases": 1, "not_ultrasound_images": 1}
    return params


class RecordedRun:
    """What a stage told its run."""

    run_id = "recorded"

    def __init__(self) -> None:
        self.metrics: dict[tuple[str, int], float] = {}
        self.tags: dict[str, str] = {}
        self.artifacts: list[Path] = []
        self.figures: dict[str, dict[str, dict[str, Any]]] = {}

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Keep metrics by name and step."""
        self.metrics |= {(name, step): value for name, value in values.items()}

    def log_tags(self, values: Mapping[str, str]) -> None:
        """Keep tags."""
        self.tags |= values

    def log_artifact(self, path: Path, under: str | None = None) -> None:
        """Keep the path of a file or folder, which must exist, under the name it would get."""
        assert path.exists()
        self.artifacts.append(Path(under or "") / path.name)

    def log_figure(self, figure: Figure, name: str) -> None:
        """Keep what each of a figure's axes shows: its label, and its lines' points by name."""
        self.figures[name] = {
            axes.get_ylabel(): {str(line.get_label()): line.get_xydata().tolist() for line in axes.lines}
            for axes in figure.axes
        }


@pytest.fixture
def plain_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let steps run as plain functions, without a Prefect server."""
    monkeypatch.setattr(Step, "__call__", lambda self, *args, **kwargs: self.function(*args, **kwargs))


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A project's folder with contracts and the smallest parameters; stages fill it as tests ask for them."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(root / "data/contracts", folder / "data/contracts")
    # The record of sides as it is shipped: those of real images in a clone's own record mean nothing here.
    (folder / "data/sides.csv").write_text("dataset,image_id,pixels_md5,split\n", encoding="utf-8")
    params = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    (folder / "docs").mkdir()
    shutil.copy(root / "docs/statements.yaml", folder / "docs")
    (folder / "params.yaml").write_text(yaml.safe_dump(shrink(params, SMALL), sort_keys=False), encoding="utf-8")
    shutil.copy(root / "dvc.yaml", folder)
    # What a Bento carries of the code: copies, so that it is the same whenever one is built.
    for name in ("components", "serving"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "requirements.lock.txt", folder)
    return folder


def make_job(stage: Stage, root: Path, dataset: str = "", params: Params | None = None) -> tuple[Job, RecordedRun]:
    """A stage's job as the runtime would make it, with a run that only remembers."""
    whole = params or load_params(root / "params.yaml")
    values = {"key": dataset}
    if dataset:
        found = whole.datasets[dataset]
        values |= {"item.role": found.role, "item.source": found.source}
    scratch = root / ".cache/stages" / (f"{stage.name}@{dataset}" if dataset else stage.name)
    scratch.mkdir(parents=True, exist_ok=True)
    run: Any = RecordedRun()
    provenance: Provenance = collect_provenance(root, stage=stage.name, seeds={"seed": 1})
    sections = [fill(section, values) for section in stage.params]
    return Job(stage.name, dataset, root, narrowed(whole, sections), provenance, run, scratch), run


Reached = Callable[[str], Path]


@pytest.fixture(scope="session")
def reached(project: Path) -> Iterator[Reached]:
    """Run the graph in `project` up to and with a stage, each stage once; returns the project's folder."""
    import importlib

    from pipelines.graph import STAGES

    done: set[str] = set()

    def reach(last: str) -> Path:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Step, "__call__", lambda self, *args, **kwargs: self.function(*args, **kwargs))
            for name in STAGES[: STAGES.index(last) + 1]:
                stage = getattr(importlib.import_module(f"pipelines.{name}"), name)
                for dataset in SMALL if stage.per_dataset else [""]:
                    if (key := f"{name}@{dataset}") not in done:
                        stage.function(make_job(stage, project, dataset)[0])
                        done.add(key)
        return project

    yield reach
