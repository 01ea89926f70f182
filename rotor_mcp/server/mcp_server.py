"""The MCP server: our tools for clients of protocol 2026-07-28 and 2025-11-25.

What clients are told of the tools stands in `definitions.json`, derived by `schemas.py` from `tools.py` and
the models: a client waits for a start, and a start needs none of them. The first call loads them.

What the SDK's own tool machinery would do otherwise and why it is replaced, once, in `_McpTool`: it drops
unknown arguments in silence, decodes text that looks like JSON, repeats rejected values in errors, and
writes a tool's error text to the log.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

import anyio
from mcp.server import CacheHint, MCPServer, ServerRequestContext
from mcp.server.context import CallNext, HandlerResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool as SdkTool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, CallToolResult, GetPromptResult, InputRequiredResult, ToolAnnotations
from mcp.types import Prompt as McpPrompt
from mcp.types import Tool as McpTool

from rotor_mcp import __version__
from rotor_mcp.config import Settings
from rotor_mcp.server import resources
from rotor_mcp.server.access import AccessControl
from rotor_mcp.tenant_registry import TenantRegistry

if TYPE_CHECKING:
    import httpx2

    from rotor_mcp.tenants import Clock

INSTRUCTIONS = (
    "Leads in Rotor, the CRM of field-service businesses. A lead is a person who may become a customer. "
    "Entering somebody needs no search before: upsert_lead looks by phone, e-mail or id. Stages, sources and "
    "tags are the company's own words: use those that search results show. Each request counts against 1,000 "
    "a day. A write can start the company's automations, which may text or e-mail the person."
)

logger = logging.getLogger(__name__)

DEFINITIONS = Path(__file__).parents[1] / "tools" / "definitions.json"


def build_server(
    settings: Settings,
    *,
    transport: "Callable[[], httpx2.AsyncBaseTransport] | None" = None,
    clock: "Clock | None" = None,
    access: AccessControl | None = None,
    **options: Any,
) -> MCPServer[Any]:
    """Build the server.

    Args:
        settings: as the person who runs it decided.
        transport: makes the HTTP transport when the first request needs it; the network if None.
        clock: says what moment it is; the system's if None.
        reception: decides whose calls are let in, and where they work; all, and in one place, if None.
        options: of the SDK's server, beside those that are set here.
    """
    access = access or AccessControl(TenantRegistry(settings, transport, clock))

    @asynccontextmanager
    async def lifespan(_: MCPServer[Any]) -> AsyncIterator[None]:
        access.tenants.start()
        try:
            yield
        finally:
            # The SDK cancels a server whose client has left. Its connections are closed all the same.
            with anyio.CancelScope(shield=True):
                await access.tenants.aclose()

    tools = [_mcp_tool(definition, access) for definition in json.loads(DEFINITIONS.read_bytes())]
    scope: Literal["public", "private"] = "public" if access.allows_everyone_the_same else "private"
    server = _McpServer(
        access,
        name="rotor",
        title="Rotor leads",
        version=__version__,
        instructions=INSTRUCTIONS,
        lifespan=lifespan,
        tools=[tool for tool in tools if tool.read_only or not settings.read_only],
        cache_hints={"tools/list": CacheHint(ttl_ms=3_600_000, scope=scope)},
        subscriptions=False,
        middleware=[_wrap_arguments],
        **options,
    )
    resources.offer(server, access, read_only=settings.read_only)
    return server


async def _wrap_arguments(context: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Let arguments through that came as JSON text or a list, as some clients send them.

    The SDK would refuse them by a protocol error, which no model sees. `arguments.py` reads or refuses them.
    """
    given = (context.params or {}).get("arguments")
    if context.method == "tools/call" and given is not None and not isinstance(given, dict):
        context = replace(context, params={**(context.params or {}), "arguments": {"arguments": given}})
    return await call_next(context)


def serve_stdio(server: MCPServer[Any]) -> None:
    """Serve on standard input and output until the client closes them, or SIGINT or SIGTERM comes.

    Raises:
        OSError: if one of them is not open.
    """
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    if sys.stdin is None or sys.stdout is None:
        raise OSError("standard input and standard output have to be open: they are what is served on")
    failure: BaseExceptionGroup[OSError] | None = None
    try:
        server.run()
    except* OSError as exc:
        failure = exc
    if failure is not None:
        # The reader still waits for standard input, and would keep the process from ending.
        closed = failure.subgroup(BrokenPipeError) is not None
        if not closed:
            logger.error("standard output cannot be written (%s)", failure.exceptions[0])
        os._exit(0 if closed else 1)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    # The SDK's reader sits in a blocking read that only the end of the process interrupts. There is nothing
    # to tear down: a write that was begun is one HTTP request, which Rotor does or does not do as a whole.
    os._exit(0)


class _McpServer(MCPServer[Any]):
    """The SDK's server, but nobody is shown what they may not use, and no message goes unanswered."""

    def __init__(self, access: AccessControl, **options: Any) -> None:
        super().__init__(**options)
        self._access = access

    async def run_stdio_async(self) -> None:
        """Serve on standard input and output."""
        from rotor_mcp.server.stdio import streams  # servers over HTTP do not need it

        async with streams() as (incoming, outgoing):
            options = self._lowlevel_server.create_initialization_options()
            await self._lowlevel_server.run(incoming, outgoing, options)

    async def list_tools(self) -> list[McpTool]:
        """List the tools for whoever asks."""
        return [
            tool
            for tool in await super().list_tools()
            if self._access.allows(writing=not (tool.annotations and tool.annotations.read_only_hint))
        ]

    async def list_prompts(self) -> list[McpPrompt]:
        """List the prompts for whoever asks."""
        return [
            prompt
            for prompt in await super().list_prompts()
            if self._access.allows(writing=prompt.name in resources.WRITING_PROMPTS)
        ]

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        context: Context[Any, Any] | None = None,
    ) -> GetPromptResult | InputRequiredResult:
        """Get one of these prompts.

        Raises:
            MCPError: if it is not one of them. The SDK takes that for a crash.
        """
        if name not in {prompt.name for prompt in await self.list_prompts()}:
            told = (
                "there is no such prompt, or it needs tools that you may not call; prompts/list names yours"
            )
            raise MCPError(code=INVALID_PARAMS, message=told)
        return await super().get_prompt(name, arguments, context)


class _McpTool(SdkTool):
    """A tool of ours as the SDK registers it. Only `run` differs."""

    @property
    def read_only(self) -> bool:
        return bool(self.annotations and self.annotations.read_only_hint)

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        convert_result: bool = False,  # noqa: ARG002 - the SDK's signature
    ) -> CallToolResult | InputRequiredResult:
        """Call the tool with the arguments as the client sent them."""
        result: CallToolResult | InputRequiredResult = await self.fn(arguments, context)
        return result


def _mcp_tool(definition: dict[str, Any], access: AccessControl) -> _McpTool:
    name = definition["name"]

    async def call(given: dict[str, Any], context: Context[Any, Any]) -> CallToolResult | InputRequiredResult:
        from rotor_mcp.server.dispatch import call_tool

        return await call_tool(name, given, context, access)

    return _McpTool(
        fn=call,
        name=name,
        title=definition["title"],
        description=definition["description"],
        parameters=definition["inputSchema"],
        fn_metadata=FuncMetadata(arg_model=ArgModelBase, output_schema=definition["outputSchema"]),
        is_async=True,
        annotations=ToolAnnotations.model_validate(definition["annotations"]),
    )
