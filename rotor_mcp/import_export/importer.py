"""`rotor-mcp import`: writes the rows of a file as leads.

The plan of every row is made and shown before anything is sent. A journal beside the file records the written
rows, so that an interrupted import can be continued.
"""

import hashlib
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import anyio
import click

from rotor_mcp.api.pool import TransportFactory
from rotor_mcp.atomic_file import open_atomic
from rotor_mcp.config import Settings
from rotor_mcp.errors import RotorError, TooManyRequests
from rotor_mcp.import_export import columns, import_report
from rotor_mcp.import_export.cell_dates import DateOrder
from rotor_mcp.import_export.file_report import FileReport
from rotor_mcp.import_export.formats.sheet import ReadOptions, TableError
from rotor_mcp.import_export.journal import Journal, JournalError, row_digest
from rotor_mcp.import_export.progress import ImportObserver
from rotor_mcp.import_export.progress_line import ProgressLine
from rotor_mcp.import_export.row_reading import ColumnMapping
from rotor_mcp.import_export.row_requests import RowRequests
from rotor_mcp.import_export.table import Table, read_table
from rotor_mcp.leads.batch import Batch, RowOutcome
from rotor_mcp.leads.compare import differences
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.dedupe import RowGroup
from rotor_mcp.leads.requests import SharedFields
from rotor_mcp.server.backend import open_tenant
from rotor_mcp.tenants import Tenant
from rotor_mcp.tools.error_text import render_error
from rotor_mcp.tools.phrases import counted, spent
from rotor_mcp.tools.upsert_leads import count_rows, count_text, with_writes

STANDARD_INPUT = "-"
JOURNAL_ENDING = ".rotor-import"

ImportMode = Literal["ask", "dry_run", "write"]


@dataclass(frozen=True)
class ImportOptions:
    """The options of an import."""

    file: str
    """The file's name, or `-` for standard input."""
    column_fields: Mapping[str, str]
    """Column → field, from `--map`."""
    shared: SharedFields
    max_requests: int
    mode: ImportMode
    destination: str | None
    """Identifies the Rotor that is written to; None if it is in memory, so that no journal is needed."""
    read_options: ReadOptions = field(default_factory=ReadOptions)
    date_order: DateOrder | None = None
    """Of numeric dates; None if the dates show it."""
    skip_invalid_values: bool = False
    """Whether a row is written without its invalid values."""
    without_contacts: bool = False
    """Whether rows are written although none has a phone, an e-mail or an id."""


def run_import(options: ImportOptions, settings: Settings, transport: TransportFactory | None) -> bool:
    """Import a file. Returns whether all rows are stored in Rotor, or would be after a dry run.

    Raises:
        click.ClickException: if the file, its columns or its journal cannot be used.
    """
    try:
        data = _read(options.file)
        region = settings.phone_region
        table = read_table(data, options.file, options.read_options, region=region)
        mapping = columns.match_columns(
            table, options.column_fields, region=region, date_order=options.date_order
        )
    except OSError as exc:
        raise click.ClickException(f"{options.file} cannot be read: {exc.strerror}") from None
    except (TableError, columns.ColumnError) as exc:
        raise click.ClickException(settings.redact(str(exc))) from None

    async def work() -> bool:
        async with open_tenant(settings, transport) as tenant:
            return await _ImportRun(options, table, mapping, tenant, data).run()

    try:
        return anyio.run(work)
    except JournalError as exc:
        raise click.ClickException(settings.redact(str(exc))) from None


def _read(file: str) -> bytes:
    if file != STANDARD_INPUT:
        return Path(file).read_bytes()
    return sys.stdin.buffer.read() if sys.stdin else b""  # None if it is closed


class _ImportRun:
    """One run of an import."""

    def __init__(
        self, options: ImportOptions, table: Table, mapping: ColumnMapping, tenant: Tenant, data: bytes
    ) -> None:
        self._options = options
        self._table = table
        self._rows = RowRequests(table, mapping, options.shared, options.skip_invalid_values)
        self._report_on_file = FileReport(table, mapping)
        self._tenant = tenant
        self._data = data
        self._call = CallContext.begin(tenant)
        self._zone = str(self._call.locale.zone)
        self._arguments: dict[int, dict[str, Any]] = {}
        self._digests: dict[int, str] = {}
        self._invalid: list[RowOutcome] = []
        self._reported: set[str] = set()

    def _print(self, text: str) -> None:
        click.echo(self._tenant.safe(text))

    async def run(self) -> bool:
        """Show the plan, and write it if that is confirmed. Returns whether all rows are stored."""
        api = self._call.api
        groups = list(self._groups())
        for line in self._report_on_file.lines():
            self._print(line)
        if not self._may_go_on():
            return False
        try:
            with await self._journal() as journal:
                return await self._import(groups, journal)
        except RotorError as exc:
            self._print(render_error(exc, api.requests))
        except TooManyRequests as exc:
            self._print(
                f"Only to find out who is there takes {exc.requests:,} requests, and --requests allows "
                f"{exc.limit:,}. Nothing was written. {spent(api.requests)}"
            )
        return False

    def _may_go_on(self) -> bool:
        """Whether a row says how to contact somebody, or the person does without it."""
        options, mapping = self._options, self._rows.columns
        said = options.without_contacts or not columns.IDENTIFYING.isdisjoint(options.column_fields.values())
        if said or self._report_on_file.has_contacts or not len(self._table.rows):
            return True
        column = next((name for name in mapping.left_out), None)
        which = f"Say which column holds them, such as --map '{column}=phone', or say" if column else "Say"
        self._print(
            "Nothing was looked up or written: no row has a phone or an e-mail, so nobody could be contacted "
            f"or found again. {which} --yes-without-contacts."
        )
        return False

    def _groups(self) -> Iterator[RowGroup]:
        """Yield the valid rows, and collect the others in `_invalid`."""
        for row in self._table.rows:
            try:
                made = self._rows.of(row)
            except Exception as exc:
                self._arguments[row.number] = {}
                self._invalid.append(RowOutcome.crashed((row.number,), exc))
                continue
            self._report_on_file.add(row.number, made)
            self._arguments[row.number] = made.reading.arguments
            if made.request is None:
                self._invalid.append(RowOutcome((row.number,), "invalid", failure=made.failure))
            else:
                self._digests[row.number] = row_digest(made.request)
                yield RowGroup((row.number,), made.request)

    async def _journal(self) -> Journal:
        """Open the journal beside the file. A dry run uses an existing one and creates none."""
        file = Path(
            f"standard-input-{hashlib.sha256(self._data).hexdigest()[:8]}"
            if self._options.file == STANDARD_INPUT
            else self._options.file
        )
        file = file.with_name(f"{file.name}{JOURNAL_ENDING}")
        if self._options.destination is None or (self._options.mode == "dry_run" and not file.exists()):
            return Journal(None, "")
        access = await self._call.api.access()
        return Journal(file, f"{self._options.destination} {access.company_id}")

    async def _import(self, groups: Sequence[RowGroup], journal: Journal) -> bool:
        call, options = self._call, self._options
        pending = [group for group in groups if not journal.is_done(self._digests[group.rows[0]])]
        if len(pending) < len(groups):
            self._print(f"Done in an earlier run: {counted(len(groups) - len(pending), 'row')}.")
        batch = Batch(pending, call)
        batch.outcomes += self._invalid
        call.api.resume()
        await batch.plan(options.max_requests)
        self._recover_interrupted(batch, journal)
        preview = batch.preview()
        self._print(f"Plan for {count_text(count_rows(preview))}")
        self._report(preview)
        cost = f"To write this takes {batch.cost:,} more." if batch.cost else "There is nothing to write."
        self._print(f"{spent(call.api.requests)} {cost}")
        if options.mode == "dry_run":
            if batch.cost:
                self._print("Nothing was written. To write it: the same command with --yes.")
            return all(outcome.is_stored for outcome in preview)
        if batch.cost:
            await call.state.locks.check()
        if batch.cost and options.mode == "ask" and not click.confirm("Write it now?"):
            return False
        if batch.writes:
            await self._write(batch, journal)
        self._save_corrections(batch.outcomes)
        return all(outcome.is_stored for outcome in batch.outcomes)

    def _report(self, outcomes: Sequence[RowOutcome]) -> None:
        """Print the lines about rows that have not been printed yet."""
        rows = with_writes(outcomes, self._call)
        for title, lines in import_report.describe_rows(rows, self._zone).items():
            new = [line for line in lines if line not in self._reported]
            self._reported.update(new)
            for line in import_report.first_lines(title, new):
                self._print(line)

    def _recover_interrupted(self, batch: Batch, journal: Journal) -> None:
        """Find rows that an interrupted run has written, and that only a name identifies.

        A lead that was not there when the row began and has its values is taken for the row's.
        """
        for write in list(batch.writes):
            digests = [self._digests[row] for row in write.group.rows]
            known = journal.candidates(digests[0])
            if known is None or write.plan.found.lead is not None or write.plan.found.alternatives_left_out:
                continue  # not all alternatives are listed: one that seems new may only have moved up
            new = [lead for lead in write.plan.found.alternatives if lead.id not in known]
            written = [lead for lead in new if not differences(write.plan.fields, lead, self._call.locale)]
            if written:
                batch.writes.remove(write)
                batch.outcomes.append(RowOutcome(write.group.rows, "created"))
                journal.mark_done(digests, written[0].id)

    async def _write(self, batch: Batch, journal: Journal) -> None:
        api = self._call.api
        done, total = itertools.count(1), len(batch.writes)
        with ProgressLine(lambda: api.requests) as progress:
            progress.show(0, total)
            observer = ImportObserver(
                api,
                self._options.max_requests,
                journal,
                self._digests,
                lambda: progress.show(next(done), total),
            )
            with observer.stop_on_signals():
                await batch.write(observer)
        self._print(f"{count_text(count_rows(batch.outcomes))} {spent(api.requests)}")
        self._report(batch.outcomes)
        if any(outcome.status in ("not_sent", "unknown") for outcome in batch.outcomes):
            self._print("The same command goes on where this ended. What was written is not sent again.")

    def _save_corrections(self, outcomes: Sequence[RowOutcome]) -> None:
        if any(map(import_report.needs_attention, outcomes)):
            rows = with_writes(outcomes, self._call)
            corrections = import_report.corrections_csv(self._arguments, rows, self._zone)
            try:
                file = _write_corrections(corrections, self._options.file)
            except OSError as exc:
                self._print(f"The rows that need attention could not be put into a file: {exc.strerror}.")
                return
            again = "".join(f" --{name.replace('_', '-')}" for name in self._options.shared.shared)
            same = f" with the same{again}" if again else ""
            self._print(
                f"{file} holds the rows that need attention: correct them there, and import that file{same}."
            )


def _write_corrections(corrections: str, name: str) -> Path:
    """Write the rows that need attention beside the file. Never overwrite one with other content."""
    beside = Path("standard-input" if name == STANDARD_INPUT else name)
    data = corrections.encode(errors="replace")
    for number in itertools.count(1):
        file = beside.with_name(f"{beside.stem}.attention{'' if number == 1 else f'-{number}'}.csv")
        if not file.exists() and not file.is_symlink():
            break
        if file.read_bytes() == data:
            return file
    with open_atomic(file) as stream:
        stream.write(data)
    return file
