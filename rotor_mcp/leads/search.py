"""Runs a search with the fewest requests.

A search that Rotor can filter alone costs one request for the leads shown. For any other, leads are read in
pages of 1,000, newest first, as far as needed and allowed, and `filters.py` filters them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rotor_mcp.api.models import PAGE_LIMIT, Lead
from rotor_mcp.concurrency import paced
from rotor_mcp.leads import filters
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.cursor import ApiFilters, Cursor, ScanPosition, digest
from rotor_mcp.leads.requests import CountedBy, SearchRequest
from rotor_mcp.leads.scan import Hit, LeadScan
from rotor_mcp.state.vocabulary import Kind, Unused


@dataclass(frozen=True)
class SearchOutcome:
    """What a search found, and where it continues."""

    request: SearchRequest
    scan: LeadScan
    matched: int
    """Matching leads among those read."""
    hits: list[Hit]
    """Matching leads from the cursor on, in the requested order."""
    count: int | None
    """All matching leads; None if unknown."""
    value: float | None
    """Sum of their projected values; None if unknown."""
    counts: dict[str, tuple[int, float]]
    """Name → number of leads and sum of their projected values, the most frequent first."""
    counted_by: CountedBy | None
    counts_partial: bool
    """Whether only the leads read are counted, and there are more."""
    compared_by_rotor_alone: bool
    """Whether nothing matches by Rotor's comparison, and no request was left to try other spellings."""
    unused: Sequence[Unused]
    """Requested stages, sources and tags that no lead read recently has."""

    def cursor_after(self, shown: int) -> str | None:
        """Return the cursor after the first `shown` hits; None at the end.

        It continues with the other hits, or else with the leads that were not read.
        """
        request, scan = self.request, self.scan
        begin = scan.begin
        if 0 < shown < len(self.hits):
            page, last = self.hits[shown - 1]
            if request.order == "newest":
                return replace(begin, page=page, seen=ScanPosition.of(last)).encode()
            until = scan.last.id if scan.last and not scan.ended else ""
            return replace(begin, after=_sort_key(scan, last), until=until).encode()
        if not scan.ended and request.limit:
            return replace(begin, page=scan.page, seen=scan.last, after=None, until="").encode()
        return None


async def search(request: SearchRequest, call: CallContext) -> SearchOutcome:
    """Find and count leads.

    Raises:
        RotorError: if a request failed.
        InvalidArguments: if the cursor does not belong to this search.
    """
    alone = filters.is_for_the_api(request)
    if request.cursor:
        begin = Cursor.decode(request.cursor, request)
    else:
        begin = Cursor(search=digest(request), size=max(request.limit, 1) if alone else PAGE_LIMIT)
    asked = request
    if request.stage:
        spellings = call.state.vocabulary.spellings("stage", request.stage)
        if len(spellings) == 1:
            asked = request.model_copy(update={"stage": spellings[0]})
        elif spellings and not request.cursor and not request.search:
            alone, begin = False, replace(begin, api_filters=ApiFilters.NOTHING, size=PAGE_LIMIT)
        elif spellings and not request.cursor:
            alone, begin = False, replace(begin, api_filters=ApiFilters.TEXT, size=PAGE_LIMIT)
    scan = LeadScan(asked, begin, call)
    matched = await scan.read_until(enough=1 if alone else _enough(request))
    while not request.cursor and (unfiltered := scan.without_api_filters(found=bool(matched))):
        if not call.search_requests_left:
            break
        scan, alone = unfiltered, False
        pages = 1 if scan.compares_text else call.search_requests_left
        matched = await scan.read_until(enough=_enough(request), pages=pages)
    unused = await _unused_words(request, call, matched) if not request.cursor else []
    return await _outcome(scan, matched, unused, counted_by_rotor=alone)


async def _unused_words(request: SearchRequest, call: CallContext, matched: Sequence[Hit]) -> list[Unused]:
    """Return the requested stage, source and tags that no lead has, as far as that explains the result."""
    given: dict[Kind, list[str]] = {
        "stage": [request.stage] if request.stage and not matched else [],
        "source": [request.source] if request.source and not matched else [],
        "tag": request.tags,
    }
    if not matched and any(given.values()) and call.search_requests_left:
        await call.learn_words()
    vocabulary = call.state.vocabulary
    return [
        unused
        for kind, words in given.items()
        for unused in vocabulary.unused(kind, words, part=kind == "source")
    ]


def _enough(request: SearchRequest) -> int | None:
    """Return how many leads are enough: one more than shown to continue in Rotor's order, else None (all)."""
    return request.limit + 1 if request.cursor and request.order == "newest" else None


def _sort_key(scan: LeadScan, lead: Lead) -> filters.SortKey:
    return filters.sort_key(lead, scan.request.order, scan.call.locale)


async def _in_order(scan: LeadScan, matched: list[Hit]) -> list[Hit]:
    """Return the matching leads in the requested order, from the cursor on."""
    if scan.request.order == "newest":
        return matched
    after = scan.begin.after
    keyed = [(_sort_key(scan, hit[1]), hit) async for hit in paced(matched)]
    keyed.sort(key=lambda pair: pair[0])
    return [hit for key, hit in keyed if after is None or key > after]


async def _outcome(
    scan: LeadScan, matched: list[Hit], unused: Sequence[Unused], *, counted_by_rotor: bool
) -> SearchOutcome:
    request, leads = scan.request, [lead for _, lead in matched]
    # A search that continues was counted in its first result; one that Rotor filtered alone, by Rotor.
    counts_all = not request.cursor and (scan.ended or not counted_by_rotor)
    by = request.count_by or "stage"
    counts = filters.count(leads, by) if counts_all and (request.count_by or len(leads) > 1) else {}
    return SearchOutcome(
        request=request,
        scan=scan,
        matched=len(matched),
        hits=await _in_order(scan, matched),
        count=len(leads) if counts_all else scan.exist if counted_by_rotor else None,
        value=sum(lead.projected_value or 0 for lead in leads) if counts_all else None,
        counts=counts,
        counted_by=by if counts else None,
        counts_partial=counts_all and not scan.ended,
        compared_by_rotor_alone=not (matched or request.cursor)
        and scan.without_api_filters(found=False) is not None,
        unused=unused,
    )
