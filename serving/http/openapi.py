"""What endpoints say of themselves to one OpenAPI 3.1 document, as the settings of a service have it.

Types of messages become schemas, all under `components`. Errors have a schema of their own at each status, with the
codes that stand there. Leaves out: the words of each endpoint (beside it, operations.py) and of each error (codes.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from components.params import AccessMode, AccessParams, ServingParams
from serving import VERSION
from serving.access.callers import role_of
from serving.http.codes import ANYWHERE, BROWSERS, ERRORS, KNOWN, MODES, Errors
from serving.http.operations import JSON, MODEL, NAME, TIMING, Answer, Field, JsonSchema, Operation
from serving.schema.errors import ErrorOut
from serving.schema.strict import Message

OPENAPI = "3.1.0"
COMPONENTS = "#/components/schemas/{model}"
Names = Mapping[type[Message], JsonSchema]
"""Types of messages to references to their schemas."""
RETRY, CHALLENGE = "Retry-After", "WWW-Authenticate"
HEADERS: Mapping[str, tuple[str, JsonSchema]] = {
    MODEL: ("The sha256 of the weights of the model that answered.", {"type": "string", "pattern": "^[0-9a-f]{64}$"}),
    TIMING: ("Where the time went, in milliseconds.", {"type": "string"}),
    NAME: ("The name to save the file under.", {"type": "string"}),
    RETRY: ("After how many seconds to send the request again.", {"type": "integer", "minimum": 1}),
    CHALLENGE: ("How to say who asks.", {"type": "string"}),
}
ABOUT = """Promptable segmentation of ultrasound images. Research use only, not a medical device.

Send an image once (`POST /v1/images`), then ask by its id: a click costs the decoder only. Coordinates are the image's
own pixels: origin at the top left corner of the top left pixel, x right, y down; boxes are `x0, y0, x1, y1`, half-open.
Unknown keys in JSON are refused, and so is a key that stands twice.

Errors are JSON with a stable `code`; the codes of each status stand at each operation. A path or method that isn't
described here is answered 404 `not_found` or 405 `method_not_allowed`. What isn't HTTP at all the server refuses with
a 400 in plain text. Requests that are answered 429 or 503 with `Retry-After` may be sent again then.

Every answer has the headers {headers}; and, once a caller is known and a model serves, `X-SonoForge-Model`."""


def describe(operations: Sequence[Operation], settings: ServingParams, *, headers: Iterable[str]) -> dict[str, Any]:
    """The document about these operations; `headers` are those of every answer."""
    names, schemas = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        made = _operation(each, settings, names)
        paths.setdefault(each.path, {})[each.method] = made
        if each.method == "get":
            paths[each.path]["head"] = _head(made)
    told = ", ".join(f"`{name}`" for name in headers)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "SonoForge",
            "version": VERSION,
            "summary": "Outlines on ultrasound images, by prompts.",
            "description": ABOUT.format(headers=told) + _limits(settings),
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "use", "description": "Outline, correct, export."},
            {"name": "page", "description": "The web page."},
            {"name": "health", "description": "For supervisors; open to all who reach the service."},
            {"name": "administrate", "description": "For those who run the service."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": {name: {"description": said, "schema": dict(kind)} for name, (said, kind) in HEADERS.items()},
            "securitySchemes": _schemes(settings.access),
        },
    }


def errors_of(operation: Operation, mode: AccessMode) -> Errors:
    """All errors of an operation, in order, where callers are known in this mode."""
    found: set[tuple[int, str]] = {*operation.errors, *ANYWHERE}
    if role_of(operation.path) is not None:
        found |= {*BROWSERS, *KNOWN, *MODES[mode]}
    return tuple(sorted(found))


def _schemas(operations: Sequence[Operation]) -> tuple[dict[type[Message], JsonSchema], dict[str, Any]]:
    """References to the schemas of all messages, and the schemas; what is sent and what is answered may differ."""
    asked: list[tuple[type[Message], JsonSchemaMode]] = [(ErrorOut, "serialization")]
    for each in operations:
        given = [each.body, *(one.kind for one in each.form.values())]
        asked += [(kind, "validation") for kind in given if isinstance(kind, type)]
        answers = [one.kind for several in each.answers.values() for one in several]
        asked += [(kind, "serialization") for kind in answers if isinstance(kind, type)]
    distinct = list(dict.fromkeys(asked))
    references, made = models_json_schema(distinct, ref_template=COMPONENTS)
    return {kind: references[kind, mode] for kind, mode in distinct}, made["$defs"]


def _operation(operation: Operation, settings: ServingParams, names: Names) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": _security(operation.path, settings.access.mode),
    }
    if operation.about:
        made["description"] = operation.about
    if parameters := [_parameter(name, operation) for name in re.findall(r"\{(\w+)\}", operation.path)]:
        made["parameters"] = parameters
    if operation.form:
        made["requestBody"] = _form(operation, names)
    if operation.body is not None:
        content = {"schema": dict(names[operation.body])} | _example(operation.example)
        made["requestBody"] = {"required": True, "content": {JSON: content}}
    made["responses"] = _responses(operation, settings.access.mode, names)
    return made


def _parameter(name: str, operation: Operation) -> dict[str, Any]:
    kind = {"type": "string", "enum": list(operation.choices[name])}
    return {"name": name, "in": "path", "required": True, "schema": kind}


def _form(operation: Operation, names: Names) -> dict[str, Any]:
    fields = operation.form
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _field(each, names) for name, each in fields.items()},
        "required": [name for name, each in fields.items() if each.required],
        **operation.rules,
    }
    encoding = {name: {"contentType": ", ".join(each.types or _types(each))} for name, each in fields.items()}
    return {
        "required": True,
        "content": {"multipart/form-data": {"schema": schema, "encoding": encoding} | _example(operation.example)},
    }


def _field(field: Field, names: Names) -> dict[str, Any]:
    kind = names[field.kind] if isinstance(field.kind, type) else field.kind
    return {**kind, "description": field.about} | ({} if field.example is None else {"examples": [field.example]})


def _types(field: Field) -> tuple[str]:
    return (JSON,) if isinstance(field.kind, type) else ("text/plain",)


def _responses(operation: Operation, mode: AccessMode, names: Names) -> dict[str, dict[str, Any]]:
    found = {str(status): _good(answers, names) for status, answers in operation.answers.items()}
    errors = errors_of(operation, mode)
    for status in sorted({status for status, _ in errors}):
        codes = [code for number, code in errors if number == status]
        found.setdefault(str(status), _bad(status, codes, names))
    return dict(sorted(found.items()))


def _good(answers: tuple[Answer, ...], names: Names) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for each in answers:
        kind = names[each.kind] if isinstance(each.kind, type) else each.kind
        content[each.media_type] = ({} if kind is None else {"schema": dict(kind)}) | _example(each.example)
    made: dict[str, Any] = {"description": answers[0].about, "content": content}
    return made | _headers(dict.fromkeys(answers[0].headers, True))


def _bad(status: int, codes: list[str], names: Names) -> dict[str, Any]:
    only = {"properties": {"error": {"properties": {"code": {"enum": codes}}}}}
    made: dict[str, Any] = {
        "description": "; ".join(f"`{code}`: {ERRORS[status, code]}" for code in codes) + ".",
        "content": {JSON: {"schema": {"allOf": [dict(names[ErrorOut]), only]}}},
    }
    needed = {429: RETRY, 503: RETRY, 401: CHALLENGE}
    return made | (_headers({needed[status]: True}) if status in needed else {})


def _headers(names: Mapping[str, bool]) -> dict[str, Any]:
    """Headers that an answer has, each with whether it always has it."""
    if not names:
        return {}
    told = {name: {"required": always, "description": HEADERS[name][0], "schema": dict(HEADERS[name][1])}
            for name, always in names.items()}  # fmt: skip
    return {"headers": told}


def _head(get: Mapping[str, Any]) -> dict[str, Any]:
    """HEAD of a path that knows GET: the same statuses and headers, and no bodies."""
    answers = {
        status: {key: value for key, value in answer.items() if key != "content"}
        for status, answer in get["responses"].items()
    }
    return {**get, "operationId": f"head_{get['operationId']}", "responses": answers}


def _example(example: Any) -> dict[str, Any]:
    return {} if example is None else {"example": example}


def _security(path: str, mode: AccessMode) -> list[dict[str, list[str]]]:
    role = role_of(path)
    if role is None or mode == "none":
        return []
    names = ("token",) if mode == "token" else ("proxy_secret", "proxy_user", "proxy_groups")
    return [{name: [role] for name in names}]


def _schemes(access: AccessParams) -> dict[str, dict[str, str]]:
    """How callers say who they are, in the mode that the service runs in."""
    if access.mode == "token":
        return {"token": {"type": "http", "scheme": "bearer", "description": "`sonoforge token NAME` makes one."}}
    if access.mode == "proxy":
        where: tuple[tuple[Literal["secret", "user", "groups"], str], ...] = (
            ("secret", access.secret_header), ("user", access.user_header), ("groups", access.groups_header)
        )  # fmt: skip
        told = "Set by the proxy, which logs people in; no client sends it."
        return {f"proxy_{name}": {"type": "apiKey", "in": "header", "name": header, "description": told}
                for name, header in where}  # fmt: skip
    return {}


def _limits(settings: ServingParams) -> str:
    limits = settings.limits
    return (
        f"\n\nLimits: bodies {limits.body_bytes:,} bytes, text fields and JSON bodies {limits.prompts_bytes:,}; images "
        f"{limits.image_px:,} pixels, files {limits.frames:,} frames; objects times pixels {limits.mask_px:,}; headers "
        f"{limits.header_bytes:,} bytes; {limits.idle_s:g} s between two pieces of a body, {limits.read_s:g} s for all."
    )
