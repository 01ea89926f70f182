"""Workplaces: one for each company, which is told by its Rotor key.

They are made when a call needs them, and so is what they are made of: a start needs none of it. Calls for one
company find the same workplace as long as one of them is under way. It is kept after that, once Rotor has
accepted the key: over HTTP callers can send anything as a key, and must not push out companies that exist.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from rotor_mcp.config import Credentials, Settings, redact_well_formed_keys

if TYPE_CHECKING:
    import httpx2

    from rotor_mcp.api.session import ConnectionPool
    from rotor_mcp.events import EventListener
    from rotor_mcp.state.tenant_state import StateFactory
    from rotor_mcp.tenants import Clock, Tenant

MAX_IDLE_TENANTS = 500
"""Companies whose workplace is kept although nobody works there."""


class TenantRegistry:
    """The workplaces of a process."""

    def __init__(
        self,
        settings: Settings,
        transport: "Callable[[], httpx2.AsyncBaseTransport] | None" = None,
        clock: "Clock | None" = None,
        listeners: "Sequence[EventListener]" = (),
    ) -> None:
        """Take what all have in common.

        Args:
            settings: as the person who runs the server decided.
            transport: makes the HTTP transport when the first request needs it; the network if None.
            clock: says what moment it is; the system's if None.
            observers: told of all that happens there.
        """
        self.listeners = listeners
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._pool: ConnectionPool | None = None
        self._companies: StateFactory | None = None
        # A call keeps its workplace from vanishing; the known ones are kept besides, the most recent last.
        self._open: WeakValueDictionary[bytes, Tenant] = WeakValueDictionary()
        self._known: OrderedDict[bytes, Tenant] = OrderedDict()
        for listener in listeners:
            listener.opened(self.spent_today)

    def default(self) -> "Tenant":
        """The workplace of the company whose key is in the settings."""
        tenant = self._tenant(self._settings.credentials)
        self._keep(tenant)
        return tenant

    def for_key(self, key: str) -> "Tenant":
        """The workplace of the company with this key."""
        return self._tenant(Credentials(key))

    def leave(self, tenant: "Tenant") -> None:
        """Keep a workplace that a call leaves, if Rotor has accepted its key."""
        if tenant.pool.accepted:
            self._keep(tenant)

    @property
    def pool(self) -> "ConnectionPool":
        """The connections to Rotor, which all share."""
        if self._pool is None:
            from rotor_mcp.api.session import ConnectionPool

            self._pool = ConnectionPool(self._settings, self._transport, self.listeners)
        return self._pool

    @property
    def state_factory(self) -> "StateFactory":
        """What makes companies."""
        if self._companies is None:
            from rotor_mcp.tenants import state_factory

            self._companies = state_factory(self._settings, self._settings.search_memory)
        return self._companies

    def start(self) -> None:
        """Begin to find out whether what several servers share can be used, if anything is shared."""
        if self._settings.redis_url is not None:
            self.state_factory.start()

    def redact(self, text: str) -> str:
        """Take keys out of a log line: what has the form of one, and the known ones, whatever their form.

        What a caller sent as a key and Rotor never accepted is left: it could be any word.
        """
        for tenant in self._known.copy().values():
            if tenant.pool.credentials is not None:
                text = tenant.pool.credentials.redact(text)
        return redact_well_formed_keys(self._settings.redact(text))

    def spent_today(self) -> Iterator[tuple[str, int]]:
        """What each company has spent today, as far as this process knows. Other threads may ask, too."""
        for tenant in self._known.copy().values():
            yield tenant.name, tenant.state.request_counter.known

    async def aclose(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            await self._pool.aclose()
        if self._companies is not None:
            await self._companies.aclose()
        for listener in self.listeners:
            await listener.aclose()

    def _tenant(self, credentials: Credentials | None) -> "Tenant":
        digest = _digest(credentials)
        tenant = self._open.get(digest)
        if tenant is None:
            from rotor_mcp.tenants import Tenant, system_clock

            company = self.state_factory.for_key(credentials.key if credentials else None)
            tenant = Tenant(
                self.pool.with_credentials(credentials),
                company,
                digest.hex()[:12],
                self._clock or system_clock,
            )
            self._open[digest] = tenant
        return tenant

    def _keep(self, tenant: "Tenant") -> None:
        digest = _digest(tenant.pool.credentials)
        self._known[digest] = tenant
        self._known.move_to_end(digest)
        if len(self._known) > MAX_IDLE_TENANTS:
            self._known.popitem(last=False)


def _digest(credentials: Credentials | None) -> bytes:
    return hashlib.sha256(b"rotor-mcp company " + (credentials.key if credentials else "").encode()).digest()
