"""Images: embedded once, and shown as they were decoded."""

from __future__ import annotations

import io

from PIL import Image as PilImage
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.engine.predictor import Predictor
from serving.http.asked import bedside_of, ready, timed
from serving.http.attending import attend
from serving.http.codes import FILE, FORM, WORK
from serving.http.examples import EMBEDDED
from serving.http.operations import FRAME, IMAGE, JSON, MODEL, TIMING, Answer, Operation
from serving.http.reading import read_file, read_form, read_frame
from serving.schema.answers import EmbedOut


async def embed_image(request: Request) -> Response:
    """Embed a frame of a file and tell its id."""
    bedside = bedside_of(request)
    predictor = ready(bedside)
    async with read_form(request) as form:
        data, frame = await read_file(form), read_frame(form)
    answer = await attend(request, bedside.lanes.embed(predictor.embed, data, frame))
    return timed(answer)


async def preview_image(request: Request) -> Response:
    """A frame as it was decoded, as PNG: what a page must show so that its pixels are the model's."""
    bedside = bedside_of(request)
    predictor = ready(bedside)
    async with read_form(request) as form:
        data, frame = await read_file(form), read_frame(form)
    png = await attend(request, bedside.lanes.decode(_to_png, predictor, data, frame))
    return Response(png, media_type="image/png")


def _to_png(predictor: Predictor, data: bytes, frame: int) -> bytes:
    buffer = io.BytesIO()
    PilImage.fromarray(predictor.open(data).frame(frame)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


ROUTES: tuple[BaseRoute, ...] = (
    Route("/v1/images", embed_image, methods=["POST"]),
    Route("/v1/preview", preview_image, methods=["POST"]),
)
OPERATIONS = (
    Operation(
        "/v1/images",
        "post",
        "embed",
        "Embed an image once",
        {200: (Answer("Its id, and what the guard thinks of it.", JSON, EmbedOut, (MODEL, TIMING), EMBEDDED),)},
        errors=(*FORM, *FILE, *WORK),
        about="The id stands for these pixels and this model; `image.id` of the answer is what further requests name.",
        form={"image": IMAGE, "frame": FRAME},
    ),
    Operation(
        "/v1/preview",
        "post",
        "preview",
        "The pixels that the model sees",
        {200: (Answer("A frame as it was decoded.", "image/png"),)},
        errors=(*FORM, *FILE, *WORK),
        form={"image": IMAGE, "frame": FRAME},
    ),
)
