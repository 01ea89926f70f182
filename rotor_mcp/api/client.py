"""Rotor's Leads API: each endpoint is a method that returns a model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from rotor_mcp.api.hooks import WriteLease
from rotor_mcp.api.models import READ_NAMES, SENT_NAMES, Lead, LeadFields, Page, parse_leads, read_lead
from rotor_mcp.api.session import ApiSession
from rotor_mcp.concurrency import paced
from rotor_mcp.errors import NotFound, OutcomeUnknown, Unanswered

MAX_TOTAL = 1_000_000_000
"""Largest total that is believed. A larger one counts as unknown."""


@dataclass(frozen=True)
class WriteReply:
    """What Rotor answered to a write."""

    created: bool
    """Whether Rotor says that it created a lead."""
    lead: Lead
    told: frozenset[str] = frozenset()
    """The fields that the reply shows, also those without a value."""

    @classmethod
    def read(cls, shown: Mapping[str, Any], *, created: bool = False) -> Self:
        """Read the lead in a reply."""
        told = frozenset(SENT_NAMES.get(name, name) for name in shown)
        return cls(created, read_lead(shown), told)


@dataclass(frozen=True)
class KeyAccess:
    """The scopes of a key, and its company."""

    scopes: list[str]
    company_id: str | None
    timestamp: str | None
    """Rotor's time, if it is in the answer."""


class LeadsClient(ApiSession):
    """The endpoints, for one tool call: create one for each call.

    Every method raises one of `errors.RotorError`.
    """

    async def ping(self) -> None:
        """Send `GET /auth/test` without the key. A running Rotor refuses it; no quota counts it."""
        await self.send("GET", "auth/test", anonymous=True)

    async def access(self) -> KeyAccess:
        """Read the scopes and the company of the key: `GET /auth/test`."""
        answer = await self.send("GET", "auth/test")
        scopes, company, timestamp = (
            answer.content.get(name) for name in ("scopes", "company_id", "timestamp")
        )
        return KeyAccess(
            scopes=[str(scope) for scope in scopes] if isinstance(scopes, list) else [],
            company_id=str(company) if company else None,
            timestamp=str(timestamp) if timestamp else None,
        )

    async def get_lead(self, lead_id: str) -> Lead:
        """Read one lead: `GET /leads/{id}`."""
        try:
            answer = await self.send("GET", "leads/{id}", lead_id=lead_id)
        except NotFound:
            if (written := self.written.get(lead_id)) is None:
                raise
            return written
        data = answer.content.get("data")
        if not isinstance(data, dict):
            raise Unanswered("the answer holds no lead", answer.status)
        (lead,) = self.written.current([read_lead(data)])
        self._hooks.leads_read([lead])
        return lead

    async def list_leads(
        self,
        *,
        search: str | None = None,
        stage: str | None = None,
        tags: list[str] | None = None,
        archived: bool = False,
        limit: int,
        page: int = 1,
    ) -> Page:
        """Read a page of leads, newest first: `GET /leads`.

        Args:
            search: text contained in name, e-mail or phone.
            stage: only leads of this stage.
            tags: only leads with any of these; none may hold a comma.
            archived: archived leads as well, not instead.
            limit: leads per page, 1 to 1,000.
            page: counted from 1.
        """
        query = {
            "search": search,
            "stage": stage,
            "tags": ",".join(tags) if tags else None,
            "archived": "true" if archived else None,
            "limit": str(limit),
            "page": str(page),
        }
        answer = await self.send(
            "GET",
            "leads",
            query={name: value for name, value in query.items() if value is not None},
            parse=parse_leads,
        )
        data, pagination = answer.content.get("data"), answer.content.get("pagination")
        if not isinstance(data, list):
            raise Unanswered("the answer holds no list of leads", answer.status)
        if len(data) > limit:
            reason = f"the answer holds {len(data):,} leads, and {limit:,} were asked for"
            raise Unanswered(reason, answer.status)
        leads = data
        if not {Lead}.issuperset(map(type, data)):  # nearly always all were read while they were parsed
            read = [read_lead(entry) if isinstance(entry, dict) else entry async for entry in paced(data)]
            leads = [entry for entry in read if isinstance(entry, Lead)]
        leads = self.written.current(leads)
        self._hooks.leads_read(leads)
        said = pagination if isinstance(pagination, dict) else {}
        return Page(
            leads=leads,
            total=_total(said.get("total")),
            # Without a word from Rotor, only a page without leads shows that there are no others: one that is
            # not full may be as large as Rotor makes them. After such a page there is none, whatever it says.
            has_more=bool(data) and said.get("has_more") is not False,
            size=answer.size,
        )

    async def upsert_lead(
        self, fields: LeadFields, lead_id: str | None = None, lease: WriteLease | None = None
    ) -> WriteReply:
        """Create or update a lead: `POST /leads`. Rotor finds it by id, else by phone, else by e-mail.

        Raises:
            LockLost: if the lease was lost; nothing was sent.
            OutcomeUnknown: if the reply was lost. The write is not repeated: each one can text a customer.
        """
        body = fields.model_dump(mode="json", include=set(LeadFields.model_fields), exclude_defaults=True)
        if lead_id is not None:
            body["id"] = lead_id
        answer = await self.send("POST", "leads", body=body, lease=lease)
        data = answer.content.get("data", answer.content)
        if not isinstance(data, dict):
            raise OutcomeUnknown("the answer holds no lead", answer.status)
        if doubt := _doubt(body, data):
            is_of_this_lead = str(data.get("id", lead_id)).lower() == lead_id
            shown = data if is_of_this_lead else None
            raise OutcomeUnknown(f"the answer {doubt}", answer.status, shown=shown)
        return WriteReply.read({"id": lead_id} | data, created=answer.status == 201)


def _total(said: object) -> int | None:
    """Return how many leads there are; None if it is not said."""
    if isinstance(said, str) and re.fullmatch(r"\d{1,10}", said):
        said = int(said)
    if not isinstance(said, int) or isinstance(said, bool):
        return None
    return said if 0 <= said <= MAX_TOTAL else None


def _doubt(sent: Mapping[str, object], said: Mapping[str, object]) -> str | None:
    """Return why an answer does not prove that a write was done; None if it does.

    It must have the id of the lead, unless the lead was named by its id, and each field that was sent.
    Name, phone and e-mail must have the values that were sent; another field may differ.
    """
    lead_id = said.get("id", sent.get("id"))
    if not isinstance(lead_id, str) or not lead_id:
        return "names no lead"
    if "id" in sent and lead_id.lower() != str(sent["id"]).lower():
        return "names another lead"
    missing = [name for name in sent if name != "id" and not said.keys() & {name, READ_NAMES.get(name)}]
    if missing:
        return f"does not tell what was stored as {', '.join(missing)}"
    for name in ("name", "phone", "email"):
        if name in sent and _letters(said[name]) != _letters(sent[name]):
            return f"tells another {name} than was sent"
    return None


def _letters(value: object) -> str:
    """Return the letters and digits of a text in lower case; of a number, the last ten digits."""
    text = re.sub(r"\W", "", str(value)).casefold()
    return text[-10:] if text.isdecimal() else text
