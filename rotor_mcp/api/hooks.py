"""What the API client reports to its caller while a call runs."""

from typing import Protocol

from rotor_mcp.api.models import Lead


class ApiHooks:
    """Receives each request and each lead. The base class ignores them."""

    def lead_read(self, lead: Lead) -> None:
        """Receive a lead that was read."""

    async def request_sent(self, status: int | None) -> None:
        """Receive the end of a request that was sent with the key: it counts against the day's quota.

        Args:
            status: that Rotor answered; None if no answer came.
        """


class WriteLease(Protocol):
    """The right to write to one person, which may be lost to another server."""

    async def verify(self) -> None:
        """Check the right immediately before a write is sent.

        Raises:
            LockLost: if another server has taken it.
        """
