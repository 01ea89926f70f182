"""A company's pipeline at a glance: how many leads in each stage, from each source, with each tag."""

from rotor_mcp.api.models import PAGE_LIMIT
from rotor_mcp.leads import filters
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.cursor import Cursor, digest
from rotor_mcp.leads.requests import CountedBy, SearchLeads
from rotor_mcp.leads.scan import LeadScan
from rotor_mcp.tools.results import Count, PipelineResult

COUNTED: tuple[CountedBy, ...] = ("stage", "source", "tag")
MAX_COUNTS = 50
"""Stages, sources or tags that are counted by name, the most numerous."""


async def overview(call: CallContext) -> PipelineResult:
    """Count the leads that are not archived, as many as a search may read.

    Raises:
        RotorError: if Rotor could not be asked or refused.
    """
    everybody = SearchLeads()
    reading = LeadScan(everybody, Cursor(digest(everybody), PAGE_LIMIT), call)
    leads = [lead for _, lead in await reading.read_on()]
    return PipelineResult(
        count=len(leads),
        value=sum(lead.projected_value or 0 for lead in leads),
        counts={by: Count.first(filters.count(leads, by), MAX_COUNTS) for by in COUNTED},
        exist=None if reading.done else reading.exist,
        **call.setting(),
    )
