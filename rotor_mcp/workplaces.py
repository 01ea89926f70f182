"""Workplaces, opened when the first call needs one: a start needs nothing of what they are made of."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

    from rotor_mcp.config import Settings
    from rotor_mcp.workplace import Clock, Workplace


class Workplaces:
    """Where calls work. There is one, as there is one company."""

    def __init__(
        self,
        settings: "Settings",
        transport: "Callable[[], httpx2.AsyncBaseTransport] | None" = None,
        clock: "Clock | None" = None,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._workplace: Workplace | None = None

    def open(self) -> "Workplace":
        """The workplace, made if this is the first call."""
        if self._workplace is None:
            from rotor_mcp.company import Company, Memory
            from rotor_mcp.exchange import Pool
            from rotor_mcp.workplace import Workplace, system_clock

            pool = Pool(self._settings, self._transport)
            company = Company(Memory(self._settings.search_memory))
            self._workplace = Workplace(pool, company, self._clock or system_clock)
        return self._workplace

    async def aclose(self) -> None:
        """Close the connections to Rotor."""
        if self._workplace is not None:
            await self._workplace.pool.aclose()
