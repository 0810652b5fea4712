"""Texts as tokens with their places, and entities as tags of tokens (BIO)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

OUTSIDE = "O"

# Scripts that are written without spaces (kana, Han, Thai, Lao, Khmer, Burmese) are taken sign by sign: a finer token
# costs little, but an entity inside of a token cannot be told.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W\d_{_UNSPACED}]+|\d+|\S")


class Token(NamedTuple):
    """A piece of a text; places count Unicode characters."""

    text: str
    start: int
    end: int


class Span(NamedTuple):
    """An entity: what lies from `start` to before `end`."""

    start: int
    end: int
    label: str


def tokens(text: str) -> list[Token]:
    """Words, numbers and single signs."""
    return [Token(match.group(), *match.span()) for match in _TOKEN.finditer(text)]


def align(span: Span, found: Sequence[Token]) -> Span | None:
    """The span from the start of the first token that it touches to the end of the last; None if it touches none."""
    touched = [token for token in found if token.start < span.end and token.end > span.start]
    return Span(touched[0].start, touched[-1].end, span.label) if touched else None


def tags(found: Sequence[Token], entities: Sequence[Span]) -> list[str]:
    """The tag of each token: `B-label` where an entity begins, `I-label` inside, `O` outside. Spans are aligned."""
    answer = [OUTSIDE] * len(found)
    for span in entities:
        begun = False
        for place, token in enumerate(found):
            if span.start <= token.start and token.end <= span.end:
                answer[place] = f"{'I' if begun else 'B'}-{span.label}"
                begun = True
    return answer


def spans(found: Sequence[Token], marks: Sequence[str]) -> list[Span]:
    """The entities that tags say; an `I` that continues nothing begins an entity."""
    answer: list[Span] = []
    open_label: str | None = None
    for token, mark in zip(found, marks, strict=True):
        label = mark[2:]
        if mark == OUTSIDE:
            open_label = None
        elif mark[0] == "I" and label == open_label:
            answer[-1] = answer[-1]._replace(end=token.end)
        else:
            answer.append(Span(token.start, token.end, label))
            open_label = label
    return answer
