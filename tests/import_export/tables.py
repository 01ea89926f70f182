"""Tables of files, as a test compares them."""

from dataclasses import replace
from typing import Any

from rotor_mcp.import_export import table
from rotor_mcp.import_export.formats.sheet import ReadOptions


def read_table(data: bytes, name: str, *, region: str = "US", **options: Any) -> table.Table:
    """Read the table in a file, with its rows as a tuple."""
    read = table.read_table(data, name, ReadOptions(**options), region=region)
    return replace(read, rows=tuple(read.rows))
