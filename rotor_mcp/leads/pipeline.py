"""Counts a company's leads in each stage, from each source, and with each tag."""

from dataclasses import dataclass

from rotor_mcp.api.models import PAGE_LIMIT
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.counts import Counts, count, total_value
from rotor_mcp.leads.cursor import Cursor, digest
from rotor_mcp.leads.requests import CountedBy, SearchRequest
from rotor_mcp.leads.scan import LeadScan

COUNTED: tuple[CountedBy, ...] = ("stage", "source", "tag")


@dataclass(frozen=True)
class Pipeline:
    """How many leads there are, and what they may bring."""

    count: int
    value: float
    counts: tuple[Counts, ...]
    """By stage, by source and by tag."""
    exist: int | None
    """Leads that there are, if not all of them were read."""


async def count_pipeline(call: CallContext) -> Pipeline:
    """Count the leads that are not archived, as many as a search may read.

    Raises:
        RotorError: if Rotor could not be asked or refused.
    """
    everybody = SearchRequest()
    scan = LeadScan(everybody, Cursor(digest(everybody), PAGE_LIMIT), call)
    leads = [lead for _, lead in await scan.read_until()]
    return Pipeline(
        count=len(leads),
        value=total_value(lead.projected_value or 0 for lead in leads),
        counts=tuple([await count(leads, [by], call.locale) for by in COUNTED]),
        exist=None if scan.done else scan.exist,
    )
