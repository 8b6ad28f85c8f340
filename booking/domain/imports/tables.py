"""Read a CSV file as people have it: from Excel in any country, with the columns in any order."""

import csv
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from typing import NamedTuple

MAX_ROWS = 20_000
MAX_COLUMNS = 60
SEPARATORS = ",;\t"


class UnreadableTable(Exception):
    """The file is no table with the columns that are needed; the message says what to do."""


class Column(NamedTuple):
    """A column of a table: its name, the names that other programs give it, and what stands in it."""

    name: str
    example: str
    also: tuple[str, ...] = ()
    is_required: bool = False


class Row(NamedTuple):
    """A row: its line in the file, its cells as they stand there, and its values by the names of known columns."""

    line: int
    cells: list[str]
    values: dict[str, str]


@dataclass(frozen=True)
class Table:
    header: list[str]
    unknown: list[str]
    rows: list[Row]


def read_table(data: bytes, columns: Iterable[Column]) -> Table:
    """Return the table of a CSV file, without its empty rows; raises UnreadableTable."""
    text = _decode(data)
    separator = max(SEPARATORS, key=text.partition("\n")[0].count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator)
    stripped = ((reader.line_num, [cell.strip() for cell in cells]) for cells in reader)
    try:  # row by row: millions of empty ones fit into a file
        lines = list(islice(((number, cells) for number, cells in stripped if any(cells)), MAX_ROWS + 2))
    except csv.Error as error:
        raise UnreadableTable("This is no CSV file. Save it as “CSV UTF-8” in your spreadsheet.") from error
    if len(lines) < 2:
        raise UnreadableTable("There is nothing below the names of the columns. The first line has these names.")
    if len(lines) - 1 > MAX_ROWS:
        raise UnreadableTable(f"A file may have {MAX_ROWS:,} rows: cut it into several.")
    header = lines[0][1]
    names = _name_columns(header, columns)
    rows = [
        Row(number, cells, {name: cells[at] for at, name in names.items() if at < len(cells)})
        for number, cells in lines[1:]
    ]
    unknown = [cell for at, cell in enumerate(header) if cell and at not in names]
    return Table(header, unknown, rows)


def _decode(data):
    if data.startswith((BOM_UTF16_BE, BOM_UTF16_LE)):
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")  # what Excel calls plain CSV in the west of Europe


def _name_columns(header, columns):
    """Return the names of known columns by their positions."""
    if len(header) > MAX_COLUMNS:
        raise UnreadableTable(f"A file may have {MAX_COLUMNS} columns.")
    known = {_fold(spelling): column.name for column in columns for spelling in (column.name, *column.also)}
    names = {at: known[_fold(cell)] for at, cell in enumerate(header) if _fold(cell) in known}
    twice = sorted({name for name in names.values() if list(names.values()).count(name) > 1})
    if twice:
        raise UnreadableTable(f"The column {twice[0]} is there twice.")
    missing = [column.name for column in columns if column.is_required and column.name not in names.values()]
    if missing:
        raise UnreadableTable(f"The first line must name the columns, and these are missing: {', '.join(missing)}.")
    return names


def _fold(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())


def write_table(header: list[str], rows: Iterable[list[str]]) -> bytes:
    """Return a CSV file that spreadsheets read as UTF-8."""
    file = StringIO(newline="")
    csv.writer(file).writerows([header, *rows])
    return file.getvalue().encode("utf-8-sig")
