"""The published JSON Schemas are those of the code, and the protocol's own examples fit them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec

from pulsetrain.model.events import PRODUCER_TYPES, Event
from pulsetrain.wire.event_data import EVENT_DATA
from pulsetrain.wire.schemas import schemas

PROTOCOL = Path(__file__).parents[3] / "protocol"


def test_the_files_are_what_the_code_makes() -> None:
    files = {file.name: file.read_bytes() for file in (PROTOCOL / "schemas").glob("*.json")}
    assert files == schemas(), "run `python protocol/make_schemas.py`"


def test_every_event_type_of_the_protocol_has_a_schema_and_no_other() -> None:
    section = (PROTOCOL / "PROTOCOL.md").read_text().split("## 2. Events")[1].split("###")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`([a-z]+(?:\.[a-z]+)?)`", row)}
    assert documented == set(EVENT_DATA)
    assert set(EVENT_DATA) >= PRODUCER_TYPES


def test_schemas_are_whole() -> None:
    for name, body in schemas().items():
        document = json.loads(body)
        defined = set(document.get("$defs", {}))
        used = set(re.findall(r'"#/\$defs/([^"]+)"', body.decode()))
        assert used <= defined, name


def _fixture_events() -> list[Event]:
    found: list[Event] = []

    def collect(value: object) -> None:
        if isinstance(value, dict):
            if value.keys() >= {"seq", "type", "data"}:
                found.append(msgspec.convert(value, Event))
            else:
                for item in value.values():
                    collect(item)
        elif isinstance(value, list):
            for item in value:
                collect(item)

    collect(json.loads((PROTOCOL / "fixtures/fold.json").read_bytes()))
    return found


def test_the_events_of_the_shared_fixtures_fit() -> None:
    events = _fixture_events()
    assert len(events) > 20
    for event in events:
        if event.type in EVENT_DATA:
            msgspec.convert(event.data, EVENT_DATA[event.type])
