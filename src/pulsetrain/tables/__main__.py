"""`python -m pulsetrain.tables FILE…`: describe tables, one line of JSON each on stdout, in a process of its own.

A server that reads files of strangers does it here: a file that takes all memory, or crashes a parser, ends this
process and not the server's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from pulsetrain.model.errors import BadTable

from .describe import Description, describe
from .read import read_table


class Answer(msgspec.Struct):
    """Either the description or why there is none."""

    table: Description | None = None
    problem: str | None = None
    hint: str = ""


def answer(path: Path) -> Answer:
    """What there is to say about the file at `path`."""
    try:
        return Answer(describe(read_table(path)))
    except BadTable as problem:
        return Answer(problem=problem.message, hint=problem.hint)


if __name__ == "__main__":
    for file in sys.argv[1:]:
        sys.stdout.buffer.write(msgspec.json.encode(answer(Path(file))) + b"\n")
