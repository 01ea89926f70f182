"""The command `rotor-mcp import`: what it says, what it writes, what that costs, and what it leaves behind."""

import asyncio
import csv
import io
import re
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
import xlsxwriter  # type: ignore[import-untyped]
from inline_snapshot import snapshot

from rotor_mcp.api.pool import ConnectionPool
from rotor_mcp.config import Settings
from rotor_mcp.leads.batch import Batch, BatchObserver, PlannedWrite, RowOutcome
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.dedupe import RowGroup
from rotor_mcp.leads.lookup import PLAN_TTL_SECONDS, LeadIndex, LeadLoader
from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.sandbox import CREATE_ONLY_KEY, FULL_KEY, READ_ONLY_KEY, Fault, Sandbox
from rotor_mcp.state.search_cache import SearchCache
from rotor_mcp.state.tenant_state import TenantState
from rotor_mcp.tenants import Tenant
from tests.cli.test_main import ENVIRONMENT
from tests.commands import begun, ran
from tests.conftest import NOW, posix
from tests.import_export.terminals import Terminal
from tests.import_export.test_exporter import company
from tests.leads.test_search import CHICAGO, add, all_leads, outside

pytestmark = pytest.mark.anyio

JANE = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"
ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")

Environment = dict[str, str]


async def run(folder: Path, *arguments: str, stdin: str = "", **environment: str) -> tuple[int, str, str]:
    """Run `rotor-mcp import` in a folder, and return its exit status, output and errors."""
    ended = await ran(
        ["import", *arguments],
        ENVIRONMENT | {"ROTOR_MCP_TIMEZONE": "America/Chicago"} | environment,
        folder,
        stdin.encode(),
    )
    out, err = ended.stdout.decode(), ended.stderr.decode()
    for text in (out, err):
        assert environment.get("ROTOR_API_KEY", FULL_KEY) not in text
        assert "\x1b" not in text
        assert "Traceback" not in text
    return ended.returncode, out, err


def said(text: str) -> str:
    """What was said, with ids, tokens and today as placeholders."""
    ids = dict.fromkeys(ID.findall(text))
    for number, lead_id in enumerate(other for other in ids if other != JANE):
        text = text.replace(lead_id, f"<id {number}>")
    text = re.sub(r"confirm: [a-z2-7]{8}\b", "confirm: <token>", text)
    return text.replace(str(datetime.now(CHICAGO).date()), "<today>")


async def stored(sandbox: Sandbox, *fields: str, search: str = "") -> list[dict[str, Any]]:
    """Ask the sandbox itself for some fields of its leads, by name."""
    leads = [lead for lead in await all_leads(sandbox) if search in str(lead)]
    leads.sort(key=lambda lead: (lead["name"] or "", lead["phone"] or "", lead["notes"] or ""))
    return [{name: lead[name] for name in fields if lead[name]} for lead in leads]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def table(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline="")))


def write(file: Path, *rows: dict[str, str]) -> Path:
    """Write rows as CSV; all columns are those of the first."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), restval="")
    writer.writeheader()
    writer.writerows(rows)
    file.write_text(text.getvalue(), "utf-8")
    return file


def people(number: int, **fields: str) -> list[dict[str, str]]:
    return [{"name": f"Person {n}", "phone": f"(218) 555-{n:04}"} | fields for n in range(number)]


# Options where a guess is not enough


@pytest.mark.parametrize(
    ("text", "options", "said_of_it"),
    [
        pytest.param(
            b"Leads 2026,\nAnn Lee,612-555-0101\n",
            ["--no-header"],
            "Row 2, for example: name: Ann Lee · phone: 612-555-0101",
            id="no header",
        ),
        pytest.param(
            b"Name,Phone\nVorname,Tel\nAnn,612-555-0101\n",
            ["--header-row=2", "--map=Vorname=name"],
            "Row 3, for example: name: Ann · phone: 612-555-0101",
            id="header row",
        ),
        pytest.param(
            "Name,Phone\nЖора,612-555-0101\n".encode("koi8-r"),
            ["--encoding=koi8-r"],
            "Row 2, for example: name: Жора · phone: 612-555-0101",
            id="encoding",
        ),
        pytest.param(
            b"Name~Phone\nLee, Ann~612-555-0101\n",
            ["--delimiter=~"],
            "Row 2, for example: name: Ann Lee · phone: 612-555-0101",
            id="delimiter",
        ),
        pytest.param(
            b"Name,Phone,Follow up\nAnn,612-555-0101,1/2/2027\n",
            ["--dates=dmy"],
            "Row 2, for example: name: Ann · phone: 612-555-0101 · follow_up_date: 2027-02-01",
            id="dates",
        ),
        pytest.param(
            b"Name,Phone,Email\nAnn,612-555-0101,ann at home\n",
            ["--skip-invalid-values"],
            "Row 2, for example: name: Ann · phone: 612-555-0101",
            id="invalid values",
        ),
        pytest.param(
            b"Name,City\nAnn,Delano\n",
            ["--yes-without-contacts"],
            "Row 2, for example: name: Ann · address_city: Delano",
            id="no contacts",
        ),
    ],
)
async def test_what_the_person_says_of_a_file(
    tmp_path: Path, text: bytes, options: list[str], said_of_it: str
) -> None:
    (tmp_path / "leads.csv").write_bytes(text)
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        before = len(await all_leads(sandbox))
        status, out, _ = await run(tmp_path, "leads.csv", "--dry-run", **environment)
        assert (status, said_of_it in out) != (0, True)
        status, out, err = await run(tmp_path, "leads.csv", "--yes", *options, **environment)
        assert len(await all_leads(sandbox)) == before + 1
    assert said_of_it in out.splitlines()
    assert (status, err) == (0, "")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (
            ["--no-header", "--header-row=2"],
            "--no-header says that no row names the columns, --header-row which one does",
        ),
        (["--delimiter=;;"], "--delimiter ;;: must be one character, such as ; or tab"),
        (
            ["--encoding=utf8mb4"],
            "There is no encoding utf8mb4. Usual ones are utf-8, cp1252 (Windows), mac-roman and utf-16",
        ),
        (["--sheet=Leads"], "--sheet is for workbooks, and this is a text file: it has one table"),
    ],
)
async def test_what_cannot_be_said_of_a_file(tmp_path: Path, options: list[str], error: str) -> None:
    (tmp_path / "leads.csv").write_text("Name,Phone\nAnn,612-555-0101\n")
    status, out, err = await run(tmp_path, "leads.csv", "--sandbox", *options)
    assert (status in (1, 2), out, err.splitlines()[-1]) == (True, "", f"Error: {error}")


async def test_a_file_may_take_longer_to_read_than_a_request(tmp_path: Path) -> None:
    file = write(tmp_path / "leads.csv", *people(1))
    async with company(3, now=lambda: NOW) as (_, environment):
        await run(tmp_path, "leads.csv", "--yes", **environment)
        write(file, *people(4_000, notes="ring twice, " * 50))
        status, out, err = await run(tmp_path, "leads.csv", "--dry-run", "--timeout=0.5", **environment)
    assert (status, err, out.splitlines()[-2]) == (
        0,
        "",
        snapshot("2 requests spent. To write this takes 4,000 more."),
    )


async def test_nobody_who_could_be_contacted(tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text("Name,Wen fragen\nAnn,612\nBob,613\n")
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        status, out, err = await run(tmp_path, "leads.csv", "--yes", **environment)
        assert sandbox.requests == []
    assert (status, out, err, files(tmp_path)) == snapshot(
        (
            1,
            """\
CSV, UTF-8, separated by commas; 2 rows.
  Name → name
  Wen fragen: left out, such as "612" (2 rows)
Row 2, for example: name: Ann
Row 3, for example: name: Bob
Nothing was looked up or written: no row has a phone or an e-mail, so nobody could be contacted or found again. Say which column holds them, such as --map 'Wen fragen=phone', or say --yes-without-contacts.
""",
            "",
            ["leads.csv"],
        )
    )
    # Whoever says which column is the name has looked at the columns.
    status, out, _ = await run(tmp_path, "leads.csv", "--sandbox", "--map=Name=name", "--dry-run")
    assert (status, "2 created" in out) == (0, True)


async def test_a_row_is_written_without_its_invalid_values(tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text(
        "Name,Phone,Email,Value,Follow up\n"
        "Ann,612-555-0101,ann at home,$300-500,31/31/2026\n"
        "Bob,000-000-0000,bob@example.com,,\n"
        ",ask his wife,,,\n"
    )
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        before = {lead["id"] for lead in await all_leads(sandbox)}
        status, out, _ = await run(tmp_path, "leads.csv", "--yes", "--skip-invalid-values", **environment)
        new = [lead for lead in await all_leads(sandbox) if lead["id"] not in before]
    assert {(lead["name"], lead["phone"], lead["email"]) for lead in new} == {
        ("Ann", "612-555-0101", None),
        ("Bob", None, "bob@example.com"),
    }
    assert (status, said(out)) == snapshot(
        (
            1,
            """\
CSV, UTF-8, separated by commas; 3 rows.
  Name → name
  Phone → phone
  Email → email
  Value → projected_value
  Follow up → follow_up_date
Left out:
  row 2, Email: "ann at home": not an e-mail address such as name@example.com
  row 2, Value: "$300-500": not one amount such as 1200.50; a range has to be decided
  row 2, Follow up: "31/31/2026": not a date such as 2026-12-01, nor a date-time such as 2026-12-01T09:30
  row 3, Phone: "000-000-0000": no phone number that could exist; correct it or leave it blank
Row 2, for example: name: Ann · phone: 612-555-0101
Row 3, for example: name: Bob · email: bob@example.com
Plan for 3 rows: 2 created, 1 invalid.
Rows that need attention:
  row 4, invalid: Phone "ask his wife": no phone number that could exist; correct it or leave it blank
Worth knowing:
  rows 2-3: a new lead can make the company's automations text or e-mail the person
3 requests spent. To write this takes 2 more.
3 rows: 2 created, 1 invalid. 5 requests spent.
Worth knowing:
  rows 2-3: Rotor gave it the stage New Leads
leads.attention.csv holds the rows that need attention: correct them there, and import that file.
""",
        )
    )


# What a file is taken for

GERMAN = (
    "Name;Telefon;E-Mail;Address;ZIP;City;Value;Follow up date;Notizen\n"
    "Jörg Müller;+49 89 1234567;joerg@example.com;Hauptstraße 5;80331;München;1.250,50 €;03.12.2026;"
    '"Klingel ""Müller"";\nHund"\n'
    "Zoë Groß;+49 89 7654321;;Am Wall 7;01067;Dresden;99,9;24.12.2026;n/a\n"
)


async def test_a_german_file(tmp_path: Path) -> None:
    (tmp_path / "kunden.csv").write_bytes(GERMAN.encode("cp1252"))
    columns = ["--map", "Telefon=phone", "--map", "notizen=notes"]
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        status, out, err = await run(
            tmp_path, "kunden.csv", "--yes", *columns, "--phone-region=DE", **environment
        )
        assert (status, err) == (0, "")
        assert said(out) == snapshot("""\
CSV, Windows-1252, separated by semicolons; 2 rows.
  Name → name
  Telefon → phone
  E-Mail → email
  Address → address_street1
  ZIP → address_zip
  City → address_city
  Value → projected_value, a comma read as the decimal point
  Follow up date → follow_up_date, 03.12.2026 read as day/month/year
  Notizen → notes
Read as blank:
  Notizen: "n/a" (row 3)
Row 2, for example: name: Jörg Müller · phone: +49 89 1234567 · email: joerg@example.com · projected_value: 1250.50 · follow_up_date: 2026-12-03 · address_street1: Hauptstraße 5 · address_city: München · address_zip: 80331 · notes: Klingel "Müller"; Hund
Row 3, for example: name: Zoë Groß · phone: +49 89 7654321 · projected_value: 99.9 · follow_up_date: 2026-12-24 · address_street1: Am Wall 7 · address_city: Dresden · address_zip: 01067
Plan for 2 rows: 2 created.
Worth knowing:
  rows 2-3: a new lead can make the company's automations text or e-mail the person
2 requests spent. To write this takes 2 more.
2 rows: 2 created. 4 requests spent.
Worth knowing:
  rows 2-3: Rotor gave it the stage New Leads
""")
        names = (
            "name",
            "phone",
            "property_street1",
            "property_zip",
            "projected_value",
            "follow_up_date",
            "notes",
        )
        assert await stored(sandbox, *names, search="+49") == snapshot(
            [
                {
                    "name": "Jörg Müller",
                    "phone": "+49 89 1234567",
                    "property_street1": "Hauptstraße 5",
                    "property_zip": "80331",
                    "projected_value": 1250.5,
                    "follow_up_date": "2026-12-03T18:00:00Z",
                    "notes": """\
Klingel "Müller";
Hund\
""",
                },
                {
                    "name": "Zoë Groß",
                    "phone": "+49 89 7654321",
                    "property_street1": "Am Wall 7",
                    "property_zip": "01067",
                    "projected_value": 99.9,
                    "follow_up_date": "2026-12-24T18:00:00Z",
                },
            ]
        )
    assert files(tmp_path) == ["kunden.csv", "kunden.csv.rotor-import"]


AMERICAN = (
    "\ufeffFirst Name,Last Name,Mobile Phone,Email,Street,City,State,Zip,Value,Follow-up,Lead Source,Labels\r\n"
    'Dana,Whitfield,(612) 555-0142,,"214 Oak Street, Unit 5",Delano,MN,55328,"$1,200.50",12/3/2026,Home show,"VIP, North"\r\n'
    "Bob,Doe,763-555-0100,bob@example.com,,,,,,,,\r\n"
    "Jane,,,jane.doe@example.com,,,,,$450,12/24/2026 3:30 PM,,\r\n"
    "Sam,,n/a,sam at example dot com,,,,,,,,\r\n"
    "\r\n"
    "Eve,Roe,,eve@example.com,,,,,a lot,,,\r\n"
)


@posix
async def test_an_american_file_first_only_shown_then_written_then_once_more(tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_bytes(AMERICAN.encode())
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        before = await all_leads(sandbox)
        del sandbox.requests[:]
        status, shown, err = await run(tmp_path, "leads.csv", **environment)
        assert (status, err) == (1, "")
        assert said(shown) == snapshot("""\
CSV, UTF-8, separated by commas; 5 rows.
  First Name → name (with Last Name)
  Last Name → name (with First Name)
  Mobile Phone → phone
  Email → email
  Street → address_street1
  City → address_city
  State → address_state
  Zip → address_zip
  Value → projected_value
  Follow-up → follow_up_date, 12/3/2026 read as month/day/year
  Lead Source → source
  Labels → tags
Read as blank:
  Mobile Phone: "n/a" (row 5)
Row 2, for example: name: Dana Whitfield · phone: (612) 555-0142 · projected_value: 1200.50 · follow_up_date: 2026-12-03 · source: Home show · tags: VIP, North · address_street1: 214 Oak Street, Unit 5 · address_city: Delano · address_state: MN · address_zip: 55328
Row 3, for example: name: Bob Doe · phone: 763-555-0100 · email: bob@example.com
Row 4, for example: name: Jane · email: jane.doe@example.com · projected_value: 450 · follow_up_date: 2026-12-24T15:30:00
Plan for 5 rows: 1 created, 1 updated, 1 needs_confirmation, 2 invalid.
Changes:
  row 4, Jane Doe (matched by email): projected_value: $299 → $450; follow_up_date: none → 2026-12-24 15:30 (America/Chicago)
Rows that need attention:
  row 3, needs_confirmation: this phone belongs to Jane Doe, whose name and email would be replaced. The plan for Jane Doe (matched by phone): name: Jane Doe → Bob Doe; email: jane.doe@example.com → bob@example.com; unchanged: phone. To approve it, confirm: <token>
  row 5, invalid: Email "sam at example dot com": not an e-mail address such as name@example.com
  row 7, invalid: Value "a lot": not one amount such as 1200.50; a range has to be decided
Worth knowing:
  row 2: a new lead can make the company's automations text or e-mail the person
  row 4: a follow-up date can make the company's automations text or e-mail the person
1 request spent. To write this takes 2 more.
Nothing was written. To write it: the same command with --yes.
""")
        assert await run(tmp_path, "leads.csv", "--dry-run", **environment) == (1, shown, "")
        assert sandbox.requests == ["GET /leads"] * 2
        assert await all_leads(sandbox) == before
        assert files(tmp_path) == ["leads.csv"]

        status, out, err = await run(tmp_path, "leads.csv", "--yes", **environment)
        assert (status, err) == (1, "")
        assert said(out) == snapshot("""\
CSV, UTF-8, separated by commas; 5 rows.
  First Name → name (with Last Name)
  Last Name → name (with First Name)
  Mobile Phone → phone
  Email → email
  Street → address_street1
  City → address_city
  State → address_state
  Zip → address_zip
  Value → projected_value
  Follow-up → follow_up_date, 12/3/2026 read as month/day/year
  Lead Source → source
  Labels → tags
Read as blank:
  Mobile Phone: "n/a" (row 5)
Row 2, for example: name: Dana Whitfield · phone: (612) 555-0142 · projected_value: 1200.50 · follow_up_date: 2026-12-03 · source: Home show · tags: VIP, North · address_street1: 214 Oak Street, Unit 5 · address_city: Delano · address_state: MN · address_zip: 55328
Row 3, for example: name: Bob Doe · phone: 763-555-0100 · email: bob@example.com
Row 4, for example: name: Jane · email: jane.doe@example.com · projected_value: 450 · follow_up_date: 2026-12-24T15:30:00
Plan for 5 rows: 1 created, 1 updated, 1 needs_confirmation, 2 invalid.
Changes:
  row 4, Jane Doe (matched by email): projected_value: $299 → $450; follow_up_date: none → 2026-12-24 15:30 (America/Chicago)
Rows that need attention:
  row 3, needs_confirmation: this phone belongs to Jane Doe, whose name and email would be replaced. The plan for Jane Doe (matched by phone): name: Jane Doe → Bob Doe; email: jane.doe@example.com → bob@example.com; unchanged: phone. To approve it, confirm: <token>
  row 5, invalid: Email "sam at example dot com": not an e-mail address such as name@example.com
  row 7, invalid: Value "a lot": not one amount such as 1200.50; a range has to be decided
Worth knowing:
  row 2: a new lead can make the company's automations text or e-mail the person
  row 4: a follow-up date can make the company's automations text or e-mail the person
2 requests spent. To write this takes 2 more.
5 rows: 1 created, 1 updated, 1 needs_confirmation, 2 invalid. 5 requests spent.
Rows that need attention:
  row 3, needs_confirmation: this phone belongs to Jane Doe, whose name and email would be replaced. The plan for Jane Doe (matched by phone): name: Jane Doe → Bob Doe; email: jane.doe@example.com → bob@example.com; unchanged: phone. To approve it, confirm: <token>
Worth knowing:
  row 2: Rotor gave it the stage New Leads
leads.attention.csv holds the rows that need attention: correct them there, and import that file.
""")
        assert files(tmp_path) == snapshot(["leads.attention.csv", "leads.csv", "leads.csv.rotor-import"])
        assert stat.S_IMODE((tmp_path / "leads.attention.csv").stat().st_mode) == 0o600
        assert said((tmp_path / "leads.attention.csv").read_text("utf-8")) == snapshot("""\
\ufeffrow,name,phone,email,projected_value,confirm,reason
3,Bob Doe,763-555-0100,bob@example.com,,,"this phone belongs to Jane Doe, whose name and email would be replaced. The plan for Jane Doe (matched by phone): name: Jane Doe → Bob Doe; email: jane.doe@example.com → bob@example.com; unchanged: phone. To approve it, confirm: <token>"
5,Sam,,sam at example dot com,,,"Email ""sam at example dot com"": not an e-mail address such as name@example.com"
7,Eve Roe,,eve@example.com,a lot,,"Value ""a lot"": not one amount such as 1200.50; a range has to be decided"
""")

        del sandbox.requests[:]
        status, out, err = await run(tmp_path, "leads.csv", "--yes", **environment)
        assert (status, err) == (1, "")
        assert said(out) == snapshot("""\
CSV, UTF-8, separated by commas; 5 rows.
  First Name → name (with Last Name)
  Last Name → name (with First Name)
  Mobile Phone → phone
  Email → email
  Street → address_street1
  City → address_city
  State → address_state
  Zip → address_zip
  Value → projected_value
  Follow-up → follow_up_date, 12/3/2026 read as month/day/year
  Lead Source → source
  Labels → tags
Read as blank:
  Mobile Phone: "n/a" (row 5)
Row 2, for example: name: Dana Whitfield · phone: (612) 555-0142 · projected_value: 1200.50 · follow_up_date: 2026-12-03 · source: Home show · tags: VIP, North · address_street1: 214 Oak Street, Unit 5 · address_city: Delano · address_state: MN · address_zip: 55328
Row 3, for example: name: Bob Doe · phone: 763-555-0100 · email: bob@example.com
Row 4, for example: name: Jane · email: jane.doe@example.com · projected_value: 450 · follow_up_date: 2026-12-24T15:30:00
Done in an earlier run: 2 rows.
Plan for 3 rows: 1 needs_confirmation, 2 invalid.
Rows that need attention:
  row 3, needs_confirmation: this phone belongs to Jane Doe, whose name and email would be replaced. The plan for Jane Doe (matched by phone): name: Jane Doe → Bob Doe; email: jane.doe@example.com → bob@example.com; unchanged: phone. To approve it, confirm: <token>
  row 5, invalid: Email "sam at example dot com": not an e-mail address such as name@example.com
  row 7, invalid: Value "a lot": not one amount such as 1200.50; a range has to be decided
3 requests spent. There is nothing to write.
3 rows: 1 needs_confirmation, 2 invalid. 3 requests spent.
leads.attention.csv holds the rows that need attention: correct them there, and import that file.
""")
        assert [request for request in sandbox.requests if "POST" in request] == []


async def test_a_corrected_file_and_a_plan_that_is_approved(tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_bytes(AMERICAN.encode())
    file = tmp_path / "leads.attention.csv"
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        await run(tmp_path, "leads.csv", "--yes", **environment)
        rows = table(file)
        bob, sam, eve = rows
        sam["email"], eve["projected_value"] = "sam@example.com", "900"
        write(file, *rows)
        status, out, err = await run(tmp_path, file.name, "--yes", **environment)
        assert (status, err) == (1, "")
        assert said(out) == snapshot("""\
CSV, UTF-8, separated by commas; 3 rows.
  row: left out, not writable
  name → name
  phone → phone
  email → email
  projected_value → projected_value
  confirm → confirm
  reason: left out, not writable
Row 2, for example: name: Bob Doe · phone: 763-555-0100 · email: bob@example.com
Row 3, for example: name: Sam · email: sam@example.com
Row 4, for example: name: Eve Roe · email: eve@example.com · projected_value: 900
Plan for 3 rows: 2 created, 1 needs_confirmation.
Rows that need attention:
  row 2, needs_confirmation: this phone belongs to Jane Doe, whose name and email would be replaced. The plan for Jane Doe (matched by phone): name: Jane Doe → Bob Doe; email: jane.doe@example.com → bob@example.com; unchanged: phone. To approve it, confirm: <token>
Worth knowing:
  rows 3-4: a new lead can make the company's automations text or e-mail the person
2 requests spent. To write this takes 2 more.
3 rows: 2 created, 1 needs_confirmation. 4 requests spent.
Worth knowing:
  rows 3-4: Rotor gave it the stage New Leads
leads.attention.attention.csv holds the rows that need attention: correct them there, and import that file.
""")
        bob["confirm"] = bob["reason"].rpartition(" ")[2]
        write(file, bob)
        status, out, err = await run(tmp_path, file.name, "--yes", **environment)
        assert (status, err) == (0, "")
        assert said(out) == snapshot("""\
CSV, UTF-8, separated by commas; 1 row.
  row: left out, not writable
  name → name
  phone → phone
  email → email
  projected_value → projected_value
  confirm → confirm
  reason: left out, not writable
Row 2, for example: name: Bob Doe · phone: 763-555-0100 · email: bob@example.com · confirm: <token>
Plan for 1 row: 1 updated.
Changes:
  row 2, Jane Doe (matched by phone): name: Jane Doe → Bob Doe; email: jane.doe@example.com → bob@example.com
3 requests spent. To write this takes 1 more.
1 row: 1 updated. 4 requests spent.
Changes:
  row 2, Bob Doe (matched by phone): name: Jane Doe → Bob Doe; email: jane.doe@example.com → bob@example.com
""")
        assert await stored(sandbox, "name", "phone", "email", "projected_value") == snapshot(
            [
                {
                    "name": "Bob Doe",
                    "phone": "(763) 555-0100",
                    "email": "bob@example.com",
                    "projected_value": 450,
                },
                {"name": "Dana Whitfield", "phone": "(612) 555-0142", "projected_value": 1200.5},
                {"name": "Eve Roe", "email": "eve@example.com", "projected_value": 900},
                {"name": "Luis Alvarez", "phone": "(612) 555-0117"},
                {"name": "Maria Alvarez", "phone": "(612) 555-0117", "email": "maria.alvarez@example.org"},
                {"name": "Sam", "email": "sam@example.com"},
            ]
        )


async def test_a_token_approves_no_other_plan(tmp_path: Path) -> None:
    file = write(tmp_path / "leads.csv", {"name": "Bob Doe", "phone": "763-555-0100", "confirm": "abcdefgh"})
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        before = await all_leads(sandbox)
        status, out, _ = await run(tmp_path, file.name, "--yes", **environment)
        assert (status, await all_leads(sandbox)) == (1, before)
    assert said(out) == snapshot("""\
CSV, UTF-8, separated by commas; 1 row.
  name → name
  phone → phone
  confirm → confirm
Row 2, for example: name: Bob Doe · phone: 763-555-0100 · confirm: <token>
Plan for 1 row: 1 needs_confirmation.
Rows that need attention:
  row 2, needs_confirmation: this phone belongs to Jane Doe, whose name would be replaced. The plan for Jane Doe (matched by phone): name: Jane Doe → Bob Doe; unchanged: phone. To approve it, confirm: <token>
2 requests spent. There is nothing to write.
1 row: 1 needs_confirmation. 2 requests spent.
Rows that need attention:
  row 2, needs_confirmation: the confirm token does not fit: this is not the plan that was shown; this phone belongs to Jane Doe, whose name would be replaced. The plan for Jane Doe (matched by phone): name: Jane Doe → Bob Doe; unchanged: phone. To approve it, confirm: <token>
leads.attention.csv holds the rows that need attention: correct them there, and import that file.
""")


async def test_a_workbook(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "leads.xlsx") as book:
        sheet = book.add_worksheet("Leads")
        sheet.write_row(0, 0, ["Name", "Phone", "Value", "Follow up", "Tags"])
        sheet.write_row(1, 0, ["Dana Whitfield", 6125550142, 1200.5])
        sheet.write_datetime(1, 3, datetime(2026, 12, 3), book.add_format({"num_format": "m/d/yy"}))  # noqa: DTZ001
        sheet.write_row(2, 0, ["Jane Doe", 7635550100, "", "", "VIP"])
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        status, out, err = await run(tmp_path, "leads.xlsx", "--yes", **environment)
        assert (status, err) == (0, "")
        assert said(out) == snapshot("""\
XLSX, sheet Leads; 2 rows.
  Name → name
  Phone → phone
  Value → projected_value
  Follow up → follow_up_date
  Tags → tags
Row 2, for example: name: Dana Whitfield · phone: 6125550142 · projected_value: 1200.5 · follow_up_date: 2026-12-03
Row 3, for example: name: Jane Doe · phone: 7635550100 · tags: VIP
Plan for 2 rows: 1 created, 1 updated.
Changes:
  row 3, Jane Doe (matched by phone): tags: + VIP
Worth knowing:
  row 2: a new lead can make the company's automations text or e-mail the person
  row 3: a new tag can make the company's automations text or e-mail the person
3 requests spent. To write this takes 2 more.
2 rows: 1 created, 1 updated. 5 requests spent.
Worth knowing:
  row 2: Rotor gave it the stage New Leads
""")
        names = ("name", "phone", "projected_value", "follow_up_date", "tags")
        assert await stored(sandbox, *names) == snapshot(
            [
                {
                    "name": "Dana Whitfield",
                    "phone": "6125550142",
                    "projected_value": 1200.5,
                    "follow_up_date": "2026-12-03T18:00:00Z",
                },
                {
                    "name": "Jane Doe",
                    "phone": "(763) 555-0100",
                    "projected_value": 299,
                    "tags": ["Website", "VIP"],
                },
                {
                    "name": "Luis Alvarez",
                    "phone": "(612) 555-0117",
                    "follow_up_date": "2026-11-22T17:00:00Z",
                    "tags": ["exact-quote"],
                },
                {
                    "name": "Maria Alvarez",
                    "phone": "(612) 555-0117",
                    "follow_up_date": "2026-11-16T17:00:00Z",
                },
            ]
        )


LINES = (
    '{"name": "Dana Whitfield", "phone": "(612) 555-0142", "tags": ["in, out"], "projected_value": 1200.5}\n'
    f'{{"id": "{JANE}", "stage": "Won", "notes": "Paid.\\nAgain next year."}}\n'
)


async def test_json_lines_from_standard_input(tmp_path: Path) -> None:
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        status, out, err = await run(tmp_path, "-", "--yes", stdin=LINES, **environment)
        assert (status, err) == (0, "")
        assert said(out) == snapshot("""\
JSON lines; 2 rows.
  name → name
  phone → phone
  tags → tags
  projected_value → projected_value
  id → id
  stage → stage
  notes → notes
Row 1, for example: name: Dana Whitfield · phone: (612) 555-0142 · projected_value: 1200.5 · tags: in, out
Row 2, for example: stage: Won · notes: Paid. Again next year. · id: 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
Plan for 2 rows: 1 created, 1 updated.
Changes:
  row 2, Jane Doe: stage: New Leads → Won; notes: + <today>: Paid. Again next year.
Worth knowing:
  row 1: a new lead can make the company's automations text or e-mail the person
  row 2: a new stage can make the company's automations text or e-mail the person
  row 2: no lead read lately has the stage Won. In use: New Leads, Contacted, Quoted
4 requests spent. To write this takes 2 more.
2 rows: 1 created, 1 updated. 6 requests spent.
Worth knowing:
  row 1: Rotor gave it the stage New Leads
""")
        (journal,) = files(tmp_path)
        assert re.fullmatch(r"standard-input-[0-9a-f]{8}\.rotor-import", journal)
        status, out, _ = await run(tmp_path, "-", "--yes", stdin=LINES, **environment)
        assert (status, out.splitlines()[-3:]) == snapshot(
            (
                0,
                [
                    "Done in an earlier run: 2 rows.",
                    "Plan for 0 rows: nothing to do.",
                    "1 request spent. There is nothing to write.",
                ],
            )
        )
        assert sum("POST" in request for request in sandbox.requests) == 2
        await run(tmp_path, "-", "--yes", stdin=LINES * 2, **environment)
    assert len(files(tmp_path)) == 2


async def test_a_sandbox_in_memory_needs_no_journal(tmp_path: Path) -> None:
    write(tmp_path / "leads.csv", *people(2))
    for _ in range(2):
        status, out, _ = await run(tmp_path, "leads.csv", "--yes", "--sandbox")
        assert (status, out.splitlines()[-3]) == (0, "2 rows: 2 created. 4 requests spent.")
    assert files(tmp_path) == ["leads.csv"]
    for ended in ("2 created", "2 rows."):
        _, out, _ = await run(tmp_path, "leads.csv", "--yes", "--sandbox=rotor.db")
        assert ended in out
    assert "leads.csv.rotor-import" in files(tmp_path)


# Columns, and what is given for all rows


async def test_columns_are_mapped_and_left_out(tmp_path: Path) -> None:
    rows = [
        {
            "Who": "Ann Roe",
            "Cell": "612-555-0142",
            "Email": "x@example.com",
            "a=b": "Two dogs.",
            "Rank": "high",
        }
    ]
    write(tmp_path / "leads.csv", *rows)
    given = ["Who=name", "cell=phone", "Email=", "a=b=notes", "Rank=-"]
    flags = [part for text in given for part in ("--map", text)]
    async with company(3, now=lambda: NOW) as (_, environment):
        status, out, err = await run(tmp_path, "leads.csv", *flags, **environment)
    assert (status, err) == (0, "")
    assert out.splitlines()[:8] == snapshot(
        [
            "CSV, UTF-8, separated by commas; 1 row.",
            "  Who → name",
            "  Cell → phone",
            "  Email: left out, as asked",
            "  a=b → notes",
            "  Rank: left out, as asked",
            "Row 2, for example: name: Ann Roe · phone: 612-555-0142 · notes: Two dogs.",
            "Plan for 1 row: 1 created.",
        ]
    )


@pytest.mark.parametrize("given", ["Cel=phone", "Nothing=name", "Cell=telefone", "Cell"])
async def test_a_map_that_says_nothing(tmp_path: Path, given: str) -> None:
    write(tmp_path / "leads.csv", {"Who": "Ann Roe", "Cell": "612-555-0142"})
    status, out, err = await run(tmp_path, "leads.csv", "--sandbox", "--map", given)
    assert (status, out, err.splitlines()[-1]) == BAD_MAP[given]


BAD_MAP: dict[str, Any] = snapshot(
    {
        "Cel=phone": (1, "", "Error: There is no column Cel: did you mean Cell?"),
        "Nothing=name": (1, "", "Error: There is no column Nothing: there are Who, Cell"),
        "Cell=telefone": (
            1,
            "",
            "Error: There is no field telefone: there are name, phone, email, stage, priority, projected_value, follow_up_date, service_type, source, tags, address_street1, address_street2, address_city, address_state, address_zip, address_country, notes, id, confirm, name_prefix, first_name, middle_name, last_name, name_suffix, company",
        ),
        "Cell": (2, "", "Error: --map Cell: must be COLUMN=FIELD"),
    }
)


async def test_what_is_given_for_all_rows(tmp_path: Path) -> None:
    rows = people(2, stage="") + people(1, stage="Quoted")
    rows[2] |= {"phone": "(218) 555-0002"}
    write(tmp_path / "leads.csv", *rows)
    flags = ["--stage=Contacted", "--source=Door-to-door", "--tags=Spring 2027, VIP"]
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        status, out, _ = await run(tmp_path, "leads.csv", "--yes", *flags, **environment)
        assert status == 0, out
        assert await stored(sandbox, "name", "stage", "lead_source", "tags", search="Person") == snapshot(
            [
                {
                    "name": "Person 0",
                    "stage": "Contacted",
                    "lead_source": "Door-to-door",
                    "tags": ["Spring 2027", "VIP"],
                },
                {
                    "name": "Person 0",
                    "stage": "Quoted",
                    "lead_source": "Door-to-door",
                    "tags": ["Spring 2027", "VIP"],
                },
                {
                    "name": "Person 1",
                    "stage": "Contacted",
                    "lead_source": "Door-to-door",
                    "tags": ["Spring 2027", "VIP"],
                },
            ]
        )
        # Other tags are another wish: the rows are not done.
        _, out, _ = await run(tmp_path, "leads.csv", "--yes", "--tags=Fall 2027", **environment)
        assert re.findall(r"^\d+ rows.*", out, re.MULTILINE) == snapshot(
            ["3 rows: 3 updated. 5 requests spent."]
        )


async def test_notes_for_all_rows_that_a_row_has_are_not_added_again(tmp_path: Path) -> None:
    write(
        tmp_path / "leads.csv",
        {"name": "Max Lee", "phone": "612-555-0191", "notes": "Two dogs.\nMet at the fair."},
        {"name": "Kim Vang", "phone": "612-555-0192", "notes": "Gate code 4711."},
    )
    async with company(0, now=lambda: NOW) as (sandbox, environment):
        status, _, _ = await run(tmp_path, "leads.csv", "--yes", "--notes=met at the fair.", **environment)
        assert (status, await stored(sandbox, "name", "notes")) == (
            0,
            [
                {"name": "Kim Vang", "notes": "Gate code 4711.\nmet at the fair."},
                {"name": "Max Lee", "notes": "Two dogs.\nMet at the fair."},
            ],
        )


async def test_fields_for_all_rows_fill_blanks_and_replace_in_rows_with_an_id(tmp_path: Path) -> None:
    """Jane is found by her phone, Luis is given by his id, and Kim is new."""
    luis = "8abf6178-2454-40ed-8d6a-31adc092525d"
    rows = f"id,phone,name\n,763-555-0100,\n{luis},,\n,651-555-0188,Kim Ode\n"
    (tmp_path / "leads.csv").write_text(rows, "utf-8")
    flags = [
        "--priority=high",
        "--projected-value=$75",
        "--follow-up-date=2026-12-01",
        "--address-city=Hudson",
        "--notes=Met at the fair.",
    ]
    fields = ("name", "priority", "projected_value", "follow_up_date", "property_city", "notes")
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        status, out, _ = await run(tmp_path, "leads.csv", "--yes", *flags, **environment)
        assert status == 0, out
        leads = {lead["name"]: lead for lead in await stored(sandbox, *fields)}
    written = [leads[name] for name in ("Jane Doe", "Luis Alvarez", "Kim Ode")]
    for lead in written:
        lead["notes"] = re.sub(r"^\d{4}-\d{2}-\d{2}: ", "<today>: ", lead["notes"], flags=re.MULTILINE)
    assert written == snapshot(
        [
            {
                "name": "Jane Doe",
                "priority": "medium",
                "projected_value": 299,
                "follow_up_date": "2026-12-01T18:00:00Z",
                "property_city": "Delano",
                "notes": """\
Two-story house, 24 windows.
Wants inside and outside before Thanksgiving.
<today>: Met at the fair.\
""",
            },
            {
                "name": "Luis Alvarez",
                "priority": "high",
                "projected_value": 75,
                "follow_up_date": "2026-12-01T17:00:00Z",
                "property_city": "Hudson",
                "notes": "<today>: Met at the fair.",
            },
            {
                "name": "Kim Ode",
                "priority": "high",
                "projected_value": 75,
                "follow_up_date": "2026-12-01T18:00:00Z",
                "property_city": "Hudson",
                "notes": "Met at the fair.",
            },
        ]
    )


# Rows that have to do with each other


async def test_a_file_holds_whole_ids(tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text(f"id,stage\n{JANE},Won\n{JANE[:8]},Lost\n", "utf-8")
    async with company(150, now=lambda: NOW) as (sandbox, environment):
        status, out, _ = await run(tmp_path, "leads.csv", "--yes", **environment)
        assert status == 1
        assert "2 rows: 1 updated, 1 invalid." in out
        assert 'id "182bd5e5": a file must hold whole ids, and this one is short' in out
        assert [lead["stage"] for lead in await all_leads(sandbox) if lead["id"] == JANE] == ["Won"]


async def test_rows_of_one_person_and_rows_that_clash(tmp_path: Path) -> None:
    write(
        tmp_path / "leads.csv",
        {"name": "Dana Whitfield", "phone": "(612) 555-0142", "email": "", "notes": "Two dogs.", "stage": ""},
        {"name": "Dana", "phone": "6125550142", "email": "dana@example.com", "notes": "Gate code 4711."},
        {"name": "Ann Roe", "phone": "612-555-0199", "stage": "Quoted"},
        {"name": "Amy Roe", "phone": "612-555-0199"},
        # Both are Jane Doe, found in two ways.
        {"phone": "763-555-0100", "notes": "Has a new dog."},
        {"email": "jane.doe@example.com", "stage": "Won"},
        # Nothing but a name: new; twice the same; two people perhaps; and one that is there.
        {"name": "Max Lee"},
        {"name": "Kim Vang", "notes": "corner"},
        {"name": "Kim Vang", "notes": "corner"},
        {"name": "Pat Cole", "notes": "red house"},
        {"name": "Pat Cole", "notes": "blue house"},
        {"name": "maria alvarez"},
        {"name": "Luis Alvarez", "phone": "612-555-0117", "notes": "The one with the phone of Maria."},
    )
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        status, out, err = await run(tmp_path, "leads.csv", "--yes", **environment)
        assert (status, err) == (1, "")
        assert said(out) == snapshot("""\
CSV, UTF-8, separated by commas; 13 rows.
  name → name
  phone → phone
  email → email
  notes → notes
  stage → stage
Row 2, for example: name: Dana Whitfield · phone: (612) 555-0142 · notes: Two dogs.
Row 3, for example: name: Dana · phone: 6125550142 · email: dana@example.com · notes: Gate code 4711.
Row 4, for example: name: Ann Roe · phone: 612-555-0199 · stage: Quoted
Plan for 13 rows: 5 created, 2 updated, 2 needs_confirmation, 4 invalid.
Changes:
  rows 6-7, Jane Doe (matched by phone and email): stage: New Leads → Won; notes: + <today>: Has a new dog.
Rows that need attention:
  rows 4-5, invalid: rows 4 and 5 are the same person, but differ in name (Ann Roe / Amy Roe); make one row of them, or give each person a phone or e-mail of their own
  rows 11-12, invalid: rows 11 and 12 have the same name; without a phone or e-mail it is not certain that they are one person; add one, or make one row of them
  row 13, needs_confirmation: a lead of this name exists, and without phone and e-mail a new one could never be matched. The plan for maria alvarez (new): name: maria alvarez; also: Maria Alvarez · (612) 555-0117 · id <id 0>. To approve it, confirm: <token>
  row 14, needs_confirmation: several leads share this phone or e-mail. The plan for Luis Alvarez (matched by phone): notes: <today>: The one with the phone of Maria.; unchanged: name, phone; also: Maria Alvarez · (612) 555-0117 · id <id 0>. To approve it, confirm: <token>
One person:
  rows 2-3: Dana Whitfield
  rows 6-7: Jane Doe
  rows 9-10: Kim Vang
Worth knowing:
  rows 2-3, 8-10, 13: a new lead can make the company's automations text or e-mail the person
  rows 8-10, 13: without phone and e-mail it cannot be matched later: the next write needs its id
  rows 6-7: a new stage can make the company's automations text or e-mail the person
2 requests spent. To write this takes 4 more.
13 rows: 5 created, 2 updated, 2 needs_confirmation, 4 invalid. 6 requests spent.
Worth knowing:
  rows 2-3, 8-10: Rotor gave it the stage New Leads
leads.attention.csv holds the rows that need attention: correct them there, and import that file.
""")
        notes = await stored(sandbox, "name", "stage", "notes")
    assert eval(said(repr(notes))) == snapshot(
        [
            {
                "name": "Dana Whitfield",
                "stage": "New Leads",
                "notes": """\
Two dogs.
Gate code 4711.\
""",
            },
            {
                "name": "Jane Doe",
                "stage": "Won",
                "notes": """\
Two-story house, 24 windows.
Wants inside and outside before Thanksgiving.
<today>: Has a new dog.\
""",
            },
            {"name": "Kim Vang", "stage": "New Leads", "notes": "corner"},
            {"name": "Luis Alvarez", "stage": "Contacted"},
            {"name": "Maria Alvarez", "stage": "Quoted"},
            {"name": "Max Lee", "stage": "New Leads"},
        ]
    )


async def test_rows_beyond_those_that_are_kept(tmp_path: Path) -> None:
    ann = {"name": "Ann Lee", "phone": "(218) 555-0142", "notes": ""}
    odd = {"name": "Odd", "phone": "12", "notes": "Row 1,004"}
    write(tmp_path / "leads.csv", ann, *[ann] * 1_000, ann | {"notes": "Row 1,003"}, odd)
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        status, out, err = await run(tmp_path, "leads.csv", "--yes", **environment)
        assert (status, err) == (1, "")
        assert said(out) == snapshot("""\
CSV, UTF-8, separated by commas; 1,003 rows.
  name → name
  phone → phone
  notes → notes
Row 2, for example: name: Ann Lee · phone: (218) 555-0142
Row 3, for example: name: Ann Lee · phone: (218) 555-0142
Row 1003, for example: name: Ann Lee · phone: (218) 555-0142 · notes: Row 1,003
Plan for 1,003 rows: 1,002 created, 1 invalid.
Rows that need attention:
  row 1004, invalid: phone "12": no phone number that could exist; correct it or leave it blank
One person:
  rows 2-1003: Ann Lee
Worth knowing:
  rows 2-1003: a new lead can make the company's automations text or e-mail the person
2 requests spent. To write this takes 1 more.
1,003 rows: 1,002 created, 1 invalid. 3 requests spent.
Worth knowing:
  rows 2-1003: Rotor gave it the stage New Leads
leads.attention.csv holds the rows that need attention: correct them there, and import that file.
""")
        assert await stored(sandbox, "name", "notes", search="Ann Lee") == snapshot(
            [{"name": "Ann Lee", "notes": "Row 1,003"}]
        )
    assert table(tmp_path / "leads.attention.csv") == snapshot(
        [
            {
                "row": "1004",
                "name": "Odd",
                "phone": "12",
                "notes": "Row 1,004",
                "confirm": "",
                "reason": 'phone "12": no phone number that could exist; correct it or leave it blank',
            }
        ]
    )


# Safe to show, safe to open


async def test_strange_cells_reach_neither_terminal_nor_spreadsheet(tmp_path: Path) -> None:
    red, link = "\x1b[31mRed\x07\x9b2J \u202ename", '=HYPERLINK("http://x.invalid","Ann")'
    write(
        tmp_path / "leads.csv",
        {"name": red, "email": "nobody at home", "Odd\x1b[2J": FULL_KEY, "notes": "@SUM(1)\r\n=1+1"},
        {"name": link, "email": "+a b"},
        {"name": "'=quoted", "email": "none at all"},
        {"name": FULL_KEY, "email": "key"},
    )
    async with company(3, now=lambda: NOW) as (_, environment):
        flags = ["--yes", "--map", "Odd[2J=source"]
        status, out, err = await run(tmp_path, "leads.csv", *flags, **environment)
    assert (status, err) == (1, "")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out)
    assert said(out) == snapshot("""\
CSV, UTF-8, separated by commas; 4 rows.
  name → name
  email → email
  Odd[2J → source
  notes → notes
Read differently:
  row 2, name: "[31mRed2J name" is read as [31mRed›2J name
Plan for 4 rows: 4 invalid.
Rows that need attention:
  row 2, invalid: email "nobody at home": not an e-mail address such as name@example.com
  row 3, invalid: name "=HYPERLINK("http://x.invalid","Ann")": is a formula and not its result; open the file in a spreadsheet, and save it again; email "+a b": not an e-mail address such as name@example.com
  row 4, invalid: name "=quoted": is a formula and not its result; open the file in a spreadsheet, and save it again; email "none at all": not an e-mail address such as name@example.com
  row 5, invalid: email "key": not an e-mail address such as name@example.com
1 request spent. There is nothing to write.
leads.attention.csv holds the rows that need attention: correct them there, and import that file.
""")
    rows = table(tmp_path / "leads.attention.csv")
    assert [(row["name"], row["email"], row["notes"]) for row in rows] == [
        (red.replace("\x9b", "›").replace("\u202e", ""), "nobody at home", "'@SUM(1)\r\n=1+1"),
        ("'" + link, "'+a b", ""),
        # What was read without its apostrophe gets it back.
        ("'=quoted", "none at all", ""),
        (FULL_KEY, "key", ""),
    ]


async def test_a_file_of_rows_that_need_attention_is_never_overwritten(tmp_path: Path) -> None:
    file = write(tmp_path / "leads.csv", *people(1, email="ann at home"))
    (tmp_path / "leads.attention.csv").write_text("in work")
    async with company(3, now=lambda: NOW) as (_, environment):
        for row, name in ((0, "-2"), (0, "-2"), (1, "-3"), (0, "-2")):
            write(file, people(2, email="ann at home")[row])
            _, out, _ = await run(tmp_path, "leads.csv", "--yes", **environment)
            assert f"leads.attention{name}.csv holds the rows" in out
    assert files(tmp_path) == snapshot(
        [
            "leads.attention-2.csv",
            "leads.attention-3.csv",
            "leads.attention.csv",
            "leads.csv",
            "leads.csv.rotor-import",
        ]
    )
    assert (tmp_path / "leads.attention.csv").read_text() == "in work"


# What it costs


async def test_many_new_rows_cost_a_request_each_and_two(tmp_path: Path) -> None:
    write(tmp_path / "leads.csv", *people(200))
    async with company(150) as (sandbox, environment):
        status, out, _ = await run(tmp_path, "leads.csv", "--yes", **environment)
        assert (status, "200 rows: 200 created. 202 requests spent." in out) == (0, True)
        assert sandbox.requests == ["GET /auth/test", "GET /leads"] + ["POST /leads"] * 200
        assert len(await all_leads(sandbox)) == 350


async def test_too_few_requests_to_find_out_who_is_there(tmp_path: Path) -> None:
    write(tmp_path / "leads.csv", *people(9))
    async with company(3_500) as (sandbox, environment):
        status, out, err = await run(tmp_path, "leads.csv", "--yes", "--requests=3", **environment)
        assert (status, err) == (1, "")
        assert out.splitlines()[-1] == snapshot(
            "Only to find out who is there takes 5 requests, and --requests allows 3. Nothing was written. 2 requests spent."
        )
        assert sandbox.requests == ["GET /auth/test", "GET /leads"]


async def test_it_stops_where_the_requests_end_and_goes_on_there(tmp_path: Path) -> None:
    write(tmp_path / "leads.csv", *people(10))
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        ends = []
        for _ in range(3):
            status, out, _ = await run(tmp_path, "leads.csv", "--yes", "--requests=6", **environment)
            ends.append((status, [line for line in out.splitlines() if not line.startswith("  ")]))
        assert ends == snapshot(
            [
                (
                    1,
                    [
                        "CSV, UTF-8, separated by commas; 10 rows.",
                        "Row 2, for example: name: Person 0 · phone: (218) 555-0000",
                        "Row 3, for example: name: Person 1 · phone: (218) 555-0001",
                        "Row 4, for example: name: Person 2 · phone: (218) 555-0002",
                        "Plan for 10 rows: 10 created.",
                        "Worth knowing:",
                        "2 requests spent. To write this takes 10 more.",
                        "10 rows: 4 created, 6 not_sent. 6 requests spent.",
                        "Worth knowing:",
                        "The same command goes on where this ended. What was written is not sent again.",
                    ],
                ),
                (
                    1,
                    [
                        "CSV, UTF-8, separated by commas; 10 rows.",
                        "Row 2, for example: name: Person 0 · phone: (218) 555-0000",
                        "Row 3, for example: name: Person 1 · phone: (218) 555-0001",
                        "Row 4, for example: name: Person 2 · phone: (218) 555-0002",
                        "Done in an earlier run: 4 rows.",
                        "Plan for 6 rows: 6 created.",
                        "Worth knowing:",
                        "2 requests spent. To write this takes 6 more.",
                        "6 rows: 4 created, 2 not_sent. 6 requests spent.",
                        "Worth knowing:",
                        "The same command goes on where this ended. What was written is not sent again.",
                    ],
                ),
                (
                    0,
                    [
                        "CSV, UTF-8, separated by commas; 10 rows.",
                        "Row 2, for example: name: Person 0 · phone: (218) 555-0000",
                        "Row 3, for example: name: Person 1 · phone: (218) 555-0001",
                        "Row 4, for example: name: Person 2 · phone: (218) 555-0002",
                        "Done in an earlier run: 8 rows.",
                        "Plan for 2 rows: 2 created.",
                        "Worth knowing:",
                        "3 requests spent. To write this takes 2 more.",
                        "2 rows: 2 created. 5 requests spent.",
                        "Worth knowing:",
                    ],
                ),
            ]
        )
        assert sum("POST" in request for request in sandbox.requests) == 10
        assert len(await all_leads(sandbox)) == 13
    assert files(tmp_path) == ["leads.csv", "leads.csv.rotor-import"]


# What cannot be done


@pytest.mark.parametrize("case", ["bad key", "create only", "no key", "out of reach", "quota"])
async def test_rotor_does_not_let_us(tmp_path: Path, case: str) -> None:
    write(tmp_path / "leads.csv", *people(3))
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        own = (
            environment
            | {
                "bad key": {"ROTOR_API_KEY": "rotor_nobody_knows-this-one"},
                "create only": {"ROTOR_API_KEY": CREATE_ONLY_KEY},
                "no key": {"ROTOR_API_KEY": ""},
                "out of reach": {"ROTOR_BASE_URL": "http://127.0.0.1:1", "ROTOR_MCP_TIMEOUT": "2"},
                "quota": {},
            }[case]
        )
        if not own["ROTOR_API_KEY"]:
            del own["ROTOR_API_KEY"]
        if case == "quota":
            sandbox.faults.add(Fault(method="GET"))
            sandbox.faults.add(Fault(status=429))
        before = await all_leads(sandbox) if case != "quota" else []
        status, out, err = await run(tmp_path, "leads.csv", "--yes", **own)
        assert not [request for request in sandbox.requests if "POST" in request]
        sandbox.faults.clear()
        assert case == "quota" or await all_leads(sandbox) == before
    assert (status, err) == (1, "")
    assert out.splitlines()[6:] == NOT_LET[case]


NOT_LET: dict[str, list[str]] = snapshot(
    {
        "bad key": [
            "Rotor does not accept this API key (401). Nothing was done. A key is made in Rotor under Settings → Integrations and begins with rotor_. Enter it in the settings of this server's extension or plugin, or as ROTOR_API_KEY in the env block of its entry in the client's configuration; restart the client afterwards. 1 request spent."
        ],
        "create only": [
            "This API key lacks the scope leads:read (403), and nothing was done. Whoever made it can make one with that scope in Rotor under Settings → Integrations. Entering leads with upsert_lead may still work: such keys exist, made only for creating leads. 2 requests spent."
        ],
        "no key": [
            "Nothing was sent: ROTOR_API_KEY is not set. A key is made in Rotor under Settings → Integrations and begins with rotor_. Enter it in the settings of this server's extension or plugin, or as ROTOR_API_KEY in the env block of its entry in the client's configuration; restart the client afterwards. No requests spent."
        ],
        "out of reach": [
            "Nothing was sent: 127.0.0.1 refused the connection. It is safe to try again. No requests spent."
        ],
        "quota": [
            "The requests of this API key are used up for today (429): Rotor allows 1,000 a day, and the company's website forms may share them. Nothing was done. Try again tomorrow. 2 requests spent."
        ],
    }
)


async def test_a_key_that_may_only_read(tmp_path: Path) -> None:
    write(tmp_path / "leads.csv", *people(9))
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        own = environment | {"ROTOR_API_KEY": READ_ONLY_KEY}
        status, out, _ = await run(tmp_path, "leads.csv", "--yes", **own)
        assert 1 <= sum("POST" in request for request in sandbox.requests) <= 4
    assert status == 1
    assert re.sub(r"\d requests", "<n> requests", "\n".join(out.splitlines()[10:])) == snapshot("""\
9 rows: 9 not_sent. <n> requests spent.
Worth knowing:
  rows 2-10: nothing was sent: This API key lacks the scope leads:write (403), and nothing was done. Whoever made it can make one with that scope in Rotor under Settings → Integrations. Reading with search_leads and get_lead may still work
The same command goes on where this ended. What was written is not sent again.\
""")


@pytest.mark.parametrize(
    "case", ["missing", "folder", "unreadable", "empty", "web page", "nobody", "quote", "both", "requests"]
)
async def test_what_cannot_be_imported(tmp_path: Path, case: str) -> None:
    contents = {
        "empty": b"\n",
        "web page": b"<html>",
        "nobody": b"Colour,Size\nred,5\n",
        "quote": b'name,phone\n"Ann,763\n',
    }
    if case in contents:
        (tmp_path / "leads.csv").write_bytes(contents[case])
    (tmp_path / "folder").mkdir()
    (tmp_path / "good.csv").write_text("name\nAnn\n")
    arguments = {
        "folder": ["folder"],
        "unreadable": ["/proc/self/mem"],
        "both": ["good.csv", "--dry-run", "--yes"],
        "requests": ["good.csv", "--requests=0"],
    }
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        status, out, err = await run(tmp_path, *arguments.get(case, ["leads.csv", "--yes"]), **environment)
        assert sandbox.requests == []
    assert (status, out, err.rpartition("Error: ")[2]) == CANNOT[case]
    assert not [name for name in files(tmp_path) if "rotor-import" in name]


CANNOT: dict[str, Any] = snapshot(
    {
        "missing": (2, "", "Invalid value for 'FILE': File 'leads.csv' does not exist.\n"),
        "folder": (2, "", "Invalid value for 'FILE': File 'folder' is a directory.\n"),
        "unreadable": (1, "", "/proc/self/mem cannot be read: Input/output error\n"),
        "empty": (1, "", "The file is empty. Its first line must name the columns\n"),
        "web page": (
            1,
            "",
            "This is a web page or XML. Open it in a spreadsheet and save it as CSV or XLSX\n",
        ),
        "nobody": (
            1,
            "",
            'No column says whom a row is about: a name, a phone, an e-mail or a lead id. The columns are Colour ("red"), Size ("5"). Say which is which, such as --map "Colour=name"\n',
        ),
        "quote": (
            1,
            "",
            "Row 2 begins a quoted cell that is never closed. Mend the row, or save the file as XLSX\n",
        ),
        "both": (2, "", "--dry-run writes nothing and --yes writes: give one of them\n"),
        "requests": (2, "", "Invalid value for '--requests': must be a whole number, 1 or more, not '0'\n"),
    }
)


@posix
async def test_two_imports_of_one_file_at_once(tmp_path: Path) -> None:
    write(tmp_path / "leads.csv", *people(3))
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        sandbox.faults.add(Fault(method="POST", delay=2))
        ends: list[tuple[int, str, str]] = []

        async def first() -> None:
            ends.append(await run(tmp_path, "leads.csv", "--yes", **environment))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first)
            with anyio.fail_after(20):
                while "POST /leads" not in sandbox.requests:  # noqa: ASYNC110 - the sandbox does not call
                    await anyio.sleep(0.01)
            status, _, err = await run(tmp_path, "leads.csv", "--yes", **environment)
        assert (status, err) == snapshot(
            (1, "Error: another import of this file is running: it holds leads.csv.rotor-import\n")
        )
        assert ends[0][0] == 0
        assert len(await all_leads(sandbox)) == 6


# With somebody at the terminal


@asynccontextmanager
async def at_a_terminal(
    folder: Path, environment: Environment, columns: int = 80
) -> AsyncIterator[tuple[anyio.abc.Process, Terminal]]:
    """An import that asks, and the terminal on which that is seen."""
    with Terminal(columns) as terminal:
        async with begun(
            ["import", "leads.csv"],
            ENVIRONMENT | {"ROTOR_MCP_TIMEZONE": "America/Chicago", "PYTHONUNBUFFERED": "1"} | environment,
            folder=folder,
            stdin=terminal.inside,
            stderr=terminal.inside,
        ) as process:
            yield process, terminal


async def answered(process: anyio.abc.Process, terminal: Terminal, answer: str) -> str:
    """Answer the question when it is there, and return all that was said on standard output."""
    assert process.stdout is not None
    out = b""
    with anyio.fail_after(20):
        while b"[y/N]: " not in out:
            out += await process.stdout.receive()
        terminal.answer(answer)
        out += b"".join([chunk async for chunk in process.stdout])
        await process.wait()
    return out.decode()


@posix
async def test_the_report_fits_the_terminal(tmp_path: Path) -> None:
    """Words are kept whole; in a pipe, each line stays whole."""
    note = "The gate code is with the neighbour; mind the dog, which is loose in the mornings. " * 2
    rows = [
        {"name": "Dana Whitfield", "phone": "612-555-0142", "notes": note},
        {"name": "Bob", "phone": "12"},
    ]
    write(tmp_path / "leads.csv", *rows)
    async with company(0, now=lambda: NOW) as (_, environment):
        with Terminal(60) as terminal:
            async with begun(
                ["import", "leads.csv", "--dry-run"],
                ENVIRONMENT | {"ROTOR_MCP_TIMEZONE": "America/Chicago"} | environment,
                folder=tmp_path,
                stdout=terminal.inside,
            ) as process:
                assert await process.wait() == 1
            shown = terminal.said().replace("\r\n", "\n")
        _, piped, _ = await run(tmp_path, "leads.csv", "--dry-run", **environment)
    assert max(map(len, shown.splitlines())) < 60 < max(map(len, piped.splitlines()))
    assert shown.split() == piped.split()
    assert shown == snapshot("""\
CSV, UTF-8, separated by commas; 2 rows.
  name → name
  phone → phone
  notes → notes
Row 2, for example: name: Dana Whitfield · phone:
    612-555-0142 · notes: The gate code is with the
    neighbour; mind the dog, which is loose in the morning…
Plan for 2 rows: 1 created, 1 invalid.
Rows that need attention:
  row 3, invalid: phone "12": no phone number that could
      exist; correct it or leave it blank
Worth knowing:
  row 2: a new lead can make the company's automations text
      or e-mail the person
1 request spent. To write this takes 1 more.
Nothing was written. To write it: the same command with
    --yes.
""")


async def test_who_answers_no_has_written_nothing(tmp_path: Path) -> None:
    write(tmp_path / "leads.csv", *people(3))
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        async with at_a_terminal(tmp_path, environment) as (process, terminal):
            out = await answered(process, terminal, "n")
            assert process.returncode == 1
        assert [request for request in sandbox.requests if "POST" in request] == []
        assert len(await all_leads(sandbox)) == 3
    assert said(out) == snapshot("""\
CSV, UTF-8, separated by commas; 3 rows.
  name → name
  phone → phone
Row 2, for example: name: Person 0 · phone: (218) 555-0000
Row 3, for example: name: Person 1 · phone: (218) 555-0001
Row 4, for example: name: Person 2 · phone: (218) 555-0002
Plan for 3 rows: 3 created.
Worth knowing:
  rows 2-4: a new lead can make the company's automations text or e-mail the person
2 requests spent. To write this takes 3 more.
Write it now? [y/N]: \
""")


@pytest.mark.parametrize("columns", [40, 80])
async def test_who_answers_yes_sees_how_far_it_is(tmp_path: Path, columns: int) -> None:
    write(tmp_path / "leads.csv", *people(12))
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        sandbox.faults.add(Fault(method="POST", delay=0.5, times=12))
        async with at_a_terminal(tmp_path, environment, columns) as (process, terminal):
            out = await answered(process, terminal, "y")
            assert process.returncode == 0
            lines = terminal.lines()
        assert len(await all_leads(sandbox)) == 15
    assert "12 rows: 12 created. 14 requests spent." in out
    steps = [line for line in lines if "/12 leads, " in line]
    assert (steps[0], steps[-1], lines[-1]) == ("0/12 leads, 2 requests", "12/12 leads, 14 requests", "")
    assert [int(step.partition("/")[0]) for step in dict.fromkeys(steps)] == [*range(13)]
    assert any(re.search(r", 0:00:0\d left$", step) for step in steps)


# What was read is too old


class Clock:
    """The running loop's clock, which can be put forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time
        self._ahead = 0.0
        monkeypatch.setattr(loop, "time", lambda: now() + self._ahead)

    def forward(self, seconds: float) -> None:
        self._ahead += seconds


class Resuming(BatchObserver):
    """Gives each write the time of a whole call, as an import does, and keeps the outcomes."""

    def __init__(self, call: CallContext) -> None:
        self.outcomes: list[RowOutcome] = []
        self._call = call

    def before_write(self, _write: PlannedWrite) -> None:
        self._call.api.resume(self._call.api.requests)

    async def after_write(self, outcome: RowOutcome) -> None:
        self.outcomes.append(outcome)


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@asynccontextmanager
async def calling(sandbox: Sandbox) -> AsyncIterator[CallContext]:
    pool = ConnectionPool(
        Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago"}), sandbox.transport
    )
    try:
        yield CallContext.begin(
            Tenant(pool, pool.settings.credentials, TenantState(SearchCache(0)), clock=lambda: NOW)
        )
    finally:
        await pool.aclose()


def wanted(**arguments: Any) -> UpsertRequest:
    return UpsertRequest.model_validate(arguments)


async def change(sandbox: Sandbox, **fields: Any) -> None:
    """Somebody else changes a lead."""
    async with outside(sandbox) as http:
        (await http.post("/leads", json=fields)).raise_for_status()


ROWS = [
    {"phone": "763-555-0100", "notes": "Ours."},
    {"name": "Dana Whitfield", "phone": "612-555-0142", "notes": "Ours."},
    {"name": "Kim Vang"},
    {"name": "Max Lee", "email": "max@example.com"},
]


async def written_after(seconds: float, sandbox: Sandbox, clock: Clock, *, seen: int) -> list[str]:
    """Plan, let time pass in which others are at work, and write. Returns how the rows ended."""
    async with calling(sandbox) as call:
        batch = Batch([RowGroup.of((n,), wanted(**row), "US") for n, row in enumerate(ROWS, 1)], call)
        await batch.plan(100)
        assert call.api.requests == seen
        clock.forward(seconds)
        await change(sandbox, id=JANE, notes="Theirs.")
        await add(sandbox, name="Dana W.", phone="+1 (612) 555-0142", notes="Theirs.")
        await add(sandbox, name="Kim Vang", email="kim@example.com")
        del sandbox.requests[:]
        observer = Resuming(call)
        await batch.write(observer)
        return [outcome.status for outcome in sorted(observer.outcomes, key=lambda outcome: outcome.rows)]


async def facts(sandbox: Sandbox) -> list[tuple[str, str | None]]:
    """The people of the rows: how often each is there, and with which notes."""
    names = ("Jane Doe", "Dana", "Kim Vang", "Max Lee")
    leads = [lead for lead in await all_leads(sandbox) if (lead["name"] or "").startswith(names)]
    return sorted((lead["name"], lead["notes"]) for lead in leads)


SEEN = [
    ("Dana Whitfield", "Theirs.\n2026-11-22: Ours."),
    ("Jane Doe", "Theirs.\n2026-11-22: Ours."),
    ("Kim Vang", None),
    ("Max Lee", None),
]
"""Nobody's notes are lost, and nobody is there twice."""


async def test_what_others_did_is_seen_when_the_newest_page_is_read_again(
    sandbox: Sandbox, clock: Clock
) -> None:
    """When two thirds of the time are over for which a reading holds. In a small company the page is all."""
    ended = await written_after(PLAN_TTL_SECONDS * 2 / 3 + 1, sandbox, clock, seen=1)
    assert ended == ["updated", "updated", "needs_confirmation", "created"]
    assert sorted(sandbox.requests) == ["GET /leads"] + ["POST /leads"] * 3
    assert await facts(sandbox) == SEEN


async def test_before_that_nothing_is_read_again(sandbox: Sandbox, clock: Clock) -> None:
    await written_after(PLAN_TTL_SECONDS * 2 / 3 - 1, sandbox, clock, seen=1)
    assert set(sandbox.requests) == {"POST /leads"}


async def test_a_lead_found_too_long_ago_is_found_anew(clock: Clock) -> None:
    """It stands on a page that is not read again."""
    with closing(Sandbox(leads=2_500, now=lambda: NOW)) as sandbox:
        old = next(
            lead for lead in reversed(await all_leads(sandbox)) if lead["phone"] and "555-" in lead["phone"]
        )
        del sandbox.requests[:]
        rows = [{"id": old["id"], "notes": "Ours."}, ROWS[1], ROWS[3]]
        async with calling(sandbox) as call:
            batch = Batch([RowGroup.of((n,), wanted(**row), "US") for n, row in enumerate(rows, 1)], call)
            await batch.plan(100)
            assert sandbox.requests == ["GET /leads"] * 3
            clock.forward(PLAN_TTL_SECONDS + 1)
            await change(sandbox, id=old["id"], notes="Theirs.")
            del sandbox.requests[:]
            await batch.write(Resuming(call))
        assert sorted(sandbox.requests) == ["GET /leads", f"GET /leads/{old['id']}"] + ["POST /leads"] * 3
        (notes,) = [lead["notes"] for lead in await all_leads(sandbox) if lead["id"] == old["id"]]
    assert notes == "Theirs.\n2026-11-22: Ours."


async def test_what_was_found_one_by_one_is_found_anew(sandbox: Sandbox, clock: Clock) -> None:
    rows = [wanted(**row) for row in ROWS[:2]]
    async with calling(sandbox) as call:
        batch = Batch([RowGroup.of((n,), row, "US") for n, row in enumerate(rows, 1)], call)
        await batch.plan(100)
        clock.forward(PLAN_TTL_SECONDS + 1)
        await change(sandbox, id=JANE, notes="Theirs.")
        await add(sandbox, name="Dana W.", phone="+1 (612) 555-0142", notes="Theirs.")
        del sandbox.requests[:]
        await batch.write(Resuming(call))
    assert sorted(sandbox.requests) == ["GET /leads"] * 2 + ["POST /leads"] * 2
    assert await facts(sandbox) == SEEN[:2]


async def test_a_directory_is_refreshed_once_for_all_and_up_to_what_it_knows(clock: Clock) -> None:
    with closing(Sandbox(leads=2_500, now=lambda: NOW)) as sandbox:
        people = [wanted(name=f"Person {n}", phone=f"218-555-{n:04}") for n in range(9)]
        async with calling(sandbox) as call:
            groups = [RowGroup.of((n,), one, "US") for n, one in enumerate(people)]
            index = LeadIndex((group.keys for group in groups), "US")
            loader = LeadLoader(index, call.api)
            await loader.read_for_all(groups, 100)
            await add(sandbox, name="Person 3", phone="(218) 555-0003")
            clock.forward(PLAN_TTL_SECONDS * 2 / 3 + 1)
            del sandbox.requests[:]
            async with anyio.create_task_group() as tasks:
                for _ in range(4):
                    tasks.start_soon(loader.refresh)
            assert sandbox.requests == ["GET /leads"]
            found = [index.match(one.request, one.keys).match.lead for one in groups]
            assert [lead and lead.phone for lead in found] == [None] * 3 + ["(218) 555-0003"] + [None] * 5


# Faults of ours


async def test_a_row_is_read_in_the_file_to_correct_as_it_was_read_before(tmp_path: Path) -> None:
    """The order of day and month, and the decimal comma, are decided from all rows: here from one."""
    columns = ("name", "email", "follow up", "value")
    lines = (
        ("Ann", "ann@example.com", "25/12/2026", "1.250,50"),
        ("Bob", "bob at home", "03/12/2026", "1.250"),
    )
    write(tmp_path / "leads.csv", *(dict(zip(columns, line, strict=True)) for line in lines))
    file = tmp_path / "leads.attention.csv"
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        _, out, _ = await run(tmp_path, "leads.csv", "--yes", **environment)
        (bob,) = table(file)
        write(file, bob | {"email": "bob@example.com"})
        await run(tmp_path, file.name, "--yes", **environment)
        (stored_bob,) = await stored(sandbox, "follow_up_date", "projected_value", search="bob@")
    assert "25/12/2026 read as day/month/year" in out or "03/12/2026 read as day/month/year" in out
    assert stored_bob == {"follow_up_date": "2026-12-03T18:00:00Z", "projected_value": 1250}


async def test_what_was_given_for_all_rows_holds_for_the_corrected_ones(tmp_path: Path) -> None:
    write(tmp_path / "leads.csv", *people(1, email="ann at home"))
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        _, out, _ = await run(tmp_path, "leads.csv", "--yes", "--tags=Spring 2027", **environment)
        (row,) = table(tmp_path / "leads.attention.csv")
        write(tmp_path / "leads.attention.csv", row | {"email": ""})
        await run(tmp_path, "leads.attention.csv", "--yes", **environment)
        tagged = await stored(sandbox, "tags", search="Person 0") == [{"tags": ["Spring 2027"]}]
    assert tagged or "--tags" in out
