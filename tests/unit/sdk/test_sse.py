"""The reader of Server-Sent Events does what the standard says, however the bytes are cut.

The TypeScript client runs the same cases (`protocol/fixtures/sse.json`), and so does a browser (tests/thirdparty).
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsetrain.sdk.sse import Message, SseReader
from pulsetrain.wire.frames import frame

FIXTURE = Path(__file__).parents[3] / "protocol/fixtures/sse.json"
CASES: list[dict[str, Any]] = json.loads(FIXTURE.read_text("utf-8"))["cases"]


def stream_of(case: dict[str, Any]) -> bytes:
    return base64.b64decode(case["base64"]) if "base64" in case else case["stream"].encode()


def _read(*pieces: bytes) -> list[Message]:
    reader = SseReader()
    return [message for piece in pieces for message in reader.feed(piece)]


def _outcome(pieces: Iterable[bytes]) -> dict[str, Any]:
    reader = SseReader()
    messages = [message for piece in pieces for message in reader.feed(piece)]
    return {
        "messages": [{"event": one.name, "data": one.data, "id": one.id} for one in messages],
        "last_id": reader.last_id,
        "retry": None if reader.retry_seconds is None else round(reader.retry_seconds * 1000),
    }


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_shared_case(case: dict[str, Any]) -> None:
    stream = stream_of(case)
    expected = {key: case[key] for key in ("messages", "last_id", "retry")}
    assert _outcome([stream]) == expected
    assert _outcome(stream[index : index + 1] for index in range(len(stream))) == expected
    for cut in range(len(stream) if len(stream) < 1000 else 0):
        assert _outcome([stream[:cut], b"", stream[cut:]]) == expected, f"cut at {cut}"


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
