from __future__ import annotations

import pytest

from pulsetrain.trainers.nlu.tokens import Span, align, spans, tags, tokens


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Wake me at 7:30am!", ["Wake", "me", "at", "7", ":", "30", "am", "!"]),
        ("don't stop", ["don", "'", "t", "stop"]),
        ("São Paulo\n", ["São", "Paulo"]),
        ("東京の天気", ["東", "京", "の", "天", "気"]),
        ("🎉 a_b", ["🎉", "a", "_", "b"]),
        ("  ", []),
    ],
)
def test_tokens_are_pieces_of_the_text(text: str, pieces: list[str]) -> None:
    found = tokens(text)
    assert [token.text for token in found] == pieces
    assert all(text[token.start : token.end] == token.text for token in found)


def test_tags_say_entities_and_entities_come_back_from_tags() -> None:
    text = "play Kind of Blue Blue Train in the kitchen"
    found = tokens(text)
    entities = [Span(5, 17, "music"), Span(18, 28, "music"), Span(36, 43, "room")]
    marks = tags(found, entities)
    assert marks == ["O", "B-music", "I-music", "I-music", "B-music", "I-music", "O", "O", "B-room"]
    assert spans(found, marks) == entities


def test_an_inner_tag_that_continues_nothing_begins_an_entity() -> None:
    found = tokens("a b c")
    assert spans(found, ["I-x", "I-y", "O"]) == [Span(0, 1, "x"), Span(2, 3, "y")]


def test_spans_are_drawn_to_whole_words() -> None:
    found = tokens("to Cape Town now")
    assert align(Span(4, 10, "place"), found) == Span(3, 12, "place")
    assert align(Span(2, 13, "place"), found) == Span(3, 12, "place")
    assert align(Span(2, 3, "place"), found) is None
