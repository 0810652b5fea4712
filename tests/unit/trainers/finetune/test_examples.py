from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pulsetrain.model.errors import BadParameters, BadTable
from pulsetrain.trainers.finetune.examples import Dialogue, Labelled, Turn, choose, read_examples
from pulsetrain.trainers.finetune.trainer import Columns


@pytest.mark.parametrize(
    ("names", "task", "columns"),
    [
        (["text", "label"], "classification", {"text": "text", "label": "label"}),
        (["id", "Text", "Intent"], "classification", {"text": "Text", "label": "Intent"}),
        (["text", "intent", "entities"], "classification", {"text": "text", "label": "intent"}),
        (["text_a", "text_b", "label"], "pairs", {"first": "text_a", "second": "text_b", "label": "label"}),
        (["sentence1", "sentence2", "label"], "pairs", {"first": "sentence1", "second": "sentence2", "label": "label"}),
        (["premise", "hypothesis", "label"], "pairs", {"first": "premise", "second": "hypothesis", "label": "label"}),
        (["question", "answer", "label"], "pairs", {"first": "question", "second": "answer", "label": "label"}),
        (["question", "answer"], "instruction", {"prompt": "question", "output": "answer"}),
        (
            ["instruction", "input", "output"],
            "instruction",
            {"prompt": "instruction", "input": "input", "output": "output"},
        ),
        (["prompt", "completion"], "instruction", {"prompt": "prompt", "output": "completion"}),
        (["messages"], "instruction", {"messages": "messages"}),
    ],
)
def test_columns_are_known_by_their_usual_names(names: list[str], task: str, columns: dict[str, str]) -> None:
    assert choose(names, "auto", Columns()) == (task, columns)


def test_columns_can_be_named() -> None:
    names = ["a", "b", "c", "text", "label"]
    assert choose(names, "auto", Columns(text="a", label="c")) == ("classification", {"text": "a", "label": "c"})
    assert choose(names, "auto", Columns(text="a", pair="b", label="c"))[0] == "pairs"
    assert choose(names, "auto", Columns(prompt="b", output="c")) == ("instruction", {"prompt": "b", "output": "c"})
    with pytest.raises(BadParameters, match="no column 'd'") as problem:
        choose(names, "auto", Columns(text="d"))
    assert "a, b, c" in problem.value.hint


def test_columns_that_fit_nothing_are_refused() -> None:
    with pytest.raises(BadTable, match="x, y cannot be taken as") as problem:
        choose(["x", "y"], "auto", Columns())
    assert "text_a" in problem.value.hint
    with pytest.raises(BadTable, match="cannot be taken as instruction"):
        choose(["text", "label"], "instruction", Columns())


ROWS = [{"text": f"text {place}", "label": place % 2} for place in range(20)]
LABELLED = [Labelled(row, f"text {row - 1}", str((row - 1) % 2)) for row in range(1, 21)]


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "parquet"])
def test_every_form_of_file_gives_the_same_examples(tmp_path: Path, form: str) -> None:
    path = tmp_path / "data.txt"
    if form == "jsonl":
        path.write_text("\ufeff" + "".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    elif form == "json":
        path.write_text(json.dumps(ROWS))
    elif form == "csv":
        pl.DataFrame(ROWS).write_csv(path)
    else:
        pl.DataFrame(ROWS).write_parquet(path)
    found = read_examples(path)
    assert found.task == "classification"
    assert list(found.examples) == LABELLED
    assert found.labels == ["0", "1"]


def test_an_instruction_is_a_dialogue(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"instruction": "Add.", "input": "1 2", "output": "3"}]
    rows += [{"instruction": "Say yes.", "input": "", "output": "yes"}] * 9
    found = read_examples(_written(tmp_path, rows))
    assert found.examples[0] == Dialogue(1, (Turn("user", "Add.\n\n1 2"), Turn("assistant", "3")))
    assert found.examples[1] == Dialogue(2, (Turn("user", "Say yes."), Turn("assistant", "yes")))


def test_messages_end_with_the_last_answer(tmp_path: Path) -> None:
    said = [("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Bye")]
    rows = [{"messages": [{"role": role, "content": content} for role, content in said]}] * 10
    found = read_examples(_written(tmp_path, rows))
    assert found.examples[0] == Dialogue(
        1, (Turn("system", "Be kind."), Turn("user", "Hi"), Turn("assistant", "Hello"))
    )


def test_rows_that_lack_something_are_left_out_and_named(tmp_path: Path) -> None:
    rows = [dict(row) for row in ROWS]
    rows[4]["text"] = "  "
    rows[7].pop("label")
    found = read_examples(_written(tmp_path, rows))
    assert [example.row for example in found.examples] == [row for row in range(1, 21) if row not in (5, 8)]
    assert found.notes == ["2 of 20 rows are left out: Row 5: text is empty. Row 8: label is empty."]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([*ROWS[:12], "{"], "Row 13 is no JSON"),
        ([*ROWS[:12], [1]], "Row 13 is a list, not an object"),
        ([*ROWS[:12], {"text": ["a"], "label": "x"}], "Row 13: text is a list, not text"),
        ([*ROWS[:12], {"text": {"a": 1}, "label": "x"}, {"text": [], "label": 1}], "Row 13: .* Row 14: "),
        ([*ROWS[:12], {"label": "x"}, {"label": "x"}, {"label": "x"}], "Too many rows lack something. Row 13: text"),
        (ROWS[:5], "5 usable examples"),
        ([{**row, "label": "same"} for row in ROWS], "All rows have the label 'same'"),
        ([{**row, "label": row["text"]} for row in ROWS], "'label' has 20 different values in 20 rows"),
        ([{"messages": [{"role": "robot", "content": "x"}]}] * 12, "Row 1: messages must be a list"),
        ([{"messages": [{"role": "user", "content": "x"}]}] * 12, "Row 1: messages holds no answer"),
        ([], "no rows|empty"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_by_its_row(tmp_path: Path, lines: list[Any], said: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    with pytest.raises(BadTable, match=said):
        read_examples(path)


def test_a_row_of_a_csv_that_is_torn_is_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("text,label\n" + "a,b\n" * 4 + "a\n" + "a,c\n" * 10)
    found = read_examples(tmp_path / "x.csv")
    assert len(found.examples) == 14
    assert any("Row 5" in note for note in found.notes)


def _written(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
