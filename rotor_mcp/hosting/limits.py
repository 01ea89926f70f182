"""How much of this server one caller may use, so that one runaway agent leaves something for the others."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio

from rotor_mcp.company import Companies, Spending
from rotor_mcp.errors import BudgetSpent, TooManyCalls

MINUTE = 60.0
NEARLY = 0.8
"""Share of a budget from which on the caller is told."""


@dataclass
class _Use:
    under_way: int = 0
    begun: deque[float] = field(default_factory=deque)
    """When the calls of the last minute began."""


class Limits:
    """Counts the calls of each caller, in this process."""

    def __init__(self, at_once: int, per_minute: int) -> None:
        self._at_once = at_once
        self._per_minute = per_minute
        self._uses: dict[str, _Use] = {}

    @contextmanager
    def hold(self, caller: str) -> Iterator[None]:
        """Count a call for as long as it takes.

        Raises:
            TooManyCalls: if there are too many already.
        """
        now = anyio.current_time()
        self._forget(now)
        use = self._uses.setdefault(caller, _Use())
        if use.under_way >= self._at_once:
            raise TooManyCalls(
                f"{use.under_way} calls of yours are under way, and more are not allowed at once; "
                "wait for one of them to end"
            )
        if len(use.begun) >= self._per_minute:
            seconds = MINUTE - (now - use.begun[0])
            raise TooManyCalls(
                f"{self._per_minute} calls within a minute are all that is allowed; "
                f"the next one in {max(round(seconds), 1)} seconds"
            )
        use.begun.append(now)
        use.under_way += 1
        try:
            yield
        finally:
            use.under_way -= 1

    def _forget(self, now: float) -> None:
        """Forget what is longer than a minute ago. Callers without anything left vanish."""
        for caller, use in list(self._uses.items()):
            while use.begun and now - use.begun[0] >= MINUTE:
                use.begun.popleft()
            if not use.begun and not use.under_way:
                del self._uses[caller]


class Budgets:
    """Counts what each caller spends of a day's requests, and ends it. The day is that of UTC."""

    def __init__(self, daily_requests: int | None, companies: Companies) -> None:
        self._daily = daily_requests
        self._companies = companies
        self._spent: dict[str, Spending] = {}

    async def check(self, caller: str) -> str | None:
        """See whether there is something left; if it is not much, say so.

        Raises:
            BudgetSpent: if there is nothing left.
        """
        if self._daily is None:
            return None
        spent = await self._of(caller).today()
        if spent >= self._daily:
            raise BudgetSpent(
                f"you have spent {spent:,} requests today, and {self._daily:,} are your share (this server's "
                "own count; its day begins at midnight UTC). Trying again today will not help"
            )
        if spent < NEARLY * self._daily:
            return None
        return f"of your {self._daily:,} requests of today (UTC), {spent:,} were spent before this call"

    async def spend(self, caller: str, requests: int) -> None:
        """Count what a call has spent."""
        if self._daily is not None and requests:
            await self._of(caller).add(requests)

    def _of(self, caller: str) -> Spending:
        if caller not in self._spent:
            self._spent[caller] = self._companies.spending(caller)
        return self._spent[caller]
