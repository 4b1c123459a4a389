"""The description of the service: complete, sound as OpenAPI, and with examples that the service would take or give."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from components.masks import checked_runs
from components.params import AccessParams
from components.params.access import AccessMode
from serving.access.callers import HEALTH, role_of
from serving.http.app import OPERATIONS, ROUTES
from serving.http.codes import ERRORS, NOWHERE
from serving.http.endpoints.page import TYPES, WEB
from serving.http.examples import MASK
from serving.http.forms import MAX_FIELDS, MAX_FILES
from serving.http.openapi import describe, errors_of
from serving.http.shield import HEADERS, MAX_HEADERS, MAX_PATH
from serving.schema.answers import (
    GuardOut,
    ImageOut,
    LineOut,
    MeasurementsOut,
    ModelOut,
    ObjectOut,
    RegionOut,
    SegmentOut,
    TimingOut,
)
from serving.schema.prompts import MAX_COUNTS, MAX_OBJECTS, MAX_POINTS
from serving.schema.strict import Message
from tests.serving.small import SETTINGS

MODES: tuple[AccessMode, ...] = ("none", "token", "proxy")


def described(mode: AccessMode = "none") -> dict[str, Any]:
    """The document as a service with this mode of access gives it."""
    change: dict[str, Any] = {"mode": mode}
    if mode == "proxy":
        change |= {"proxies": ("10.0.0.1/32",), "groups": {"sonographers": "use"}}
    access = AccessParams.model_validate(SETTINGS.access.model_dump() | change)
    return describe(OPERATIONS, SETTINGS.model_copy(update={"access": access}), headers=HEADERS)


def test_each_route_is_described_and_each_description_has_a_route() -> None:
    routed = {
        (route.path, method.lower()) for route in ROUTES if isinstance(route, Route) for method in (route.methods or ())
    }
    mounted = {route.path for route in ROUTES if isinstance(route, Mount)}
    told = {(path, method) for path, item in described()["paths"].items() for method in item}
    elsewhere = {(path, method) for path, method in told if path in HEALTH or path.rpartition("/")[0] in mounted}
    assert told - elsewhere == routed
    assert {path for path, _ in elsewhere} == HEALTH | {f"{path}/{{file}}" for path in mounted}


@pytest.mark.parametrize("mode", MODES)
def test_it_is_sound(mode: AccessMode) -> None:
    document = described(mode)
    loaded = schemathesis.openapi.from_dict(document)
    loaded.validate()
    text = json.dumps(document)
    for name in set(re.findall(r'"#/components/schemas/(\w+)"', text)):
        assert name in document["components"]["schemas"]
    names = [each["operationId"] for item in document["paths"].values() for each in item.values()]
    assert len(set(names)) == len(names)


def test_it_is_served(client: TestClient) -> None:
    answer = client.get("/openapi.json")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    limits = {"body_bytes": 3_000_000, "prompts_bytes": 50_000, "image_px": 200_000, "mask_px": 1_000_000}
    assert all(f"{limit:,}" in answer.json()["info"]["description"] for limit in limits.values()), (
        "as this one's settings"
    )
    assert all(f"`{name}`" in answer.json()["info"]["description"] for name in HEADERS)


def test_each_error_has_its_place() -> None:
    placed = {error for mode in MODES for each in OPERATIONS for error in errors_of(each, mode)}
    assert placed | set(NOWHERE) == set(ERRORS)
    segment = described()["paths"]["/v1/segment"]["post"]["responses"]
    codes = segment["413"]["content"]["application/json"]["schema"]["allOf"][1]["properties"]["error"]["properties"]
    assert codes["code"]["enum"] == sorted(code for status, code in errors_of(OPERATIONS[0], "none") if status == 413)
    assert segment["503"]["headers"]["Retry-After"]["required"]


@pytest.mark.parametrize("mode", MODES)
def test_who_may_ask_is_told_as_the_mode_has_it(mode: AccessMode) -> None:
    document = described(mode)
    schemes = document["components"]["securitySchemes"]
    for path, item in document["paths"].items():
        for each in item.values():
            wanted = [] if mode == "none" or role_of(path) is None else [{name: [role_of(path)] for name in schemes}]
            assert each["security"] == wanted, path
            assert ("401" in each["responses"]) == bool(wanted)
    assert [each["type"] for each in schemes.values()] == {"none": [], "token": ["http"], "proxy": ["apiKey"] * 3}[mode]


def test_examples_are_sound() -> None:
    checked = 0
    for each in OPERATIONS:
        given: list[tuple[Any, Any]] = [(each.body, each.example)]
        given += [(field.kind, field.example) for field in each.form.values()]
        given += [(answer.kind, answer.example) for several in each.answers.values() for answer in several]
        for kind, example in given:
            if example is not None and isinstance(kind, type) and issubclass(kind, Message):
                kind.model_validate_json(json.dumps(example))
                checked += 1
    assert checked >= 7
    checked_runs(MASK, (4, 4))


def test_each_file_of_the_page_is_listed() -> None:
    (listed,) = (each for each in OPERATIONS if each.path == "/web/{file}")
    assert set(listed.choices["file"]) == {path.name for path in WEB.iterdir()}, f"add the suffix to {sorted(TYPES)}"


def test_methods_that_a_path_does_not_know_are_told_which_it_knows(client: TestClient) -> None:
    for path, item in described()["paths"].items():
        if path in HEALTH:
            continue
        known = {method.upper() for method in item}
        for method in {"TRACE", "OPTIONS", "DELETE", "GET", "POST"} - known:
            refused = client.request(method, path.replace("{file}", "main.js"))
            assert refused.status_code == 405 and refused.json()["error"]["code"] == "method_not_allowed"
            assert set(refused.headers["allow"].split(", ")) == known, (method, path)
    assert client.request("TRACE", "/v2").headers["allow"] == "GET, HEAD, POST"


def test_files_are_given_whole(client: TestClient) -> None:
    for path in ("/", "/web/main.js"):
        part = client.get(path, headers={"Range": "bytes=5-1"})
        assert part.status_code == 200 and part.content == client.get(path).content


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    under = page.split(f"\n## {heading}\n", 1)[1]
    lines = re.search(r"(?:^\|.*\n)+", under, flags=re.MULTILINE)
    assert lines is not None
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines.group().splitlines()[2:]]


@pytest.fixture
def page(root: Path) -> str:
    """The page about the endpoint."""
    return (root / "docs/endpoint.md").read_text(encoding="utf-8")


def test_the_page_about_the_endpoint_lists_every_error(page: str) -> None:
    codes = {status: re.findall(r"`([a-z_]+)`", told) for status, told in rows(page, "Errors and limits")}
    told = {(int(status), code) for status, several in codes.items() for code in several}
    assert told - {(status, "proxy") for status, _ in told} == set(ERRORS)


def test_the_page_about_the_endpoint_lists_every_path_and_what_it_takes(page: str) -> None:
    takes = {
        (method.lower(), path): set(re.findall(r"`(\w+)`", fields))
        for paths, fields, _ in rows(page, "Every path")
        for method, path in re.findall(r"`(GET|POST) ([^`]+)`", paths)
    }
    for each in OPERATIONS:
        named = set(each.form) | (set(each.body.model_fields) if each.body else set())
        assert takes.pop((each.method, each.path)) == named, each.path
    assert not takes


def test_the_page_about_the_endpoint_lists_every_field_of_an_answer(page: str) -> None:
    told = {word for cells in rows(page, "By curl") for cell in cells for word in re.findall(r"\w+", cell)}
    for kind in (SegmentOut, ImageOut, GuardOut, RegionOut, ObjectOut, MeasurementsOut, LineOut, ModelOut, TimingOut):
        names = {field.alias or name for name, field in kind.model_fields.items()}
        assert names <= told, kind.__name__


def test_the_page_about_the_endpoint_states_the_limits(page: str) -> None:
    limits, told = SETTINGS.limits, dict(rows(page, "Errors and limits"))
    assert f"`body_too_large` ({limits.body_bytes / 2**20:g} MiB)" in told["413"]
    assert f"({limits.prompts_bytes / 2**20:g} MiB); `image_too_large`" in told["413"]
    assert f"({limits.image_px / 1e6:g} million pixels), `too_many_frames` ({limits.frames:,})" in told["413"]
    assert f"(objects times pixels over {limits.mask_px / 1e6:g} million)" in told["413"]
    assert f"over {limits.read_s:g} s, or {limits.idle_s:g} s between" in told["408"]
    assert f"({limits.header_bytes / 2**10:g} KiB, or over {MAX_HEADERS})" in told["431"]
    assert f"({MAX_PATH:,} characters)" in told["414"]
    assert f"over {MAX_OBJECTS} objects, or {MAX_POINTS} points or {MAX_COUNTS:,} characters" in told["422"]
    assert f"over {SETTINGS.access.failures_per_minute} wrong credentials a minute" in told["429"]
    assert f"at most {MAX_FIELDS} text fields and {MAX_FILES} files" in page
