"""The description of the WebSocket is the WebSocket: real messages, held against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from pulsetrain.http.asyncapi import ASKED, document
from pulsetrain.model.events import NewEvent
from server.sse_site import RUN, Site, line, on_site
from server.test_ws import Talk, talk


def validator(op: str) -> Draft202012Validator:
    payload = document()["components"]["messages"][op]["payload"]
    whole = {**payload, "components": document()["components"]}
    Draft202012Validator.check_schema(whole)
    return Draft202012Validator(whole)


def test_every_message_that_is_sent_is_as_it_is_described(tmp_path: Path) -> None:
    seen: set[str] = set()

    async def hear(reader: Talk, op: str) -> None:
        while True:
            message: dict[str, Any] = await reader.next()
            validator(message["op"]).validate(message)
            seen.add(message["op"])
            if message["op"] == op:
                return

    async def say(reader: Talk, **message: Any) -> None:
        validator(message["op"]).validate(message)
        seen.add(message["op"])
        await reader.say(**message)

    async def body(site: Site) -> None:
        row = {"step": [1], "time": [1.0], "values": {"loss": [1]}}
        await site.append(line(), *(NewEvent("run.metrics", row, RUN) for _ in range(3)))
        async with talk(site, "?cursor=abcdefgh-1") as reader:
            await hear(reader, "reset")
            await say(reader, op="auth", token="of no use here")
            await say(reader, op="subscribe", sub=1, cursor="0", run=[RUN], type=["run.*"], latest=0.1)
            await hear(reader, "skipped")
            await hear(reader, "events")
            await hear(reader, "live")
            await reader.say(op="subscribe", sub=1)
            await hear(reader, "error")
            await say(reader, op="ping", id="x")
            await hear(reader, "pong")
            await say(reader, op="unsubscribe", sub=1)
            await hear(reader, "unsubscribed")
            await site.hub.drain("restart")
            await hear(reader, "bye")

    on_site(tmp_path, body)
    assert seen | {"heartbeat"} == set(document()["components"]["messages"])
    assert set(ASKED) < seen


def test_a_message_that_is_not_as_described_would_be_found() -> None:
    good = {"op": "events", "sub": 1, "cursor": "x", "events": []}
    assert validator("events").is_valid(good)
    for wrong in ({"sub": -1}, {"cursor": 3}, {"events": [{}]}, {"op": "live"}):
        assert not validator("events").is_valid({**good, **wrong})


def test_every_reference_leads_somewhere() -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            inner = [name for item in value.values() for name in references(item)]
            return [*inner, value["$ref"]] if isinstance(value.get("$ref"), str) else inner
        return [name for item in value for name in references(item)] if isinstance(value, list) else []

    found = references(document())
    assert len(found) > 20
    for reference in found:
        place: Any = document()
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]
