"""What one tool call works with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypedDict

from rotor_mcp.client import LeadsClient
from rotor_mcp.company import Company
from rotor_mcp.models import Lead
from rotor_mcp.observer import WriteMade
from rotor_mcp.plan import Context
from rotor_mcp.results import ShownLead

Progress = Callable[[float, float | None, str], Awaitable[None]]


class Setting(TypedDict):
    """What every result says of its call."""

    today: str
    timezone: str
    requests: int


@dataclass(frozen=True)
class Call:
    """One tool call: its conversation with Rotor, for a company, on a day, in a place."""

    rotor: LeadsClient
    company: Company
    context: Context
    search_requests: int
    """Requests that a search may spend."""
    batch_requests: int
    """Requests that a batch may spend."""
    progress: Progress
    """Tells whoever waits how far a long call has come: done, of how many, in words."""
    wrote: Callable[[WriteMade], None]
    """Told of every write."""

    def show(self, lead: Lead) -> ShownLead:
        """All of a lead, as results show it."""
        return ShownLead.of(lead, self.context.today, self.context.zone)

    def row(self, lead: Lead, fields: tuple[str, ...]) -> ShownLead:
        """Some fields of a lead, as one of many."""
        return ShownLead.row(lead, self.context.today, self.context.zone, fields)

    def setting(self) -> Setting:
        """The day, the place, and what the call cost so far."""
        return {
            "today": str(self.context.today),
            "timezone": str(self.context.zone),
            "requests": self.rotor.requests,
        }
