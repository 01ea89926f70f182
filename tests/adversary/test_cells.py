"""Every column of a file with every kind of text in its cells: each row is read or refused, and none takes long."""

import time
from collections.abc import Iterator, Sequence

import pytest

from rotor_mcp.api.models import LeadFields
from rotor_mcp.import_export import columns
from rotor_mcp.import_export.file_report import FileReport
from rotor_mcp.import_export.formats.sheet import ReadOptions, TableError
from rotor_mcp.import_export.lead_rows import csv_text
from rotor_mcp.import_export.row_requests import RowRequests
from rotor_mcp.import_export.table import read_table
from tests.adversary import IS_LONG
from tests.adversary.metering import ATTEMPTS, forget_forms
from tests.adversary.values import LARGE, patterns, text

HEADERS = [
    *LeadFields.model_fields,
    *("Full Name", "Mobile Phone", "Email Address", "Deal Value", "Next Follow Up", "Labels", "Comments"),
]
"""Our own, and those of other programs, whose cells are searched for what such programs add."""
MAX_SECONDS_PER_CELL = 0.01
ROWS = 5


def _read(data: bytes) -> Iterator[str]:
    """Read a file, and yield what is said where it, or a row, is refused."""
    try:
        table = read_table(data, "leads.csv", ReadOptions(), region="US")
        matched = columns.match_columns(table, {}, region="US")
    except (TableError, columns.ColumnError) as exc:
        yield str(exc)
        return
    requests, report = RowRequests(table, matched), FileReport(table, matched)
    for row in table.rows:
        made = requests.of(row)
        report.add(row.number, made)
        if made.failure:
            yield str(made.failure)
    yield from report.lines()


def seconds_to_read(rows: Sequence[Sequence[str]]) -> float:
    """CPU time that it takes to read rows into arguments, at the best of some attempts."""
    data = csv_text(rows).encode()
    best = float("inf")
    for _ in range(ATTEMPTS):
        forget_forms()
        started = time.thread_time()
        refusals = list(_read(data))
        assert max(map(len, refusals), default=0) < 2_000
        best = min(best, time.thread_time() - started)
        if best < MAX_SECONDS_PER_CELL * ROWS:
            break
    return best


@pytest.mark.parametrize("header", HEADERS)
def test_a_column(header: str) -> None:
    slow = {}
    for pattern in patterns():
        for length in (40, 300, 2_000, LARGE) if IS_LONG else (300, LARGE):
            cell = text(pattern, length).encode(errors="replace").decode()
            rows = [[f"Jane {number}", f"{number}{cell}"] for number in range(ROWS)]
            seconds = seconds_to_read([["name" if header != "name" else "Full Name", header], *rows])
            if seconds > MAX_SECONDS_PER_CELL * ROWS * max(1, length / 2_000):
                slow[f"{pattern}, {length}"] = round(seconds, 3)
    assert slow == {}


@pytest.mark.parametrize("pattern", patterns())
def test_headers(pattern: str) -> None:
    headers = [f"{number}{text(pattern, 300)}".encode(errors="replace").decode() for number in range(200)]
    assert seconds_to_read([["name", *headers], ["Jane"]]) < 0.5
