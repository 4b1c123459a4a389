"""Prompts to outlines."""

from __future__ import annotations

import functools

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.access.callers import caller_of
from serving.http.asked import bedside_of, ready, recording, timed
from serving.http.attending import attend
from serving.http.codes import FILE, FORM, RECORD, WORK
from serving.http.examples import IMAGE_ID as AN_ID
from serving.http.examples import PROMPTS, SEGMENTED
from serving.http.operations import ANY_FILE, FRAME, IMAGE_TYPES, JSON, MODEL, TIMING, Answer, Field, Operation
from serving.http.reading import read_file, read_form, read_frame, read_image_id, read_prompts
from serving.schema.answers import IMAGE_ID, SegmentOut
from serving.schema.prompts import PromptsIn


async def segment_image(request: Request) -> Response:
    """Segment a frame of a file, or an image that is embedded; the log has the answer before the client has it."""
    bedside = bedside_of(request)
    predictor, records = ready(bedside), recording(bedside)
    async with read_form(request) as form:
        prompts = await read_prompts(form, max_bytes=bedside.settings.limits.prompts_bytes)
        image_id, frame = read_image_id(form), read_frame(form)
        data = None if image_id is not None else await read_file(form)
    if image_id is not None:
        # Whoever embedded the image answers: after a switch that is the former model, for a while.
        predictor = bedside.models.holding(image_id) or predictor
    call = functools.partial(predictor.segment, prompts, image=data, frame=frame, image_id=image_id)
    lane = bedside.lanes.embed if image_id is None else bedside.lanes.segment
    answer = await attend(request, lane(call))
    prediction = await records.entering(records.answered, answer, caller_of(request))
    return timed(
        SegmentOut(
            prediction=prediction,
            model=answer.model,
            image=answer.image,
            objects=answer.objects,
            timing_ms=answer.timing_ms,
        )
    )


ROUTES: tuple[BaseRoute, ...] = (Route("/v1/segment", segment_image, methods=["POST"]),)
OPERATIONS = (
    Operation(
        "/v1/segment",
        "post",
        "segment",
        "Prompts to outlines",
        {200: (Answer("An outline for each object, in order.", JSON, SegmentOut, (MODEL, TIMING), SEGMENTED),)},
        errors=(
            *FORM, *FILE, *WORK, *RECORD, (400, "image_id_invalid"), (400, "image_twice"), (400, "prompts_missing"),
            (400, "prompts_not_json"), (410, "image_gone"), (413, "too_much_work"), (422, "image_id_invalid"),
            (422, "prompts_invalid"),
        ),
        about="About a file, or about an image that was embedded, by its id. The audit log has the answer first.",
        form={
            "prompts": Field(PromptsIn, "What is said about each object.", required=True, example=PROMPTS),
            "image": Field(ANY_FILE, "The image file, or `image_id`.", types=IMAGE_TYPES),
            "image_id": Field({"type": "string", "pattern": IMAGE_ID}, "`image.id` of an answer.", example=AN_ID),
            "frame": FRAME,
        },
        rules={"oneOf": [{"required": ["image"]}, {"required": ["image_id"]}]},
    ),
)  # fmt: skip
