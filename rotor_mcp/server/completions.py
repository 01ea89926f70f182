"""Proposes values for the arguments of prompts and resources while a person types."""

from collections.abc import Awaitable, Callable
from functools import partial

from mcp.types import Completion, CompletionArgument

from rotor_mcp.concurrency import paced
from rotor_mcp.errors import CallError
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.filters import text_matcher
from rotor_mcp.sanitize import one_line
from rotor_mcp.server.access import AccessControl
from rotor_mcp.server.recording import recorded
from rotor_mcp.state.vocabulary import KINDS, Kind

MAX_COMPLETIONS = 20
"""Values that are proposed at a time."""


async def complete(argument: CompletionArgument, access: AccessControl) -> Completion | None:
    """Propose stages, sources and tags in use, or leads by name, phone (in any spelling) or e-mail.

    The values come from the leads read recently. Only if these are too few, it costs a request. Returns None
    where nothing can be proposed: a person who types needs no error.
    """
    propose = _PROPOSALS.get(argument.name)
    if propose is None:
        return None
    try:
        async with access.admit(writing=False) as admitted:
            call = CallContext.begin(admitted.tenant, caller=admitted.caller)
            with recorded("completion", admitted, call):
                proposed = [admitted.tenant.safe(text) for text in await propose(call, argument.value)]
    except CallError:
        return None
    has_more = len(proposed) > MAX_COMPLETIONS
    return Completion(values=proposed[:MAX_COMPLETIONS], total=len(proposed), has_more=has_more)


async def _propose_words(kind: Kind, call: CallContext, part: str) -> list[str]:
    await call.learn_words()
    return [one_line(word) for word in call.state.vocabulary.beginning(kind, part)]


async def _propose_leads(call: CallContext, part: str) -> list[str]:
    if not call.state.search_cache.seconds:
        return []  # each key would cost a request
    page, _ = await call.page()
    matches = text_matcher(part, call.locale.region)
    named = [
        ", ".join(one_line(fact) for fact in (lead.name, lead.phone or lead.email) if fact)
        async for lead in paced(page.leads)
        if not part.strip() or matches(lead)
    ]
    return list(dict.fromkeys(name for name in named if name))


_PROPOSALS: dict[str, Callable[[CallContext, str], Awaitable[list[str]]]] = {
    **{kind: partial(_propose_words, kind) for kind in KINDS},
    "who": _propose_leads,
}
"""Argument of a prompt → what proposes values for it, from the part that was typed."""
