"""Asking the person directly, where the client can: elicitation, in both eras of the protocol.

Up to 2025-11-25 the server asks in the middle of a call. From 2026-07-28 on the call ends with the question,
and the client makes it again with the answer; what was asked about comes back sealed by the SDK.
"""

import logging
from dataclasses import dataclass
from typing import Annotated, Any

from mcp.server.elicitation import AcceptedElicitation
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from pydantic import BaseModel, Field

_ANSWER_IN_NEXT_CALL = "2026-07-28"
_KEY = "approval"

logger = logging.getLogger(__name__)


class Approval(BaseModel):
    """What the person is asked to fill in."""

    approve: Annotated[bool, Field(title="Go ahead?")]


@dataclass(frozen=True)
class Answered:
    """What was asked about, and whether it was approved."""

    state: str
    approved: bool


def can_ask(context: Context[Any, Any]) -> bool:
    """Whether the client can show a form to the person. Without a declaration it would be an error to ask."""
    capabilities = context.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return False
    return _in_next_call(context) or context.session.can_send_request


async def ask(context: Context[Any, Any], question: str, state: str) -> Answered | InputRequiredResult:
    """Ask for approval: either the answer, or what ends this round of the call.

    Args:
        context: of the call.
        question: what the person reads.
        state: what the question is about; it comes back with the answer.
    """
    if _in_next_call(context):
        form = ElicitRequestFormParams(message=question, requested_schema=Approval.model_json_schema())
        return InputRequiredResult(input_requests={_KEY: ElicitRequest(params=form)}, request_state=state)
    try:
        answer = await context.elicit(question, Approval)
    except (MCPError, ValueError) as exc:
        logger.warning("the client could not ask: %s", type(exc).__name__)
        return Answered(state, approved=False)
    return Answered(state, isinstance(answer, AcceptedElicitation) and answer.data.approve)


def answered(context: Context[Any, Any]) -> Answered | None:
    """Read the answer that a second round brings; None in a first round."""
    response = (context.input_responses or {}).get(_KEY)
    if context.request_state is None or not isinstance(response, ElicitResult):
        return None
    approved = response.action == "accept" and (response.content or {}).get("approve") is True
    return Answered(context.request_state, approved)


def _in_next_call(context: Context[Any, Any]) -> bool:
    return (context.protocol_version or "") >= _ANSWER_IN_NEXT_CALL
