"""Events for the audit log and telemetry. They hold no personal data."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rotor_mcp.errors import NotSent

SpentToday = Callable[[], Iterable[tuple[str, int]]]
"""Returns (company, requests) for each company: what this process knows to be spent of today's quota."""


@dataclass(frozen=True)
class RequestEvent:
    """A finished request to Rotor."""

    method: str
    host: str
    path_template: str
    """The path below the base URL, with `{id}` for an id."""
    seconds: float
    status: int | None
    """The status of the response; None if there was none."""
    failure: str | None
    """Why there was no response: the name of an error class."""
    sent: bool
    """Whether the request may have reached Rotor."""


@dataclass(frozen=True)
class WriteEvent:
    """A started write: the lead, the names of the fields, and the outcome. It holds no values."""

    lead_id: str | None
    fields: tuple[str, ...]
    outcome: str


@dataclass(frozen=True)
class CallSummary:
    """The operation that was called, and its outcome."""

    operation: str
    """A tool, `resource` and its name, or `completion`."""
    outcome: str
    """The outcome in the result, or the name of an error class."""
    requests: int
    seconds: float


@dataclass(frozen=True)
class CallFinished:
    """An admitted call that has ended."""

    caller: str | None
    """The caller over HTTP; None on standard input and output."""
    company: str
    """A pseudonym of the company."""
    summary: CallSummary | None
    """None if no operation was started."""
    writes: Sequence[WriteEvent]


class EventListener:
    """Receives events. The base class ignores them."""

    def started(self, spent_today: SpentToday) -> None:
        """The server has started."""

    def call_rejected(self, rejection: NotSent) -> None:
        """A call was not admitted."""

    def call_finished(self, finished: CallFinished) -> None:
        """An admitted call has ended, or was cancelled."""

    def readiness_told(self, *, ready: bool) -> None:
        """A readiness probe was answered."""

    def request_finished(self, request: RequestEvent) -> None:
        """A request to Rotor has finished."""

    async def aclose(self) -> None:
        """Release resources. No event follows."""
