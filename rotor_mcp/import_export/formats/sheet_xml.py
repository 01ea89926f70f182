"""Reads from the XML of an XLSX what the library for its values does not tell.

These are the rows that are hidden or filtered out, cells with an error, and formulas whose result was never
stored, as programs write them that do not calculate.
"""

import io
import zipfile
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from xml.etree import ElementTree as ET

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


@dataclass(frozen=True)
class SheetFacts:
    """What a sheet holds beside the values of its cells."""

    hidden_rows: set[int] = field(default_factory=set)
    """Numbers of rows."""
    unread: dict[int, dict[int, str]] = field(default_factory=dict)
    """Row → column, from 0 → the error, such as #REF!, or the formula with "=" before it."""


def read_facts(data: bytes, sheet: str) -> SheetFacts:
    """Read the facts of a sheet; none if the file has another structure (ISO strict, for example)."""
    facts = SheetFacts()
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        part = _part_of(package, sheet)
        if part is None:
            return facts
        with package.open(part) as stream:
            row = 0
            for event, element in ET.iterparse(stream, ("start", "end")):  # noqa: S314 - this process may fail
                if event == "start" and element.tag == f"{_MAIN}row":
                    row = int(element.get("r") or row + 1)
                    if element.get("hidden") in ("1", "true"):
                        facts.hidden_rows.add(row)
                elif event == "end" and element.tag == f"{_MAIN}c":
                    if text := _unread(element):
                        facts.unread.setdefault(row, {})[_column(element.get("r") or "A")] = text
                elif event == "end" and element.tag == f"{_MAIN}row":
                    element.clear()
    return facts


def _part_of(package: zipfile.ZipFile, sheet: str) -> str | None:
    try:
        workbook = ET.fromstring(package.read("xl/workbook.xml"))  # noqa: S314 - this process may fail
        relations = ET.fromstring(package.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    except KeyError:
        return None
    targets = {relation.get("Id"): relation.get("Target") or "" for relation in relations}
    for element in workbook.iter(f"{_MAIN}sheet"):
        if element.get("name") == sheet and (target := targets.get(element.get(_RELATION))):
            path = target.removeprefix("/") if target.startswith("/") else str(PurePosixPath("xl") / target)
            return path if path in package.namelist() else None
    return None


def _unread(cell: ET.Element) -> str:
    """Return the error or the formula of a cell that has no value; blank for any other."""
    value, formula = cell.find(f"{_MAIN}v"), cell.find(f"{_MAIN}f")
    if cell.get("t") == "e":
        return (value.text if value is not None else "") or "#ERROR!"
    if formula is not None and (value is None or not value.text):
        return f"={formula.text or '…'}" if cell.get("t") != "str" or value is None else ""
    return ""


def _column(reference: str) -> int:
    """Return the number of a column, from 0, of a reference such as AB12."""
    number = 0
    for letter in reference.rstrip("0123456789"):
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
