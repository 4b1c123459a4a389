"""How long a running service takes to embed, to outline and to answer a click, and whether its memory grows.

    .venv/bin/python benchmarks/endpoint.py --model FOLDER [--seconds 8] [--requests 10000] [--out FILE]

A real service, and clients in closed loops: each sends a request, waits for the answer, and sends the next. Images are
new ones each time (POST /v1/images; the first mask is POST /v1/segment with the file), clicks go to an image that is
embedded, one for each client. A client that is refused (429, 503) waits as `Retry-After` says and sends the same again;
that is counted, and the latency is that of the answers that were given. Then four clients send clicks and, every tenth
time, a new image, for the memory of all processes. The clients are threads of one process on the same cores: they take
part of what is measured, and their share of the processors is given.
"""

from __future__ import annotations

import argparse
import http.client
import io
import itertools
import json
import math
import os
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PilImage
from running import ROOT, SIZE_HW, Running, Watch, audit_of, conditions, running, scan, write

CLIENTS = (1, 8, 32)
BOUNDARY = "b0undary0f0ne0request"
KIND = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
DRAWN = 40
"""Images that differ; the others differ from them by a few pixels."""
MOST_PER_S = 40
"""Images a second that are made in advance; more than two cores embed."""
EVERY = 500
"""Requests between two looks at the memory."""
IMAGE_IN = 10
"""One of so many requests there sends a new image."""
LATER = (429, 503)


def form(**parts: bytes) -> bytes:
    """A multipart body; `image` is a file."""
    made = []
    for name, value in parts.items():
        file = '; filename="scan.png"' if name == "image" else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        made.append(head.encode() + value + b"\r\n")
    return b"".join(made) + f"--{BOUNDARY}--\r\n".encode()


def prompts(number: int) -> bytes:
    """A box and a click, another one for each number."""
    x, y = 250 + number % 40, 180 + number // 40 % 40
    box = [x - 60, y - 50, x + 140, y + 110]
    return json.dumps({"objects": [{"box": box, "points": [{"x": x + 40, "y": y + 30}]}]}).encode()


class Scans:
    """New images for all clients. `first` is the number of the first; no number is given twice."""

    def __init__(self, first: int) -> None:
        self._numbers = itertools.count(first)
        self._drawn = [np.asarray(PilImage.open(io.BytesIO(scan(first + number)))) for number in range(DRAWN)]
        self._made: deque[bytes] = deque()

    def make(self, count: int) -> Scans:
        """Make so many now: while clients wait for answers, making them would take the service's processors."""
        self._made.extend(self._new() for _ in range(count))
        return self

    def next(self) -> bytes:
        """A new image, for any thread."""
        try:
            return self._made.popleft()
        except IndexError:
            return self._new()

    def _new(self) -> bytes:
        number = next(self._numbers)
        pixels = self._drawn[number % DRAWN].copy()
        pixels[0, :4] = [number >> shift & 255 for shift in (0, 8, 16, 24)]
        buffer = io.BytesIO()
        PilImage.fromarray(pixels).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


@dataclass
class Found:
    """What the clients of a closed loop met."""

    taken_ms: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def summary(self, seconds: float) -> dict[str, Any]:
        """Percentiles in ms, answers a second, and what was refused or failed."""
        told: dict[str, Any] = {"answers": len(self.taken_ms), "per_s": round(len(self.taken_ms) / seconds, 2)}
        if self.taken_ms:
            p50, p95, p99 = np.percentile(self.taken_ms, (50, 95, 99))
            told |= {f"p{q}_ms": round(float(ms), 1) for q, ms in ((50, p50), (95, p95), (99, p99))}
        return told | {"refused": dict(self.refused), "failed": dict(self.failed)}


class Client:
    """One client with a connection of its own."""

    def __init__(self, service: Running) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)

    def send(self, path: str, body: bytes) -> tuple[int, float, bytes]:
        """Status, seconds of Retry-After, and the answer."""
        self._line.request("POST", path, body, KIND)
        answer = self._line.getresponse()
        data = answer.read()
        return answer.status, float(answer.headers.get("Retry-After", 0)), data

    def embedded(self, data: bytes) -> bytes:
        """The id of an image, which is sent until it is taken."""
        while True:
            status, after_s, answer = self.send("/v1/images", form(image=data))
            if status == 200:
                return str(json.loads(answer)["image"]["id"]).encode()
            assert status in LATER, answer
            time.sleep(after_s)

    def close(self) -> None:
        """Hang up."""
        self._line.close()


Work = Callable[[Client, int], tuple[str, bytes]]
"""A client and the number of its request to path and body."""


def play(
    service: Running, work: Work, *, clients: int, seconds: float, prepare: Callable[[Client, int], None]
) -> tuple[Found, float]:
    """Clients in closed loops for so long, after each has prepared; and the seconds until all had their answers."""
    founds = [Found() for _ in range(clients)]
    ready, go = threading.Barrier(clients + 1), threading.Event()
    until_s = [0.0]

    def one(number: int, found: Found) -> None:
        client = Client(service)
        prepare(client, number)
        ready.wait()
        go.wait()
        for turn in itertools.count():
            if time.perf_counter() >= until_s[0]:
                break
            path, body = work(client, number * 1_000_000 + turn)
            _answered(client, path, body, found, until_s[0])
        client.close()

    threads = [threading.Thread(target=one, args=each, daemon=True) for each in enumerate(founds)]
    for thread in threads:
        thread.start()
    ready.wait()
    begun_s = time.perf_counter()
    until_s[0] = begun_s + seconds
    go.set()
    for thread in threads:
        thread.join()
    taken_s, whole = time.perf_counter() - begun_s, Found()
    for found in founds:
        whole.taken_ms += found.taken_ms
        whole.refused += found.refused
        whole.failed += found.failed
    return whole, taken_s


def _answered(client: Client, path: str, body: bytes, found: Found, until_s: float) -> None:
    """One request until it is answered, refused for good, or the time is over."""
    while True:
        begun_s = time.perf_counter()
        status, after_s, data = client.send(path, body)
        if status == 200:
            found.taken_ms.append((time.perf_counter() - begun_s) * 1e3)
            return
        code = f"{status} {json.loads(data)['error']['code']}"
        if status not in LATER or not after_s:
            found.failed[code] += 1
            return
        found.refused[code] += 1
        left_s = until_s - time.perf_counter()
        if left_s <= 0:
            return
        time.sleep(min(after_s, left_s))


def latencies(service: Running, seconds: float) -> dict[str, dict[str, Any]]:
    """Each kind of request at each number of clients."""
    fresh = Scans(0)
    count = math.ceil(seconds * MOST_PER_S)
    ids: dict[int, bytes] = {}

    def nothing(client: Client, number: int) -> None:
        """There is nothing to prepare."""

    def embed(client: Client, number: int) -> None:
        ids[number] = client.embedded(scan(20_000_000 + number))

    kinds: dict[str, tuple[Work, Callable[[Client, int], None]]] = {
        "encode": (lambda _client, _number: ("/v1/images", form(image=fresh.next())), nothing),
        "first_mask": (
            lambda _client, number: ("/v1/segment", form(image=fresh.next(), prompts=prompts(number))),
            nothing,
        ),
        "next_click": (
            lambda _client, number: (
                "/v1/segment",
                form(image_id=ids[number // 1_000_000], prompts=prompts(number)),
            ),
            embed,
        ),
    }
    results: dict[str, dict[str, Any]] = {}
    for name, (work, prepare) in kinds.items():
        for clients in CLIENTS:
            if name != "next_click":
                fresh.make(count)
            before_s, load = sum(os.times()[:2]), os.getloadavg()[0]
            found, taken_s = play(service, work, clients=clients, seconds=seconds, prepare=prepare)
            spent = (sum(os.times()[:2]) - before_s) / taken_s / (os.cpu_count() or 1)
            told = found.summary(taken_s)
            told |= {"clients_share_of_processors": round(spent, 3), "load_average": round(load, 2)}
            results.setdefault(name, {})[str(clients)] = told
            print(f"{name:11s}{clients:3d}  {told}", flush=True)
    return results


def memory(service: Running, requests: int) -> dict[str, Any]:
    """Memory over many requests by four clients, and how fast it grows over the second half, once caches are full."""
    fresh, seen, lock = Scans(30_000_000), itertools.count(1), threading.Lock()
    looks: list[tuple[int, float]] = [(0, service.memory_mib())]
    statuses: Counter[int] = Counter()

    def one(number: int) -> None:
        client = Client(service)
        image_id = client.embedded(fresh.next())
        for turn in itertools.count():
            with lock:
                count = next(seen)
            if count > requests:
                break
            new = turn % IMAGE_IN == IMAGE_IN - 1
            body = form(image=fresh.next()) if new else form(image_id=image_id, prompts=prompts(number * 10_000 + turn))
            status, after_s, data = client.send("/v1/images" if new else "/v1/segment", body)
            with lock:
                statuses[status] += 1
            if status == 200 and new:
                image_id = str(json.loads(data)["image"]["id"]).encode()
            elif status in LATER:
                time.sleep(after_s)
            if count % EVERY == 0:
                looks.append((count, service.memory_mib()))
        client.close()

    begun_s = time.perf_counter()
    threads = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    looks.sort()
    late = [(count, mib) for count, mib in looks if count >= requests / 2]
    counts, mibs = [count for count, _ in late], [mib for _, mib in late]
    slope = float(np.polyfit(counts, mibs, 1)[0]) * 1000 if len(late) > 2 else None
    return {
        "requests": requests,
        "per_s": round(requests / (time.perf_counter() - begun_s), 1),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "mib": [[count, round(mib, 1)] for count, mib in looks],
        "mib_per_1000_requests_in_the_second_half": None if slope is None else round(slope, 2),
    }


def measured(model: Path, *, seconds: float, requests: int) -> dict[str, Any]:
    """The whole measurement."""
    begin = conditions()
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        with running(folder, ["--model", str(model.resolve())]) as service:
            ready_s, processes = service.ready_s, service.processes()
            with Watch(service) as watch:
                found = latencies(service, seconds)
                grown = memory(service, requests) if requests else None
            restarted = sorted(processes.keys() ^ service.processes().keys())
        audit = audit_of(folder)
    return {
        "schema": 1,
        "machine": begin,
        "seconds_each": seconds,
        "image_px": list(SIZE_HW),
        "start_to_ready_s": round(ready_s, 2),
        "latency": found,
        "memory": grown,
        "memory_at_start_mib": round(sum(processes.values()) / 2**20, 1),
        "memory_peak_mib": round(watch.peak_mib, 1),
        "processes_that_came_or_went": restarted,
        "audit": audit,
        "load_average_afterwards": [round(each, 2) for each in os.getloadavg()],
    }


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="a student's model folder")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each kind of request at each number of clients")
    parser.add_argument("--requests", type=int, default=10_000, help="over which memory is looked at; 0: none")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/endpoint.json")
    wanted = parser.parse_args()
    write(wanted.out, measured(wanted.model, seconds=wanted.seconds, requests=wanted.requests))


if __name__ == "__main__":
    main()
