"""`sonoforge segment`: an image file, boxes and clicks to a mask as PNG, the same to the bit as the endpoint's.

Leaves out: the masks themselves (components/promptable/predict.py), the files (segment_files.py), and serving.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from typer.core import TyperCommand

from components.errors import ImageError, PromptError
from components.params.serving import RuntimeChoice
from components.types import Image, Mask, Point, Prediction, Prompt
from pipelines.commands.model_ref import REF_HELP, Chosen, default_model, resolve
from pipelines.commands.segment_files import Places, make_files, make_mask, write_file
from pipelines.commands.segment_told import as_json, tell
from pipelines.commands.unpacked import unpacked_runtime

if TYPE_CHECKING:
    from components.artefacts import ModelDescription
    from components.findings.finding import Finding, Origin
    from components.formats import Region
    from components.promptable.calibration import Calibration, Judged
    from components.promptable.embedding import Promptable
    from components.promptable.guard import GuardFinding

MAX_OBJECTS = 255
NUMBERS = {"--box": 4, "--point": 3}


class _SeveralNumbers(TyperCommand):
    """Lets `--box` and `--point` take several numbers and come several times, which typer's own options can't."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the numbers after each of the two options into one argument."""
        joined: list[str] = []
        waiting = list(args)
        while waiting:
            name = waiting.pop(0)
            joined.append(name)
            numbers: list[str] = []
            while len(numbers) < NUMBERS.get(name, 0) and waiting and not waiting[0].startswith("--"):
                numbers.append(waiting.pop(0))
            joined += [" ".join(numbers)] if numbers else []
        return list(super().parse_args(ctx, joined))


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("segment", cls=_SeveralNumbers)(segment)


def segment(
    image: Annotated[Path, typer.Argument(help="PNG, JPEG, TIFF, BMP or DICOM.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="PNG to write, in the image's own pixels.", show_default=False)],
    boxes: Annotated[
        list[str] | None,
        typer.Option("--box", metavar="X0 Y0 X1 Y1", help="A box, half-open, in pixels: one object each."),
    ] = None,
    points: Annotated[
        list[str] | None,
        typer.Option(
            "--point",
            metavar="X Y 1|0",
            help="A click on the object (1) or beside it (0). Without a box all clicks are one object's; with several "
            "boxes each click belongs to the one box around it.",
        ),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            "--mask",
            help="A previous mask of the one object, to go on from: a grey PNG of the image's size, 0 beside it.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="REF",
            help=f"{REF_HELP}. Default: champion, else student.",
        ),
    ] = None,
    runtime: Annotated[
        RuntimeChoice | None,
        typer.Option("--runtime", help="What runs the model. Default: as the endpoint's settings in params.yaml say."),
    ] = None,
    frame: Annotated[int, typer.Option("--frame", min=0, help="Which frame of several, from 0.")] = 0,
    names: Annotated[
        list[str] | None, typer.Option("--name", help="What an object is called in the files: one each, as they come.")
    ] = None,
    measured: Annotated[
        bool, typer.Option("--measure", help="Tell area, longest and perpendicular diameter; JSON always does.")
    ] = False,
    overlay: Annotated[Path | None, typer.Option("--overlay", help="PNG to write: the image, outlined.")] = None,
    coco: Annotated[Path | None, typer.Option("--coco", help="JSON to write: COCO's instances.")] = None,
    seg: Annotated[Path | None, typer.Option("--seg", help="DICOM Segmentation to write, of a DICOM image.")] = None,
    sr: Annotated[
        Path | None, typer.Option("--sr", help="DICOM report of measures to write, of a DICOM image.")
    ] = None,
    json_wanted: Annotated[
        bool, typer.Option("--json", help="Print RLE, polygons, boxes and qualities as JSON.")
    ] = False,
) -> None:
    """Outline what the boxes and clicks show, as a mask in the image's own pixels.

    One object: 0 and 255. Several: the value of a pixel is the number of its object, later ones on top.
    """
    from components.formats import open_source
    from components.promptable.predict import check_prompts

    box_numbers = [_numbers("--box", text) for text in boxes or []]
    point_numbers = [_numbers("--point", text) for text in points or []]
    asked_for = {"--out": out, "--overlay": overlay, "--coco": coco, "--seg": seg, "--sr": sr}
    places = Places({option: path for option, path in asked_for.items() if path is not None})
    places.check(image)
    prompts = to_prompts(
        [(x0, y0, x1, y1) for x0, y0, x1, y1 in box_numbers],
        [(x, y, sign) for x, y, sign in point_numbers],
        mask=None if mask is None else _read_mask(mask),
    )
    called = _names(names or [], len(prompts))
    data = _read(image)
    source = open_source(data, name=str(image))
    places.check_kind(source.kind)
    pixels = source.frame(frame)
    check_prompts(prompts, (pixels.shape[0], pixels.shape[1]))
    chosen = default_model(Path.cwd()) if model is None else resolve(Path.cwd(), model)
    if chosen.warning:
        typer.echo(f"WARNING: no model is released. {chosen.warning}", err=True)
    outlines, description, ran_by = _outline_with(chosen, runtime, pixels, prompts)
    findings = _findings(outlines, prompts, called, source.regions)
    at = {"frame": frame} if source.frames > 1 else {}
    asked = json.dumps({"boxes": box_numbers, "points": point_numbers, **at, **_digest_of_mask(prompts[0])})
    made_by = {"model_name": description.name, "model_digest": description.digest, "model_ref": chosen.told}
    made_by["runtime"] = ran_by
    made = make_files(places, findings, origin_of(description, chosen), pixels=pixels, source=data, frame=frame)
    made["--out"] = make_mask([each.mask for each in findings], about=made_by | {"prompt": asked})
    for option, content in made.items():
        write_file(places.by_option[option], content, option=option)
    if json_wanted:
        which = {"frame": frame, "frames": source.frames}
        told = as_json(outlines.finding, findings, description, ref=chosen.told, out=out, at=which)
        told["model"]["runtime"] = ran_by
        typer.echo(json.dumps(told, indent=2))
        return
    typer.echo(f"model: {chosen.told}, {description.name}, weights {description.digest[:12]}, by {ran_by}")
    if description.phantom:
        typer.echo("phantom-trained demo: this model's masks mean nothing on patients")
    if source.frames > 1:
        typer.echo(f"frame {frame} of {source.frames}, counted from 0")
    tell(outlines.finding, findings, measured=measured)
    typer.echo(f"written: {out} ({'0 and 255' if len(prompts) == 1 else 'values are object numbers'})")
    for option in made:
        if option != "--out":
            typer.echo(f"written: {places.by_option[option]} ({option.removeprefix('--')})")


@dataclass(frozen=True, slots=True)
class Outlines:
    """An image's masks, what the calibration says of each (None without one), and the guard's finding."""

    predictions: list[Prediction]
    judged: list[Judged | None]
    finding: GuardFinding | None


def _outline_with(
    chosen: Chosen, asked: RuntimeChoice | None, pixels: Image, prompts: Sequence[Prompt]
) -> tuple[Outlines, ModelDescription, str]:
    """What the chosen model outlines, which model it is, and what ran it."""
    from components.params.settings import PARAMS, read_settings
    from components.places import cache_folder
    from components.promptable.calibration import find_calibration
    from components.promptable.described import read_described
    from components.promptable.guard import check_fits
    from components.promptable.predict import embed
    from components.promptable.runtimes.choosing import load_chosen

    root = Path.cwd()
    settings = read_settings(root) if (root / PARAMS).is_file() else None
    choice = asked or unpacked_runtime(chosen.folder) or (settings.runtime if settings else "onnxruntime")
    description = read_described(chosen.folder, kind="student")
    _say_what_is_measured()
    model, _ = load_chosen(chosen.folder, choice, cache=cache_folder(os.environ, root=root))
    calibration = find_calibration(chosen.folder, model_digest=description.digest)
    if calibration is not None:
        check_fits(calibration.guard, lambda blank: embed(model, blank))
    return _outline(model, calibration, pixels, prompts), description, str(model.facts)


def _say_what_is_measured() -> None:
    """Let the choice of a runtime, which may measure for a while, say so on stderr."""
    from components.promptable.runtimes import choosing

    logger = logging.getLogger(choosing.__name__)
    logger.setLevel(logging.INFO)
    logger.handlers = [logging.StreamHandler()]


def _outline(model: Promptable, calibration: Calibration | None, pixels: Image, prompts: Sequence[Prompt]) -> Outlines:
    from components.promptable.guard import check_image
    from components.promptable.predict import embed, segment_embedded

    embedding = embed(model, pixels)
    predictions = segment_embedded(model, embedding, (pixels.shape[0], pixels.shape[1]), prompts)
    if calibration is None:
        return Outlines(predictions, [None] * len(predictions), None)
    finding = check_image(calibration.guard, pixels, embedding)
    judged: list[Judged | None] = [
        calibration.judge(found.quality, boxed=prompt.box_xyxy is not None, empty=not found.mask.any(), finding=finding)
        for prompt, found in zip(prompts, predictions, strict=True)
    ]
    return Outlines(predictions, judged, finding)


def _findings(
    outlines: Outlines, prompts: Sequence[Prompt], names: Sequence[str], regions: Sequence[Region]
) -> list[Finding]:
    """The outlines with all that is said of them, as the files take them."""
    from components.findings.finding import Finding
    from components.findings.measure import measure_on_frame
    from components.promptable.calibration import UNCALIBRATED

    return [
        Finding(
            name,
            prediction.mask,
            measure_on_frame(prediction.mask, regions, prompt.box_xyxy),
            quality=prediction.quality,
            confidence=None if verdict is None else verdict.confidence,
            abstain=None if verdict is None else verdict.abstain,
            reasons=(UNCALIBRATED,) if verdict is None else verdict.reasons,
        )
        for name, prompt, prediction, verdict in zip(names, prompts, outlines.predictions, outlines.judged, strict=True)
    ]


def origin_of(description: ModelDescription, chosen: Chosen) -> Origin:
    """The chosen model as files name it, by the version that the service names, too."""
    from importlib import metadata

    from components.card import read_card, version_of
    from components.findings.finding import Origin

    return Origin(
        description.name,
        version_of(read_card(chosen.folder), description),
        description.digest,
        metadata.version("sonoforge"),
        phantom=description.phantom,
    )


def _numbers(option: str, text: str) -> list[float]:
    """The numbers that an option was given."""
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        numbers = []
    if len(numbers) != NUMBERS[option]:
        raise typer.BadParameter(f"{text!r} isn't {NUMBERS[option]} numbers", param_hint=option)
    return numbers


def to_prompts(
    boxes: Sequence[tuple[float, float, float, float]],
    points: Sequence[tuple[float, float, float]],
    *,
    mask: Mask | None = None,
) -> list[Prompt]:
    """One prompt for each box, with the clicks that are its; without a box, one prompt with all clicks.

    A previous mask is that of the one object.

    Raises
    ------
    PromptError
        If there is nothing, too much, a sign other than 0 and 1, a click that isn't in exactly one of several
        boxes, or a previous mask beside several boxes.
    """
    if not boxes and not points and mask is None:
        raise PromptError("neither a box nor a click", expected="at least one", remedy="give --box or --point")
    if mask is not None and len(boxes) > 1:
        raise PromptError(
            "--mask beside several boxes", expected="one object", remedy="ask for that object in a call of its own"
        )
    if len(boxes) > MAX_OBJECTS:
        raise PromptError(
            f"{len(boxes)} boxes", expected=f"at most {MAX_OBJECTS} in one mask", remedy="use several calls"
        )
    clicks: list[list[Point]] = [[] for _ in range(max(len(boxes), 1))]
    for x, y, sign in points:
        if sign not in (0, 1):
            raise PromptError(
                f"--point {x:g} {y:g} {sign:g}",
                expected="1 (on the object) or 0 (beside it)",
                remedy="correct the sign",
            )
        around = [n for n, (x0, y0, x1, y1) in enumerate(boxes) if x0 <= x < x1 and y0 <= y < y1]
        if len(boxes) > 1 and len(around) != 1:
            raise PromptError(
                f"--point {x:g} {y:g} lies in {len(around)} of the boxes",
                expected="exactly one box around each click where there are several boxes",
                remedy="ask for that object in a call of its own",
            )
        clicks[around[0] if len(boxes) > 1 else 0].append(Point(x, y, bool(sign)))
    if not boxes:
        return [Prompt(None, tuple(clicks[0]), mask)]
    return [Prompt(box, tuple(own), mask) for box, own in zip(boxes, clicks, strict=True)]


def _read_mask(path: Path) -> Mask:
    """The previous mask in a picture (H W): whatever isn't black."""
    from components.preprocess import decode_image

    return np.asarray(decode_image(_read(path), name=str(path)).any(axis=2))


def _digest_of_mask(prompt: Prompt) -> dict[str, str]:
    """What a written mask tells of the previous one: the sha256 of its run lengths."""
    from components.masks import to_rle

    if prompt.mask is None:
        return {}
    return {"mask_rle_sha256": hashlib.sha256(to_rle(prompt.mask)["counts"].encode("ascii")).hexdigest()}


def _names(given: Sequence[str], count: int) -> list[str]:
    """A name for each object, "object 2" for the second where none are given."""
    if given and len(given) != count:
        raise typer.BadParameter(
            f"{len(given)} names of {count} objects; expected: one each, or none; name all", param_hint="--name"
        )
    return list(given) or [f"object {number}" for number in range(1, count + 1)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(
            f"{path}: {error.strerror}", expected="an image file", remedy="name a file that can be read"
        ) from None
