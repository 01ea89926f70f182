"""What can go wrong between us and Rotor, by what a caller needs to know: was anything done?

```
RotorError
├── NotSent              no request left: safe to try again
│   ├── NoKey            nothing to authenticate with
│   ├── Misconfigured    this machine names a proxy or certificates that cannot be used
│   ├── CallRejected      this server does not let the call in
│   │   ├── PermissionDenied       the caller may not do this
│   │   ├── RateLimited     too many at once, or within a minute
│   │   ├── BudgetExceeded      the caller's own share of the day's requests
│   │   └── Uncoordinated    a write, and the Redis that is required for writes cannot be used
│   └── LockLost         another server has the turn of this person
├── Refused              Rotor said no: nothing changed
│   ├── InvalidLead      400
│   ├── NotAuthorised    401
│   ├── MissingScope     403
│   ├── NotFound         404
│   └── QuotaExceeded    429
└── Unanswered           sent, but no usable answer came; reading changes nothing
    └── OutcomeUnknown   the same for a write: it may have been done, or not
```

`failures.py` turns them into the text a model reads.
"""

from dataclasses import dataclass, field
from typing import Literal

ConnectFailure = Literal["name", "refusal", "certificate", "tls", "silence", "proxy"]
"""What kept a connection from being made."""


@dataclass(eq=False)
class RotorError(Exception):
    """A call to Rotor failed. `reason` says how, in a few words that hold nobody's data and no key."""

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

    cure: str = field(kw_only=True)
    """A sentence: what to do."""


class LockLost(NotSent):
    """Another server has, or has had, the turn that this write was to go out in."""


class CallRejected(NotSent):
    """This server does not let the call in; `reason` also says what would change that."""


class PermissionDenied(CallRejected):
    """The caller may not do this."""


class RateLimited(CallRejected):
    """The caller has too many calls under way, or began too many just now."""


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
    """400: Rotor does not accept these values."""

    fields: list[tuple[str, str]] = field(default_factory=list, repr=False)
    """(field, what Rotor says about it)."""


@dataclass(eq=False)
class NotAuthorised(Refused):
    """401: Rotor does not know this key."""

    odd_key: str | None = None
    """What is odd about the form of the key that was sent."""


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
class Unanswered(RotorError):
    """The request was sent, but no answer that can be used came back."""

    status: int | None = None
    connection_lost: bool = False
    """Whether the connection broke before the answer was complete."""


class OutcomeUnknown(Unanswered):
    """A write was sent and its reply was lost: it may have been done, or not. Look before sending again."""


FINAL_ERRORS = (NoKey, NotAuthorised, MissingScope, QuotaExceeded)
"""After one of these no further request of the same key can succeed."""
