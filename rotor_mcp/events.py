"""Who is told of what this server does: the audit log, and telemetry. What is told holds nobody's data."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rotor_mcp.errors import NotSent

SpentToday = Callable[[], Iterable[tuple[str, int]]]
"""Says how many requests each company has spent today, as far as this process knows."""


@dataclass(frozen=True)
class RequestEvent:
    """A request to Rotor that has ended."""

    method: str
    host: str
    path_template: str
    """The path below the API's address, with `{id}` in the place of an id."""
    seconds: float
    status: int | None
    """What Rotor answered; None if nothing came."""
    failure: str | None
    """Why nothing came: the name of an error."""
    sent: bool
    """Whether it may have reached Rotor."""


@dataclass(frozen=True)
class WriteEvent:
    """A write that was begun: to which lead, of what, and how it ended. Names only, no values."""

    lead_id: str | None
    fields: tuple[str, ...]
    outcome: str


@dataclass(frozen=True)
class CallSummary:
    """What was called, and how that ended."""

    operation: str
    """A tool, `resource` and its name, or `completion`."""
    outcome: str
    """What a result says it is, or the name of an error."""
    requests: int
    seconds: float


@dataclass(frozen=True)
class CallFinished:
    """A call that was let in, and has ended."""

    caller: str | None
    """Who called; None if it is whoever started the process."""
    company: str
    """A name that tells companies apart, and not which they are."""
    summary: CallSummary | None
    """None if nothing was begun."""
    writes: Sequence[WriteEvent]


class EventListener:
    """Told of calls and requests as they end. By itself it makes nothing of them."""

    def started(self, spent_today: SpentToday) -> None:
        """Work begins."""

    def call_rejected(self, rejection: NotSent) -> None:
        """A call had to stay outside."""

    def call_finished(self, finished: CallFinished) -> None:
        """A call that was let in has ended, or was cancelled."""

    def request_finished(self, request: RequestEvent) -> None:
        """A request to Rotor has ended."""

    async def aclose(self) -> None:
        """Nothing will be told any more."""
