"""Imports what is behind the tools: beforehand if there is time, else when the first call needs it.

A client waits while the server starts, and a start needs none of these modules. `tools/registry.py` imports
each tool when it is first asked for, and no other module imports ours late. Modules that need an extra are
imported only where it is used.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import import_module
from typing import TYPE_CHECKING

from rotor_mcp.config import Settings

if TYPE_CHECKING:
    from types import ModuleType

    from mcp.types import CallToolResult, Completion, CompletionArgument, InputRequiredResult

    from rotor_mcp.api.pool import TransportFactory
    from rotor_mcp.dates import Clock
    from rotor_mcp.events import EventListener
    from rotor_mcp.server.access import AccessControl
    from rotor_mcp.state.tenant_state import StateFactory
    from rotor_mcp.tenants import Tenant, TenantRegistry

_PREPARED = (
    "rotor_mcp.api.models",
    "rotor_mcp.api.client",
    "rotor_mcp.leads.context",
    "rotor_mcp.leads.batch",
    "rotor_mcp.server.dispatch",
    "rotor_mcp.server.resource_reading",
)
"""Modules in the order in which they are imported beforehand. Each brings others; none takes over 20 ms."""


@dataclass
class Backend:
    """What is behind the tools, resources and completions. `build_server` explains the fields."""

    settings: Settings
    transport: "TransportFactory | None" = None
    clock: "Clock | None" = None
    listeners: "Sequence[EventListener]" = ()
    _access: "AccessControl | None" = None

    def __post_init__(self) -> None:
        if self.listeners:
            self._access = self.access  # they receive `started` now

    @property
    def access(self) -> "AccessControl":
        """Admits calls."""
        if self._access is None:
            from rotor_mcp.server.access import AccessControl

            registry = open_registry(self.settings, self.transport, self.clock, self.listeners)
            self._access = AccessControl(registry)
        return self._access

    @property
    def uniform_access(self) -> bool:
        """Whether all callers may do the same, so that one may be shown what another was shown."""
        return self._access is None or self._access.uniform_access

    def allows(self, *, writing: bool) -> bool:
        """Whether the present caller may write, or read."""
        return self._access is None or self._access.allows(writing=writing)

    def start(self) -> None:
        """Start to check whether shared state can be used, if any is shared."""
        if self.settings.redis_url is not None:
            self.access.tenants.state_factory.start()

    async def prepare(self) -> None:
        """Import modules, build models and load certificates, which the first call would have to do.

        It works in steps of at most some 20 ms: a call that comes meanwhile waits for one step, and does what
        is left. Nothing is sent.
        """
        from anyio.lowlevel import checkpoint  # the help and the completion of the shell do without it

        for module in _PREPARED:
            import_module(module)
            await checkpoint()
        registry = import_module("rotor_mcp.tools.registry")
        for name in registry.TOOL_NAMES:
            tool = registry.find_tool(name)
            for model in (tool.arguments, tool.result):
                model.model_rebuild()
                await checkpoint()
        self.access.tenants.pool.open()

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
        """Read the resource of a lead, as `resource_reading.read_lead` does."""
        from rotor_mcp.server.resource_reading import read_lead

        return await read_lead(lead_id, self.access)

    async def read_pipeline(self) -> str:
        """Read the resource of the pipeline, as `resource_reading.read_pipeline` does."""
        from rotor_mcp.server.resource_reading import read_pipeline

        return await read_pipeline(self.access)

    async def complete(self, argument: "CompletionArgument") -> "Completion | None":
        """Propose values for an argument of a prompt or resource; None if there are none to propose."""
        from rotor_mcp.server.completions import complete

        return await complete(argument, self.access)


def load_settings(values: Mapping[str, str | None], sources: Mapping[str, str] | None = None) -> Settings:
    """Read settings by name, and the API key from the keychain if that is wanted and none is given.

    `sources` are what gave some of them, as for `Settings.load`.

    Raises:
        ConfigError: if one of them cannot be used.
    """
    settings = Settings.load(values, sources)
    if not settings.keychain or settings.api_key is not None:
        return settings
    from rotor_mcp import keychain

    try:
        return settings.with_kept_key(keychain.read_key())
    except keychain.KeychainError as exc:
        return settings.with_kept_key(None, str(exc))


def open_listeners(
    environment: Mapping[str, str], metrics_at: tuple[str, int] | None = None
) -> "Sequence[EventListener]":
    """Return the listener for traces and metrics, if somebody asks for them.

    Args:
        environment: with the variables of OpenTelemetry.
        metrics_at: address and port at which Prometheus reads the metrics.

    Raises:
        ConfigError: if what is asked for is not available.
        OSError: if the port cannot be used.
    """
    if metrics_at is None and not any(name.startswith("OTEL_") for name in environment):
        return ()
    from rotor_mcp.telemetry.environment import check_endpoint, requested_signals

    signals = requested_signals(environment)
    if metrics_at is not None:
        check_endpoint(environment)
    elif not signals.traces and not signals.metrics:
        return ()
    from rotor_mcp.telemetry.exporter import Telemetry
    from rotor_mcp.telemetry.prometheus import MetricsEndpoint

    endpoint = MetricsEndpoint(*metrics_at) if metrics_at else None
    return (Telemetry(traces=signals.traces, metrics=signals.metrics, endpoint=endpoint),)


def load_sandbox() -> "ModuleType":
    """Return the package of the embedded Rotor."""
    from rotor_mcp import sandbox

    return sandbox


def load_view() -> "ModuleType":
    """Return the module of the view, which a server without it need not load."""
    from rotor_mcp.view import mcp_app

    return mcp_app


def open_state_factory(
    settings: Settings, search_memory: float, clock: "Clock | None" = None
) -> "StateFactory":
    """Return what creates the state of tenants: in Redis if the settings name one, else in this process."""
    from rotor_mcp.dates import utc_now

    clock = clock or utc_now
    if settings.redis_url is None:
        from rotor_mcp.state.tenant_state import StateFactory

        return StateFactory(search_memory, clock)
    from rotor_mcp.state.redis.factory import RedisStateFactory

    return RedisStateFactory(settings.redis_url, search_memory, clock, required=settings.redis_required)


def open_registry(
    settings: Settings,
    transport: "TransportFactory | None" = None,
    clock: "Clock | None" = None,
    listeners: "Sequence[EventListener]" = (),
) -> "TenantRegistry":
    """Return a registry without tenants. Its connections are opened by the first request."""
    from rotor_mcp.api.pool import ConnectionPool
    from rotor_mcp.dates import utc_now
    from rotor_mcp.tenants import TenantRegistry

    pool = ConnectionPool(settings, transport, listeners)
    clock = clock or utc_now
    return TenantRegistry(pool, open_state_factory(settings, settings.search_memory, clock), clock)


@asynccontextmanager
async def open_tenant(settings: Settings, transport: "TransportFactory | None") -> "AsyncIterator[Tenant]":
    """Open the tenant of the key in the settings, for a command that does one thing. It caches no search."""
    from rotor_mcp.api.pool import ConnectionPool
    from rotor_mcp.tenants import Tenant, tenant_name

    async with (
        aclosing(open_state_factory(settings, search_memory=0)) as factory,
        aclosing(ConnectionPool(settings, transport)) as pool,
    ):
        name = tenant_name(settings.credentials)
        yield Tenant(pool, settings.credentials, factory.for_key(settings.key), name)
