"""How many worker threads a lane should have: throughput and waiting, for embeddings and clicks that come together.

    .venv/bin/python benchmarks/lanes.py --model FOLDER [--runtime onnxruntime] [--rounds 8] [--out FILE]

A closed loop, as at bedside: each of `embedders` tasks sends image after image, each of `clickers` click after click on
an embedded image, through the service's lanes, for some seconds. All ways to set the lanes up alternate, so that
whatever else the machine does hits them alike. Leaves out: HTTP, reading files, writing masks.
The committed record is of PyTorch, from before there were other runtimes.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import serving  # noqa: F401  (sets how OpenMP waits, before torch is loaded)

# isort: split
import numpy as np
from batching import phantoms

from components.params import LaneParams, ServingLanes
from components.params.serving import RUNTIME_NAMES
from components.promptable.described import read_described
from components.promptable.runtimes.loading import load_runtime
from components.promptable.runtimes.runtime import Runtime
from serving.engine.batching import Batcher, Click, embed_all, segment_all
from serving.engine.lanes import Lanes

ROOT = Path(__file__).parents[1]
PAUSE_S = 0.3
"""What a person needs between two clicks at least."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Workers of both lanes, items a call of encoder and decoder at most."""

    embed: int = 1
    segment: int = 1
    embed_most: int = 1
    segment_most: int = 1

    def lanes(self) -> ServingLanes:
        """The settings of such lanes."""
        lane = functools.partial(LaneParams, queue=1000, wait_limit_s=1000)
        return ServingLanes(
            decode=lane(workers=1),
            embed=lane(workers=self.embed),
            segment=lane(workers=self.segment),
            request_s=1000,
        )


@dataclass(frozen=True, slots=True)
class Crowd:
    """Clients in a closed loop; clickers pause between two clicks as people do, or don't."""

    embedders: int
    clickers: int
    pause_s: float


FIRST = "1 and 1"
SETUPS = {
    FIRST: Setup(),
    "2 embedding": Setup(embed=2),
    "2 outlining": Setup(segment=2),
    "2 and 2": Setup(embed=2, segment=2),
    "4 outlining, 4 clicks a call": Setup(segment=4, segment_most=4),
    "4 and 4, 4 a call each": Setup(embed=4, segment=4, embed_most=4, segment_most=4),
}
CROWDS = {
    "8 embed": Crowd(8, 0, 0.0),
    "8 click": Crowd(0, 8, 0.0),
    "4 embed, 8 click with pauses": Crowd(4, 8, PAUSE_S),
}


class Work:
    """An image to embed and a click to answer, over and over, as a setup has it."""

    def __init__(self, model: Runtime, setup: Setup) -> None:
        self.image, prompts = phantoms()[0]
        self.click = Click(embed_all(model, [self.image])[0], self.image.shape[:2], prompts[0])
        self.encode = Batcher(functools.partial(embed_all, model), most=setup.embed_most)
        self.decode = Batcher(
            functools.partial(segment_all, model), most=setup.segment_most, alike=lambda click: click.kind
        )

    def embed(self) -> None:
        """One image."""
        self.encode.ask([self.image])

    def segment(self) -> None:
        """One click."""
        self.decode.ask([self.click])


async def _client(
    lane: Callable[..., object], work: Callable[[], None], *, until_s: float, pause_s: float, taken_ms: list[float]
) -> None:
    while time.perf_counter() < until_s:
        begun_s = time.perf_counter()
        await lane(work)  # type: ignore[misc]
        taken_ms.append((time.perf_counter() - begun_s) * 1e3)
        await asyncio.sleep(pause_s)


async def play(lanes: Lanes, work: Work, crowd: Crowd, seconds: float) -> tuple[list[float], list[float]]:
    """Milliseconds of each embedding and each click of a crowd that stays so long."""
    until_s = time.perf_counter() + seconds
    embedded_ms: list[float] = []
    clicked_ms: list[float] = []
    clients = [
        *(
            _client(lanes.embed, work.embed, until_s=until_s, pause_s=0.0, taken_ms=embedded_ms)
            for _ in range(crowd.embedders)
        ),
        *(
            _client(lanes.segment, work.segment, until_s=until_s, pause_s=crowd.pause_s, taken_ms=clicked_ms)
            for _ in range(crowd.clickers)
        ),
    ]
    await asyncio.gather(*clients)
    return embedded_ms, clicked_ms


def summary(rounds: list[list[float]], first: list[list[float]], seconds: float) -> dict[str, float] | None:
    """How many a second, milliseconds at the median and the 95th percentile, and the ratios of both to the first."""
    if not any(rounds):
        return None
    per_s = [len(one) / seconds for one in rounds]
    percentiles = {q: [float(np.percentile(one, q)) for one in rounds] for q in (50, 95)}
    return {
        "per_s": statistics.median(per_s),
        "per_s_ratio": statistics.median(len(one) / len(other) for one, other in zip(rounds, first, strict=True)),
        "p50_ms": statistics.median(percentiles[50]),
        "p95_ms": statistics.median(percentiles[95]),
        "p95_ratio": statistics.median(
            p95 / float(np.percentile(other, 95)) for p95, other in zip(percentiles[95], first, strict=True)
        ),
    }


def main() -> None:
    """Measure, print a table, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="a student's model folder")
    parser.add_argument("--runtime", choices=RUNTIME_NAMES, default="onnxruntime")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/lanes.json")
    wanted = parser.parse_args()
    description, model = read_described(wanted.model, kind="student"), load_runtime(wanted.model, wanted.runtime)
    works = {name: Work(model, setup) for name, setup in SETUPS.items()}
    taken: dict[tuple[str, str], list[tuple[list[float], list[float]]]] = {}
    lanes = {name: Lanes(setup.lanes()) for name, setup in SETUPS.items()}
    for number in range(wanted.rounds):
        for crowd_name, crowd in CROWDS.items():
            names = list(SETUPS) if number % 2 == 0 else list(SETUPS)[::-1]
            for name in names:
                found = asyncio.run(play(lanes[name], works[name], crowd, wanted.seconds))
                taken.setdefault((crowd_name, name), []).append(found)
    results: dict[str, dict[str, dict[str, dict[str, float] | None]]] = {}
    for (crowd_name, name), rounds in taken.items():
        one = {
            kind: summary([one[at] for one in rounds], [one[at] for one in taken[crowd_name, FIRST]], wanted.seconds)
            for at, kind in enumerate(("embed", "click"))
        }
        results.setdefault(crowd_name, {})[name] = one
        told = [
            f"{kind} {v['per_s']:5.1f}/s ({v['per_s_ratio']:.2f}) p95 {v['p95_ms']:5.0f} ms ({v['p95_ratio']:.2f})"
            for kind, v in one.items()
            if v
        ]
        print(f"{crowd_name:31s}{name:31s}{'   '.join(told)}")
    result = {
        "schema": 1,
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "runtime": str(model.facts),
        "model": {"digest": description.digest, "image_size_px": description.image_size_px},
        "rounds": wanted.rounds,
        "seconds": wanted.seconds,
        "setups": {name: asdict(setup) for name, setup in SETUPS.items()},
        "crowds": {name: asdict(crowd) for name, crowd in CROWDS.items()},
        "results": results,
    }
    wanted.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
