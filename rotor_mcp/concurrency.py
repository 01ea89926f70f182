"""Long work that lets other calls go on in between."""

from collections.abc import AsyncIterator, Iterable
from time import perf_counter
from typing import TypeVar

from anyio.lowlevel import checkpoint

SLICE_SECONDS = 0.02
"""For which work may hold the event loop before others have their turn."""

Item = TypeVar("Item")


async def paced(items: Iterable[Item]) -> AsyncIterator[Item]:
    """Yield items, and let other tasks run whenever the work on those before took `SLICE_SECONDS`."""
    since = perf_counter()
    for item in items:
        yield item
        if perf_counter() - since > SLICE_SECONDS:
            await checkpoint()
            since = perf_counter()
