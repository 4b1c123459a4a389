"""Bytes and prompts to masks: the service without its web server.

An image is decoded and embedded once; its embedding is kept under its `image_id`, a sha256 of all that an answer
depends on (seen.py), so that an id never stands for other pixels, another frame or scale, or another model. Masks are
those of components.promptable.predict.segment to the bit. A predictor holds no state but that cache: any number of
threads may share it. Leaves out: HTTP (serving/http) and BentoML (serving/service.py).
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.artefacts import ModelDescription, sha256_of
from components.card import read_card, version_of
from components.errors import ArtefactError, SonoForgeError
from components.findings.measure import measure_on_frame
from components.formats import READABLE, Source, SourceLimits, open_source
from components.listing import FILES, check_listed
from components.params import ServingParams
from components.promptable.calibration import Calibration, find_calibration
from components.promptable.described import read_described
from components.promptable.embedding import Embedding
from components.promptable.guard import check_fits, check_image
from components.promptable.predict import check_prompts, embed
from components.promptable.runtimes.choosing import load_chosen
from components.promptable.runtimes.runtime import Runtime
from components.promptable.self_check import Held, read_self_check
from components.types import Image, Prediction, Prompt
from serving.engine.answers import Answer, Outlined, calibration_out, image_out, judged, object_out
from serving.engine.batching import Batcher, Click, embed_all, segment_all
from serving.engine.cache import Embedded, EmbeddingCache, Key
from serving.engine.seen import Seen, image_id, see
from serving.schema.answers import EmbedOut, ModelOut, TimingOut
from serving.schema.card import CardOut, LimitsOut, RuntimeOut
from serving.schema.prompts import PromptsIn

INTENDED_USE = "Research use only. Not a medical device; not for diagnosis or treatment."
PHANTOM_USE = "Phantom-trained demo: this model has seen drawn images, and its masks mean nothing on patients."
logger = logging.getLogger(__name__)


class ImageGoneError(SonoForgeError):
    """An `image_id` whose embedding isn't kept: never seen, let go, or made by another model."""


class TooMuchWorkError(SonoForgeError):
    """More mask pixels in one request than the service computes."""


OnEmbedded = Callable[[Image, Embedded, str], None]
"""Is told of each image that is embedded anew: its pixels (H W 3), what is kept of it, and the model's digest."""


@dataclass(slots=True)
class _Clock:
    """Milliseconds by the name of a step, and since the start."""

    started_s: float = field(default_factory=time.perf_counter)
    steps_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begun_s = time.perf_counter()
        yield
        self.steps_ms[name] = (time.perf_counter() - begun_s) * 1e3

    def timing(self) -> TimingOut:
        total_ms = (time.perf_counter() - self.started_s) * 1e3
        return TimingOut(**{name: round(ms, 3) for name, ms in self.steps_ms.items()}, total=round(total_ms, 3))


class Predictor:
    """A loaded model that answers requests."""

    def __init__(
        self,
        runtime: Runtime,
        description: ModelDescription,
        *,
        settings: ServingParams,
        why: str = "as it is set",
        card: dict[str, Any] | None = None,
        calibration: Calibration | None = None,
        checked: Held | None = None,
        package: str | None = None,
        cache: EmbeddingCache | None = None,
    ) -> None:
        self.description = description
        self.runtime = runtime.facts
        self.why_runtime = why
        self.checked = checked
        self.package = package
        self.on_embedded: OnEmbedded | None = None
        self.limits = settings.limits
        self.cache = EmbeddingCache(settings.cache.bytes, ttl_s=settings.cache.ttl_s) if cache is None else cache
        self._wait_s = settings.lanes.embed.wait_limit_s
        self._encode: Batcher[Image, Embedding[Any]] = Batcher(
            functools.partial(embed_all, runtime), most=settings.batches.embed
        )
        self._decode: Batcher[Click, Prediction] = Batcher(
            functools.partial(segment_all, runtime), most=settings.batches.segment, alike=lambda click: click.kind
        )
        self._card = card
        self._calibration = calibration

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        settings: ServingParams,
        cache: EmbeddingCache | None = None,
        kept: Path | None = None,
    ) -> Predictor:
        """Load a student's model folder, with its card (`card.json`), calibration and self-check where it has them.

        The self-check is run, which also warms the model up. `kept` is the folder in which what was measured and
        compiled for this machine is kept.

        Raises
        ------
        ArtefactError
            If the folder is incomplete, its weights don't have the sha256 that its description gives, its card is
            broken, or its calibration is broken, another model's or of other vectors than this one's; or it doesn't
            give its self-check again; or, in a released folder or a Bento, a file isn't the one that was judged; or it
            holds no networks that the runtime runs which the settings name.
        ParamsError
            If that runtime isn't installed.
        """
        check_listed(folder)
        listing = folder / FILES
        package = sha256_of(listing) if listing.is_file() else None
        description = read_described(folder, kind="student")
        runtime, chosen = load_chosen(folder, settings.runtime, cache=kept)
        calibration = find_calibration(folder, model_digest=description.digest)
        if calibration is not None:
            check_fits(calibration.guard, lambda image: embed(runtime, image))
        checked = _check_itself(folder, runtime, description.digest)
        card = read_card(folder)
        return cls(
            runtime,
            description,
            settings=settings,
            why=chosen.why,
            card=card,
            calibration=calibration,
            checked=checked,
            package=package,
            cache=cache,
        )

    @property
    def identity(self) -> str:
        """What its embeddings are kept under: the digest of its weights, and of the files beside them where known, the
        preprocessing and what runs it.

        The same weights with another calibration say otherwise of an image, and in another runtime in the last bits.
        """
        made = f"preprocess {self.description.preprocess_version} by {self.runtime}"
        return f"{self.description.digest} {self.package or 'unlisted'} {made}"

    @property
    def model(self) -> ModelOut:
        """The model's name, version and digest; without a released version, the digest's beginning stands for it."""
        description = self.description
        version = version_of(self._card, description)
        return ModelOut(name=description.name, version=version, digest=description.digest, runtime=str(self.runtime))

    def card(self) -> CardOut:
        """What `GET /v1/model` answers."""
        description, limits = self.description, self.limits
        return CardOut(
            model=self.model,
            kind=description.kind,
            base=description.base,
            phantom=description.phantom,
            trained_on=description.trained_on,
            image_size_px=description.image_size_px,
            preprocess_version=description.preprocess_version,
            intended_use=f"{INTENDED_USE} {PHANTOM_USE}" if description.phantom else INTENDED_USE,
            accepts=READABLE,
            limits=LimitsOut(
                body_bytes=limits.body_bytes,
                prompts_bytes=limits.prompts_bytes,
                image_px=limits.image_px,
                mask_px=limits.mask_px,
            ),
            calibration=calibration_out(self._calibration),
            self_check_cases=None if self.checked is None else self.checked.cases,
            self_check_equal=None if self.checked is None else self.checked.equal,
            runtime=RuntimeOut(
                name=self.runtime.name, version=self.runtime.version, told=self.runtime.told, why=self.why_runtime
            ),
            provenance=description.provenance,
            card=self._card,
        )

    def holds(self, image_id: str) -> bool:
        """Whether an image's embedding is kept."""
        return self.cache.holds(self._key(image_id))

    def open(self, data: bytes) -> Source:
        """Open an uploaded file within the limits; the name that a client gives it is never repeated.

        Raises
        ------
        ImageError
            As components.formats.open_source.
        """
        limits = SourceLimits(image_px=self.limits.image_px, frames=self.limits.frames)
        return open_source(data, name="image", limits=limits)

    def embed(self, data: bytes, frame: int = 0) -> EmbedOut:
        """Decode and embed a frame of a file, and keep the embedding.

        Raises
        ------
        ImageError
            If the bytes aren't a readable image within the limits, or the file has no such frame.
        """
        clock = _Clock()
        with clock.step("decode"):
            image, seen = see(self.open(data), frame)
        image_id, embedded = self._embedded(image, seen, clock)
        return EmbedOut(model=self.model, image=image_out(image_id, embedded), timing_ms=clock.timing())

    def segment(
        self,
        prompts: PromptsIn | Sequence[Prompt],
        *,
        image: bytes | None = None,
        frame: int = 0,
        image_id: str | None = None,
    ) -> Answer:
        """Segment a frame of a file, given as its bytes, or an image by the id of its embedding; one of the two.

        Raises
        ------
        ImageError
            If the bytes aren't a readable image within the limits, or the file has no such frame.
        ImageGoneError
            If no embedding is kept under the id.
        PromptError
            If a prompt is empty, outside the image, not finite, or a previous mask isn't one of this image.
        TooMuchWorkError
            If objects times pixels are over the limit.
        """
        clock = _Clock()
        if image is not None:
            with clock.step("decode"):
                source = self.open(image)
                # By the header, before a pixel is decoded; each page of a TIFF may have a size of its own.
                asked = None if source.kind == "tiff" else self._check(prompts, source.size_hw)
                pixels, seen = see(source, frame)
                size_hw = (pixels.shape[0], pixels.shape[1])
                if asked is None or size_hw != source.size_hw:
                    asked = self._check(prompts, size_hw)
            found_id, embedded = self._embedded(pixels, seen, clock)
        else:
            assert image_id is not None, "an image or an id"
            found_id, embedded = image_id, self._kept(image_id)
            asked = self._check(prompts, embedded.size_hw)
        with clock.step("segment"):
            predictions = self._decode.ask([Click(embedded.embedding, embedded.size_hw, prompt) for prompt in asked])
        with clock.step("encode"):
            outlines = tuple(self._outlined(*each, embedded) for each in zip(asked, predictions, strict=True))
        image_told = image_out(found_id, embedded)
        pixels_sha256 = embedded.seen.pixels_sha256
        return Answer(self.model, self.description.phantom, image_told, pixels_sha256, outlines, clock.timing())

    def _outlined(self, prompt: Prompt, prediction: Prediction, embedded: Embedded) -> Outlined:
        verdict = judged(self._calibration, prompt, prediction, embedded.finding)
        measurements = measure_on_frame(prediction.mask, embedded.seen.regions, prompt.box_xyxy)
        return Outlined(prompt, prediction, verdict, object_out(prediction, verdict, measurements))

    def _check(self, prompts: PromptsIn | Sequence[Prompt], size_hw: tuple[int, int]) -> Sequence[Prompt]:
        """The prompts as the library takes them, after making sure that they fit an image of this size."""
        asked = len(prompts.objects) if isinstance(prompts, PromptsIn) else len(prompts)
        check_work(asked, size_hw, limit_px=self.limits.mask_px)
        # A previous mask is run lengths until here: a few characters may stand for any number of pixels.
        found = prompts.to_prompts(size_hw) if isinstance(prompts, PromptsIn) else prompts
        check_prompts(found, size_hw)
        return found

    def _embedded(self, image: Image, seen: Seen, clock: _Clock) -> tuple[str, Embedded]:
        known_as = image_id(seen, model_digest=self.description.digest, runtime=str(self.runtime))
        key = self._key(known_as)
        kept = self.cache.get(key)
        if kept is None:
            with clock.step("embed"):
                kept = self.cache.obtain(key, lambda: self._embed(image, seen), wait_s=self._wait_s)
        return known_as, kept

    def _embed(self, image: Image, seen: Seen) -> Embedded:
        (embedding,) = self._encode.ask([image])
        guard = None if self._calibration is None else self._calibration.guard
        finding = None if guard is None else check_image(guard, image, embedding)
        embedded = Embedded(embedding, (image.shape[0], image.shape[1]), finding, seen)
        if self.on_embedded is not None:
            self.on_embedded(image, embedded, self.description.digest)
        return embedded

    def _key(self, image_id: str) -> Key:
        return Key(self.identity, image_id)

    def _kept(self, image_id: str) -> Embedded:
        kept = self.cache.get(self._key(image_id))
        if kept is None:
            raise ImageGoneError(
                "no embedding is kept for this image_id",
                expected="the id of an image that was sent lately to this model",
                remedy="send the image again with POST /v1/images, or as `image` in this request",
            )
        return kept


def check_work(objects: int, size_hw: tuple[int, int], *, limit_px: int) -> None:
    """Refuse to hold the masks of so many objects on an image of this size (pixels) at once.

    Raises
    ------
    TooMuchWorkError
        If that are more than `limit_px` pixels.
    """
    if objects * size_hw[0] * size_hw[1] > limit_px:
        raise TooMuchWorkError(
            f"{objects} objects on {size_hw[1]} x {size_hw[0]} pixels",
            expected=f"objects times pixels at most {limit_px:,}",
            remedy="send fewer objects in one request, or a smaller image",
        )


def _check_itself(folder: Path, runtime: Runtime, digest: str) -> Held | None:
    """Hold a model against its self-check; returns what came of it, None where it has none."""
    check = read_self_check(folder, model_digest=digest)
    if check is None:
        return None
    if check.runtime != runtime.facts.name:
        logger.warning(
            "%s runs the model, which was packed for %s: the gate has judged that only if it was packed with `auto`",
            runtime.facts,
            check.runtime,
        )
    held = check.hold(runtime)
    if held.failures:
        raise ArtefactError(
            f"{folder} doesn't give the golden cases of its self-check again, in {runtime.facts}: "
            f"{'; '.join(held.failures[:5])}",
            expected=f"masks of IoU {check.least_iou:g} and more with those that it gave when it was packed",
            remedy="don't serve it on this machine; `pip check`, and compare the versions with requirements.lock.txt",
        )
    return held
