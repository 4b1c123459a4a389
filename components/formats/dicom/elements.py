"""The bytes of a DICOM file to where its elements lie: a walk over the top level that copies and nests nothing.

pydicom builds an object for each item of each sequence, of which a small file can hold millions; this walk passes over
sequences by their lengths and delimiters, in bounded time and memory (DICOM PS3.5, section 7). Leaves out: what the
values mean (header.py).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ UC UN UR UT SV UV".split())
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
UNDEFINED = 0xFFFFFFFF
PIXEL_DATA = 0x7FE00010
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
MAX_STEPS, MAX_DEPTH, MAX_IN_ITEM = 300_000, 64, 1000


class BrokenDicom(Exception):  # noqa: N818 - caught within these rooms, and worded there
    """Bytes that don't follow the standard, in words that can be shown."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element: tag (group and number as one), where its value begins, its length (UNDEFINED: to a delimiter)."""

    tag: int
    vr: bytes
    start: int
    length: int


@dataclass(slots=True)
class Walk:
    """A walk over encoded elements; `steps_left` bounds what all of one file's walks may take together.

    `order` is the sign of the struct module for the byte order, `explicit` whether each element names its VR.
    """

    data: bytes = field(repr=False)
    order: str
    explicit: bool
    steps_left: int = MAX_STEPS

    def top(self, start: int, end: int) -> Iterator[Element]:
        """The elements from `start` to `end`, to a delimiter, or up to and with the pixel data, which come last."""
        at, before = start, -1
        while at + 8 <= end:
            element = self.element(at, explicit=self.explicit)
            if element.tag in (ITEM_END, SEQUENCE_END):
                return
            if element.tag == before:
                raise BrokenDicom("an element stands twice")  # as everything does in a run of zeros
            before = element.tag
            yield element
            if element.tag == PIXEL_DATA:
                return
            at = self.after(element, explicit=self.explicit)
        if at > end:
            raise BrokenDicom("an element reaches over the end of the file")

    def items(self, sequence: Element) -> Iterator[list[Element]]:
        """The elements of each item of a sequence."""
        at = sequence.start
        end = len(self.data) if sequence.length == UNDEFINED else sequence.start + sequence.length
        while at + 8 <= end:
            tag, length = self._tag(at), self._number(at + 4)
            if tag == SEQUENCE_END:
                return
            if tag != ITEM:
                raise BrokenDicom("a sequence holds something that isn't an item")
            inside_end = end if length == UNDEFINED else at + 8 + length
            if inside_end > end:
                raise BrokenDicom("an item reaches over the end of its sequence")
            inside = list(islice(self.top(at + 8, inside_end), MAX_IN_ITEM + 1))
            if len(inside) > MAX_IN_ITEM:
                raise BrokenDicom("an item holds too many elements")
            yield inside
            if length != UNDEFINED:
                at = inside_end
            else:
                last = self.after(inside[-1], explicit=self.explicit) if inside else at + 8
                at = last + 8  # behind the item's delimiter

    def after(self, element: Element, *, explicit: bool) -> int:
        """Where the next element begins."""
        if element.length != UNDEFINED:
            return element.start + element.length
        # What is of unknown VR and undefined length is a sequence in implicit VR (PS3.5, 6.2.2).
        return self._behind_sequence(element.start, explicit=explicit and element.vr != b"UN")

    def _behind_sequence(self, start: int, *, explicit: bool) -> int:
        """Where a sequence of undefined length ends; nested ones are followed down to MAX_DEPTH."""
        at = start
        # Of each level: whether it is an item (or a sequence), and how it is encoded.
        levels: list[tuple[bool, bool]] = [(False, explicit)]
        while levels:
            inside_item, explicit_here = levels[-1]
            if not inside_item:
                self._step()
                tag, length = self._tag(at), self._number(at + 4)
                at += 8
                if tag == SEQUENCE_END:
                    levels.pop()
                elif tag != ITEM:
                    raise BrokenDicom("a sequence holds something that isn't an item")
                elif length == UNDEFINED:
                    levels.append((True, explicit_here))
                else:
                    at += length
            elif self._tag(at) == ITEM_END:
                self._step()
                levels.pop()
                at += 8
            else:
                element = self.element(at, explicit=explicit_here)
                at = element.start
                if element.length == UNDEFINED:
                    levels.append((False, explicit_here and element.vr != b"UN"))
                else:
                    at += element.length
            if len(levels) > MAX_DEPTH:
                raise BrokenDicom("sequences are nested too deeply")
        return at

    def element(self, at: int, *, explicit: bool) -> Element:
        """The element that begins at `at`."""
        self._step()
        try:
            group, number, vr, short = struct.unpack_from(self.order + "HH2sH", self.data, at)
        except struct.error:
            raise BrokenDicom("it ends in the middle of an element") from None
        tag = group << 16 | number
        # Where no VR stands, some writers have gone over to implicit VR without saying so.
        if not explicit or group == ITEM >> 16 or not vr.isalpha() or not vr.isupper():
            return Element(tag, b"", at + 8, self._number(at + 4))
        if vr in LONG_VRS:
            return Element(tag, vr, at + 12, self._number(at + 8))
        return Element(tag, vr, at + 8, short)

    def _step(self) -> None:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise BrokenDicom("there are too many elements")

    def _tag(self, at: int) -> int:
        group, number = self._unpack("HH", at)
        return group << 16 | number

    def _number(self, at: int) -> int:
        return self._unpack("L", at)[0]

    def _unpack(self, form: str, at: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(self.order + form, self.data, at)
        except struct.error:
            raise BrokenDicom("it ends in the middle of an element") from None
