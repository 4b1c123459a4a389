"""Promotions and rollbacks while clients work: how many requests fail, and how long the worst one takes meanwhile.

    .venv/bin/python benchmarks/promote_under_load.py --model FOLDER [--times 10] [--clients 8] [--out FILE]

A project with a ledger, a champion and a released model for each promotion (its weights, each changed a little, with
self-checks of their own), so that each promotion loads a model from disk, tries it, and installs it under load; each
rollback goes back to the champion. Both are written as the stages write them, and the service finds them by itself.
Clients embed an image, click on it four times, and go on with the next one, in closed loops. Any answer but 200 is a
failure, and so is an outline by another model than the one that embedded its image; so the exit code says.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pipelines  # noqa: F401  (sets how OpenMP waits, before torch is loaded)

# isort: split
import numpy as np
from endpoint import Client, Scans, form, prompts
from running import ROOT, Running, audit_of, conditions, running, write

from components.artefacts import ModelDescription, save_model, sha256_of
from components.audit.reading import read
from components.listing import FILES, MODEL, list_files
from components.places import AUDIT
from components.promptable.export import export_onnx
from components.promptable.predict import pin_threads
from components.promptable.runtimes.loading import load_runtime
from components.promptable.segmenter import Segmenter
from components.promptable.self_check import write_self_check
from components.release.files import listing_text
from components.release.packing.self_checks import make_self_check
from components.release.records.ledger import LEDGER, append, read_ledger, released_folder
from components.release.records.promotion import sync_service
from components.students import load_student

CLICKS = 4
SWITCHED_S = 60.0
CALM_S = 3.0


@dataclass
class Project:
    """A project whose models are released, and come into use, as the stages do it."""

    root: Path
    packages: dict[str, str] = field(default_factory=dict)

    def release(self, segmenter: Segmenter, description: ModelDescription, factor: float) -> str:
        """A model whose weights are so many times the given ones; returns its digest."""
        tensors = {name: value * factor for name, value in segmenter.state_dict().items()}
        made = save_model(self.root / "made", tensors, description)
        folder = released_folder(self.root, made.digest)
        folder.parent.mkdir(parents=True, exist_ok=True)
        (self.root / "made").rename(folder)
        export_onnx(load_student(folder)[0], folder)
        write_self_check(folder, make_self_check(load_runtime(folder, "onnxruntime"), made.digest))
        (folder / FILES).write_text(listing_text({MODEL + name: sha for name, sha in list_files(folder).items()}))
        self.packages[made.digest] = sha256_of(folder / FILES)
        return made.digest

    def use(self, digest: str, *, before: str | None, back: bool = False) -> None:
        """Promote a model, or go back to one."""
        append(
            self.root / LEDGER,
            action="rollback" if back else "promote",
            who="benchmark",
            source=before,
            target=digest,
            candidate=None if back else digest,
            gate_sha256=None if back else "0" * 64,
            reason="measuring",
            package_sha256=self.packages[digest],
        )
        sync_service(self.root, read_ledger(self.root / LEDGER))


@dataclass
class Met:
    """What the clients met: when each request began and how long it took, and what failed."""

    taken: list[tuple[float, float]] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, begun_s: float, status: int, data: bytes, *, embedded_by: str | None) -> dict[str, Any] | None:
        """Count an answer; returns it where it is one."""
        taken_s = time.perf_counter() - begun_s
        told = json.loads(data)
        with self._lock:
            self.taken.append((begun_s, taken_s))
            if status != 200:
                self.failed[f"{status} {told['error']['code']}"] += 1
                return None
            digest = told["model"]["digest"]
            self.models[digest] += 1
            if embedded_by not in (None, digest):
                self.failed["another model's outline"] += 1
            return dict(told)


def work(service: Running, scans: Scans, met: Met, over: threading.Event, number: int) -> None:
    """One client: an image, some clicks on it, and the next one, until it is over."""
    client, turn = Client(service), 0
    while not over.is_set():
        begun_s = time.perf_counter()
        status, _, data = client.send("/v1/images", form(image=scans.next()))
        told = met.add(begun_s, status, data, embedded_by=None)
        for _ in range(CLICKS if told else 0):
            assert told is not None
            turn += 1
            begun_s = time.perf_counter()
            body = form(image_id=told["image"]["id"].encode(), prompts=prompts(number * 1000 + turn))
            status, _, data = client.send("/v1/segment", body)
            met.add(begun_s, status, data, embedded_by=told["model"]["digest"])
    client.close()


def wait_for(service: Running, digest: str) -> float:
    """Seconds until the service says that a model serves."""
    begun_s = time.perf_counter()
    with service.client() as client:
        while time.perf_counter() - begun_s < SWITCHED_S:
            told = client.get("/v1/admin/models").json()
            if told["serving"]["digest"] == digest:
                return time.perf_counter() - begun_s
            assert told["failure"] is None, told["failure"]
            time.sleep(0.05)
    raise RuntimeError(f"{digest[:12]} doesn't serve after {SWITCHED_S:g} s")


def switched(service: Running, project: Project, champion: str, others: list[str]) -> list[dict[str, Any]]:
    """Promote each of the others and roll back, one after the other."""
    switches = []
    for other in others:
        for came, went, back in ((other, champion, False), (champion, other, True)):
            begun_s = time.perf_counter()
            project.use(came, before=went, back=back)
            took_s = wait_for(service, came)
            switches.append({"what": "rollback" if back else "promote", "begun_s": begun_s, "s": round(took_s, 2)})
            time.sleep(0.5)
    return switches


def told_of(met: Met, switches: list[dict[str, Any]]) -> dict[str, Any]:
    """Latencies while a switch was under way, and else."""
    spans = [(each["begun_s"], each["begun_s"] + each["s"]) for each in switches]

    def meanwhile(begun_s: float, taken_s: float) -> bool:
        return any(begun_s < end and begun_s + taken_s > begin for begin, end in spans)

    parts = {
        "meanwhile": [taken_s for begun_s, taken_s in met.taken if meanwhile(begun_s, taken_s)],
        "else": [taken_s for begun_s, taken_s in met.taken if not meanwhile(begun_s, taken_s)],
    }
    return {
        name: {
            "requests": len(taken),
            "p50_ms": round(float(np.percentile(taken, 50)) * 1e3, 1),
            "p99_ms": round(float(np.percentile(taken, 99)) * 1e3, 1),
            "worst_ms": round(max(taken) * 1e3, 1),
        }
        for name, taken in parts.items()
        if taken
    }


def measured(model: Path, *, times: int, clients: int) -> dict[str, Any]:
    """The whole measurement."""
    begin, scans, met, over = conditions(), Scans(40_000_000).make(300), Met(), threading.Event()
    loaded = load_student(model)
    with tempfile.TemporaryDirectory() as named:
        project = Project(Path(named))
        champion, *others = [project.release(*loaded, 1.0 + number / 10_000) for number in range(times + 1)]
        project.use(champion, before=None)
        with running(project.root, []) as service:
            processes = service.processes()
            threads = [
                threading.Thread(target=work, args=(service, scans, met, over, number)) for number in range(clients)
            ]
            for thread in threads:
                thread.start()
            try:
                time.sleep(CALM_S)
                switches = switched(service, project, champion, others)
                time.sleep(CALM_S)
            finally:
                over.set()
                for thread in threads:
                    thread.join()
            restarted = sorted(processes.keys() ^ service.processes().keys())
        audit = audit_of(project.root)
        entered = sum(1 for _ in read(project.root / AUDIT, kinds=("switch",)))
    by_kind = {kind: [each["s"] for each in switches if each["what"] == kind] for kind in ("promote", "rollback")}
    return {
        "schema": 1,
        "machine": begin,
        "clients": clients,
        "requests": len(met.taken),
        "failed": dict(met.failed),
        "switches": {kind: {"count": len(s), "slowest_s": max(s)} for kind, s in by_kind.items()},
        "switches_in_the_log": entered,
        "models_that_answered": len(met.models),
        "latency": told_of(met, switches),
        "processes_that_came_or_went": restarted,
        "audit": audit,
    }


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="a student's model folder")
    parser.add_argument("--times", type=int, default=10, help="promotions, each with a rollback after it")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/promote_under_load.json")
    wanted = parser.parse_args()
    pin_threads()
    result = measured(wanted.model, times=wanted.times, clients=wanted.clients)
    print(json.dumps(result, indent=2))
    write(wanted.out, result)
    sys.exit(1 if result["failed"] or result["processes_that_came_or_went"] or not result["audit"]["sound"] else 0)


if __name__ == "__main__":
    main()
