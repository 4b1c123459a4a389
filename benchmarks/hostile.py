"""What a running service answers to thousands of hostile inputs: statuses, restarts, and memory.

    .venv/bin/python benchmarks/hostile.py --model FOLDER [--count 10000] [--seed 1] [--clients 4] [--out FILE]

Of each ten inputs six are hostile files, sent to each endpoint that takes files; three are hostile JSON (prompts,
feedback, outlines to export); one is bytes on a line that are hardly HTTP. All come from generators, so that a seed
gives the same inputs again (tests/serving/hostile_http.py, hostile_json.py, tests/components/formats/hostile.py). The
service is a real one in a folder of its own. It fails with exit code 1 where a fault of the service was answered (a
5xx, but 503 with Retry-After), a process came or went, the log isn't sound, or a sound request is answered otherwise.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from running import Running, Watch, audit_of, conditions, running, scan, write  # noqa: E402

from tests.components.formats.hostile import hostile_files  # noqa: E402
from tests.serving.hostile_http import raw_requests  # noqa: E402
from tests.serving.hostile_json import hostile_judgements, hostile_prompts  # noqa: E402

BOX = json.dumps({"objects": [{"box": [10, 10, 40, 38]}]})
Answer = tuple[int, str, bool]
"""Status (0: hung up), the error's code ("" for none, or no JSON), whether Retry-After is there."""
Ask = Callable[[httpx.Client], Answer]


@dataclass
class Count:
    """What was answered, by kind of input, and what must not be; filled by many threads."""

    statuses: dict[str, collections.Counter[str]] = field(
        default_factory=lambda: collections.defaultdict(collections.Counter)
    )
    faults: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    slowest: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, name: str, answer: Answer, taken_s: float) -> None:
        """Count an answer."""
        status, code, later = answer
        with self._lock:
            self.statuses[kind][f"{status} {code}".strip()] += 1
            if status >= 500 and not (status == 503 and later):
                self.faults.append(f"{name}: {status} {code}")
            if taken_s > self.slowest_s:
                self.slowest_s, self.slowest = taken_s, name


def told(response: httpx.Response) -> Answer:
    """What an answer says."""
    try:
        code = str(response.json()["error"]["code"])
    except (ValueError, KeyError, TypeError):
        code = ""
    return response.status_code, code, "retry-after" in response.headers


def of_files(seed: int, count: int, answer: dict[str, Any]) -> Iterator[tuple[str, str, Ask]]:
    """Hostile files for each endpoint that takes one, in turns."""
    one = {"name": "a", "mask": answer["objects"][0]["mask"], "prediction": answer["prediction"], "index": 0}
    fields: tuple[tuple[str, dict[str, str]], ...] = (
        ("/v1/images", {}),
        ("/v1/segment", {"prompts": BOX}),
        ("/v1/preview", {"frame": "1"}),
        ("/v1/images", {"frame": "2"}),
        ("/v1/export", {"format": "seg", "objects": json.dumps({"objects": [one]})}),
    )
    for (name, data), (path, form) in zip(hostile_files(seed, count), itertools.cycle(fields)):
        yield "files", f"{path} {name}", _posting(path, form, {"image": data})


def of_json(seed: int, count: int, answer: dict[str, Any]) -> Iterator[tuple[str, str, Ask]]:
    """Hostile prompts about an image that is embedded, feedback, and outlines to export."""
    image_id, half = answer["image"]["id"], count // 2
    for name, data in hostile_prompts(seed, half):
        yield "JSON", name, _posting("/v1/segment", {"image_id": image_id}, {"prompts": data})
    for name, data in hostile_judgements(seed, half // 2, answer["prediction"]):
        yield "JSON", name, _sending("/v1/feedback", data)
    for name, data in hostile_judgements(seed + 1, count - half - half // 2, answer["prediction"]):
        yield "JSON", f"outline {name}", _posting("/v1/export", {"format": "coco"}, {"objects": data})


def of_lines(seed: int, count: int, service: Running) -> Iterator[tuple[str, str, Ask]]:
    """Bytes on a line."""
    endless = itertools.chain.from_iterable(raw_requests(each) for each in itertools.count(seed))
    for name, data in itertools.islice(endless, count):
        yield "lines", name, _on_line(service.port, data)


def _posting(path: str, form: dict[str, str], files: dict[str, bytes]) -> Ask:
    return lambda client: told(client.post(path, data=form, files=files))


def _sending(path: str, data: bytes) -> Ask:
    return lambda client: told(client.post(path, content=data, headers={"Content-Type": "application/json"}))


def _on_line(port: int, data: bytes) -> Ask:
    return lambda _: _on_a_line(port, data)


def _on_a_line(port: int, data: bytes) -> Answer:
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        try:
            line.settimeout(5)
            line.sendall(data)
        except OSError:
            pass
        try:
            line.settimeout(0.5)
            answer = line.recv(65_536)
        except OSError:
            pass
    if not answer.startswith(b"HTTP/1.1 "):
        return 0, "", False
    return int(answer.split(b" ", 2)[1]), "", b"\r\nretry-after:" in answer.lower()


def shuffled(kinds: list[Iterator[tuple[str, str, Ask]]], weights: list[int]) -> Iterator[tuple[str, str, Ask]]:
    """The inputs of all kinds, in turns by their weights, until all are used up."""
    while kinds:
        for at in reversed(range(len(kinds))):
            some = list(itertools.islice(kinds[at], weights[at]))
            yield from some
            if not some:
                del kinds[at], weights[at]


def throw(
    service: Running, inputs: Iterator[tuple[str, str, Ask]], clients: int, every: int
) -> tuple[Count, list[float]]:
    """Send all inputs, each as soon as a client is free; memory after each `every` of them."""
    count, memory_mib, lock, sent = Count(), [], threading.Lock(), itertools.count(1)

    def work() -> None:
        with service.client() as client:
            while True:
                with lock:
                    following = next(inputs, None)
                if following is None:
                    return
                kind, name, ask = following
                begun_s = time.monotonic()
                try:
                    answer = ask(client)
                except httpx.RemoteProtocolError:
                    answer = (0, "", False)
                count.add(kind, name, answer, time.monotonic() - begun_s)
                if next(sent) % every == 0:
                    memory_mib.append(round(service.memory_mib(), 1))

    with ThreadPoolExecutor(clients) as pool:
        for each in [pool.submit(work) for _ in range(clients)]:
            each.result()
    return count, memory_mib


def sound(client: httpx.Client) -> dict[str, Any]:
    """What a sound request is answered."""
    answer = client.post("/v1/segment", files={"image": scan(0)}, data={"prompts": BOX})
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def measured(model: Path, *, total: int, seed: int, clients: int) -> dict[str, Any]:
    """The whole measurement."""
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        with running(folder, ["--model", str(model.resolve())]) as service, service.client() as client:
            first = sound(client)
            shares = (total * 6 // 10, total * 3 // 10, total - total * 6 // 10 - total * 3 // 10)
            kinds = [
                of_files(seed, shares[0], first),
                of_json(seed, shares[1], first),
                of_lines(seed, shares[2], service),
            ]
            before, begun_s = service.processes(), time.monotonic()
            with Watch(service) as watch:
                count, memory_mib = throw(service, shuffled(kinds, [6, 3, 1]), clients, max(1, total // 20))
            taken_s, after = time.monotonic() - begun_s, service.processes()
            again = sound(client)
        audit = audit_of(folder)
    return {
        "schema": 1,
        "machine": conditions(),
        "seed": seed,
        "inputs": sum(each.total() for each in count.statuses.values()),
        "clients": clients,
        "taken_s": round(taken_s, 1),
        "statuses": {kind: dict(found.most_common()) for kind, found in sorted(count.statuses.items())},
        "faults": count.faults[:50],
        "processes_that_came_or_went": sorted(before.keys() ^ after.keys()),
        "slowest": {"s": round(count.slowest_s, 2), "input": count.slowest},
        "memory_mib": {
            "before": round(sum(before.values()) / 2**20, 1),
            "after": round(sum(after.values()) / 2**20, 1),
            "peak": round(watch.peak_mib, 1),
            "on_the_way": memory_mib,
        },
        "same_answer_afterwards": again["objects"] == first["objects"],
        "audit": audit,
    }


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="a student's model folder")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/hostile.json")
    wanted = parser.parse_args()
    result = measured(wanted.model, total=wanted.count, seed=wanted.seed, clients=wanted.clients)
    print(json.dumps({name: result[name] for name in ("statuses", "faults", "slowest", "memory_mib")}, indent=2))
    write(wanted.out, result)
    well = not result["faults"] and not result["processes_that_came_or_went"] and result["audit"]["sound"]
    sys.exit(0 if well and result["same_answer_afterwards"] else 1)


if __name__ == "__main__":
    main()
