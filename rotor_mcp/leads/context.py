"""What one tool call works with."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypedDict

from rotor_mcp.api.client import LeadsClient
from rotor_mcp.api.models import PAGE_LIMIT, Lead, Page
from rotor_mcp.events import WriteEvent
from rotor_mcp.leads.plan import Locale
from rotor_mcp.state.tenant_state import CallHooks, TenantState
from rotor_mcp.tools.results import LeadView

Progress = Callable[[float, float | None, str], Awaitable[None]]


class Setting(TypedDict):
    """What every result says of its call."""

    today: str
    timezone: str
    requests: int


@dataclass(frozen=True)
class CallContext:
    """One tool call: its conversation with Rotor, for a company, on a day, in a place."""

    rotor: LeadsClient
    state: TenantState
    hooks: CallHooks
    context: Locale
    search_requests: int
    """Requests that a search may spend."""
    batch_requests: int
    """Requests that a batch may spend."""
    progress: Progress
    """Tells whoever waits how far a long call has come: done, of how many, in words."""
    wrote: Callable[[WriteEvent], None]
    """Told of every write."""

    @property
    def search_requests_left(self) -> int:
        """Requests that a search may still spend."""
        return max(self.search_requests - self.rotor.requests, 0)

    async def page(
        self,
        number: int = 1,
        *,
        search: str | None = None,
        stage: str | None = None,
        tags: list[str] | None = None,
        archived: bool = False,
        size: int = PAGE_LIMIT,
    ) -> tuple[Page, float]:
        """Read a page of Rotor's list, or take it from memory if a search read it lately.

        Returns the page, and its age in seconds.

        Raises:
            RotorError: if Rotor could not be asked or refused.
        """
        page, age = await self.state.search_cache.get_or_fetch(
            json.dumps([search, stage, tags or [], archived, size, number]),
            lambda: self.rotor.list_leads(
                search=search, stage=stage, tags=tags, archived=archived, limit=size, page=number
            ),
        )
        if number == 1 and size == PAGE_LIMIT and not (search or stage or tags):
            self.state.vocabulary.surveyed()
        return page, age

    async def learn_words(self) -> None:
        """Read the newest leads if too few were read to know the stages, sources and tags in use.

        Raises:
            RotorError: if Rotor could not be asked or refused.
        """
        await self.state.vocabulary.refresh(self.page)

    def show(self, lead: Lead) -> LeadView:
        """All of a lead, as results show it."""
        return LeadView.of(lead, self.context.today, self.context.zone)

    def row(self, lead: Lead, fields: tuple[str, ...]) -> LeadView:
        """Some fields of a lead, as one of many."""
        return LeadView.row(lead, self.context.today, self.context.zone, fields)

    def setting(self) -> Setting:
        """The day, the place, and what the call cost so far."""
        return {
            "today": str(self.context.today),
            "timezone": str(self.context.zone),
            "requests": self.rotor.requests,
        }
