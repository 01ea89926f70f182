"""Runs tools. Every failure becomes a text that a model can act on.

What every call needs is imported here, and `backend.py` imports this module at the first call.
"""

import logging
from typing import Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, InputRequiredResult, TextContent

from rotor_mcp.errors import CallError, CallRejected
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.validation import parse
from rotor_mcp.sanitize import cap_result, clean, one_line, safe_result
from rotor_mcp.server import elicitation
from rotor_mcp.server.access import AccessControl, AdmittedCall
from rotor_mcp.server.recording import log_rejection, recorded
from rotor_mcp.tools import phrases
from rotor_mcp.tools.error_text import render_crash, render_error
from rotor_mcp.tools.registry import find_tool
from rotor_mcp.tools.results import Result
from rotor_mcp.tools.tool import Tool, ToolApproval

logger = logging.getLogger(__name__)


async def call_tool(
    name: str, given: dict[str, Any], context: Context[Any, Any], access: AccessControl
) -> CallToolResult | InputRequiredResult:
    """Call a tool, and return its result or the text of its error."""
    tool = find_tool(name)
    try:
        async with access.admit(writing=not tool.read_only, tool=name) as admitted:
            call = CallContext.begin(
                admitted.tenant, context.report_progress, admitted.writes.append, admitted.caller
            )
            try:
                with recorded(name, admitted, call) as recording:
                    arguments = parse(tool.arguments, given)
                    if tool.approval and (state := context.request_state) is not None:
                        answer = elicitation.read_answer(context, state, admitted.questions, admitted.caller)
                        result = await _go_on(tool, tool.approval, arguments, answer, call)
                    else:
                        result = await tool.run(arguments, call)
                        if tool.approval and result.confirm:
                            asked = await _ask_person(
                                tool,
                                tool.approval,
                                arguments,
                                result,
                                context=context,
                                call=call,
                                admitted=admitted,
                            )
                            if isinstance(asked, InputRequiredResult):
                                recording.outcome = "asked the person"
                                return asked
                            result = asked
                    recording.outcome = getattr(result, "outcome", "done")
                    return _tool_result(tool, arguments, result, call, admitted)
            except CallError as exc:
                text = render_error(exc, call.api.requests, admitted.where_the_key_is)
            except Exception as exc:
                logger.exception("%s crashed", name, extra={"event": "call_crashed", "tool": name})
                text = render_crash(type(exc).__name__, call.api.requests)
            if call.redis_fault:
                text = f"{text}\nNote: {phrases.redis_fault(call.redis_fault)}."
            return _error(admitted.tenant.safe(text))
    except CallRejected as exc:
        log_rejection(name, exc)
        return _error(clean(render_error(exc, 0)))


def _error(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=cap_result(text)[0])], is_error=True)


def _tool_result(
    tool: Tool[Any, Any], arguments: Any, result: Result, call: CallContext, admitted: AdmittedCall
) -> CallToolResult:
    """Return a result as text and as structured content, both complete, cut and without secrets."""
    fault = phrases.redis_fault(call.redis_fault) if call.redis_fault else None
    notices = [one_line(notice) for notice in (*arguments.given.remarks, admitted.notice, fault) if notice]
    text, content = tool.render(result), result.model_dump(mode="json", exclude_defaults=True)
    if notices:
        text = "\n".join([text, *(f"Note: {notice}." for notice in notices)])
        content |= {"notice": "; ".join(notices)}
    text, content = safe_result(text, content, admitted.tenant.secrets)
    return CallToolResult(
        content=[TextContent(text=text)], structured_content=content, is_error=result.failed
    )


async def _ask_person(
    tool: Tool[Any, Any],
    approval: ToolApproval[Any],
    arguments: Any,
    result: Result,
    *,
    context: Context[Any, Any],
    call: CallContext,
    admitted: AdmittedCall,
) -> Result | InputRequiredResult:
    """Ask the person about a result that waits for approval where the client can, and follow the answer."""
    question = approval.question(result)
    if question is None or not elicitation.can_ask(context, admitted.questions, admitted.caller):
        return result
    asked = await elicitation.ask(
        context,
        admitted.tenant.safe(question),
        result.model_dump_json(exclude_defaults=True),
        questions=admitted.questions,
        caller=admitted.caller,
        answer_timeout=call.api.remaining,
    )
    if isinstance(asked, InputRequiredResult):
        return asked
    return await _go_on(tool, approval, arguments, asked, call)


async def _go_on(
    tool: Tool[Any, Any],
    approval: ToolApproval[Any],
    arguments: Any,
    answer: elicitation.Answered,
    call: CallContext,
) -> Result:
    """Carry out the plan that the person approved, or return it as not approved."""
    result: Result
    shown = tool.result.model_validate_json(answer.state)
    match answer.answer:
        case "declined":
            result = approval.declined(shown)
        case "none":
            result = approval.unanswered(shown)
        case "approved":
            call.api.resume(shown.requests)
            result = await tool.run(arguments.model_copy(update={"confirm": shown.confirm}), call)
    return result
