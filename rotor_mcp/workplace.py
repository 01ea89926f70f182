"""What all calls of one process share, and how a call begins."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from rotor_mcp.call import Call, Progress, no_progress
from rotor_mcp.client import LeadsClient
from rotor_mcp.company import Company
from rotor_mcp.exchange import Pool
from rotor_mcp.plan import Context
from rotor_mcp.sanitize import clean

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Workplace:
    """What all calls share."""

    pool: Pool
    company: Company
    clock: Clock = system_clock

    def safe(self, text: str) -> str:
        """Make a text fit to leave this process: nothing hidden in it, and not the key."""
        return self.pool.settings.redact(clean(text))

    def call(self, progress: Progress = no_progress) -> Call:
        """Begin a call.

        Args:
            progress: tells whoever waits how far a long call has come.
        """
        settings = self.pool.settings
        today = self.clock().astimezone(settings.zone).date()
        return Call(
            rotor=LeadsClient(self.pool, self.company),
            company=self.company,
            context=Context(today, settings.zone, settings.phone_region),
            search_requests=settings.search_requests,
            batch_requests=settings.batch_requests,
            progress=progress,
        )
