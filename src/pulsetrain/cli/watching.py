"""Watchdogs as a person writes them: `nan:stop`, `stalled:minutes=10`, `bound:metric=loss:above=5:pause`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from pulsetrain.model.watchdogs import checked

Watch = Annotated[
    list[str] | None,
    typer.Option(
        "--watch",
        metavar="KIND[:FIELD=VALUE…][:ACTION]",
        help="What the server shall look at, such as nan:stop or stalled:minutes=10; none for nothing. Repeatable.",
    ),
]


def watchdogs_of(texts: Sequence[str]) -> list[dict[str, Any]]:
    """The watchdogs that `texts` mean. Raises BadParameters."""
    return checked([_watchdog(text) for text in texts if text != "none"])


def _watchdog(text: str) -> dict[str, Any]:
    kind, *parts = text.split(":")
    found: dict[str, Any] = {"kind": kind}
    for part in parts:
        field, given, value = part.partition("=")
        if given:
            found[field] = _value(field, value)
        else:
            found["action"] = part
    return found


def _value(field: str, text: str) -> Any:
    if field == "metric":
        return text
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return text
