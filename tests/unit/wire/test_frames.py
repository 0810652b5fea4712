from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsetrain.model.log import Stored
from pulsetrain.sdk.sse import SseReader
from pulsetrain.wire.codec import encode_json, envelope
from pulsetrain.wire.frames import comment, event_frames, frame, signal_frame
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
    read = parse(event_frames("abcdefgh", [Stored(7, "r_aaaaaaaaaa", "run.log", body)]))
    assert read == [{"id": "abcdefgh-7", "data": body.decode()}]


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text()) | st.none()))
def test_no_text_breaks_an_event(data: dict[str, object]) -> None:
    body = envelope(1, None, "x", "t", encode_json(data))
    event = Stored(1, None, "x", body)
    assert parse(event_frames("abcdefgh", [event, event])) == [{"id": "abcdefgh-1", "data": body.decode()}] * 2


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


BODY = b'{"seq":7,"run":null,"type":"x","time":"t","data":{}}'


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (event_frames("abcdefgh", [Stored(7, None, "x", BODY)]), b"id: abcdefgh-7\ndata: " + BODY + b"\n\n"),
        (signal_frame(Live("abcdefgh-7")), b'event: live\nid: abcdefgh-7\ndata: {"cursor":"abcdefgh-7"}\n\n'),
        (
            signal_frame(Hello(None, 9, 1, "abcdefgh", 15.0, "1"), retry_milliseconds=2718),
            b'event: hello\nretry: 2718\ndata: {"cursor":null,"tail":9,"oldest":1,"generation":"abcdefgh",'
            b'"heartbeat_seconds":15.0,"version":"1"}\n\n',
        ),
        (
            signal_frame(Bye("restart", 1.5), retry_milliseconds=1500),
            b'event: bye\nretry: 1500\ndata: {"reason":"restart","retry_seconds":1.5}\n\n',
        ),
        (frame(b"a\r\nb\rc\n"), b"data: a\ndata: b\ndata: c\ndata: \n\n"),
        (frame(b""), b"data: \n\n"),
        (comment("kept open"), b": kept open\n\n"),
    ],
    ids=["event", "live", "hello", "bye", "lines", "nothing", "comment"],
)
def test_frames_byte_by_byte(made: bytes, wanted: bytes) -> None:
    assert made == wanted


HOSTILE = st.lists(
    st.sampled_from(["\n", "\r", "\r\n", "\n\n", "\0", "data:", "id: g-9", "event: bye", ":", " ", "\ufeff", '"', "\\"])
    | st.characters(codec="utf-8"),
    max_size=12,
).map("".join)
"""What somebody would type who wants to break a frame, or to forge one."""

TYPED = st.dictionaries(HOSTILE, HOSTILE | st.lists(HOSTILE, max_size=3), max_size=3)


@given(TYPED, st.lists(st.integers(0, 2000), max_size=6))
def test_nothing_that_is_typed_breaks_or_forges_a_frame(typed: object, cuts: list[int]) -> None:
    """Read with the SDK's reader, in pieces: the event comes out as it went in, and nothing else comes out."""
    body = envelope(7, "r_aaaaaaaaaa", "run.created", "2026-01-01T00:00:00.000000Z", encode_json({"name": typed}))
    stream = event_frames("abcdefgh", [Stored(7, "r_aaaaaaaaaa", "run.created", body)]) + frame(
        b"next", id="abcdefgh-8"
    )
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    reader = SseReader()
    read = [message for low, high in pairwise(edges) for message in reader.feed(stream[low:high])]
    assert [(one.name, one.id) for one in read] == [("message", "abcdefgh-7"), ("message", "abcdefgh-8")]
    assert json.loads(read[0].data)["data"] == {"name": typed}
    assert b"\n" not in body and b"\r" not in body and b"\0" not in body
