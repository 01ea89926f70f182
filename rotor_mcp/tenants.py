"""What all calls of one process share, and how a call begins."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rotor_mcp.api.client import LeadsClient
from rotor_mcp.api.session import ConnectionPool
from rotor_mcp.config import Settings
from rotor_mcp.events import WriteEvent
from rotor_mcp.leads.context import CallContext, Progress
from rotor_mcp.leads.plan import Locale
from rotor_mcp.sanitize import clean
from rotor_mcp.state.tenant_state import CallHooks, StateFactory, TenantState

if TYPE_CHECKING:
    import httpx2

Clock = Callable[[], datetime]


async def _nobody_waits(_done: float, _of: float | None, _what: str) -> None:
    pass


def system_clock() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def state_factory(settings: Settings, search_memory: float) -> StateFactory:
    """Whatever makes what calls for one company share: in Redis if there is one, else in this process.

    Args:
        settings: as the person who runs the server decided.
        search_memory: seconds for which a search remembers what it read.
    """
    if settings.redis_url is None:
        return StateFactory(search_memory)
    from rotor_mcp.state.redis.factory import (
        RedisStateFactory,  # only a server that is told of a Redis needs it
    )

    return RedisStateFactory(settings.redis_url, search_memory, required=settings.redis_required)


@dataclass(frozen=True)
class Tenant:
    """What all calls share."""

    pool: ConnectionPool
    state: TenantState
    name: str = ""
    """Tells companies apart without saying which they are."""
    clock: Clock = system_clock

    def safe(self, text: str) -> str:
        """Make a text fit to leave this process: nothing hidden in it, and not the key."""
        return self.pool.redact(clean(text))

    def call(
        self,
        progress: Progress | None = None,
        wrote: Callable[[WriteEvent], None] = lambda _: None,
        caller: str | None = None,
    ) -> CallContext:
        """Begin a call.

        Args:
            progress: tells whoever waits how far a long call has come.
            wrote: told of every write.
            caller: who calls; None if that is whoever started the process.
        """
        settings, hooks = self.pool.settings, CallHooks(self.state)
        today = self.clock().astimezone(settings.zone).date()
        return CallContext(
            rotor=LeadsClient(self.pool, hooks),
            state=self.state,
            hooks=hooks,
            context=Locale(
                today,
                settings.zone,
                settings.phone_region,
                self.state.vocabulary,
                f"{self.name} {caller or ''}",
            ),
            search_requests=settings.search_requests,
            batch_requests=settings.batch_requests,
            progress=progress or _nobody_waits,
            wrote=wrote,
        )


@asynccontextmanager
async def tenant(
    settings: Settings, transport: "Callable[[], httpx2.AsyncBaseTransport] | None"
) -> AsyncIterator[Tenant]:
    """The workplace of a command that does one thing. Nothing it reads is remembered."""
    async with (
        aclosing(state_factory(settings, search_memory=0)) as factory,
        aclosing(ConnectionPool(settings, transport)) as pool,
    ):
        yield Tenant(pool, factory.for_key(settings.key))
