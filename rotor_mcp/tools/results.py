"""The common part of all results. The JSON of a result, without defaults, is its structured content.

A field whose name explains it is left out of the schema, which costs tokens.
"""

from typing import Annotated, TypedDict

from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from rotor_mcp.leads.context import CallContext


class CallFacts(TypedDict):
    """The facts about its call that every result has."""

    today: str
    timezone: str
    requests: int


def call_facts(call: CallContext) -> CallFacts:
    """Return the day, the time zone, and the requests of a call so far."""
    return {
        "today": str(call.locale.today),
        "timezone": str(call.locale.zone),
        "requests": call.api.requests,
    }


class Result(BaseModel):
    """The result of a tool: what it is about, the day and time zone it was judged in, and its cost."""

    today: str
    timezone: str
    requests: int
    """Requests spent of the key's daily quota."""

    failed: Annotated[SkipJsonSchema[bool], Field(exclude=True)] = False
    """Whether it must not be taken for success."""
