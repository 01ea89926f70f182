"""Admits calls: who calls, what they may do, and with which tenant.

On standard input and output every call is of whoever started the process. Over HTTP,
`hosting/access.py` decides.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from rotor_mcp.errors import CallRejected
from rotor_mcp.events import CallFinished, CallSummary, EventListener, WriteEvent
from rotor_mcp.server.elicitation import OpenQuestions
from rotor_mcp.tenants import Tenant, TenantRegistry


@dataclass
class AdmittedCall:
    """A call that was admitted."""

    tenant: Tenant
    questions: OpenQuestions
    """Questions that clients were asked through this server, and have not answered."""
    caller: str | None = None
    """Who calls; None if it is whoever started the process."""
    notice: str | None = None
    """What the caller should know beside the result."""
    where_the_key_is: str | None = None
    """A sentence about where the Rotor key comes from; None if whoever started the process has given it."""
    writes: list[WriteEvent] = field(default_factory=list)
    """What was written in its course."""
    summary: CallSummary | None = None
    """What was called, and how that ended, once it has. None if nothing was started."""


class AccessControl:
    """Admits every call, with the key in the settings."""

    uniform_access = True
    """Whether all callers may do the same, so that one may be shown what another was shown."""

    def __init__(self, tenants: TenantRegistry, listeners: Iterable[EventListener] = ()) -> None:
        """Create the access control of a server."""
        self.tenants = tenants
        self.questions = OpenQuestions()
        self._listeners = (*tenants.listeners, *listeners)

    def allows(self, *, writing: bool) -> bool:  # noqa: ARG002 - over HTTP it depends on the scopes
        """Whether whoever asks now may write, or read."""
        return True

    @asynccontextmanager
    async def admit(self, *, writing: bool, tool: str | None = None) -> AsyncIterator[AdmittedCall]:
        """Admit a call for the length of a block, and report how it ended to the listeners.

        Raises:
            CallRejected: if the call is not admitted.
        """
        async with AsyncExitStack() as stack:
            try:
                admitted = await self._authorize(stack, writing=writing, tool=tool)
                if writing and admitted.tenant.state.locks.shared:
                    await admitted.tenant.state.locks.check()
            except CallRejected as exc:
                for listener in self._listeners:
                    listener.refused(exc)
                raise
            try:
                yield admitted
            finally:
                finished = CallFinished(
                    admitted.caller, admitted.tenant.name, admitted.summary, admitted.writes
                )
                for listener in self._listeners:
                    listener.ended(finished)

    async def _authorize(
        self,
        stack: AsyncExitStack,  # noqa: ARG002 - nothing is reserved for whoever started the process
        *,
        writing: bool,  # noqa: ARG002
        tool: str | None,  # noqa: ARG002
    ) -> AdmittedCall:
        """Return a call that is admitted.

        Raises:
            CallRejected: if the call is not admitted.
        """
        return AdmittedCall(self.tenants.default, self.questions)
