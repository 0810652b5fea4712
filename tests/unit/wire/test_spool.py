"""Framing: whatever the file's end looks like, what is read is what was written, up to the damage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsetrain.wire.codec import encode_msgpack
from pulsetrain.wire.spool import MAX_BODY, PACKED, Packing, Unpacker, frame, scan

bodies = st.lists(st.binary(min_size=1, max_size=200), max_size=12)


@given(bodies, st.integers(0, 64))
def test_records_come_back_before_zeros(written: list[bytes], zeros: int) -> None:
    whole = b"".join(frame(body) for body in written)
    found = scan(whole + bytes(zeros))
    assert found.bodies == written
    assert found.size == len(whole)
    assert found.end == ("zeros" if zeros else "clean")


@given(bodies, st.data())
def test_a_cut_file_gives_the_whole_records_before_the_cut(written: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(frame(body) for body in written)
    cut = data.draw(st.integers(0, len(whole)))
    found = scan(whole[:cut])
    assert found.bodies == written[: len(found.bodies)]
    # Going on from `size` when the rest is there reads the rest.
    assert found.bodies + scan(whole[found.size :]).bodies == written
    assert found.size <= cut
    assert cut - found.size < 8 or found.end == "torn"


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=6), st.data())
def test_damage_never_gives_a_record_that_nobody_wrote(written: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(frame(body) for body in written))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    found = scan(bytes(whole))
    assert found.bodies == written[: len(found.bodies)]
    assert len(found.bodies) < len(written)


@given(bodies, st.integers(0, 12))
def test_a_limit_stops_between_records(written: list[bytes], limit: int) -> None:
    whole = b"".join(frame(body) for body in written)
    found = scan(whole, limit)
    assert found.bodies == written[:limit]
    assert scan(whole[found.size :]).bodies == written[limit:]


def test_a_record_is_neither_empty_nor_endless() -> None:
    for body in (b"", bytes(MAX_BODY + 1)):
        with pytest.raises(ValueError, match="bytes"):
            frame(body)


def test_a_length_that_no_record_has_is_damage() -> None:
    assert scan(b"\xff\xff\xff\xff" + bytes(20)).end == "torn"
    assert scan(bytes(4) + b"\1\0\0\0").end == "torn"


numbers = st.one_of(st.floats(allow_nan=False), st.integers(-(2**63), 2**63 - 1))
rows = st.dictionaries(st.text(), numbers, min_size=1, max_size=6)


@given(rows, st.integers(1, 2**40), st.integers(-(2**63), 2**63 - 1), st.data())
def test_a_packed_row_stands_for_a_plain_one(row: dict[str, float], n: int, step: int, data: st.DataObject) -> None:
    kinds = {key: st.floats(allow_nan=False) if isinstance(value, float) else st.integers(-(2**63), 2**63 - 1)
             for key, value in row.items()}  # fmt: skip
    other = {key: data.draw(kind) for key, kind in kinds.items()}
    packing, unpacker = Packing(row), Unpacker()
    said = [1, "m", 0.5, 0, row]
    assert unpacker.decode(encode_msgpack(said)) == said
    again = unpacker.decode(packing.pack(PACKED, n, 1.5, step, *packing.pick(other)))
    assert again == [n, "m", 1.5, step, other]
    assert [value.__class__ for value in again[4].values()] == [value.__class__ for value in row.values()]


def test_a_packed_row_needs_one_that_says_its_keys() -> None:
    packed = Packing({"a": 1.0, "b": 2.0}).pack(PACKED, 2, 1.5, 1, 1.0, 2.0)
    unpacker = Unpacker()
    with pytest.raises(ValueError, match="keys"):
        unpacker.decode(packed)
    unpacker.decode(encode_msgpack([1, "m", 1.5, 1, {"a": 1.0}]))
    with pytest.raises(ValueError, match="fit"):
        unpacker.decode(packed)


def test_what_does_not_begin_a_message_pack_value_begins_a_packed_row() -> None:
    for record in ([1, "m", 1.5, None, {}], [2**40, "run.log", 0.0, {"lines": []}]):
        assert encode_msgpack(record)[0] != PACKED
        assert Unpacker().decode(encode_msgpack(record)) == record
