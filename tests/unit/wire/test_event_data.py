"""The data of events as types: what is unknown is ignored, never an error."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from pulsetrain.model.events import Event
from pulsetrain.wire.event_data import EVENT_DATA, EventData, RunMetrics, RunStatus, typed


def event(type: str, data: dict[str, Any]) -> Event:
    return Event(7, "r_aaaaaaaaaa", type, "2026-11-20T10:05:05.123456Z", data)


def test_what_match_can_tell_apart_is_every_type_of_event() -> None:
    assert set(get_args(EventData)) == set(EVENT_DATA.values())


def test_data_is_read_as_its_type_and_unknown_keys_are_ignored() -> None:
    assert typed(event("run.status", {"state": "running", "mood": "good"})) == RunStatus("running")
    metrics = typed(event("run.metrics", {"step": [1], "time": [2.0], "values": {"loss": ["NaN"], "rate": [None]}}))
    assert metrics == RunMetrics([1], [2.0], {"loss": ["NaN"], "rate": [None]})


@pytest.mark.parametrize(
    ("type", "data"),
    [("run.danced", {}), ("run.status", {}), ("run.status", {"state": "dancing"}), ("run.log", {"lines": 7})],
)
def test_what_this_version_does_not_understand_is_no_error(type: str, data: dict[str, Any]) -> None:
    assert typed(event(type, data)) is None
