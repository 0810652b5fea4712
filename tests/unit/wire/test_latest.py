from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pulsetrain.model.log import Stored
from pulsetrain.wire.codec import decode_json, encode_json
from pulsetrain.wire.latest import COALESCED, Latest

TYPES = sorted([*COALESCED, "run.log", "run.status"])


@st.composite
def histories(draw: st.DrawFn) -> list[Stored]:
    events = []
    for seq in range(1, draw(st.integers(1, 30)) + 1):
        run, type = draw(st.sampled_from(["r_a", "r_b", None])), draw(st.sampled_from(TYPES))
        names = draw(st.sets(st.sampled_from("abc")))
        data = {"values": {name: [seq] for name in names}} if type == "run.metrics" else {"n": seq}
        body = encode_json({"seq": seq, "run": run, "type": type, "time": "", "data": data})
        events.append(Stored(seq, run, type, body))
    return events


@given(histories(), st.integers(0, 30))
def test_the_newest_of_everything_stays_and_what_is_left_out_is_counted(events: list[Stored], cut: int) -> None:
    latest = Latest()
    latest.add(events[:cut])
    latest.add(events[cut:])
    assert latest.size >= 0 and bool(latest) == bool(events)
    kept, skipped = latest.take()
    assert not latest and latest.size == 0 and latest.take() == ([], 0)

    seqs = [event.seq for event in kept]
    assert seqs == sorted(set(seqs)) and skipped == len(events) - len(kept)
    assert all(event in events for event in kept), "unchanged"
    assert [event for event in events if event.type not in COALESCED] == [
        event for event in kept if event.type not in COALESCED
    ], "what is not coalesced all passes"
    assert newest_values(events) == newest_values(kept), "a panel of newest values shows the same"


def newest_values(events: list[Stored]) -> dict[object, int]:
    found: dict[object, int] = {}
    for event in events:
        values = decode_json(event.body)["data"].get("values", {"": 0})
        found |= {(event.run, event.type, name): event.seq for name in values}
    return found
