"""Embeddings by model and image: bounded in bytes and in age, each computed once however many ask for it at once.

Several models may share a store, so that a bound holds for the whole service while one model takes another's place.
Any number of threads may use it. Leaves out: how an image's id comes about (predictor.py).
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from components.promptable.embedding import Embedding
from components.promptable.guard import GuardFinding
from serving.engine.later import TooSlowError
from serving.engine.seen import Seen
from serving.engine.weighing import held_by

Clock = Callable[[], float]


class Key(NamedTuple):
    """What an embedding is kept under: its model with what runs it (`Predictor.identity`), and the image's id."""

    model: str
    image: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """An image's embedding, its size (height, width) in pixels, what the guard found and the file says. No pixels."""

    embedding: Embedding[Any]
    size_hw: tuple[int, int]
    finding: GuardFinding | None
    seen: Seen


@dataclass(slots=True)
class CacheCounts:
    """What a store has done since the start, and what it holds.

    Look-ups that found something and that didn't (`hits`, `misses`); embeddings that were computed (`encoded`) and
    requests that shared one which another computed meanwhile (`shared`); entries that went for lack of room
    (`evicted_room`), since nobody asked for them (`evicted_age`), and with their model (`dropped`).
    """

    hits: int = 0
    misses: int = 0
    encoded: int = 0
    shared: int = 0
    evicted_room: int = 0
    evicted_age: int = 0
    dropped: int = 0
    held_bytes: int = 0
    entries: int = 0


@dataclass(slots=True)
class _Slot:
    entry: Embedded
    size_bytes: int
    used_s: float


@dataclass(eq=False, slots=True)
class _Flight:
    """An embedding that a thread computes, for those who wait for it."""

    again: bool
    followers: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    entry: Embedded | None = None
    error: BaseException | None = None


class EmbeddingCache:
    """The embeddings used last, as many as `max_bytes` hold, none unused for longer than `ttl_s`."""

    def __init__(self, max_bytes: int, *, ttl_s: float, clock: Clock = time.monotonic) -> None:
        self.max_bytes = max_bytes
        self.ttl_s = ttl_s
        self._clock = clock
        self._slots: OrderedDict[Key, _Slot] = OrderedDict()  # least recently used first
        self._flights: dict[Key, _Flight] = {}
        self._counts = CacheCounts()
        self._lock = threading.Lock()

    @property
    def counts(self) -> CacheCounts:
        """What the store has done and holds; those whose time is over are dropped first."""
        with self._lock:
            self._sweep()
            now = {name: getattr(self._counts, name) for name in CacheCounts.__slots__}
            return CacheCounts(**now | {"entries": len(self._slots)})

    @property
    def held_bytes(self) -> int:
        """Bytes that the entries take now, all that they hold included."""
        return self._counts.held_bytes

    def __len__(self) -> int:
        return len(self._slots)

    def holds(self, key: Key) -> bool:
        """Whether there is an entry; doesn't count as use."""
        with self._lock:
            self._sweep()
            return key in self._slots

    def get(self, key: Key) -> Embedded | None:
        """The entry of a key, which becomes the most recent; None if there is none any more."""
        with self._lock:
            entry = self._find(key)
            if entry is None:
                self._counts.misses += 1
            else:
                self._counts.hits += 1
            return entry

    def put(self, key: Key, entry: Embedded) -> None:
        """Keep an entry and let the least recent ones go; one that is larger than everything isn't kept."""
        size_bytes = held_by(entry) + held_by(key)
        with self._lock:
            self._sweep()
            if key in self._slots or size_bytes > self.max_bytes:
                return
            self._slots[key] = _Slot(entry, size_bytes, self._clock())
            self._counts.held_bytes += size_bytes
            while self._counts.held_bytes > self.max_bytes:
                self._drop(next(iter(self._slots)))
                self._counts.evicted_room += 1

    def obtain(self, key: Key, compute: Callable[[], Embedded], *, wait_s: float) -> Embedded:
        """The entry of a key; where there is none it is computed and kept, once for all who ask meanwhile.

        Where that fails, whoever computed it gets the error, and one of the others tries again; if that fails too,
        those who have waited for it get its error.

        Raises
        ------
        TooSlowError
            If another thread hasn't come to an end with it within `wait_s`.
        """
        until_s = self._clock() + wait_s
        failed = False
        while True:
            with self._lock:
                entry = self._find(key)
                if entry is not None:
                    self._counts.shared += 1
                    return entry
                flight = self._flights.get(key)
                if flight is None:
                    flight = self._flights[key] = _Flight(again=failed)
                    break
                flight.followers += 1
            if not flight.over.wait(max(0.0, until_s - self._clock())):
                raise _too_slow(wait_s)
            if flight.entry is not None:
                self._count_shared()
                return flight.entry
            assert flight.error is not None
            if flight.again:
                raise flight.error
            failed = True
        return self._fly(key, flight, compute)

    def drop_model(self, model: str) -> int:
        """Drop all entries of a model's digest; returns how many."""
        with self._lock:
            theirs = [key for key in self._slots if key.model == model]
            for key in theirs:
                self._drop(key)
            self._counts.dropped += len(theirs)
            return len(theirs)

    def sweep(self) -> None:
        """Drop what nobody has asked for within `ttl_s`. Each use does so too; `keep_sweeping` where there is none."""
        with self._lock:
            self._sweep()

    def _fly(self, key: Key, flight: _Flight, compute: Callable[[], Embedded]) -> Embedded:
        """Compute an entry for all who wait for it, keep it, and let them go on."""
        try:
            flight.entry = compute()
            self.put(key, flight.entry)
            return flight.entry
        except BaseException as error:
            flight.error = error
            raise
        finally:
            with self._lock:
                del self._flights[key]
                self._counts.encoded += flight.entry is not None
            flight.over.set()

    def _count_shared(self) -> None:
        with self._lock:
            self._counts.shared += 1

    def _find(self, key: Key) -> Embedded | None:
        self._sweep()
        slot = self._slots.get(key)
        if slot is None:
            return None
        slot.used_s = self._clock()
        self._slots.move_to_end(key)
        return slot.entry

    def _sweep(self) -> None:
        """The least recently used are the first in order, and so the first whose time is over."""
        now_s = self._clock()
        while self._slots:
            key, slot = next(iter(self._slots.items()))
            if now_s - slot.used_s <= self.ttl_s:
                return
            self._drop(key)
            self._counts.evicted_age += 1

    def _drop(self, key: Key) -> None:
        self._counts.held_bytes -= self._slots.pop(key).size_bytes


def keep_sweeping(cache: EmbeddingCache, *, every_s: float) -> threading.Thread:
    """Sweep a store every so often for as long as there is anything else that holds it, in a thread of its own."""

    def sweep(held: weakref.ref[EmbeddingCache]) -> None:
        pause = threading.Event()
        while not pause.wait(every_s):
            found = held()
            if found is None:
                return
            found.sweep()
            del found

    thread = threading.Thread(target=sweep, args=(weakref.ref(cache),), name="sonoforge-sweeping", daemon=True)
    thread.start()
    return thread


def _too_slow(wait_s: float) -> TooSlowError:
    return TooSlowError(
        f"another request has embedded this image for {wait_s:g} s and isn't done",
        expected="an embedding within that time",
        retry_after_s=wait_s,
    )
