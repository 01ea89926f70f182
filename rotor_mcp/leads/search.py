"""Runs a search with the fewest requests.

A search that Rotor can filter alone costs one request for the leads shown. For any other, leads are read in
pages of 1,000, newest first, as far as needed and allowed, and `filters.py` filters them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

from rotor_mcp.api.models import PAGE_LIMIT, Lead
from rotor_mcp.concurrency import paced
from rotor_mcp.leads import filters
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.counts import Counts, count, total_value
from rotor_mcp.leads.cursor import ApiFilters, Cursor, ScanPosition, digest
from rotor_mcp.leads.duplicates import DuplicateGroup, contact_keys_of, find_duplicates
from rotor_mcp.leads.requests import SearchRequest
from rotor_mcp.leads.scan import Hit, LeadScan, StagesTooLong
from rotor_mcp.normalize import text_form
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
    counts: Counts | None
    """The matching leads by the facts that were asked for."""
    counts_partial: bool
    """Whether only the leads read are counted, and there are more."""
    compared_by_rotor_alone: bool
    """Whether nothing matches by Rotor's comparison, and no request was left to try other spellings."""
    unused: Sequence[Unused]
    """Requested stages, sources and tags that no lead read recently has."""
    duplicates: Sequence[DuplicateGroup] = ()
    """The groups of the hits, in their order, if only duplicates were asked for."""
    groups: int | None = None
    """All groups of duplicates, if these were asked for."""

    def cursor_after(self, shown: int) -> str | None:
        """Return the cursor after the first `shown` hits; None at the end.

        It continues with the other hits, or else with the leads that were not read.
        """
        request, scan = self.request, self.scan
        # The first result counts all; a later one repeats that.
        counted = self.count if scan.ended or request.cursor else None
        begin = replace(scan.begin, shown=scan.begin.shown + shown, count=counted)
        if 0 < shown < len(self.hits):
            page, last = self.hits[shown - 1]
            if self.duplicates:
                last = next(
                    group.leads[0] for group in self.duplicates if any(lead is last for lead in group.leads)
                )
            elif request.sorted_by == "newest":
                seen = ScanPosition.of(last)
                if page == begin.page == 1 and shown * 2 >= begin.size < PAGE_LIMIT:
                    # Rotor filters alone, and there was no room for all leads of its page. The next page has
                    # as many as there was room for, and needs one request.
                    return replace(begin, size=shown, page=2, seen=seen).encode()
                return replace(begin, page=page, seen=seen).encode()
            until = scan.last.id if scan.last and not scan.ended else ""
            return replace(begin, after=_sort_key(scan)(last), until=until).encode()
        if not scan.ended and request.limit and not request.duplicates:
            return replace(begin, page=scan.page, seen=scan.last, after=None, until="").encode()
        return None


async def search(request: SearchRequest, call: CallContext) -> SearchOutcome:
    """Find and count leads.

    Raises:
        RotorError: if a request failed.
        InvalidArguments: if the cursor does not belong to this search.
    """
    begin = Cursor.decode(request.cursor, request) if request.cursor else None
    if request.duplicates:
        return await _search_duplicates(request, call, begin)
    asked = _spelled(request, call)
    alone = filters.is_for_the_api(asked)
    if begin is None:
        size, api_filters = (max(request.limit, 1) if alone else PAGE_LIMIT), await _api_filters(asked, call)
        begin = Cursor(digest(request), size, api_filters=api_filters)
        asked = _spelled(request, call)  # leads that were read for this may have other spellings
    alone = alone and begin.api_filters is ApiFilters.ALL
    scan = LeadScan(asked, begin, call)
    # Without a cache, a first page that was read to choose the filters is read once more.
    pages = None if call.state.search_cache.seconds else max(call.search_requests_left, 1)
    try:
        matched = await scan.read_until(enough=_enough(request, begin, alone=alone), pages=pages)
    except StagesTooLong:
        scan = LeadScan(asked, replace(begin, api_filters=ApiFilters.NOTHING), call)
        matched = await scan.read_until(pages=max(call.search_requests_left, 1))
    while not request.cursor and (unfiltered := scan.without_api_filters(found=bool(matched))):
        if not call.search_requests_left:
            break
        scan, alone = unfiltered, False
        pages = 1 if scan.compares_text else call.search_requests_left
        matched = await scan.read_until(enough=_enough(request, scan.begin), pages=pages)
    unused = await _unused_words(request, call, matched) if not request.cursor else []
    return await _outcome(request, scan, matched, unused, counted_by_rotor=alone)


def _spelled(request: SearchRequest, call: CallContext) -> SearchRequest:
    """Return a search with each stage as the company spells it, in each of its spellings."""
    vocabulary = call.state.vocabulary
    stages = (
        spelling for stage in request.stage for spelling in vocabulary.spellings("stage", stage) or [stage]
    )
    return request.model_copy(update={"stage": list(dict.fromkeys(stages))})


async def _api_filters(request: SearchRequest, call: CallContext) -> ApiFilters:
    """Return the filters in Rotor with which a search takes the fewest requests."""
    filtered = request.search or (request.tags and filters.are_for_the_api(request.tags))
    if len(request.stage) <= 1 or filtered:
        return ApiFilters.ALL
    return ApiFilters.EACH_STAGE if await _reads_less_by_stage(request, call) else ApiFilters.NOTHING


async def _reads_less_by_stage(request: SearchRequest, call: CallContext) -> bool:
    """Whether a list for each stage probably takes fewer requests than the list of all leads.

    How many leads there are is known from earlier lists; if not, from the first page of all, which then is
    read already. How many have a stage that was not listed before is estimated from the leads read lately.
    With a first day of creation the list of all need not be read to its end.
    """
    if request.created_from:
        return False
    totals, archived, read = call.state.lead_totals, request.archived != "exclude", 0
    if (archived, None) not in totals:
        await call.page(archived=archived)
        read = 1
    total = totals.get((archived, None))
    if total is None:
        return False
    stages = _spelled(request, call).stage  # leads that were read for this may have other spellings
    leads = [
        totals.get((archived, stage), call.state.vocabulary.share("stage", stage) * total) for stage in stages
    ]
    of_all = math.ceil(total / PAGE_LIMIT) - read
    if not all(leads) and call.state.vocabulary.enough and of_all <= call.search_requests_left:
        return False  # perhaps Rotor spells it otherwise: only the list of all shows that
    by_stage = sum(max(math.ceil(number / PAGE_LIMIT), 1) for number in leads)
    return by_stage <= call.search_requests_left and by_stage < of_all


async def _unused_words(request: SearchRequest, call: CallContext, matched: Sequence[Hit]) -> list[Unused]:
    """Return the requested stages, sources and tags that no lead has, as far as that explains the result."""
    given: dict[Kind, list[str]] = {
        "stage": [*request.stage, *request.not_stage],
        "source": [request.source] if request.source and not matched else [],
        "tag": request.tags,
    }
    if not matched and any(given.values()) and call.search_requests_left:
        await call.learn_words()
    vocabulary = call.state.vocabulary
    return [
        unused
        for kind, words in given.items()
        if words
        for unused in vocabulary.unused(kind, words, part=kind == "source")
        if not any(_has(lead, unused) for _, lead in matched)
    ]


def _has(lead: Lead, unused: Unused) -> bool:
    """Whether a lead has a word after all: what was read lately may have come from the cache."""
    words = lead.tags if unused.kind == "tag" else [lead.stage or ""]
    return text_form(unused.word) in map(text_form, words)


def _enough(request: SearchRequest, begin: Cursor, *, alone: bool = False) -> int | None:
    """Return how many matching leads are enough; None if all are needed."""
    if alone:
        # A page of Rotor fills one of ours, unless a part of it was shown before, or more are asked for now.
        return begin.size if begin.size <= request.limit <= 2 * begin.size else request.limit
    # One more than shown tells whether the search continues.
    return request.limit + 1 if request.cursor and request.sorted_by == "newest" else None


def _sort_key(scan: LeadScan) -> Callable[[Lead], filters.SortKey]:
    return filters.sort_key(scan.request.sorted_by, scan.call.locale)


async def _in_order(scan: LeadScan, matched: list[Hit]) -> list[Hit]:
    """Return the matching leads in the requested order, from the cursor on."""
    if scan.request.sorted_by == "newest":
        return matched
    after, sort_key = scan.begin.after, _sort_key(scan)
    keyed = [(sort_key(hit[1]), hit) async for hit in paced(matched)]
    keyed.sort(key=lambda pair: pair[0])
    return [hit for key, hit in keyed if after is None or key > after]


async def _outcome(
    request: SearchRequest,
    scan: LeadScan,
    matched: list[Hit],
    unused: Sequence[Unused],
    *,
    counted_by_rotor: bool,
) -> SearchOutcome:
    leads = [lead for _, lead in matched]
    # A search that continues was counted in its first result; one that Rotor filtered alone, by Rotor.
    counts_all = not request.cursor and (scan.ended or not counted_by_rotor)
    return SearchOutcome(
        request=request,
        scan=scan,
        matched=len(matched),
        hits=await _in_order(scan, matched),
        count=len(leads) if counts_all else scan.exist if counted_by_rotor else scan.begin.count,
        value=total_value(lead.projected_value or 0 for lead in leads) if counts_all else None,
        counts=(
            await count(leads, request.count_by, scan.call.locale)
            if counts_all and request.count_by
            else None
        ),
        counts_partial=counts_all and not scan.ended,
        compared_by_rotor_alone=not request.cursor
        and (scan.finds_no_lead_of_a_stage if matched else scan.without_api_filters(found=False) is not None),
        unused=unused,
    )


async def _search_duplicates(
    request: SearchRequest, call: CallContext, begin: Cursor | None
) -> SearchOutcome:
    """Find groups of duplicates among all leads, of which at least one matches the other filters.

    A result that continues reads all leads again: who shares a phone with whom is known only then.
    """
    everybody = SearchRequest(archived=request.archived, order=request.sorted_by)
    started = begin or Cursor(digest(request), PAGE_LIMIT)
    all_leads = replace(started, api_filters=ApiFilters.NOTHING)
    scan = LeadScan(everybody, all_leads, call)
    read = await scan.read_until()
    matches = filters.matcher(request, call.locale, compare_text=True)
    keys = [contact_keys_of(lead, call.locale.region) async for _, lead in paced(read)]
    found = find_duplicates([lead for _, lead in read], keys)
    members: list[list[tuple[filters.SortKey, Lead]]] = [[] for _ in found]
    wanted: set[int] = set()
    sort_key = _sort_key(scan)
    numbered = ((number, lead) for number, group in enumerate(found) for lead in group.leads)
    async for number, lead in paced(numbered):
        members[number].append((sort_key(lead), lead))
        if number not in wanted and matches(lead):
            wanted.add(number)
    in_order = [
        (sorted(members[number], key=itemgetter(0)), group)
        for number, group in enumerate(found)
        if number in wanted
    ]
    in_order.sort(key=lambda pair: pair[0][0][0])
    leads = [lead for keyed, _ in in_order for _, lead in keyed]
    first, after = begin is None, started.after
    groups = [
        replace(group, leads=tuple(lead for _, lead in keyed))
        for keyed, group in in_order
        if after is None or keyed[0][0] > after
    ]
    unused = await _unused_words(request, call, [(0, lead) for lead in leads]) if first else []
    return SearchOutcome(
        request=request,
        scan=scan,
        matched=len(leads),
        hits=[(0, lead) for group in groups for lead in group.leads],
        count=len(leads),
        value=total_value(lead.projected_value or 0 for lead in leads) if first else None,
        counts=await count(leads, request.count_by, call.locale) if first and request.count_by else None,
        counts_partial=not scan.ended,
        compared_by_rotor_alone=False,
        unused=unused,
        duplicates=groups,
        groups=len(groups) if first else None,
    )
