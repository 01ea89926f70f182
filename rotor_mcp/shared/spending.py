"""How many requests all servers together have spent today of a company's quota."""

from collections.abc import Callable
from datetime import date

from rotor_mcp.company import Spending, utc_day
from rotor_mcp.shared.link import Away, Link
from rotor_mcp.shared.names import Names

KEPT = 2 * 86_400
"""Seconds for which a day's count is kept."""

_ADD = """
local known, more, kept = unpack(ARGV)
local count = math.max(tonumber(redis.call('get', KEYS[1]) or 0) or 0, tonumber(known)) + more
redis.call('set', KEYS[1], string.format('%.0f', count), 'ex', kept)
return count
"""


class SharedSpending(Spending):
    """A count in Redis. While Redis is away, this process counts what it adds, and tells it afterwards.

    A Redis that lost the count is told the largest that this process knows of.
    """

    def __init__(self, names: Names, link: Link, today: Callable[[], date] = utc_day) -> None:
        super().__init__(today)
        self._names = names
        self._link = link
        self._add = link.script(_ADD)
        self._untold = 0
        """Requests of this day that Redis is not known to know of."""
        self._being_told = 0
        """Those of them that it is being told now."""

    async def add(self, requests: int = 1) -> None:
        """Count requests that went out."""
        await super().add(requests)
        self._untold += requests
        await self._tell()

    async def today(self) -> int:
        """Say how many there were today, on all servers."""
        self._turn_the_page()
        await self._tell()
        return await super().today()

    async def _tell(self) -> None:
        day, known, more = self._day, self._count - self._untold, self._untold - self._being_told
        name = self._names.of(f"spent:{day}")
        self._being_told += more
        try:
            count: int = await self._link.ask(lambda _: self._add([name], [known, more, KEPT]))
        except Away:
            return
        finally:  # what was told and not answered is told once more: rather too many than too few
            if day == self._day:
                self._being_told -= more
        if day == self._day:
            told = self._count - self._untold
            self._untold -= more
            self._count = max(told, count) + self._untold

    def _turn_the_page(self) -> None:
        before = self._day
        super()._turn_the_page()
        if before != self._day:
            self._untold = self._being_told = 0
