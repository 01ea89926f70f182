"""Resolves short ids: finds the lead that the first characters of an id mean, or says why none is certain.

A short id that was shown for one lead, and with which no other known id begins, means that lead: no request.
One that was never shown here is looked for among all leads of the company.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from rotor_mcp.api.models import PAGE_LIMIT, Lead
from rotor_mcp.errors import Refused, UnclearId
from rotor_mcp.leads.context import CallContext
from rotor_mcp.sanitize import cut

MAX_NAMED = 10
"""Leads that a refusal names."""
MAX_READ_TO_NAME = 3
"""Leads that are read so that a refusal can name them."""
MAX_NAME_CHARS = 60
"""Characters of a lead's name in a refusal."""

_SEARCH = "search_leads finds leads by name, phone or e-mail"


async def whole_id(short_id: str, call: CallContext) -> str:
    """Return the id of the lead that a short id means.

    Raises:
        UnclearId: if it is not certain which lead is meant, or if there is none.
        RotorError: if Rotor could not be asked or refused.
    """
    resolved = (await resolve([short_id], call))[short_id]
    if isinstance(resolved, UnclearId):
        raise resolved
    return resolved


async def resolve(short_ids: Iterable[str], call: CallContext) -> dict[str, str | UnclearId]:
    """Return short id → the id of the lead that is meant, or why that is not certain.

    All that were not shown share one reading of all leads, archived ones too: 1 request per 1,000 leads. To
    name the leads that an ambiguous one could mean, a few of them are read.

    Raises:
        RotorError: if Rotor could not be asked or refused.
    """
    resolved: dict[str, str | UnclearId] = {}
    unknown: list[str] = []
    for short_id in dict.fromkeys(short_ids):
        known = await call.state.shown_ids.find(short_id)
        candidates = (*known.shown, *known.others)
        if len(candidates) > 1:
            resolved[short_id] = _ambiguous(short_id, await _read(candidates, call))
        elif known.shown:
            resolved[short_id] = known.shown[0]
        else:
            unknown.append(short_id)
    if unknown:
        scan = _IdScan({short_id: {} for short_id in unknown})
        await scan.read(call)
        for short_id in unknown:
            resolved[short_id] = lead_id = scan.result(short_id)
            if isinstance(lead_id, str):
                await call.state.shown_ids.shorten([lead_id], len(short_id))  # the next call need not read
    return resolved


async def _read(ids: Sequence[str], call: CallContext) -> list[Lead]:
    """Read the leads with some ids, to name them; 1 request each, for the first few."""
    leads = [Lead(id=lead_id) for lead_id in ids]
    for place, lead_id in enumerate(ids[: min(MAX_READ_TO_NAME, call.search_requests_left)]):
        with suppress(Refused):  # a lead that is gone has no name
            leads[place] = await call.api.get_lead(lead_id)
    return leads


@dataclass
class _IdScan:
    """Reads all leads, newest first, and keeps those whose ids begin with one of some short ids."""

    found: dict[str, dict[str, Lead]]
    """Short id → the leads whose ids begin with it, by id."""
    read_ids: set[str] = field(default_factory=set)
    exist: int | None = None
    """Leads on the list when the reading began, according to Rotor."""
    ended: bool = False
    """Whether the list was read to its end."""

    async def read(self, call: CallContext) -> None:
        """Read pages to the end of the list, as far as the requests of a search suffice.

        If they cannot suffice, reading stops when each short id has a candidate: none is certain anyway.

        Raises:
            RotorError: if a request failed.
        """
        pages = call.search_requests_left
        for number in range(1, pages + 1):
            page = await call.api.list_leads(archived=True, limit=PAGE_LIMIT, page=number)
            if number == 1:
                self.exist = page.total
            for lead in page.leads:
                lead_id = (lead.id or "").lower()
                self.read_ids.add(lead_id)
                for short_id, leads in self.found.items():
                    if lead_id.startswith(short_id):
                        leads[lead_id] = lead
            if not page.has_more:
                # A lead that is deleted meanwhile moves another to a page that was read before.
                self.ended = len(self.read_ids) >= (self.exist or 0)
                return
            if (self.exist or 0) > pages * PAGE_LIMIT and all(self.found.values()):
                return

    def result(self, short_id: str) -> str | UnclearId:
        """Return the id of the one lead that begins with a short id, or why it is not certain."""
        leads = self.found[short_id]
        if len(leads) > 1:
            return _ambiguous(short_id, list(leads.values()), all_read=self.ended)
        if not self.ended:
            return self._unfinished(short_id, list(leads.values()))
        if not leads:
            return UnclearId(
                [f"id: no lead's id begins with {short_id}. {_SEARCH}; archived ones with archived: include"]
            )
        return next(iter(leads))

    def _unfinished(self, short_id: str, leads: Sequence[Lead]) -> UnclearId:
        of = "" if self.exist is None else f" of {self.exist:,}"
        found = f"only {_named(leads[0])} begins with it" if leads else "none begins with it"
        return UnclearId(
            [
                f"id: {short_id} was not shown lately, and only the newest {len(self.read_ids):,}{of} leads "
                f"were read: of these {found}, and an older one may too. Give the whole id of the lead that "
                f"is meant; {_SEARCH}"
            ]
        )


def _ambiguous(short_id: str, leads: Sequence[Lead], *, all_read: bool = True) -> UnclearId:
    more = f" and {len(leads) - MAX_NAMED} more" if len(leads) > MAX_NAMED else ""
    return UnclearId(
        [
            f"id: {'' if all_read else 'at least '}{len(leads)} leads' ids begin with {short_id}: "
            f"{'; '.join(map(_named, leads[:MAX_NAMED]))}{more}. Give the whole id of the one that is meant"
        ]
    )


def _named(lead: Lead) -> str:
    name = cut(lead.name or "", MAX_NAME_CHARS)
    return f"{name} (id {lead.id})" if name else f"id {lead.id}"
