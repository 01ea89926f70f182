"""The command `rotor-mcp export`: what it writes, what that costs, and that nothing is left half-written."""

import csv
import io
import json
import os
import re
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from datetime import date, datetime
from pathlib import Path
from subprocess import PIPE
from typing import Any

import anyio
import anyio.abc
import click
import pytest
from inline_snapshot import snapshot
from mcp import Client
from python_calamine import CalamineWorkbook

from rotor_mcp.api.models import LEAD_FIELDS, READ_NAMES, LeadFields, read_lead
from rotor_mcp.cli.import_export import export_
from rotor_mcp.config import Settings
from rotor_mcp.extras import install_hint
from rotor_mcp.import_export.exporter import ExportFormat, choose_format
from rotor_mcp.import_export.formats.formula_guard import unguard
from rotor_mcp.import_export.lead_rows import COLUMNS
from rotor_mcp.leads.locale import Locale
from rotor_mcp.leads.matching import Match
from rotor_mcp.leads.plan import make_plan
from rotor_mcp.leads.requests import SearchRequest, UpsertRequest
from rotor_mcp.leads.validation import parse
from rotor_mcp.sandbox import CREATE_ONLY_KEY, FULL_KEY, Fault, Sandbox
from rotor_mcp.sandbox.server import serving
from rotor_mcp.server.mcp_server import build_server
from tests import commands
from tests.cli.test_main import ENVIRONMENT, run
from tests.commands import ROOT, ran
from tests.conftest import NOW, posix
from tests.import_export.terminals import Terminal
from tests.leads.test_search import CHICAGO, add, all_leads, expected, ids, walk

pytestmark = pytest.mark.anyio

PASS = Fault(method="GET")
"""Strikes a request and does it no harm: what is added after it strikes the next one."""


@asynccontextmanager
async def company(leads: int, **options: Any) -> AsyncIterator[tuple[Sandbox, dict[str, str]]]:
    """An embedded Rotor on a port, and the environment that leads to it."""
    with closing(Sandbox(leads=leads, **options)) as sandbox:
        async with serving(sandbox) as url:
            yield sandbox, {"ROTOR_API_KEY": FULL_KEY, "ROTOR_BASE_URL": url}


def begun(
    *arguments: str, environment: dict[str, str], stdout: int = PIPE, stderr: int = PIPE
) -> AbstractAsyncContextManager[anyio.abc.Process]:
    """An export that runs while the test does something else."""
    variables = ENVIRONMENT | {"ROTOR_MCP_TIMEZONE": "America/Chicago", "PYTHONUNBUFFERED": ""} | environment
    return commands.begun(["export", *arguments], variables, stdout=stdout, stderr=stderr)


async def until_asked(sandbox: Sandbox, times: int) -> None:
    with anyio.fail_after(20):
        while len(sandbox.requests) < times:  # noqa: ASYNC110 - the sandbox counts, it does not call
            await anyio.sleep(0.01)


async def rest(stream: anyio.abc.ByteReceiveStream | None) -> str:
    assert stream is not None
    return b"".join([chunk async for chunk in stream]).decode()


def table(text: str) -> list[dict[str, str]]:
    """Read CSV from a stream, as a program does: without a mark before the first name."""
    assert not text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def table_in(file: Path) -> list[dict[str, str]]:
    """Read a CSV file, and check that Excel will know it for UTF-8."""
    text = file.read_bytes().decode()
    assert text.startswith("\ufeff")
    return table(text[1:])


def rows_of(workbook: bytes) -> list[list[Any]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_index(0).to_python()


def column(text: str, name: str = "id") -> list[str]:
    return [row[name] for row in table(text)]


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in folder.iterdir()}


# What is written


async def test_a_small_company_as_csv() -> None:
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        lead_id = await add(
            sandbox,
            name="=cmd|' /C calc'!A0",
            phone="+1 612 555 0142",
            tags=["in, out", "Website"],
            projected_value=1200,
            follow_up_date="2026-12-01T18:00:00Z",
            notes='Said "yes",\nthen hung up.',
        )
        status, out, err = await run("export", **environment)
    assert (status, err) == (0, "4 leads, 1 request spent.\n")
    assert out.replace(lead_id, "<id>") == snapshot("""\
id,name,phone,email,stage,priority,projected_value,follow_up_date,service_type,source,tags,address_street1,address_street2,address_city,address_state,address_zip,address_country,archived,archived_at,created_at,assigned_to,location,value_score,notes\r
<id>,'=cmd|' /C calc'!A0,'+1 612 555 0142,,New Leads,,1200,2026-12-01,,,"[""in, out"", ""Website""]",,,,,,,no,,2026-11-22,,,,"Said ""yes"",
then hung up."\r
182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e,Jane Doe,(763) 555-0100,jane.doe@example.com,New Leads,medium,299,,Window Cleaning,Website quote form,Website,118 River Street,,Delano,MN,55328,US,no,,2026-11-21T16:09:39-06:00,,,,"Two-story house, 24 windows.
Wants inside and outside before Thanksgiving."\r
8abf6178-2454-40ed-8d6a-31adc092525d,Luis Alvarez,(612) 555-0117,,Contacted,,,2026-11-22 11:00,Christmas Light Installation,,exact-quote,905 Oak Ridge Road,,Plymouth,MN,55441,USA,no,,2026-11-10T17:54:34-06:00,,,,\r
d4bbc31d-39eb-42a7-8c91-20de3582c33c,Maria Alvarez,(612) 555-0117,maria.alvarez@example.org,Quoted,,,2026-11-16 11:00,Gutter Cleaning,,,905 Oak Ridge Road,,Plymouth,MN,55441,USA,no,,2026-10-13T08:15:23-05:00,,,,\r
""")


async def test_a_small_company_as_json_lines() -> None:
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        await add(sandbox, name="Zoë 🏠", tags=["in, out"], projected_value=299.5, notes="one\ntwo")
        status, out, _ = await run(
            "export", "--format", "jsonl", "--fields", "notes,name,tags", **environment
        )
    assert status == 0
    assert out == snapshot("""\
{"notes": "one\\ntwo", "name": "Zoë 🏠", "tags": ["in, out"]}
{"notes": "Two-story house, 24 windows.\\nWants inside and outside before Thanksgiving.", "name": "Jane Doe", "tags": ["Website"]}
{"name": "Luis Alvarez", "tags": ["exact-quote"]}
{"name": "Maria Alvarez", "tags": []}
""")


async def test_json_lines_hold_the_values_of_the_api_under_our_names(tmp_path: Path) -> None:
    file = tmp_path / "leads.ndjson"
    async with company(150) as (sandbox, environment):
        leads = await all_leads(sandbox)
        before = len(sandbox.requests)
        status, out, err = await run("export", str(file), "--archived", "include", **environment)
        assert (status, out, err) == (0, "", f"150 leads in {file}, 1 request spent.\n")
        assert len(sandbox.requests) == before + 1
    lines = [json.loads(line) for line in file.read_text("utf-8").split("\n")[:-1]]
    ours = {theirs: name for name, theirs in READ_NAMES.items()}
    expected = [
        {ours.get(name, name): value for name, value in lead.items() if value not in (None, "")}
        for lead in leads
    ]
    for line in expected:
        if "notes" in line:
            line["notes"] = line["notes"].strip()
    assert lines == expected
    assert {name for line in lines for name in line} == set(COLUMNS)


async def test_a_small_company_as_a_workbook(tmp_path: Path) -> None:
    file = tmp_path / "leads.xlsx"
    arguments = "--fields=name,phone,projected_value,follow_up_date,created_at,tags", "--stage=New Leads"
    async with company(3, now=lambda: NOW) as (sandbox, environment):
        await add(sandbox, name="=cmd|' /C calc'!A0", phone="+1 612 555 0142", projected_value=1200)
        ended = await run("export", str(file), *arguments, **environment)
        variables = ENVIRONMENT | environment | {"ROTOR_MCP_TIMEZONE": "America/Chicago"}
        streamed = await ran(["export", "--format=xlsx", *arguments], variables)
    assert ended == (0, "", f"2 leads in {file}, 1 request spent.\n")
    assert rows_of(file.read_bytes()) == snapshot(
        [
            ["name", "phone", "projected_value", "follow_up_date", "created_at", "tags"],
            ["=cmd|' /C calc'!A0", "+1 612 555 0142", 1200.0, "", date(2026, 11, 22), ""],
            ["Jane Doe", "(763) 555-0100", 299.0, "", "2026-11-21T16:09:39-06:00", "Website"],
        ]
    )
    assert (streamed.returncode, streamed.stderr) == (0, b"2 leads, 1 request spent.\n")
    assert rows_of(streamed.stdout) == rows_of(file.read_bytes())


async def test_a_workbook_that_is_not_complete_is_not_written() -> None:
    async with company(1500) as (sandbox, environment):
        sandbox.faults.add(PASS)
        sandbox.faults.add(Fault(status=429))
        ended = await ran(["export", "--format=xlsx"], ENVIRONMENT | environment)
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert ended.stderr.endswith(b". 2 requests spent. Nothing was written.\n")


async def test_a_lead_that_does_not_fit_into_a_workbook(tmp_path: Path) -> None:
    lead = {"id": "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e", "notes": "🏠" * 20_000}
    async with company(0) as (sandbox, environment):
        sandbox.faults.add(
            Fault(body=json.dumps({"data": [lead], "pagination": {"has_more": False}}), times=2)
        )
        status, out, err = await run("export", str(tmp_path / "leads.xlsx"), **environment)
    assert (status, out, contents(tmp_path)) == (1, "", {})
    assert err.replace(str(tmp_path), "") == snapshot(
        "notes of lead 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e: 40,000 characters, and a cell of a workbook holds 32,767. Export to CSV, or leave this field out (--fields). 1 request spent. /leads.xlsx was not written.\n"
    )


@posix
async def test_a_workbook_is_not_for_a_terminal() -> None:
    with Terminal(80) as terminal:
        async with company(3) as (sandbox, environment):
            async with begun("--format=xlsx", stdout=terminal.inside, environment=environment) as process:
                err = await rest(process.stderr)
                assert await process.wait() == 2
            assert sandbox.requests == []
        assert terminal.said() == ""
    assert err.partition("Error: ")[2] == snapshot("A workbook cannot be shown on a terminal. Name a FILE\n")


def test_a_workbook_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(click.ClickException) as caught:
        choose_format("leads.xlsx", None)
    assert (caught.value.exit_code, caught.value.message) == (
        1,
        f"Workbooks need another package: {install_hint('xlsx')}, or export to CSV",
    )


async def test_an_export_says_all_that_could_be_written_back() -> None:
    """Planned from the cells, a write to the same lead changes nothing."""
    async with company(150) as (sandbox, environment):
        leads = {lead["id"]: read_lead(lead) for lead in await all_leads(sandbox)}
        _, out, _ = await run("export", "--archived", "include", **environment)
    context = Locale(datetime.now(CHICAGO).date(), CHICAGO, "US")
    rows = table(out)
    assert len(rows) == 150
    for row in rows:
        lead = leads[row["id"]]
        cells = {name: unguard(row[name]) for name in ("id", *LeadFields.model_fields)}
        read = parse(UpsertRequest, cells | {"replace_notes": True})
        plan = make_plan(read, Match(lead, "id"), context)
        assert plan.outcome == "unchanged", plan.changes
        has = {name for name in LeadFields.model_fields if getattr(lead, name)}
        assert {name for name in LeadFields.model_fields if getattr(read, name)} == has


async def test_values_of_unknown_form_are_written_as_they_are() -> None:
    lead = {
        "id": "x",
        "name": "Ann",
        "email": "ann at home",
        "priority": "urgent",
        "phone": "\ud83d",
        "follow_up_date": "when the snow melts",
        "created_at": "2026-12-01",
        "tags": None,
        "projected_value": -20,
    }
    fields = ["--fields", "id,email,phone,priority,follow_up_date,created_at,projected_value,tags"]
    async with company(0) as (sandbox, environment):
        sandbox.faults.add(
            Fault(body=json.dumps({"data": [lead], "pagination": {"has_more": False}}), times=2)
        )
        _, out, _ = await run("export", *fields, **environment)
        _, line, _ = await run("export", *fields, "--format", "jsonl", **environment)
    assert out.splitlines()[1] == snapshot("x,ann at home,�,urgent,when the snow melts,2026-12-01,-20,")
    assert line == snapshot(
        '{"id": "x", "email": "ann at home", "phone": "�", "priority": "urgent", "follow_up_date": "when the snow melts", "created_at": "2026-12-01", "projected_value": -20, "tags": []}\n'
    )


async def test_fields_are_the_columns_in_their_order() -> None:
    status, out, _ = await run("export", "--sandbox", "--fields", "phone, name,phone", "--limit", "1")
    assert (status, list(table(out)[0])) == (0, ["phone", "name"])
    assert out.startswith("phone,name\r\n")


async def test_without_fields_all_are_columns_id_first_and_notes_last() -> None:
    _, out, _ = await run("export", "--sandbox", "--search", "nobody at all")
    (head,) = out.splitlines()
    assert set(head.split(",")) == set(LEAD_FIELDS)
    assert (head.split(",")[0], head.split(",")[-1]) == ("id", "notes")


@pytest.mark.parametrize(
    ("name", "asked", "form"),
    [
        ("leads.csv", None, "csv"),
        ("leads.JSONL", None, "jsonl"),
        ("jsonl/leads.ndjson", None, "jsonl"),
        ("Leads.XLSX", None, "xlsx"),
        ("-", None, "csv"),
        ("-", "xlsx", "xlsx"),
        ("leads", None, "csv"),
        ("leads.", None, "csv"),
        (".xlsx", None, "csv"),
        ("leads.txt", "csv", "csv"),
        ("leads.ndjson", "jsonl", "jsonl"),
        ("leads.json.gz", "jsonl", "jsonl"),
    ],
)
def test_the_form_of_a_file(name: str, asked: ExportFormat | None, form: ExportFormat) -> None:
    assert choose_format(name, asked) == form


@pytest.mark.parametrize(
    "arguments",
    [
        ("leads.jsonl.txt",),
        ("leads.xls",),
        ("leads.csv.gz",),
        ("leads.xlsx", "--format=csv"),
        ("leads.JSONL", "--format=xlsx"),
        ("leads.csv", "--format=tsv"),
    ],
)
async def test_an_ending_that_means_something_else_is_refused(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    async with company(5) as (sandbox, environment):
        file, *options = arguments
        status, out, err = await run("export", str(tmp_path / file), *options, **environment)
        assert sandbox.requests == []
    assert (status, out, contents(tmp_path)) == (2, "", {})
    assert err.partition("Error: ")[2] == MISTAKEN["".join(arguments)]


MISTAKEN: dict[str, str] = snapshot(
    {
        "leads.jsonl.txt": "The ending .txt means no format. Use .csv, .jsonl, .ndjson or .xlsx, or choose a --format\n",
        "leads.xls": "The ending .xls means no format. Use .csv, .jsonl, .ndjson or .xlsx, or choose a --format\n",
        "leads.csv.gz": "The ending .gz means no format. Use .csv, .jsonl, .ndjson or .xlsx, or choose a --format\n",
        "leads.xlsx--format=csv": "The ending .xlsx means xlsx, and --format is csv. Give FILE another ending, or leave --format out\n",
        "leads.JSONL--format=xlsx": "The ending .jsonl means jsonl, and --format is xlsx. Give FILE another ending, or leave --format out\n",
        "leads.csv--format=tsv": "Invalid value for '--format': 'tsv' is not one of 'csv', 'jsonl', 'xlsx'.\n",
    }
)


@posix
async def test_a_pipe_with_any_ending_gets_csv(tmp_path: Path) -> None:
    pipe = tmp_path / "leads.txt"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    status, _, _ = await run("export", str(pipe), "--sandbox", "--limit=5")
    assert (status, len(table(os.read(reader, 100_000).decode()))) == (0, 5)
    os.close(reader)


async def test_help_names_all_fields() -> None:
    _, out, _ = await run("export", "--help")
    (said,) = re.findall(r"--fields TEXT +Only these, in this order: (.+?)\.", " ".join(out.split()))
    assert tuple(said.split(", ")) == COLUMNS


# Which leads

CASES: list[dict[str, Any]] = [
    {"search": "a", "order": "name"},
    {"search": "7635550100"},
    {"search": "+1 763 555 0100", "order": "name"},
    {"search": "jane  DOE"},
    {"search": "Dóe, Jane"},
    {"search": "763-555-9999"},
    {"stage": "Quoted", "has": ["email"]},
    {"stage": "qUOTED", "address_state": "mn"},
    {"stage": "No such stage"},
    {"stage": ["Quoted", "wON"], "not_stage": "quoted"},
    {"stage": ["Quoted", "No such stage, nor any"], "lacks": ["projected_value", "phone"]},
    {"not_stage": ["Won", "LOST", "New leads"], "has": ["follow_up_date", "projected_value"]},
    {"tags": ["Website", "Referral"]},
    {"tags": ["website", "Referral"], "has": ["phone"]},
    {"tags": ["Website", "plan: yearly"], "all_tags": True},
    {"tags": ["in, out", "nobody's"]},
    {"archived": "only", "lacks": ["phone"]},
    {"created_from": "2026-11-08", "created_to": "2026-11-20", "lacks": ["assigned_to"]},
    {"follow_up_from": "2026-11-20", "follow_up_to": "2026-11-24", "order": "follow_up"},
    {"overdue": True, "archived": "include"},
    {"needs_action": True, "source": "ads"},
    {"priority": "HIGH", "has": ["assigned_to"], "service_type": "washing"},
    {"address_city": "st. paul", "address_zip": "55"},
    {"value_from": 189, "value_to": "$1,200", "order": "oldest"},
]


def flags(wanted: dict[str, Any]) -> list[str]:
    given: list[str] = []
    for name, value in wanted.items():
        flag = name.replace("_", "-")
        match value:
            case True:
                given.append(f"--{flag}")
            case list() if name in ("stage", "not_stage"):
                given += [f"--{flag}={word}" for word in value]
            case list():
                given.append(f"--{flag}={json.dumps(value)}")
            case _:
                given.append(f"--{flag}={value}")
    return given


@pytest.mark.parametrize("wanted", CASES, ids=str)
async def test_it_writes_what_search_leads_finds(wanted: dict[str, Any]) -> None:
    """In the same order, and each once."""
    moment = datetime.now(CHICAGO)
    shift = moment.date() - NOW.astimezone(CHICAGO).date()
    for name, value in wanted.items():
        if name.endswith(("_from", "_to")) and isinstance(value, str) and value.startswith("2026"):
            wanted = wanted | {name: str(datetime.fromisoformat(value).date() + shift)}
    async with company(150) as (sandbox, environment):
        settings = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago"})
        async with Client(build_server(settings, transport=sandbox.transport)) as client:
            found = [shown for result in await walk(client, **wanted, limit=100) for shown in ids(result)]
        before = len(sandbox.requests)
        status, out, err = await run("export", *flags(wanted), **environment)
        cost = len(sandbox.requests) - before
    assert (status, column(out)) == (0, found)
    # Only where Rotor may have missed something is it asked a second time.
    other_capitals = wanted.get("stage") in ("qUOTED", "No such stage") or "website" in wanted.get("tags", [])
    not_found = wanted.get("search") in ("Dóe, Jane", "763-555-9999")
    assert cost == (2 if other_capitals or not_found else 1)
    leads = "1 lead" if len(found) == 1 else f"{len(found)} leads"
    assert err == f"{leads}, {cost} request{'s' if cost > 1 else ''} spent.\n"


async def test_tags_in_other_capitals_on_many_pages() -> None:
    """Nothing is written of a reading that may have missed somebody: all is in order, and each once."""
    wanted = ["website", "Referral", "plan: yearly", "plan: quarterly", "exact-quote", "Holiday lights"]
    async with company(2500) as (sandbox, environment):
        leads = expected(await all_leads(sandbox), {"tags": wanted})
        _, out, err = await run("export", "--fields=id", f"--tags={','.join(wanted)}", **environment)
    assert column(out) == [lead["id"] for lead in leads]
    assert err == f"{len(leads):,} leads, 5 requests spent.\n"


def test_every_filter_is_a_flag_and_was_tried() -> None:
    filters = set(SearchRequest.model_fields) - {"count_by", "duplicates", "fields", "limit", "cursor"}
    assert {name for wanted in CASES for name in wanted} == filters
    assert filters < {flag.name for flag in export_.params}


def test_no_two_flags_have_the_same_name() -> None:
    names = [name for flag in export_.params for name in (*flag.opts, *flag.secondary_opts)]
    assert len(names) == len(set(names))
    assert len({flag.name for flag in export_.params}) == len(export_.params)


@pytest.mark.parametrize("order", ["newest", "value"])
async def test_a_limit_leaves_the_first(order: str) -> None:
    async with company(150) as (_, environment):
        _, everything, _ = await run("export", "--order", order, **environment)
        _, first, err = await run("export", "--order", order, "--limit", "5", **environment)
    assert (column(first), err) == (column(everything)[:5], "5 leads, 1 request spent.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--priority", "urgent"),
        ("--fields", "name,adress"),
        ("--created-from", "soon"),
        ("--value-to", "a lot"),
        ("--timezone", "Mars"),
        ("--has", "name,id"),
        ("--has=phone", "--lacks", "email, phone"),
        ("--count-by", "stage"),
        ("--duplicates",),
        ("--cursor", "x"),
        ("--limit", "0"),
        ("/",),
    ],
)
async def test_what_cannot_be_exported(arguments: tuple[str, ...]) -> None:
    status, out, err = await run("export", *arguments, "--sandbox")
    assert (status, out) == (2, "")
    assert err.partition("Error: ")[2] == REFUSED[arguments[-1]]


REFUSED: dict[str, str] = snapshot(
    {
        "urgent": """\
--priority: must be 'low', 'medium' or 'high'
""",
        "name,adress": """\
--fields: there is no field adress; there are name, phone, email, stage, priority, projected_value, follow_up_date, service_type, source, tags, address_street1, address_street2, address_city, address_state, address_zip, address_country, notes, id, archived, archived_at, created_at, assigned_to, location, value_score
""",
        "soon": """\
--created-from: not a date such as 2026-12-01, nor a date-time such as 2026-12-01T09:30
""",
        "a lot": """\
--value-to: must be a valid number
""",
        "Mars": "--timezone: must be a time zone's name, such as America/Chicago or UTC\n",
        "stage": "No such option '--count-by'.\n",
        "x": "No such option '--cursor'. Did you mean '--source'?\n",
        "0": "Invalid value for '--limit': must be a whole number, 1 or more, not '0'\n",
        "/": "Invalid value for '[FILE]': File '/' is a directory.\n",
        "name,id": """\
--has: id: every lead has it
""",
        "email, phone": """\
no lead both has and lacks phone
""",
        "--duplicates": "No such option '--duplicates'.\n",
    }
)


# What it costs


async def test_pages_of_a_thousand_and_rotors_own_filters() -> None:
    async with company(2500) as (sandbox, environment):
        everyone = await all_leads(sandbox)
        del sandbox.requests[:]
        _, out, err = await run("export", "--archived", "include", **environment)
        assert column(out) == [lead["id"] for lead in everyone]
        assert sandbox.requests == ["GET /leads"] * 3
        assert err == "2,500 leads, 3 requests spent.\n"
        # Few of them are Quoted and tagged so: one page is enough.
        _, out, err = await run("export", "--stage=Quoted", "--tags=exact-quote", **environment)
        assert (len(column(out)) > 20, err.partition(", ")[2]) == (True, "1 request spent.\n")
        # What is as old as that is not read.
        day = everyone[700]["created_at"][:10]
        _, out, err = await run("export", "--created-from", day, "--requests=1", **environment)
        assert (len(column(out)) > 500, err.partition(", ")[2]) == (True, "1 request spent.\n")
        _, out, err = await run("export", "--limit=1000", "--requests=1", **environment)
        assert err == "1,000 leads, 1 request spent.\n"


@pytest.mark.parametrize("case", ["all", "limit", "sorted", "capitals", "old", "retried"])
async def test_what_would_cost_too_much_is_not_begun(case: str) -> None:
    arguments = {
        "all": ["--requests=2"],
        "limit": ["--requests=1", "--limit=1001"],
        "sorted": ["--requests=2", "--limit=5", "--order=name"],
        "capitals": ["--requests=3", "--stage=qUOTED"],
        "old": ["--requests=1", "--created-from=2000-01-01"],
        "retried": ["--requests=2"],
    }[case]
    async with company(2500) as (sandbox, environment):
        if case == "retried":
            sandbox.faults.add(Fault(status=500))
        status, out, err = await run("export", *arguments, **environment)
    assert (status, out, err) == (1, "", TOO_COSTLY[case])
    assert len(sandbox.requests) == (2 if case in ("capitals", "retried") else 1)


TOO_COSTLY: dict[str, str] = snapshot(
    {
        "all": "This takes at least 3 requests, and --requests allows 2. 1 request spent. Nothing was written.\n",
        "limit": "This takes at least 2 requests, and --requests allows 1. 1 request spent. Nothing was written.\n",
        "sorted": "This takes at least 3 requests, and --requests allows 2. 1 request spent. Nothing was written.\n",
        "capitals": "This takes at least 4 requests, and --requests allows 3. 2 requests spent. Nothing was written.\n",
        "old": "This takes at least 2 requests, and --requests allows 1. 1 request spent. Nothing was written.\n",
        "retried": "This takes at least 3 requests, and --requests allows 2. 2 requests spent. Nothing was written.\n",
    }
)


async def test_a_tag_with_a_comma_is_looked_for_once() -> None:
    """Rotor cannot be asked for it, so a second reading could find no more than the first."""
    async with company(150) as (sandbox, environment):
        await run("export", "--tags", '["in, out", "nobody\'s"]', **environment)
        assert sandbox.requests == ["GET /leads"]


async def test_a_limit_on_requests_of_one_search_does_not_count() -> None:
    async with company(2500) as (_, environment):
        _, _, err = await run("export", "--archived=include", **environment, ROTOR_MCP_SEARCH_REQUESTS="1")
    assert err == "2,500 leads, 3 requests spent.\n"


async def test_each_request_has_a_time_of_its_own() -> None:
    async with company(2500) as (sandbox, environment):
        sandbox.faults.add(Fault(delay=0.7, times=3))
        status, _, err = await run("export", **environment, ROTOR_MCP_TIMEOUT="1.5")
    assert (status, err.partition(", 3 ")[2]) == (0, "requests spent.\n")


async def test_a_request_that_failed_is_made_again() -> None:
    async with company(1500) as (sandbox, environment):
        everyone = await all_leads(sandbox)
        sandbox.faults.add(PASS)
        sandbox.faults.add(Fault(status=503))
        status, out, err = await run("export", "--archived=include", **environment)
    assert (status, err) == (0, "1,500 leads, 3 requests spent.\n")
    assert column(out) == [lead["id"] for lead in everyone]


# While it runs


async def test_leads_that_come_meanwhile_repeat_and_push_out_nobody() -> None:
    async with company(2500) as (sandbox, environment):
        there = {lead["id"] for lead in await all_leads(sandbox)}
        del sandbox.requests[:]
        sandbox.faults.add(Fault(method="GET", delay=0.7, times=3))
        # The ids alone are few enough for the pipe to hold.
        async with begun("--fields=id", "--archived=include", environment=environment) as process:
            for page in (2, 3):
                await until_asked(sandbox, page + (page - 2) * 3)  # it waits with its request in hand
                for number in range(3):
                    await add(sandbox, name="New", phone=f"+1 612 555 01{page}{number}")
            out = await rest(process.stdout)
            assert await process.wait() == 0
    written = column(out)
    assert len(written) == len(set(written))
    assert set(written) == there


async def test_rows_are_written_as_pages_come() -> None:
    async with company(1500) as (sandbox, environment):
        sandbox.faults.add(PASS)
        sandbox.faults.add(Fault(method="GET", delay=60))
        async with begun("--fields=name", "--address-city=Hudson", environment=environment) as process:
            assert process.stdout is not None
            lines = 0
            with anyio.fail_after(20):
                while lines < 50:
                    lines += (await process.stdout.receive()).count(b"\r\n")
            assert process.returncode is None


@pytest.mark.parametrize(
    ("number", "name"),
    [(signal.SIGINT, "leads.csv"), (signal.SIGTERM, "leads.csv"), (signal.SIGINT, "leads.xlsx")],
)
async def test_stopped_in_the_middle_nothing_is_left(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, number: signal.Signals, name: str
) -> None:
    file, temporary = tmp_path / name, tmp_path_factory.mktemp("temporary")
    file.write_text("as it was")
    async with company(1500) as (sandbox, environment):
        sandbox.faults.add(PASS)
        sandbox.faults.add(Fault(method="GET", delay=60))
        async with begun(str(file), environment=environment | {"TMPDIR": str(temporary)}) as process:
            await until_asked(sandbox, 2)
            assert len(contents(tmp_path)) == 2
            process.send_signal(number)
            with anyio.fail_after(10):
                err = await rest(process.stderr)
                assert await process.wait() == 1
    assert err == f"Stopped. 2 requests spent. {file} was not written.\n"
    assert (contents(tmp_path), contents(temporary)) == ({name: "as it was"}, {})


async def test_a_quota_that_ends_in_the_middle(tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("as it was")
    async with company(1500) as (sandbox, environment):
        for target in (str(file), "-"):
            sandbox.faults.add(PASS)
            sandbox.faults.add(Fault(status=429))
            status, out, err = await run("export", target, "--archived=include", **environment)
            assert status == 1
            assert err.replace(str(file), "FILE") == USED_UP[len(out) > 0]
    assert len(column(out)) == 1000
    assert contents(tmp_path) == {"leads.csv": "as it was"}


USED_UP: dict[bool, str] = snapshot(
    {
        False: "The requests of this API key are used up for today (429): Rotor allows 1,000 a day, and the company's website forms may share them. Nothing was done. Try again tomorrow. 2 requests spent. FILE was not written.\n",
        True: "The requests of this API key are used up for today (429): Rotor allows 1,000 a day, and the company's website forms may share them. Nothing was done. Try again tomorrow. 2 requests spent. The output ends after 1,000 leads.\n",
    }
)


async def test_who_reads_no_further_ends_it_quietly() -> None:
    ours, theirs = os.pipe()
    async with company(2500) as (sandbox, environment):
        sandbox.faults.add(Fault(method="GET", delay=0.5, times=3))
        async with begun("--format=jsonl", stdout=theirs, environment=environment) as process:
            os.close(theirs)
            await until_asked(sandbox, 1)
            os.close(ours)
            with anyio.fail_after(20):
                assert await rest(process.stderr) == ""
                assert await process.wait() == 141


@posix
@pytest.mark.parametrize("columns", [40, 80])
async def test_progress_is_shown_on_a_terminal(columns: int) -> None:
    with Terminal(columns) as terminal:
        async with (
            company(2500) as (_, environment),
            # The ids alone are few enough for the pipe to hold.
            begun("--fields=id", stderr=terminal.inside, environment=environment) as process,
        ):
            assert await process.wait() == 0
        lines = terminal.lines()
    # Pages are read side by side: which requests have ended by then differs.
    assert [re.sub("(/.* leads), .*", r"\1", line) for line in dict.fromkeys(lines) if line] == snapshot(
        ["1,000/2,369 leads", "2,000/2,369 leads", "2,369 leads, 3 requests spent."]
    )


# Where it goes


@posix
async def test_a_file_is_replaced_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    file, link = tmp_path / "leads.csv", tmp_path / "newest.csv"
    file.write_text("as it was")
    file.chmod(0o644)
    link.symlink_to(file)
    status, out, err = await run("export", str(link), "--sandbox", "--limit", "1")
    assert (status, out, err) == (0, "", f"1 lead in {link}, 1 request spent.\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(table_in(file)) == 1
    assert len(contents(tmp_path)) == 2
    assert link.is_symlink()


@posix
@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can give a link away")
async def test_a_link_that_somebody_else_planted_is_not_followed(tmp_path: Path) -> None:
    file, link = tmp_path / "mine", tmp_path / "leads.csv"
    file.write_text("as it was")
    link.symlink_to(file)
    os.lchown(link, 12_345, 12_345)
    status, out, err = await run("export", str(link), "--sandbox", "--limit", "1")
    assert (status, out) == (1, "")
    assert err.startswith("leads.csv is a symbolic link of another user. No requests spent.")
    assert file.read_text() == "as it was"


async def test_a_file_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "leads.csv"
    async with company(5) as (sandbox, environment):
        status, out, err = await run("export", str(file), **environment)
        assert sandbox.requests == []
    assert (status, out) == (1, "")
    assert err.replace(str(file), "FILE") == snapshot(
        "No such file or directory. No requests spent. FILE was not written.\n"
    )


@posix
async def test_a_disk_without_room_for_the_rows_of_a_workbook(tmp_path: Path) -> None:
    program = 'ulimit -f 1; exec "$0" -m rotor_mcp export leads.xlsx --sandbox'
    ended = await anyio.run_process(
        ["sh", "-c", program, sys.executable],
        env=ENVIRONMENT | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        check=False,
    )
    assert (ended.returncode, ended.stdout, contents(tmp_path)) == (1, b"", {})
    assert ended.stderr.decode() == snapshot("File too large. 1 request spent. leads.xlsx was not written.\n")


@posix
async def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    status, _, err = await run("export", str(pipe), "--sandbox", "--limit=5")
    assert (status, err) == (0, "5 leads, 1 request spent.\n")
    assert len(table(os.read(reader, 100_000).decode())) == 5
    os.close(reader)
    assert pipe.is_fifo()


async def test_without_a_key() -> None:
    status, out, err = await run("export")
    assert (status, out) == (1, "")
    assert err == snapshot(
        "Nothing was sent: ROTOR_API_KEY is not set. A key is made in Rotor under Settings → Integrations and begins with rotor_. Enter it in the settings of this server's extension or plugin, or as ROTOR_API_KEY in the env block of its entry in the client's configuration; restart the client afterwards. No requests spent. Nothing was written.\n"
    )


async def test_a_key_that_may_not_read() -> None:
    async with company(5) as (_, environment):
        status, out, err = await run("export", **environment | {"ROTOR_API_KEY": CREATE_ONLY_KEY})
    assert (status, out) == (1, "")
    assert err == snapshot(
        "This API key lacks the scope leads:read (403), and nothing was done. Whoever made it can make one with that scope in Rotor under Settings → Integrations. Entering leads with upsert_lead may still work: such keys exist, made only for creating leads. 1 request spent. Nothing was written.\n"
    )
