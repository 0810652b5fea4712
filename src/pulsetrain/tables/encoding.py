"""Bytes → text: which encoding a file is in, said only when sure."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import BinaryIO

from pulsetrain.model.errors import BadTable

_CHUNK = 1 << 20
_HEAD = 1 << 16
_SAVE_AS = "Save the file as CSV in UTF-8 and try again."

_FOREIGN: list[tuple[bytes, str]] = [
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet (.xlsx, .ods)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls)"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"SQLite format 3\x00", "an SQLite database"),
]
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")

# What tells Western European text in Windows-1252 from any other bytes: accented letters stand alone or in pairs
# beside plain ones, and nothing else is there but the signs that people type.
_HIGH = re.compile(rb"[\x80-\xff]+")
_LETTERS = frozenset(b"\x8a\x8c\x8e\x9a\x9c\x9e\x9f") | (frozenset(range(0xC0, 0x100)) - {0xD7, 0xF7})
_SIGNS = frozenset(
    b"\x80\x85\x91\x92\x93\x94\x95\x96\x97\x99\xa0\xa3\xa7\xa9\xab\xae\xb0\xb1\xb2\xb3\xb5\xb7\xba\xaa\xbb\xbf\xa1\xd7"
)


def detect_encoding(path: Path) -> str:
    """The Python name of the encoding of `path`: utf-8-sig, utf-16 or cp1252.

    Raises BadTable for binary files, and for text in an encoding that cannot be known, with the byte where it shows.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
        for magic, what in _FOREIGN:
            if head.startswith(magic):
                hint = "Give it a name that ends in .parquet." if magic == b"PAR1" else _SAVE_AS
                raise BadTable(f"The file is {what}, not a CSV.", hint=hint)
        if head.startswith(_UTF16):
            return "utf-16"
        bad = _CONTROL.search(head)
        if bad is not None:
            if abs(head[1::2].count(0) - head[0::2].count(0)) > len(head) // 4 + 2:
                raise BadTable("The file looks like UTF-16 without its byte order mark.", hint=_SAVE_AS)
            raise BadTable(f"The file is binary: byte {bad.start()} is a control character.", hint=_SAVE_AS)
        file.seek(0)
        position = _first_invalid(file)
        if position is None:
            return "utf-8-sig"
        file.seek(0)
        if _surely_western(file):
            return "cp1252"
    raise BadTable(
        f"The file is not UTF-8: byte {position} does not fit, and no other encoding is sure.", hint=_SAVE_AS
    )


def _first_invalid(file: BinaryIO) -> int | None:
    """Where `file` stops being UTF-8, in bytes from its start; None if it is UTF-8 throughout."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    at = 0
    while True:
        chunk = file.read(_CHUNK)
        held = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as problem:
            return at - held + problem.start
        if not chunk:
            return None
        at += len(chunk)


def _surely_western(file: BinaryIO) -> bool:
    """Whether `file` can only be Windows-1252 (or Latin-1, which it contains)."""
    last = b""
    while chunk := file.read(_CHUNK):
        # A cut in the middle of a run of high bytes would judge it without its neighbours.
        cut = len(chunk) if len(chunk) < _CHUNK else max(chunk.rfind(b"\n") + 1, 1)
        piece, last = last + chunk[:cut], chunk[cut:]
        if not _western(piece):
            return False
    return _western(last)


def _western(piece: bytes) -> bool:
    if _CONTROL.search(piece):
        return False
    for run in _HIGH.finditer(piece):
        text = run[0]
        if not all(byte in _LETTERS or byte in _SIGNS for byte in text) or len(text) > 3 or _is_utf8(text):
            return False
        letters = sum(byte in _LETTERS for byte in text)
        around = piece[max(0, run.start() - 1) : run.start()] + piece[run.end() : run.end() + 1]
        if letters > 2 or (letters and not around.strip().isalpha() and not _touches_letter(around)):
            return False
    return True


def _touches_letter(around: bytes) -> bool:
    return any(chr(byte).isalpha() for byte in around if byte < 0x80)


def _is_utf8(text: bytes) -> bool:
    """Whether the high bytes are a UTF-8 character: then the file is a mixture, and nothing about it is sure."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
