"""`rotor-mcp import`: writes the rows of a file as leads.

The plan of every row is made and shown before anything is sent. A journal beside the file records the written
rows, so that an interrupted import can be continued.
"""

import hashlib
import itertools
import shutil
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from io import BufferedIOBase
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

import anyio
import click

from rotor_mcp import terminal
from rotor_mcp.api.pool import TransportFactory
from rotor_mcp.atomic_file import open_atomic
from rotor_mcp.config import Settings
from rotor_mcp.errors import MissingScope, NotFound, RotorError, TooManyRequests
from rotor_mcp.import_export import columns, import_report
from rotor_mcp.import_export.cells.dates import DateOrder
from rotor_mcp.import_export.file_report import FileReport
from rotor_mcp.import_export.formats.sheet import ReadOptions, TableError
from rotor_mcp.import_export.import_report import RowReport
from rotor_mcp.import_export.journal import DIGEST_BYTES, Journal, JournalError, row_digest
from rotor_mcp.import_export.progress import ImportObserver
from rotor_mcp.import_export.progress_line import ProgressLine
from rotor_mcp.import_export.row_reading import ColumnMapping
from rotor_mcp.import_export.row_requests import RowRequest, RowRequests
from rotor_mcp.import_export.table import Table, read_table
from rotor_mcp.leads.batch import Batch, RowOutcome
from rotor_mcp.leads.compare import differences
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.dedupe import RowGroup, combine
from rotor_mcp.leads.requests import SharedFields, UpsertRequest
from rotor_mcp.server.backend import open_tenant
from rotor_mcp.tenants import Tenant
from rotor_mcp.tools.error_text import render_error
from rotor_mcp.tools.phrases import counted, spent
from rotor_mcp.tools.upsert_leads import count_text, row_result

STANDARD_INPUT = "-"
JOURNAL_ENDING = ".rotor-import"

ImportMode = Literal["ask", "dry_run", "write"]

MAX_ROWS_KEPT = 1_000
"""Rows that are read once, the first of the file: as many as Rotor's quota lets a day write."""
MAX_ROWS_AT_HAND = 64
"""Further rows that are not read anew: each is needed several times while it is written."""


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
        data_digest = hashlib.sha256(data).hexdigest()
        del data  # as large as the table
        mapping = columns.match_columns(
            table, options.column_fields, region=region, date_order=options.date_order
        )
    except OSError as exc:
        raise click.ClickException(f"{options.file} cannot be read: {exc.strerror}") from None
    except (TableError, columns.ColumnError) as exc:
        raise click.ClickException(settings.redact(str(exc))) from None

    async def work() -> bool:
        async with open_tenant(settings, transport) as tenant:
            return await _ImportRun(options, table, mapping, tenant, data_digest).run()

    try:
        return anyio.run(work)
    except JournalError as exc:
        raise click.ClickException(settings.redact(str(exc))) from None


def _read(file: str) -> bytes:
    if file != STANDARD_INPUT:
        return Path(file).read_bytes()
    return sys.stdin.buffer.read() if sys.stdin else b""  # None if it is closed


class _ImportRun:
    """One run of an import. After the first ones, rows are read anew when they are needed: not all fit into
    memory.
    """

    def __init__(
        self, options: ImportOptions, table: Table, mapping: ColumnMapping, tenant: Tenant, data_digest: str
    ) -> None:
        self._options = options
        self._table = table
        self._rows = RowRequests(table, mapping, options.shared, options.skip_invalid_values)
        self._kept: dict[int, RowRequest] = {}
        """Number of a row → its request, if it is one of the first."""
        self._read_row_again = lru_cache(MAX_ROWS_AT_HAND)(self._read_row)
        self._file_report = FileReport(table, mapping)
        self._tenant = tenant
        self._data_digest = data_digest
        self._call = CallContext.begin(tenant)
        self._zone = str(self._call.locale.zone)
        self._numbers = array("L")
        """The number of each row."""
        self._digests = bytearray()
        """The digest of each valid row, one behind the other."""
        self._begun: set[int] = set()
        """Rows with which an earlier run had begun."""
        self._invalid: list[RowOutcome] = []
        self._reported: set[int] = set()
        """Hashes of the lines about rows that have been printed."""

    def _print(self, text: str) -> None:
        click.echo(terminal.fit(self._tenant.safe(text), sys.stdout))

    async def run(self) -> bool:
        """Show the plan, and write it if that is confirmed. Returns whether all rows are stored."""
        api = self._call.api
        groups = list(self._groups())
        valid = len(groups)
        for line in self._file_report.lines():
            self._print(line)
        if not self._may_go_on():
            return False
        api.resume()  # to read a large file takes longer than a request may
        try:
            with await self._journal() as journal:
                groups = list(self._pending(groups, journal))
                return await self._import(groups, valid, journal)
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
        if said or self._file_report.has_contacts or not len(self._table.rows):
            return True
        column = next((name for name in mapping.left_out), None)
        which = f"Say which column holds them, such as --map '{column}=phone', or say" if column else "Say"
        self._print(
            "Nothing was looked up or written: no row has a phone or an e-mail, so nobody could be contacted "
            f"or found again. {which} --yes-without-contacts."
        )
        return False

    def _groups(self) -> Iterator[RowGroup]:
        """Yield the valid rows, and collect the invalid ones in `_invalid`."""
        region, read = self._call.locale.region, self._read_request
        for row in self._table.rows:
            self._numbers.append(row.number)
            try:
                made = self._rows.of(row)
            except Exception as exc:
                self._invalid.append(RowOutcome.crashed((row.number,), exc))
                continue
            if len(self._kept) < MAX_ROWS_KEPT:
                self._kept[row.number] = made
            self._file_report.add(row.number, made)
            if made.request is None:
                self._invalid.append(RowOutcome((row.number,), "invalid", failure=made.failure))
                continue
            group = RowGroup.of((row.number,), made.request, region, read)
            self._digests += bytes.fromhex(row_digest(made.request))
            yield group

    def _pending(self, groups: Iterable[RowGroup], journal: Journal) -> Iterator[RowGroup]:
        """Yield the rows that no earlier run has stored, and remember those with which one had begun."""
        for at, group in enumerate(groups):
            digest = self._digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES].hex()
            if not journal.is_done(digest):
                if journal.candidates(digest) is not None:
                    self._begun.add(group.rows[0])
                yield group

    def _row(self, number: int) -> RowRequest:
        return self._kept.get(number) or self._read_row_again(number)

    def _read_row(self, number: int) -> RowRequest:
        return self._rows.of(self._table.rows[bisect_left(self._numbers, number)])

    def _arguments(self, number: int) -> dict[str, Any]:
        return self._row(number).reading.arguments

    def _request(self, number: int) -> UpsertRequest:
        request = self._row(number).request
        assert request is not None  # noqa: S101 - the row was valid, and is read as it was
        return request

    def _read_request(self, number: int) -> UpsertRequest:
        """Return what is written of a row: its notes may contain those for all rows."""
        request, locale = self._request(number), self._call.locale
        if len(request.given.notes) > 1:
            return combine([RowGroup.of((number,), request, locale.region)], locale).request
        return request

    def _digest(self, number: int) -> str:
        return row_digest(self._request(number))

    async def _journal(self) -> Journal:
        """Open the journal beside the file. A dry run uses an existing one and creates none."""
        file = Path(
            f"standard-input-{self._data_digest[:8]}"
            if self._options.file == STANDARD_INPUT
            else self._options.file
        )
        file = file.with_name(f"{file.name}{JOURNAL_ENDING}")
        if self._options.destination is None or (self._options.mode == "dry_run" and not file.exists()):
            return Journal(None, "")
        company: str | None = None
        with suppress(NotFound, MissingScope):  # not every Rotor may tell
            company = (await self._call.api.access()).company_id
        return Journal(file, f"{self._options.destination} {company or self._tenant.name}")

    async def _import(self, pending: Sequence[RowGroup], valid: int, journal: Journal) -> bool:
        """Plan and write the rows that are pending, of so many that are valid."""
        call, options = self._call, self._options
        if len(pending) < valid:
            self._print(f"Done in an earlier run: {counted(valid - len(pending), 'row')}.")
        batch = Batch(pending, call)
        batch.outcomes += self._invalid
        call.api.resume()
        await batch.plan(options.max_requests)
        self._recover_interrupted(batch, journal)
        preview = self._report(batch.preview())
        self._print(f"Plan for {count_text(preview.counts)}")
        self._print_report(preview)
        cost = f"To write this takes {batch.cost:,} more." if batch.cost else "There is nothing to write."
        self._print(f"{spent(call.api.requests)} {cost}")
        if options.mode == "dry_run":
            if batch.cost:
                self._print("Nothing was written. To write it: the same command with --yes.")
            return preview.is_all_stored
        if batch.cost:
            await call.state.locks.check()
        if batch.cost and options.mode == "ask" and not click.confirm("Write it now?"):
            return False
        del preview  # it holds the rows that need attention
        report = self._report(batch.outcomes)
        if batch.writes:
            await self._write(batch, journal, report)
        self._save_corrections(report)
        return report.is_all_stored

    def _report(self, outcomes: Iterable[RowOutcome]) -> RowReport:
        """Return a report of rows, without the lines that an earlier one had."""
        report = RowReport(self._zone, self._reported)
        for outcome in outcomes:
            report.add(outcome, row_result(outcome, self._call))
        return report

    def _print_report(self, report: RowReport) -> None:
        for line in report.lines():
            self._print(line)

    def _recover_interrupted(self, batch: Batch, journal: Journal) -> None:
        """Find rows that an interrupted run has written, and that only a name identifies.

        A lead that was not there when the row began and has its values is taken for the row's.
        """
        for write in [write for write in batch.writes if write.rows[0] in self._begun]:
            digests = list(map(self._digest, write.rows))
            known, plan = journal.candidates(digests[0]), batch.plan_of(write)
            if known is None or plan is None or plan.found.lead is not None:
                continue
            if plan.found.alternatives_left_out:
                continue  # not all alternatives are listed: one that seems new may only have moved up
            new = [lead for lead in plan.found.alternatives if lead.id not in known]
            written = [lead for lead in new if not differences(plan.fields, lead, self._call.locale)]
            if written:
                batch.writes.remove(write)
                batch.outcomes.append(RowOutcome(write.rows, "created"))
                journal.mark_done(digests, written[0].id)

    async def _write(self, batch: Batch, journal: Journal, report: RowReport) -> None:
        """Write what is planned, and print the report, which already has the rows that are not written."""
        api = self._call.api
        ended, total = itertools.count(1), len(batch.writes)
        with ProgressLine(lambda: api.requests) as progress:
            progress.show(0, total)

            def end(outcome: RowOutcome) -> None:
                report.add(outcome, row_result(outcome, self._call))
                progress.show(next(ended), total)

            observer = ImportObserver(api, self._options.max_requests, journal, self._digest, end)
            with observer.stop_on_signals():
                await batch.write(observer)
        self._print(f"{count_text(report.counts)} {spent(api.requests)}")
        self._print_report(report)
        if not report.counts.keys().isdisjoint({"not_sent", "unknown"}):
            self._print("The same command goes on where this ended. What was written is not sent again.")

    def _save_corrections(self, report: RowReport) -> None:
        if report.attention:
            corrections = import_report.corrections_csv(report.attention, self._arguments)
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


def _write_corrections(corrections: Iterable[str], name: str) -> Path:
    """Write the rows that need attention beside the file. Never overwrite one with other content."""
    beside = Path("standard-input" if name == STANDARD_INPUT else name)
    with TemporaryFile() as made:  # to compare it with files that are there, without holding it in memory
        made.writelines(line.encode(errors="replace") for line in corrections)
        digest = _digest_of(made)
        for number in itertools.count(1):
            file = beside.with_name(f"{beside.stem}.attention{'' if number == 1 else f'-{number}'}.csv")
            if not file.exists() and not file.is_symlink():
                break
            with file.open("rb") as other:
                if _digest_of(other) == digest:
                    return file
        made.seek(0)
        with open_atomic(file) as stream:
            shutil.copyfileobj(made, stream)
    return file


def _digest_of(stream: BufferedIOBase) -> bytes:
    stream.seek(0)
    return hashlib.file_digest(stream, "sha256").digest()
