"""Access control: admits calls, each with its caller and tenant.

On standard input and output every call is admitted. Over HTTP, `hosting/access.py` decides.
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
    """Elicitations of this server that clients have not answered."""
    caller: str | None = None
    """None on standard input and output."""
    notice: str | None = None
    """A text to be added to the result."""
    where_the_key_is: str | None = None
    """A sentence about the source of the Rotor key; None if it is in the settings of this process."""
    writes: list[WriteEvent] = field(default_factory=list)
    """The writes of the call."""
    summary: CallSummary | None = None
    """What was called and how it ended; None before the end, or if nothing was started."""


class AccessControl:
    """Admits every call, with the key in the settings."""

    uniform_access = True
    """Whether all callers have the same rights, so that responses may be cached for all."""

    def __init__(self, tenants: TenantRegistry, listeners: Iterable[EventListener] = ()) -> None:
        self.tenants = tenants
        self.questions = OpenQuestions()
        self._listeners = (*tenants.listeners, *listeners)

    def allows(self, *, writing: bool) -> bool:  # noqa: ARG002 - over HTTP it depends on the scopes
        """Whether the current caller may write, or read."""
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
                    listener.call_rejected(exc)
                raise
            try:
                yield admitted
            finally:
                finished = CallFinished(
                    admitted.caller, admitted.tenant.name, admitted.summary, admitted.writes
                )
                for listener in self._listeners:
                    listener.call_finished(finished)

    async def _authorize(
        self,
        stack: AsyncExitStack,  # noqa: ARG002 - used over HTTP
        *,
        writing: bool,  # noqa: ARG002
        tool: str | None,  # noqa: ARG002
    ) -> AdmittedCall:
        """Admit a call, or raise `CallRejected`. `stack` is closed when the call ends."""
        return AdmittedCall(self.tenants.default, self.questions)
