"""A model folder to how long each runtime takes for a new image and for a click, in one process and taking turns.

    python -m components.promptable.runtimes.measuring FOLDER OUT CACHE NAME…

writes JSON to OUT; CACHE is where OpenVINO keeps what it has compiled, or `-`. In a process of its own, as choosing.py
starts it, what was measured and isn't taken leaves no memory behind. Leaves out: which one is taken.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np

from components.artefacts import write_json
from components.params.serving import RuntimeName
from components.promptable.predict import embed, segment_embedded
from components.promptable.runtimes.loading import load_runtime
from components.promptable.runtimes.runtime import Runtime
from components.types import Image, Prompt

SIZE_HW = (768, 1024)
PROMPT = Prompt(box_xyxy=(256.0, 192.0, 768.0, 576.0))
WARM_UP, ROUNDS = 2, 7


@dataclass(frozen=True, slots=True)
class Taken:
    """Medians over the rounds, in milliseconds: of an image to its embedding, and of a box to its mask.

    `failed` says why a runtime can't run the model; the others are 0 then.
    """

    embed_ms: float = 0.0
    click_ms: float = 0.0
    failed: str | None = None


def measure(
    folder: Path, names: Sequence[RuntimeName], *, cache: Path | None, rounds: int = ROUNDS
) -> dict[RuntimeName, Taken]:
    """Load a model folder into runtimes, and give each the same image and box, turn by turn."""
    loaded: dict[RuntimeName, Runtime] = {}
    found: dict[RuntimeName, Taken] = {}
    for name in names:
        try:
            loaded[name] = load_runtime(folder, name, cache=cache)
            _turn(loaded[name], _image())
        except Exception as error:  # noqa: BLE001 - a runtime that can't run it isn't taken, whatever is wrong with it
            loaded.pop(name, None)
            found[name] = Taken(failed=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    turns: dict[RuntimeName, list[tuple[float, float]]] = {name: [] for name in loaded}
    for number in range(WARM_UP + rounds):
        for name, model in loaded.items():
            turn = _turn(model, _image(number))
            turns[name] += [turn] if number >= WARM_UP else []
    for name, each in turns.items():
        embeds, clicks = zip(*each, strict=True)
        found[name] = Taken(embed_ms=round(median(embeds), 3), click_ms=round(median(clicks), 3))
    return found


def _turn(model: Runtime, image: Image) -> tuple[float, float]:
    """Milliseconds of an embedding and of a click on it."""
    begun_s = time.perf_counter()
    embedding = embed(model, image)
    embedded_s = time.perf_counter()
    segment_embedded(model, embedding, SIZE_HW, [PROMPT])
    return (embedded_s - begun_s) * 1e3, (time.perf_counter() - embedded_s) * 1e3


def _image(number: int = 0) -> Image:
    return np.random.default_rng(number).integers(0, 256, size=(*SIZE_HW, 3), dtype=np.uint8)


def main() -> None:
    """Measure as the arguments say."""
    folder, out, cache, *names = sys.argv[1:]
    found = measure(Path(folder), names, cache=None if cache == "-" else Path(cache))  # type: ignore[arg-type]
    write_json(Path(out), {name: asdict(taken) for name, taken in found.items()})


if __name__ == "__main__":
    main()
