"""The one place that imports modules of this package late.

A client waits for a start, and a start needs nothing of what is behind the tools: the first call loads it.
Modules that need an extra are loaded only where it is used.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING

from mcp.types import CallToolResult, Completion, CompletionArgument, InputRequiredResult

from rotor_mcp.config import Settings

if TYPE_CHECKING:
    from types import ModuleType

    import httpx2

    from rotor_mcp.dates import Clock
    from rotor_mcp.events import EventListener
    from rotor_mcp.server.access import AccessControl
    from rotor_mcp.state.tenant_state import StateFactory
    from rotor_mcp.tenants import Tenant, TenantRegistry


class Backend:
    """What is behind the tools, resources and completions of one server."""

    def __init__(
        self,
        settings: Settings,
        *,
        transport: "Callable[[], httpx2.AsyncBaseTransport] | None" = None,
        clock: "Clock | None" = None,
        listeners: "Sequence[EventListener]" = (),
        access: "AccessControl | None" = None,
    ) -> None:
        """Create a backend that is not loaded.

        Args:
            settings: of the server.
            transport: makes the HTTP transport when the first request needs it; the network if None.
            clock: returns the present moment; the system's if None.
            listeners: receive every event.
            access: admits calls; if None, every call is admitted, with the key in the settings.
        """
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._listeners = listeners
        self._access = access
        if listeners:
            self._access = self.access  # they are told from the start what was spent

    @property
    def access(self) -> "AccessControl":
        """Admits calls."""
        if self._access is None:
            from rotor_mcp.server.access import AccessControl

            self._access = AccessControl(
                open_registry(self._settings, self._transport, self._clock, self._listeners)
            )
        return self._access

    @property
    def uniform_access(self) -> bool:
        """Whether all callers may do the same, so that one may be shown what another was shown."""
        return self._access is None or self._access.uniform_access

    def allows(self, *, writing: bool) -> bool:
        """Whether whoever asks now may write, or read."""
        return self._access is None or self._access.allows(writing=writing)

    def start(self) -> None:
        """Start to check whether shared state can be used, if any is shared."""
        if self._settings.redis_url is not None:
            self.access.tenants.state_factory.start()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._access is not None:
            await self._access.tenants.aclose()

    @cached_property
    def call_tool(self) -> "Callable[..., Awaitable[CallToolResult | InputRequiredResult]]":
        """Calls a tool: its name, the arguments as they were given, and the SDK's context."""
        from rotor_mcp.server.dispatch import call_tool

        return partial(call_tool, access=self.access)

    async def read_lead(self, lead_id: str) -> str:
        """Read the resource of a lead.

        Raises:
            ResourceNotFoundError: if no lead has this id.
            ResourceError: if Rotor could not be asked or refused.
        """
        from rotor_mcp.server.dispatch import read_lead

        return await read_lead(lead_id, self.access)

    async def read_pipeline(self) -> str:
        """Read the resource of the pipeline.

        Raises:
            ResourceError: if Rotor could not be asked or refused.
        """
        from rotor_mcp.server.dispatch import read_pipeline

        return await read_pipeline(self.access)

    async def complete(self, argument: CompletionArgument) -> Completion | None:
        """Propose values for an argument of a prompt or resource; None if there are none to propose."""
        from rotor_mcp.server.completions import complete

        return await complete(argument, self.access)


def load_settings(values: Mapping[str, str | None]) -> Settings:
    """Read settings by name, and the API key from the keychain if that is wanted and none is given.

    Raises:
        ConfigError: if one of them cannot be used.
    """
    settings = Settings.load(values)
    if not settings.keychain or settings.api_key is not None:
        return settings
    from rotor_mcp import keychain

    try:
        return settings.with_kept_key(keychain.read())
    except keychain.KeychainError as exc:
        return settings.with_kept_key(None, str(exc))


def open_listeners(environment: Mapping[str, str]) -> "Sequence[EventListener]":
    """Return what makes traces and metrics, if the environment asks for them.

    Raises:
        ConfigError: if what it asks for cannot be had.
    """
    if not any(name.startswith("OTEL_") for name in environment):
        return ()
    from rotor_mcp.telemetry.environment import wanted

    what = wanted(environment)
    if not what.traces and not what.metrics:
        return ()
    from rotor_mcp.telemetry.exporter import Telemetry

    return (Telemetry(traces=what.traces, metrics=what.metrics),)


def load_sandbox() -> "ModuleType":
    """Return the package of the embedded Rotor."""
    from rotor_mcp import sandbox

    return sandbox


def open_state_factory(settings: Settings, search_memory: float) -> "StateFactory":
    """Return what creates the state of tenants: in Redis if the settings name one, else in this process."""
    if settings.redis_url is None:
        from rotor_mcp.state.tenant_state import StateFactory

        return StateFactory(search_memory)
    from rotor_mcp.state.redis.factory import RedisStateFactory

    return RedisStateFactory(settings.redis_url, search_memory, required=settings.redis_required)


def open_registry(
    settings: Settings,
    transport: "Callable[[], httpx2.AsyncBaseTransport] | None" = None,
    clock: "Clock | None" = None,
    listeners: "Sequence[EventListener]" = (),
) -> "TenantRegistry":
    """Return a registry without tenants. Its connections are opened by the first request."""
    from rotor_mcp.api.pool import ConnectionPool
    from rotor_mcp.dates import utc_now
    from rotor_mcp.tenants import TenantRegistry

    pool = ConnectionPool(settings, transport, listeners)
    return TenantRegistry(pool, open_state_factory(settings, settings.search_memory), clock or utc_now)


@asynccontextmanager
async def open_tenant(
    settings: Settings, transport: "Callable[[], httpx2.AsyncBaseTransport] | None"
) -> "AsyncIterator[Tenant]":
    """Open the tenant of the key in the settings, for a command that does one thing. It caches no search."""
    from rotor_mcp.api.pool import ConnectionPool
    from rotor_mcp.tenants import Tenant

    async with (
        aclosing(open_state_factory(settings, search_memory=0)) as factory,
        aclosing(ConnectionPool(settings, transport)) as pool,
    ):
        yield Tenant(pool, settings.credentials, factory.for_key(settings.key))
