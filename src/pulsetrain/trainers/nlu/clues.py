"""What the entity extractor looks at: the clues about each token, as names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from .tokens import Token

_RUNS = re.compile(r"(.)\1+")
_EDGE = "\x02"


def clues(found: Sequence[Token], intent: str) -> list[list[str]]:
    """For each token the clues about it: the word, its form, its neighbours, alone and together with the intent."""
    words = [token.text for token in found]
    lower = [_EDGE, _EDGE, *(word.lower() for word in words), _EDGE, _EDGE]
    forms = [_form(word) for word in words]
    answer = []
    for place, word in enumerate(words):
        before2, before, here, after, after2 = lower[place : place + 5]
        own = [
            *_word(word),
            f"-1{before}",
            f"+1{after}",
            f"-2{before2}",
            f"+2{after2}",
            f"-1s{before[-3:]}",
            f"+1s{after[-3:]}",
            f"-1f{forms[place - 1] if place else _EDGE}",
            f"+1f{forms[place + 1] if place + 1 < len(forms) else _EDGE}",
            f"-10{before} {here}",
            f"+10{here} {after}",
            f"-21{before2} {before}",
            f"+12{after} {after2}",
            f"i{intent}",
            f"i0{intent} {here}",
            f"i-1{intent} {before}",
            f"i+1{intent} {after}",
        ]
        answer.append(own)
    return answer


@lru_cache(maxsize=100_000)
def _word(word: str) -> tuple[str, ...]:
    lower = word.lower()
    ends = [f"p{lower[:size]}" for size in (1, 2, 3, 4)] + [f"s{lower[-size:]}" for size in (1, 2, 3, 4)]
    return ("", f"w{lower}", f"f{_form(word)}", *ends)


@lru_cache(maxsize=100_000)
def _form(word: str) -> str:
    """The form of a word: `Xx` for Berlin, `d` for 2024, `x` for song."""
    signs = ["X" if sign.isupper() else "x" if sign.isalpha() else "d" if sign.isdigit() else sign for sign in word]
    return _RUNS.sub(r"\1", "".join(signs))
