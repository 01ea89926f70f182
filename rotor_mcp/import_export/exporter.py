"""`rotor-mcp export`: writes all leads that match a search to a file or to standard output.

Leads are read in pages of 1,000. In Rotor's order, newest first, each page is written before the next is
read; for other orders, leads wait in a temporary file. So memory does not grow with the number of leads. A
workbook is written when the last page is read.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal

import anyio
import click

from rotor_mcp.api.models import PAGE_LIMIT, Lead
from rotor_mcp.api.pool import TransportFactory
from rotor_mcp.atomic_file import open_atomic, reject_foreign_symlink
from rotor_mcp.concurrency import background_tasks
from rotor_mcp.config import Settings
from rotor_mcp.errors import RotorError, TooManyRequests
from rotor_mcp.extras import install_hint
from rotor_mcp.import_export import lead_rows, lead_workbook
from rotor_mcp.import_export.lead_workbook import WorkbookError
from rotor_mcp.import_export.progress_line import ProgressLine
from rotor_mcp.import_export.waiting_leads import WaitingLeads
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.cursor import Cursor, digest
from rotor_mcp.leads.requests import SearchRequest
from rotor_mcp.leads.scan import LeadScan
from rotor_mcp.sanitize import clean
from rotor_mcp.server.backend import open_tenant
from rotor_mcp.tools.error_text import render_error
from rotor_mcp.tools.phrases import counted, spent

STANDARD_OUTPUT = "-"
_STDOUT = 1

ExportFormat = Literal["csv", "jsonl", "xlsx"]
_ENDINGS: dict[str, ExportFormat] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".xlsx": "xlsx"}
WriteLeads = Callable[[Sequence[Lead]], None]


@dataclass
class Export:
    """What to export, and the progress."""

    request: SearchRequest
    """Filters, order and fields. Its limit is ignored."""
    limit: int | None
    """Maximum number of leads; None for all that match."""
    max_requests: int
    """Maximum number of pages of 1,000 leads to read."""
    written: int = field(default=0, init=False)
    call: CallContext | None = field(default=None, init=False)

    @property
    def spent(self) -> int:
        """Requests spent of the quota, retries included."""
        return self.call.api.requests if self.call else 0


def choose_format(file: str, asked: ExportFormat | None) -> ExportFormat:
    """Return the format that is asked for, or else that of the ending of a file's name.

    A name without an ending, a pipe and a device get CSV.

    Raises:
        click.UsageError: if the ending is unknown, or means another format than the one that is asked for.
        click.ClickException: if the format needs an extra that is not installed.
    """
    ending = "" if file == STANDARD_OUTPUT else Path(file).suffix.lower().removesuffix(".")
    meant = _ENDINGS.get(ending)
    if asked and meant and asked != meant:
        raise click.UsageError(
            f"The ending {ending} means {meant}, and --format is {asked}. Give FILE another ending, or leave "
            "--format out"
        )
    if ending and not (asked or meant or _is_stream(file)):
        *known, last = _ENDINGS
        raise click.UsageError(
            f"The ending {ending} means no format. Use {', '.join(known)} or {last}, or choose a --format"
        )
    form = asked or meant or "csv"
    if form == "xlsx" and not lead_workbook.is_available():
        raise click.ClickException(
            f"Workbooks need another package: {install_hint('xlsx')}, or export to CSV"
        )
    return form


def run_export(
    settings: Settings,
    transport: TransportFactory | None,
    export: Export,
    file: str,
    form: ExportFormat,
) -> bool:
    """Export leads to a file, or to standard output if its name is `-`, and report on standard error.

    Returns whether the export is complete.

    Raises:
        BrokenPipeError: if the reader of the output has closed it.
        click.UsageError: if a workbook would go to a terminal.
    """
    # SIGTERM cleans up as SIGINT does. A shell that starts the process in the background may ignore SIGINT.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    is_stream = _is_stream(file)
    in_the_way = is_stream and os.isatty(_STDOUT)
    try:
        with (
            _open_output(file) as stream,
            ProgressLine(lambda: export.spent, hidden=in_the_way) as progress,
            _lead_writer(stream, form, export, settings, is_stream=is_stream) as write,
        ):

            async def work() -> None:
                # On SIGINT, and so on SIGTERM, the event loop cancels its task, which counts every request.
                signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
                async with open_tenant(settings, transport) as tenant:
                    export.call = CallContext.begin(tenant)
                    await _read_leads(export, export.call, progress, write)

            anyio.run(work)
    except BrokenPipeError:
        raise
    except (RotorError, TooManyRequests, WorkbookError, OSError, KeyboardInterrupt) as exc:
        left = _written_text(export, file, form, is_stream=is_stream)
        done, text = False, f"{_failure_text(exc, export)} {left}"
    else:
        where = "" if is_stream else f" in {file}"
        done, text = True, f"{counted(export.written, 'lead')}{where}, {spent(export.spent)}"
    click.echo(settings.redact(text), err=True)
    return done


async def _read_leads(export: Export, call: CallContext, progress: ProgressLine, write: WriteLeads) -> None:
    """Write the leads as soon as their order is known.

    Raises TooManyRequests if there are too many to read; before the first, if Rotor's total shows it.
    """
    request, newest_first = export.request, export.request.sorted_by == "newest"
    left = sys.maxsize if export.limit is None else export.limit
    found = pages = 0
    done = False
    with WaitingLeads(request.sorted_by, call.locale) as waiting:
        async with background_tasks() as tasks:
            scan = LeadScan(request, Cursor(search=digest(request), size=PAGE_LIMIT), call, tasks)
            while not done:
                call.api.resume()  # the timeout is per page
                if export.limit is None or not newest_first:
                    scan.read_ahead(export.max_requests - pages + scan.pages)
                leads = await scan.read()
                pages += 1
                found += len(leads)
                done = scan.done or (newest_first and export.limit is not None and found >= export.limit)
                if done and (wider := scan.without_api_filters(found=found > 0)):
                    scan, leads, found, done = wider, [], 0, False  # none of these was written
                    waiting.clear()
                if not done:
                    _check_cost(export, scan, pages)
                    # How many leads are as new as asked for is unknown.
                    progress.show(scan.looked_at, None if request.created_from else scan.exist)
                if newest_first and scan.without_api_filters(found=True) is None:
                    known: Iterator[list[Lead]] = chain(waiting.take() if len(waiting) else (), [leads])
                else:
                    waiting.add(leads)
                    known = waiting.take() if done else iter(())
                for some in known:
                    if wanted := some[:left]:
                        write(wanted)
                        export.written += len(wanted)
                        left -= len(wanted)


def _check_cost(export: Export, scan: LeadScan, pages: int) -> None:
    """Raise TooManyRequests if the pages left, as far as their number is known, exceed `max_requests`."""
    leads = scan.exist or 0
    if export.request.created_from:
        leads = 0  # the number of leads since a date is unknown
    elif export.limit is not None and export.request.sorted_by == "newest":
        leads = min(leads, export.limit)
    needed = pages + max(-(-leads // PAGE_LIMIT) - scan.pages, 1)
    if needed > export.max_requests:
        raise TooManyRequests(needed, export.max_requests)


def _failure_text(exc: BaseException, export: Export) -> str:
    cost = spent(export.spent)
    match exc:
        case RotorError():
            return render_error(exc, export.spent)
        case TooManyRequests():
            return (
                f"This takes at least {exc.requests:,} requests, and --requests allows {exc.limit:,}. {cost}"
            )
        case WorkbookError():
            return f"{exc}. {cost}"
        case OSError():
            return f"{exc.strerror}. {cost}"
        case _:
            return f"Stopped. {cost}"


def _written_text(export: Export, file: str, form: ExportFormat, *, is_stream: bool) -> str:
    if not is_stream:
        return f"{file} was not written."
    if export.written and form != "xlsx":
        return f"The output ends after {counted(export.written, 'lead')}."
    return "Nothing was written."


def _is_stream(file: str) -> bool:
    """Whether the target is standard output, a pipe or a device, which cannot be replaced atomically."""
    return file == STANDARD_OUTPUT or (Path(file).exists() and not Path(file).is_file())


def _open_output(file: str) -> AbstractContextManager[BinaryIO]:
    if file == STANDARD_OUTPUT:
        # Not `sys.stdout.buffer`: with PYTHONUNBUFFERED it may write only a part.
        return os.fdopen(_STDOUT, "wb", closefd=False)
    reject_foreign_symlink(Path(file))
    return Path(file).open("wb") if _is_stream(file) else open_atomic(Path(file))


def _lead_writer(
    stream: BinaryIO, form: ExportFormat, export: Export, settings: Settings, *, is_stream: bool
) -> AbstractContextManager[WriteLeads]:
    """Return a function that writes leads, as a context whose end completes the output."""
    names = list(dict.fromkeys(export.request.fields)) or lead_rows.COLUMNS
    to_terminal = os.isatty(stream.fileno())
    if form == "xlsx":
        if to_terminal:
            raise click.UsageError("A workbook cannot be shown on a terminal. Name a FILE")
        return lead_workbook.open_workbook(stream, names, settings.zone)
    # Programs that read a stream take the mark for a part of the first name.
    mark = "" if is_stream else lead_rows.BYTE_ORDER_MARK
    return _text_writer(stream, form, names, settings, mark=mark, to_terminal=to_terminal)


@contextmanager
def _text_writer(
    stream: BinaryIO,
    form: ExportFormat,
    names: Sequence[str],
    settings: Settings,
    *,
    mark: str,
    to_terminal: bool,
) -> Iterator[WriteLeads]:
    """Return a function that writes leads, and the header before the first.

    Control characters are removed for a terminal, since the texts are untrusted.
    """
    header = mark + lead_rows.csv_text([names]) if form == "csv" else ""

    def write(leads: Sequence[Lead]) -> None:
        nonlocal header
        if form == "csv":
            text = lead_rows.csv_text(lead_rows.lead_cells(lead, names, settings.zone) for lead in leads)
        else:
            text = "".join(lead_rows.json_line(lead, names) for lead in leads)
        stream.write((clean(header + text) if to_terminal else header + text).encode())
        stream.flush()
        header = ""

    yield write
    write([])
