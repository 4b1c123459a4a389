"""A large JSON file of lists, entry by entry, so that memory holds one entry and not the file.

The grammar is the standard library's (`json.JSONDecoder.raw_decode`); this module only says where an entry begins, and
reads on while one isn't whole. Leaves out: what the entries mean.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

MAX_ENTRY_LETTERS = 16_000_000
CHUNK_LETTERS = 2**18
_WHITE = re.compile(r"[ \t\n\r]*")
# What the decoder finds wrong nearer to the end of what was read may only be cut off: a literal, an escape, a number.
_NEAR_END = 24
_BEGINS = object()


class JsonLists:
    """The lists under the top-level keys `names` of a JSON file; `begun` counts those that a reading came to."""

    def __init__(self, path: Path, names: Collection[str]) -> None:
        self._path, self._names = path, names
        self.begun: Counter[str] = Counter()

    def entries(self, *wanted: str) -> Iterator[tuple[str, Any]]:
        """Read the file to its end; yields the entries of the lists `wanted`, each with its key, in the file's order.

        Raises
        ------
        ValueError, RecursionError
            When what was read isn't a JSON object, or holds an entry of more than `MAX_ENTRY_LETTERS`.
        """
        self.begun.clear()
        with self._path.open("rb") as file:
            encoding = json.detect_encoding(file.read(4))
        with self._path.open(encoding=encoding, errors="surrogatepass", newline="") as text:
            for name, entry in _Walk(text).lists():
                if entry is _BEGINS:
                    self.begun.update({name} & set(self._names))
                elif name in wanted:
                    yield name, entry


class _Walk:
    """A place in a file, and the text from there on as far as it was read."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._decode = json.JSONDecoder().raw_decode
        self._text, self._at, self._ended = "", 0, False

    def lists(self) -> Iterator[tuple[str, Any]]:
        """For each top-level list (key, _BEGINS), then (key, entry) for each of its entries."""
        self._take("{")
        more = self._sign() != "}"
        while more:
            if (found := self._sign()) != '"':
                raise ValueError(f"{found or 'the end'} where a key in quotes should stand")
            name = self._value()
            self._take(":")
            if self._sign() == "[":
                yield name, _BEGINS
                yield from ((name, entry) for entry in self._entries())
            else:
                self._value()
            more = self._follows()
        self._take("}")
        if self._sign():
            raise ValueError("text after the end")

    def _entries(self) -> Iterator[Any]:
        self._take("[")
        more = self._sign() != "]"
        while more:
            yield self._value()
            more = self._follows()
        self._take("]")

    def _follows(self) -> bool:
        """Whether a comma follows, which is passed."""
        comma = self._sign() == ","
        self._at += comma
        return comma

    def _take(self, sign: str) -> None:
        if (found := self._sign()) != sign:
            raise ValueError(f"{found or 'the end'} where {sign} should stand")
        self._at += 1

    def _sign(self) -> str:
        """The next letter that isn't white space, empty at the end of the file."""
        while True:
            white = _WHITE.match(self._text, self._at)
            assert white is not None, "a pattern that matches nothing, too"
            self._at = white.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_on():
                return ""

    def _value(self) -> Any:
        self._sign()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except json.JSONDecodeError as error:
                cut_off = error.msg.startswith("Unterminated") or error.pos > len(self._text) - _NEAR_END
                if self._ended or not cut_off:
                    raise ValueError(error.msg) from None  # its place is that in the text held, not in the file
            else:
                # A number may go on behind what was read: 10. is cut off, not 10 and a dot.
                if self._ended or end <= len(self._text) - _NEAR_END:
                    self._at = end
                    return value
            if len(self._text) - self._at > MAX_ENTRY_LETTERS:
                raise ValueError(f"an entry of more than {MAX_ENTRY_LETTERS:,} letters")
            self._read_on()

    def _read_on(self) -> bool:
        """Read as much again as is held, at least a chunk, and let go of what is done."""
        chunk = self._file.read(max(CHUNK_LETTERS, len(self._text) - self._at))
        self._text, self._at, self._ended = self._text[self._at :] + chunk, 0, not chunk
        return bool(chunk)
