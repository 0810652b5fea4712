"""One client's stream in the GAN dashboard's dialect: what it hears of signals that its kind has no word for."""

from __future__ import annotations

import pytest

from pulsetrain.core.ring import HubPage
from pulsetrain.http.delivery import Over
from pulsetrain.http.gan_dashboard import _Translation
from pulsetrain.model.events import Event
from pulsetrain.model.log import Stored
from pulsetrain.wire.codec import event_to_json
from pulsetrain.wire.dialects.gan_dashboard import CHANNELS, Known
from pulsetrain.wire.subscription import Bye, Heartbeat, Hello, Live, Reset


def translation(seen: int = 0) -> _Translation:
    made = _Translation(CHANNELS["training"], Known(), [{"type": "connection"}], seen)
    made.signal(Hello("abcdefgh-3", 3, 1, "abcdefgh", 15.0, "1"))
    return made


def test_hello_is_the_greeting_with_the_place_where_the_stream_begins() -> None:
    made = _Translation(CHANNELS["logs"], Known(), [{"type": "connection"}, {"type": "x"}], 0)
    retry, first, second, end = made.signal(Hello("abcdefgh-3", 3, 1, "abcdefgh", 15.0, "1")).split(b"\n\n")
    assert 1000 <= int(retry.removeprefix(b"retry: ")) <= 5000
    assert first == b'id: abcdefgh-3\ndata: {"type":"connection"}'
    assert second == b'id: abcdefgh-3\ndata: {"type":"x"}'
    assert end == b""


def test_a_heartbeat_has_no_data_and_carries_the_place_on() -> None:
    assert translation().signal(Heartbeat("abcdefgh-9", 9)) == b": keep-alive\nid: abcdefgh-9\n\n"


def test_live_and_bye_are_not_said() -> None:
    assert translation().signal(Live("abcdefgh-3")) == b""
    assert translation().signal(Bye("restart", 1.0)) == b""


def test_a_gap_ends_the_stream_so_that_the_client_begins_anew() -> None:
    with pytest.raises(Over):
        translation().signal(Reset("trimmed", "abcdefgh-9", 9, 9, "/api/runs"))


def test_readers_share_what_is_made_of_a_page_but_for_what_one_has_seen() -> None:
    data = {"state": "running", "message": None}
    event = Event(4, "r_aaaaaaaaaa", "run.status", "2026-11-20T10:05:04.123456Z", data)
    page = HubPage([Stored(4, event.run, event.type, event_to_json(event))], 4, "abcdefgh", {})
    known = Known()
    made = [_Translation(CHANNELS["training"], known, [], seen) for seen in (0, 1, 0)]
    for one in made:
        one.signal(Hello("abcdefgh-3", 3, 1, "abcdefgh", 15.0, "1"))
    whole, rest, again = (one.page(page) for one in made)
    assert again is whole
    assert whole.endswith(rest) and (whole.count(b"data:"), rest.count(b"data:")) == (2, 1)
