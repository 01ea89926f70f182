"""What `upsert_leads` does: its rows → a batch, within the time and the requests of one call → its result."""

from collections.abc import Iterator

from rotor_mcp.leads.batch import Batch, Ending, Watch
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.dedupe import RowGroup
from rotor_mcp.leads.lookup import TooManyRequestsError
from rotor_mcp.leads.matching import check_phone
from rotor_mcp.leads.requests import UpsertLead, UpsertLeads
from rotor_mcp.leads.validation import InvalidArguments, parse, read_object
from rotor_mcp.tools.batch_report import summarise
from rotor_mcp.tools.results import BatchResult


async def upsert_many(arguments: UpsertLeads, call: CallContext) -> BatchResult:
    """Create and update leads, each row with an outcome of its own.

    Raises:
        TooManyRequestsError: if it would take more requests than one call may spend.
        RotorError: if Rotor could not be asked or refused before anything was written.
    """
    refused: list[Ending] = []
    batch = Batch(list(_entries(arguments, call.context.region, refused)), call)
    batch.endings += refused
    await batch.plan(call.batch_requests)
    if arguments.dry_run:
        return summarise(batch.preview(), call, would_spend=batch.writes)
    if call.rotor.requests + batch.writes > call.batch_requests:
        raise TooManyRequestsError(call.rotor.requests + batch.writes, call.batch_requests, batch.writes)
    await batch.write(_Teller(call, len(batch.jobs)))
    return summarise(batch.endings, call)


def _entries(arguments: UpsertLeads, region: str, refused: list[Ending]) -> Iterator[RowGroup]:
    """Read the rows, each with what is given for all of them. Those that cannot be read are refused."""
    for number, row in enumerate(arguments.rows, 1):
        try:
            read = _read(row, arguments)
            check_phone(read, region)
            for remark in read.remarks:
                arguments.remark(f"row {number}: {remark}")
            yield RowGroup((number,), read)
        except InvalidArguments as exc:
            refused.append(Ending((number,), "invalid", trouble=exc))
        except Exception as exc:
            refused.append(Ending.crashed((number,), exc))


def _read(row: object, shared: UpsertLeads) -> UpsertLead:
    row = read_object(row)
    if not isinstance(row, dict):
        raise InvalidArguments(["a row must be an object with the arguments of upsert_lead"])
    if "dry_run" in row:
        raise InvalidArguments(["dry_run is not for one row: give it beside rows"])
    return shared.fill(parse(UpsertLead, row))


class _Teller(Watch):
    """Tells the client of each row, and lets none begin when the time of the call runs out."""

    def __init__(self, call: CallContext, jobs: int) -> None:
        self._call = call
        self._jobs = jobs
        self._done = 0

    def stop(self) -> str | None:
        return "the time of this call ran out" if self._call.rotor.running_out else None

    async def ended(self, ending: Ending) -> None:
        self._done += 1
        await self._call.progress(self._done, self._jobs, f"row {ending.rows[0]}: {ending.outcome}")
