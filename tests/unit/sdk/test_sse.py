"""The reader of Server-Sent Events does what the standard says, however the bytes are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsetrain.sdk.sse import Message, SseReader
from pulsetrain.wire.frames import frame


def _read(*pieces: bytes) -> list[Message]:
    reader = SseReader()
    return [message for piece in pieces for message in reader.feed(piece)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [Message("message", "a", "")]),
        (b"data:a\ndata: b\n\n", [Message("message", "a\nb", "")]),
        (b"data:  a\n\n", [Message("message", " a", "")]),
        (b"event: bye\ndata: {}\n\ndata: x\n\n", [Message("bye", "{}", ""), Message("message", "x", "")]),
        (b"id: g-7\ndata: a\n\ndata: b\n\n", [Message("message", "a", "g-7"), Message("message", "b", "g-7")]),
        (b": comment\n\ndata: a\r\n\r\ndata: b\r\r", [Message("message", "a", ""), Message("message", "b", "")]),
        ("\ufeffdata: ä\n\n".encode(), [Message("message", "ä", "")]),
        (b"data\n\n", [Message("message", "", "")]),
        (b"event: x\n\n", []),
        (b"data: half", []),
        (b"data: half\n", []),
        (b"id: a\0b\ndata: x\n\n", [Message("message", "x", "")]),
    ],
)
def test_the_standards_cases(stream: bytes, expected: list[Message]) -> None:
    assert _read(stream) == expected
    assert _read(*(stream[index : index + 1] for index in range(len(stream)))) == expected


def test_retry_and_the_last_id_outlive_the_connection_but_half_a_message_does_not() -> None:
    reader = SseReader()
    assert list(reader.feed(b"retry: 2500\nid: g-1\ndata: a\n\nid: g-2\ndata: ha")) == [Message("message", "a", "g-1")]
    reader.restart()
    assert (reader.last_id, reader.retry_seconds) == ("g-1", 2.5)
    assert list(reader.feed(b"data: b\n\n")) == [Message("message", "b", "g-1")]


def test_an_id_alone_advances_the_cursor() -> None:
    reader = SseReader()
    assert list(reader.feed(b"id: g-9\n\n")) == []
    assert reader.last_id == "g-9"


@given(
    st.lists(st.tuples(st.binary(max_size=40), st.sampled_from([None, "hello", "live"])), max_size=5),
    st.lists(st.integers(0, 400), max_size=8),
)
def test_what_the_server_frames_is_read_back_however_it_is_cut(
    sent: list[tuple[bytes, str | None]], cuts: list[int]
) -> None:
    stream = b"".join(frame(data, event=name, id=f"g-{n}") for n, (data, name) in enumerate(sent, 1))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[low:high] for low, high in itertools.pairwise(edges)]
    expected = [
        Message(
            name or "message", data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("utf-8", "replace"), f"g-{n}"
        )
        for n, (data, name) in enumerate(sent, 1)
    ]
    assert _read(*pieces) == expected
