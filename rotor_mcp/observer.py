"""Who is told of what this server does: the audit log, and telemetry."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rotor_mcp.errors import NotSent
    from rotor_mcp.reception import Visit
    from rotor_mcp.workplaces import Workplaces


@dataclass(frozen=True)
class Asked:
    """A request to Rotor that has ended. It holds nobody's data."""

    method: str
    host: str
    template: str
    """The path below the API's address, with `{id}` in the place of an id."""
    seconds: float
    status: int | None
    """What Rotor answered; None if nothing came."""
    failure: str | None
    """Why nothing came: the name of an error."""
    sent: bool
    """Whether it may have reached Rotor."""


class Observer:
    """Told of calls and requests as they end. By itself it makes nothing of them."""

    def opened(self, workplaces: "Workplaces") -> None:
        """Work begins; these are the workplaces."""

    def refused(self, refusal: "NotSent") -> None:
        """A call had to stay outside."""

    def ended(self, visit: "Visit") -> None:
        """A call that was let in has ended, or was cancelled."""

    def asked(self, asked: Asked) -> None:
        """A request to Rotor has ended."""

    async def aclose(self) -> None:
        """Nothing will be told any more."""
