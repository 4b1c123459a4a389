"""A request's parts: form fields, files, prompts, numbers. What isn't as agreed is a `RequestError`.

Leaves out: how a body is taken apart (forms.py).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from components.errors import plainly
from serving.http.asked import bedside_of
from serving.http.forms import parse_form, refuse_odd
from serving.http.refusals import RequestError
from serving.schema.answers import IMAGE_ID
from serving.schema.prompts import PromptsIn
from serving.schema.strict import Message

FORM = '{"objects": [{"box": [x0, y0, x1, y1], "points": […]}]}'
M = TypeVar("M", bound=Message)


@asynccontextmanager
async def read_form(request: Request) -> AsyncIterator[FormData]:
    """The fields of a multipart request, its files closed at the end."""
    kind = media_type(request)
    if kind != "multipart/form-data":
        raise RequestError(
            415, "not_multipart", f"a request of type {kind[:80] or 'none'}", hint="send multipart/form-data"
        )
    form = await parse_form(request, text_bytes=bedside_of(request).settings.limits.prompts_bytes)
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


def read_frame(form: FormData) -> int:
    """Which frame of the file, counted from 0; the first where none is named."""
    given = form.get("frame", "0")
    if not isinstance(given, str) or re.fullmatch(r"[0-9]{1,9}", given) is None:
        raise RequestError(
            422,
            "frame_outside",
            "frame isn't a number of at most 9 digits",
            hint="count frames from 0, or leave it out",
        )
    return int(given)


async def read_prompts(form: FormData, *, max_bytes: int) -> PromptsIn:
    """What is said about the objects."""
    data = await read_text(form, "prompts", max_bytes=max_bytes, example='{"objects": [{"box": [x0, y0, x1, y1]}]}')
    return read_message(PromptsIn, data, name="prompts", form=FORM)


async def read_text(form: FormData, field: str, *, max_bytes: int, example: str) -> bytes:
    """A field's text, which may come as a file; `example` tells how it should look."""
    given = form.get(field)
    if given is None:
        raise RequestError(400, f"{field}_missing", f"no field `{field}`", hint=f"send {example}")
    data = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else await given.read(max_bytes + 1)
    _bound(data, field, max_bytes=max_bytes)
    return data


async def read_json(kind: type[M], request: Request, *, name: str, form: str, max_bytes: int) -> M:
    """A JSON body as a type; `name` begins the codes of its errors, `form` tells how it should have looked."""
    if (found := media_type(request)) != "application/json":
        raise RequestError(415, "not_json", f"a request of type {found[:80] or 'none'}", hint="send application/json")
    data = b""
    async for part in request.stream():
        data += part
        _bound(data, name, max_bytes=max_bytes)
    return read_message(kind, data, name=name, form=form)


def _bound(data: bytes, name: str, *, max_bytes: int) -> None:
    if len(data) > max_bytes:
        raise RequestError(
            413, f"{name}_too_large", f"{name} of over {max_bytes:,} bytes", hint="send fewer objects and points"
        )


def read_message(kind: type[M], data: bytes, *, name: str, form: str) -> M:
    """JSON as a type; `name` begins the codes of its errors, `form` tells how it should have looked."""
    refuse_odd(data, name=name, form=form)
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:200]
        code, status = (f"{name}_not_json", 400) if first["type"] == "json_invalid" else (f"{name}_invalid", 422)
        told = f"{name}: {place + ': ' if place else ''}{plainly(first['msg'])[:300]}"
        raise RequestError(status, code, told, hint=f"the form is {form}") from None
