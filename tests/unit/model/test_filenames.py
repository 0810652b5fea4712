"""Names of data files."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsetrain.model.errors import BadRequest
from pulsetrain.model.filenames import data_file_name, is_data_file_name, numbered


@pytest.mark.parametrize(
    ("given_name", "stored"),
    [
        ("wine.csv", "wine.csv"),
        ("Wine Data (2).CSV", "Wine Data (2).CSV"),
        ("wine", "wine.csv"),
        ("wine.xlsx", "wine.xlsx.csv"),
        ("données.tsv", "données.tsv"),
        ("assistant.jsonl", "assistant.jsonl"),
        ("assistant.NDJSON", "assistant.jsonl"),
        ("trips.parquet", "trips.parquet"),
        ("ｗｉｎｅ.csv", "wine.csv"),
        ("a<b>&'\"c.csv", "a_b____c.csv"),
        ("...hidden.csv", "hidden.csv"),
        ("--flag.csv", "flag.csv"),
        ("wine\u202evsc.csv", "winevsc.csv"),
        ("a\r\nb.csv", "ab.csv"),
        ("x" * 300 + ".csv", "x" * 100 + ".csv"),
        ("日" * 100 + ".csv", "日" * 33 + ".csv"),
    ],
)
def test_names_as_they_are_stored(given_name: str, stored: str) -> None:
    assert data_file_name(given_name) == stored


PATHS = [
    "../x.csv",
    "a/../b.csv",
    "/x.csv",
    "\\\\host\\x.csv",
    "C:\\x.csv",
    "x\0.csv",
    "．．／x.csv",
    "a⁄b.csv",
    "a∕b.csv",
]
NOTHING = ["", ".", "..", "__.csv", "\u200b.csv", ".csv"]


@pytest.mark.parametrize("name", [*PATHS, *NOTHING])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(BadRequest):
        data_file_name(name)


@given(st.text(max_size=300))
def test_what_is_stored_is_one_plain_visible_name(name: str) -> None:
    try:
        stored = data_file_name(name)
    except BadRequest:
        return
    assert is_data_file_name(stored)
    assert len(stored.encode()) <= 108
    assert stored[0] not in ".-" and "/" not in stored and "\\" not in stored
    assert all(unicodedata.category(character)[0] != "C" for character in stored)
    assert is_data_file_name(numbered(stored, 2))


def test_numbers() -> None:
    assert numbered("wine.csv", 2) == "wine-2.csv"


@pytest.mark.parametrize("name", [".incoming-x.csv", "wine.md", "wine", ".meta", "a\u202eb.csv"])
def test_files_that_are_no_data_sets(name: str) -> None:
    assert not is_data_file_name(name)
