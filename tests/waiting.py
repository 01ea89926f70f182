"""Waiting for what nobody tells of."""

from collections.abc import Callable

import anyio


async def until(happened: Callable[[], object], patience: float = 60) -> None:
    """Wait until something is true; it is looked at often.

    Args:
        happened: whether it is.
        patience: seconds, generous because a busy machine is no fault.

    Raises:
        TimeoutError: if it does not become true.
    """
    with anyio.fail_after(patience):
        while not happened():  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.01)


def within(seconds: float) -> float:
    """A deadline, by `anyio.current_time`."""
    return anyio.current_time() + seconds
