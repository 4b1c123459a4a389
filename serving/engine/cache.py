"""Embeddings by content: an LRU store bounded in bytes that any number of threads may use.

Leaves out: how a key comes about (predictor.py), and waiting for an embedding that another thread computes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from components.promptable.guard import GuardFinding
from components.promptable.segmenter import Embedding


@dataclass(frozen=True, slots=True)
class Embedded:
    """An image's embedding, its size (height, width) in pixels, and what the guard found. No pixels are kept."""

    embedding: Embedding
    size_hw: tuple[int, int]
    finding: GuardFinding | None = None


class EmbeddingCache:
    """The most recently used embeddings, as many as `max_bytes` hold."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._entries: OrderedDict[str, Embedded] = OrderedDict()
        self._held_bytes = 0
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """Bytes that the embeddings take now."""
        return self._held_bytes

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Embedded | None:
        """The entry of a key, which becomes the most recent; None if there is none."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def put(self, key: str, entry: Embedded) -> None:
        """Keep an entry and let the least recent ones go; one that is larger than everything isn't kept."""
        size = entry.embedding.nbytes
        with self._lock:
            if key in self._entries or size > self.max_bytes:
                return
            self._entries[key] = entry
            self._held_bytes += size
            while self._held_bytes > self.max_bytes:
                _, gone = self._entries.popitem(last=False)
                self._held_bytes -= gone.embedding.nbytes
