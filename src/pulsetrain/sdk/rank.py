"""Which of many processes of one run this is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

Row = Callable[[int | None, Mapping[str, Any]], None]

_NAMES = ("RANK", "LOCAL_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
"""As torchrun, Accelerate, DeepSpeed, Lightning and the launchers of MPI tell it."""


def rank() -> int:
    """This process's rank; 0 where nothing tells one."""
    for name in _NAMES:
        told = os.environ.get(name, "")
        if told.isascii() and told.isdigit():
            return int(told)
    return 0


def under_rank(row: Row, rank: int) -> Row:
    """`row`, with the metrics of rank `rank` under names of their own; rank 0 has the plain ones."""
    if rank == 0:
        return row
    prefix = f"rank{rank}/"

    def prefixed(step: int | None, values: Mapping[str, Any]) -> None:
        row(step, {prefix + name: value for name, value in values.items()})

    return prefixed


def named(message: str | None, rank: int) -> str | None:
    """What a process of rank `rank` says of its end."""
    return f"Rank {rank}: {message}" if rank and message else message
