"""Which commands are obeyed, and that none is obeyed twice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulsetrain.sdk.sse import Message
from pulsetrain.supervisor.control import Inbox


def event(seq: int, type: str, id: str, **data: Any) -> Message:
    body = {"seq": seq, "run": "r_a", "type": type, "time": "", "data": {"id": id, "command": "stop", **data}}
    return Message("message", json.dumps(body), f"aaaaaaaa-{seq}")


def control(name: str, id: str = "", **data: Any) -> Message:
    return Message(name, json.dumps(data), id)


def test_what_was_answered_before_is_not_obeyed_again() -> None:
    inbox = Inbox()
    assert inbox.hear(control("hello", "aaaaaaaa-0")) == []
    assert inbox.hear(event(1, "command.requested", "c_old")) == []
    assert inbox.hear(event(2, "command.applied", "c_old")) == []
    assert inbox.hear(event(3, "command.requested", "c_new", arguments={"grace_seconds": 3}, by="page")) == []
    (command,) = inbox.hear(control("live", "aaaaaaaa-3", cursor="aaaaaaaa-3"))
    assert (command.id, command.arguments, command.by) == ("c_new", {"grace_seconds": 3}, "page")
    assert inbox.hear(control("heartbeat", "aaaaaaaa-9")) == []
    assert inbox.cursor == "aaaaaaaa-9"


def test_a_reconnect_gives_nothing_twice() -> None:
    inbox = Inbox()
    inbox.hear(control("live", "aaaaaaaa-0"))
    assert [command.id for command in inbox.hear(event(1, "command.requested", "c_a"))] == ["c_a"]
    inbox.restart()
    assert inbox.hear(event(1, "command.requested", "c_a")) == []
    assert inbox.hear(control("live", "aaaaaaaa-1")) == []


def test_another_life_of_the_log_is_read_from_its_beginning() -> None:
    inbox = Inbox()
    inbox.hear(control("live", "aaaaaaaa-7"))
    with pytest.raises(ConnectionResetError):
        inbox.hear(control("reset", "bbbbbbbb-2", reason="generation", cursor="bbbbbbbb-2"))
    assert inbox.cursor == "0"


def test_what_was_trimmed_is_past() -> None:
    inbox = Inbox()
    inbox.hear(control("reset", "aaaaaaaa-9", reason="trimmed", cursor="aaaaaaaa-9"))
    assert inbox.cursor == "aaaaaaaa-9"


def test_what_the_server_answers_itself_is_none_of_our_business() -> None:
    inbox = Inbox()
    inbox.hear(control("live", "aaaaaaaa-0"))
    assert inbox.hear(event(1, "command.requested", "c_a", command="note")) == []
