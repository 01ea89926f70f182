"""What a client may offer a person beside the tools: prompts, resources, and words to complete them with."""

from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
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

from rotor_mcp import failures, pipeline, wording
from rotor_mcp.arguments import InvalidArguments, parse
from rotor_mcp.call import Call
from rotor_mcp.errors import NotFound, RotorError
from rotor_mcp.inputs import GetLead
from rotor_mcp.models import PAGE_LIMIT
from rotor_mcp.prompts import PROMPTS, Prompt
from rotor_mcp.tools import GET_LEAD
from rotor_mcp.workplace import Workplace

COMPLETED = 20
"""Words that are proposed at a time."""


def offer(server: MCPServer[Any], workplace: Workplace) -> None:
    """Add them to a server."""
    for prompt in PROMPTS:
        server.add_prompt(_mcp_prompt(prompt))
    _offer_resources(server, workplace)

    @server.completion()  # type: ignore[no-untyped-call,untyped-decorator]
    async def complete(
        _: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        _context: CompletionContext | None,
    ) -> Completion | None:
        return await _complete(argument, workplace)


class _McpPrompt(SdkPrompt):
    """A prompt of ours as the SDK registers it. What is missing is the client's error, not a crash."""

    async def render(self, arguments: dict[str, Any] | None, context: Context[Any, Any]) -> list[Message]:  # noqa: ARG002
        """Say it with what the person filled in."""
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


def _offer_resources(server: MCPServer[Any], workplace: Workplace) -> None:
    @server.resource(
        "rotor://leads/{id}",
        name="lead",
        title="A lead",
        description="All that Rotor holds about one lead. Reading it costs 1 request.",
        mime_type="text/plain",
    )
    async def lead(id: str) -> str:  # noqa: A002 - the name in the address
        call = workplace.call()
        try:
            result = await GET_LEAD.run(parse(GetLead, {"id": id}), call)
        except InvalidArguments as exc:
            raise ResourceNotFoundError(workplace.safe(failures.invalid_arguments(exc.faults))) from None
        except NotFound as exc:
            raise ResourceNotFoundError(workplace.safe(failures.failed(exc, call.rotor.requests))) from None
        except RotorError as exc:
            raise _failed(exc, call, workplace) from None
        return workplace.safe(GET_LEAD.word(result))

    @server.resource(
        "rotor://pipeline",
        name="pipeline",
        title="The pipeline",
        description="How many leads are in each stage, from each source, with each tag, and what they may "
        "bring. Costs 1 request per 1,000 leads.",
        mime_type="text/plain",
    )
    async def overview() -> str:
        call = workplace.call()
        try:
            return workplace.safe(wording.pipeline(await pipeline.overview(call)))
        except RotorError as exc:
            raise _failed(exc, call, workplace) from None


def _failed(error: RotorError, call: Call, workplace: Workplace) -> ResourceError:
    return ResourceError(workplace.safe(failures.failed(error, call.rotor.requests)))


async def _complete(argument: CompletionArgument, workplace: Workplace) -> Completion | None:
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
