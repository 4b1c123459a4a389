"""Pairs of images to how well their fine structure agrees: many at once, each image decoded seldom, verdicts kept.

A pair's correlation follows from the pixels of both and from this room's code alone, whichever stands first. It is
kept in a journal under the digests of the pixels, so that an interrupted step goes on where it was, and a later one
compares only pairs that are new. Leaves out: which pairs to compare (shared_keys.py) and what follows (judging, sides).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from threading import Lock
from typing import Any

import cv2
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import reverse_cuthill_mckee

from components.artefacts import code_digest
from components.engines import ONE_THREAD, Engine
from components.intake.likeness.fine_structure import Fine, fine_structure, largest_correlation, level_of
from components.intake.likeness.shared_keys import Index
from components.journal import Journal
from components.texts import Texts
from components.types import Image

# Of fine structures, about 0.15 MB an image.
CACHE_BYTES = 48 * 2**20
DIGITS = 6

Load = Callable[[int], Image | None]
"""An image's pixels by its number; None where there are none any more, so that nothing can be proved of it. What is to
be carried to other machines names files, and holds no pixels."""


def proof_stamp() -> dict[str, Any]:
    """What must be equal for correlations that were computed before to be usable; pixels stand in their keys."""
    here = Path(__file__)
    return {"code_sha256": code_digest(here, here.with_name("fine_structure.py")), "cv2": cv2.__version__}


class Proofs:
    """The correlations of pairs of a set of images.

    Parameters
    ----------
    digests
        Of each image's pixels.
    long_sides_px
        Of each image.
    load
        Gives an image's pixels; called from several threads at once.
    engine
        Who decodes and compares; each process of a cluster holds images of its own, up to the limit.
    journal
        Correlations that were computed before; new ones are added.
    """

    def __init__(
        self,
        digests: Sequence[str] | Texts,
        long_sides_px: Sequence[int],
        load: Load,
        *,
        engine: Engine = ONE_THREAD,
        journal: Journal | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._digests = digests
        self._compare = _Compare(digests, long_sides_px, _Fines(load, long_sides_px, cache_bytes))
        self._engine = engine
        self._journal = journal

    def keep(self, pairs: Index) -> None:
        """Drop from the journal what isn't of these pairs (n 2): it holds no more than one step can ask for."""
        if self._journal is not None:
            self._journal.keep(self._key(one, other) for one, other in pairs)

    def proved(self, pairs: Index) -> Iterator[tuple[int, float]]:
        """The place of each pair in `pairs` (n 2) and its correlation, nan without pixels; known ones come first.

        The others come in an order in which pairs of the same images lie close together. Correlations are from -1 to
        1, rounded to `DIGITS`.
        """
        unknown = []
        for place in range(len(pairs)):
            known = self._journal.get(self._key(*pairs[place])) if self._journal is not None else None
            if known is None:
                unknown.append(place)
            else:
                yield place, float(known)
        places = np.array(unknown, dtype=np.int64)
        asked = places[_by_neighbourhood(pairs[places], len(self._digests))].tolist()
        found = self._engine.mapped(self._compare, [(int(one), int(other)) for one, other in pairs[asked]])
        for place, correlation in zip(asked, found, strict=True):
            if self._journal is not None and not isnan(correlation):
                self._journal.add(self._key(*pairs[place]), correlation)
            yield place, correlation

    def _key(self, one: int, other: int) -> str:
        digests = sorted((self._digests[one], self._digests[other]))
        return hashlib.blake2b(" ".join(digests).encode(), digest_size=12).hexdigest()


def _by_neighbourhood(pairs: Index, images: int) -> Index:
    """An order of the pairs in which those of the same images, and of images that share others, lie close together."""
    if len(pairs) == 0:
        return np.zeros(0, dtype=np.int64)
    ones = np.ones(len(pairs), dtype=np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(images, images)).tocsr()
    places = np.empty(images, dtype=np.int64)
    places[reverse_cuthill_mckee((graph + graph.T).tocsr(), symmetric_mode=True)] = np.arange(images)
    ends = np.sort(places[pairs], axis=1)
    return np.lexsort((ends[:, 1], ends[:, 0]))


@dataclass(frozen=True)
class _Compare:
    """Two images' numbers to their correlation."""

    digests: Sequence[str] | Texts
    sides_px: Sequence[int]
    fines: _Fines

    def __call__(self, pair: tuple[int, int]) -> float:
        # In the order of their digests, as a patch of the second is looked for in the first.
        one, other = sorted(pair, key=lambda image: (self.digests[image], image))
        first, second = self.fines.of(one), self.fines.of(other)
        if first is None or second is None:
            return nan
        longest_px = max(self.sides_px[one], self.sides_px[other])
        return round(largest_correlation(first.__getitem__, second.__getitem__, longest_side_px=longest_px), DIGITS)


class _Fines:
    """Fine structures by image and level, the least recently used dropped above a limit; threads don't make one twice.

    Levels are those of the image's own size up to the largest image's, and None for the square.
    """

    def __init__(self, load: Load, long_sides_px: Sequence[int], limit_bytes: int) -> None:
        self._load = load
        self._sides_px = long_sides_px
        self._top_level = level_of(max(long_sides_px, default=1))
        self._limit_bytes = limit_bytes
        self._held_bytes = 0
        self._lock = Lock()
        self._made: OrderedDict[int, Future[dict[int | None, Fine] | None]] = OrderedDict()

    def __reduce__(self) -> tuple[object, ...]:
        # Locks and what is under way stay here; another process makes its own.
        return _Fines, (self._load, self._sides_px, self._limit_bytes)

    def of(self, image: int) -> dict[int | None, Fine] | None:
        """The fine structures of an image, or None if it has no pixels any more."""
        with self._lock:
            known = self._made.get(image)
            if known is not None:
                self._made.move_to_end(image)
            else:
                made = self._made[image] = Future()
        if known is not None:
            return known.result()
        try:
            made.set_result(self._make(image))
        except BaseException as error:
            with self._lock:
                del self._made[image]
            made.set_exception(error)
            raise
        with self._lock:
            self._held_bytes += _size_bytes(made)
            self._drop_oldest()
        return made.result()

    def _make(self, image: int) -> dict[int | None, Fine] | None:
        pixels = self._load(image)
        if pixels is None:
            return None
        levels = range(level_of(self._sides_px[image]), self._top_level + 1)
        return {level: fine_structure(pixels, level) for level in (*levels, None)}

    def _drop_oldest(self) -> None:
        while self._held_bytes > self._limit_bytes:
            # The first that is made: a look at all of them, for each new image, costs more than the comparing.
            oldest = next((image for image, made in self._made.items() if made.done()), None)
            if oldest is None:
                return
            self._held_bytes -= _size_bytes(self._made.pop(oldest))


def _size_bytes(made: Future[dict[int | None, Fine] | None]) -> int:
    return sum(fine.nbytes for fine in (made.result() or {}).values())
