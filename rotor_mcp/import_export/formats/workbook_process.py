"""The process that reads a workbook: bytes on standard input → the rows of a sheet, as lines of JSON.

A small file can decompress to more than the memory of the machine. Here only this process can run out of it.
"""

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice

import click
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from rotor_mcp.import_export.formats.formula_guard import unguard
from rotor_mcp.import_export.formats.sheet import MAX_HEADER_ROW, MAX_ROWS, Record, Records, number_text
from rotor_mcp.import_export.formats.sheet_xml import SheetFacts, read_facts
from rotor_mcp.import_export.formats.workbook import DAMAGED_EXIT_STATUS, TOO_LARGE
from rotor_mcp.import_export.header_synonyms import count_known_headers

MAX_MEMORY_BYTES = 1_500_000_000
"""Address space of this process. A sheet of `MAX_CELLS` takes about half of it."""
MAX_CELLS = 10_000_000
"""Cells of a sheet, blank ones up to the last used cell included."""
MAX_CHARS = 100_000_000
"""Characters in the cells of a sheet. The file stores a text that many cells share only once."""
_MIN_KNOWN_HEADERS = 2


class TooLargeError(Exception):
    """A sheet exceeds a limit. The text says which, and what to do."""


class NoSheetError(Exception):
    """There is no such sheet. The text says which there are."""


@dataclass(frozen=True)
class ReadSheet:
    """A sheet that was read."""

    name: str
    records: Records


def main() -> None:
    """Read a sheet of a workbook, and write its rows. Arguments: the kind of workbook, a sheet or blank."""
    _limit_memory()
    kind, asked = sys.argv[1:]
    data = sys.stdin.buffer.read()
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
            sheet, of, remarks = _asked(workbook, asked) if asked else _chosen(workbook)
    except CalamineError:
        sys.exit(DAMAGED_EXIT_STATUS)
    except (TooLargeError, NoSheetError) as exc:
        click.echo(json.dumps({"error": str(exc)}))
        return
    facts = read_facts(data, sheet.name) if kind == "XLSX" else SheetFacts()
    hidden = [record for record in sheet.records if record[0] in facts.hidden_rows]
    if hidden:
        remarks = [*remarks, _hidden_text(hidden)]
    click.echo(json.dumps({"sheet": sheet.name, "of": of, "remarks": remarks}))
    for number, cells in sheet.records:
        if number not in facts.hidden_rows:
            unread = facts.unread.get(number, {})
            texts = [cell or unread.get(column, "") for column, cell in enumerate(cells)]
            click.echo(json.dumps([number, texts]))


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows, which ends a process that runs out of memory
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MAX_MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(hard, MAX_MEMORY_BYTES)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _asked(workbook: CalamineWorkbook, asked: str) -> tuple[ReadSheet, str, list[str]]:
    """Return the sheet with this name or number, hidden or not."""
    names = [sheet.name for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    by_name = {name.strip().casefold(): name for name in names}
    name = by_name.get(asked.strip().casefold())
    if name is None and asked.isdecimal() and 0 < int(asked) <= len(names):
        name = names[int(asked) - 1]
    if name is None:
        raise NoSheetError(f"There is no sheet {asked} (--sheet). The sheets are {', '.join(names)}")
    return _read(workbook, name), _place(names, name), []


def _chosen(workbook: CalamineWorkbook) -> tuple[ReadSheet, str, list[str]]:
    """Return the visible sheet that seems to hold the leads, its place, and remarks about the others.

    It is the first with two headers that are known, or else the first with rows below a header, or else
    the fullest.
    """
    sheets = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    visible = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
    read: dict[str, ReadSheet] = {}
    too_large: dict[str, TooLargeError] = {}
    for sheet in sheets:
        try:
            read[sheet.name] = _read(workbook, sheet.name)
        except TooLargeError as exc:
            too_large[sheet.name] = exc
    if not any(name in read and len(read[name].records) for name in visible) and too_large:
        raise next(iter(too_large.values()))
    candidates = [read[name] for name in visible if name in read] or [ReadSheet("", Records([]))]
    best = (
        next((sheet for sheet in candidates if _known_headers(sheet) >= _MIN_KNOWN_HEADERS), None)
        or next((sheet for sheet in candidates if len(sheet.records) > 1), None)
        or max(candidates, key=lambda sheet: len(sheet.records))
    )
    rows = {name: f"{len(sheet.records):,} rows" for name, sheet in read.items() if len(sheet.records) > 1}
    rows |= dict.fromkeys(too_large, "too large")
    remarks = [
        f'sheet "{name}"{"" if name in visible else ", which is hidden,"} is not read ({words}). To read it: '
        f'--sheet "{name}"'
        for name, words in rows.items()
        if name != best.name
    ]
    return best, _place(visible, best.name), remarks


def _place(names: list[str], name: str) -> str:
    return f" ({names.index(name) + 1} of {len(names)})" if len(names) > 1 else ""


def _known_headers(sheet: ReadSheet) -> int:
    """Return the most headers that a row of a sheet has, among the first."""
    first = islice(sheet.records, MAX_HEADER_ROW)
    return max((count_known_headers(cells) for _, cells in first), default=0)


def _hidden_text(hidden: list[Record]) -> str:
    number, cells = hidden[0]
    example = " · ".join(cell for cell in cells if cell.strip())
    which = f"row {number} is" if len(hidden) == 1 else f"{len(hidden):,} rows are"
    return (
        f"{which} hidden or filtered out in the sheet, and left out, such as row {number}: {example[:100]}. "
        "To import them, show them and save the file"
    )


def _read(workbook: CalamineWorkbook, name: str) -> ReadSheet:
    # One more row than a table may have: if this sheet is the one to import, it is refused for its rows.
    return ReadSheet(name, Records(islice(_records(workbook, name), MAX_ROWS + 1), most=MAX_ROWS + 1))


def _records(workbook: CalamineWorkbook, name: str) -> Iterator[Record]:
    sheet = workbook.get_sheet_by_name(name)
    if sheet.total_height * sheet.total_width > MAX_CELLS:
        raise TooLargeError(
            f"A sheet of the workbook reaches to row {sheet.total_height + 1:,} and column "
            f"{sheet.total_width + 1:,}. Clear what stands far from the leads, or save the sheet with the "
            "leads as CSV"
        )
    if sheet.start is None:
        return
    _, first_column = sheet.start
    left = [""] * first_column  # blank columns, which the library leaves out, as it does not with rows
    chars = 0
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        texts = left + [_text(cell) for cell in cells]
        chars += sum(map(len, texts))
        if chars > MAX_CHARS:
            raise TooLargeError(TOO_LARGE)
        if any(text.strip() for text in texts):
            yield number, texts


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
