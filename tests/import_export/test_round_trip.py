"""What `export` wrote, `import` reads: whatever is stored, nothing is changed by it and nothing is sent."""

import re
import signal
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta, timezone
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import anyio
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotor_mcp.config import Settings
from rotor_mcp.import_export import exporter, importer
from rotor_mcp.import_export.exporter import Export, ExportFormat
from rotor_mcp.import_export.importer import ImportOptions
from rotor_mcp.leads.phones import phone_form
from rotor_mcp.leads.requests import SearchRequest, SharedFields
from rotor_mcp.normalize import caseless
from rotor_mcp.sandbox import FULL_KEY, READ_ONLY_KEY, Sandbox
from rotor_mcp.sandbox.sample_leads import sample_leads
from rotor_mcp.sandbox.store import FIELDS, StoredLead
from tests.cli.test_main import run
from tests.conftest import NOW

SETTINGS = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago"})
FORMS: tuple[ExportFormat, ...] = get_args(ExportFormat)
EVERYBODY = SearchRequest(archived="include")


def _stored(number: int, **fields: Any) -> StoredLead:
    """A lead as the sandbox keeps it, the older the lower its number."""
    created = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=number)
    return (
        dict.fromkeys(FIELDS)
        | {
            "id": str(uuid.UUID(int=number + 1, version=4)),
            "tags": [],
            "created_at": created.isoformat().replace("+00:00", "Z"),
        }
        | fields
    )


def _all(sandbox: Sandbox) -> bytes:
    """Everything that the sandbox stores, as it answers."""

    async def ask() -> bytes:
        headers = {"x-api-key": READ_ONLY_KEY, "rotor-api-version": "1.1.0"}
        async with httpx2.AsyncClient(transport=sandbox.transport(), headers=headers) as http:
            return (await http.get("http://x/open-api/leads?archived=true&limit=1000")).content

    return anyio.run(ask)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """An export is a process of its own and takes the signals for itself."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def round_trip(leads: list[StoredLead], form: ExportFormat) -> str:
    """Export a company and import that file; check that nothing changed, and return how the rows ended."""
    with closing(Sandbox(leads=0)) as sandbox, TemporaryDirectory() as folder:
        sandbox.store.seed(lambda: leads)
        before = _all(sandbox)
        del sandbox.requests[:]
        file = str(Path(folder, f"leads.{form}"))
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()):
            assert exporter.run_export(SETTINGS, sandbox.transport, Export(EVERYBODY, None, 10), file, form)
            asked = ImportOptions(file, {}, SharedFields(), 800, "write", None)
            importer.run_import(asked, SETTINGS, sandbox.transport)
        assert [request for request in sandbox.requests if request.startswith("POST")] == [], out.getvalue()
        assert _all(sandbox) == before
    lines = out.getvalue().splitlines()
    last = next(line for line in reversed(lines) if re.match(r"(Plan for )?[\d,]+ rows?: ", line))
    return last.removeprefix("Plan for ").partition(".")[0]


# Leads as no form would let them through


def _zone(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes))


ODD = st.sampled_from(
    [
        *"=+-@'\"\\;,|:.#[]{}/ \t\n\r",
        "\r\n",
        "'=",
        "''",
        "\x0b",
        "\x1b[31m",
        "\u200b",
        "\u2028",
        "&amp;",
    ]
)
WORD = st.sampled_from(
    ["Ann", "Zoë", "Łukasz", "🏠", "n/a", "null", "O'Neil", "2026-11-22:", "1,5", "ﬁn", "é", "ON"]
)
LETTER = st.characters(exclude_categories=["Cs"], exclude_characters="\0\x1c\x1d\x1e\x1f\ufffe\uffff")
TEXT = st.lists(ODD | WORD | LETTER, min_size=1, max_size=6).map("".join)
"""Letters, among them those that mean something to a spreadsheet, to JSON or to us. Not NUL: see below. Nor the
separators 1c to 1f, which only Python takes for blanks, and Rotor's values are stripped of blanks otherwise. Nor
U+FFFE and U+FFFF, which no workbook holds."""

LINES = st.lists(
    TEXT | st.sampled_from(["2026-11-20: Gate code 4711.", "2026-11-20:", "", " ", "gate code 4711."]),
    min_size=1,
    max_size=5,
).map("\n".join)
MOMENTS = st.one_of(
    st.dates().map(str),
    st.datetimes(
        timezones=st.integers(-14 * 60, 14 * 60).map(_zone) | st.just(UTC),
        min_value=datetime(1, 1, 3),  # noqa: DTZ001
        max_value=datetime(9999, 12, 29),  # noqa: DTZ001
    ).map(lambda moment: moment.isoformat().replace("+00:00", "Z")),
    st.sampled_from(
        ["2026-12-01T18:00:00Z", "2026-11-01T06:30:00Z", "2026-11-01T07:30:00Z", "2026-03-08T08:00:00Z"]
    ),
)
AMOUNTS = st.one_of(
    st.integers(0, 10**7), st.floats(0, 1e9), st.sampled_from([0, 0.1 + 0.2, 1e-7, 1234.5, 1.234, 1e22])
)
NOTHING = ("", "-", "n/a", "none", "null", ".")
PHONES = st.one_of(
    TEXT,
    st.integers(1000, 9999).map("(763) 555-{}".format),
    st.integers(1000, 9999).map("+1763555{}".format),
    st.sampled_from(["n/a", "555-0143", "p:+17635550144", "call the wife", "763-555-0145 ::: 763-555-0146"]),
)
EMAILS = st.one_of(
    TEXT.map(lambda text: f"{''.join(text.split())}@b.cd".replace("@@", "@").lstrip("@")).filter(
        lambda text: text.count("@") == 1
    ),
    st.sampled_from(["Ann.Roe@Example.com", "+a@b.cd", "=1+1@b.cd", "none", "N/A"]),
)
BEYOND_A_LIMIT: list[dict[str, Any]] = [
    {"email": "ann at home"},
    {"email": "a@b.cd ::: c@d.ef"},
    {"notes": "y" * 2_001},
    {"priority": "urgent"},
    {"projected_value": -0.5},
    {"follow_up_date": "when the snow melts"},
    {"service_type": "x" * 101},
]


@st.composite
def state_factory(draw: st.DrawFn, most: int) -> list[StoredLead]:
    """Whole companies of them. Nobody shares a phone or an e-mail: see below."""
    maybe = st.none
    fields = st.fixed_dictionaries(
        {
            "name": maybe() | TEXT | st.just(""),
            "phone": maybe() | PHONES,
            "email": maybe() | EMAILS,
            "stage": maybe() | TEXT | st.sampled_from(["complete", "None"]),
            "priority": maybe() | st.sampled_from(["low", "medium", "HIGH"]),
            "projected_value": maybe() | AMOUNTS,
            "follow_up_date": maybe() | MOMENTS,
            "service_type": maybe() | TEXT,
            "source": maybe() | TEXT,
            "tags": st.lists(TEXT | st.sampled_from(["in, out", "[x]", "n/a", '"']), max_size=4),
            "address_street1": maybe() | TEXT,
            "address_zip": maybe() | TEXT | st.sampled_from(["z:55328", "55328.0", "01234"]),
            "address_country": maybe() | TEXT,
            "notes": maybe() | LINES | st.just("y" * 2_000),
            "archived_at": maybe() | st.just("2026-11-20T20:00:00Z"),
            "value_score": maybe() | st.floats(-1, 100),
            "location": maybe() | st.just([45.04, -93.79]),
        }
    )
    leads = draw(st.lists(fields, min_size=1, max_size=most))
    taken: set[str] = set()
    for lead in leads:
        if draw(st.integers(0, 5)) == 5:
            lead.update(draw(st.sampled_from(BEYOND_A_LIMIT)))
        for name in ("phone", "email"):
            own = {f"{name} {form}" for form in (_contact(name, str(lead[name] or "")),)}
            if not taken.isdisjoint(own):
                lead[name] = None
            taken |= own
    return [_stored(number, **lead) for number, lead in enumerate(leads)]


def _contact(name: str, text: str) -> str:
    return phone_form(text.strip(), "US") if name == "phone" else caseless(text)


def _is_beyond_a_limit(lead: StoredLead) -> bool:
    """Whether Rotor would not take from us what it stores."""
    email, value = (lead["email"] or "").strip(), lead["projected_value"]
    return (
        len((lead["notes"] or "").strip()) > 2_000
        or len((lead["service_type"] or "").strip()) > 100
        or (lead["priority"] or "low").lower() not in ("low", "medium", "high")
        or (value is not None and value < 0)
        or lead["follow_up_date"] == "when the snow melts"
        or _is_in_no_year(lead["follow_up_date"] or "")
        or (email.lower() not in NOTHING and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email))
    )


def _is_in_no_year(follow_up_date: str) -> bool:
    """Whether a date is in no year that we take; the first day of all stands for no date."""
    return (
        bool(follow_up_date) and follow_up_date[:10] != "0001-01-01" and not "1900" < follow_up_date < "3000"
    )


def expected_end(leads: list[StoredLead]) -> str:
    """How the rows end if nothing is changed."""
    refused = sum(map(_is_beyond_a_limit, leads))
    parts = {"unchanged": len(leads) - refused, "invalid": refused}
    counts = ", ".join(f"{count} {outcome}" for outcome, count in parts.items() if count)
    return f"{len(leads)} row{'s' if len(leads) > 1 else ''}: {counts}"


@settings(max_examples=40)
@given(state_factory(6))
def test_whatever_is_stored_is_not_changed(leads: list[StoredLead]) -> None:
    assert [round_trip(leads, form) for form in FORMS if form != "xlsx"] == [expected_end(leads)] * 2


@settings(max_examples=10)  # of more leads each, because a process is started to read each workbook
@given(state_factory(30))
def test_nor_is_it_by_a_workbook(leads: list[StoredLead]) -> None:
    assert round_trip(leads, "xlsx") == expected_end(leads)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.slow
def test_a_company_of_more_than_a_page(form: ExportFormat) -> None:
    leads = [_stored(number, name=f"Person {number}", notes="=1+1\n'-") for number in range(1_100)]
    assert round_trip(leads, form) == "1,100 rows: 1,100 unchanged"


# What was once read differently from how it was written

SHARED = {"phone": "(763) 555-0100"}
KNOWN: dict[str, tuple[ExportFormat, list[dict[str, Any]]]] = {
    "a phone that a household shares, CSV": ("csv", [{"name": "Ann"} | SHARED, {"name": "Bob"} | SHARED]),
    "a phone that a household shares, JSON lines": (
        "jsonl",
        [{"name": "Ann"} | SHARED, {"name": "Bob"} | SHARED],
    ),
    "a NUL in the notes, CSV": ("csv", [{"name": "Ann", "notes": "pasted\0"}]),
    "a NUL in the notes, XLSX": ("xlsx", [{"name": "Ann", "notes": "pasted\0"}]),
    "a moment without an offset, JSON lines": (
        "jsonl",
        [{"name": "Ann", "follow_up_date": "2026-12-01T09:30:00"}],
    ),
}


@pytest.mark.parametrize("case", KNOWN)
def test_it_is_read_as_it_was_written(case: str) -> None:
    form, fields = KNOWN[case]
    leads = [_stored(number, **values) for number, values in enumerate(fields)]
    assert round_trip(leads, form).endswith(f": {len(leads)} unchanged")


# With the real commands


async def _with_the_commands(
    leads: list[StoredLead], form: ExportFormat, folder: Path
) -> tuple[int, str, bool]:
    """Export, import and export again. Returns status and last line, and whether both files are the same."""
    rotor, first, second = (folder / name for name in ("rotor.db", f"first.{form}", f"second.{form}"))
    with closing(Sandbox(rotor, leads=0)) as sandbox:
        sandbox.store.seed(lambda: leads)
    await run("export", str(first), "--archived=include", f"--sandbox={rotor}")
    status, out, err = await run("import", str(first), "--yes", f"--sandbox={rotor}")
    await run("export", str(second), "--archived=include", f"--sandbox={rotor}")
    return status, f"{err}{out}".splitlines()[-1], _rows(first) == _rows(second)


def _rows(file: Path) -> bytes:
    """The bytes of a file; of a workbook, which tells when it was made, those of its sheet."""
    if file.suffix != ".xlsx":
        return file.read_bytes()
    with zipfile.ZipFile(file) as package:
        return package.read("xl/worksheets/sheet1.xml")


@pytest.mark.anyio
@pytest.mark.parametrize("form", FORMS)
async def test_all_sample_leads(form: ExportFormat, tmp_path: Path) -> None:
    ended = await _with_the_commands(sample_leads(NOW.date(), 150), form, tmp_path)
    assert ended == (0, "150 rows: 150 unchanged. 2 requests spent.", True)
