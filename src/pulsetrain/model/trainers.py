"""What the server knows of a trainer: a description, never its code."""

from __future__ import annotations

from typing import Any

import msgspec


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
