"""Rows → examples of one task: texts or pairs of texts with a label, or dialogues to learn the answers of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from pulsetrain.model.errors import BadParameters, BadTable

from .rows import Row, read_rows
from .trainer import Columns

Task = Literal["classification", "pairs", "instruction"]

NAMES: dict[str, tuple[str, ...]] = {
    "text": ("text", "sentence", "utterance", "review", "message", "content", "comment", "query", "title"),
    "first": ("text_a", "sentence1", "text1", "premise", "question1", "sentence_a", "query", "question"),
    "second": (
        "text_b",
        "sentence2",
        "text2",
        "hypothesis",
        "question2",
        "sentence_b",
        "passage",
        "document",
        "answer",
    ),
    "label": ("label", "intent", "labels", "category", "class", "target", "sentiment", "topic", "gold_label", "y"),
    "prompt": ("instruction", "prompt", "question"),
    "input": ("input", "context"),
    "output": ("output", "completion", "response", "answer"),
}
"""What columns are called in the data sets that people have, the likeliest first."""
MESSAGES = "messages"
ROLES = ("system", "user", "assistant")
MIN_EXAMPLES = 10
MAX_LABELS = 1000
MAX_LEFT_OUT = 0.1
"""Rows without a text or a label are left out; more of them than this share, and the file is refused."""
_SHOWN = 5


class Turn(msgspec.Struct, frozen=True):
    """What one side of a dialogue says."""

    role: Literal["system", "user", "assistant"]
    content: str


class Labelled(msgspec.Struct, frozen=True):
    """A text, or a pair of them, and its label."""

    row: int
    text: str
    label: str
    pair: str | None = None


class Dialogue(msgspec.Struct, frozen=True):
    """Turns of which the assistant's are learnt."""

    row: int
    turns: tuple[Turn, ...]

    @property
    def prompt(self) -> tuple[Turn, ...]:
        """All that stands before the last answer."""
        return self.turns[:-1]

    @property
    def answer(self) -> str:
        return self.turns[-1].content


Example = Labelled | Dialogue


class Examples(msgspec.Struct, frozen=True):
    """What the data set holds, as one task."""

    task: Task
    examples: Sequence[Example]
    columns: dict[str, str]
    """Which column was taken as what."""
    notes: list[str] = []

    @property
    def labels(self) -> list[str]:
        return sorted({example.label for example in self.examples if isinstance(example, Labelled)})


def read_examples(path: Path, task: str = "auto", columns: Columns | None = None) -> Examples:
    """The examples in the file `path`.

    Raises BadTable, which names the rows that are wrong, BadParameters where a named column is not there, and OSError.
    """
    rows, notes = read_rows(path)
    if not rows:
        raise BadTable("The file holds no rows.")
    names = list(dict.fromkeys(name for _, row in rows[:100] for name in row))
    chosen, found = choose(names, task, columns or Columns())
    examples, left_out = _take(rows, chosen, found)
    if len(examples) < MIN_EXAMPLES:
        raise BadTable(
            f"The file has {len(examples)} usable examples; at least {MIN_EXAMPLES} are needed.",
            hint="Some hundred are a sensible beginning.",
        )
    if left_out:
        notes = [*notes, f"{len(left_out)} of {len(rows)} rows are left out: {_some(left_out)}"]
    result = Examples(chosen, examples, found, notes)
    if chosen != "instruction":
        _check_labels(result)
    return result


def choose(names: Sequence[str], task: str, columns: Columns) -> tuple[Task, dict[str, str]]:
    """The task that columns of these names can be, and which of them is what.

    Raises BadParameters or BadTable where there is none.
    """
    by_name = {name.strip().lower(): name for name in names}
    given = {
        "text": columns.text,
        "first": columns.text,
        "second": columns.pair,
        "label": columns.label,
        "prompt": columns.prompt,
        "output": columns.output,
    }
    for name in given.values():
        if name and name not in names:
            raise BadParameters(f"There is no column {name!r}.", hint=f"The file has {', '.join(names[:20])}.")

    def find(*parts: str) -> dict[str, str] | None:
        found: dict[str, str] = {}
        for part in parts:
            usual = (by_name[name] for name in NAMES[part] if name in by_name and by_name[name] not in found.values())
            column = given.get(part) or next(usual, None)
            if column is None:
                return None
            found[part] = column
        return found

    wanted: tuple[Task, ...] = ("pairs", "instruction", "classification")
    if task != "auto":
        wanted = (task,)  # type: ignore[assignment]  # the schema allows these alone
    elif columns.output or columns.prompt:
        wanted = ("instruction",)
    elif columns.text and not columns.pair:
        wanted = ("classification",)
    for one in wanted:
        found = _fits(one, by_name, find)
        if found is not None:
            return one, found
    raise BadTable(
        f"The columns {', '.join(names[:20])} cannot be taken as {' or '.join(sorted(wanted))}.",
        hint="Expected: text and label; text_a, text_b and label; instruction and output; or messages. "
        "Name other columns in the parameters.",
    )


def _fits(task: Task, by_name: dict[str, str], find: Any) -> dict[str, str] | None:
    if task == "classification":
        return find("text", "label")  # type: ignore[no-any-return]
    if task == "pairs":
        return find("first", "second", "label")  # type: ignore[no-any-return]
    found: dict[str, str] | None = find("prompt", "output")
    if found is None:
        return {MESSAGES: by_name[MESSAGES]} if MESSAGES in by_name else None
    return {**found, **(find("input") or {})}


def _take(
    rows: Iterable[tuple[int, Row]], task: Task, columns: dict[str, str]
) -> tuple[list[Example], list[tuple[int, str]]]:
    """The examples, and the rows that lack something. Raises BadTable where something is of the wrong kind."""
    examples: list[Example] = []
    missing: list[tuple[int, str]] = []
    wrong: list[tuple[int, str]] = []
    for number, row in rows:
        try:
            examples.append(_example(number, row, task, columns))
        except _Missing as problem:
            missing.append((number, str(problem)))
        except _Wrong as problem:
            wrong.append((number, str(problem)))
    if wrong:
        raise BadTable(_some(wrong), hint="Correct these rows, then upload the file again.")
    if len(missing) > MAX_LEFT_OUT * (len(examples) + len(missing)):
        raise BadTable(f"Too many rows lack something. {_some(missing)}", hint="Fill them in, or take them out.")
    return examples, missing


class _Missing(Exception):
    """The row lacks something."""


class _Wrong(Exception):
    """The row holds something of the wrong kind."""


def _example(number: int, row: Row, task: Task, columns: dict[str, str]) -> Example:
    if MESSAGES in columns:
        return Dialogue(number, _turns(row.get(columns[MESSAGES])))
    texts = {part: _text(row.get(name), name, optional=part == "input") for part, name in columns.items()}
    if task == "classification":
        return Labelled(number, texts["text"], texts["label"])
    if task == "pairs":
        return Labelled(number, texts["first"], texts["label"], texts["second"])
    asked = "\n\n".join(part for part in (texts["prompt"], texts.get("input")) if part)
    return Dialogue(number, (Turn("user", asked), Turn("assistant", texts["output"])))


def _text(value: Any, name: str, *, optional: bool = False) -> str:
    if isinstance(value, bool):
        value = str(value).lower()
    elif isinstance(value, int | float):
        value = str(value)
    elif value is not None and not isinstance(value, str):
        raise _Wrong(f"{name} is {'a list' if isinstance(value, list) else 'an object'}, not text")
    text = (value or "").strip()
    if not text and not optional:
        raise _Missing(f"{name} is empty")
    return text


def _turns(value: Any) -> tuple[Turn, ...]:
    if isinstance(value, str):
        # A cell of a CSV file can hold them as JSON.
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError:
            raise _Wrong("messages is no list") from None
    if not value:
        raise _Missing("messages is empty")
    try:
        turns = msgspec.convert(value, tuple[Turn, ...])
    except msgspec.ValidationError as problem:
        raise _Wrong(f"messages must be a list of {{role, content}}: {problem}") from None
    while turns and turns[-1].role != "assistant":
        turns = turns[:-1]
    if not turns or not turns[-1].content.strip():
        raise _Missing("messages holds no answer of the assistant")
    return turns


def _check_labels(found: Examples) -> None:
    counts = Counter(example.label for example in found.examples if isinstance(example, Labelled))
    column = found.columns["label"]
    if len(counts) < 2:
        raise BadTable(f"All rows have the label {next(iter(counts))!r}.", hint="There must be at least two labels.")
    if len(counts) > MAX_LABELS or len(counts) > len(found.examples) / 2:
        raise BadTable(
            f"The column {column!r} has {len(counts)} different values in {len(found.examples)} rows.",
            hint=f"This trainer learns classes, at most {MAX_LABELS} of them. Is it the right column?",
        )


def _some(problems: Sequence[tuple[int, str]]) -> str:
    shown = " ".join(f"Row {row}: {text}." for row, text in problems[:_SHOWN])
    more = len(problems) - _SHOWN
    return shown + (f" And {more} more." if more > 0 else "")
