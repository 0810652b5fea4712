from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsetrain.model.log import Stored
from pulsetrain.wire.codec import encode_json, envelope
from pulsetrain.wire.frames import comment, event_frame, frame, signal_frame
from pulsetrain.wire.subscription import Bye, Heartbeat, Hello, Live, Reset


def parse(stream: bytes) -> list[dict[str, str]]:
    """The frames of a stream, read by the letter of the HTML standard (§9.2.6) and by nothing of ours."""
    frames: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    for line in re.split(r"\r\n|\n|\r", stream.decode()):
        if line == "":
            if "data" in fields:
                frames.append(fields)
            fields = {}
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data" and "data" in fields:
            value = fields["data"] + "\n" + value
        if name:
            fields[name] = value
    return frames


def test_an_event_is_an_unnamed_frame_with_its_cursor() -> None:
    body = envelope(7, "r_aaaaaaaaaa", "run.log", "2026-01-01T00:00:00.000000Z", encode_json({"text": "a\r\n\n\0b"}))
    read = parse(event_frame("abcdefgh", Stored(7, "r_aaaaaaaaaa", "run.log", body)))
    assert read == [{"id": "abcdefgh-7", "data": body.decode()}]


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text()) | st.none()))
def test_no_text_breaks_an_event(data: dict[str, object]) -> None:
    body = envelope(1, None, "x", "t", encode_json(data))
    event = Stored(1, None, "x", body)
    assert parse(event_frame("abcdefgh", event) * 2) == [{"id": "abcdefgh-1", "data": body.decode()}] * 2


@given(st.text(alphabet=st.sampled_from("a:\r\n\0 ") | st.characters(codec="utf-8")))
def test_no_data_breaks_a_frame(text: str) -> None:
    read = parse(frame(text.encode(), event="status", id="x-1") + frame(b"next"))
    assert read == [
        {"event": "status", "id": "x-1", "data": text.replace("\r\n", "\n").replace("\r", "\n")},
        {"data": "next"},
    ]


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "a\0b"])
def test_a_name_that_would_break_a_frame_is_refused(name: str) -> None:
    for make in (lambda: frame(b"", event=name), lambda: frame(b"", id=name), lambda: comment(name)):
        with pytest.raises(ValueError):
            make()


def test_signals_are_named_frames_with_data() -> None:
    hello = signal_frame(Hello("abcdefgh-3", 3, 1, "abcdefgh", 15.0, "1"), retry_milliseconds=1500)
    others = [
        Live("abcdefgh-3"),
        Heartbeat("abcdefgh-9", 9),
        Reset("trimmed", "abcdefgh-9", 9, 5, "/api/runs"),
        Bye("restart", 2.5),
    ]
    read = parse(hello + b"".join(signal_frame(signal) for signal in others))
    assert [(one["event"], one.get("id")) for one in read] == [
        ("hello", "abcdefgh-3"),
        ("live", "abcdefgh-3"),
        ("heartbeat", "abcdefgh-9"),
        ("reset", "abcdefgh-9"),
        ("bye", None),
    ]
    assert read[0]["retry"] == "1500"
    assert read[3]["data"] == '{"reason":"trimmed","cursor":"abcdefgh-9","tail":9,"oldest":5,"snapshot":"/api/runs"}'


def test_a_hello_before_a_reset_has_no_id() -> None:
    assert "id" not in parse(signal_frame(Hello(None, 3, 1, "abcdefgh", 15.0, "1")))[0]
