from __future__ import annotations

import pytest

from pulsetrain.model.errors import BadRequest
from pulsetrain.wire.reading import from_query


@pytest.mark.parametrize(
    ("query", "header", "begins"),
    [
        ([("cursor", "0")], None, "0"),
        ([("cursor", "0"), ("lastEventId", "g-5")], None, "g-5"),
        ([("cursor", "0"), ("lastEventId", "")], None, "0"),
        ([("cursor", "0"), ("lastEventId", "g-5")], "g-7", "g-7"),
        ([], None, None),
    ],
    ids=["first", "again", "saw nothing", "and again", "nowhere"],
)
def test_what_a_reader_saw_last_goes_before_where_it_began(
    query: list[tuple[str, str]], header: str | None, begins: str | None
) -> None:
    """A wrapper around EventSource says it in the address, and later its EventSource says more in the header."""
    assert from_query(query, header).cursor == begins


def test_it_is_said_once() -> None:
    with pytest.raises(BadRequest, match="'lastEventId' is given more than once"):
        from_query([("lastEventId", "g-5"), ("lastEventId", "g-6")])
