"""Tenants: what calls with one Rotor key have in common.

Calls with one key find the same tenant as long as one of them is under way. It is kept after that once Rotor
has accepted the key: over HTTP callers can send anything as a key, and must not push out tenants that exist.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakValueDictionary

from rotor_mcp.api.pool import ConnectionPool
from rotor_mcp.config import Credentials, redact_well_formed_keys
from rotor_mcp.dates import Clock, utc_now
from rotor_mcp.events import EventListener
from rotor_mcp.sanitize import Replacements, clean, replace_all
from rotor_mcp.state.tenant_state import StateFactory, TenantState

MAX_IDLE_TENANTS = 500
"""Tenants that are kept although no call of theirs is under way."""


@dataclass(frozen=True, eq=False)
class Tenant:
    """What calls with one Rotor key share."""

    pool: ConnectionPool
    credentials: Credentials | None
    state: TenantState
    name: str = ""
    """Tells tenants apart without saying which they are."""
    clock: Clock = utc_now

    def __post_init__(self) -> None:
        self.state.known.assume(self.pool.settings.assumed)

    def safe(self, text: str) -> str:
        """Return a text that may leave this process: without invisible characters, and without secrets."""
        return replace_all(clean(text), self.secrets)

    @cached_property
    def secrets(self) -> Replacements:
        """The texts that no result may hold, and what is shown in their place."""
        return (*self.pool.settings.secrets, *(self.credentials.secrets if self.credentials else ()))


class TenantRegistry:
    """The tenants of a process."""

    def __init__(self, pool: ConnectionPool, state_factory: StateFactory, clock: Clock = utc_now) -> None:
        """Create a registry without tenants."""
        self.pool = pool
        self.state_factory = state_factory
        self._clock = clock
        # A call keeps its tenant alive; known tenants are kept besides, the most recent last.
        self._open: WeakValueDictionary[bytes, Tenant] = WeakValueDictionary()
        self._known: OrderedDict[bytes, Tenant] = OrderedDict()
        for listener in self.listeners:
            listener.started(self.spent_today)

    @property
    def listeners(self) -> Sequence[EventListener]:
        """Receive every event."""
        return self.pool.listeners

    @cached_property
    def default(self) -> Tenant:
        """The tenant of the key in the settings."""
        return self._tenant(self.pool.settings.credentials)

    def for_key(self, key: str) -> Tenant:
        """Return the tenant of a key."""
        return self._tenant(Credentials(key))

    def leave(self, tenant: Tenant) -> None:
        """Keep a tenant whose call has ended, if Rotor has accepted its key."""
        if tenant.state.key_accepted and tenant.credentials != self.pool.settings.credentials:
            digest = _digest(tenant.credentials)
            self._known[digest] = tenant
            self._known.move_to_end(digest)
            if len(self._known) > MAX_IDLE_TENANTS:
                self._known.popitem(last=False)

    def redact(self, text: str) -> str:
        """Remove keys from a log line: what has the form of one, and known ones, whatever their form.

        What a caller sent as a key and Rotor never accepted is left: it could be any word.
        """
        for tenant in self._kept():
            if tenant.credentials is not None:
                text = tenant.credentials.redact(text)
        return redact_well_formed_keys(self.pool.settings.redact(text))

    def spent_today(self) -> Iterator[tuple[str, int]]:
        """Yield what each tenant has spent today, as far as this process knows. Any thread may ask."""
        for tenant in self._kept():
            yield tenant.name, tenant.state.request_counter.known

    async def aclose(self) -> None:
        """Close the connections."""
        await self.pool.aclose()
        await self.state_factory.aclose()
        for listener in self.listeners:
            await listener.aclose()

    def _kept(self) -> Iterator[Tenant]:
        if default := self.__dict__.get("default"):  # only if a call has used it
            yield default
        yield from self._known.copy().values()

    def _tenant(self, credentials: Credentials | None) -> Tenant:
        digest = _digest(credentials)
        tenant = self._open.get(digest)
        if tenant is None:
            state = self.state_factory.for_key(credentials.key if credentials else None)
            tenant = Tenant(self.pool, credentials, state, tenant_name(credentials), self._clock)
            self._open[digest] = tenant
        return tenant


def tenant_name(credentials: Credentials | None) -> str:
    """Return a name for calls with a key, which does not tell the key."""
    return _digest(credentials).hex()[:12]


def _digest(credentials: Credentials | None) -> bytes:
    return hashlib.sha256(b"rotor-mcp company " + (credentials.key if credentials else "").encode()).digest()
