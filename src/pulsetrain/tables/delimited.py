"""CSV file → table: text cells first, every row counted, and then what each column holds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from pulsetrain.model.errors import BadTable
from pulsetrain.model.rows import MOST_LEFT_OUT, Problems

from .columns import cleaned, odd_cells, type_column
from .encoding import detect_encoding
from .rows import count_plain_rows
from .table import MAX_COLUMNS, Table, of_columns

DELIMITERS = (",", ";", "\t", "|")

_SAMPLE_ROWS = 50
_NAMES_SHOWN = 5


class _Source(msgspec.Struct):
    """The file and how it is read. `refusal` is set where single rows may hold bytes that are no text."""

    path: Path
    encoding: str
    delimiter: str = ","
    refusal: BadTable | None = None

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """The rows of the file, blank lines left out, each with the number of its last line."""
        errors = "strict" if self.refusal is None else "surrogateescape"
        with self.path.open(encoding=self.encoding, errors=errors, newline="") as file:
            reader = csv.reader(file, delimiter=self.delimiter, strict=True)
            try:
                for record in reader:
                    if record:
                        yield reader.line_num, record
            except csv.Error as problem:
                raise self.refusal or BadTable(
                    f"Line {reader.line_num} cannot be read: {_explain(str(problem))}.",
                    hint="Check the quotation marks in and before this line.",
                ) from None
            except UnicodeDecodeError as problem:
                raise BadTable(f"The file is not valid {self.encoding.upper()}: {problem.reason}.") from None


class _Shape(msgspec.Struct):
    """The header, the number of rows that can be read, and those that cannot be."""

    names: list[str]
    rows: int
    left_out: list[int]
    problems: Problems

    def numbers(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The number in the file of each row that is read."""
        everything = np.arange(1, self.rows + len(self.left_out) + 1)
        return np.delete(everything, np.array(self.left_out, dtype=np.int64) - 1)


def read_delimited(path: Path) -> Table:
    """Read a CSV file with a header: delimiter `,` `;` tab or `|`, UTF-8, UTF-16 with its mark, or surely Windows-1252.

    Raises BadTable, which says what is wrong and in which row, and OSError.
    """
    source = _source(path)
    source.delimiter = _delimiter(source)
    shape = _check_rows(source)
    warnings: list[str] = []
    if source.encoding == "cp1252":
        warnings.append("The file is not UTF-8 and was read as Windows-1252.")
    if shape.left_out:
        warnings.append(
            f"{_rows(len(shape.left_out))} cannot be read and {'is' if len(shape.left_out) == 1 else 'are'} left out."
        )
    names = _column_names(shape.names, warnings)
    cells = _cells(source, shape)
    cells.columns = names
    if shape.rows and all(_is_number(name) for name in shape.names):
        warnings.append("The first row holds numbers alone. It was taken as the names of the columns.")
    if len(names) == 1:
        warnings.append("The table has one column. If it should have more, check the delimiter (, ; tab |).")
    return _typed(cells, source, shape, warnings)


def _source(path: Path) -> _Source:
    try:
        return _Source(path, detect_encoding(path))
    except BadTable as refusal:
        if "not UTF-8" not in refusal.message:
            raise
        # UTF-8 but for some rows: those are left out if they are few, and else this is why the file is refused.
        return _Source(path, "utf-8-sig", refusal=refusal)


def _typed(cells: pl.DataFrame, source: _Source, shape: _Shape, warnings: list[str]) -> Table:
    columns = []
    numbers = None
    for name in cells.columns:
        text = cleaned(cells[name])
        # Text takes several times the memory of what it says; a big file must not be held in both forms.
        cells = cells.drop(name)
        column = type_column(text, decimal_comma=source.delimiter != ",")
        columns.append((name, column))
        for place, cell in odd_cells(text, column):
            numbers = shape.numbers() if numbers is None else numbers
            shape.problems.add(int(numbers[place]), f"{name} is {cell!r}, where other rows have numbers.")
    table = of_columns(columns, warnings, "csv")
    table.delimiter, table.encoding = source.delimiter, source.encoding
    table.problems, table.problems_total = shape.problems.first(), shape.problems.total
    return table


def _explain(problem: str) -> str:
    if "field larger" in problem:
        return "a cell is longer than 131,072 characters; perhaps a quotation mark is not closed"
    if "unexpected end" in problem:
        return "a quotation mark is not closed before the end of the file"
    if "expected after" in problem:
        return "text follows a closing quotation mark"
    return problem


def _delimiter(source: _Source) -> str:
    """The delimiter that splits the header and most of the first rows alike; `,` where none does."""
    best, chosen = (0.0, 0), ","
    for delimiter in DELIMITERS:
        widths = []
        try:
            for _, record in msgspec.structs.replace(source, delimiter=delimiter).records():
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


def _check_rows(source: _Source) -> _Shape:
    """The header, and which rows can be read. Raises BadTable where more than a few cannot be."""
    records = source.records()
    line, names = next(records, (0, None))
    if names is None:
        raise BadTable("The file holds blank lines alone.", hint="It needs a header and at least one row.")
    if len(names) > MAX_COLUMNS:
        raise BadTable(f"The table has {len(names)} columns; at most {MAX_COLUMNS} can be used.")
    if source.refusal is not None and _wrong_with(line, names, len(names)) is not None:
        raise source.refusal
    shape = _Shape(names, 0, [], Problems())
    if source.encoding == "utf-8-sig" and source.refusal is None:
        shape.rows = count_plain_rows(source.path, source.delimiter, len(names)) or 0
    if shape.rows:
        return shape
    total, first = 0, ""
    for line, record in records:
        total += 1
        wrong = _wrong_with(line, record, len(names))
        if wrong is not None:
            first = first or f"Row {total} (line {line}) {wrong}"
            shape.left_out.append(total)
            shape.problems.add(total, f"The row (line {line}) {wrong}")
    if total == 0:
        raise BadTable("The file has a header and no rows.", hint="It needs at least one row under the header.")
    shape.rows = total - len(shape.left_out)
    if len(shape.left_out) > total * MOST_LEFT_OUT:
        problems = shape.problems.first()
        if source.refusal is not None:
            raise BadTable(source.refusal.message, hint=source.refusal.hint, problems=problems)
        hint = "Each row needs as many fields as the header; a field that holds the delimiter needs quotes."
        raise BadTable(first, hint=hint, problems=problems)
    return shape


def _wrong_with(line: int, record: list[str], width: int) -> str | None:
    """Why a row cannot be read, None if it can be."""
    if len(record) != width:
        return f"has {len(record)} field{'s' * (len(record) != 1)}, and the header has {width}."
    try:
        "".join(record).encode()
    except UnicodeEncodeError as problem:
        byte = ord(str(problem.object)[problem.start]) & 0xFF
        return f"holds the byte 0x{byte:02x}, which is no UTF-8."
    return None


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"


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


def _cells(source: _Source, shape: _Shape) -> pl.DataFrame:
    """All cells as text. The fast reader comes first; where it sees other rows than were counted, it gets the
    file in a plainer form, without the rows that cannot be read."""
    frame, width = None, len(shape.names)
    if source.encoding == "utf-8-sig" and not shape.left_out:
        frame = _parse(source.path, source.delimiter, width)
    if frame is None or frame.height != shape.rows:
        rewritten = io.StringIO()
        writer = csv.writer(rewritten, quoting=csv.QUOTE_ALL)
        left_out = set(shape.left_out)
        # The header is row 0.
        writer.writerows(record for row, (_, record) in enumerate(source.records()) if row not in left_out)
        frame = _parse(rewritten.getvalue().encode(), ",", width)
    if frame is None or frame.height != shape.rows:
        raise BadTable("The rows of the file cannot be told apart.", hint="Check its quotation marks.")
    return frame


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
