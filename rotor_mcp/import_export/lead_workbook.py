"""Writes leads as a workbook (XLSX) with one sheet. Needs the extra `xlsx`.

A text stays a text, whatever it looks like: no formula, no link, no number. `rotor-mcp import` reads from the
workbook what Rotor stores. Rows go to a temporary file, so that memory does not grow with their number.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime, tzinfo
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from rotor_mcp.api.models import Lead
from rotor_mcp.import_export.formats.formula_guard import guard, unguard
from rotor_mcp.import_export.lead_rows import Value, lead_values, value_text

MAX_LEADS = 1_048_575
"""Rows of a sheet, without the header."""
MAX_CELL_UNITS = 32_767
"""Length of a cell's text, in units of UTF-16: most emoji count as two."""
_FIRST_DATE = date(1900, 3, 1)
"""Programs disagree about the numbers of earlier dates. These are written as text."""

_WIDTHS = {
    "id": 38,
    "name": 24,
    "email": 30,
    "tags": 30,
    "address_street1": 24,
    "assigned_to": 38,
    "notes": 60,
}
"""Field → width of its column, in digits. Others are 18 wide."""
_OTHER_WIDTH = 18

_BEYOND_16_BITS = re.compile("[\U00010000-\U0010ffff]+")
_NOT_IN_XML = re.compile("[\ufffe\uffff]")
"""Characters that XML cannot hold, and that are not read back from an escape as control characters are."""
_CONTROL = r"[\0-\x08\x0b-\x1f]"
_ESCAPE = r"_x[0-9a-fA-F]{4}"
_MISREAD = re.compile(rf"\A<r>.*</r>\Z|{_ESCAPE}(?:{_ESCAPE}_|{_CONTROL})", re.DOTALL)
"""Texts that xlsxwriter takes for XML of its own, or whose underscores it does not escape."""


class WorkbookError(Exception):
    """The leads do not fit into a workbook. The text says why, and what to do."""


def is_available() -> bool:
    """Return whether the package that writes workbooks is installed."""
    return find_spec("xlsxwriter") is not None


@contextmanager
def open_workbook(
    stream: BinaryIO, names: Sequence[str], zone: tzinfo
) -> Iterator[Callable[[Sequence[Lead]], None]]:
    """Return a function that writes leads to a workbook, which goes to `stream` when the block ends.

    If the block fails, nothing is written to `stream`.

    Raises:
        WorkbookError: if a lead does not fit.
        OSError: if a file cannot be written.
    """
    import xlsxwriter  # type: ignore[import-untyped]

    with TemporaryDirectory(prefix="rotor-mcp-") as folder:
        file = Path(folder, "leads.xlsx")
        workbook = xlsxwriter.Workbook(str(file), {"constant_memory": True, "tmpdir": folder})
        workbook.use_zip64()
        sheet = workbook.add_worksheet("Leads")
        with closing(sheet.row_data_fh):  # the file of the rows, which stays open if the block fails
            rows = _SheetRows(workbook, sheet, names, zone)
            yield rows.write
            rows.finish()
            try:
                workbook.close()
            except xlsxwriter.exceptions.FileCreateError as exc:
                raise exc.args[0] from None  # the OSError
        with file.open("rb") as written:
            shutil.copyfileobj(written, stream)


class _SheetRows:
    """The rows of a sheet: a header that stays in view, and one for each lead."""

    def __init__(self, workbook: Any, sheet: Any, names: Sequence[str], zone: tzinfo) -> None:
        self._sheet = sheet
        self._names = names
        self._zone = zone
        self._leads = 0
        self._text = workbook.add_format({"num_format": "@"})  # stays a text when a person edits it
        self._day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        self._moment = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        bold = workbook.add_format({"bold": True})
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(names):
            sheet.set_column(column, column, _WIDTHS.get(name, _OTHER_WIDTH))
            sheet.write_string(0, column, name, bold)

    def write(self, leads: Sequence[Lead]) -> None:
        """Write a row for each lead.

        Raises:
            WorkbookError: if a lead does not fit.
            OSError: if a file cannot be written.
        """
        for lead in leads:
            if self._leads == MAX_LEADS:
                raise WorkbookError(
                    f"A workbook holds at most {MAX_LEADS:,} leads. Export to CSV, or fewer leads at a time"
                )
            self._leads += 1
            values = zip(self._names, lead_values(lead, self._names, self._zone), strict=True)
            for column, (name, value) in enumerate(values):
                try:
                    self._write_cell(self._leads, column, name, value)
                except WorkbookError as exc:
                    raise WorkbookError(
                        f"{name} of lead {lead.id}: {exc}. Export to CSV, or leave this field out (--fields)"
                    ) from None

    def finish(self) -> None:
        """Add the filters of the columns, and no warning that a phone or a ZIP looks like a number."""
        self._sheet.autofilter(0, 0, max(self._leads, 1), len(self._names) - 1)
        self._sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})

    def _write_cell(self, row: int, column: int, name: str, value: Value) -> None:
        """Write a value as a date or a number if a cell holds it exactly, else as a text."""
        match value:
            case "":
                return
            case datetime() if value.date() >= _FIRST_DATE:
                self._sheet.write_datetime(row, column, value, self._moment)
            case date() if not isinstance(value, datetime) and value >= _FIRST_DATE:
                self._sheet.write_datetime(row, column, value, self._day)
            case int() | float() if float(f"{value:.16G}") == value:  # as xlsxwriter writes it
                self._sheet.write_number(row, column, value)
            case _:
                self._write_text(row, column, _cell_text(name, value))

    def _write_text(self, row: int, column: int, text: str) -> None:
        if _MISREAD.search(text):
            # In parts, of which none needs an escape. There have to be three.
            parts = [text[0], text[1], *filter(None, re.split("(?<=_)(?=x)", text[2:]))]
            self._sheet.write_rich_string(row, column, *parts, self._text)
        else:
            self._sheet.write_string(row, column, text, self._text)


def _cell_text(name: str, value: Value) -> str:
    """Return the text of a cell.

    It needs no guard against formulas. But an import removes what looks like one, so that gets another.

    Raises:
        WorkbookError: if a cell cannot hold the text.
    """
    text = value_text(value)
    if name == "notes":
        text = re.sub("\r\n?", "\n", text)  # some programs show a carriage return as _x000D_
    if unguard(text) != text:
        text = guard(text)
    units = len(text) + sum(map(len, _BEYOND_16_BITS.findall(text)))
    if units > MAX_CELL_UNITS:
        raise WorkbookError(f"{units:,} characters, and a cell of a workbook holds {MAX_CELL_UNITS:,}")
    if _NOT_IN_XML.search(text) or (_MISREAD.search(text) and re.search(_CONTROL, text)):
        raise WorkbookError("characters that a workbook cannot hold")
    return text
