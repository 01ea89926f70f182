"""Callbacks of the API client: it reports the leads that it reads and each request that it sends."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rotor_mcp.api.models import Lead


def _ignore_leads(_: Sequence[Lead]) -> None:
    pass


async def _ignore_request(_: int | None) -> None:
    pass


@dataclass(frozen=True)
class ApiHooks:
    """Receives the leads and each request."""

    leads_read: Callable[[Sequence[Lead]], None] = _ignore_leads
    """Receives the leads of an answer, in their order."""
    request_sent: Callable[[int | None], Awaitable[None]] = _ignore_request
    """Receives the status of a request that was sent with the key, None if no answer came.

    Such a request counts against the day's quota.
    """


class WriteLease(Protocol):
    """The right to write to one person, which may be lost to another server."""

    async def verify(self) -> None:
        """Check the right immediately before a write is sent.

        Raises:
            LockLost: if another server has taken it.
        """
