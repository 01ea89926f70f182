"""`rotor-mcp export`: all leads that a search would find, to a file or to standard output.

They are read as searches read them, in pages of 1,000. Where Rotor's order is the one wanted, each page is
written before the next is read: that takes little memory, however many leads there are.
"""

import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

import anyio
import click
import httpx2

from rotor_mcp.api.models import PAGE_LIMIT, Lead
from rotor_mcp.atomic_file import open_atomic, reject_foreign_symlink
from rotor_mcp.config import Settings
from rotor_mcp.errors import RotorError, TooManyRequests
from rotor_mcp.import_export import lead_rows
from rotor_mcp.leads import filters
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.cursor import Cursor, digest
from rotor_mcp.leads.requests import SearchRequest
from rotor_mcp.leads.scan import LeadScan
from rotor_mcp.sanitize import clean
from rotor_mcp.server.backend import open_tenant
from rotor_mcp.tenants import Tenant
from rotor_mcp.tools.error_text import render_error
from rotor_mcp.tools.phrases import counted, spent

STANDARD_OUTPUT = "-"
_STDOUT, _STDERR = 1, 2

Form = Literal["csv", "jsonl"]
WriteLeads = Callable[[Sequence[Lead]], None]


@dataclass
class Export:
    """What to export, and how far that has come."""

    wanted: SearchRequest
    """Which leads, in which order, and which of their fields. Its own limit does not count."""
    limit: int | None
    """Leads to write at most; all that match if None."""
    requests: int
    """Pages of 1,000 leads to read at most."""
    written: int = field(default=0, init=False)
    """Leads written."""
    call: CallContext | None = field(default=None, init=False)

    @property
    def spent(self) -> int:
        """Requests spent of the daily quota, retries included."""
        return self.call.api.requests if self.call else 0


def form_of(file: str) -> Form:
    """Tell the form of a file by the ending of its name."""
    return "jsonl" if Path(file).suffix.lower() in (".jsonl", ".ndjson") else "csv"


def run(
    settings: Settings,
    transport: Callable[[], httpx2.AsyncBaseTransport] | None,
    export: Export,
    file: str,
    form: Form,
) -> bool:
    """Export leads to a file, or to standard output if its name is `-`.

    What came of it is said on standard error. Returns whether all was written.

    Raises:
        BrokenPipeError: if whoever reads the output has read enough.
    """
    # A process that is told to end leaves as little behind as one that is interrupted. A shell that started
    # it in the background may have switched interruptions off.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    at_once = _is_written_at_once(file)
    watched = os.isatty(_STDERR) and not (at_once and os.isatty(_STDOUT))
    tell = _overwrite if watched else _keep_to_oneself
    try:
        with _opened(file) as stream:
            names = list(dict.fromkeys(export.wanted.fields)) or lead_rows.COLUMNS
            write = _writer(stream, form, names, settings, to_terminal=os.isatty(stream.fileno()))

            async def work() -> None:
                # The event loop ends its task between two steps when it is interrupted, so that each request
                # is counted. To be told to end does the same.
                signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
                async with open_tenant(settings, transport) as tenant:
                    await _run(export, tenant, write, tell)

            anyio.run(work)
    except BrokenPipeError:
        raise
    except (RotorError, TooManyRequests, OSError, KeyboardInterrupt) as exc:
        done, text = False, f"{_what_happened(exc, export)} {_what_is_left(export, file, at_once=at_once)}"
    else:
        where = "" if at_once else f" in {file}"
        done, text = True, f"{counted(export.written, 'lead')}{where}, {spent(export.spent)}"
    tell("")
    click.echo(settings.redact(text), err=True)
    return done


async def _run(export: Export, tenant: Tenant, write: WriteLeads, tell: Callable[[str], None]) -> None:
    async def progress(_done: float, _of: float | None, what: str) -> None:
        tell(f"{what}, {spent(export.spent)}")

    export.call = CallContext.begin(tenant, progress)
    async for leads in _in_order(export, export.call):
        write(leads)
        export.written += len(leads)
    write([])


async def _in_order(export: Export, call: CallContext) -> AsyncIterator[Sequence[Lead]]:
    """Read the leads that are wanted, and give them out as soon as their order is known.

    Raises:
        RotorError: if Rotor could not be asked or refused.
        TooManyRequests: if there are too many to read. Where Rotor's count of its leads shows
            that, none is given out before.
    """
    wanted, newest_first = export.wanted, export.wanted.order == "newest"
    reading = LeadScan(wanted, Cursor(search=digest(wanted), size=PAGE_LIMIT), call)
    found: list[Lead] = []
    given = pages = 0
    over = False
    while not over:
        call.api.resume()  # its clock is for one page, not for all
        found += await reading.read()
        pages += 1
        over = reading.done or (
            newest_first and export.limit is not None and len(found) + given >= export.limit
        )
        if over and (without_api_filters := reading.without_api_filters(found=bool(found) or given > 0)):
            reading, found, over = without_api_filters, [], False  # none of these was given out
        if not over:
            _check_cost(export, reading, pages)
            await call.progress(pages, None, f"{reading.looked_at:,} leads read")
        if found and newest_first and reading.without_api_filters(found=True) is None:
            leads = found if export.limit is None else found[: export.limit - given]
            yield leads
            given, found = given + len(leads), []
    if not newest_first:
        found.sort(key=lambda lead: filters.sort_key(lead, wanted.order, call.locale))
        yield found[: export.limit]


def _check_cost(export: Export, reading: LeadScan, pages: int) -> None:
    """See that the rest may be read, as far as is known how much that is.

    Raises:
        TooManyRequests: if it may not.
    """
    leads = reading.exist or 0
    if export.wanted.created_from:
        leads = 0  # where that ends is not known before it is read
    elif export.limit is not None and export.wanted.order == "newest":
        leads = min(leads, export.limit)
    needed = pages + max(-(-leads // PAGE_LIMIT) - reading.pages, 1)
    if needed > export.requests:
        raise TooManyRequests(needed, export.requests)


def _what_happened(exc: BaseException, export: Export) -> str:
    cost = spent(export.spent)
    match exc:
        case RotorError():
            return render_error(exc, export.spent)
        case TooManyRequests():
            return (
                f"This takes at least {exc.requests:,} requests, and --requests allows {exc.limit:,}. {cost}"
            )
        case OSError():
            return f"{exc.strerror}. {cost}"
        case _:
            return f"Stopped. {cost}"


def _what_is_left(export: Export, file: str, *, at_once: bool) -> str:
    if not at_once:
        return f"{file} was not written."
    return (
        f"The output ends after {counted(export.written, 'lead')}."
        if export.written
        else "Nothing was written."
    )


def _overwrite(text: str) -> None:
    """Show a line on a terminal in the place of the one shown before."""
    click.echo(f"\r{text:<70}\r", err=True, nl=False)


def _keep_to_oneself(_: str) -> None:
    """Show nothing: nobody watches, or the rows are on the same screen."""


def _is_written_at_once(file: str) -> bool:
    """Whether there is no file to put in its place at the end, but an output, a pipe or a device."""
    return file == STANDARD_OUTPUT or (Path(file).exists() and not Path(file).is_file())


def _opened(file: str) -> AbstractContextManager[BinaryIO]:
    if file == STANDARD_OUTPUT:
        # Not `sys.stdout.buffer`: where Python is told not to buffer, that may write a part only.
        return os.fdopen(_STDOUT, "wb", closefd=False)
    reject_foreign_symlink(Path(file))
    return Path(file).open("wb") if _is_written_at_once(file) else open_atomic(Path(file))


def _writer(
    stream: BinaryIO, form: Form, names: Sequence[str], settings: Settings, *, to_terminal: bool
) -> WriteLeads:
    """Make what writes rows, and before the first of them what the file begins with.

    A terminal gets no control characters: strangers wrote the texts.
    """
    begin = lead_rows.BYTE_ORDER_MARK + lead_rows.csv_text([names]) if form == "csv" else ""

    def write(leads: Sequence[Lead]) -> None:
        nonlocal begin
        if form == "csv":
            text = lead_rows.csv_text(lead_rows.cells(lead, names, settings.zone) for lead in leads)
        else:
            text = "".join(lead_rows.json_line(lead, names) for lead in leads)
        stream.write((clean(begin + text) if to_terminal else begin + text).encode())
        stream.flush()
        begin = ""

    return write
