"""The result of one check."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "failed", "skipped"]
"""`note`: unusual, but possibly intended. `skipped`: not possible, because an earlier check failed."""


@dataclass(frozen=True)
class Check:
    """What was checked, the finding, and how to fix it if it is a problem."""

    subject: str
    state: State
    finding: str
    fix: str | None = None


def crashed_check(subject: str, exc: Exception) -> Check:
    """Return a check that raised an unexpected exception. Its text is left out, since it can hold secrets."""
    return Check(
        subject,
        "failed",
        f"this check itself failed ({type(exc).__name__})",
        "This is a fault of rotor-mcp, or of this machine: report it with this output.",
    )
