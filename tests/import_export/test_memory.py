"""The memory of `rotor-mcp import` and `export`: 100,000 rows must fit into 250 MiB, 100,000 leads into 100 MiB."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from bench.imports import LARGE_ROWS, LAUNCH, Row, company, large_row
from rotor_mcp.sandbox import FULL_KEY
from tests.cli.test_main import ENVIRONMENT
from tests.conftest import posix

MIB = 1_048_576
ROTOR_MCP = [sys.executable, "-m", "rotor_mcp"]

pytestmark = posix


def peak_bytes(folder: Path, command: list[str], **environment: str) -> int:
    """Run a command, and return the most memory that it or a process of its own took."""
    memory = folder / "memory"
    launch = [sys.executable, "-S", "-c", LAUNCH, str(memory)]
    subprocess.run([*launch, *command], env=ENVIRONMENT | environment, check=True)
    return int(memory.read_text()) * (1 if sys.platform == "darwin" else 1_024)


# A row of a file


def planning_bytes(folder: Path, rows: list[Row]) -> int:
    """Return the most memory of a dry run of an import of some rows."""
    file = folder / f"{len(rows)}.csv"
    write_csv(file, rows)
    return peak_bytes(folder, [*ROTOR_MCP, "import", str(file), "--sandbox", "--dry-run"])


@pytest.mark.parametrize(
    ("times", "few", "many", "most"),
    [(1, 2_500, 5_500, 1_600), (2, 9_000, 13_000, 1_900)],
    ids=["each person once", "each person twice"],
)
def test_a_row_takes_little_memory(times: int, few: int, many: int, most: int, tmp_path: Path) -> None:
    """The start takes 60 MiB, which leaves 1,990 bytes for each of 100,000 rows."""

    def rows(count: int) -> list[Row]:
        return [large_row(n // times) | {"notes": f"Note {n}: two dogs."} for n in range(count)]

    before, after = (planning_bytes(tmp_path, rows(count)) for count in (few, many))
    assert (after - before) / (many - few) < most


# The whole of a file

READ = """
import sys
from pathlib import Path
from rotor_mcp.import_export.formats.sheet import ReadOptions
from rotor_mcp.import_export.table import read_table
name, rows = sys.argv[1:]
table = read_table(Path(name).read_bytes(), name, ReadOptions(), region="US")
sys.exit(len(table.rows) != int(rows))
"""


def write_csv(file: Path, rows: list[Row]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def write_json(file: Path, rows: list[Row]) -> None:
    file.write_text(json.dumps(rows, ensure_ascii=False), "utf-8")


def write_json_lines(file: Path, rows: list[Row]) -> None:
    file.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), "utf-8")


def write_workbook(file: Path, rows: list[Row]) -> None:
    """Write a workbook as programs do. `xlsxwriter` would take a minute."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006/relationships"

    def related(kind: str, target: str) -> str:
        relation = f'<Relationship Id="r1" Type="{relations}/{kind}" Target="{target}"/>'
        return f'<Relationships xmlns="{packages}">{relation}</Relationships>'

    with ZipFile(file, "w", ZIP_DEFLATED) as package:
        package.writestr("_rels/.rels", related("officeDocument", "xl/workbook.xml"))
        package.writestr("xl/_rels/workbook.xml.rels", related("worksheet", "worksheets/sheet1.xml"))
        package.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>'
            '<sheet name="Leads" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        with package.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write(f'<worksheet xmlns="{main}"><sheetData>'.encode())
            for number, cells in enumerate(([*rows[0]], *(row.values() for row in rows)), start=1):
                texts = "".join(
                    f'<c r="{column}{number}" t="inlineStr"><is><t>{cell}</t></is></c>'
                    for column, cell in zip("ABCDEFGHI", cells, strict=True)
                )
                sheet.write(f'<row r="{number}">{texts}</row>'.encode())
            sheet.write(b"</sheetData></worksheet>")


@pytest.mark.parametrize(
    ("write", "most"), [(write_csv, 150), (write_json, 210), (write_json_lines, 210), (write_workbook, 140)]
)
def test_a_file_of_100_000_rows_is_read_in_little_memory(
    write: Callable[[Path, list[Row]], None], most: int, tmp_path: Path
) -> None:
    file = tmp_path / "leads"
    rows = [large_row(number) for number in range(LARGE_ROWS)]
    rows[0]["notes"] += " \N{SMILING FACE WITH SUNGLASSES}"  # each character of the text takes four bytes
    write(file, rows)
    command = [sys.executable, "-c", READ, str(file), str(LARGE_ROWS)]
    assert peak_bytes(tmp_path, command) < most * MIB


# The leads of a company

FEW_LEADS, MANY_LEADS = 4_000, 20_000
MAX_BYTES_OF_UNWANTED_LEADS = 15 * MIB
"""As parsed texts, which are freed, leave behind. Held, the leads take 20 MiB more."""
MAX_EXPORT_BYTES = 100 * MIB
"""The start takes 65 MiB, and a lead that is held at least 2 KiB."""
Companies = tuple[str, str]


@pytest.fixture(scope="module")
def companies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Companies]:
    """The addresses of a company with `FEW_LEADS` and of one with `MANY_LEADS`."""
    small, large = tmp_path_factory.mktemp("small"), tmp_path_factory.mktemp("large")
    with company(small, FEW_LEADS) as few, company(large, MANY_LEADS) as many:
        yield few, many


def peak_bytes_at(url: str, folder: Path, *arguments: str) -> int:
    """Return the most memory of a command that asks a company."""
    return peak_bytes(folder, [*ROTOR_MCP, *arguments], ROTOR_BASE_URL=url, ROTOR_API_KEY=FULL_KEY)


def test_leads_that_no_row_is_about_take_no_memory(tmp_path: Path, companies: Companies) -> None:
    file = tmp_path / "leads.csv"
    write_csv(file, [large_row(number) for number in range(20)])
    few, many = (peak_bytes_at(url, tmp_path, "import", str(file), "--dry-run") for url in companies)
    assert many - few < MAX_BYTES_OF_UNWANTED_LEADS


@pytest.mark.parametrize(
    ("form", "order"),
    [("csv", "newest"), ("jsonl", "newest"), ("xlsx", "newest"), ("csv", "follow_up"), ("csv", "name")],
)
def test_an_export_takes_no_more_memory_for_more_leads(
    form: str, order: str, tmp_path: Path, companies: Companies
) -> None:
    file = tmp_path / f"leads.{form}"
    assert peak_bytes_at(companies[1], tmp_path, "export", str(file), "--order", order) < MAX_EXPORT_BYTES
