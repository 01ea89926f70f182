"""Rate limits, concurrency limits and daily budgets for each caller."""

import secrets
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio

from rotor_mcp.errors import BudgetExceeded, RateLimited
from rotor_mcp.state.request_counter import Budget
from rotor_mcp.state.tenant_state import StateFactory

RATE_WINDOW_SECONDS = 60.0
NOTICE_SHARE = 0.8
"""Share of a budget above which results mention what is left."""
MAX_WAIT_SECONDS = 5.0
"""How long a call waits while concurrent calls of its caller may spend the rest. Hosts time out at 30."""
_POLL_SECONDS = 0.2
_EXPIRY_MARGIN_SECONDS = 10.0
"""A reservation outlives the longest call by this time."""


@dataclass
class _CallerUsage:
    under_way: int = 0
    started_at: deque[float] = field(default_factory=deque)
    """Start times of the calls of the last minute."""


class RateLimiter:
    """Limits the calls of each caller, within this process."""

    def __init__(self, max_concurrent: int, max_per_minute: int) -> None:
        self._max_concurrent = max_concurrent
        self._max_per_minute = max_per_minute
        self._usage: dict[str, _CallerUsage] = {}

    @contextmanager
    def hold(self, caller: str) -> Iterator[None]:
        """Count a call for the length of a block.

        Raises:
            RateLimited: if the caller has too many calls at once, or within a minute.
        """
        now = anyio.current_time()
        self._drop_expired(now)
        usage = self._usage.setdefault(caller, _CallerUsage())
        if usage.under_way >= self._max_concurrent:
            raise RateLimited(
                f"{usage.under_way} calls of yours are under way, and more are not allowed at once; "
                "wait for one of them to end"
            )
        if len(usage.started_at) >= self._max_per_minute:
            seconds = RATE_WINDOW_SECONDS - (now - usage.started_at[0])
            raise RateLimited(
                f"{self._max_per_minute} calls within a minute are all that is allowed; "
                f"the next one in {max(round(seconds), 1)} seconds"
            )
        usage.started_at.append(now)
        usage.under_way += 1
        try:
            yield
        finally:
            usage.under_way -= 1

    def _drop_expired(self, now: float) -> None:
        """Drop calls that started more than a minute ago, and callers without calls."""
        for caller, usage in list(self._usage.items()):
            while usage.started_at and now - usage.started_at[0] >= RATE_WINDOW_SECONDS:
                usage.started_at.popleft()
            if not usage.started_at and not usage.under_way:
                del self._usage[caller]


@dataclass(frozen=True)
class Reservation:
    """Requests of a caller's budget that are reserved for a running call."""

    caller: str
    token: str
    notice: str | None
    """A text for the caller if little is left."""


class Budgets:
    """Limits the requests that each caller spends in a day (UTC)."""

    def __init__(
        self,
        daily_requests: int | None,
        state_factory: StateFactory,
        max_call_seconds: float,
        max_wait_seconds: float = MAX_WAIT_SECONDS,
    ) -> None:
        self._daily = daily_requests
        self._state_factory = state_factory
        self._max_call_seconds = max_call_seconds
        self._max_wait_seconds = max_wait_seconds
        self._budgets: dict[str, Budget] = {}
        self._settled: dict[str, anyio.Event] = {}

    async def reserve(self, caller: str, requests: int) -> Reservation | None:
        """Reserve what a call may spend; None if there is no budget.

        While running calls could spend the rest of the budget, another call waits for them.

        Raises:
            BudgetExceeded: if nothing is left.
            RateLimited: if running calls could spend the rest, and take too long.
        """
        if self._daily is None:
            return None
        token, until = secrets.token_hex(8), anyio.current_time() + self._max_wait_seconds
        while True:
            settled = self._settled.setdefault(caller, anyio.Event())
            spent, granted = await self._budget(caller).reserve(
                token, requests, self._daily, self._max_call_seconds + _EXPIRY_MARGIN_SECONDS
            )
            if granted:
                return Reservation(caller, token, self._notice(spent))
            if spent >= self._daily:
                raise BudgetExceeded(
                    f"you have spent {spent:,} requests today, and {self._daily:,} are your share (this "
                    "server's own count; its day begins at midnight UTC). Trying again today will not help"
                )
            now = anyio.current_time()
            if now >= until:
                raise RateLimited(
                    f"calls of yours that are under way may spend the {self._daily - spent:,} requests that "
                    "you have left today; wait for them to end"
                )
            # The end of a call on another server is not signalled here, so this polls.
            with anyio.move_on_after(min(_POLL_SECONDS, until - now)):
                await settled.wait()

    async def settle(self, reservation: Reservation, requests: int) -> None:
        """Replace the reservation of a call by what it has spent."""
        await self._budget(reservation.caller).settle(reservation.token, requests)
        if (settled := self._settled.pop(reservation.caller, None)) is not None:
            settled.set()

    def _notice(self, spent: int) -> str | None:
        if self._daily is None or spent < NOTICE_SHARE * self._daily:
            return None
        return f"of your {self._daily:,} requests of today (UTC), {spent:,} were spent before this call"

    def _budget(self, caller: str) -> Budget:
        if caller not in self._budgets:
            self._budgets[caller] = self._state_factory.budget(caller)
        return self._budgets[caller]
