"""The errors of calls, classified by whether anything was done.

```
CallError
├── InvalidArguments     the arguments cannot be used; nothing was sent
│   └── UnclearId        a short id does not tell one lead; leads may have been read
├── NotesTooLong         the notes do not fit with those that the lead has; nothing was written
├── TooManyRequests      the call would cost more requests than it may; nothing was written
└── RotorError
    ├── NotSent              no request was sent: safe to try again
    │   ├── NoKey            there is no key to authenticate with
    │   ├── Misconfigured    the environment names a proxy or certificates that cannot be used
    │   ├── CallRejected     this server does not admit the call
    │   │   ├── PermissionDenied  the caller may not do this
    │   │   ├── RateLimited       too many calls at once, or within a minute
    │   │   ├── BudgetExceeded    the caller's own share of the day's requests is spent
    │   │   └── Uncoordinated     a write, and the Redis that is required for writes cannot be used
    │   └── LockLost         another server holds the lock of this person
    ├── Refused              Rotor refused: nothing changed
    │   ├── InvalidLead      400, 422
    │   ├── NotAuthorised    401
    │   ├── MissingScope     403
    │   ├── NotFound         404
    │   ├── QuotaExceeded    429: the requests of the day are used up
    │   └── Throttled        429: too many at once, with the time to wait
    └── Unanswered           sent, but no usable answer came; reading changes nothing
        └── OutcomeUnknown   the same for a write: it may have been done, or not
```

`tools/error_text.py` turns each into the text that a model reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

ConnectFailure = Literal["name", "refusal", "certificate", "tls", "silence", "proxy"]
"""Why a connection could not be made."""


class CallError(Exception):
    """A call ended without a result."""

    outcome: ClassVar[str]
    """The name of this end in the log and in events; by default that of the class."""

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        cls.outcome = cls.__dict__.get("outcome", cls.__name__)


class InvalidArguments(CallError):
    """Arguments that the tool cannot use. `faults` names each, without the value that was given."""

    outcome = "arguments refused"

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = list(faults)


class UnclearId(InvalidArguments):
    """A short id that does not tell one lead from all others. `faults` names leads; the text does not."""

    outcome = "short id unclear"

    def __str__(self) -> str:
        return "a short id does not tell one lead"


class NotesTooLong(CallError):
    """Notes that do not fit with those that the lead has."""

    outcome = "notes too long"

    def __init__(self, length: int, left: int, limit: int) -> None:
        super().__init__(f"{length:,} characters do not fit, {left:,} of {limit:,} are left")


class TooManyRequests(CallError):
    """A call that would cost more requests than it may spend."""

    outcome = "too costly"

    def __init__(self, requests: int, limit: int, writes: int = 0) -> None:
        super().__init__(f"{requests} requests, {limit} allowed")
        self.requests = requests
        self.limit = limit
        self.writes = writes
        """How many of the requests would be writes, as far as that is known."""


@dataclass(eq=False)
class RotorError(CallError):
    """A request to Rotor failed. `reason` says how, in a few words that hold nobody's data and no key."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class NotSent(RotorError):
    """No request left this machine, so nothing was done and trying again is safe."""

    connect_failure: ConnectFailure | None = None
    """If there was no connection, and it is known why."""


class NoKey(NotSent):
    """There is no API key that could be sent."""


@dataclass(eq=False)
class Misconfigured(NotSent):
    """The environment names a proxy or certificates that cannot be used. Trying again does not help."""

    fix: str = field(kw_only=True)
    """A sentence: what to do."""


class LockLost(NotSent):
    """Another server holds, or has held, a lock of this write."""


class CallRejected(NotSent):
    """This server does not admit the call; `reason` also says what would change that."""


class PermissionDenied(CallRejected):
    """The caller may not do this."""


class RateLimited(CallRejected):
    """The caller has too many calls under way, or started too many within a minute."""


class BudgetExceeded(CallRejected):
    """The caller has spent its own share of the day's requests."""


class Uncoordinated(CallRejected):
    """Redis is required for writes, and could not be used since this server was started."""


@dataclass(eq=False)
class Refused(RotorError):
    """Rotor answered that it will not do this; nothing changed."""

    status: int
    message: str = field(default="", repr=False)
    """Rotor's own words, cut. They may hold customers' data: for the caller, never for a log."""


@dataclass(eq=False)
class InvalidLead(Refused):
    """400 or 422: Rotor does not accept these values."""

    fields: list[tuple[str, str]] = field(default_factory=list, repr=False)
    """(field, what Rotor says about it)."""


@dataclass(eq=False)
class NotAuthorised(Refused):
    """401: Rotor does not know this key."""

    odd_key: str | None = None
    """What is unusual about the form of the key that was sent."""


@dataclass(eq=False)
class MissingScope(Refused):
    """403: the key may not do this."""

    scope: str | None = None
    """The scope that Rotor asks for, if it said."""


class NotFound(Refused):
    """404: there is no such lead."""


class QuotaExceeded(Refused):
    """429: the key's requests of this day are used up."""


@dataclass(eq=False)
class Throttled(Refused):
    """429 that says when to try again: too many requests in a short time."""

    retry_after: float = 1.0
    """Seconds."""


@dataclass(eq=False)
class Unanswered(RotorError):
    """The request was sent, but no answer that can be used came back."""

    status: int | None = None
    connection_lost: bool = False
    """Whether the connection broke before the answer was complete."""


@dataclass(eq=False)
class OutcomeUnknown(Unanswered):
    """A write was sent and its reply was lost: it may have been done, or not. Look before sending again."""

    shown: Mapping[str, object] | None = field(default=None, repr=False)
    """The lead in a reply about it that does not prove the write. Customers' data: never for a log."""
    remarks: tuple[str, ...] = ()
    """What Rotor did beside what was asked for, as such a reply shows."""


FINAL_ERRORS = (NoKey, NotAuthorised, MissingScope, QuotaExceeded)
"""After one of these no further request of the same key can succeed."""
