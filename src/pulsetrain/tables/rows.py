"""Rows of a plain file, counted in bulk: files without quotation marks need no parser to be proved rectangular."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_CHUNK = 1 << 22
_NEWLINE, _RETURN = 10, 13


def count_plain_rows(path: Path, delimiter: str, width: int) -> int | None:
    """The rows under the header of a UTF-8 file, if it holds no quotation mark and each row has `width` fields.

    None where that is not so, or not sure: then the file has to be read field by field.
    """
    separators = width - 1
    rows = -1
    held = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            block = held + chunk
            if b'"' in chunk:
                return None
            cut = block.rfind(b"\n") + 1
            block, held = block[:cut], block[cut:]
            found = _rows(block, delimiter, separators)
            if found is None or len(held) > _CHUNK:
                return None
            rows += found
    if held:
        found = _rows(held + b"\n", delimiter, separators)
        if found is None:
            return None
        rows += found
    return rows


def _rows(block: bytes, delimiter: str, separators: int) -> int | None:
    """The lines of `block` that are not blank, or None unless each of them has `separators` delimiters."""
    data = np.frombuffer(block, dtype=np.uint8)
    ends = np.flatnonzero(data == _NEWLINE)
    returns = np.flatnonzero(data == _RETURN)
    if returns.size and not np.array_equal(returns + 1, ends[np.isin(ends, returns + 1)]):
        return None  # a carriage return in the middle of a line: an old line end
    starts = np.concatenate(([0], ends[:-1] + 1)) if ends.size else ends
    lengths = ends - starts
    if returns.size:
        lengths = lengths - np.isin(ends - 1, returns)
    full = lengths > 0
    places = np.flatnonzero(data == ord(delimiter))
    counts = np.searchsorted(places, ends) - np.searchsorted(places, starts)
    return int(full.sum()) if (counts[full] == separators).all() else None
