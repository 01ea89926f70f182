"""The MCP server: the tools of `tools.py` for clients of protocol 2026-07-28 and 2025-11-25.

What the SDK's own tool machinery would do otherwise and why it is replaced, once, in `_McpTool`: it drops
unknown arguments in silence, decodes text that looks like JSON, repeats rejected values in errors, and
writes a tool's error text to the log.
"""

import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server import CacheHint, MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool as SdkTool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations

from rotor_mcp import __version__, arguments, asking, failures, offers, schemas, wording
from rotor_mcp.call import Call
from rotor_mcp.config import Settings
from rotor_mcp.cursor import CursorError
from rotor_mcp.directory import TooCostlyError
from rotor_mcp.errors import RotorError
from rotor_mcp.exchange import Pool
from rotor_mcp.plan import NotesTooLongError
from rotor_mcp.results import Result
from rotor_mcp.sanitize import map_strings
from rotor_mcp.tools import TOOLS, Tool
from rotor_mcp.workplace import Clock, Workplace, companies, system_clock

if TYPE_CHECKING:
    import httpx2

INSTRUCTIONS = (
    "Leads in Rotor, the CRM of field-service businesses. A lead is a person who may become a customer. "
    "Before entering somebody, search_leads tells whether they are there. Stages, sources and tags are the "
    "company's own words: use those that search results show. Each request counts against 1,000 a day."
)

logger = logging.getLogger(__name__)


def build_server(
    settings: Settings,
    *,
    transport: "Callable[[], httpx2.AsyncBaseTransport] | None" = None,
    clock: Clock = system_clock,
) -> MCPServer[Any]:
    """Build the server.

    Args:
        settings: as the person who runs it decided.
        transport: makes the HTTP transport when the first request needs it; the network if None.
        clock: says what moment it is.
    """
    pool = Pool(settings, transport)
    all_companies = companies(settings, settings.search_memory)
    workplace = Workplace(pool, all_companies.of(settings.key), clock)

    @asynccontextmanager
    async def lifespan(_: MCPServer[Any]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await pool.aclose()
            await all_companies.aclose()

    server = MCPServer[Any](
        name="rotor",
        title="Rotor leads",
        version=__version__,
        instructions=INSTRUCTIONS,
        lifespan=lifespan,
        tools=[_mcp_tool(tool, workplace) for tool in TOOLS if tool.read_only or not settings.read_only],
        cache_hints={"tools/list": CacheHint(ttl_ms=3_600_000, scope="public")},
        subscriptions=False,
    )
    offers.offer(server, workplace)
    return server


def serve_stdio(server: MCPServer[Any]) -> None:
    """Serve on standard input and output until the client closes them, or SIGINT or SIGTERM comes."""
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    server.run()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    # The SDK's reader sits in a blocking read that only the end of the process interrupts. There is nothing
    # to tear down: a write that was begun is one HTTP request, which Rotor does or does not do as a whole.
    os._exit(0)


class _McpTool(SdkTool):
    """A tool of ours as the SDK registers it. Only `run` differs."""

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        convert_result: bool = False,  # noqa: ARG002 - the SDK's signature
    ) -> CallToolResult | InputRequiredResult:
        """Call the tool with the arguments as the client sent them."""
        result: CallToolResult | InputRequiredResult = await self.fn(arguments, context)
        return result


def _mcp_tool(tool: Tool[Any, Any], workplace: Workplace) -> _McpTool:
    async def call(given: dict[str, Any], context: Context[Any, Any]) -> CallToolResult | InputRequiredResult:
        return await _call(tool, given, context, workplace)

    return _McpTool(
        fn=call,
        name=tool.name,
        title=tool.title,
        description=tool.description,
        parameters=schemas.input_schema(tool.arguments),
        fn_metadata=FuncMetadata(arg_model=ArgModelBase, output_schema=schemas.output_schema(tool.result)),
        is_async=True,
        annotations=ToolAnnotations(
            read_only_hint=tool.read_only,
            destructive_hint=not tool.read_only,  # with an id, a write may replace what is there
            idempotent_hint=True,
            open_world_hint=True,
        ),
    )


async def _call(
    tool: Tool[Any, Any], given: dict[str, Any], context: Context[Any, Any], workplace: Workplace
) -> CallToolResult | InputRequiredResult:
    """Call a tool. Whatever happens ends in words that a model can act on."""
    started = anyio.current_time()
    call = workplace.call(context.report_progress)

    def log(outcome: str) -> None:
        took = 1e3 * (anyio.current_time() - started)
        logger.info("%s: %s, %d requests, %.0f ms", tool.name, outcome, call.rotor.requests, took)

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
        logger.exception("%s crashed", tool.name)
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
