"""Several things at once, but not too many."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio

MAX_CONCURRENT_REQUESTS = 4
"""Requests in flight at a time. Rotor names no limit but the daily one; this is polite, and fast enough."""

Item = TypeVar("Item")


async def each(items: Iterable[Item], do: Callable[[Item], Awaitable[None]]) -> None:
    """Do something for each of many, begun in their order, `MAX_CONCURRENT_REQUESTS` at a time.

    The first failure keeps further ones from being begun, and is raised when those in hand are done.
    """
    waiting = iter(items)
    failures: list[Exception] = []

    async def work() -> None:
        for item in waiting:
            try:
                await do(item)
            except Exception as exc:  # raised below, outside the task group, as what it is
                failures.append(exc)
            if failures:
                return

    async with anyio.create_task_group() as workers:
        for _ in range(MAX_CONCURRENT_REQUESTS):
            workers.start_soon(work)
    if failures:
        raise failures[0]
