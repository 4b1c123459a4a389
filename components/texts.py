"""Hundreds of thousands of texts in little memory: a list of them, which are equal, and numbers that are found by them.

A Python string takes some 50 bytes beside its letters, an entry of a dictionary another 100. Here a text in a list
takes its letters and 8 bytes, a number under a text 24 bytes; to look one up costs a few microseconds. Leaves out:
taking anything away again.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Digests = np.ndarray[tuple[int], np.dtype[np.bytes_]]

# Sixteen bytes, which numpy orders; it hides zeros at the end only where it makes a Python object of one.
DIGEST = np.dtype("S16")
# How many new entries wait in a dictionary, which takes six times the room: so many, or this share of all.
NEW_ENTRIES, NEW_SHARE = 1000, 1 / 32
# An array has one width: beyond so many times the letters a list is sorted instead, which is slower.
MOST_PADDING = 8


class Texts:
    """A list of texts, one after the other in one piece of memory; it grows at its end.

    Those whose order is asked for hold no zero byte.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._letters, self._ends, self._next = bytearray(), array("q", [0]), 0
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        """Put a text at the end."""
        self._letters += _bytes(text)
        self._ends.append(len(self._letters))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, at: int) -> str:
        return self._at(range(len(self))[at]).decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        return (self[at] for at in range(len(self)))

    def _at(self, at: int) -> bytes:
        return bytes(self._letters[self._ends[at] : self._ends[at + 1]])

    def place(self, text: str) -> int | None:
        """Where a text stands, the first of equals; None where it doesn't. The texts must be in order."""
        wanted, at = _bytes(text), self._next
        # Most are asked for one after the other.
        if at >= len(self) or self._at(at) != wanted or (at and self._at(at - 1) == wanted):
            # The order of the bytes is that of the letters.
            at = bisect_left(range(len(self)), wanted, key=self._at)
        found = at < len(self) and self._at(at) == wanted
        self._next = at + found
        return at if found else None

    def order(self) -> NDArray[np.int64]:
        """The places (n) of the texts in their order, equal ones as they stand."""
        assert b"\0" not in self._letters, "numpy would take a text for another that ends with such a byte"
        longest = int(np.diff(self._ends).max(initial=1))
        if longest * len(self) > MOST_PADDING * (len(self._letters) + len(self)):
            # Each would take as many bytes as the longest.
            return np.array(sorted(range(len(self)), key=self._at), dtype=np.int64)
        return np.argsort(np.fromiter(map(self._at, range(len(self))), f"S{longest}", len(self)), kind="stable")


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """A container of texts, of which it holds the digests (n, sorted); it can be pickled."""

    digests: Digests

    @classmethod
    def of(cls, texts: Iterable[str]) -> Keys:
        """Of these texts, of which one is held at a time."""
        return cls(np.sort(np.fromiter(map(_digest, texts), DIGEST)))

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and _place(self.digests, _digest(text)) is not None

    def __ge__(self, others: Keys) -> bool:
        """Whether all others are among these."""
        return bool(_found(self.digests, others.digests)[1].all())


class Equals:
    """Which of many texts are equal: their digests, sixteen bytes a text, in the order in which they were added."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._held = bytearray()
        for text in texts:
            self.add(text)

    def __len__(self) -> int:
        return len(self._held) // DIGEST.itemsize

    def add(self, text: str) -> None:
        """Put a text at the end."""
        self._held += _digest(text)

    def numbers(self) -> NDArray[np.int64]:
        """A number from 0 for each text (n), the same for equal ones."""
        return np.unique(self._digests(), return_inverse=True)[1].astype(np.int64)

    def different(self) -> int:
        """How many different texts there are."""
        return len(np.unique(self._digests()))

    def repeated(self) -> Keys:
        """Those that were added more than once."""
        ordered = np.sort(self._digests())
        return Keys(np.unique(ordered[1:][ordered[1:] == ordered[:-1]]))

    def _digests(self) -> Digests:
        return np.frombuffer(self._held, DIGEST)


class Numbers:
    """Numbers by text: the texts' digests in order, the numbers beside them, and a few new ones apart.

    One thread puts while others get: arrays are replaced, never written into.
    """

    def __init__(self, entries: Iterable[tuple[str, int]] = ()) -> None:
        self._sorted: tuple[Digests, NDArray[np.int64]] = (np.empty(0, DIGEST), np.empty(0, np.int64))
        self._new: dict[bytes, int] = {}
        for text, number in entries:
            self[text] = number

    def __setitem__(self, text: str, number: int) -> None:
        self._put(_digest(text), number)

    def _put(self, digest: bytes, number: int) -> None:
        self._new[digest] = number
        if len(self._new) > max(NEW_ENTRIES, NEW_SHARE * len(self._sorted[0])):
            self._merge()

    def setdefault(self, text: str, number: int) -> int:
        """The number under a text; this one, which is kept, where there was none."""
        digest = _digest(text)
        found = self._get(digest)
        if found is None:
            self._put(digest, number)
        return number if found is None else found

    def get(self, text: str) -> int | None:
        """The number under a text, None where there is none."""
        return self._get(_digest(text))

    def _get(self, digest: bytes) -> int | None:
        # First the new ones: what is merged meanwhile is in the arrays before it is gone from there.
        if (number := self._new.get(digest)) is not None:
            return number
        digests, numbers = self._sorted
        place = _place(digests, digest)
        return None if place is None else int(numbers[place])

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self.get(text) is not None

    def __len__(self) -> int:
        self._merge()
        return len(self._sorted[0])

    def keys(self) -> Keys:
        """The texts by now; what comes later isn't among them."""
        self._merge()
        return Keys(self._sorted[0])

    def _merge(self) -> None:
        if not self._new:
            return
        digests, numbers = self._sorted
        new = np.fromiter(self._new, DIGEST, len(self._new))
        order = np.argsort(new)
        new, new_numbers = new[order], np.fromiter(self._new.values(), np.int64, len(self._new))[order]
        places, old = _found(digests, new)
        digests = np.insert(digests, places[~old], new[~old])
        numbers = np.insert(numbers, places[~old], new_numbers[~old])
        numbers[np.searchsorted(digests, new[old])] = new_numbers[old]
        self._sorted = (digests, numbers)
        self._new = {}


def _bytes(text: str) -> bytes:
    # A name that isn't Unicode holds lone surrogates.
    return text.encode("utf-8", "surrogatepass")


def _digest(text: str) -> bytes:
    return blake2b(_bytes(text), digest_size=DIGEST.itemsize).digest()


def _found(digests: Digests, wanted: Digests) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each of the wanted ones (m) stands in sorted digests (n), or would stand, and whether it is there."""
    places = np.searchsorted(digests, wanted)
    there = places < len(digests)
    there[there] = digests[places[there]] == wanted[there]
    return places, there


def _place(digests: Digests, digest: bytes) -> int | None:
    """Where a digest stands in sorted ones, None if it doesn't."""
    place = int(np.searchsorted(digests, np.frombuffer(digest, DIGEST))[0])
    # The bytes, as numpy's own scalar lacks zeros at the end.
    return place if digests[place : place + 1].tobytes() == digest else None
