"""A multipart body to its fields, in bounded memory and time; JSON in which a key stands twice is refused.

Uploads never touch the disk: they may be patients' images, and the body is bounded (bodies.py). python-multipart bounds
headers of parts (8 of 4 KiB). Leaves out: what the fields mean (reading.py).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from serving.http.refusals import RequestError

MAX_FILES, MAX_FIELDS = 2, 8
MAX_KEYS = 32
"""Of one object in JSON: more than any message here has."""
MAX_COMMAS = 100_000
"""The largest message here, 64 objects of 256 points, has half as many; run lengths have none."""
_NAMED = ("prompts", "objects", "image_id")
"""Text fields whose name stands in the code of the error where they are too long."""


class BoundedParser(MultiPartParser):
    """Starlette's parser, but uploads never touch the disk, and a text field is refused as soon as it is too long."""

    spool_max_size = 2**62

    def __init__(self, headers: Headers, stream: AsyncIterator[bytes], *, text_bytes: int) -> None:
        super().__init__(headers, stream, max_files=MAX_FILES, max_fields=MAX_FIELDS)  # type: ignore[arg-type]
        self._text_bytes = text_bytes

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Keep a piece of a part."""
        part = self._current_part
        if part.file is None and len(part.data) + end - start > self._text_bytes:
            name = part.field_name if part.field_name in _NAMED else "field"
            raise RequestError(
                413, f"{name}_too_large", f"a text field of over {self._text_bytes:,} bytes", hint="send less in it"
            )
        # Starlette's own limit has a message, but no code.
        self.max_part_size = self._text_bytes
        super().on_part_data(data, start, end)


async def parse_form(request: Request, *, text_bytes: int) -> FormData:
    """The fields of a multipart request; its files stay in memory."""
    _refuse_charset(request.headers.get("content-type", ""))
    try:
        form = await BoundedParser(request.headers, request.stream(), text_bytes=text_bytes).parse()
    except (RequestError, ClientDisconnect):
        raise
    except Exception as error:  # noqa: BLE001 - the parser raises many kinds on malformed bodies
        raise _malformed(error.message if isinstance(error, MultiPartException) else "it can't be parsed") from None
    names = [name for name, _ in form.multi_items()]
    if len(set(names)) < len(names):
        await form.close()
        raise _malformed("a field stands in it twice")
    return form


def refuse_odd(data: bytes, *, name: str, form: str) -> None:
    """Refuse what isn't JSON or has very many items, and an object in it with many keys or a key that stands twice.

    Readers differ in which of two values they take. Each unknown key is an error of its own to those that check types,
    which takes seconds for some hundred thousand of them; this ends at the first object that is odd.
    """

    def check(pairs: list[tuple[str, Any]]) -> None:
        if len(pairs) > MAX_KEYS:
            raise RequestError(422, f"{name}_invalid", f"{name}: an object of {len(pairs):,} keys", hint=hint)
        if len({key for key, _ in pairs}) < len(pairs):
            raise RequestError(422, f"{name}_invalid", f"{name}: a key stands twice", hint=hint)

    hint = f"the form is {form}"
    if data.count(b",") > MAX_COMMAS:
        raise RequestError(422, f"{name}_invalid", f"{name}: too many items", hint=hint)
    try:
        json.loads(data, object_pairs_hook=check, parse_int=len, parse_float=len)
    except (ValueError, RecursionError):
        raise RequestError(400, f"{name}_not_json", f"{name}: not JSON", hint=hint) from None


def _refuse_charset(content_type: str) -> None:
    """Text is UTF-8: Python knows many other codecs, some of them slow on long texts."""
    _, options = parse_options_header(content_type)
    charset = options.get(b"charset", b"utf-8").lower()
    if charset not in (b"utf-8", b"utf8"):
        raise _malformed("its charset isn't UTF-8")


def _malformed(text: str) -> RequestError:
    return RequestError(
        400, "form_malformed", f"a malformed multipart body: {text}", hint="let an HTTP library build it"
    )
