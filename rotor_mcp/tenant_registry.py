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

    from rotor_mcp.api.session import Pool
    from rotor_mcp.events import Observer
    from rotor_mcp.state.tenant_state import Companies
    from rotor_mcp.tenants import Clock, Workplace

REMEMBERED = 500
"""Companies whose workplace is kept although nobody works there."""


class Workplaces:
    """The workplaces of a process."""

    def __init__(
        self,
        settings: Settings,
        transport: "Callable[[], httpx2.AsyncBaseTransport] | None" = None,
        clock: "Clock | None" = None,
        observers: "Sequence[Observer]" = (),
    ) -> None:
        """Take what all have in common.

        Args:
            settings: as the person who runs the server decided.
            transport: makes the HTTP transport when the first request needs it; the network if None.
            clock: says what moment it is; the system's if None.
            observers: told of all that happens there.
        """
        self.observers = observers
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._pool: Pool | None = None
        self._companies: Companies | None = None
        # A call keeps its workplace from vanishing; the known ones are kept besides, the most recent last.
        self._open: WeakValueDictionary[bytes, Workplace] = WeakValueDictionary()
        self._known: OrderedDict[bytes, Workplace] = OrderedDict()
        for observer in observers:
            observer.opened(self.spent_today)

    def own(self) -> "Workplace":
        """The workplace of the company whose key is in the settings."""
        workplace = self._workplace(self._settings.credentials)
        self._keep(workplace)
        return workplace

    def of(self, key: str) -> "Workplace":
        """The workplace of the company with this key."""
        return self._workplace(Credentials(key))

    def leave(self, workplace: "Workplace") -> None:
        """Keep a workplace that a call leaves, if Rotor has accepted its key."""
        if workplace.pool.accepted:
            self._keep(workplace)

    @property
    def pool(self) -> "Pool":
        """The connections to Rotor, which all share."""
        if self._pool is None:
            from rotor_mcp.api.session import Pool

            self._pool = Pool(self._settings, self._transport, self.observers)
        return self._pool

    @property
    def companies(self) -> "Companies":
        """What makes companies."""
        if self._companies is None:
            from rotor_mcp.tenants import companies

            self._companies = companies(self._settings, self._settings.search_memory)
        return self._companies

    def start(self) -> None:
        """Begin to find out whether what several servers share can be used, if anything is shared."""
        if self._settings.redis_url is not None:
            self.companies.start()

    def redact(self, text: str) -> str:
        """Take keys out of a log line: what has the form of one, and the known ones, whatever their form.

        What a caller sent as a key and Rotor never accepted is left: it could be any word.
        """
        for workplace in self._known.copy().values():
            if workplace.pool.credentials is not None:
                text = workplace.pool.credentials.redact(text)
        return redact_well_formed_keys(self._settings.redact(text))

    def spent_today(self) -> Iterator[tuple[str, int]]:
        """What each company has spent today, as far as this process knows. Other threads may ask, too."""
        for workplace in self._known.copy().values():
            yield workplace.name, workplace.company.spending.known

    async def aclose(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            await self._pool.aclose()
        if self._companies is not None:
            await self._companies.aclose()
        for observer in self.observers:
            await observer.aclose()

    def _workplace(self, credentials: Credentials | None) -> "Workplace":
        digest = _digest(credentials)
        workplace = self._open.get(digest)
        if workplace is None:
            from rotor_mcp.tenants import Workplace, system_clock

            company = self.companies.of(credentials.key if credentials else None)
            workplace = Workplace(
                self.pool.with_credentials(credentials),
                company,
                digest.hex()[:12],
                self._clock or system_clock,
            )
            self._open[digest] = workplace
        return workplace

    def _keep(self, workplace: "Workplace") -> None:
        digest = _digest(workplace.pool.credentials)
        self._known[digest] = workplace
        self._known.move_to_end(digest)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _digest(credentials: Credentials | None) -> bytes:
    return hashlib.sha256(b"rotor-mcp company " + (credentials.key if credentials else "").encode()).digest()
