"""Who calls, what they may do, and where their calls work.

Over standard input and output that is simple: whoever started the process owns it. Over HTTP,
`hosting/desk.py` finds it out.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rotor_mcp.errors import NotSent
    from rotor_mcp.events import Called, Observer, Visited, WriteMade
    from rotor_mcp.leads.context import Call, Progress
    from rotor_mcp.server.elicitation import OpenQuestions
    from rotor_mcp.tenant_registry import Workplaces
    from rotor_mcp.tenants import Workplace


@dataclass
class Visit:
    """A call that was let in."""

    workplace: "Workplace"
    questions: "OpenQuestions"
    """Questions that clients were asked through this server, and have not answered."""
    caller: str | None = None
    """Who calls; None if it is whoever started the process."""
    notice: str | None = None
    """What the caller should know beside the answer."""
    where_the_key_is: str | None = None
    """A sentence about where the Rotor key comes from; None if whoever started the process has given it."""
    writes: "list[WriteMade]" = field(default_factory=list)
    """What was written in its course."""
    called: "Called | None" = None
    """What was called, and how that ended, as soon as it has. Without it nothing was begun."""

    def call(self, progress: "Progress | None" = None) -> "Call":
        """Begin to work.

        Args:
            progress: tells whoever waits how far a long call has come.
        """
        return self.workplace.call(progress, self.writes.append, self.caller)

    @property
    def told(self) -> "Visited":
        """What observers are told of it."""
        from rotor_mcp.events import Visited  # a start needs none

        return Visited(self.caller, self.workplace.name, self.called, self.writes)


class Reception:
    """Lets every call in."""

    offers_all_the_same = True
    """Whether all callers may do the same, so that one may be shown what another was shown."""

    def __init__(self, workplaces: "Workplaces", observers: "Iterable[Observer]" = ()) -> None:
        """Open.

        Args:
            workplaces: where calls work.
            observers: told of calls, besides those that are told of everything.
        """
        self.workplaces = workplaces
        self._observers = (*workplaces.observers, *observers)

    @cached_property
    def questions(self) -> "OpenQuestions":
        """The questions that clients have not answered."""
        from rotor_mcp.server.elicitation import OpenQuestions  # a start needs none

        return OpenQuestions()

    def offers(self, *, writing: bool) -> bool:  # noqa: ARG002 - elsewhere not everybody may do everything
        """Whether whoever asks now may write, or read."""
        return True

    @asynccontextmanager
    async def admit(self, *, writing: bool, tool: str | None = None) -> AsyncIterator[Visit]:
        """Let a call in for as long as it takes, and tell whoever observes how it ended.

        Args:
            writing: whether it wants to write.
            tool: that is called; None if it is something else.

        Raises:
            NotSent: if it has to stay outside.
        """
        async with AsyncExitStack() as inside:
            visit = await self._let_in(inside, writing=writing, tool=tool)
            if writing:
                await self._check_shared(visit.workplace)
            try:
                yield visit
            finally:
                self.workplaces.leave(visit.workplace)
                visited = visit.told
                for observer in self._observers:
                    observer.ended(visited)

    async def _let_in(
        self,
        inside: AsyncExitStack,  # noqa: ARG002 - whoever started this process may do everything
        *,
        writing: bool,  # noqa: ARG002
        tool: str | None,  # noqa: ARG002
    ) -> Visit:
        """Begin a visit.

        Args:
            inside: takes what is to be done when the visit is over.
            writing: whether the call wants to write.
            tool: that is called; None if it is something else.

        Raises:
            NotSent: if the call has to stay outside.
        """
        return Visit(self.workplaces.own(), self.questions)

    async def _check_shared(self, workplace: "Workplace") -> None:
        """See that calls of several servers can take turns at writing.

        Raises:
            Uncoordinated: if they cannot and the settings require it.
        """
        from rotor_mcp.errors import Uncoordinated  # a start needs none

        try:
            await workplace.company.queue.check()
        except Uncoordinated as exc:
            self._tell_of(exc)
            raise

    def _tell_of(self, refusal: "NotSent") -> None:
        for observer in self._observers:
            observer.refused(refusal)
