"""Anthropic's dialect: messages with tools."""

from collections.abc import Sequence
from typing import Any

from evals.chat import Call, Model, ModelError, Reply, Returned, Setting
from evals.endpoint import Endpoint

_VERSION = "2023-06-01"
_LONGEST_REPLY = 8_192
"""Tokens; the dialect asks for a limit."""


def anthropic(base_url: str, model: str, key: str | None, **settings: Any) -> Model:
    """A model at an endpoint; `settings` are those of `Endpoint`."""
    headers = {"anthropic-version": _VERSION} | ({"x-api-key": key} if key else {})
    endpoint = Endpoint(base_url, headers, key, **settings)
    return lambda setting: AnthropicChat(endpoint, model, setting)


class AnthropicChat:
    """A conversation. The endpoint remembers nothing: all of it is sent each time."""

    def __init__(self, endpoint: Endpoint, model: str, setting: Setting) -> None:
        """Begin it."""
        self._endpoint = endpoint
        self._messages: list[dict[str, Any]] = []
        self._rest = {
            "model": model,
            "max_tokens": _LONGEST_REPLY,
            "system": setting.system,
            "tools": [
                {
                    "name": tool.name,
                    "description": tool.description or "",
                    "input_schema": tool.input_schema,
                }
                for tool in setting.tools
            ],
        }

    def say(self, text: str) -> None:
        """Say something as the person."""
        self._messages.append({"role": "user", "content": text})

    def take(self, results: Sequence[Returned]) -> None:
        """Give the results of the calls."""
        blocks = [
            {
                "type": "tool_result",
                "tool_use_id": result.call.id,
                "content": result.text,
                "is_error": result.failed,
            }
            for result in results
        ]
        self._messages.append({"role": "user", "content": blocks})

    async def reply(self) -> Reply:
        """Wait for the model."""
        answer = await self._endpoint.post("messages", {**self._rest, "messages": self._messages})
        try:
            blocks = answer["content"]
            text = "\n".join(block["text"] for block in blocks if block["type"] == "text")
            calls = tuple(_call(block) for block in blocks if block["type"] == "tool_use")
            usage = answer.get("usage") or {}
            tokens = _tokens_in(usage), usage.get("output_tokens")
        except (KeyError, TypeError, AttributeError) as exc:
            raise ModelError(f"answered no message: {exc!r}") from exc
        if blocks:
            # As it came, since thinking has to be sent back as it was; an empty message may not be.
            self._messages.append({"role": "assistant", "content": blocks})
        return Reply(text, calls, *tokens)


def _call(block: dict[str, Any]) -> Call:
    arguments = block["input"]
    return Call(block["id"], block["name"], arguments if isinstance(arguments, dict) else None)


def _tokens_in(usage: dict[str, Any]) -> int | None:
    """All that was read; what came from a cache is counted apart in this dialect."""
    if usage.get("input_tokens") is None:
        return None
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return sum(usage.get(name) or 0 for name in names)
