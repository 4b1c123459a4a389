"""What a kept object takes in memory: its tensors' and arrays' whole storage, and all that it holds besides.

A view counts as what it keeps alive, which is everything that it was cut from. Shared parts count each time. Leaves
out: what libraries hold elsewhere for an object.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

import numpy as np
from pydantic import BaseModel

PLACE_BYTES = 1024
"""A place in a store: its slot, its part of the dictionary and the list of uses, and the allocators' rounding."""


def held_by(held: object) -> int:
    """Bytes that an object keeps in memory, `PLACE_BYTES` for its own place among them."""
    return PLACE_BYTES + _bytes_of(held)


def _bytes_of(held: object) -> int:
    own = sys.getsizeof(held)
    if _is_tensor(held):
        return own + int(held.untyped_storage().nbytes())  # type: ignore[attr-defined]
    if isinstance(held, np.ndarray):
        base = held
        while isinstance(base.base, np.ndarray):
            base = base.base
        # An array over memory that isn't NumPy's own, as a runtime hands out its results, has no size of its own.
        foreign = 0 if base.flags.owndata else base.nbytes
        return own + foreign + (0 if base is held else sys.getsizeof(base))
    if isinstance(held, Mapping):
        return own + sum(_bytes_of(key) + _bytes_of(value) for key, value in held.items())
    if isinstance(held, (tuple, list, set, frozenset)):
        return own + sum(_bytes_of(each) for each in held)
    if isinstance(held, BaseModel):
        return own + sum(_bytes_of(getattr(held, name)) for name in type(held).model_fields)
    if is_dataclass(held) and not isinstance(held, type):
        return own + sum(_bytes_of(getattr(held, each.name)) for each in fields(held))
    return own


def _is_tensor(held: object) -> bool:
    """Whether it is a tensor; where nobody has imported PyTorch there is none, and it isn't imported for this."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(held, torch.Tensor)
