"""What the log says of an answer: enough to find an image's outlines by all models, and each mask by its digest."""

from __future__ import annotations

from pathlib import Path

from components.artefacts import ModelDescription
from components.audit.concerning import concerning
from components.audit.entries import Prediction as PredictionEntry
from components.audit.outlines import mask_sha256
from components.audit.pixels import pixels_sha256
from components.audit.reading import read
from components.promptable.runtimes.pytorch import PyTorch
from components.types import Image, Prompt
from serving.access.callers import Caller
from serving.bedside import Bedside
from serving.engine.predictor import Predictor
from tests.serving.small import SETTINGS, recorded


def test_the_digest_of_its_pixels_finds_all_models_outlines_of_an_image(
    loaded: tuple[PyTorch, ModelDescription], image: Image, png: bytes, tmp_path: Path
) -> None:
    model, description = loaded
    other = description.model_copy(update={"weights_sha256": "f" * 64})
    predictors = [Predictor(model, each, settings=SETTINGS) for each in (description, other)]
    caller = Caller(who=None, role="use", auth="none")
    with recorded(Bedside.of(SETTINGS), tmp_path) as bedside:
        assert bedside.records is not None
        answers = [each.segment([Prompt((31.0, 16.0, 60.0, 45.0))], image=png) for each in predictors]
        again = predictors[0].segment([Prompt((2.0, 3.0, 80.0, 50.0))], image_id=answers[0].image.id)
        for answer in (*answers, again):
            bedside.records.answered(answer, caller)
    assert answers[0].image.id != answers[1].image.id
    found = concerning(tmp_path / "audit", [pixels_sha256(image)])
    assert found is not None and found.models == (description.digest, other.digest)
    for line, answer in zip(found.lines, (*answers, again), strict=True):
        assert isinstance(line.entry, PredictionEntry) and line.entry.image.id == answer.image.id
        assert line.entry.objects[0].mask_sha256 == mask_sha256(answer.outlines[0].prediction.mask)


def test_the_end_enters_the_refusals_that_were_counted(tmp_path: Path) -> None:
    with recorded(Bedside.of(SETTINGS), tmp_path) as bedside:
        assert bedside.records is not None
        for _ in range(3):
            bedside.records.refused("token_missing", None)
        bedside.records.stopped("asked to end")
    found = [each.line.entry for each in read(tmp_path / "audit", kinds=("refused", "stop"))]
    assert [getattr(entry, "times", entry.kind) for entry in found] == [1, 2, "stop"]
