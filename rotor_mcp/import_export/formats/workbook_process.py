"""The process that reads a workbook: bytes on standard input → the rows of a sheet, as lines of JSON.

A small file can decompress to more than the memory of the machine. Here only this process can run out of it.
"""

import io
import json
import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

import click
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from rotor_mcp.import_export.formats.formula_guard import unguard
from rotor_mcp.import_export.formats.table import MAX_ROWS, Record, number_text
from rotor_mcp.import_export.formats.workbook import DAMAGED_EXIT_STATUS, TOO_LARGE

MAX_MEMORY_BYTES = 1_500_000_000
"""Address space of this process. A sheet of `MAX_CELLS` takes about half of it."""
MAX_CELLS = 10_000_000
"""Cells of a sheet, blank ones up to the last used cell included."""
MAX_CHARS = 100_000_000
"""Characters in the cells of a sheet. The file stores a text that many cells share only once."""


class TooLargeError(Exception):
    """A sheet exceeds a limit. The text says which, and what to do."""


def main() -> None:
    """Read a workbook, and write its rows."""
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
    except ImportError:  # Windows, which ends a process that runs out of memory
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MAX_MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(hard, MAX_MEMORY_BYTES)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _first_filled(workbook: CalamineWorkbook) -> tuple[str, list[Record], str]:
    """Return the first sheet with rows below a header, else the first not blank: name, rows, its number."""
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
            return  # `tabulate` rejects it


def _text(cell: object) -> str:
    """Return the text of a cell. Cells with an error are blank."""
    match cell:
        case str():
            # Our CSV keeps the guard when it is saved as XLSX.
            return unguard(cell)
        case bool():
            return "yes" if cell else "no"
        case int() | float():
            return number_text(cell)
        case datetime():
            # Rounded to seconds, because it is stored as a fraction of a day.
            moment = (cell + timedelta(milliseconds=500)).replace(microsecond=0)
            return moment.date().isoformat() if moment.time() == time() else moment.isoformat()
        case date():
            return cell.isoformat()
        case _:
            return str(cell)


if __name__ == "__main__":
    main()
