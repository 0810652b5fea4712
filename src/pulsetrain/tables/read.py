"""CSV file → table: text cells first, every row counted, and then what each column holds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import msgspec
import polars as pl

from pulsetrain.model.errors import BadTable

from .columns import Kind, type_column
from .encoding import detect_encoding
from .rows import count_plain_rows

DELIMITERS = (",", ";", "\t", "|")
MAX_COLUMNS = 2000
MISSING = ["", "NA", "N/A", "n/a", "#N/A", "NULL", "null", "Null", "None", "NaN", "nan", "NAN", "?", "-"]
"""Cells that stand for no value."""

_SAMPLE_ROWS = 50
_NAMES_SHOWN = 5


class Table(msgspec.Struct):
    """A table in memory.

    `frame` holds typed columns (missing cells are null), `kinds` what each one is, `formats` how its dates are written
    (a strptime format), `warnings` what was doubtful and how it was taken.
    """

    frame: pl.DataFrame
    kinds: dict[str, Kind]
    formats: dict[str, str]
    warnings: list[str]
    delimiter: str
    encoding: str


class _Shape(msgspec.Struct):
    names: list[str]
    rows: int


def read_table(path: Path) -> Table:
    """Read a CSV file with a header: delimiter `,` `;` tab or `|`, UTF-8, UTF-16 with its mark, or surely Windows-1252.

    Raises BadTable, which says what is wrong and in which row, and OSError.
    """
    if path.stat().st_size == 0:
        raise BadTable("The file is empty.", hint="It needs a header and at least one row.")
    encoding = detect_encoding(path)
    delimiter = _delimiter(path, encoding)
    shape = _check_rows(path, encoding, delimiter)
    warnings: list[str] = []
    if encoding == "cp1252":
        warnings.append("The file is not UTF-8 and was read as Windows-1252.")
    names = _column_names(shape.names, warnings)
    cells = _cells(path, encoding, delimiter, len(names), shape.rows)
    cells.columns = names
    if shape.rows and all(_is_number(name) for name in shape.names):
        warnings.append("The first row holds numbers alone. It was taken as the names of the columns.")
    if len(names) == 1:
        warnings.append("The table has one column. If it should have more, check the delimiter (, ; tab |).")
    return _typed(cells, delimiter, encoding, warnings)


def _typed(cells: pl.DataFrame, delimiter: str, encoding: str, warnings: list[str]) -> Table:
    kinds: dict[str, Kind] = {}
    formats: dict[str, str] = {}
    columns = []
    for name in cells.columns:
        column = type_column(_cleaned(cells[name]), decimal_comma=delimiter != ",")
        # Text takes several times the memory of what it says; a big file must not be held in both forms.
        cells = cells.drop(name)
        columns.append(column.values)
        kinds[name] = column.kind
        if column.format is not None:
            formats[name] = column.format
        warnings += column.warnings
    if all(kind in ("empty", "constant") for kind in kinds.values()):
        warnings.append("No column varies, so there is nothing to learn from this table.")
    return Table(pl.DataFrame(columns), kinds, formats, warnings, delimiter, encoding)


def _records(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of the file, blank lines left out, each with the number of its last line."""
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            for record in reader:
                if record:
                    yield reader.line_num, record
        except csv.Error as problem:
            raise BadTable(
                f"Line {reader.line_num} cannot be read: {_explain(str(problem))}.",
                hint="Check the quotation marks in and before this line.",
            ) from None
        except UnicodeDecodeError as problem:
            raise BadTable(f"The file is not valid {encoding.upper()}: {problem.reason}.") from None


def _explain(problem: str) -> str:
    if "field larger" in problem:
        return "a cell is longer than 131,072 characters; perhaps a quotation mark is not closed"
    if "unexpected end" in problem:
        return "a quotation mark is not closed before the end of the file"
    if "expected after" in problem:
        return "text follows a closing quotation mark"
    return problem


def _delimiter(path: Path, encoding: str) -> str:
    """The delimiter that splits the header and most of the first rows alike; `,` where none does."""
    best, chosen = (0.0, 0), ","
    for delimiter in DELIMITERS:
        widths = []
        try:
            for _, record in _records(path, encoding, delimiter):
                widths.append(len(record))
                if len(widths) > _SAMPLE_ROWS:
                    break
        except BadTable:
            # Quotation marks that make no sense with this delimiter; `_check_rows` reports them for the chosen one.
            if not widths:
                continue
        if not widths or widths[0] == 1:
            continue
        agree = sum(width == widths[0] for width in widths) / len(widths)
        if (agree, widths[0]) > best:
            best, chosen = (agree, widths[0]), delimiter
    return chosen


def _check_rows(path: Path, encoding: str, delimiter: str) -> _Shape:
    """The header and the number of rows. Raises BadTable unless each row has as many fields as the header."""
    records = _records(path, encoding, delimiter)
    names = next((record for _, record in records), None)
    if names is None:
        raise BadTable("The file holds blank lines alone.", hint="It needs a header and at least one row.")
    if len(names) > MAX_COLUMNS:
        raise BadTable(f"The table has {len(names)} columns; at most {MAX_COLUMNS} can be used.")
    plain = count_plain_rows(path, delimiter, len(names)) if encoding == "utf-8-sig" else None
    if plain:
        return _Shape(names, plain)
    rows, width = 0, len(names)
    for line, record in records:
        rows += 1
        if len(record) != width:
            fields = f"{len(record)} field{'s' * (len(record) != 1)}"
            raise BadTable(
                f"Row {rows} (line {line}) has {fields}, and the header has {width}.",
                hint="Each row needs as many fields as the header; a field that holds the delimiter needs quotes.",
            )
    if rows == 0:
        raise BadTable("The file has a header and no rows.", hint="It needs at least one row under the header.")
    return _Shape(names, rows)


def _column_names(header: list[str], warnings: list[str]) -> list[str]:
    """Names that are there and differ; what had to be changed is warned of."""
    names: list[str] = []
    blank: list[str] = []
    doubled: list[str] = []
    taken = {name.strip() for name in header}
    for position, raw in enumerate(header, 1):
        name = " ".join(raw.replace("\ufeff", "").split())
        if not name:
            name = _free(f"column_{position}", taken | set(names), first=None)
            blank.append(name)
        elif name in names:
            name = _free(name, taken | set(names), first=2)
            doubled.append(name)
        names.append(name)
    if blank:
        warnings.append(f"{_count(blank, 'column has', 'columns have')} no name and became {_some(blank)}.")
    if doubled:
        warnings.append(f"{_count(doubled, 'column has', 'columns have')} a name that another has: {_some(doubled)}.")
    return names


def _free(name: str, taken: set[str], *, first: int | None) -> str:
    candidate, number = (name, 2) if first is None else (f"{name}_{first}", first + 1)
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def _count(names: list[str], one: str, many: str) -> str:
    return f"{len(names)} {one if len(names) == 1 else many}"


def _some(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(repr(name) for name in names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _cells(path: Path, encoding: str, delimiter: str, width: int, rows: int) -> pl.DataFrame:
    """All cells as text. The fast reader comes first; where it sees other rows than were counted, it gets the
    file in a plainer form."""
    frame = None
    if encoding == "utf-8-sig":
        frame = _parse(path, delimiter, width)
    if frame is None or frame.height != rows:
        rewritten = io.StringIO()
        writer = csv.writer(rewritten, quoting=csv.QUOTE_ALL)
        writer.writerows(record for _, record in _records(path, encoding, delimiter))
        frame = _parse(rewritten.getvalue().encode(), ",", width)
    if frame is None or frame.height != rows:
        raise BadTable("The rows of the file cannot be told apart.", hint="Check its quotation marks.")
    return frame


def _cleaned(text: pl.Series) -> pl.Series:
    """`text` without blanks around each cell, missing ones null."""
    stripped = text.str.strip_chars()
    return stripped.set(stripped.is_in(MISSING), None)


def _parse(source: Path | bytes, delimiter: str, width: int) -> pl.DataFrame | None:
    try:
        return pl.read_csv(
            source,
            separator=delimiter,
            has_header=False,
            skip_rows=1,
            schema={f"column_{number}": pl.String for number in range(1, width + 1)},
            raise_if_empty=False,
        )
    except pl.exceptions.PolarsError:
        return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
