"""Reads the bytes of a file of any supported format as a sheet.

The format is detected from the content, because file names are often wrong. A file that cannot be read
completely is rejected with advice on how to save it again: a damaged name in a lead is worse than no import.
"""

import re

from rotor_mcp.import_export.formats import csv_text, workbook
from rotor_mcp.import_export.formats.encoding import decode
from rotor_mcp.import_export.formats.sheet import ReadOptions, Sheet, TableError

_ZIP = b"PK\x03\x04"  # the container of XLSX and ODS
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")  # the container of XLS, and of an XLSX with a password
_JSON = re.compile(r"\s*(?:\{|\[\s*[{\]])")
_VCARD = re.compile(r"\s*BEGIN:VCARD", re.IGNORECASE)


def read_sheet(data: bytes, name: str, options: ReadOptions) -> Sheet:
    """Read CSV, a workbook (XLSX, XLS, ODS), JSON lines or a JSON list of objects.

    The extension of the file's name is used only if the content is ambiguous.

    Raises:
        TableError: if it cannot be read.
    """
    if data.startswith((_ZIP, _OLE)):
        return workbook.read_workbook(data, options.sheet)
    if options.sheet is not None:
        raise TableError("--sheet is for workbooks, and this is a text file: it has one table")
    decoded = decode(data, options.encoding)
    text, name = decoded.text, name.lower()
    if _JSON.match(text) or name.endswith((".json", ".jsonl", ".ndjson")):
        return csv_text.read_json(text)
    if text.lstrip().startswith("<"):
        raise TableError("This is a web page or XML. Open it in a spreadsheet and save it as CSV or XLSX")
    if _VCARD.match(text):
        raise TableError("These are contact cards (vCard). Export the contacts as CSV instead")
    default = "\t" if name.endswith((".tsv", ".tab")) else ","
    return csv_text.read_csv(decoded, delimiter=options.delimiter, default=default)
