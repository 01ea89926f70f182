"""Reads a workbook (XLSX, XLS, ODS): one of its sheets.

Cells become the text that a person would type for them. A separate process reads them: `workbook_process.py`.
"""

import io
import json
import subprocess
import sys
import zipfile
from importlib.util import find_spec

from rotor_mcp.extras import install_hint
from rotor_mcp.import_export.formats.sheet import Records, Sheet, TableError
from rotor_mcp.sanitize import one_line

MAX_UNPACKED_BYTES = 300_000_000
"""Of a workbook's parts, decompressed, by the sizes that the file declares."""
TIMEOUT_SECONDS = 120.0
"""For reading a workbook."""

DAMAGED_EXIT_STATUS = 2
"""Exit status of the process if the workbook cannot be read."""
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # the part with an encrypted XLSX
TOO_LARGE = "The workbook is too large. Save the sheet with the leads as CSV"
_TOO_MUCH_MEMORY = (
    "To read the workbook takes too much memory: a cell far from the leads may hold something. Clear it, or "
    "save the sheet with the leads as CSV"
)


def read_workbook(data: bytes, sheet: str | None = None) -> Sheet:
    """Read a sheet of a workbook: by its name or number, or else the one that seems to hold the leads.

    Raises:
        TableError: if it cannot be read, or the extra `xlsx` is not installed.
    """
    if find_spec("python_calamine") is None:
        raise TableError(f"Workbooks need another package: {install_hint('xlsx')}, or save the file as CSV")
    kind = _kind(data)
    try:
        process = subprocess.run(  # noqa: S603 - no shell reads the name of the sheet
            [
                sys.executable,
                "-m",
                "rotor_mcp.import_export.formats.workbook_process",
                kind,
                sheet or "",
            ],
            input=data,
            capture_output=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise TableError(TOO_LARGE) from None
    if process.returncode == DAMAGED_EXIT_STATUS:
        raise TableError("The workbook is damaged or of an unknown kind. Save it again as XLSX or CSV")
    if process.returncode:  # out of memory, which ends it in one of several ways
        raise TableError(_TOO_MUCH_MEMORY)
    lines = io.BytesIO(process.stdout)
    header = json.loads(lines.readline())
    if "error" in header:
        raise TableError(header["error"])
    return Sheet(
        Records(map(json.loads, lines)),
        f"{kind}, sheet {one_line(header['sheet'])}{header['of']}",
        remarks=tuple(map(one_line, header["remarks"])),
    )


def _kind(data: bytes) -> str:
    if not data.startswith(b"PK"):
        if _ENCRYPTED in data:
            raise TableError("The workbook has a password. Save a copy without one")
        return "XLS"
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            names = package.namelist()
            parts = [part for part in package.infolist() if part.filename.endswith(".xml")]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError):
        raise TableError("The file is damaged. Save it again as XLSX or CSV") from None
    if sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        raise TableError(TOO_LARGE)
    if "xl/workbook.xml" in names:
        return "XLSX"
    if "content.xml" in names:
        return "ODS"
    raise TableError(
        "This is no workbook that can be read. Save it as XLSX or CSV (in Numbers: File, Export To, CSV)"
    )
