"""Counts the requests of a day: of a key's quota, or of a caller's budget.

Days are those of UTC. Rotor does not document when its own day begins.
"""

from rotor_mcp.dates import Clock, utc_now


class RequestCounter:
    """Requests that were sent today with a company's key, by this server's own count."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._day = clock().date()
        self._count = 0

    async def add(self, requests: int = 1) -> None:
        """Count requests that were sent."""
        if self._clock().date() != self._day:
            self._start_day()
        self._count += requests

    async def today(self) -> int:
        """Return how many were sent today."""
        if self._clock().date() != self._day:
            self._start_day()
        return self._count

    @property
    def known(self) -> int:
        """How many of today this process has counted, without asking other servers."""
        return self._count if self._clock().date() == self._day else 0

    def _start_day(self) -> None:
        """Count a new day from 0."""
        self._day, self._count = self._clock().date(), 0


class Budget(RequestCounter):
    """What one caller has spent today, and what its calls under way may still spend.

    A call reserves requests before it starts and settles when it ends. It is granted its reservation if the
    limit is not reached even when all others spend all of theirs, or if there are no others. So all calls
    together exceed a limit by less than what one of them spends.
    """

    def __init__(self, clock: Clock = utc_now) -> None:
        super().__init__(clock)
        self._reserved: dict[str, int] = {}

    async def reserve(
        self,
        token: str,
        requests: int,
        limit: int,
        expiry: float,  # noqa: ARG002 - within a process every call is settled
    ) -> tuple[int, bool]:
        """Reserve requests for a call. Returns what was spent before, and whether the call may start.

        Args:
            token: names the call.
            requests: that it may spend.
            limit: requests of a day.
            expiry: seconds after which an unsettled reservation ends, where it outlives a process.
        """
        spent = await self.today()
        granted = self._fits(spent, limit)
        if granted:
            self._reserved[token] = requests
        return spent, granted

    async def settle(self, token: str, spent: int) -> None:
        """Count what a call has spent, instead of what it had reserved."""
        self._reserved.pop(token, None)
        await self.add(spent)

    def _fits(self, spent: int, limit: int) -> bool:
        return spent < limit and (not self._reserved or spent + sum(self._reserved.values()) < limit)
