"""The MCP server, for clients of protocol 2026-07-28 and 2025-11-25.

The definitions of the tools are read from `tools/definitions.json`, which `tools/schemas.py` derives from the
models: a start needs none of them. `backend.py` loads what is behind the tools at the first call.

`_McpTool` replaces the SDK's own tool machinery, which drops unknown arguments in silence, decodes text that
looks like JSON, repeats rejected values in errors, and writes a tool's error text to the log.
"""

import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from mcp.server import CacheHint, MCPServer, ServerRequestContext
from mcp.server.context import CallNext, HandlerResult, ServerMiddleware
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool as SdkTool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from mcp.types import INVALID_PARAMS, CallToolResult, GetPromptResult, InputRequiredResult, ToolAnnotations
from mcp.types import Prompt as McpPrompt
from mcp.types import Tool as McpTool
from pydantic import PrivateAttr

from rotor_mcp import __version__
from rotor_mcp.config import Settings
from rotor_mcp.log_events import log_fields
from rotor_mcp.server import resources
from rotor_mcp.server.backend import Backend, load_view

if TYPE_CHECKING:
    from rotor_mcp.api.pool import TransportFactory
    from rotor_mcp.dates import Clock
    from rotor_mcp.events import EventListener
    from rotor_mcp.server.access import AccessControl

logger = logging.getLogger(__name__)

INSTRUCTIONS = (
    "Leads in Rotor, the CRM of field-service businesses. A lead is a person who may become a customer. No "
    "search is needed before an upsert by phone or e-mail: it looks first. A write can make Rotor text or "
    "e-mail the person. Nothing here deletes, archives or assigns a lead, removes a tag or clears a field. "
    "Stages, sources and tags are the company's own words: use those that results show. Each request counts "
    "against 1,000 a day."
)
WITHOUT_TIMEZONE = " Days are those of UTC, because no time zone is set (ROTOR_MCP_TIMEZONE)."
ON_SANDBOX = " The leads here are invented samples (sandbox): nothing reaches the real Rotor."

QUIET_SECONDS = 0.1
"""Seconds after a listing of the tools in which a client may ask for more before it works."""

DEFINITIONS = Path(__file__).parents[1] / "tools" / "definitions.json"


def build_server(
    settings: Settings,
    *,
    transport: "TransportFactory | None" = None,
    clock: "Clock | None" = None,
    listeners: "Sequence[EventListener]" = (),
    access: "AccessControl | None" = None,
    **options: Any,
) -> "McpServer":
    """Build the server.

    Args:
        settings: of the server.
        transport: makes the HTTP transport when the first request needs it; the network if None.
        clock: returns the present moment; the system's if None.
        listeners: receive every event. Ignored where `access` is given, which has its own.
        access: admits calls; if None, every call is admitted, with the key in the settings.
        options: of the SDK's server, beside those that are set here. The view is added to its `extensions`.
    """
    backend = Backend(settings, transport, clock, listeners, access)

    @asynccontextmanager
    async def lifespan(_: MCPServer[Any]) -> AsyncIterator[None]:
        backend.start()
        try:
            yield
        finally:
            # The SDK cancels a server whose client has left. Its connections are closed all the same.
            with anyio.CancelScope(shield=True):
                await backend.aclose()

    tools = [_mcp_tool(definition, backend) for definition in json.loads(DEFINITIONS.read_bytes())]
    offer_page: ServerMiddleware[Any] | None = None
    if settings.view:
        view = load_view()
        options["extensions"] = view.with_apps(options.get("extensions") or ())
        offer_page = partial(view.offer_page, tools=frozenset(tool.name for tool in tools))
    # With the view, the list of tools depends on what the client shows.
    uniform = backend.uniform_access and not settings.view
    scope: Literal["public", "private"] = "public" if uniform else "private"
    server = McpServer(
        backend,
        name="rotor",
        title="Rotor leads",
        version=__version__,
        instructions=INSTRUCTIONS
        + (WITHOUT_TIMEZONE if settings.is_utc_by_default else "")
        + (ON_SANDBOX if settings.on_sandbox else ""),
        lifespan=lifespan,
        tools=[tool for tool in tools if tool.read_only or not settings.read_only],
        cache_hints={"tools/list": CacheHint(ttl_ms=3_600_000, scope=scope)},
        subscriptions=False,
        middleware=[_request_preparation(offer_page)],
        # If nothing is configured, the SDK configures logging, at this level. Below it, httpx2 would log each
        # URL, and with it the phone searched for.
        log_level="WARNING",
        **options,
    )
    resources.add_resources(server, backend, read_only=settings.read_only)
    if settings.view:
        server.add_resource(view.page_resource(read_only=settings.read_only))
    return server


def _request_preparation(offer_page: ServerMiddleware[Any] | None) -> ServerMiddleware[Any]:
    """Return what each request passes first. `offer_page` adapts lists, and gets no other request."""

    async def prepare_request(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Name the message in log lines, and accept arguments that are JSON text or a list.

        Over HTTP, log lines have the id of the HTTP request. Some clients send such arguments; the SDK would
        answer them with a protocol error, which no model sees. `leads/validation.py` parses or refuses them.
        """
        given = (ctx.params or {}).get("arguments")
        if ctx.method == "tools/call" and given is not None and not isinstance(given, dict):
            ctx = replace(ctx, params={**(ctx.params or {}), "arguments": {"arguments": given}})
        fields = log_fields.set({"request_id": ctx.request_id, **log_fields.get()})
        try:
            if offer_page is not None and ctx.method in ("tools/list", "resources/list"):
                return await offer_page(ctx, call_next)
            return await call_next(ctx)
        finally:
            log_fields.reset(fields)

    return prepare_request


class McpServer(MCPServer[Any]):
    """The SDK's server, which shows a caller only what the caller may use."""

    def __init__(self, backend: Backend, **options: Any) -> None:
        super().__init__(**options)
        self._backend = backend
        self._listed = anyio.Event()

    async def serve_streams(
        self, incoming: ObjectReceiveStream[Any], outgoing: ObjectSendStream[SessionMessage]
    ) -> None:
        """Serve one client until its stream of messages ends."""
        options = self._lowlevel_server.create_initialization_options()
        async with anyio.create_task_group() as beside:
            beside.start_soon(self._prepare)
            await self._lowlevel_server.run(incoming, outgoing, options)
            beside.cancel_scope.cancel()

    async def _prepare(self) -> None:
        """Make the first call faster, while the person still writes what it is about."""
        await self._listed.wait()
        await anyio.sleep(QUIET_SECONDS)
        try:
            await self._backend.prepare()
        except Exception as exc:
            reason = type(exc).__name__
            logger.warning(
                "calls are not prepared, the first will take longer (%s)",
                reason,
                extra={"event": "preparation_failed", "reason": reason},
            )

    async def list_tools(self) -> list[McpTool]:
        """List the tools that the caller may use."""
        self._listed.set()
        return [
            tool
            for tool in await super().list_tools()
            if self._backend.allows(writing=not (tool.annotations and tool.annotations.read_only_hint))
        ]

    async def list_prompts(self) -> list[McpPrompt]:
        """List the prompts that the caller may use."""
        return [
            prompt
            for prompt in await super().list_prompts()
            if self._backend.allows(writing=prompt.name in resources.WRITING_PROMPTS)
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

    _backend: Backend = PrivateAttr()

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
        return await self._backend.call_tool(self.name, arguments, context)


def _mcp_tool(definition: dict[str, Any], backend: Backend) -> _McpTool:
    tool = _McpTool(
        fn=_McpTool.run,
        name=definition["name"],
        title=definition["title"],
        description=definition["description"],
        parameters=definition["inputSchema"],
        fn_metadata=FuncMetadata(arg_model=ArgModelBase, output_schema=definition["outputSchema"]),
        is_async=True,
        annotations=ToolAnnotations.model_validate(definition["annotations"]),
        meta=definition.get("_meta"),
    )
    tool._backend = backend
    return tool
