"""Outlines to a file that other programs read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import get_args

import numpy as np
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from components.errors import PromptError
from components.findings.finding import Finding, Origin
from components.findings.measure import Measurements, PointXy, measure, measure_on_frame, with_lines
from components.formats import Source, spacing_at
from components.formats.regions import around
from components.masks import tight_box
from components.types import Mask
from serving import VERSION
from serving.access.callers import caller_of
from serving.bedside import Bedside
from serving.engine.answers import measured_as, regions_of
from serving.engine.predictor import check_work
from serving.engine.proposals import Proposal, Proposals
from serving.engine.seen import image_id, see
from serving.http.asked import bedside_of, ready, recording
from serving.http.attending import attend
from serving.http.codes import FILE, RECORD, WORK
from serving.http.codes import FORM as FORM_ERRORS
from serving.http.examples import EXPORT
from serving.http.operations import ANY_FILE, FRAME, IMAGE_TYPES, JSON, MODEL, NAME, Answer, Field, Operation
from serving.http.reading import read_file, read_form, read_frame, read_message, read_text
from serving.http.refusals import RequestError
from serving.operation.records import mask_of
from serving.schema.export import ExportedIn, ExportIn, Format, LineIn

FORM = '{"objects": [{"name": text, "mask": {"size", "counts"}, "prediction": id, "index": 0}]}'
KINDS: dict[Format, tuple[str, str]] = {
    "coco": ("application/json", "outlines.json"),
    "mask": ("image/png", "mask.png"),
    "overlay": ("image/png", "overlay.png"),
    "seg": ("application/dicom", "segmentation.dcm"),
    "sr": ("application/dicom", "measurements.dcm"),
}
"""Media type and file name; no name of anybody's file is repeated."""
NEED_IMAGE: frozenset[Format] = frozenset({"overlay", "seg", "sr"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a file: its kind, the outlines, and the image file with its frame where one was sent."""

    kind: Format
    objects: ExportIn
    data: bytes | None
    frame: int


async def export_file(request: Request) -> Response:
    """Write outlines into a file, each held against the answer that it comes from."""
    bedside = bedside_of(request)
    records = recording(bedside)
    async with read_form(request) as form:
        asked = await _read(form, bedside)
    caller = caller_of(request)
    call = bedside.lanes.decode(_write, bedside, records.proposals, asked, caller.who)
    proposal, findings, data = await attend(request, call)
    objects, masks = _settled(asked.objects, findings), [each.mask for each in findings]
    await records.entering(
        lambda: records.exported(objects, masks, proposal.image, kind=asked.kind, data=data, caller=caller)
    )
    media_type, name = KINDS[asked.kind]
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-SonoForge-Model": proposal.model.digest}
    return Response(data, media_type=media_type, headers=headers)


async def _read(form: FormData, bedside: Bedside) -> Asked:
    kind = next((each for each in get_args(Format) if each == form.get("format")), None)
    if kind is None:
        raise RequestError(422, "export_invalid", "no such format", hint=f"one of {', '.join(KINDS)} in `format`")
    text = await read_text(form, "objects", max_bytes=bedside.settings.limits.prompts_bytes, example=FORM)
    objects = read_message(ExportIn, text, name="export", form=FORM)
    if kind in NEED_IMAGE or "image" in form:
        return Asked(kind, objects, await read_file(form), read_frame(form))
    return Asked(kind, objects, None, 0)


def _settled(asked: ExportIn, findings: list[Finding]) -> ExportIn:
    """What was asked for, with what became of each outline as the file says it."""
    pairs = zip(asked.objects, findings, strict=True)
    return ExportIn(objects=tuple(each.model_copy(update={"verdict": found.verdict}) for each, found in pairs))


def _write(
    bedside: Bedside, proposals: Proposals, asked: Asked, who: str | None
) -> tuple[Proposal, list[Finding], bytes]:
    """The answer that the outlines are held against, the outlines, and the file."""
    theirs = [proposals.get(each.prediction) for each in asked.objects.objects]
    first = theirs[0]
    if any((one.image.id, one.model) != (first.image.id, first.model) for one in theirs):
        raise PromptError(
            "outlines of several images, frames or models",
            expected="those of one image by one model",
            remedy="export each frame by itself; after a change of the model, ask for the older outlines again",
        )
    limits = bedside.settings.limits
    check_work(len(theirs), (first.image.height, first.image.width), limit_px=limits.mask_px)
    pairs = zip(asked.objects.objects, theirs, strict=True)
    findings = [_finding(each, proposal) for each, proposal in pairs]
    origin = Origin(first.model.name, first.model.version, first.model.digest, VERSION, phantom=first.phantom)
    source = None if asked.data is None else _same_image(bedside, first, asked)
    return first, findings, _file(asked, findings, origin, first, source, person=who)


def _finding(given: ExportedIn, proposal: Proposal) -> Finding:
    """An outline as it is to leave: what the model said only stands beside the model's own mask."""
    found, mask = proposal.object(given.index), mask_of(given.mask, proposal)
    same = given.mask.counts == found.mask.counts or np.array_equal(mask, mask_of(found.mask, proposal))
    measurements = _measured(given, mask, proposal, answered=measured_as(found.measurements) if same else None)
    if not same:
        return Finding(given.name, mask, measurements, prediction=given.prediction, verdict="edited", corrected=True)
    return Finding(
        given.name,
        mask,
        measurements,
        quality=found.quality,
        confidence=found.confidence,
        abstain=found.abstain,
        reasons=tuple(found.reasons),
        prediction=given.prediction,
        verdict=given.verdict,
    )


def _measured(given: ExportedIn, mask: Mask, proposal: Proposal, *, answered: Measurements | None) -> Measurements:
    """Measurements as they were answered, of a corrected mask by its own place, with the diameters that a person set.

    Millimetres stay only where the set lines, too, lie in the scale that the mask has.
    """
    regions = regions_of(proposal.image)
    found = measure_on_frame(mask, regions) if answered is None else answered
    size_hw = (proposal.image.height, proposal.image.width)
    set_lines = {
        name: _ends(line, size_hw, empty=not found.area_px)
        for name, line in (("longest", given.longest), ("perpendicular", given.perpendicular))
        if line is not None
    }
    if not set_lines:
        return found
    boxes = [(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)) for (x0, y0), (x1, y1) in set_lines.values()]
    box = around(tight_box(mask), *boxes)
    assert box is not None
    known = spacing_at(regions, box)
    if found.spacing is not None and isinstance(known, str):
        found = measure(mask, known)
    return with_lines(found, **set_lines)


def _ends(line: LineIn, size_hw: tuple[int, int], *, empty: bool) -> tuple[PointXy, PointXy]:
    """The ends of a diameter that a person set."""
    inside = all(0 <= x <= size_hw[1] and 0 <= y <= size_hw[0] for x, y in (line.start, line.end))
    if empty or not inside or line.start == line.end:
        raise PromptError(
            f"a diameter from {line.start} to {line.end}" + (" of an empty outline" if empty else ""),
            expected=f"two places inside the image, x from 0 to {size_hw[1]} and y from 0 to {size_hw[0]}",
            remedy="send where both ends were set, or leave `longest` and `perpendicular` out",
        )
    return line.start, line.end


def _same_image(bedside: Bedside, proposal: Proposal, asked: Asked) -> Source:
    """The opened file, after making sure that it is the image that was outlined."""
    assert asked.data is not None
    source = ready(bedside).open(asked.data)
    _, seen = see(source, asked.frame)
    model = proposal.model
    if image_id(seen, model_digest=model.digest, runtime=model.runtime) != proposal.image.id:
        raise RequestError(
            422,
            "image_other",
            "the file isn't the image that was outlined",
            hint="send the file, and name the frame, that the outlines were asked for",
        )
    if asked.kind in ("seg", "sr") and source.kind != "dicom":
        raise RequestError(
            422, "not_dicom", f"a {source.kind} has no patient and study to refer to", hint="export coco or mask"
        )
    return source


def _file(
    asked: Asked,
    findings: list[Finding],
    origin: Origin,
    proposal: Proposal,
    source: Source | None,
    *,
    person: str | None,
) -> bytes:
    # highdicom takes a second to import.
    if asked.kind == "coco":
        from components.findings.coco import to_coco

        size_hw = (proposal.image.height, proposal.image.width)
        made = to_coco(findings, origin, file_name="image", size_hw=size_hw, frame=proposal.image.frame)
        return json.dumps(made, ensure_ascii=False).encode("utf-8")
    if asked.kind == "mask":
        from components.findings.png import to_mask_png

        return to_mask_png(findings, origin)
    assert source is not None and asked.data is not None, "these kinds need the image"
    if asked.kind == "overlay":
        from components.findings.overlay import to_overlay

        return to_overlay(source.frame(asked.frame), findings, origin)
    if asked.kind == "seg":
        from components.findings.segmentation import to_segmentation

        return to_segmentation(asked.data, findings, origin, frame=asked.frame)
    from components.findings.measurement_report import to_report

    return to_report(asked.data, findings, origin, frame=asked.frame, person=person)


ROUTES: tuple[BaseRoute, ...] = (Route("/v1/export", export_file, methods=["POST"]),)
OPERATIONS = (
    Operation(
        "/v1/export",
        "post",
        "export",
        "Outlines to a file",
        {
            200: tuple(
                Answer(
                    "The file: COCO JSON, a mask or an overlay as PNG, a DICOM segmentation or structured report.",
                    media_type,
                    {"type": "object", "required": ["images", "annotations"]} if media_type == JSON else None,
                    headers=(NAME, MODEL),
                )
                for media_type in sorted({media_type for media_type, _ in KINDS.values()})
            )
        },
        errors=(
            *FORM_ERRORS, *FILE, *WORK, *RECORD, (400, "export_not_json"), (400, "objects_missing"),
            (410, "prediction_gone"), (422, "export_invalid"), (422, "image_other"), (422, "not_dicom"),
            (422, "prompts_invalid"),
        ),
        about=(
            "Each outline is held against the answer that it comes from; another mask than the answer's leaves as "
            "edited, without the model's confidence. `seg` and `sr` refer to a DICOM file."
        ),
        form={
            "format": Field({"type": "string", "enum": list(KINDS)}, "What to write.", required=True),
            "objects": Field(ExportIn, "The outlines.", required=True, example=EXPORT),
            "image": Field(ANY_FILE, "The file that was outlined.", types=IMAGE_TYPES),
            "frame": FRAME,
        },
        rules={
            "anyOf": [
                {"properties": {"format": {"enum": sorted(set(KINDS) - NEED_IMAGE)}}},
                {"properties": {"format": {"enum": sorted(NEED_IMAGE)}}, "required": ["image"]},
            ]
        },
    ),
)  # fmt: skip
