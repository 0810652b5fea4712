"""Reading tables: what is understood, what is warned of, and what is refused with which words."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pulsetrain.model.errors import BadTable
from pulsetrain.tables.read import MISSING, Table, read_table
from pulsetrain.tables.rows import count_plain_rows


def read(folder: Path, content: bytes | str) -> Table:
    path = folder / "table.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path)


REFUSED = {
    "empty": (b"", "is empty"),
    "header only": (b"a,b\n", "a header and no rows"),
    "header without line end": (b"a,b", "a header and no rows"),
    "blank lines": (b"\n\r\n\n", "blank lines alone"),
    "row too short": (b"a,b\n1,2\n3\n", "Row 2 (line 3) has 1 field, and the header has 2"),
    "row too long": (b"a,b\n1,2\n\n3,4,5\n", "Row 2 (line 4) has 3 fields, and the header has 2"),
    "ragged after quotes": (b'a,b\n"1\n1",2\n3\n', "Row 2 (line 4) has 1 field"),
    "open quote": (b'a,b\n1,"2\n3,4\n', "not closed before the end"),
    "text after a quote": (b'a,b\n1,2\n"3"x,4\n', "Line 3 cannot be read: text follows a closing quotation mark"),
    "spreadsheet": (b"PK\x03\x04....", "a ZIP archive or a spreadsheet"),
    "gzip": (b"\x1f\x8b\x08....", "compressed with gzip"),
    "binary": (b"a,b\n1,\x012\n", "binary: byte 6"),
    "UTF-16 without mark": ("a,b\n1,2\n3,4\n".encode("utf-16-le"), "UTF-16 without its byte order mark"),
    "Cyrillic": ("имя,b\nПривет,1\n".encode("cp1251"), "not UTF-8: byte 0"),
    "Japanese": ("a,b\n日本,1\n".encode("shift-jis"), "not UTF-8: byte 4"),
    "Chinese": ("a,b\n中文,1\n".encode("gbk"), "not UTF-8: byte 4"),
    "stray byte": (b"a,b\n1,2\n3,\xff\n", "not UTF-8: byte 10"),
    "mixture": ("a,b\né,1\n".encode() + "é,2\n".encode("latin-1"), "not UTF-8: byte 9"),
    "many stray bytes": (b"a,b\n" + b"1,2\n" * 80 + b"\xff,3\n" * 10, "not UTF-8: byte 324"),
    "many ragged rows": (b"a,b\n" + b"1,2\n" * 80 + b"3\n" * 10, "Row 81 (line 82) has 1 field"),
    "too many columns": (b",".join(b"c" for _ in range(2001)) + b"\n1\n", "2001 columns"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_the_reason(case: str, tmp_path: Path) -> None:
    content, words = REFUSED[case]
    with pytest.raises(BadTable) as refusal:
        read(tmp_path, content)
    assert words in refusal.value.message
    assert refusal.value.hint or case == "too many columns"


WARNED = {
    "one column": (b"a\n1\n2\n", "The table has one column"),
    "constant": (b"a,b\n1,2\n1,3\n", "Column 'a' has the same value in every row"),
    "all missing": (b"a,b\n,2\nNA,3\n", "Column 'a' has no values at all"),
    "blank name": (b",b\n1,2\n2,3\n", "no name and became 'column_1'"),
    "same name": (b"a,a,a\n1,2,3\n2,3,4\n", "'a_2', 'a_3'"),
    "no header": (b"1.5,2\n2,3\n3,4\n", "The first row holds numbers alone"),
    "infinite": (b"a,b\n1.5,2\ninf,3\n", "Column 'a' has 1 infinite value"),
    "nothing varies": (b"a,b\n1,\n1,\n", "there is nothing to learn"),
    "day or month first": (b"d,b\n01/02/2024,1\n03/04/2024,2\n", "day or month first"),
    "Windows-1252": ("name,b\nJosé,1\nMüller,2\n".encode("cp1252"), "read as Windows-1252"),
}


@pytest.mark.parametrize("case", WARNED)
def test_taken_with_a_warning(case: str, tmp_path: Path) -> None:
    content, words = WARNED[case]
    assert any(words in warning for warning in read(tmp_path, content).warnings)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_forms_of_one_table(delimiter: str, end: str, encoding: str, tmp_path: Path) -> None:
    rows = [["name", "size"], ["Zoë", "1"], ["x y", "2"], ["", "3"]]
    content = end.join(delimiter.join(row) for row in rows) + end
    table = read(tmp_path, content.encode(encoding))
    assert table.frame.rows() == [("Zoë", 1), ("x y", 2), (None, 3)]
    assert (table.delimiter, table.warnings) == (delimiter, [])


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "-2", "30"], "integer"),
        (["1", "", "30"], "integer"),
        (["1.5", "2", "-3e5", ".5"], "number"),
        (["12345678901234567890", "22345678901234567890"], "category"),
        (["007", "008"], "category"),
        (["true", "False"], "boolean"),
        (["x", "y", "x"], "category"),
        ([f"word {number}" for number in range(30)], "text"),
        (["x", "x"], "constant"),
        (["x", "", "x"], "category"),
        (["2024-01-01", "2024-02-03"], "datetime"),
        (["2024-01-01 10:00:00.5", "2024-02-03 10:00:00.25"], "datetime"),
        (["2024-01-01T10:00:00Z", "2024-02-03T10:00:00+01:00"], "datetime"),
        (["31.12.2024", "01.01.2025"], "datetime"),
        (["31/12/2024", "01/01/2025"], "datetime"),
        (["2024-01-01", "2024-02-30"], "category"),
        (["12:30", "12:31"], "category"),
        (MISSING, "empty"),
        (["inf", "-inf"], "empty"),
    ],
)
def test_kinds(cells: list[str], kind: str, tmp_path: Path) -> None:
    table = read(tmp_path, "other,column\n" + "".join(f"{number},{cell}\n" for number, cell in enumerate(cells)))
    assert table.kinds["column"] == kind
    assert table.frame.height == len(cells)
    assert ("column" in table.formats) == (kind == "datetime")


def test_decimal_commas(tmp_path: Path) -> None:
    table = read(tmp_path, "a;b\n1,5;x\n-2,25;y\n3;z\n")
    assert table.frame["a"].to_list() == [1.5, -2.25, 3.0]


def test_zones_are_kept_as_one_time(tmp_path: Path) -> None:
    table = read(tmp_path, "t,b\n2024-01-01T10:00:00Z,1\n2024-01-01T11:00:00+01:00,2\n2024-01-01T12:00:00Z,3\n")
    first, second, third = table.frame["t"].to_list()
    assert first == second != third


def test_quotes(tmp_path: Path) -> None:
    table = read(tmp_path, 'a,b\n"x, ""y""\nz",1\n5" pipe,2\n\n" s ",3\n')
    assert table.frame["a"].to_list() == ['x, "y"\nz', '5" pipe', "s"]


_CELL = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8)
_ROWS = st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(_CELL, min_size=width, max_size=width), min_size=1))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(_ROWS, st.sampled_from(["\n", "\r\n"]))
def test_every_cell_of_a_well_formed_file_is_found(tmp_path: Path, rows: list[list[str]], end: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_NONNUMERIC)
    names = [f"c{number}" for number in range(len(rows[0]))]
    writer.writerows([names, *rows])
    table = read(tmp_path, text.getvalue())
    assert table.frame.height == len(rows)
    assert table.frame.columns == names
    for position, name in enumerate(names):
        # What is FALSE everywhere, or 1, is constant too, and no text.
        if table.kinds[name] in ("category", "text", "constant") and table.frame[name].dtype == pl.String:
            expected = [cell if (cell := row[position].strip()) not in MISSING else None for row in rows]
            assert [cell and cell.strip() for cell in table.frame[name].cast(str).to_list()] == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_a_bad_table(tmp_path: Path, content: bytes) -> None:
    try:
        assert read(tmp_path, content).frame.height > 0
    except BadTable as refusal:
        assert refusal.message


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text("a,\n\r", max_size=40))
def test_counting_in_bulk_agrees_with_the_parser(tmp_path: Path, text: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"x,y\n" + text.encode())
    counted = count_plain_rows(path, ",", 2)
    records = [record for record in csv.reader(io.StringIO(text, newline="")) if record]
    if counted is not None:
        assert [len(record) for record in records] == [2] * counted
    elif "\r" not in text.replace("\r\n", ""):
        assert any(len(record) != 2 for record in records)


def test_a_few_rows_that_cannot_be_read_are_left_out_and_named(tmp_path: Path) -> None:
    rows = [b"%d,x\n" % number for number in range(1, 101)]
    rows[6] = b"7\n"
    rows[49] = b"50,\xff\n"
    rows[80] = b"81,x,y\n"
    table = read(tmp_path, b"a,b\n" + b"".join(rows))
    assert table.frame["a"].to_list() == [number for number in range(1, 101) if number not in (7, 50, 81)]
    assert [(one.row, one.message) for one in table.problems] == [
        (7, "The row (line 8) has 1 field, and the header has 2."),
        (50, "The row (line 51) holds the byte 0xff, which is no UTF-8."),
        (81, "The row (line 82) has 3 fields, and the header has 2."),
    ]
    assert (table.problems_total, table.warnings[0]) == (3, "3 rows cannot be read and are left out.")


def test_cells_that_keep_a_column_from_being_numbers_are_named_by_their_row(tmp_path: Path) -> None:
    rows = [f"{number},{number}" for number in range(1, 51)]
    rows[2] = "3"  # left out: what follows it keeps its number
    rows[9] = "10,ten"
    rows[10] = "11,NA"
    table = read(tmp_path, "a,b\n" + "\n".join(rows))
    assert [(one.row, one.message) for one in table.problems][1:] == [
        (10, "b is 'ten', where other rows have numbers.")
    ]
    assert table.kinds["b"] == "text"
    codes = read(tmp_path, "zip,n\n" + "".join(f"{1000 + number},1\n" for number in range(50)) + "x-9,1\n0123,2\n")
    assert codes.problems == []
