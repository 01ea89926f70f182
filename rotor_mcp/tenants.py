"""What all calls of one process share, and how a call begins."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rotor_mcp.api.client import LeadsClient
from rotor_mcp.api.session import Pool
from rotor_mcp.config import Settings
from rotor_mcp.events import WriteMade
from rotor_mcp.leads.context import Call, Progress
from rotor_mcp.leads.plan import Context
from rotor_mcp.sanitize import clean
from rotor_mcp.state.tenant_state import CallHooks, Companies, Company

if TYPE_CHECKING:
    import httpx2

Clock = Callable[[], datetime]


async def _nobody_waits(_done: float, _of: float | None, _what: str) -> None:
    pass


def system_clock() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def companies(settings: Settings, search_memory: float) -> Companies:
    """Whatever makes what calls for one company share: in Redis if there is one, else in this process.

    Args:
        settings: as the person who runs the server decided.
        search_memory: seconds for which a search remembers what it read.
    """
    if settings.redis_url is None:
        return Companies(search_memory)
    from rotor_mcp.state.redis.factory import (
        SharedCompanies,  # only a server that is told of a Redis needs it
    )

    return SharedCompanies(settings.redis_url, search_memory, required=settings.redis_required)


@dataclass(frozen=True)
class Workplace:
    """What all calls share."""

    pool: Pool
    company: Company
    name: str = ""
    """Tells companies apart without saying which they are."""
    clock: Clock = system_clock

    def safe(self, text: str) -> str:
        """Make a text fit to leave this process: nothing hidden in it, and not the key."""
        return self.pool.redact(clean(text))

    def call(
        self,
        progress: Progress | None = None,
        wrote: Callable[[WriteMade], None] = lambda _: None,
        caller: str | None = None,
    ) -> Call:
        """Begin a call.

        Args:
            progress: tells whoever waits how far a long call has come.
            wrote: told of every write.
            caller: who calls; None if that is whoever started the process.
        """
        settings, hooks = self.pool.settings, CallHooks(self.company)
        today = self.clock().astimezone(settings.zone).date()
        return Call(
            rotor=LeadsClient(self.pool, hooks),
            company=self.company,
            hooks=hooks,
            context=Context(
                today,
                settings.zone,
                settings.phone_region,
                self.company.vocabulary,
                f"{self.name} {caller or ''}",
            ),
            search_requests=settings.search_requests,
            batch_requests=settings.batch_requests,
            progress=progress or _nobody_waits,
            wrote=wrote,
        )


@asynccontextmanager
async def workplace(
    settings: Settings, transport: "Callable[[], httpx2.AsyncBaseTransport] | None"
) -> AsyncIterator[Workplace]:
    """The workplace of a command that does one thing. Nothing it reads is remembered."""
    async with (
        aclosing(companies(settings, search_memory=0)) as makers,
        aclosing(Pool(settings, transport)) as pool,
    ):
        yield Workplace(pool, makers.of(settings.key))
