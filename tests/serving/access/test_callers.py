"""Each path needs a role, also one that doesn't exist, but for page and health."""

from __future__ import annotations

import pytest

from serving.access.callers import Caller, role_of


@pytest.mark.parametrize("path", ["/", "/web/", "/web/app.js", "/livez", "/readyz", "/healthz", "/favicon.ico"])
def test_open(path: str) -> None:
    assert role_of(path) is None


@pytest.mark.parametrize("path", ["/v1/admin", "/v1/admin/", "/v1/admin/models", "/v1/admin/x/y", "/metrics"])
def test_administrate(path: str) -> None:
    assert role_of(path) == "administrate"


@pytest.mark.parametrize(
    "path",
    ["", "//", "/web", "/webx", "/v1/segment", "/v1/session", "/openapi.json", "/nowhere", "/livez/", "/v1/administer"],
)
def test_use(path: str) -> None:
    assert role_of(path) == "use"


def test_who_administrates_may_use_and_not_the_other_way() -> None:
    user, admin = (Caller(None, role, "token") for role in ("use", "administrate"))
    assert [user.may("use"), user.may("administrate")] == [True, False]
    assert [admin.may("use"), admin.may("administrate")] == [True, True]
