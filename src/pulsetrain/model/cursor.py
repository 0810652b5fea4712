"""Cursors: positions in one life of the log."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

ResetReason = Literal["malformed", "generation", "trimmed", "ahead"]

_CURSOR = re.compile(r"([a-z2-7]{8})-(0|[1-9][0-9]{0,18})")


class Cursor(msgspec.Struct, frozen=True):
    """`<generation>-<seq>`: everything up to and including `seq` has been seen."""

    generation: str
    seq: int

    def __str__(self) -> str:
        return f"{self.generation}-{self.seq}"


def parse_cursor(text: str) -> Cursor | None:
    """The cursor that `text` writes, or None if it is not one."""
    match = _CURSOR.fullmatch(text)
    return Cursor(match[1], int(match[2])) if match else None
