"""Reading JSON Lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pulsetrain.model.errors import BadTable
from pulsetrain.tables import lines
from pulsetrain.tables.describe import describe
from pulsetrain.tables.read import Table, read_table


def read(folder: Path, content: bytes | str) -> Table:
    path = folder / "table.jsonl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path)


REFUSED = {
    "blank": ("\n\n", "blank lines alone"),
    "a list": ("[1, 2]\n", "a JSON list in one line"),
    "a document over many lines": ('{\n  "a": 1\n}\n', "one JSON document over many lines"),
    "no JSON": ("a,b\n1,2\n", "Row 1: The line cannot be read: expecting value at character 0"),
    "half of it": ('{"a": 1}\n{"a": ', "Row 2: The line cannot be read"),
    "numbers": ("1\n2\n", "Row 1: The line is no JSON object"),
    "no keys": ("{}\n{}\n", "all empty"),
    "nested too deeply": ("[" * 100_000 + "\n", "nested too deeply"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_the_reason(case: str, tmp_path: Path) -> None:
    content, words = REFUSED[case]
    with pytest.raises(BadTable) as refusal:
        read(tmp_path, content)
    assert words in refusal.value.message
    assert refusal.value.hint


def test_types_of_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_BATCH", 7)
    rows = [
        {"i": row, "f": row / 4, "b": row % 2 == 0, "s": str(row), "d": f"2024-01-{row + 1:02}", "n": {"x": [row]}}
        for row in range(20)
    ]
    rows[3]["f"] = float("nan")
    for row in rows[10:]:
        row["late"] = "é"
    table = read(tmp_path, "\ufeff" + "\n\n".join(json.dumps(row) for row in rows))
    assert table.kinds == {
        "i": "integer", "f": "number", "b": "boolean", "s": "category", "d": "datetime", "n": "category",
        "late": "category",
    }  # fmt: skip
    assert table.frame["i"].to_list() == list(range(20))
    assert table.frame["f"].null_count() == 1
    assert table.frame["n"][0] == '{"x": [0]}'
    assert table.frame["late"].to_list() == [None] * 10 + ["é"] * 10
    found = describe(table)
    assert (found.format, found.delimiter, found.encoding, found.rows) == ("jsonl", None, "utf-8", 20)


def test_lines_that_cannot_be_read_and_values_of_another_kind_are_named(tmp_path: Path) -> None:
    made = [json.dumps({"a": row, "b": "x"}) for row in range(1, 41)]
    made[4] = "{oops"
    made[9] = '{"a": "ten", "b": "x"}'
    made[19] = "[20]"
    content = "\n".join(made).encode().replace(b'{"a": 30, "b": "x"}', b'{"a": 30, "b": "\xff"}')
    table = read(tmp_path, content)
    assert [(one.row, one.message) for one in table.problems] == [
        (5, "The line cannot be read: expecting property name enclosed in double quotes at character 1."),
        (10, "a is text here and a number in other rows."),
        (20, "The line is no JSON object."),
        (30, "The line cannot be read: byte 16 of it (0xff) is no UTF-8."),
    ]
    assert table.frame.height == 37
    assert "3 lines cannot be read and are left out." in table.warnings


def test_examples_are_a_task_and_wrong_ones_are_named(tmp_path: Path) -> None:
    good = {"text": "play jazz", "intent": "play", "entities": [{"start": 5, "end": 9, "label": "genre"}]}
    wrong = {**good, "entities": [{"start": 5, "end": 10, "label": "genre"}]}
    table = read(tmp_path, "\n".join(json.dumps(one) for one in [good, wrong, {**good, "intent": ""}]))
    assert table.task == "nlu"
    assert table.frame.height == 3
    assert [(one.row, one.message) for one in table.problems] == [
        (2, "Entity 1 (genre) ends at 10, and the text has 9 characters."),
        (3, "The intent is missing."),
    ]
    assert read(tmp_path, '{"text": "x", "label": "y"}').task is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200) | st.text(st.sampled_from('{}[]",:0a \n')).map(str.encode))
def test_any_bytes_are_a_table_or_a_bad_table(tmp_path: Path, content: bytes) -> None:
    try:
        assert read(tmp_path, content).frame.height > 0
    except BadTable as refusal:
        assert refusal.message
