"""What an input costs: CPU time for which the event loop is held, and memory."""

import re
import time
from asyncio.events import Handle
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rotor_mcp import normalize
from rotor_mcp.leads import phones

MAX_HELD_SECONDS = 0.1
"""CPU time for which one step may hold the event loop: that of reading a page of 1,000 ordinary leads."""
MAX_EXTRA_BYTES = 100_000_000
"""Memory that an input may take above what the process had at rest."""
ATTEMPTS = 4
"""How often an input is tried before it counts as one that takes too long: the machine's clock varies."""


@dataclass
class Held:
    """For how long the event loop was held at most."""

    seconds: float = 0.0


@contextmanager
def held_loop() -> Iterator[Held]:
    """Measure every step that an event loop makes in a block, in CPU time of this thread."""
    held = Held()
    run = Handle._run  # nothing else sees every step

    def measured(handle: Handle) -> None:
        started = time.thread_time()
        run(handle)
        held.seconds = max(held.seconds, time.thread_time() - started)

    Handle._run = measured  # type: ignore[method-assign, assignment]
    try:
        yield held
    finally:
        Handle._run = run  # type: ignore[method-assign]


def forget_forms() -> None:
    """Forget the forms of texts that were compared: the first comparison is the one that takes long."""
    for remembered in (
        normalize.caseless,
        normalize.words,
        normalize.text_form,
        phones.digits_of,
        phones.parse_phones,
    ):
        remembered.cache_clear()


async def seconds_held(attempt: Callable[[], Awaitable[object]]) -> float:
    """Measure for how long the loop is held at most, at the best of some attempts."""
    best = float("inf")
    for _ in range(ATTEMPTS):
        forget_forms()
        with held_loop() as held:
            await attempt()
        best = min(best, held.seconds)
        if best <= MAX_HELD_SECONDS:
            break
    return best


def memory(pid: int, name: str) -> int:
    """Bytes of memory of a process, by their name in /proc: `VmRSS` now, `VmHWM` at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1_024
