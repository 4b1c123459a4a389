"""Addresses without their passwords, and one process at a time on a real PostgreSQL."""

from __future__ import annotations

import re
import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from components import databases
from components.databases import connected, is_postgres, masked, with_driver
from components.errors import StoreError


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("postgresql://me:hush@db/mlflow", "postgresql://me:***@db/mlflow"),
        (
            "no way to postgresql+asyncpg://me:hu@s:h@db:5432/x today",
            "no way to postgresql+asyncpg://me:***@db:5432/x today",
        ),
        ("no way to postgresql://me:hu sh@db/x today", "no way to postgresql://me:***@db/x today"),
        ("ray://bob:h@u s h@head:10001", "ray://bob:***@head:10001"),
        ("postgresql://me:a b@db/x or s3://k:c d@e/f", "postgresql://me:***@db/x or s3://k:***@e/f"),
        ("postgresql://me:5432/hush@db/x", "postgresql://me:***@db/x"),
        ("postgresql://me:5432/hu sh@db/x", "postgresql://me:***@db/x"),
        ("postgresql://me too?:hush@db/x", "postgresql://me too?:***@db/x"),
        ("postgresql://me@corp:hush@db/x", "postgresql://***@corp:***@db/x"),
        ("postgresql://me:@hush@db/x", "postgresql://***@db/x"),
        ("http://127.0.0.1:4200/api, ask me@example.org", "http://127.0.0.1:***@example.org"),
        ("http://127.0.0.1:4200/api and s3://k:c@e/f", "http://127.0.0.1:4200/api and s3://k:***@e/f"),
        ("http://127.0.0.1:4200/api\nask me@example.org", "http://127.0.0.1:4200/api\nask me@example.org"),
        ("https://team:hush@mlflow.example/api", "https://team:***@mlflow.example/api"),
        ("postgresql://db/x?user=me&password=hush&ssl=true", "postgresql://db/x?user=me&password=***&ssl=true"),
        ("https://t0ken@mlflow.example/api", "https://***@mlflow.example/api"),
        ("https://t0ken:@mlflow.example:8080/api", "https://***@mlflow.example:8080/api"),
        ("clone git+https://t0@ken@git.example/x now", "clone git+https://***@git.example/x now"),
        ("postgresql://db/x?sslmode=require&sslpassword=hush", "postgresql://db/x?sslmode=require&sslpassword=***"),
        ("https://h/x?api_key=hush&X-Amz-Signature=5ab#a", "https://h/x?api_key=***&X-Amz-Signature=***"),
        ("https://h/x?Passwd=a&pwd=b&access_token=c&page=2", "https://h/x?Passwd=***&pwd=***&access_token=***&page=2"),
        ("host=db password='hu sh' dbname=x", "host=db password=*** dbname=x"),
        ("https://h/x?monkeys=3&next=a@b", "https://h/x?monkeys=3&next=a@b"),
        ("http://127.0.0.1:4200/api", "http://127.0.0.1:4200/api"),
        ("s3://bucket/path", "s3://bucket/path"),
        ("mail me@example.org at 10:30", "mail me@example.org at 10:30"),
    ],
)
def test_no_password_is_shown(told: str, shown: str) -> None:
    assert masked(told) == shown


# A line's characters; what follows a space and holds `://` is taken for another address.
LINES = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"])).filter(
    lambda line: not re.search(r"\s\S*://", line)
)


@given(
    password=LINES, user=st.from_regex(r"[A-Za-z0-9_.~-]*", fullmatch=True), host=st.sampled_from(["db", "[::1]:5432"])
)
@example(password="db:5432/x", user="me", host="db")
def test_whatever_a_password_is_nothing_of_it_is_shown(password: str, user: str, host: str) -> None:
    known = "***" if not password or password.startswith("@") else f"{user}:***"
    assert (
        masked(f"no way to postgresql://{user}:{password}@{host}/x today")
        == f"no way to postgresql://{known}@{host}/x today"
    )


@given(LINES, LINES)
def test_whatever_a_user_is_called_the_password_is_hidden(before: str, after: str) -> None:
    user = f"{before} {after}".replace(":", "").replace("/", "")
    assert "1/hush" not in masked(f"postgresql://{user}:1/hush@db/x")


@given(st.text(st.characters(exclude_characters=":/?#", exclude_categories=["Z", "C"]), min_size=1))
def test_a_token_without_a_user_is_hidden_whatever_it_is(token: str) -> None:
    assert masked(f"at https://{token}@mlflow.example/api") == "at https://***@mlflow.example/api"


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("postgresql://me@db/x", "postgresql+pg8000://me@db/x"),
        ("postgres://me@db/x", "postgresql+pg8000://me@db/x"),
        ("postgresql+psycopg2://me@db/x", "postgresql+psycopg2://me@db/x"),
        ("sqlite:////x.db", "sqlite:////x.db"),
    ],
)
def test_postgresql_gets_the_driver_that_is_here(address: str, whole: str) -> None:
    assert with_driver(address) == whole
    assert is_postgres(address) is address.startswith("postgres")


def test_a_port_that_is_no_number_is_said() -> None:
    with (
        pytest.raises(StoreError, match=r"me:\*\*\*@db:notaport/x: its port is no number"),
        connected("postgresql://me:hush@db:notaport/x"),
    ):
        pass


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes connections and says nothing, as one that is stopped, or no PostgreSQL."""
    monkeypatch.setattr(databases, "CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"postgresql://me:hush@127.0.0.1:{server.getsockname()[1]}/x"
        with pytest.raises(StoreError, match="timed out") as refused, connected(address):
            pass
    assert "hush" not in str(refused.value)
    with pytest.raises(StoreError, match="refused"), connected(address):
        pass
