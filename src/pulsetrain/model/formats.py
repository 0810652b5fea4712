"""Formats of data sets, and which of them a trainer takes."""

from __future__ import annotations

from typing import Literal

Format = Literal["csv", "jsonl", "parquet"]

SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".parquet": "parquet",
}
"""How the names of data files end, and what is in them then."""

ALIASES = {".ndjson": ".jsonl", ".pq": ".parquet"}
"""Other ways to write an ending; a file is stored under the one that it stands for."""

TITLES: dict[Format, str] = {"csv": "CSV", "jsonl": "JSON Lines", "parquet": "Parquet"}

TAKEN: dict[str, frozenset[Format]] = {
    # Whoever reads a CSV reads it with `tables.read_table`, which makes the same table of all three.
    "csv": frozenset({"csv", "jsonl", "parquet"}),
    "table": frozenset({"csv", "jsonl", "parquet"}),
    "jsonl": frozenset({"jsonl"}),
}
"""What a trainer is declared with → the formats that it takes."""


def format_of(name: str) -> Format:
    """The format of the file called `name`; a table of text where its ending says nothing."""
    suffix = "." + name.rpartition(".")[2].lower()
    return SUFFIXES.get(ALIASES.get(suffix, suffix), "csv")


def takes(data: str | None, format: Format) -> bool:
    """Whether a trainer that is declared with `data` can learn from a data set of this format."""
    return data is None or format in TAKEN.get(data, frozenset())


def taken_titles(data: str) -> str:
    """The formats that `data` means, for people: `CSV, JSON Lines or Parquet`."""
    names = [title for format, title in TITLES.items() if format in TAKEN.get(data, frozenset())]
    return " or ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
