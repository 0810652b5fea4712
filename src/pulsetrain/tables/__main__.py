"""`python -m pulsetrain.tables FILE…`: describe tables, one line of JSON each on stdout, in a process of its own.

A server that reads files of strangers does it here: a file that takes all memory, or crashes a parser, ends this
process and not the server's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from pulsetrain.model.errors import BadTable
from pulsetrain.model.rows import RowProblem

from .describe import Description, describe
from .read import read_table


class Answer(msgspec.Struct):
    """Either the description or why there is none, and which rows have something wrong in them."""

    table: Description | None = None
    problem: str | None = None
    hint: str = ""
    problems: list[RowProblem] = []
    problems_total: int = 0
    task: str | None = None


def answer(path: Path) -> Answer:
    """What there is to say about the file at `path`."""
    try:
        table = read_table(path)
        found = Answer(problems=table.problems, problems_total=table.problems_total, task=table.task)
        found.table = describe(table)
        return found
    except BadTable as problem:
        rows = problem.problems
        return Answer(problem=problem.message, hint=problem.hint, problems=rows, problems_total=len(rows))


if __name__ == "__main__":
    for file in sys.argv[1:]:
        sys.stdout.buffer.write(msgspec.json.encode(answer(Path(file))) + b"\n")
