"""Proofs: the same whoever computes them and whatever was interrupted, each image decoded once, memory bounded."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.engines import Threads
from components.intake.likeness.proof import Proofs, proof_stamp
from components.intake.measuring.pixels import pixels_md5
from components.journal import LINES, Journal
from components.types import Image
from tests.components.intake.raw_trees import speckle

COUNT = 12


def pictures() -> list[Image]:
    """Three scenes, each at several gains, sizes mixed."""
    made = []
    for number in range(COUNT):
        grey = speckle(number % 3, height=150 + 10 * (number % 2), width=200 if number % 5 else 420)
        made.append(np.repeat(np.clip(grey * (1 - 0.02 * number), 0, 255).astype(np.uint8)[..., None], 3, axis=2))
    return made


PICTURES = pictures()
DIGESTS = [pixels_md5(image) for image in PICTURES]
SIDES_PX = [max(image.shape[:2]) for image in PICTURES]
PAIRS = np.array(list(combinations(range(COUNT), 2)), dtype=np.int64)


def correlations(proofs: Proofs, pairs: np.ndarray = PAIRS) -> list[float]:
    found = dict(proofs.proved(pairs))
    assert sorted(found) == list(range(len(pairs)))
    return [found[place] for place in range(len(pairs))]


EXPECTED = correlations(Proofs(DIGESTS, SIDES_PX, PICTURES.__getitem__))


def test_copies_correlate_and_others_do_not() -> None:
    alike = [one % 3 == other % 3 and SIDES_PX[one] == SIDES_PX[other] for one, other in PAIRS.tolist()]
    assert sum(alike) > 5
    assert all(value > 0.4 for value, same in zip(EXPECTED, alike, strict=True) if same)
    assert all(
        value < 0.4 for value, (one, other) in zip(EXPECTED, PAIRS.tolist(), strict=True) if one % 3 != other % 3
    )


@settings(deadline=None, max_examples=15)
@given(st.permutations(range(len(PAIRS))), st.integers(1, 4), st.sampled_from([0, 200_000, 2**28]))
def test_a_correlation_depends_on_the_two_images_alone(order: list[int], workers: int, cache_bytes: int) -> None:
    turned = np.array([PAIRS[place][::-1] if place % 2 else PAIRS[place] for place in order])
    proofs = Proofs(DIGESTS, SIDES_PX, PICTURES.__getitem__, engine=Threads(workers), cache_bytes=cache_bytes)
    assert correlations(proofs, turned) == [EXPECTED[place] for place in order]


@pytest.mark.parametrize("workers", [1, 4])
def test_each_image_is_decoded_once(workers: int) -> None:
    loaded: Counter[int] = Counter()

    def load(image: int) -> Image:
        loaded[image] += 1
        time.sleep(0.005)  # so that others ask for it meanwhile
        return PICTURES[image]

    correlations(Proofs(DIGESTS, SIDES_PX, load, engine=Threads(workers)))
    assert loaded == dict.fromkeys(range(COUNT), 1)


def test_pairs_of_the_same_images_lie_together_so_that_a_small_cache_is_enough() -> None:
    count, loaded = 200, Counter[int]()

    def load(image: int) -> Image:
        loaded[image] += 1
        return PICTURES[image % COUNT]

    shuffled = np.random.default_rng(1).permutation(count)
    pairs = np.array([[shuffled[k], shuffled[k + step]] for step in (1, 2) for k in range(count - 2)])
    small = Proofs(
        [f"{k:032x}" for k in range(count)], [SIDES_PX[k % COUNT] for k in range(count)], load, cache_bytes=800_000
    )
    assert len(list(small.proved(pairs))) == len(pairs)
    assert loaded.total() < 1.2 * count


def test_the_cache_holds_no_more_than_its_limit() -> None:
    proofs = Proofs(DIGESTS, SIDES_PX, PICTURES.__getitem__, engine=Threads(3), cache_bytes=300_000)
    for _ in proofs.proved(PAIRS):
        held = [made.result() for made in list(proofs._compare.fines._made.values()) if made.done()]
        assert sum(fine.nbytes for fines in held if fines for fine in fines.values()) <= 300_000 + 4 * 300_000
    assert proofs._compare.fines._held_bytes <= 300_000


def test_an_interrupted_try_goes_on_where_it_was(tmp_path: Path) -> None:
    for taken in (5, 17):
        rest = Proofs(
            DIGESTS, SIDES_PX, PICTURES.__getitem__, engine=Threads(2), journal=Journal(tmp_path, proof_stamp())
        ).proved(PAIRS)
        for _ in range(taken):
            next(rest)
        rest.close()  # type: ignore[attr-defined]
    assert 12 <= len(names(tmp_path)) < len(PAIRS)
    again = Proofs(DIGESTS, SIDES_PX, PICTURES.__getitem__, journal=Journal(tmp_path, proof_stamp()))
    assert correlations(again) == EXPECTED

    def load(image: int) -> Image:
        raise AssertionError("all pairs are known")

    known = Proofs(DIGESTS[::-1], SIDES_PX[::-1], load, journal=Journal(tmp_path, proof_stamp()))
    assert correlations(known, COUNT - 1 - PAIRS) == EXPECTED, "under their digests, not their numbers"


def names(folder: Path) -> list[str]:
    """The keys of the whole lines that a journal's file holds."""
    keys = []
    for line in (folder / LINES).read_text().splitlines():
        with suppress(ValueError):
            keys.append(json.loads(line)["key"])
    return keys


KILLED = """
import sys, time
from pathlib import Path
from components.engines import Threads
from components.intake.likeness.proof import Proofs, proof_stamp
from components.journal import LINES, Journal
from tests.components.intake.likeness import test_proof as made

def load(image):
    time.sleep(0.02)
    return made.PICTURES[image]

journal = Journal(Path(sys.argv[1]), proof_stamp())
print("ready", flush=True)
proofs = Proofs(made.DIGESTS, made.SIDES_PX, load, engine=Threads(2), journal=journal, cache_bytes=0)
for _ in proofs.proved(made.PAIRS):
    print("one", flush=True)
"""


def test_what_a_killed_process_proved_is_kept(tmp_path: Path, root: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "pairs")]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(8):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert 7 <= len(names(tmp_path / "pairs")) < len(PAIRS)
    journal = Journal(tmp_path / "pairs", proof_stamp())
    assert correlations(Proofs(DIGESTS, SIDES_PX, PICTURES.__getitem__, engine=Threads(2), journal=journal)) == EXPECTED


def test_the_journal_is_cut_to_the_pairs_that_are_asked_for(tmp_path: Path) -> None:
    journal = Journal(tmp_path, proof_stamp())
    proofs = Proofs(DIGESTS, SIDES_PX, PICTURES.__getitem__, journal=journal)
    correlations(proofs)
    assert len(names(tmp_path)) == len(PAIRS)
    proofs.keep(PAIRS[:10])
    assert len(names(tmp_path)) == 10
    assert correlations(proofs) == EXPECTED


def test_an_image_that_is_gone_proves_nothing_and_is_asked_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path, proof_stamp())
    gone = Proofs(DIGESTS, SIDES_PX, lambda image: PICTURES[image] if image else None, journal=journal)
    found = correlations(gone)
    assert [np.isnan(value) for value in found] == [one == 0 for one, _ in PAIRS.tolist()]
    assert correlations(Proofs(DIGESTS, SIDES_PX, PICTURES.__getitem__, journal=journal)) == EXPECTED


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_in_decoding_is_told_and_ends_the_work(workers: int) -> None:
    loaded: list[int] = []

    def load(image: int) -> Image:
        loaded.append(image)
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        correlations(Proofs(DIGESTS, SIDES_PX, load, engine=Threads(workers)))
