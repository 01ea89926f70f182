"""The context of one tool call: its API client, the state of its tenant, its locale and its limits."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

from rotor_mcp.api.client import LeadsClient, WriteReply
from rotor_mcp.api.hooks import ApiHooks
from rotor_mcp.api.models import PAGE_LIMIT, LeadFields, Page
from rotor_mcp.events import WriteEvent
from rotor_mcp.leads.locale import Locale
from rotor_mcp.state.keyed_locks import Lease
from rotor_mcp.state.tenant_state import TenantState
from rotor_mcp.tenants import Tenant

Progress = Callable[[float, float | None, str], Awaitable[None]]
"""Reports the progress of a call: number done, total, text."""


async def ignore_progress(_done: float, _of: float | None, _what: str) -> None:
    """Report nothing."""


@dataclass
class CallContext:
    """One tool call: its requests to Rotor, for a tenant, on a day, in a time zone."""

    api: LeadsClient
    state: TenantState
    locale: Locale
    search_requests: int
    """Requests that a search may spend."""
    batch_requests: int
    """Requests that a batch may spend."""
    progress: Progress
    wrote: Callable[[WriteEvent], None]
    """Receives every write."""
    redis_fault: str | None = None
    """Why other servers could not be asked about a write of this call, if they could not."""

    @classmethod
    def begin(
        cls,
        tenant: Tenant,
        progress: Progress | None = None,
        wrote: Callable[[WriteEvent], None] = lambda _: None,
        caller: str | None = None,
    ) -> Self:
        """Begin a call."""
        settings, state = tenant.pool.settings, tenant.state
        # Not kept by the state: with these, it would refer to itself, and stay until garbage is collected.
        hooks = ApiHooks(state.learn, state.count_request, state.recent_writes)
        return cls(
            api=LeadsClient(tenant.pool, tenant.credentials, hooks),
            state=state,
            locale=Locale(
                tenant.clock().astimezone(settings.zone).date(),
                settings.zone,
                settings.phone_region,
                state.vocabulary,
                f"{tenant.name} {caller or ''}",
            ),
            search_requests=settings.search_requests,
            batch_requests=settings.batch_requests,
            progress=progress or ignore_progress,
            wrote=wrote,
        )

    @property
    def search_requests_left(self) -> int:
        """Requests that a search may still spend."""
        return max(self.search_requests - self.api.requests, 0)

    async def page(
        self,
        number: int = 1,
        *,
        search: str | None = None,
        stage: str | None = None,
        tags: list[str] | None = None,
        archived: bool = False,
        size: int = PAGE_LIMIT,
        fresh: bool = False,
    ) -> tuple[Page, float]:
        """Return a page of Rotor's list and its age in seconds; from the cache if a search read it recently.

        A `fresh` page was read during this call of the method.

        Raises:
            RotorError: if Rotor could not be asked or refused.
        """
        page, age = await self.state.search_cache.get_or_fetch(
            repr((search, stage, tags or [], archived, size, number)),
            lambda: self.api.list_leads(
                search=search, stage=stage, tags=tags, archived=archived, limit=size, page=number
            ),
            fresh=fresh,
        )
        if not (search or tags) and page.total is not None:
            self.state.lead_totals[archived, stage] = page.total
        if number == 1 and size == PAGE_LIMIT and not (search or stage or tags):
            self.state.vocabulary.surveyed()
        return page, age

    async def learn_words(self) -> None:
        """Read the newest leads if too few were read to know the stages, sources and tags in use.

        Raises:
            RotorError: if Rotor could not be asked or refused.
        """
        await self.state.vocabulary.refresh(self.page)

    async def write(self, fields: LeadFields, lead_id: str | None, lease: Lease) -> WriteReply:
        """Write a lead, and invalidate what searches have read.

        Raises:
            LockLost: if another server has taken the lease; nothing was sent.
            OutcomeUnknown: if the reply was lost.
            RotorError: if Rotor could not be asked or refused.
        """
        cache = self.state.search_cache
        await cache.invalidate()
        try:
            return await self.api.upsert_lead(fields, lead_id, lease if self.state.locks.shared else None)
        finally:
            self.redis_fault = lease.fault or self.redis_fault
            await cache.invalidate()
