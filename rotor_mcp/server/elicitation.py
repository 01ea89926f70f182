"""Elicitation: asks the person for approval through the client, in all protocol versions.

Up to protocol 2025-11-25 the server asks during a call. From 2026-07-28 on the call ends with the question,
and the client repeats it with the answer and the request state, which the SDK seals.

Clients that declare elicitation may respond with an error, cancel immediately, or not respond. So only a
decline is a refusal: after anything else the result is the plan with its token, as without elicitation.
"""

import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import anyio
from mcp.server.elicitation import AcceptedElicitation, DeclinedElicitation
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from pydantic import BaseModel, Field

ANSWER_TIMEOUT_SECONDS = 120.0
"""Time for a client to repeat the call with the answer."""
GIVE_UP_SECONDS = 600.0
"""A client that did not answer in time is not asked again for this time."""
MAX_CLIENTS = 1_000
"""Clients with unanswered questions that are tracked."""

_ANSWER_IN_NEXT_CALL = "2026-07-28"
_KEY = "approval"

logger = logging.getLogger(__name__)


class Approval(BaseModel):
    """What the person is asked to fill in."""

    approve: Annotated[bool, Field(title="Go ahead?")]


@dataclass(frozen=True)
class Answered:
    """The state of a question, and the answer of the person."""

    state: str
    answer: Literal["approved", "declined", "none"]


class OpenQuestions:
    """Client → time of its first unanswered question."""

    def __init__(self) -> None:
        self._asked_at: OrderedDict[str, float] = OrderedDict()

    def ask(self, client: str) -> None:
        """Record that a client is asked."""
        now = time.monotonic()
        asked_at = self._asked_at.get(client)
        if asked_at is None or now - asked_at >= ANSWER_TIMEOUT_SECONDS + GIVE_UP_SECONDS:
            self._asked_at[client] = now
        if len(self._asked_at) > MAX_CLIENTS:
            self._asked_at.popitem(last=False)

    def answered(self, client: str) -> None:
        """Record that a client has answered."""
        self._asked_at.pop(client, None)

    def given_up(self, client: str) -> bool:
        """Whether a client failed to answer in time within the last `GIVE_UP_SECONDS`."""
        asked_at = self._asked_at.get(client)
        return (
            asked_at is not None
            and ANSWER_TIMEOUT_SECONDS
            <= time.monotonic() - asked_at
            < ANSWER_TIMEOUT_SECONDS + GIVE_UP_SECONDS
        )

    def give_up(self, client: str) -> None:
        """Record that a client did not answer in time."""
        self._asked_at[client] = time.monotonic() - ANSWER_TIMEOUT_SECONDS


def can_ask(context: Context[Any, Any], questions: OpenQuestions, caller: str | None) -> bool:
    """Whether the client supports elicitation by form, and has not left a question unanswered recently."""
    capabilities = context.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return False
    if questions.given_up(_client(context, caller)):
        return False
    return _in_next_call(context) or context.session.can_send_request


async def ask(
    context: Context[Any, Any],
    question: str,
    state: str,
    *,
    questions: OpenQuestions,
    caller: str | None,
    answer_timeout: float,
) -> Answered | InputRequiredResult:
    """Ask for approval. Returns the answer, or the result that ends the call until the client repeats it.

    Args:
        context: of the call.
        question: the text for the person.
        state: of the question; the client returns it with the answer.
        questions: that clients have not answered.
        caller: None on standard input and output.
        answer_timeout: seconds for the answer, if it comes during the call.
    """
    client = _client(context, caller)
    questions.ask(client)
    if _in_next_call(context):
        form = ElicitRequestFormParams(message=question, requested_schema=Approval.model_json_schema())
        return InputRequiredResult(input_requests={_KEY: ElicitRequest(params=form)}, request_state=state)
    with anyio.move_on_after(answer_timeout):
        try:
            answer = await context.elicit(question, Approval)
        except (MCPError, ValueError) as exc:
            reason = type(exc).__name__
            logger.warning(
                "the client could not ask: %s", reason, extra={"event": "question_failed", "reason": reason}
            )
            answer = None
        questions.answered(client)
        if isinstance(answer, AcceptedElicitation):
            return Answered(state, "approved" if answer.data.approve else "declined")
        return Answered(state, "declined" if isinstance(answer, DeclinedElicitation) else "none")
    logger.warning(
        "the client did not answer within %.0f seconds",
        answer_timeout,
        extra={"event": "question_failed", "reason": "no answer", "seconds": answer_timeout},
    )
    questions.give_up(client)
    return Answered(state, "none")


def read_answer(
    context: Context[Any, Any], state: str, questions: OpenQuestions, caller: str | None
) -> Answered:
    """Return the answer in a repeated call."""
    questions.answered(_client(context, caller))
    response = (context.input_responses or {}).get(_KEY)
    if isinstance(response, ElicitResult):
        approve = (response.content or {}).get("approve")
        if response.action == "accept" and approve is True:
            return Answered(state, "approved")
        if response.action == "decline" or (response.action == "accept" and approve is False):
            return Answered(state, "declined")
    return Answered(state, "none")


def _client(context: Context[Any, Any], caller: str | None) -> str:
    """Identify the client by caller, name and protocol version."""
    params = context.session.client_params
    info = params.client_info if params else None
    return f"{caller or ''} {info.name if info else ''} {context.protocol_version}"[:200]


def _in_next_call(context: Context[Any, Any]) -> bool:
    return (context.protocol_version or "") >= _ANSWER_IN_NEXT_CALL
