"""How many requests all servers together have spent today of a company's quota."""

import secrets
from collections.abc import Callable
from datetime import date

from rotor_mcp.company import Spending, utc_day
from rotor_mcp.shared.link import Away, Link
from rotor_mcp.shared.names import Names

KEPT = 2 * 86_400
"""Seconds for which the counts of a day are kept."""

_TELL = """
local day, me, mine, kept = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
-- Of two that come in another order than they were sent, the larger one is newer.
if mine > tonumber(redis.call('hget', day, me) or 0) then redis.call('hset', day, me, mine) end
redis.call('expire', day, kept)
local others = 0
for number, count in ipairs(redis.call('hvals', day)) do others = others + tonumber(count) end
return others - tonumber(redis.call('hget', day, me) or 0)
"""


class SharedSpending(Spending):
    """Each server counts for itself, and tells Redis how far it has come; the sum is what was spent.

    So nothing is counted twice, and what Redis was not told, or has lost, it is told with the next request.
    While it is away, of the other servers is known what they had spent before.
    """

    def __init__(self, names: Names, link: Link, day: Callable[[], date] = utc_day) -> None:
        super().__init__(day)
        self._names = names
        self._link = link
        self._script = link.script(_TELL)
        self._me = secrets.token_hex(8)
        self._others = 0

    async def add(self, requests: int = 1) -> None:
        """Count requests that went out."""
        await super().add(requests)
        await self._tell()

    async def today(self) -> int:
        """Say how many there were today, on all servers."""
        self._turn_the_page()
        await self._tell()
        return self._others + await super().today()

    async def _tell(self) -> None:
        day, mine = self._day, self._count
        name = self._names.of(f"spent:{day}")
        try:
            others: int = await self._link.ask(lambda _: self._script([name], [self._me, mine, KEPT]))
        except Away:
            return
        if day == self._day:
            self._others = max(others, self._others)

    def _turn_the_page(self) -> None:
        before = self._day
        super()._turn_the_page()
        if before != self._day:
            self._others = 0
