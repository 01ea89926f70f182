"""Callbacks of the API client: it reports the leads that it reads and each request that it sends."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rotor_mcp.api.models import Lead


def _ignore_leads(_: Sequence[Lead]) -> None:
    pass


async def _ignore_request(_: int | None) -> None:
    pass


class WrittenLeads(Protocol):
    """Knows the leads that were written lately, where a read may be older than a write."""

    def current(self, leads: Sequence[Lead]) -> list[Lead]:
        """Return leads that were read, as they are now."""

    def get(self, lead_id: str) -> Lead | None:
        """Return a lead that was created lately; None if there is none."""

    def all(self) -> list[Lead]:
        """Return the leads that were written lately, as they are now."""


class _NoneWritten:
    def current(self, leads: Sequence[Lead]) -> list[Lead]:
        return [*leads]

    def get(self, _: str) -> Lead | None:
        return None

    def all(self) -> list[Lead]:
        return []


_NONE_WRITTEN = _NoneWritten()


@dataclass(frozen=True)
class ApiHooks:
    """Receives the leads and each request."""

    leads_read: Callable[[Sequence[Lead]], None] = _ignore_leads
    """Receives the leads of an answer, in their order."""
    request_sent: Callable[[int | None], Awaitable[None]] = _ignore_request
    """Receives the status of a request that was sent with the key, None if no answer came.

    Such a request counts against the day's quota.
    """
    written: WrittenLeads = _NONE_WRITTEN
    """Knows the leads that were written lately."""


class WriteLease(Protocol):
    """The right to write to one person, which may be lost to another server."""

    async def verify(self) -> None:
        """Check the right immediately before a write is sent.

        Raises:
            LockLost: if another server has taken it.
        """
