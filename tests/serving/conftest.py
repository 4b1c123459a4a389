"""A small student with random weights, as a model folder, and an image to ask it about."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from starlette.testclient import TestClient

from components.artefacts import ModelDescription
from components.params import AdapterParams, ModelParams, StudentParams
from components.promptable.described import read_described
from components.promptable.export import export_onnx
from components.promptable.model_folder import save_segmenter
from components.promptable.predict import pin_threads
from components.promptable.runtimes import pytorch
from components.promptable.runtimes.loading import load_runtime
from components.promptable.runtimes.pytorch import PyTorch
from components.promptable.runtimes.runtime import Runtime
from components.students import build_student, load_student, student_adapter, student_trunk
from components.types import Image
from serving.bedside import Bedside
from serving.engine.predictor import Predictor
from serving.http.app import build_app
from tests.serving.small import SETTINGS, client_of, recorded, with_limits

STUDENT = StudentParams(
    name="hiera_mini",
    window_spec=(8, 4, 16, 8),
    adapter=AdapterParams(variant="as_drawn", context=True, edge=True, scale=0.5),
)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student's model folder."""
    pin_threads()
    folder = tmp_path_factory.mktemp("served") / "student"
    save_segmenter(
        folder,
        build_student(STUDENT, model=ModelParams(image_size_px=64, draws_prompts=True), seed=3),
        kind="student",
        name="hiera_mini",
        trunk=student_trunk(STUDENT),
        adapter=student_adapter(STUDENT),
        phantom=True,
        base="scratch",
        trained_on=("nothing",),
        provenance={"git_sha": "0" * 40},
    )
    return folder


@pytest.fixture(scope="session")
def loaded(model_folder: Path) -> tuple[PyTorch, ModelDescription]:
    """That student, loaded once, in PyTorch."""
    return pytorch.load(model_folder), read_described(model_folder, kind="student")


@pytest.fixture(scope="session")
def packed_folder(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model folder with its exported networks, as a package holds them."""
    folder = Path(shutil.copytree(model_folder, tmp_path_factory.mktemp("packed") / "student"))
    export_onnx(load_student(model_folder)[0], folder)
    return folder


@pytest.fixture(scope="session")
def packed(packed_folder: Path) -> Runtime:
    """Those networks in ONNX Runtime."""
    return load_runtime(packed_folder, "onnxruntime")


@pytest.fixture
def predictor(loaded: tuple[PyTorch, ModelDescription]) -> Predictor:
    """A predictor with an empty cache."""
    return Predictor(*loaded, settings=SETTINGS)


@pytest.fixture(scope="session")
def image() -> Image:
    """A dark disc in noise, 60 x 90 pixels."""
    pixels = np.random.default_rng(5).integers(60, 200, (60, 90, 3), dtype=np.uint8)
    rows, columns = np.ogrid[:60, :90]
    pixels[(rows - 30) ** 2 + (columns - 45) ** 2 < 200] //= 4
    return pixels


@pytest.fixture(scope="session")
def png(image: Image) -> bytes:
    """The image as a PNG file."""
    buffer = io.BytesIO()
    PilImage.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def bedside(loaded: tuple[PyTorch, ModelDescription], tmp_path: Path) -> Iterator[Bedside]:
    """A running service with small limits on bytes and pixels, and a log of its own."""
    small = with_limits(body_bytes=3_000_000, prompts_bytes=50_000, image_px=200_000, mask_px=1_000_000)
    with recorded(Bedside.of(small), tmp_path) as bedside:
        predictor = Predictor(*loaded, settings=small)
        assert bedside.records is not None
        predictor.on_embedded = bedside.records.embedded
        bedside.models.install(predictor)
        yield bedside


@pytest.fixture
def client(bedside: Bedside) -> Iterator[TestClient]:
    """A client of the application; faults of the service come as a 500."""
    with client_of(build_app(bedside)) as client:
        yield client
