"""Endpoints of models on a loopback port: they speak both dialects and play what they were given."""

import json
import threading
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rotor_mcp.sockets import listen

KEY = "sk-of-a-model-0123456789"


@dataclass(frozen=True)
class Said:
    """What the model says next: words, or one call."""

    text: str = ""
    tool: str = ""
    arguments: Any = None
    """As the model wrote it: an object, or for OpenAI's dialect also a text that is no JSON."""


@dataclass(frozen=True)
class Broken:
    """An answer that is none."""

    status: int = 500
    body: str = '{"error": "broken"}'
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0


@dataclass
class Played:
    """Where the endpoint is, and what it was asked."""

    url: str
    script: list[Said | Broken]
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


def endpoint(*script: Said | Broken) -> Played:
    """Play answers in their order, the last one for ever."""
    number = str(len(_PLAYED))
    _PLAYED[number] = played = Played(f"{_served()}/{number}/v1", [*script])
    return played


_PLAYED: dict[str, Played] = {}


@cache
def _served() -> str:
    """Serve all endpoints from one thread, for as long as the tests run."""
    paths = ("/{number}/v1/chat/completions", "/{number}/v1/messages")
    app = Starlette(routes=[Route(path, _answer, methods=["POST"]) for path in paths])
    config = uvicorn.Config(app, http="h11", ws="none", lifespan="off", log_config=None, access_log=False)
    listener = listen()
    threading.Thread(target=uvicorn.Server(config).run, args=([listener],), daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def _answer(request: Request) -> Response:
    played = _PLAYED[request.path_params["number"]]
    played.asked.append(await request.json())
    played.headers.append(dict(request.headers))
    step = played.script.pop(0) if len(played.script) > 1 else played.script[0]
    if isinstance(step, Broken):
        await anyio.sleep(step.delay)
        return Response(step.body, step.status, step.headers)
    dialect = _openai if request.url.path.endswith("/chat/completions") else _anthropic
    return Response(json.dumps(dialect(step, len(played.asked))), media_type="application/json")


def _openai(step: Said, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": step.text or None, "refusal": None}
    if step.tool:
        written = step.arguments if isinstance(step.arguments, str) else json.dumps(step.arguments)
        function = {"name": step.tool, "arguments": written}
        message["tool_calls"] = [{"id": f"call_{number}", "type": "function", "function": function}]
    reason = "tool_calls" if step.tool else "stop"
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }


def _anthropic(step: Said, number: int) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]
    if step.text:
        blocks.append({"type": "text", "text": step.text})
    if step.tool:
        blocks.append(
            {"type": "tool_use", "id": f"toolu_{number}", "name": step.tool, "input": step.arguments}
        )
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "content": blocks,
        "stop_reason": "tool_use" if step.tool else "end_turn",
        "usage": {"input_tokens": 60, "cache_read_input_tokens": 40, "output_tokens": 10},
    }
