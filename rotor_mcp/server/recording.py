"""Logs how a call ended, and keeps its summary for the listeners."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import anyio

from rotor_mcp.errors import CallError
from rotor_mcp.events import CallSummary
from rotor_mcp.leads.context import CallContext
from rotor_mcp.server.access import AdmittedCall

logger = logging.getLogger(__name__)


@dataclass
class Recording:
    """The outcome of a call."""

    outcome: str = "done"


@contextmanager
def recorded(what: str, admitted: AdmittedCall, call: CallContext) -> Iterator[Recording]:
    """Record the outcome that a block sets, or its exception."""
    started, recording, detail = anyio.current_time(), Recording(), ""
    try:
        yield recording
    except CallError as exc:
        recording.outcome, detail = exc.outcome, f" ({exc})"
        raise
    except Exception as exc:
        recording.outcome, detail = "crashed", f" ({type(exc).__name__})"
        raise
    except BaseException:
        recording.outcome = "cancelled"
        raise
    finally:
        took, api = anyio.current_time() - started, call.api
        admitted.summary = CallSummary(what, recording.outcome, api.requests - api.carried_over, took)
        logger.info(
            "%s: %s%s, %d requests, %.0f ms", what, recording.outcome, detail, api.requests, 1e3 * took
        )
