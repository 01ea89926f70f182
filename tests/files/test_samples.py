"""The exports of other programs, each with what must come of it."""

import json
from pathlib import Path

import pytest
from inline_snapshot import external_file

from rotor_mcp.import_export.columns import match_columns
from rotor_mcp.import_export.file_report import FileReport
from rotor_mcp.import_export.formats.sheet import ReadOptions
from rotor_mcp.import_export.row_requests import RowRequests
from rotor_mcp.import_export.table import read_table

SAMPLES = sorted(
    path for path in (Path(__file__).parent / "samples").iterdir() if path.suffix in (".csv", ".xlsx")
)


def what_comes_of(file: Path) -> str:
    """Return what the import says about a file, and each row as it would be sent."""
    table = read_table(file.read_bytes(), file.name, ReadOptions(), region="US")
    columns = match_columns(table, {}, region="US")
    requests, report = RowRequests(table, columns), FileReport(table, columns)
    lines = []
    for row in table.rows:
        made = requests.of(row)
        report.add(row.number, made)
        end = f"needs attention: {made.failure}" if made.failure else "is sent"
        lines.append(
            f"Row {row.number} {end}\n{json.dumps(made.reading.arguments, ensure_ascii=False, indent=2)}"
        )
    return "\n".join([*report.lines(), "", *lines, ""])


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_a_sample(file: Path) -> None:
    assert what_comes_of(file) == external_file(f"samples/{file.stem}.txt")
