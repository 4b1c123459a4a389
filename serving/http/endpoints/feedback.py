"""What a person made of an answer."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.access.callers import caller_of
from serving.http.asked import bedside_of, recording
from serving.http.attending import attend
from serving.http.codes import BODY, RECORD, WORK
from serving.http.examples import FEEDBACK, PREDICTION
from serving.http.operations import JSON, Answer, Operation
from serving.http.reading import read_json
from serving.http.refusals import json_response
from serving.schema.feedback import FeedbackIn, FeedbackOut

FORM = '{"prediction": id, "objects": [{"index": 0, "verdict": "accepted", "edited" or "rejected", "mask": {…}}]}'


async def give_feedback(request: Request) -> Response:
    """Enter what became of an answer's objects."""
    bedside = bedside_of(request)
    records = recording(bedside)
    limit = bedside.settings.limits.prompts_bytes
    given = await read_json(FeedbackIn, request, name="feedback", form=FORM, max_bytes=limit)
    # Masks of a large image take a second to compare: in a lane, like all that takes time.
    entry = await attend(request, bedside.lanes.decode(records.judged, given, caller_of(request)))
    return json_response(FeedbackOut(prediction=given.prediction, entry=entry))


ROUTES: tuple[BaseRoute, ...] = (Route("/v1/feedback", give_feedback, methods=["POST"]),)
OPERATIONS = (
    Operation(
        "/v1/feedback",
        "post",
        "feedback",
        "What became of an answer",
        {200: (Answer("It is entered.", JSON, FeedbackOut, example={"prediction": PREDICTION, "entry": 42}),)},
        errors=(
            *BODY, *WORK, *RECORD, (400, "feedback_not_json"), (410, "prediction_gone"), (413, "feedback_too_large"),
            (415, "not_json"), (422, "feedback_invalid"), (422, "prompts_invalid"),
        ),
        about="Whether a person accepted, edited or rejected each object. An edited one is sent as it became.",
        body=FeedbackIn,
        example=FEEDBACK,
    ),
)  # fmt: skip
