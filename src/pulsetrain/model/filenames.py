"""Names of data files: what a stranger may call a file that lies in our folder."""

from __future__ import annotations

import re
import unicodedata

from .errors import BadRequest
from .formats import ALIASES, SUFFIXES

_LONGEST = 100
_HINT = "Send a plain file name, such as wine.csv."


def data_file_name(name: str) -> str:
    """`name` as it is stored: no folder, nothing invisible, nothing that a shell, a URL or a page could mistake.

    Raises BadRequest for a name that is a path, so that nobody believes to have written elsewhere.
    """
    # Compatibility forms first: a full-width or a fraction slash becomes the plain one, and is seen below.
    plain = unicodedata.normalize("NFKC", name)
    if any(character in plain for character in "/\\\0") or "\u2044" in name or "\u2215" in name:
        raise BadRequest(f"{_shown(name)} is a path, not a file name.", hint=_HINT)
    # Control and formatting characters (such as right-to-left marks) make a name look like another one.
    plain = "".join(character for character in plain if unicodedata.category(character)[0] != "C")
    plain = re.sub(r"[^\w.() +-]", "_", plain)
    stem, suffix = _split(" ".join(plain.split()))
    stem = stem.lstrip(". -").rstrip(". ")
    if not stem.strip("_"):
        raise BadRequest(f"{_shown(name)} is not a name for a file.", hint=_HINT)
    while len(stem.encode()) > _LONGEST:
        stem = stem[:-1]
    return stem.rstrip(". ") + suffix


def numbered(name: str, number: int) -> str:
    """`name` with a number before its suffix: `wine.csv` → `wine-2.csv`."""
    stem, suffix = _split(name)
    return f"{stem}-{number}{suffix}"


def is_data_file_name(name: str) -> bool:
    """Whether a file of this name, found in the folder, can be a data set."""
    try:
        return name.lower().endswith(tuple(SUFFIXES)) and data_file_name(name) == name
    except BadRequest:
        return False


def _split(name: str) -> tuple[str, str]:
    stem, dot, suffix = name.rpartition(".")
    suffix = f".{suffix}"
    if dot and suffix.lower() in ALIASES:
        return stem, ALIASES[suffix.lower()]
    if dot and suffix.lower() in SUFFIXES:
        return stem, suffix
    return name, ".csv"


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 80 else name[:80] + "…")
