"""What is answered when a client calls a tool, reads a resource, or completes a word: always in words.

All that stands behind the answers is imported here, and this module when the first of them is wanted: a start
needs none of it.
"""

import logging
from typing import Any

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.types import CallToolResult, Completion, CompletionArgument, InputRequiredResult, TextContent

from rotor_mcp import arguments, asking, failures, pipeline, wording
from rotor_mcp.call import Call
from rotor_mcp.cursor import CursorError
from rotor_mcp.directory import TooCostlyError
from rotor_mcp.errors import NotFound, RotorError
from rotor_mcp.inputs import GetLead
from rotor_mcp.models import PAGE_LIMIT
from rotor_mcp.plan import NotesTooLongError
from rotor_mcp.results import Result
from rotor_mcp.sanitize import map_strings
from rotor_mcp.tools import GET_LEAD, TOOLS, Tool
from rotor_mcp.workplace import Workplace

COMPLETED = 20
"""Words that are proposed at a time."""

_TOOLS = {tool.name: tool for tool in TOOLS}

logger = logging.getLogger(__name__)


async def call_tool(
    name: str, given: dict[str, Any], context: Context[Any, Any], workplace: Workplace
) -> CallToolResult | InputRequiredResult:
    """Call a tool. Whatever happens ends in words that a model can act on."""
    tool = _TOOLS[name]
    started = anyio.current_time()
    call = workplace.call(context.report_progress)

    def log(outcome: str) -> None:
        took = 1e3 * (anyio.current_time() - started)
        logger.info("%s: %s, %d requests, %.0f ms", name, outcome, call.rotor.requests, took)

    def error(text: str) -> CallToolResult:
        return CallToolResult(content=[TextContent(text=workplace.safe(text))], is_error=True)

    try:
        result = await _run(tool, arguments.parse(tool.arguments, given), context, workplace, call)
        if isinstance(result, InputRequiredResult):
            log("asked the person")
            return result
        answer = CallToolResult(
            content=[TextContent(text=workplace.safe(tool.word(result)))],
            structured_content=map_strings(result.content(), workplace.safe),
            is_error=result.failed,
        )
    except CursorError as exc:
        log("cursor refused")
        return error(failures.invalid_arguments([str(exc)]))
    except arguments.InvalidArguments as exc:
        log("arguments refused")
        return error(failures.invalid_arguments(exc.faults))
    except NotesTooLongError as exc:
        log("notes too long")
        return error(failures.notes_too_long(exc, call.rotor.requests))
    except TooCostlyError as exc:
        log(f"too costly ({exc})")
        return error(failures.too_costly(exc, call.rotor.requests))
    except RotorError as exc:
        log(f"{type(exc).__name__} ({exc})")
        return error(failures.failed(exc, call.rotor.requests))
    except Exception as exc:
        logger.exception("%s crashed", name)
        return error(failures.crashed(type(exc).__name__, call.rotor.requests))
    log(getattr(result, "outcome", "done"))
    return answer


async def _run(
    tool: Tool[Any, Any], taken: Any, context: Context[Any, Any], workplace: Workplace, call: Call
) -> Result | InputRequiredResult:
    """Run a tool, and if it waits for approval, ask the person where the client can."""
    answer = asking.answered(context)
    if answer is None:
        result: Result = await tool.run(taken, call)
        question = tool.question(result)
        if question is None or not asking.can_ask(context):
            return result
        state = result.model_dump_json(exclude_defaults=True)
        asked = await asking.ask(context, workplace.safe(question), state)
        if isinstance(asked, InputRequiredResult):
            return asked
        answer = asked
    shown = tool.result.model_validate_json(answer.state)
    if not answer.approved:
        return wording.declined(shown)
    call.rotor.resume(shown.requests)
    approved: Result = await tool.run(taken.model_copy(update={"confirm": shown.confirm}), call)
    return approved


async def read_lead(lead_id: str, workplace: Workplace) -> str:
    """Read the resource of a lead.

    Raises:
        ResourceNotFoundError: if there is none with this id.
        ResourceError: if Rotor could not be asked or refused.
    """
    call = workplace.call()
    try:
        result = await GET_LEAD.run(arguments.parse(GetLead, {"id": lead_id}), call)
    except arguments.InvalidArguments as exc:
        raise ResourceNotFoundError(workplace.safe(failures.invalid_arguments(exc.faults))) from None
    except NotFound as exc:
        raise ResourceNotFoundError(workplace.safe(failures.failed(exc, call.rotor.requests))) from None
    except RotorError as exc:
        raise ResourceError(workplace.safe(failures.failed(exc, call.rotor.requests))) from None
    return workplace.safe(GET_LEAD.word(result))


async def read_pipeline(workplace: Workplace) -> str:
    """Read the resource of the pipeline.

    Raises:
        ResourceError: if Rotor could not be asked or refused.
    """
    call = workplace.call()
    try:
        return workplace.safe(wording.pipeline(await pipeline.overview(call)))
    except RotorError as exc:
        raise ResourceError(workplace.safe(failures.failed(exc, call.rotor.requests))) from None


async def complete(argument: CompletionArgument, workplace: Workplace) -> Completion | None:
    """Propose stages, sources and tags that the company uses. The first time, that costs a request."""
    if argument.name not in ("stage", "source", "tag"):
        return None
    vocabulary = workplace.company.vocabulary
    if not vocabulary.enough:
        call = workplace.call()
        try:
            await call.company.memory.recall("the newest", lambda: call.rotor.list_leads(limit=PAGE_LIMIT))
        except RotorError:
            return None  # somebody is typing: no place for an error
    words = [workplace.safe(word) for word in vocabulary.beginning(argument.name, argument.value)]
    return Completion(values=words[:COMPLETED], total=len(words), has_more=len(words) > COMPLETED)
