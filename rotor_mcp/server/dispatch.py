"""What is answered when a client calls a tool, reads a resource, or completes a word: always in words.

All that stands behind the answers is imported here, and this module when the first of them is wanted: a start
needs none of it.
"""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.types import CallToolResult, Completion, CompletionArgument, InputRequiredResult, TextContent

from rotor_mcp.concurrency import paced
from rotor_mcp.errors import NotFound, NotSent, RotorError
from rotor_mcp.events import CallSummary
from rotor_mcp.leads import pipeline, validation
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.cursor import CursorError
from rotor_mcp.leads.filters import matches_text
from rotor_mcp.leads.lookup import TooManyRequestsError
from rotor_mcp.leads.plan import NotesTooLongError
from rotor_mcp.leads.requests import GetLead
from rotor_mcp.sanitize import cap_text, cap_value, clean, map_strings, one_line
from rotor_mcp.server import elicitation
from rotor_mcp.server.access import AccessControl, AdmittedCall
from rotor_mcp.state.vocabulary import KINDS, Kind
from rotor_mcp.tools import error_text, phrases
from rotor_mcp.tools.registry import GET_LEAD, TOOLS, Tool
from rotor_mcp.tools.results import Result

MAX_COMPLETIONS = 20
"""Words that are proposed at a time."""

_TOOLS = {tool.name: tool for tool in TOOLS}

logger = logging.getLogger(__name__)


async def call_tool(
    name: str, given: dict[str, Any], context: Context[Any, Any], access: AccessControl
) -> CallToolResult | InputRequiredResult:
    """Call a tool. Whatever happens ends in words that a model can act on."""
    tool = _TOOLS[name]
    try:
        async with access.admit(writing=not tool.read_only, tool=name) as admitted:
            return await _call(tool, given, context, admitted)
    except NotSent as exc:
        logger.info("%s: %s (%s)", name, type(exc).__name__, exc)
        return CallToolResult(content=[TextContent(text=clean(error_text.failed(exc, 0)))], is_error=True)


async def _call(
    tool: Tool[Any, Any], given: dict[str, Any], context: Context[Any, Any], admitted: AdmittedCall
) -> CallToolResult | InputRequiredResult:
    tenant = admitted.tenant
    started = anyio.current_time()
    call = admitted.call(context.report_progress)

    def log(outcome: str, detail: object = "") -> None:
        took = anyio.current_time() - started
        admitted.summary = CallSummary(tool.name, outcome, call.rotor.requests_of_this_round, took)
        shown = f"{outcome} ({detail})" if detail else outcome
        logger.info("%s: %s, %d requests, %.0f ms", tool.name, shown, call.rotor.requests, 1e3 * took)

    def error(text: str) -> CallToolResult:
        if call.hooks.unshared:
            text = f"{text}\nNote: {phrases.unshared(call.hooks.unshared)}."
        return CallToolResult(content=[TextContent(text=cap_text(tenant.safe(text)))], is_error=True)

    try:
        taken = validation.parse(tool.arguments, given)
        result = await _run(tool, taken, context, call, admitted)
        if isinstance(result, InputRequiredResult):
            log("asked the person")
            return result
        text, content = tenant.safe(tool.render(result)), map_strings(result.content(), tenant.safe)
        unshared = phrases.unshared(call.hooks.unshared) if call.hooks.unshared else None
        if notices := [
            tenant.safe(one_line(notice)) for notice in (*taken.remarks, admitted.notice, unshared) if notice
        ]:
            text = "\n".join([text, *(f"Note: {notice}." for notice in notices)])
            content |= {"notice": "; ".join(notices)}
        text, content = cap_text(text), cap_value(content)
        answer = CallToolResult(
            content=[TextContent(text=text)], structured_content=content, is_error=result.failed
        )
    except CursorError as exc:
        log("cursor refused")
        return error(error_text.invalid_arguments([str(exc)]))
    except validation.InvalidArguments as exc:
        log("arguments refused")
        return error(error_text.invalid_arguments(exc.faults))
    except NotesTooLongError as exc:
        log("notes too long")
        return error(error_text.notes_too_long(exc, call.rotor.requests))
    except TooManyRequestsError as exc:
        log("too costly", exc)
        return error(error_text.too_costly(exc, call.rotor.requests))
    except RotorError as exc:
        log(type(exc).__name__, exc)
        return error(error_text.failed(exc, call.rotor.requests, admitted.where_the_key_is))
    except Exception as exc:
        log("crashed", type(exc).__name__)
        logger.exception("%s crashed", tool.name)
        return error(error_text.crashed(type(exc).__name__, call.rotor.requests))
    except anyio.get_cancelled_exc_class():
        log("cancelled")
        raise
    log(getattr(result, "outcome", "done"))
    return answer


async def _run(
    tool: Tool[Any, Any], taken: Any, context: Context[Any, Any], call: CallContext, admitted: AdmittedCall
) -> Result | InputRequiredResult:
    """Run a tool, and if it waits for approval, ask the person where the client can."""
    questions, caller = admitted.questions, admitted.caller
    answer = elicitation.answered(context, questions, caller)
    if answer is None:
        result: Result = await tool.run(taken, call)
        question = tool.question(result)
        if question is None or not elicitation.can_ask(context, questions, caller):
            return result
        asked = await elicitation.ask(
            context,
            admitted.tenant.safe(question),
            result.model_dump_json(exclude_defaults=True),
            questions=questions,
            caller=caller,
            answer_timeout=call.rotor.remaining,
        )
        if isinstance(asked, InputRequiredResult):
            return asked
        answer = asked
    shown = tool.result.model_validate_json(answer.state)
    match answer.answer:
        case "declined":
            return phrases.declined(shown)
        case "none":
            return phrases.unanswered(shown)
        case "approved":
            call.rotor.resume(shown.requests)
            approved: Result = await tool.run(taken.model_copy(update={"confirm": shown.confirm}), call)
            return approved


async def read_lead(lead_id: str, access: AccessControl) -> str:
    """Read the resource of a lead.

    Raises:
        ResourceNotFoundError: if there is none with this id.
        ResourceError: if Rotor could not be asked or refused.
    """

    async def read(call: CallContext) -> str:
        return GET_LEAD.render(await GET_LEAD.run(validation.parse(GetLead, {"id": lead_id}), call))

    return await _read("lead", read, access)


async def read_pipeline(access: AccessControl) -> str:
    """Read the resource of the pipeline.

    Raises:
        ResourceError: if Rotor could not be asked or refused.
    """

    async def read(call: CallContext) -> str:
        return phrases.render_pipeline(await pipeline.overview(call))

    return await _read("pipeline", read, access)


async def _read(name: str, read: Callable[[CallContext], Awaitable[str]], access: AccessControl) -> str:
    try:
        async with access.admit(writing=False) as admitted:
            safe, started, call, outcome = (
                admitted.tenant.safe,
                anyio.current_time(),
                admitted.call(),
                "cancelled",
            )
            try:
                words = safe(await read(call))
                outcome = "done"
            except validation.InvalidArguments as exc:
                outcome = "arguments refused"
                raise ResourceNotFoundError(safe(error_text.invalid_arguments(exc.faults))) from None
            except RotorError as exc:
                outcome = type(exc).__name__
                kind = ResourceNotFoundError if isinstance(exc, NotFound) else ResourceError
                told = error_text.failed(exc, call.rotor.requests, admitted.where_the_key_is)
                raise kind(safe(told)) from None
            except Exception:
                outcome = "crashed"
                raise
            else:
                return words
            finally:
                took = anyio.current_time() - started
                admitted.summary = CallSummary(f"resource {name}", outcome, call.rotor.requests, took)
    except NotSent as exc:
        raise ResourceError(clean(error_text.failed(exc, 0))) from None


async def complete(argument: CompletionArgument, access: AccessControl) -> Completion | None:
    """Propose stages, sources and tags in use, or leads by name, phone (in any spelling) or e-mail.

    What is proposed comes from the leads read lately. Only if these are too few, it costs a request.
    """
    propose = _PROPOSALS.get(argument.name)
    if propose is None:
        return None
    try:
        async with access.admit(writing=False) as admitted:
            call, began = admitted.call(), anyio.current_time()
            outcome = "cancelled"
            try:
                proposed = [admitted.tenant.safe(text) for text in await propose(call, argument.value)]
                outcome = "done"
            except RotorError as exc:
                outcome = type(exc).__name__
                raise
            finally:
                took = anyio.current_time() - began
                admitted.summary = CallSummary("completion", outcome, call.rotor.requests, took)
    except RotorError:
        return None  # somebody is typing: no place for an error
    has_more = len(proposed) > MAX_COMPLETIONS
    return Completion(values=proposed[:MAX_COMPLETIONS], total=len(proposed), has_more=has_more)


async def _propose_words(kind: Kind, call: CallContext, part: str) -> list[str]:
    await call.learn_words()
    return [one_line(word) for word in call.state.vocabulary.beginning(kind, part)]


async def _propose_leads(call: CallContext, part: str) -> list[str]:
    if not call.state.search_cache.lasts:
        return []  # each key would cost a request
    page, _ = await call.page()
    named = [
        ", ".join(one_line(fact) for fact in (lead.name, lead.phone or lead.email) if fact)
        async for lead in paced(page.leads)
        if not part.strip() or matches_text(lead, part, call.context.region)
    ]
    return list(dict.fromkeys(name for name in named if name))


_PROPOSALS: dict[str, Callable[[CallContext, str], Awaitable[list[str]]]] = {
    **{kind: partial(_propose_words, kind) for kind in KINDS},
    "who": _propose_leads,
}
"""Argument of a prompt → what proposes values for it, from the part that was typed."""
