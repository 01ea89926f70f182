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
    from rotor_mcp.events import CallFinished, CallSummary, EventListener, WriteEvent
    from rotor_mcp.leads.context import CallContext, Progress
    from rotor_mcp.server.elicitation import OpenQuestions
    from rotor_mcp.tenant_registry import TenantRegistry
    from rotor_mcp.tenants import Tenant


@dataclass
class AdmittedCall:
    """A call that was let in."""

    tenant: "Tenant"
    questions: "OpenQuestions"
    """Questions that clients were asked through this server, and have not answered."""
    caller: str | None = None
    """Who calls; None if it is whoever started the process."""
    notice: str | None = None
    """What the caller should know beside the answer."""
    where_the_key_is: str | None = None
    """A sentence about where the Rotor key comes from; None if whoever started the process has given it."""
    writes: "list[WriteEvent]" = field(default_factory=list)
    """What was written in its course."""
    summary: "CallSummary | None" = None
    """What was called, and how that ended, as soon as it has. Without it nothing was begun."""

    def call(self, progress: "Progress | None" = None) -> "CallContext":
        """Begin to work.

        Args:
            progress: tells whoever waits how far a long call has come.
        """
        return self.tenant.call(progress, self.writes.append, self.caller)

    @property
    def finished(self) -> "CallFinished":
        """What observers are told of it."""
        from rotor_mcp.events import CallFinished  # a start needs none

        return CallFinished(self.caller, self.tenant.name, self.summary, self.writes)


class AccessControl:
    """Lets every call in."""

    allows_everyone_the_same = True
    """Whether all callers may do the same, so that one may be shown what another was shown."""

    def __init__(self, tenants: "TenantRegistry", listeners: "Iterable[EventListener]" = ()) -> None:
        """Open.

        Args:
            workplaces: where calls work.
            observers: told of calls, besides those that are told of everything.
        """
        self.tenants = tenants
        self._listeners = (*tenants.listeners, *listeners)

    @cached_property
    def questions(self) -> "OpenQuestions":
        """The questions that clients have not answered."""
        from rotor_mcp.server.elicitation import OpenQuestions  # a start needs none

        return OpenQuestions()

    def allows(self, *, writing: bool) -> bool:  # noqa: ARG002 - elsewhere not everybody may do everything
        """Whether whoever asks now may write, or read."""
        return True

    @asynccontextmanager
    async def admit(self, *, writing: bool, tool: str | None = None) -> AsyncIterator[AdmittedCall]:
        """Let a call in for as long as it takes, and tell whoever observes how it ended.

        Args:
            writing: whether it wants to write.
            tool: that is called; None if it is something else.

        Raises:
            NotSent: if it has to stay outside.
        """
        async with AsyncExitStack() as inside:
            admitted = await self._let_in(inside, writing=writing, tool=tool)
            if writing:
                await self._check_shared(admitted.tenant)
            try:
                yield admitted
            finally:
                self.tenants.leave(admitted.tenant)
                finished = admitted.finished
                for listener in self._listeners:
                    listener.ended(finished)

    async def _let_in(
        self,
        inside: AsyncExitStack,  # noqa: ARG002 - whoever started this process may do everything
        *,
        writing: bool,  # noqa: ARG002
        tool: str | None,  # noqa: ARG002
    ) -> AdmittedCall:
        """Begin a admitted.

        Args:
            inside: takes what is to be done when the admitted is over.
            writing: whether the call wants to write.
            tool: that is called; None if it is something else.

        Raises:
            NotSent: if the call has to stay outside.
        """
        return AdmittedCall(self.tenants.default(), self.questions)

    async def _check_shared(self, tenant: "Tenant") -> None:
        """See that calls of several servers can take turns at writing.

        Raises:
            Uncoordinated: if they cannot and the settings require it.
        """
        from rotor_mcp.errors import Uncoordinated  # a start needs none

        try:
            await tenant.state.locks.check()
        except Uncoordinated as exc:
            self._tell_of(exc)
            raise

    def _tell_of(self, refusal: "NotSent") -> None:
        for listener in self._listeners:
            listener.refused(refusal)
