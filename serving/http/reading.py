"""A request's parts: form fields, files, prompts, numbers. What isn't as agreed is a `RequestError`.

Uploads never touch the disk: they may be patients' images, and the body is bounded (shield.py).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from serving.http.refusals import RequestError
from serving.schema.answers import IMAGE_ID
from serving.schema.prompts import PromptsIn
from serving.schema.strict import Message

FORM = '{"objects": [{"box": [x0, y0, x1, y1], "points": […]}]}'
M = TypeVar("M", bound=Message)


class _InMemory(MultiPartParser):
    """Starlette's parser, but uploads never touch the disk."""

    spool_max_size = 2**62


@asynccontextmanager
async def read_form(request: Request) -> AsyncIterator[FormData]:
    """The fields of a multipart request, its files closed at the end."""
    kind = media_type(request)
    if kind != "multipart/form-data":
        raise RequestError(
            415, "not_multipart", f"a request of type {kind[:80] or 'none'}", hint="send multipart/form-data"
        )
    try:
        # A text field may be as long as the body; the limit on prompts is ours, with an answer of its own.
        parser = _InMemory(request.headers, request.stream(), max_files=2, max_fields=8, max_part_size=2**62)
        form = await parser.parse()
    except (RequestError, ClientDisconnect):
        raise
    except Exception as error:  # noqa: BLE001 - the parser raises many kinds on malformed bodies
        text = error.message if isinstance(error, MultiPartException) else "it can't be parsed"
        raise RequestError(
            400, "form_malformed", f"a malformed multipart body: {text}", hint="let an HTTP library build it"
        ) from None
    try:
        yield form
    finally:
        await form.close()


def media_type(request: Request) -> str:
    """What a request says that it holds, without parameters, in small letters."""
    return str(request.headers.get("content-type", "")).partition(";")[0].strip().lower()


async def read_file(form: FormData) -> bytes:
    """The bytes of the image file."""
    given = form.get("image")
    if not isinstance(given, UploadFile):
        raise RequestError(
            400, "image_missing", "no file in the field `image`", hint="send the image as the file field `image`"
        )
    data = await given.read()
    if not data:
        raise RequestError(422, "image_unreadable", "the file in the field `image` is empty", hint="send the image")
    return data


def read_image_id(form: FormData) -> str | None:
    """The id of an image that was sent before, if the request names one."""
    image_id = form.get("image_id")
    if image_id is None:
        return None
    if "image" in form:
        raise RequestError(400, "image_twice", "both image and image_id", hint="send either the file or the id")
    if not isinstance(image_id, str):
        raise RequestError(400, "image_id_invalid", "image_id is a file", hint="send it as a text field")
    if re.fullmatch(IMAGE_ID, image_id) is None:
        # Never repeated in the answer: it may be as long as the body, and hold what can't be written as UTF-8.
        raise RequestError(
            422,
            "image_id_invalid",
            "image_id isn't 64 digits from 0 to 9 and a to f",
            hint="send `image.id` as an answer gave it",
        )
    return image_id


async def read_prompts(form: FormData, *, max_bytes: int) -> PromptsIn:
    """What is said about the objects."""
    given = form.get("prompts")
    if given is None:
        raise RequestError(
            400, "prompts_missing", "no field `prompts`", hint='send {"objects": [{"box": [x0, y0, x1, y1]}]}'
        )
    data = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else await given.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise RequestError(
            413, "prompts_too_large", f"prompts of over {max_bytes:,} bytes", hint="send fewer objects and points"
        )
    return read_message(PromptsIn, data, name="prompts", form=FORM)


def read_message(kind: type[M], data: bytes, *, name: str, form: str) -> M:
    """JSON as a type; `name` begins the codes of its errors, `form` tells how it should have looked."""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:200]
        code, status = (f"{name}_not_json", 400) if first["type"] == "json_invalid" else (f"{name}_invalid", 422)
        message = f"{name}: {place + ': ' if place else ''}{first['msg'][:300]}"
        raise RequestError(status, code, message, hint=f"the form is {form}") from None
