"""Tables for spreadsheets: CSV and XLSX, written row by row, in which no cell is a formula."""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from itertools import islice
from typing import Any
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

from django.http import StreamingHttpResponse

Row = Iterable[Any]
CHUNK_ROWS = 500
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# What spreadsheets take for the beginning of a formula, or skip before one.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
BYTE_ORDER_MARK = "\ufeff"  # Excel takes UTF-8 for something else without it


def answer_table(rows: Iterable[Row], *, kind: str, name: str) -> StreamingHttpResponse:
    """Return a download of rows as ``kind``: csv or xlsx. Each row is asked for when those before it are sent."""
    write = {"csv": write_csv, "xlsx": write_xlsx}[kind]
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(write(rows), content_type=CONTENT_TYPES[kind], headers=headers)


# A cell ends there too for a spreadsheet of a country that separates by them, such as Germany's.
OTHER_CELL = re.compile("([;\t\r\n])(?=[=+@-])")


def defuse(text: str) -> str:
    """Return a text that no spreadsheet runs: with an apostrophe before what would begin a formula."""
    text = OTHER_CELL.sub(r"\1'", text)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def as_text(value: Any) -> str:
    """Return a cell's value as text: times with their offset and dates as ISO 8601 has them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value.isoformat() if isinstance(value, date) else str(value)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def write_csv(rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield a CSV file of rows, for spreadsheets too: with CRLF, and a mark that says it is UTF-8."""
    buffer = StringIO()
    buffer.write(BYTE_ORDER_MARK)
    writer = csv.writer(buffer)
    for batch in split_rows(rows):
        writer.writerows([[value if is_number(value) else defuse(as_text(value)) for value in row] for row in batch])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()


# The least that makes a workbook of one sheet (ECMA-376). Style 1 is what Excel gives a cell that is typed with an
# apostrophe first: a text, whatever it begins with.
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_PLAIN = 'numFmtId="0" fontId="0" fillId="0" borderId="0"'
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{CONTENT_TYPES["xlsx"]}.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
    '<Override PartName="/xl/styles.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="List" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}">'
    '<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    f'<cellStyleXfs count="1"><xf {_PLAIN}/></cellStyleXfs>'
    f'<cellXfs count="2"><xf {_PLAIN} xfId="0"/><xf {_PLAIN} xfId="0" quotePrefix="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write_xlsx(rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield a workbook of one sheet with these rows, as far as it is written: it is in memory at no time."""
    sink = _Sink()
    with ZipFile(sink, "w", ZIP_DEFLATED) as book:  # pyright: ignore[reportCallIssue]
        for name, content in _PARTS.items():
            book.writestr(name, _HEAD + content)
        with book.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write(f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
            for batch in split_rows(rows):
                sheet.write("".join(f"<row>{''.join(map(_write_cell, row))}</row>" for row in batch).encode())
                yield sink.take()
            sheet.write(b"</sheetData></worksheet>")
    yield sink.take()


def _write_cell(value):
    if is_number(value):
        return f"<c><v>{value}</v></c>"
    text = _NOT_IN_XML.sub("", as_text(value))
    if not text:
        return "<c/>"
    style = ' s="1"' if text.startswith(FORMULA_STARTS) else ""
    return f'<c t="inlineStr"{style}><is><t xml:space="preserve">{escape(text)}</t></is></c>'


class _Sink:
    """A file that cannot be sought in, and is emptied while it is written."""

    def __init__(self):
        self.parts = []

    def write(self, data):
        self.parts.append(bytes(data))
        return len(data)

    def flush(self):
        """Have nothing to do: what is written is there."""

    def take(self) -> bytes:
        taken, self.parts = b"".join(self.parts), []
        return taken


def split_rows(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows in lists of CHUNK_ROWS."""
    rows = iter(rows)
    while batch := list(islice(rows, CHUNK_ROWS)):
        yield batch
