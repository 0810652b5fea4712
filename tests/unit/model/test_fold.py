"""The fold, on the cases that the TypeScript client runs too (`protocol/fixtures/fold.json`)."""

from __future__ import annotations

import json
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pulsetrain.model.events import Event
from pulsetrain.model.fold import fold
from pulsetrain.model.runs import MOVES, Run

FIXTURE = Path(__file__).parents[3] / "protocol/fixtures/fold.json"
CASES: list[dict[str, Any]] = json.loads(FIXTURE.read_text("utf-8"))["cases"]


def events_of(case: dict[str, Any]) -> list[Event]:
    return msgspec.convert(case["events"], list[Event])


def folded(events: list[Event], run: Run | None = None) -> Any:
    return msgspec.to_builtins(reduce(fold, events, run))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_shared_case(case: dict[str, Any]) -> None:
    run = folded(events_of(case))
    expected = case["expect"]
    if expected is None:
        assert run is None
    else:
        assert {key: run[key] for key in expected} == expected


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_all_events_a_second_time_change_nothing(case: dict[str, Any]) -> None:
    events = events_of(case)
    assert folded(events + events) == folded(events)


def test_the_cases_reach_every_rule_and_every_state() -> None:
    seen = {event["type"] for case in CASES for event in case["events"]}
    assert seen >= {
        *("run.created", "run.status", "run.lease", "run.stage", "run.progress", "run.metrics", "run.log"),
        *("run.result", "run.artifact", "run.system", "command.requested", "command.applied", "command.rejected"),
    }
    states = {e["data"]["state"] for case in CASES for e in case["events"] if e["type"] == "run.status"}
    assert states == set(MOVES)
