"""A situation that is known to go wrong: its beginning, what an assistant does, and what came of it."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from mcp.types import CallToolResult, TextContent

from rotor_mcp.api.models import PAGE_LIMIT
from rotor_mcp.sandbox import Fault, Sandbox
from rotor_mcp.sandbox.requests import LeadInput, Listing
from rotor_mcp.sandbox.store import StoredLead

Leads = Mapping[str, StoredLead]
"""Id → lead, for all leads, archived ones too."""

Ask = Callable[[str, dict[str, Any]], Awaitable[CallToolResult]]
"""Calls a tool, which a field of `Server` names, with arguments."""


@dataclass(frozen=True)
class End:
    """What is there in the end. Which tools were called does not matter."""

    before: Leads
    after: Leads
    requests: tuple[str, ...] = ()
    """What Rotor was asked meanwhile, such as "POST /leads"."""
    shown: str = ""
    """All that the model was given to read."""

    @property
    def new(self) -> list[StoredLead]:
        """The leads that were created."""
        return [lead for lead_id, lead in self.after.items() if lead_id not in self.before]

    @property
    def writes(self) -> int:
        """The requests that write. Each can start a company's automations."""
        return sum(request.startswith("POST ") for request in self.requests)

    def named(self, name: str) -> list[StoredLead]:
        """The leads that have this name now."""
        return [lead for lead in self.after.values() if lead["name"] == name]


@dataclass(frozen=True)
class Verdict:
    """Whether that is how it should be, and what happened, in a few words."""

    good: bool
    words: str


def good(words: str) -> Verdict:
    """It is how it should be."""
    return Verdict(True, words)


def bad(words: str) -> Verdict:
    """It is not."""
    return Verdict(False, words)


@dataclass(frozen=True)
class Situation:
    """A situation, and the call that an assistant makes in it: the same to every server."""

    title: str
    arguments: dict[str, Any]
    judge: Callable[[End], Verdict]
    tool: Literal["upsert", "get"] = "upsert"
    again: Literal["never", "after an error", "anyway"] = "never"
    """Whether the assistant makes the same call once more."""
    lead: LeadInput | None = None
    """A lead that is written first."""
    fault: Fault | None = None

    def sandbox(self) -> Sandbox:
        """Found the company in which it takes place."""
        rotor = Sandbox()
        if self.lead:
            rotor.store.upsert(self.lead, datetime.now(UTC))
        if self.fault:
            rotor.faults.add(self.fault)
        return rotor


async def play(situation: Situation, rotor: Sandbox, ask: Ask) -> End:
    """Do what the assistant does, and see what is there then."""
    before = all_leads(rotor)
    result = await ask(situation.tool, situation.arguments)
    shown = [_shown(result)]
    if situation.again == "anyway" or (situation.again == "after an error" and result.is_error):
        shown.append(_shown(await ask(situation.tool, situation.arguments)))
    return End(before, all_leads(rotor), tuple(rotor.requests), "\n".join(shown))


def all_leads(rotor: Sandbox) -> Leads:
    """Read the whole database, which fits on one page."""
    leads, total = rotor.store.page(Listing(archived=True, limit=PAGE_LIMIT))
    if total > PAGE_LIMIT:
        raise ValueError(f"{total} leads are more than a page has")
    return {lead["id"]: lead for lead in leads}


def _shown(result: CallToolResult) -> str:
    text = [part.text for part in result.content if isinstance(part, TextContent)]
    return "\n".join([*text, json.dumps(result.structured_content, ensure_ascii=False)])
