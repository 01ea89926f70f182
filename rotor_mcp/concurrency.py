"""Limits concurrent requests, and lets other tasks run during long work."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

MAX_CONCURRENT_REQUESTS = 4
"""Requests of one call that are in flight at a time. Rotor documents no limit but the daily one."""
SLICE_SECONDS = 0.02
"""Seconds for which work may hold the event loop before other tasks run."""

Item = TypeVar("Item")


async def for_each(items: Iterable[Item], do: Callable[[Item], Awaitable[object]]) -> None:
    """Call a function for each item, in their order, `MAX_CONCURRENT_REQUESTS` at a time.

    The first failure keeps further calls from starting, and is raised when those under way have ended.
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


@asynccontextmanager
async def background_tasks() -> AsyncIterator[TaskGroup]:
    """Yield a group of tasks that are cancelled at the end of the block; its exception is raised as it is."""
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        try:
            yield tasks
        except Exception as exc:  # raised below, outside the task group
            failure = exc
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def paced(items: Iterable[Item]) -> AsyncIterator[Item]:
    """Yield items, and let other tasks run whenever the work on those before took `SLICE_SECONDS`."""
    since = perf_counter()
    for item in items:
        yield item
        if perf_counter() - since > SLICE_SECONDS:
            await checkpoint()
            since = perf_counter()
