"""Which of many processes of one run printed a line, where its launcher says so."""

from __future__ import annotations

import re

_PREFIX = re.compile(
    # torchrun --tee, PyTorch's own prefix of an exception, mpirun --tag-output
    r"\[(?:(?:default|rank|worker|trainer)(\d{1,6})\]:|\d{1,6},(\d{1,6})\]<std(?:out|err)>:?) ?"
)


def split_rank(line: str) -> tuple[int | None, str]:
    """The rank that `line` begins with and what follows it; None and the line where no rank is named."""
    rank: int | None = None
    while line[:1] == "[" and (found := _PREFIX.match(line)) is not None:
        rank = int(found[1] or found[2])
        line = line[found.end() :]
    return rank, line


def ranked(metrics: dict[str, float], rank: int | None) -> dict[str, float]:
    """`metrics` under the names that they have in the run: those of rank 0 are the run's own."""
    return {f"rank{rank}/{name}": value for name, value in metrics.items()} if rank else metrics
