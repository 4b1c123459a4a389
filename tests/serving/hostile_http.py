"""Requests that no client should send, as bytes on a line: material to throw at a running server.

    raw_requests(seed) -> names and bytes, the same for the same seed

Leaves out: hostile files (tests/components/formats/hostile.py), and what a server should say.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

FORM = b"Content-Type: multipart/form-data; boundary=b\r\n"
HOST = b"Host: 127.0.0.1\r\n"
PATHS = (
    b"/web/../../../etc/passwd",
    b"/web/..%2f..%2f..%2fetc/passwd",
    b"/web/%2e%2e/%2e%2e/params.yaml",
    b"/web//etc/passwd",
    b"/web/..%5c..%5cparams.yaml",
    b"/web/%00",
    b"/web/" + b"a/" * 900,
    b"/v1/admin/../../params.yaml",
    b"http://evil.com/v1/session%0d%0aX: 1",
    b"//evil.com/",
    b"/%ff%fe",
)


def request(line: bytes, *headers: bytes, body: bytes = b"", host: bytes = HOST) -> bytes:
    """A request; its length is stated unless a header says how it is."""
    stated = any(header.lower().startswith((b"content-length", b"transfer-encoding")) for header in headers)
    length = b"" if stated else b"Content-Length: %d\r\n" % len(body)
    return line + b" HTTP/1.1\r\n" + host + b"".join(headers) + length + b"\r\n" + body


def chunked(*chunks: bytes) -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def part(name: bytes, value: bytes, *, file: bool = False) -> bytes:
    """A part of a form."""
    named = b'; filename="a"' if file else b""
    return b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (name, named, value)


def raw_requests(seed: int) -> Iterator[tuple[str, bytes]]:
    """Hostile requests, each with a name that says what it is."""
    rng = random.Random(seed)
    post = b"POST /v1/segment"
    deep, many = b"[" * 100_000, b'{"objects": [' + b"{}," * 500_000 + b"{}]}"
    digits = b'{"objects": [{"box": [' + b"9" * 1_000_000 + b", 0, 1, 1]}]}"
    for name, prompts in (("deep JSON", deep), ("JSON of many objects", many), ("a number of many digits", digits)):
        body = part(b"image", b"x", file=True) + part(b"prompts", prompts) + b"--b--\r\n"
        yield name, request(post, FORM, body=body)
        yield (
            f"{name} in chunks",
            request(post, FORM, b"Transfer-Encoding: chunked\r\n", body=chunked(body[:9], body[9:])),
        )
    text = b"\xf0\x9f\xa9\xba" + b"a" * 8_000_000
    yield "a long text of four bytes a character", request(post, FORM, body=part(b"prompts", text) + b"--b--\r\n")
    yield "many parts", request(post, FORM, body=part(b"x", b"1") * 50_000)
    yield "many files", request(post, FORM, body=part(b"x", b"1", file=True) * 50_000)
    yield "endless headers of a part", request(post, FORM, body=b"--b\r\n" + b"X: 1\r\n" * 500_000)
    yield "an endless header of a part", request(post, FORM, body=b"--b\r\nX: " + b"x" * 8_000_000)
    yield "a long boundary", request(post, b"Content-Type: multipart/form-data; boundary=" + b"b" * 9000 + b"\r\n")
    yield "many half boundaries", request(post, FORM, body=b"\r\n--" * 1_000_000)
    yield (
        "a slow charset",
        request(post, FORM[:-2] + b"; charset=punycode\r\n", body=part(b"prompts", b"a-" + b"z9" * 10**6)),
    )
    yield "two lengths", request(post, FORM, b"Content-Length: 3\r\nContent-Length: 4\r\n", body=b"abcd")
    yield (
        "a length and chunks",
        request(post, FORM, b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", body=chunked(b"x")),
    )
    yield "a huge length", request(post, FORM, b"Content-Length: 99999999999999999999\r\n", body=b"x")
    yield "a negative length", request(post, FORM, b"Content-Length: -1\r\n", body=b"x")
    yield (
        "a chunk that claims much",
        request(post, FORM, b"Transfer-Encoding: chunked\r\n", body=b"fffffffffffffffff\r\nx"),
    )
    yield "a header with a line's end", request(b"GET /v1/session", b"X: a\rSet-Cookie: b\r\n")
    yield "a header without a name", request(b"GET /v1/session", b": x\r\n")
    yield "a header with a zero", request(b"GET /v1/session", b"X: \0\r\n")
    yield "a huge header", request(b"GET /v1/session", b"X: " + b"x" * 50_000 + b"\r\n")
    yield "headers without end", b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 100_000
    yield "many headers", request(b"GET /v1/session", *[b"X-%d: 1\r\n" % number for number in range(900)])
    yield "no host", request(b"GET /v1/session", host=b"")
    yield "two hosts", request(b"GET /v1/session", HOST)
    yield "a foreign host", request(b"GET /v1/session", host=b"Host: evil.com\r\n")
    yield "a foreign page", request(post, FORM, b"Origin: http://evil.com\r\n")
    yield (
        "an upgrade",
        request(b"GET /v1/session", b"Connection: upgrade\r\nUpgrade: websocket\r\n", host=b"Host: x\r\n"),
    )
    for path in PATHS:
        yield f"the path {path[:40]!r}", request(b"GET " + path)
    for _ in range(20):
        yield "noise", rng.randbytes(rng.randint(1, 4000)) + b"\r\n\r\n"
        whole = bytearray(request(post, FORM, body=part(b"image", b"x", file=True) + part(b"prompts", b"{}")))
        for _ in range(rng.randint(1, 5)):
            whole[rng.randrange(len(whole))] = rng.randrange(256)
        yield "a damaged request", bytes(whole)
