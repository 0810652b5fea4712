"""Examples from a file: JSON Lines or a JSON array of `{text, intent, entities: [{start, end, label}]}`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from pulsetrain.model.errors import BadTable
from pulsetrain.model.examples import problem_of

from .tokens import Span, Token, align, tokens

MAX_TOKENS = 1000
SHOWN_PROBLEMS = 5
VALIDATION = ("validation", "valid", "dev", "test")


@dataclass(frozen=True)
class Example:
    """A text with what it means. Entities begin and end where tokens do."""

    row: int
    """Its line in the file, or its place in the array, from 1."""
    text: str
    intent: str
    entities: list[Span]
    tokens: list[Token]
    split: str | None = None
    """`train` or `validation` where the file says it."""


@dataclass
class Examples:
    """What was read, and what was remarkable or wrong about it."""

    examples: list[Example] = field(default_factory=list)
    warnings: list[tuple[int | None, str]] = field(default_factory=list)
    problems: list[tuple[int | None, str]] = field(default_factory=list)


def read_examples(path: Path) -> Examples:
    """All examples of the file. Raises BadTable where it is no file of examples; wrong rows are in `problems`."""
    found = Examples()
    for row, value in _rows(path.read_bytes(), found):
        try:
            found.examples.append(_example(row, value, found))
        except ValueError as problem:
            found.problems.append((row, str(problem)))
    _look_at_all(found)
    return found


def demand_good(found: Examples) -> None:
    """Raise BadTable, naming the first rows that are wrong, if any is."""
    if not found.problems:
        return
    first = " ".join(f"Row {row}: {text}" if row else text for row, text in found.problems[:SHOWN_PROBLEMS])
    more = len(found.problems) - SHOWN_PROBLEMS
    rest = f" And {more} more." if more > 0 else ""
    hint = 'An example is {"text": "…", "intent": "…", "entities": [{"start": 0, "end": 4, "label": "…"}]}, one a line.'
    raise BadTable(f"These examples cannot be learnt from. {first}{rest}", hint=hint)


def _rows(content: bytes, found: Examples) -> list[tuple[int, Any]]:
    """Row numbers and what JSON they hold; rows that are no JSON become problems."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    if content.lstrip()[:1] == b"[":
        try:
            return list(enumerate(msgspec.json.decode(content, type=list[Any]), start=1))
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise BadTable(f"The file begins like a JSON array and is none: {problem}.") from problem
    rows = []
    for row, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append((row, msgspec.json.decode(line)))
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            found.problems.append((row, f"It is not JSON ({problem})."))
    return rows


def _example(row: int, value: Any, found: Examples) -> Example:
    """Raises ValueError that says what is wrong with it."""
    problem = problem_of(value)
    if problem is not None:
        raise ValueError(problem)
    text = value["text"]
    pieces = tokens(text)
    if len(pieces) > MAX_TOKENS:
        raise ValueError(f"The text has {len(pieces):,} words and signs; at most {MAX_TOKENS:,} are taken.")
    given = value.get("entities") or []
    asked = sorted(Span(entity["start"], entity["end"], entity["label"].strip()) for entity in given)
    entities = _aligned(asked, text, pieces, lambda note: found.warnings.append((row, note)))
    split = value.get("split")
    side = None if split is None else "validation" if split in VALIDATION else "train"
    return Example(row, text, value["intent"].strip(), entities, pieces, side)


def _aligned(asked: list[Span], text: str, pieces: list[Token], warn: Callable[[str], None]) -> list[Span]:
    """The entities from whole word to whole word. Of two in one word, the first has it."""
    answer: list[Span] = []
    for span in asked:
        free = [token for token in pieces if not answer or token.start >= answer[-1].end]
        aligned = align(span, free)
        if aligned is None:
            if not text[span.start : span.end].strip():
                raise ValueError(f"The entity {span.label!r} from {span.start} to {span.end} holds only space.")
            warn(f"The entity {_name(span, text)} is left out: its words belong to the one before it.")
            continue
        if aligned != span:
            taken = text[aligned.start : aligned.end]
            warn(f"The entity {_name(span, text)} is not of whole words: {taken!r} is taken for it.")
        answer.append(aligned)
    return answer


def _name(span: Span, text: str) -> str:
    return f"{span.label!r} ({text[span.start : span.end]!r})"


def _look_at_all(found: Examples) -> None:
    """What only all examples together show."""
    intents = Counter(example.intent for example in found.examples)
    if len(intents) < 2:
        only = f"only the intent {next(iter(intents))!r}" if intents else "no good example"
        found.problems.append((None, f"There is {only}; at least two intents are needed."))
    for intent, count in intents.items():
        if count == 1:
            note = f"The intent {intent!r} has one example alone: it is learnt, and cannot be judged."
            found.warnings.append((None, note))
    seen: dict[str, Example] = {}
    for example in found.examples:
        before = seen.setdefault(normal(example.text), example)
        if before.intent != example.intent:
            note = f"The same text has the intent {example.intent!r} here and {before.intent!r} in row {before.row}."
            found.warnings.append((example.row, note))


def normal(text: str) -> str:
    """What two texts have in common that differ in case and space alone."""
    return " ".join(text.casefold().split())
