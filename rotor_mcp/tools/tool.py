"""The definition of a tool."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.requests import Arguments
from rotor_mcp.tools.results import Result

ToolArguments = TypeVar("ToolArguments", bound=Arguments)
ToolResult = TypeVar("ToolResult", bound=Result)


@dataclass(frozen=True)
class ToolApproval(Generic[ToolResult]):
    """How the person is asked about a result that waits for approval, and what an answer makes of it."""

    question: Callable[[ToolResult], str | None]
    """Returns the question; None if the result waits for none."""
    declined: Callable[[ToolResult], ToolResult]
    """Returns the result that was not approved."""
    unanswered: Callable[[ToolResult], ToolResult]
    """Returns the result to which no answer came."""


@dataclass(frozen=True)
class Tool(Generic[ToolArguments, ToolResult]):
    """One tool: its arguments are parsed, `run` returns a result, and `render` makes the text of it."""

    name: str
    title: str
    description: str
    arguments: type[ToolArguments]
    result: type[ToolResult]
    run: Callable[[ToolArguments, CallContext], Awaitable[ToolResult]]
    render: Callable[[ToolResult], str]
    read_only: bool
    always_load: bool = False
    """Whether a client that hides tools behind a search of its own shall show this one all the same."""
    approval: ToolApproval[ToolResult] | None = None
    """How the person is asked, if a result may wait for approval.

    Such a tool takes the argument `confirm`, and its result has the token for it under the same name.
    """
