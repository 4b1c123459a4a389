"""Who is let in: on this machine everybody, elsewhere nobody without a token or the proxy's word."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers

from components.errors import AccessError
from components.params import AccessParams
from components.tokens import make_token
from serving.access.callers import LOCAL, Caller
from serving.access.gate import SECRET_VARIABLE, Gate, refuse_open
from serving.access.refusal import Refusal
from tests.serving.small import SETTINGS

NOW = datetime(2026, 5, 1, tzinfo=UTC)
HERE = {"client": "127.0.0.1", "server": "127.0.0.1"}


def params(**changed: Any) -> AccessParams:
    """The project's settings of access, some of them changed."""
    return AccessParams.model_validate(SETTINGS.access.model_dump() | changed)


def code(found: Caller | Refusal) -> str:
    """Why somebody isn't let in."""
    assert isinstance(found, Refusal), found
    return found.code


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.7", "10.0.0.1", "::ffff:10.0.0.1", "fe80::1"])
def test_without_access_it_does_not_start_on_another_address(address: str) -> None:
    with pytest.raises(AccessError, match="would listen on"):
        Gate(params(), {}).start(["127.0.0.1", address])
    refuse_open(params(mode="token"), [address])


def test_without_access_it_answers_on_this_machine_only() -> None:
    gate = Gate(params(), {})
    gate.start(["127.0.0.1", "::1"])
    assert gate.caller(Headers(), **HERE) == LOCAL
    assert gate.caller(Headers(), client="::1", server="::1") == LOCAL
    # A server of another kind, on another address, would bring requests here that the start didn't see.
    for client, server in (("127.0.0.1", "192.168.1.7"), ("192.168.1.9", "127.0.0.1"), (None, None), ("x", "y")):
        assert code(gate.caller(Headers(), client=client, server=server)) == "access_required"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Forwarded-Host", "Via"])
def test_without_access_nothing_that_a_proxy_forwards_is_answered(header: str) -> None:
    gate = Gate(params(), {})
    assert code(gate.caller(Headers({header: "1.2.3.4"}), **HERE)) == "access_required"


def test_no_mode_answers_before_it_has_read_its_secrets(tmp_path: Path) -> None:
    assert code(Gate(params(mode="token"), {}).caller(Headers(), **HERE)) == "not_ready"


@pytest.mark.parametrize("mode", ["token", "proxy"])
def test_a_mode_without_its_secret_does_not_start(mode: str, tmp_path: Path) -> None:
    chosen = params(mode=mode, proxies=["10.0.0.2"], groups={"doctors": "use"})
    with pytest.raises(AccessError, match="isn't set"):
        Gate(chosen, {}).start([])
    for variable in ("SONOFORGE_TOKENS", SECRET_VARIABLE):
        with pytest.raises(AccessError):
            Gate(chosen, {variable: str(tmp_path / "nothing")}).start([])


def test_tokens_let_in_on_any_address(tmp_path: Path) -> None:
    token = make_token(tmp_path / "t", "ward", role="use", now=NOW)
    gate = Gate(params(mode="token"), {"SONOFORGE_TOKENS": str(tmp_path / "t")})
    gate.start(["0.0.0.0"])
    headers = Headers({"Authorization": f"Bearer {token}", "X-Forwarded-For": "1.2.3.4"})
    assert gate.caller(headers, client="10.1.1.1", server="10.0.0.1") == Caller("ward", "use", "token")
    assert code(gate.caller(Headers(), **HERE)) == "token_missing"


def test_the_proxy_mode_needs_addresses_and_groups() -> None:
    with pytest.raises(ValueError, match="needs `proxies`"):
        params(mode="proxy")
    with pytest.raises(ValueError, match="must differ"):
        params(user_header="X-A", groups_header="x-a")
    for wrong in ({"user_header": "a b"}, {"proxies": ["10.0.0.300"]}, {"hosts": ["http://x"]}, {"groups": {"g": "x"}}):
        with pytest.raises(ValueError):
            params(**wrong)
