"""Logs how a call ended, or that it was not admitted, and keeps its summary for the listeners."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import anyio

from rotor_mcp.errors import CallError, CallRejected, InvalidLead, NotFound, RotorError
from rotor_mcp.events import CallSummary
from rotor_mcp.leads.context import CallContext
from rotor_mcp.log_events import log_fields
from rotor_mcp.server.access import AdmittedCall

logger = logging.getLogger(__name__)

_ORDINARY = (InvalidLead, NotFound)
"""What Rotor refuses because of the arguments, with which nothing is wrong in the server or in Rotor."""


@dataclass
class Recording:
    """The outcome of a call."""

    outcome: str = "done"


@contextmanager
def recorded(what: str, admitted: AdmittedCall, call: CallContext) -> Iterator[Recording]:
    """Record the outcome that a block sets, or its exception."""
    started, recording = anyio.current_time(), Recording()
    level, detail = logging.INFO, None
    fields = log_fields.set({**log_fields.get(), "tool": what})
    try:
        yield recording
    except CallError as exc:
        recording.outcome, detail = exc.outcome, str(exc)
        if isinstance(exc, RotorError) and not isinstance(exc, _ORDINARY):
            level = logging.WARNING
        raise
    except Exception as exc:
        recording.outcome, detail, level = "crashed", type(exc).__name__, logging.ERROR
        raise
    except BaseException:
        recording.outcome = "cancelled"
        raise
    finally:
        if recording.outcome == "unknown":
            level = logging.WARNING
        took, api = anyio.current_time() - started, call.api
        admitted.summary = CallSummary(what, recording.outcome, api.requests - api.carried_over, took)
        logger.log(
            level,
            "%s: %s%s, %d requests, %.0f ms",
            what,
            recording.outcome,
            f" ({detail})" if detail else "",
            api.requests,
            1e3 * took,
            extra={
                "event": "call_finished",
                "outcome": recording.outcome,
                "reason": detail,
                "requests": api.requests,
                "milliseconds": 1e3 * took,
            },
        )
        log_fields.reset(fields)


def log_rejection(what: str, rejection: CallRejected) -> None:
    """Log that a call was not admitted."""
    logger.warning(
        "%s: %s (%s)",
        what,
        rejection.outcome,
        rejection,
        extra={"event": "call_rejected", "tool": what, "outcome": rejection.outcome, "reason": rejection},
    )
