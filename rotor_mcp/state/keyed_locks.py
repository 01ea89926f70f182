"""Mutual exclusion by key: calls for one person wait for each other, calls for different people do not."""

import math
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import anyio

from rotor_mcp.errors import NotSent

MAX_RELEASED_KEYS = 2_000
"""Keys whose last release is remembered. Within the length of a call far fewer are released."""


@dataclass
class _KeyLock:
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    users: int = 0
    """Calls that hold it or wait for it."""


@dataclass
class Lease:
    """The keys that one call holds, until its `hold` block ends."""

    locks: "KeyedLocks"
    held: AsyncExitStack
    """Releases the keys."""
    released_at: float = -math.inf
    """When another call last held one of the first keys, by `anyio.current_time`. What was read before that
    may have changed."""
    fault: str | None = None
    """Why other servers could not be asked before a write, if they could not; a clause about Redis."""

    async def extend(self, keys: Iterable[str], deadline: float) -> float:
        """Wait until no other call holds any of these keys, and hold them.

        A call that holds keys and extends its lease takes contacts before ids, so that no two calls wait for
        each other.

        Returns when another call last held one of them, by `anyio.current_time`.

        Raises:
            NotSent: if another call still held one at the deadline, by `anyio.current_time`.
        """
        locks, released_at = self.locks, -math.inf
        for key in sorted(keys):
            entry = locks.entries.setdefault(key, _KeyLock())
            entry.users += 1
            try:
                with anyio.fail_after(deadline - anyio.current_time()):
                    await entry.lock.acquire()
            except BaseException as exc:
                locks.release(key, entry, held=False)
                if isinstance(exc, TimeoutError):
                    raise NotSent("other calls for the same person took all the time of this one") from None
                raise
            self.held.callback(locks.release, key, entry)
            released_at = max(released_at, locks.released.get(key, -math.inf))
        return released_at

    async def verify(self) -> None:
        """Check that the keys are still held, before a write. Within one process they are.

        Raises:
            LockLost: if another server has taken one.
        """


class KeyedLocks:
    """Locks by key, within one process."""

    shared = False
    """Whether other servers take part, so that a write needs to check them first."""

    def __init__(self) -> None:
        self.entries: dict[str, _KeyLock] = {}
        self.released: dict[str, float] = {}
        """Key → when it was last released, the oldest first."""

    @asynccontextmanager
    async def hold(self, keys: Iterable[str], deadline: float) -> AsyncIterator[Lease]:
        """Hold keys for the length of a block.

        Raises:
            NotSent: if another call still held one at the deadline, by `anyio.current_time`.
            Uncoordinated: if Redis is required for writes and could not be used since the start.
        """
        async with AsyncExitStack() as held:
            lease = Lease(self, held)
            lease.released_at = await lease.extend(keys, deadline)
            yield lease

    async def check(self) -> None:
        """Check that a write may start. Within one process it may.

        Raises:
            Uncoordinated: if Redis is required for writes and could not be used since the start.
        """

    def release(self, key: str, entry: _KeyLock, *, held: bool = True) -> None:
        """Release a key and remember when; or only stop waiting for one that was not held."""
        if held:
            entry.lock.release()
            self.released.pop(key, None)
            self.released[key] = anyio.current_time()
            if len(self.released) > MAX_RELEASED_KEYS:
                del self.released[next(iter(self.released))]
        entry.users -= 1
        if not entry.users:
            del self.entries[key]
