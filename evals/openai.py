"""OpenAI's dialect: chat completions with tools, as most local and hosted endpoints speak it."""

import json
from collections.abc import Sequence
from typing import Any

from evals.chat import Call, Model, ModelError, Reply, Returned, Setting
from evals.endpoint import Endpoint


def openai(base_url: str, model: str, key: str | None, **settings: Any) -> Model:
    """A model at an endpoint; `settings` are those of `Endpoint`."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    endpoint = Endpoint(base_url, headers, key, **settings)
    return lambda setting: OpenAiChat(endpoint, model, setting)


class OpenAiChat:
    """A conversation. The endpoint remembers nothing: all of it is sent each time."""

    def __init__(self, endpoint: Endpoint, model: str, setting: Setting) -> None:
        """Begin it."""
        self._endpoint = endpoint
        self._model = model
        self._messages: list[dict[str, Any]] = [{"role": "system", "content": setting.system}]
        self._tools = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description or "",
                    "parameters": tool.input_schema,
                },
            }
            for tool in setting.tools
        ]

    def say(self, text: str) -> None:
        """Say something as the person."""
        self._messages.append({"role": "user", "content": text})

    def take(self, results: Sequence[Returned]) -> None:
        """Give the results of the calls. The dialect has no word for a failed one; its text says it."""
        self._messages += [
            {"role": "tool", "tool_call_id": result.call.id, "content": result.text} for result in results
        ]

    async def reply(self) -> Reply:
        """Wait for the model."""
        answer = await self._endpoint.post(
            "chat/completions",
            {"model": self._model, "messages": self._messages, "tools": self._tools},
        )
        try:
            message = answer["choices"][0]["message"]
            calls = tuple(_call(each) for each in message.get("tool_calls") or [])
            text = _text(message.get("content"))
            usage = answer.get("usage") or {}
            tokens = usage.get("prompt_tokens"), usage.get("completion_tokens")
        except (KeyError, IndexError, TypeError, AttributeError) as exc:
            raise ModelError(f"answered no chat completion: {exc!r}") from exc
        # As it came, since some endpoints want to see again what they put into it besides; but for nulls,
        # which OpenAI's own refuses.
        told = {name: value for name, value in message.items() if value is not None}
        self._messages.append({"content": "", **told, "role": "assistant"})
        return Reply(text, calls, *tokens)


def _call(told: dict[str, Any]) -> Call:
    try:
        arguments = json.loads(told["function"]["arguments"] or "{}")
    except ValueError:
        arguments = None
    return Call(told["id"], told["function"]["name"], arguments if isinstance(arguments, dict) else None)


def _text(content: Any) -> str:
    """The text of a message, which is one string, a list of parts, or null."""
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if part.get("type") == "text")
    return content or ""
