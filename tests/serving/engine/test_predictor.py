"""The predictor's masks are the library's to the bit, from any number of threads, with or without its cache."""

from __future__ import annotations

import io
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from components.artefacts import ModelDescription
from components.errors import ArtefactError, ImageError, ImageTooLargeError, PromptError
from components.listing import FILES, MODEL, list_files
from components.masks import from_rle
from components.promptable.calibration import write_calibration
from components.promptable.predict import segment
from components.promptable.runtimes.loading import load_runtime
from components.promptable.runtimes.pytorch import PyTorch
from components.release.files import listing_text
from components.students import load_student
from components.types import BoxXyxy, Image, Point, Prompt
from serving.engine.predictor import ImageGoneError, Predictor, TooMuchWorkError
from tests.components.promptable.calibrations import make_calibration
from tests.serving.small import SETTINGS, with_cache, with_limits

Loaded = tuple[PyTorch, ModelDescription]


def png_of(image: Image) -> bytes:
    """An image as a PNG file."""
    buffer = io.BytesIO()
    PilImage.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


PROMPTS = (
    Prompt((31.0, 16.0, 60.0, 45.0)),
    Prompt(None, (Point(45.0, 30.0),)),
    Prompt((2.5, 3.0, 80.0, 50.0), (Point(45.0, 30.0), Point(5.0, 5.0, positive=False))),
)


def test_masks_are_those_of_the_library_to_the_bit(model_folder: Path, image: Image, png: bytes) -> None:
    predictor = Predictor.load(model_folder, settings=SETTINGS)
    expected = segment(load_runtime(model_folder, "pytorch"), image, PROMPTS)
    assert len({prediction.mask.tobytes() for prediction in expected}) == len(PROMPTS), "prompts must matter"
    answer = predictor.segment(PROMPTS, image=png)
    for given, wanted in zip(answer.objects, expected, strict=True):
        np.testing.assert_array_equal(from_rle(given.mask.model_dump()), wanted.mask)
        assert given.quality == wanted.quality and given.area_px == wanted.mask.sum() > 0
    assert (answer.image.height, answer.image.width) == (60, 90)


def test_an_embedded_image_gives_the_same_masks(predictor: Predictor, png: bytes) -> None:
    at_once = predictor.segment(PROMPTS, image=png)
    image_id = predictor.embed(png).image.id
    later = predictor.segment(PROMPTS, image_id=image_id)
    assert later.image == at_once.image and later.objects == at_once.objects
    assert later.timing_ms.decode == 0 and later.timing_ms.embed == 0
    assert at_once.timing_ms.embed > 0


def test_thirty_two_threads_answer_as_one(loaded: Loaded, image: Image) -> None:
    serial = Predictor(*loaded, settings=SETTINGS)
    # Several images: one that many ask for is embedded once.
    images = [png_of(np.roll(image, n, axis=1)) for n in range(8)]
    jobs = [(Prompt((1.0 + n, 2.0 + n, 50.0 + n, 40.0 + n / 2)), images[n % 8]) for n in range(32)]
    expected = [serial.segment([prompt], image=png).objects for prompt, png in jobs]
    shared = Predictor(*loaded, settings=SETTINGS)
    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(lambda job: shared.segment([job[0]], image=job[1]).objects, jobs))
    assert found == expected and shared.cache.counts.encoded == 8
    assert len({objects[0].mask.counts for objects in expected}) > 16


def test_an_unknown_id_is_gone_and_says_what_to_do(predictor: Predictor) -> None:
    with pytest.raises(ImageGoneError, match="POST /v1/images"):
        predictor.segment(PROMPTS, image_id="0" * 64)


def test_the_cache_lets_the_oldest_image_go(loaded: Loaded, predictor: Predictor, png: bytes) -> None:
    predictor.embed(png)
    one_bytes = predictor.cache.held_bytes
    small = Predictor(*loaded, settings=with_cache(bytes=one_bytes))
    first = small.embed(png).image.id
    small.segment(PROMPTS, image_id=first)
    buffer = io.BytesIO()
    PilImage.new("L", (9, 9)).save(buffer, "PNG")
    small.embed(buffer.getvalue())
    with pytest.raises(ImageGoneError):
        small.segment(PROMPTS, image_id=first)


@pytest.mark.parametrize("data", [b"", b"text", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_bytes_that_are_no_image_are_an_image_error(predictor: Predictor, data: bytes) -> None:
    with pytest.raises(ImageError, match="image: "):
        predictor.segment(PROMPTS, image=data)


@pytest.mark.parametrize(
    "box",
    [
        (float("nan"), 0.0, 5.0, 5.0),
        (0.0, 0.0, float("inf"), 5.0),
        (-1.0, 0.0, 5.0, 5.0),
        (0.0, 0.0, 91.0, 5.0),
        (5.0, 5.0, 5.0, 9.0),
        (9.0, 5.0, 5.0, 9.0),
    ],
)
def test_boxes_outside_the_image_are_a_prompt_error(predictor: Predictor, png: bytes, box: BoxXyxy) -> None:
    with pytest.raises(PromptError, match="object 0"):
        predictor.segment([Prompt(box)], image=png)
    assert len(predictor.cache) == 0, "a bad prompt must not cost an embedding"


def test_limits_on_pixels_and_work(loaded: Loaded, png: bytes) -> None:
    with pytest.raises(ImageTooLargeError):
        Predictor(*loaded, settings=with_limits(image_px=60 * 90 - 1)).segment(PROMPTS, image=png)
    busy = Predictor(*loaded, settings=with_limits(mask_px=2 * 60 * 90))
    assert len(busy.segment(PROMPTS[:2], image=png).objects) == 2
    with pytest.raises(TooMuchWorkError):
        busy.segment(PROMPTS, image=png)


def test_altered_weights_are_never_served(model_folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "model"
    shutil.copytree(model_folder, copied)
    weights = bytearray((copied / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (copied / "weights.safetensors").write_bytes(weights)
    with pytest.raises(ArtefactError, match="sha256"):
        Predictor.load(copied, settings=SETTINGS)


def test_a_calibrated_model_says_how_sure_it_is_and_draws_the_same(
    loaded: Loaded, model_folder: Path, tmp_path: Path, png: bytes
) -> None:
    folder = tmp_path / "m"
    shutil.copytree(model_folder, folder)
    plain = Predictor.load(folder, settings=SETTINGS).segment(PROMPTS, image=png)
    assert all((one.confidence, one.abstain) == (None, None) for one in plain.objects) and plain.image.guard is None
    assert all("not calibrated" in one.reasons[0] for one in plain.objects)
    digest = loaded[1].digest
    middle = 0.25 + sorted(one.quality for one in plain.objects)[1] / 2
    write_calibration(folder, make_calibration(digest, threshold=middle))
    predictor = Predictor.load(folder, settings=SETTINGS)
    answer = predictor.segment(PROMPTS, image=png)
    for one, before in zip(answer.objects, plain.objects, strict=True):
        assert (one.mask, one.quality) == (before.mask, before.quality)
        assert one.confidence == pytest.approx(0.25 + one.quality / 2)
        assert one.abstain == (one.confidence < middle) == bool(one.reasons)
    assert {one.abstain for one in answer.objects} == {True, False}
    assert answer.image.guard is not None and not answer.image.guard.flagged
    told = predictor.card().calibration
    assert told.calibrated and told.threshold == middle and "60 validation cases" in told.told
    assert not Predictor.load(model_folder, settings=SETTINGS).card().calibration.calibrated


def test_an_image_unlike_ultrasound_is_flagged_at_once_and_by_its_id(loaded: Loaded, png: bytes) -> None:
    predictor = Predictor(
        *loaded, settings=SETTINGS, calibration=make_calibration(loaded[1].digest, threshold=0.0, limit=1e-6)
    )
    embedded = predictor.embed(png).image
    assert embedded.guard is not None and embedded.guard.flagged and "doesn't look like" in embedded.guard.told
    answer = predictor.segment(PROMPTS, image_id=embedded.id)
    assert answer.image == embedded
    assert all(one.abstain and "doesn't look like" in one.reasons[0] and one.area_px for one in answer.objects)


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("embedding", {"centre": -1, "spread": -1}, "features for a guard of"),
        ("image", {"centre": -1, "spread": -1}, r"\(10,\) features for a guard of 9"),
        ("image", {"unit": 5e-324, "centre": 1e308}, "a blank image is"),
    ],
)
def test_a_guard_that_doesnt_fit_the_model_is_never_served(
    model_folder: Path, tmp_path: Path, part: str, change: dict[str, float], said: str
) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    path = write_calibration(folder, make_calibration(load_student(folder)[1].digest))
    values = json.loads(path.read_text(encoding="utf-8"))
    for name, to in change.items():
        was = values["guard"][part][name]
        values["guard"][part][name] = to if name == "unit" else was[:-1] if to == -1 else [to] * len(was)
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(ArtefactError, match=f"guard doesn't fit the model: .*{said}"):
        Predictor.load(folder, settings=SETTINGS)


def test_another_models_calibration_is_never_served(model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(model_folder, folder)
    write_calibration(folder, make_calibration("c" * 64))
    with pytest.raises(ArtefactError, match="calibration of the weights cccccccccccc"):
        Predictor.load(folder, settings=SETTINGS)


def test_a_calibration_that_isnt_the_judged_one_is_never_served(model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(model_folder, folder)
    digest = Predictor.load(folder, settings=SETTINGS).description.digest
    write_calibration(folder, make_calibration(digest, threshold=0.9))
    files = {MODEL + name: sha256 for name, sha256 in list_files(folder).items()}
    (folder / FILES).write_text(listing_text(files))
    assert Predictor.load(folder, settings=SETTINGS).card().calibration.threshold == 0.9
    write_calibration(folder, make_calibration(digest, threshold=0.0))
    with pytest.raises(ArtefactError, match=r"calibration\.json was changed"):
        Predictor.load(folder, settings=SETTINGS)
    (folder / "calibration.json").unlink()
    with pytest.raises(ArtefactError, match=r"calibration\.json is missing"):
        Predictor.load(folder, settings=SETTINGS)


def test_the_card_says_phantom_and_research_only(predictor: Predictor) -> None:
    card = predictor.card()
    assert card.phantom and "Phantom-trained" in card.intended_use and "Not a medical device" in card.intended_use
    assert card.model.digest == predictor.description.digest and card.model.version == card.model.digest[:12]


def test_a_broken_card_is_named(model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(model_folder, folder)
    for text in ("{", "[]"):
        (folder / "card.json").write_text(text)
        with pytest.raises(ArtefactError, match="isn't a model card"):
            Predictor.load(folder, settings=SETTINGS)
