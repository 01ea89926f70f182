"""What imports and exports cost: `python -m bench.imports` measures them and writes `bench/IMPORTS.md`.

The real commands run as processes of their own, on an embedded Rotor in another process, over HTTP on this
machine. The baseline of an import are plain POSTs of the same rows, as many at a time, by a script that looks
at nothing; of an export, plain GETs of its pages. Both run in turn, each time on a new company.
"""

import csv
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, Popen
from time import perf_counter
from typing import Any

import httpx2

from rotor_mcp.concurrency import MAX_CONCURRENT_REQUESTS
from rotor_mcp.import_export.journal import row_digest
from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.leads.validation import parse
from rotor_mcp.sandbox import FULL_KEY
from rotor_mcp.sandbox.faults import BASE_PATH

LEADS = 20_000
ROWS = 5_000
DELAYED_ROWS = 500
DELAY = 0.15
"""Seconds by which each answer comes later, as those of a service on the Internet do."""
LARGE_ROWS = LARGE_LEADS = 100_000
LARGE_EXPORTS = ("csv", "jsonl", "xlsx")
RUNS = 3
REPORT = Path(__file__).with_name("IMPORTS.md")
HEADERS = {"x-api-key": FULL_KEY, "rotor-api-version": "1.1.0"}

Row = dict[str, str]

PLAIN_POSTS = f"""
import csv, sys, anyio, httpx2
from itertools import chain
async def main(url, file):
    rows = iter(list(csv.DictReader(open(file, encoding="utf-8-sig"))))
    async with httpx2.AsyncClient(headers={HEADERS!r}, timeout=60) as http:
        async def work():
            for row in rows:
                body = {{name: value for name, value in row.items() if value}}
                (await http.post(url + "/leads", json=body)).raise_for_status()
        async with anyio.create_task_group() as group:
            for _ in range({MAX_CONCURRENT_REQUESTS}):
                group.start_soon(work)
anyio.run(main, *sys.argv[1:])
"""

PLAIN_GETS = f"""
import json, sys, httpx2
page, more = 0, True
with httpx2.Client(headers={HEADERS!r}, timeout=60) as http:
    while more:
        page += 1
        query = {{"limit": 1000, "page": page, "archived": "true"}}
        answer = http.get(sys.argv[1] + "/leads", params=query).json()
        more = answer["pagination"]["has_more"]
        for lead in answer["data"]:
            sys.stdout.write(json.dumps(lead) + chr(10))
"""

# A process begins with the memory of the one that starts it on its account, so that one must be small.
LAUNCH = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
open(sys.argv[1], "w").write(str(used.ru_maxrss))
sys.exit(bool(status))
"""


@dataclass(frozen=True)
class Kind:
    """A kind of import or export."""

    title: str
    rows: Callable[[list[dict[str, Any]]], list[Row]] | None
    """Makes the rows from the company's leads; None for an export."""
    delay: float = 0.0
    """Seconds by which each answer comes later."""


def _new(_: list[dict[str, Any]]) -> list[Row]:
    return [
        {"name": f"Person {n}", "phone": f"(218) {200 + n // 10_000}-{n % 10_000:04}", "source": "Home show"}
        for n in range(ROWS)
    ]


def _known(leads: list[dict[str, Any]], **fields: str) -> list[Row]:
    """Rows for leads that are there, each found by an e-mail that nobody shares."""
    alive = [lead for lead in leads if lead["email"] and not lead["archived"]]
    return [{"email": lead["email"], **fields} for lead in alive[:ROWS]]


def _half(leads: list[dict[str, Any]]) -> list[Row]:
    return _new(leads)[: ROWS // 2] + _known(leads, priority="high")[: ROWS // 2]


def _unchanged(leads: list[dict[str, Any]]) -> list[Row]:
    return [row | {"stage": ""} for row in _known(leads)]


KINDS = (
    Kind(f"import of {ROWS:,} new leads", _new),
    Kind(f"import of {ROWS // 2:,} new leads and {ROWS // 2:,} changes", _half),
    Kind(f"import of {ROWS:,} rows that change nothing", _unchanged),
    Kind(
        f"import of {DELAYED_ROWS} new leads, each answer {1_000 * DELAY:.0f} ms later",
        lambda leads: _new(leads)[:DELAYED_ROWS],
        DELAY,
    ),
    Kind(f"export of all {LEADS:,} leads", None),
)


@dataclass
class Measured:
    """Seconds, megabytes and requests of each run."""

    kind: Kind
    ours: list[tuple[float, float, int]] = field(default_factory=list)
    plain: list[tuple[float, float, int]] = field(default_factory=list)


@contextmanager
def company(directory: Path, leads: int = LEADS) -> Iterator[str]:
    """Serve a company of its own for the length of a block, and yield its address."""
    arguments = [f"--leads={leads}", "--port=0", "--quota=1000000", f"--file={directory / 'company.db'}"]
    command = [sys.executable, "-m", "rotor_mcp", "sandbox", *arguments]
    with Popen(command, stdout=PIPE, text=True) as process:
        try:
            yield process.stdout.readline().split()[-1] if process.stdout else ""
        finally:
            process.terminate()


def _leads(url: str) -> list[dict[str, Any]]:
    leads: list[dict[str, Any]] = []
    with httpx2.Client(headers=HEADERS, timeout=60) as http:
        for page in range(1, LEADS // 1_000 + 1):
            query = {"limit": "1000", "page": str(page), "archived": "true"}
            leads += http.get(f"{url}/leads", params=query).json()["data"]
    return leads


def _requests(directory: Path) -> int:
    """How many requests the company has counted."""
    import sqlite3

    with sqlite3.connect(directory / "company.db") as db:
        return int(db.execute("SELECT total(requests) FROM usage").fetchone()[0])


def _run(command: Sequence[str], url: str, directory: Path) -> tuple[float, float, int]:
    before = _requests(directory) if (directory / "company.db").exists() else 0
    environment = os.environ | {"ROTOR_API_KEY": FULL_KEY, "ROTOR_BASE_URL": url}
    memory = directory / "memory"
    launch = [sys.executable, "-S", "-c", LAUNCH, str(memory)]
    began = perf_counter()
    subprocess.run([*launch, *command], env=environment, check=True)
    seconds = perf_counter() - began
    megabytes = int(memory.read_text()) / (1e6 if sys.platform == "darwin" else 1e3)
    return seconds, megabytes, _requests(directory) - before


def measure(kind: Kind, runs: int) -> Measured:
    """Measure one kind, ours and plain in turn, each on a new company."""
    measured = Measured(kind)
    for run in range(runs):
        sides = [("ours", measured.ours), ("plain", measured.plain)]
        for side, results in sides if run % 2 == 0 else reversed(sides):
            with tempfile.TemporaryDirectory() as place, company(Path(place)) as url:
                directory = Path(place)
                command = _command(kind, side, url, directory)
                if kind.delay:
                    fault = {"delay": kind.delay, "times": 2 * DELAYED_ROWS}
                    httpx2.post(
                        f"{url.removesuffix(BASE_PATH)}/sandbox/faults", json=fault
                    ).raise_for_status()
                results.append(_run(command, url, directory))
                sys.stderr.write(f"{kind.title}, {side}: {results[-1]}\n")
    return measured


@dataclass
class MeasuredLarge:
    """Seconds, megabytes and requests of each run with many rows or leads."""

    title: str
    runs: list[tuple[float, float, int]] = field(default_factory=list)


def measure_large(runs: int) -> list[MeasuredLarge]:
    """Measure imports of many rows that write nothing, and exports of many leads.

    The imports are a dry run, and a run whose journal has all rows.
    """
    dry = MeasuredLarge(f"preview of {LARGE_ROWS:,} rows, all new leads")
    again = MeasuredLarge(f"second run of {LARGE_ROWS:,} rows, all written by the first")
    exports = {form: MeasuredLarge(f"export of {LARGE_LEADS:,} leads as {form}") for form in LARGE_EXPORTS}
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as place, company(Path(place)) as url:
            directory = Path(place)
            file, rows = directory / "leads.csv", list(map(large_row, range(LARGE_ROWS)))
            command = [sys.executable, "-m", "rotor_mcp", "import", str(file)]
            _write_csv(file, rows)
            dry.runs.append(_run([*command, "--dry-run"], url, directory))
            # One row is written, and the journal says the same of all.
            _write_csv(file, rows[:1])
            _run([*command, "--yes"], url, directory)
            _write_csv(file, rows)
            _note_all_done(file.with_name(f"{file.name}.rotor-import"), rows)
            again.runs.append(_run([*command, "--yes"], url, directory))
            sys.stderr.write(f"{dry.title}: {dry.runs[-1]}; {again.title}: {again.runs[-1]}\n")
        with tempfile.TemporaryDirectory() as place, company(Path(place), LARGE_LEADS) as url:
            directory = Path(place)
            for form, measured in exports.items():
                command = [sys.executable, "-m", "rotor_mcp", "export", str(directory / f"leads.{form}")]
                measured.runs.append(_run([*command, "--archived=include"], url, directory))
                sys.stderr.write(f"{measured.title}: {measured.runs[-1]}\n")
    return [dry, again, *exports.values()]


def large_row(number: int) -> Row:
    """Return a row of a large file."""
    return {
        "name": f"Person {number}",
        "phone": f"(218) {200 + number // 10_000}-{number % 10_000:04}",
        "email": f"person{number}@example.com",
        "address_street1": f"{number} Oak Street",
        "address_city": "Delano",
        "address_zip": f"{10_000 + number % 80_000}",
        "projected_value": str(100 + number % 5_000),
        "tags": "Spring, VIP",
        "notes": f"Note {number}: two dogs, gate code {number % 9_999:04}, call before noon.",
    }


def _note_all_done(journal: Path, rows: Sequence[Row]) -> None:
    import sqlite3

    with sqlite3.connect(journal) as db:
        company, _, ended, ids = db.execute("SELECT company, row, ended, ids FROM rows").fetchone()
        digests = (row_digest(parse(UpsertRequest, row)) for row in rows[1:])
        statement = "INSERT INTO rows VALUES (?, ?, ?, ?)"
        db.executemany(statement, ((company, digest, ended, ids) for digest in digests))
    db.close()


def _write_csv(file: Path, rows: Sequence[Row]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, sorted({name for row in rows for name in row}))
        writer.writeheader()
        writer.writerows(rows)


def _command(kind: Kind, side: str, url: str, directory: Path) -> list[str]:
    if kind.rows is None:
        if side == "plain":
            return [sys.executable, "-c", PLAIN_GETS, url]
        return [sys.executable, "-m", "rotor_mcp", "export", "--archived=include", "--format=jsonl"]
    rows = kind.rows(_leads(url))
    file = directory / "leads.csv"
    _write_csv(file, rows)
    if side == "plain":
        return [sys.executable, "-c", PLAIN_POSTS, url, str(file)]
    return [sys.executable, "-m", "rotor_mcp", "import", str(file), "--yes", "--requests=100000"]


def _spread(values: Sequence[float], digits: int) -> str:
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def _row(measured: Measured) -> str:
    ours, plain = measured.ours, measured.plain
    ratios = [mine[0] / other[0] for mine, other in zip(ours, plain, strict=True)]
    cells = (
        measured.kind.title,
        f"{ours[0][2]:,}",
        f"{plain[0][2]:,}",
        _spread([seconds for seconds, _, _ in ours], 1),
        _spread([seconds for seconds, _, _ in plain], 1),
        _spread(ratios, 2),
        _spread([megabytes for _, megabytes, _ in ours], 0),
        _spread([megabytes for _, megabytes, _ in plain], 0),
    )
    return f"| {' | '.join(cells)} |"


def _large_row_text(measured: MeasuredLarge) -> str:
    cells = (
        measured.title,
        f"{measured.runs[0][2]:,}",
        _spread([seconds for seconds, _, _ in measured.runs], 1),
        _spread([megabytes for _, megabytes, _ in measured.runs], 0),
    )
    return f"| {' | '.join(cells)} |"


def report(results: Sequence[Measured], large: Sequence[MeasuredLarge]) -> str:
    """Write it all down as Markdown."""
    return "\n".join(
        [
            "# What imports and exports cost",
            "",
            f"A company of {LEADS:,} leads, a new one for each run. Median (lowest-highest) of "
            f"{len(results[0].ours)} runs, ours and plain in turn.",
            "",
            "| What | Requests | Plain requests | Ours, s | Plain, s | Ratio | Ours, MB | Plain, MB |",
            "|---|--:|--:|--:|--:|--:|--:|--:|",
            *map(_row, results),
            "",
            "| Many rows, of which none is written, and many leads | Requests | s | MB |",
            "|---|--:|--:|--:|",
            *map(_large_row_text, large),
            "",
            "- *Ours*: the command, from its start to its end. *Plain*: a script that sends each row as a "
            f"POST, {MAX_CONCURRENT_REQUESTS} at a time like ours, or GETs each page and writes it as it "
            "came. It finds nobody, asks nothing, merges nothing, notes nothing, and replaces what it hits.",
            "- *Ratio*: median (lowest-highest) of the runs' own ratios. *MB*: the most memory of a process.",
            "- Requests of an import: 1 to learn whose key it is, 1 for each 1,000 leads of the company, 1 "
            "for each write. What was read more than 30 seconds before its turn is read again before it is "
            "changed, and every 20 seconds it is asked for new leads: so a change costs 2 in a long import.",
            "- The sandbox answers from the same machine within milliseconds, which shows what our work "
            "costs. Against the real service the waiting is added to both sides alike, as in the rows with "
            "a delay. Its 1,000 requests a day are the limit that counts: an import of more rows takes "
            "several days, and goes on where it stopped.",
            f"- Python {platform.python_version()} ({platform.python_implementation()}), "
            f"{platform.system()}, {os.cpu_count()} cores, shared and noisy.",
            "",
            "To repeat it: `python -m bench.imports` in the root of the repository. It overwrites this file.",
            "",
        ]
    )


def main() -> None:
    """Measure, and write the report."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    text = report([measure(kind, runs) for kind in KINDS], measure_large(runs))
    REPORT.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
