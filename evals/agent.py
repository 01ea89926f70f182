"""What a host does: it hands a model the tools of a server, calls what it asks for, and shows the results."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import anyio
from mcp import Client, MCPError
from mcp.types import CallToolResult, TextContent

from evals.chat import Call, Chat, Model, ModelError, Returned, Setting
from evals.leads import Leads, all_leads
from evals.task import Task
from evals.transcript import Transcript
from rotor_mcp.sandbox import Sandbox


@dataclass(frozen=True)
class Limits:
    """When a conversation is given up."""

    replies: int = 20
    """Of the model in one turn of the person."""
    seconds: float = 300
    """For the whole conversation."""


@dataclass
class Course:
    """How a conversation went."""

    states: list[Leads]
    answers: list[str] = field(default_factory=list)
    calls: int = 0
    tokens_in: int | None = 0
    tokens_out: int | None = 0
    given_up: str | None = None
    """Why it did not come to its end."""
    endpoint_failed: bool = False
    """Whether that was the endpoint's fault, and neither the model's nor the server's."""


def system_prompt(today: date, instructions: str | None) -> str:
    """What hosts tell a model: who it works for, which day it is, and what the server says of itself."""
    told = (
        "You are the assistant of a window-cleaning company's owner, who keeps the company's leads in Rotor, "
        "a CRM. You reach it through the tools that you were given. Answer briefly. "
        f"Today is {today:%A}, {today.isoformat()} (UTC)."
    )
    return f"{told}\n\n{instructions}" if instructions else told


async def converse(
    task: Task, rotor: Sandbox, client: Client, model: Model, *, today: date, limits: Limits, log: Transcript
) -> Course:
    """Hold the conversation of a task, until its end or until it has to be given up."""
    course = Course([all_leads(rotor)])
    tools = (await client.list_tools()).tools
    system = system_prompt(today, client.instructions)
    log.note("system", text=system, tools=[tool.name for tool in tools])
    chat = model(Setting(task.id, today, system, tools))
    try:
        with anyio.fail_after(limits.seconds):
            for said in task.says:
                log.note("person", text=said)
                chat.say(said)
                course.answers.append(await _turn(chat, client, course, limits.replies, log))
                course.states.append(all_leads(rotor))
    except TimeoutError:
        course.given_up = f"no end after {limits.seconds:g} seconds"
    except _TooManyReplies:
        course.given_up = f"no answer after {limits.replies} replies with calls"
    except ModelError as exc:
        course.given_up, course.endpoint_failed = f"the model's endpoint {exc}", True
    return course


class _TooManyReplies(Exception):
    pass


async def _turn(chat: Chat, client: Client, course: Course, replies: int, log: Transcript) -> str:
    """Let the model call and answer until it has no more calls; return its last words."""
    for _ in range(replies):
        reply = await chat.reply()
        log.note(
            "model",
            text=reply.text,
            calls=[{"name": call.name, "arguments": call.arguments} for call in reply.calls],
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
        )
        course.tokens_in = _sum(course.tokens_in, reply.tokens_in)
        course.tokens_out = _sum(course.tokens_out, reply.tokens_out)
        if not reply.calls:
            return reply.text
        chat.take(await _call_all(reply.calls, client, course, log))
    raise _TooManyReplies


async def _call_all(calls: Sequence[Call], client: Client, course: Course, log: Transcript) -> list[Returned]:
    returned = []
    for call in calls:
        course.calls += 1
        result = await _call(call, client)
        log.note("result", name=call.name, text=result.text, failed=result.failed)
        returned.append(result)
    return returned


async def _call(call: Call, client: Client) -> Returned:
    if call.arguments is None:
        return Returned(call, "The arguments are not a JSON object.", failed=True, content={})
    try:
        result = await client.call_tool(call.name, call.arguments)
    except MCPError as exc:
        return Returned(call, str(exc), failed=True, content={})
    return Returned(call, _shown(result), bool(result.is_error), result.structured_content or {})


def _shown(result: CallToolResult) -> str:
    """What most hosts show: the text, and the structured content only where there is none."""
    text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
    return text or json.dumps(result.structured_content, ensure_ascii=False)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
