"""Workplaces: one for each company, which is told by its Rotor key.

They are made when a call needs them, and so is what they are made of: a start needs none of it. Calls for one
company find the same workplace as long as one of them is under way, and for a while after.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    import httpx2

    from rotor_mcp.company import Companies
    from rotor_mcp.config import Settings
    from rotor_mcp.exchange import Pool
    from rotor_mcp.observer import Observer
    from rotor_mcp.workplace import Clock, Workplace

REMEMBERED = 500
"""Companies whose workplace is kept although nobody works there."""


class Workplaces:
    """The workplaces of a process."""

    def __init__(
        self,
        settings: "Settings",
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
        # Whoever works somewhere keeps it from vanishing; the most recent ones are kept besides.
        self._open: WeakValueDictionary[bytes, Workplace] = WeakValueDictionary()
        self._recent: OrderedDict[bytes, Workplace] = OrderedDict()
        for observer in observers:
            observer.opened(self.spent_today)

    def own(self) -> "Workplace":
        """The workplace of the company whose key is in the settings."""
        return self._workplace(self._settings.key, lambda: self._settings)

    def of(self, key: str) -> "Workplace":
        """The workplace of the company with this key."""
        return self._workplace(key, lambda: self._settings.with_key(key))

    @property
    def pool(self) -> "Pool":
        """The connections to Rotor, which all share."""
        if self._pool is None:
            from rotor_mcp.exchange import Pool

            self._pool = Pool(self._settings, self._transport, self.observers)
        return self._pool

    @property
    def companies(self) -> "Companies":
        """What makes companies."""
        if self._companies is None:
            from rotor_mcp.workplace import companies

            self._companies = companies(self._settings, self._settings.search_memory)
        return self._companies

    def redact(self, text: str) -> str:
        """Take all keys that are in use out of a text."""
        for workplace in list(self._open.values()):
            text = workplace.pool.settings.redact(text)
        return self._settings.redact(text)

    def spent_today(self) -> Iterator[tuple[str, int]]:
        """What each company has spent today, as far as this process knows. Other threads may ask, too."""
        for workplace in self._recent.copy().values():
            yield workplace.name, workplace.company.spending.known

    async def aclose(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            await self._pool.aclose()
        if self._companies is not None:
            await self._companies.aclose()
        for observer in self.observers:
            await observer.aclose()

    def _workplace(self, key: str | None, make_settings: "Callable[[], Settings]") -> "Workplace":
        name = hashlib.sha256(b"rotor-mcp company " + (key or "").encode()).digest()
        workplace = self._open.get(name)
        if workplace is None:
            from rotor_mcp.workplace import Workplace, system_clock

            settings = make_settings()
            company = self.companies.of(settings.key)
            workplace = Workplace(
                self.pool.sibling(settings), company, name.hex()[:12], self._clock or system_clock
            )
            self._open[name] = workplace
        self._recent[name] = workplace
        self._recent.move_to_end(name)
        if len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)
        return workplace
