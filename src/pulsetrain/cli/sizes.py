"""What a person writes for amounts of a machine."""

from __future__ import annotations

import re

from pulsetrain.model.errors import BadRequest

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def size_of(text: str) -> int:
    """The bytes that `16G`, `500M` or `123456` mean. Raises BadRequest."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if found is None:
        raise BadRequest(f"{text!r} is no size.", hint="For instance 16G or 500M.")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def indices_of(text: str) -> tuple[int, ...]:
    """The GPUs that `0,1` or `none` mean. Raises BadRequest."""
    if text.strip().lower() in ("", "none"):
        return ()
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts) or len(set(parts)) != len(parts):
        raise BadRequest(f"{text!r} names no GPUs.", hint="For instance 0,1; or none.")
    return tuple(int(part) for part in parts)
