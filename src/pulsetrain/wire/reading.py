"""What a reader asks for, whichever transport it comes by (PROTOCOL §3.1), checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pulsetrain.model.errors import BadRequest
from pulsetrain.model.ids import is_run_id
from pulsetrain.model.log import Filter

PARAMETERS = frozenset({"cursor", "run", "type", "latest", "until"})
"""What an address may say of a reading."""

_MOST_FILTERS = 100
_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?")
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s")
_SHORTEST, _LONGEST = 0.1, 60.0


class Reading(msgspec.Struct, frozen=True):
    """Where to begin, and what of it to read."""

    cursor: str | None = None
    filter: Filter = Filter()
    latest_seconds: float | None = None
    until: str | None = None
    """The run with whose end the reading ends."""


def reading(
    *,
    cursor: str | None = None,
    runs: Sequence[str] = (),
    types: Sequence[str] = (),
    latest_seconds: float | None = None,
    until_end: bool = False,
) -> Reading:
    """A reading, checked. Raises BadRequest."""
    if len(runs) + len(types) > _MOST_FILTERS:
        raise BadRequest(f"{len(runs) + len(types)} filters; at most {_MOST_FILTERS} are taken.")
    for run in runs:
        if not is_run_id(run):
            raise BadRequest(f"{run!r} is not a run id.", hint="GET /api/runs lists the runs.")
    for type in types:
        if _TYPE.fullmatch(type) is None:
            raise BadRequest(f"{type!r} is not a type of event.", hint="For instance run.metrics, or run.* for all.")
    if latest_seconds is not None and not _SHORTEST <= latest_seconds <= _LONGEST:
        raise BadRequest(f"'latest' is {_SHORTEST} to {_LONGEST:g} seconds; it is {latest_seconds:g}.")
    if until_end and len(runs) != 1:
        raise BadRequest("'until=end' needs exactly one 'run'.")
    if until_end and types:
        types = [*types, "run.status"]
    return Reading(cursor, Filter(frozenset(runs), frozenset(types)), latest_seconds, runs[0] if until_end else None)


def from_query(query: Sequence[tuple[str, str]], last_event_id: str | None = None) -> Reading:
    """The reading of an address. What the client saw last goes before what its address asked for at first.

    Raises BadRequest; other parameters are not looked at.
    """
    single = {name: _single(query, name) for name in ("cursor", "latest", "until")}
    if single["until"] not in (None, "end"):
        raise BadRequest(f"'until' can only be 'end'; it is {single['until']!r}.")
    return reading(
        cursor=last_event_id or single["cursor"],
        runs=[value for name, value in query if name == "run"],
        types=[value for name, value in query if name == "type"],
        latest_seconds=_seconds(single["latest"]),
        until_end=single["until"] == "end",
    )


def from_message(said: Mapping[str, Any]) -> Reading:
    """The reading of a `subscribe` message. Raises BadRequest."""
    unknown = sorted(set(said) - {"op", "sub", "cursor", "run", "type", "latest"})
    if unknown:
        raise BadRequest(f"'subscribe' has no {unknown[0]!r}.", hint="It takes sub, cursor, run, type and latest.")
    cursor, latest = said.get("cursor"), said.get("latest")
    if not (cursor is None or isinstance(cursor, str)):
        raise BadRequest("'cursor' is a text.")
    if isinstance(latest, bool) or not (latest is None or isinstance(latest, int | float)):
        raise BadRequest("'latest' is a number of seconds.")
    return reading(
        cursor=cursor,
        runs=_texts(said, "run"),
        types=_texts(said, "type"),
        latest_seconds=None if latest is None else float(latest),
    )


def _single(query: Sequence[tuple[str, str]], name: str) -> str | None:
    values = [value for key, value in query if key == name]
    if len(values) > 1:
        raise BadRequest(f"{name!r} is given more than once.")
    return values[0] if values else None


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise BadRequest(f"'latest' is a time like 1s or 0.5s; it is {text!r}.")
    return float(match[1])


def _texts(said: Mapping[str, Any], name: str) -> list[str]:
    value = said.get(name, [])
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadRequest(f"{name!r} is a list of texts.")
    return texts
