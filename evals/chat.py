"""A conversation with a model, whatever its endpoint speaks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from mcp.types import Tool


@dataclass(frozen=True)
class Call:
    """A call of a tool that the model asks for."""

    id: str
    name: str
    arguments: dict[str, Any] | None
    """None if the model wrote no JSON object."""


@dataclass(frozen=True)
class Returned:
    """What a tool returned, as the model gets to see it."""

    call: Call
    text: str
    failed: bool
    content: dict[str, Any]
    """The structured content, which models do not see where there is text."""


@dataclass(frozen=True)
class Reply:
    """What a model says: words, calls, or both. Without calls its turn is over."""

    text: str
    calls: tuple[Call, ...] = ()
    tokens_in: int | None = None
    tokens_out: int | None = None
    """As the endpoint reports them, if it does."""


class ModelError(Exception):
    """The endpoint gave no reply that can be used; the text says what it gave."""


class Chat(Protocol):
    """One conversation."""

    def say(self, text: str) -> None:
        """Say something as the person."""

    def take(self, results: Sequence[Returned]) -> None:
        """Give the results of all calls of the last reply."""

    async def reply(self) -> Reply:
        """Wait for the model.

        Raises:
            ModelError: if there is no reply.
        """


@dataclass(frozen=True)
class Setting:
    """What a conversation begins with."""

    task: str
    today: date
    system: str
    tools: Sequence[Tool]


Model = Callable[[Setting], Chat]
"""Begins conversations."""
