"""Registers prompts, resources and completions with the MCP server."""

from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.prompts.base import Message, PromptArgument, UserMessage
from mcp.server.mcpserver.prompts.base import Prompt as SdkPrompt
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from rotor_mcp.server.backend import Backend
from rotor_mcp.server.prompts import PROMPTS, Prompt

WRITING_PROMPTS = frozenset(prompt.name for prompt in PROMPTS if prompt.writes)
"""Names of the prompts that ask the assistant to write."""


def add_resources(server: MCPServer[Any], backend: Backend, *, read_only: bool) -> None:
    """Add prompts, resources and completions to a server."""
    for prompt in PROMPTS:
        if not (prompt.writes and read_only):
            server.add_prompt(_mcp_prompt(prompt))

    @server.resource(
        "rotor://leads/{id}",
        name="lead",
        title="A lead",
        description="All that Rotor holds about one lead. Reading it costs 1 request.",
        mime_type="text/plain",
    )
    async def lead(id: str) -> str:  # noqa: A002 - the name in the address
        return await backend.read_lead(id)

    @server.resource(
        "rotor://pipeline",
        name="pipeline",
        title="The pipeline",
        description="How many leads are in each stage, from each source, with each tag, and what they may "
        "bring. Costs 1 request per 1,000 leads.",
        mime_type="text/plain",
    )
    async def overview() -> str:
        return await backend.read_pipeline()

    @server.completion()  # type: ignore[no-untyped-call,untyped-decorator]
    async def propose(
        _: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        _context: CompletionContext | None,
    ) -> Completion | None:
        return await backend.complete(argument)


class _McpPrompt(SdkPrompt):
    """A prompt for the SDK. A missing argument is an error of the client (`INVALID_PARAMS`)."""

    async def render(self, arguments: dict[str, Any] | None, context: Context[Any, Any]) -> list[Message]:  # noqa: ARG002
        """Return the message with the arguments filled in."""
        given = {name: str(value) for name, value in (arguments or {}).items()}
        missing = [
            one.name for one in self.arguments or () if one.required and not given.get(one.name, "").strip()
        ]
        if missing:
            raise MCPError(code=INVALID_PARAMS, message=f"{', '.join(missing)}: missing")
        return [UserMessage(str(self.fn(given)))]


def _mcp_prompt(prompt: Prompt) -> _McpPrompt:
    return _McpPrompt(
        name=prompt.name,
        title=prompt.title,
        description=prompt.description,
        arguments=[
            PromptArgument(name=one.name, description=one.description, required=one.required)
            for one in prompt.arguments
        ],
        fn=prompt.say,
        context_kwarg=None,
    )
