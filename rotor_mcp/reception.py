"""Who calls, what they may do, and where their calls work.

Over standard input and output that is simple: whoever started the process owns it. Over HTTP,
`hosting/desk.py` finds it out.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rotor_mcp.call import Call, Progress, WriteMade
    from rotor_mcp.workplace import Workplace
    from rotor_mcp.workplaces import Workplaces


@dataclass(frozen=True)
class Ending:
    """How a call of a tool ended."""

    tool: str
    outcome: str
    """What a result says it is, or the name of an error; never anybody's data."""
    requests: int
    seconds: float


@dataclass
class Visit:
    """A call that was let in."""

    workplace: "Workplace"
    notice: str | None = None
    """What the caller should know beside the answer."""
    writes: "list[WriteMade]" = field(default_factory=list)
    """What was written in its course."""
    ending: Ending | None = None
    """How it ended, as soon as it has."""

    def call(self, progress: "Progress | None" = None) -> "Call":
        """Begin to work.

        Args:
            progress: tells whoever waits how far a long call has come.
        """
        return self.workplace.call(progress, self.writes.append)


class Reception:
    """Lets every call in."""

    def __init__(self, workplaces: "Workplaces") -> None:
        self.workplaces = workplaces

    def offers(self, *, writing: bool) -> bool:  # noqa: ARG002 - elsewhere not everybody may do everything
        """Whether whoever asks now may write, or read."""
        return True

    @asynccontextmanager
    async def admit(self, *, writing: bool) -> AsyncIterator[Visit]:  # noqa: ARG002
        """Let a call in for as long as it takes.

        Args:
            writing: whether it wants to write.

        Raises:
            NotSent: if it has to stay outside.
        """
        yield Visit(self.workplaces.own())
