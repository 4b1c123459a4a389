"""JSON that no client should send: material for the fields `prompts` and `objects` and the body of feedback.

    hostile_prompts(seed, count), hostile_judgements(seed, count, prediction) -> names and bytes

Half are made to a plan, half are sound JSON with a few bytes changed. Leaves out: what a server should say.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

from tests.components.formats.hostile import damaged

NUMBERS = (
    "NaN", "Infinity", "-Infinity", "1e308", "1e309", "-1e309", "1e-400", "-0", "0", "-1", "1e6", "1000001", "0.5",
    "9" * 4000, "1" + "0" * 400, "true", "null", '"1"', "[]", "{}", "2147483648", "-9223372036854775809", "1.0e+30",
)  # fmt: skip
TEXTS = ('""', '"0"', '"\\u0000"', '"\\ud800"', '"é"', '"' + "o" * 50_000 + '"', '"~~~~~~~~"', '"P" ', '"0000"', "null")
DEEP = 50_000
SOUND = '{"objects": [{"box": [10, 12, 40, 44], "points": [{"x": 20, "y": 25, "positive": true}], "mask": null}]}'


def hostile_prompts(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """So many prompts, each with a name that says what it is."""
    rng = random.Random(f"prompts {seed}")
    for number in range(count):
        if number % 2:
            yield f"{number}-damaged prompts", damaged(SOUND.encode(), rng)
        else:
            kind = rng.choice(list(_PLANNED))
            yield f"{number}-{kind}", _PLANNED[kind](rng).encode("utf-8", "surrogatepass")


def hostile_judgements(seed: int, count: int, prediction: str) -> Iterator[tuple[str, bytes]]:
    """So many bodies of feedback about an answer, each with a name that says what it is."""
    rng = random.Random(f"judgements {seed}")
    for number in range(count):
        one = {
            "index": rng.choice((0, 0, 1, -1, 64, 1.5, None, "0")),
            "verdict": rng.choice(("accepted", "edited", "")),
        }
        if rng.random() < 0.5:
            one["mask"] = json.loads(_mask_object(rng))["objects"][0]["mask"]
        about = rng.choice((prediction, prediction, "0" * 32, prediction.upper(), "", None, prediction * 99))
        data = json.dumps({"prediction": about, "objects": [one] * rng.choice((1, 1, 2, 65))}).encode()
        yield f"{number}-judgement", damaged(data, rng) if number % 2 else data


def _numbers(rng: random.Random, count: int) -> str:
    return ", ".join(rng.choice(NUMBERS) for _ in range(count))


def _box_of_numbers(rng: random.Random) -> str:
    return f'{{"objects": [{{"box": [{_numbers(rng, rng.choice((0, 3, 4, 4, 4, 5)))}]}}]}}'


def _point_of_numbers(rng: random.Random) -> str:
    x, y, positive = (rng.choice(NUMBERS) for _ in range(3))
    return f'{{"objects": [{{"points": [{{"x": {x}, "y": {y}, "positive": {positive}}}]}}]}}'


def _mask_object(rng: random.Random) -> str:
    size = rng.choice(((60, 90), (60, 90), (90, 60), (1, 1), (10**6, 10**6), (0, 0), (-1, 5), (60.5, 90)))
    length = rng.choice((0, 1, 5, 50, 5000, 300_000))
    low, high = rng.choice(((48, 111), (48, 79), (32, 126), (1, 300)))
    counts = "".join(chr(rng.randint(low, high)) for _ in range(min(length, 64))) * max(1, length // 64)
    return json.dumps({"objects": [{"mask": {"size": size, "counts": counts}}]})


def _text_for_mask(rng: random.Random) -> str:
    return f'{{"objects": [{{"mask": {{"size": [60, 90], "counts": {rng.choice(TEXTS)}}}}}]}}'


def _many(rng: random.Random) -> str:
    one = '{"points": [' + ", ".join(['{"x": 5, "y": 5}'] * rng.choice((1, 256, 257))) + "]}"
    return '{"objects": [' + ", ".join([one] * rng.choice((1, 64, 65, 500))) + "]}"


def _odd(rng: random.Random) -> str:
    return rng.choice(
        ("", " ", "null", "[]", "{}", '{"objects": []}', '{"objects": [{}]}', '{"objects": {}}', "\ufeff" + SOUND,
         '{"objects": null}', SOUND + SOUND, SOUND[:-1] + ', "other": 1}', SOUND[:-1] + ', "objects": []}',
         SOUND.replace("box", "b\\u006fx"), SOUND.replace('"mask": null', '"box": [1, 2, 3, 4]'), "'", SOUND + "\0")
    )  # fmt: skip


def _deep(rng: random.Random) -> str:
    opening, closing = rng.choice((("[", "]"), ('{"objects": ', "}"), ('[{"a":', "}]")))
    count = rng.choice((20, 200, DEEP))
    return opening * count + "1" + closing * rng.choice((count, 0))


_PLANNED = {
    "box of odd numbers": _box_of_numbers,
    "point of odd numbers": _point_of_numbers,
    "mask that lies": _mask_object,
    "odd text for a mask": _text_for_mask,
    "many objects": _many,
    "odd JSON": _odd,
    "deep JSON": _deep,
}
