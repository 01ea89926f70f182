"""The process that unpacks a workbook: bytes on standard input → the rows of a sheet, as JSON, a line each.

A small file can unpack to more than all memory. So it is unpacked where only this process can run out of it.
"""

import io
import json
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import click
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from rotor_mcp.import_export.formats.formula_guard import unguard
from rotor_mcp.import_export.formats.table import MAX_ROWS, Record, bool_text, number_text
from rotor_mcp.import_export.formats.workbook import DAMAGED_EXIT_STATUS, TOO_LARGE

MAX_MEMORY_BYTES = 1_500_000_000
"""That this process may address. A sheet of `MAX_CELLS` takes about half."""
MAX_CELLS = 10_000_000
"""Cells of a sheet, from its first to the last that holds anything."""
MAX_CHARS = 100_000_000
"""Characters of the cells of a sheet. A text that many cells share stands in the file once."""


class TooLargeError(Exception):
    """A sheet that is larger than is read. The text says why, and what to do."""


def main() -> None:
    """Read a workbook."""
    _limit_memory()
    data = sys.stdin.buffer.read()
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
            name, records, of = _first_filled(workbook)
    except CalamineError:
        sys.exit(DAMAGED_EXIT_STATUS)
    except TooLargeError as exc:
        click.echo(json.dumps({"error": str(exc)}))
        return
    click.echo(json.dumps({"sheet": name, "of": of}))
    for record in records:
        click.echo(json.dumps(record))


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows: there the system ends the process when memory is used up
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MAX_MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(hard, MAX_MEMORY_BYTES)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _first_filled(workbook: CalamineWorkbook) -> tuple[str, list[Record], str]:
    """The first sheet with rows below a header, else the first with anything; and which of how many it is."""
    seen = [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet
    ]
    found: tuple[str, list[Record], str] = ("", [], "")
    for place, name in enumerate(seen, start=1):
        records = list(_records(workbook, name))
        if len(records) > len(found[1]):
            found = (name, records, f" ({place} of {len(seen)})" if len(seen) > 1 else "")
        if len(records) > 1:
            break
    return found


def _records(workbook: CalamineWorkbook, name: str) -> Iterator[Record]:
    sheet = workbook.get_sheet_by_name(name)
    if sheet.total_height * sheet.total_width > MAX_CELLS:
        raise TooLargeError(
            f"A sheet of the workbook reaches to row {sheet.total_height + 1:,} and column "
            f"{sheet.total_width + 1:,}. Clear what stands far from the leads, or save the sheet with the "
            "leads as CSV"
        )
    chars = filled = 0
    for number, cells in enumerate(sheet.to_python(skip_empty_area=False), start=1):
        texts = [_text(cell) for cell in cells]
        chars += sum(map(len, texts))
        if chars > MAX_CHARS:
            raise TooLargeError(TOO_LARGE)
        if any(text.strip() for text in texts):
            filled += 1
            yield number, texts
        if filled > MAX_ROWS:
            return  # `tabulate` refuses it


def _text(cell: object) -> str:
    """The text of a cell. Cells with an error arrive blank."""
    match cell:
        case str():
            # Not only CSV: a CSV of ours that was opened in a spreadsheet and saved as XLSX keeps the guard.
            return unguard(cell)
        case bool():
            return bool_text(cell)
        case int() | float():
            return number_text(cell)
        case datetime():
            moment = (cell + timedelta(milliseconds=500)).replace(microsecond=0)  # it was a fraction of a day
            at_midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
            return moment.date().isoformat() if at_midnight else moment.isoformat()
        case date():
            return cell.isoformat()
        case _:
            return str(cell)


if __name__ == "__main__":
    main()
