"""Callbacks of the API client: it reports each lead that it reads and each request that it sends."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from rotor_mcp.api.models import Lead


def _ignore_lead(_: Lead) -> None:
    pass


def _ignore_id(_: str | None) -> None:
    pass


async def _ignore_request(_: int | None) -> None:
    pass


@dataclass(frozen=True)
class ApiHooks:
    """Receives each lead and each request."""

    lead_read: Callable[[Lead], None] = _ignore_lead
    """Receives a lead that was read."""
    request_sent: Callable[[int | None], Awaitable[None]] = _ignore_request
    """Receives the status of a request that was sent with the key, None if no answer came.

    Such a request counts against the day's quota.
    """
    id_read: Callable[[str | None], None] = _ignore_id
    """Receives the id of a lead that was read, after `lead_read`."""


class WriteLease(Protocol):
    """The right to write to one person, which may be lost to another server."""

    async def verify(self) -> None:
        """Check the right immediately before a write is sent.

        Raises:
            LockLost: if another server has taken it.
        """
