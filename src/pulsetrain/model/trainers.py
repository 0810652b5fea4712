"""What the server knows of a trainer: a description, never its code."""

from __future__ import annotations

from typing import Any

import msgspec

from .runs import Resources


class Trainer(msgspec.Struct, frozen=True):
    """A registered function that a run can execute (PROTOCOL §4, *trainer*)."""

    name: str
    title: str
    summary: str = ""
    data: str | None = None
    stages: list[str] = []
    parameters: dict[str, Any] = {}
    available: bool = True
    problem: str | None = None
    code: str | None = None
    """Which version of its code this is: a commit where it lies in a repository, or the package's version."""
    predicts: bool = False
    """Whether its models can be asked for predictions."""
    resources: Resources = Resources()
    """What its runs take of a machine, unless they are started with something else."""
