"""One line of the diagnosis."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "failed", "skipped"]
"""A note is odd and may be meant. What is skipped could not be looked at, because something before failed."""


@dataclass(frozen=True)
class Check:
    """What was looked at, what was found, and how to fix it if it is not right."""

    subject: str
    state: State
    finding: str
    fix: str | None = None


def crashed_check(subject: str, exc: Exception) -> Check:
    """A check that failed unexpectedly. The exception's text is not shown, since it can hold anything."""
    return Check(
        subject,
        "failed",
        f"this check itself failed ({type(exc).__name__})",
        "This is a fault of rotor-mcp, or of this machine: report it with this output.",
    )
