"""Prompts to outlines."""

from __future__ import annotations

import functools

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.http.asked import bedside_of, ready, timed
from serving.http.attending import attend
from serving.http.reading import read_file, read_form, read_image_id, read_prompts


async def segment_image(request: Request) -> Response:
    """Segment an image, or one that is embedded."""
    bedside = bedside_of(request)
    predictor = ready(bedside)
    async with read_form(request) as form:
        prompts = await read_prompts(form, max_bytes=bedside.settings.limits.prompts_bytes)
        image_id = read_image_id(form)
        data = None if image_id is not None else await read_file(form)
    if image_id is not None:
        # Whoever embedded the image answers: after a switch that is the former model, for a while.
        predictor = bedside.models.holding(image_id) or predictor
    call = functools.partial(predictor.segment, prompts.to_prompts(), image=data, image_id=image_id)
    lane = bedside.lanes.embed if image_id is None else bedside.lanes.segment
    answer = await attend(request, lane(call))
    return timed(answer)


ROUTES: tuple[BaseRoute, ...] = (Route("/v1/segment", segment_image, methods=["POST"]),)
