"""What the results of all tools have in common. The JSON of a result is its structured content.

A field is left out of the schema, which costs tokens, where its name says what it is.
"""

from typing import Any, TypedDict

from pydantic import BaseModel

from rotor_mcp.leads.context import CallContext


class CallFacts(TypedDict):
    """What every result says of its call."""

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

    @property
    def failed(self) -> bool:
        """Whether it must not be taken for success."""
        return False

    def content(self) -> dict[str, Any]:
        """Return the result as a JSON object, without what is unknown or empty."""
        return self.model_dump(mode="json", exclude_defaults=True)
