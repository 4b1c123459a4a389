"""Who answers after a switch: the new model for new images, the former one for its own, for a while."""

from __future__ import annotations

from components.artefacts import ModelDescription
from components.promptable.runtimes.pytorch import PyTorch
from serving.engine.predictor import Predictor
from serving.operation.models import Models
from tests.serving.small import SETTINGS

KEEP_S = 100.0


class Clock:
    """A clock that stands still until it is moved."""

    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def other(loaded: tuple[PyTorch, ModelDescription], digest: str) -> Predictor:
    """The same network under another digest."""
    model, description = loaded
    return Predictor(model, description.model_copy(update={"weights_sha256": digest * 64}), settings=SETTINGS)


def test_a_former_model_answers_for_its_images_until_its_time_is_over(
    loaded: tuple[PyTorch, ModelDescription], png: bytes
) -> None:
    clock = Clock()
    models = Models(keep_s=KEEP_S, clock=clock)
    assert models.current is None and models.holding("0" * 64) is None
    first, second = other(loaded, "a"), other(loaded, "b")
    models.install(first)
    image_id = first.embed(png).image.id
    models.install(second)
    assert models.current is second and models.former == (first,)
    assert models.holding(image_id) is first
    assert models.holding(second.embed(png).image.id) is second
    clock.now_s += KEEP_S - 1
    assert models.holding(image_id) is first and models.forget() == ()
    clock.now_s += 1
    assert models.holding(image_id) is None and models.former == ()
    assert models.forget() == (first,)


def test_a_model_that_comes_back_in_time_goes_on_with_what_it_has_embedded(
    loaded: tuple[PyTorch, ModelDescription], png: bytes
) -> None:
    models = Models(keep_s=KEEP_S, clock=Clock())
    first, second = other(loaded, "a"), other(loaded, "b")
    models.install(first)
    image_id = first.embed(png).image.id
    models.install(second)
    again = other(loaded, "a")
    again.cache = first.cache  # as in the service, where all share one
    models.install(again)
    assert models.current is again and models.former == (second,)
    assert models.holding(image_id) is again
