"""Under which names the service is reached, and which pages may make a browser send to it."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.datastructures import Headers

from components.params import AccessParams
from serving.http.origins import check_host, check_origin
from serving.http.refusals import RequestError
from tests.serving.small import SETTINGS

NAMED = {"hosts": ["sono.example.org", "ward.example.org:8443"]}


def refused(check: Any, *headers: tuple[str, str], **changed: Any) -> str | None:
    """The code of the refusal; None where there is none."""
    params = AccessParams.model_validate(SETTINGS.access.model_dump() | changed)
    try:
        check(Headers(raw=[(name.encode(), value.encode("latin-1")) for name, value in headers]), params)
    except RequestError as error:
        assert error.status == 403
        return error.detail.code
    return None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:3000", "localhost", "LocalHost:1", "[::1]:3000", "127.1.2.3"])
def test_this_machines_names(host: str) -> None:
    assert refused(check_host, ("host", host)) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.com",
        "evil.com:3000",
        "localhost.evil.com",
        "127.0.0.1.evil.com",
        "user@127.0.0.1",
        "127.0.0.1/x",
        "",
        " ",
        "127.0.0.1:x",
        "127.0.0.1:99999",
        "[::1",
        "127.0.0.1, evil.com",
        "127.0.0.1#@evil.com",
        "192.168.1.7",
        "ÿ",
    ],
)
def test_other_names_are_refused(host: str) -> None:
    assert refused(check_host, ("host", host)) == "host_unknown"


def test_one_host_is_needed() -> None:
    assert refused(check_host) == "host_unknown"
    assert refused(check_host, ("host", "127.0.0.1"), ("host", "127.0.0.1")) == "host_unknown"


def test_with_access_addresses_and_configured_names_count() -> None:
    access = NAMED | {"mode": "token"}
    for host in ("192.168.1.7:3000", "sono.example.org", "SONO.example.org:443", "ward.example.org:8443"):
        assert refused(check_host, ("host", host), **access) is None, host
    for host in (
        "example.org",
        "ward.example.org",
        "ward.example.org:1",
        "xsono.example.org",
        "sono.example.org.evil.com",
    ):
        assert refused(check_host, ("host", host), **access) == "host_unknown", host


def test_programs_and_the_own_page_pass() -> None:
    host = ("host", "127.0.0.1:3000")
    assert refused(check_origin, host) is None
    assert refused(check_origin, host, ("origin", "http://127.0.0.1:3000"), ("sec-fetch-site", "same-origin")) is None
    assert refused(check_origin, host, ("sec-fetch-site", "none")) is None


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.com",
        "https://evil.com:3000",
        "null",
        "http://127.0.0.1:8080",
        "http://localhost:3000",
        "file://",
        "http://127.0.0.1",
        "http://user@127.0.0.1:3000",
        "127.0.0.1:3000",
        "",
        "http://127.0.0.1:3000.evil.com",
        "moz-extension://127.0.0.1:3000",
        "http://127.0.0.1:3000/x",
    ],
)
def test_pages_of_other_origins_are_refused(origin: str) -> None:
    assert refused(check_origin, ("host", "127.0.0.1:3000"), ("origin", origin)) == "cross_site"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense", ""])
def test_what_the_browser_calls_another_site_is_refused(site: str) -> None:
    headers = (("host", "127.0.0.1:3000"), ("origin", "http://127.0.0.1:3000"), ("sec-fetch-site", site))
    assert refused(check_origin, *headers) == "cross_site"


def test_behind_a_proxy_the_configured_name_is_the_own_page() -> None:
    inside = ("host", "10.0.0.5:3000")
    assert refused(check_origin, inside, ("origin", "https://sono.example.org"), **NAMED) is None
    assert refused(check_origin, inside, ("origin", "https://ward.example.org"), **NAMED) == "cross_site"
    assert refused(check_origin, inside, ("origin", "https://ward.example.org:8443"), **NAMED) is None
