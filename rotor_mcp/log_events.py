"""The events of the log. Each log line of this package has one, and this is the one place that declares them.

`logger.info("…", extra={"event": "file_read_again", "file": path})` makes a line with the fields of the
event, and with those that `log_fields` has for what is under way. A field that is None is left out.
`log_setup.py` writes the lines.
"""

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

EVENTS: Mapping[str, str] = {
    # The process
    "server_started": "The server listens, or starts the processes that do, or reads standard input.",
    "worker_started": "A process of several, or of another ASGI server, is ready.",
    "signal_received": "A signal asks the server to stop.",
    "worker_stopped": "A process of several, or of another ASGI server, has ended its calls.",
    "server_stopped": "The server has ended its calls and closed its connections.",
    "metrics_started": "The metrics can be read at an address.",
    "ready": "`/readyz` answers 200 again.",
    "not_ready": "`/readyz` begins to answer 503.",
    "key_unusual": "The Rotor key has an unusual form.",
    "key_missing": "There is no Rotor key that could be sent.",
    "variable_unknown": "A variable has nearly the name of a setting.",
    "telemetry_unavailable": "Variables of OpenTelemetry ask for something that is not available.",
    "processes_uncoordinated": "This process may be one of several that have no Redis.",
    # Requests over HTTP
    "http_request": "An HTTP request was answered, or its client has left.",
    "request_refused": "An HTTP request was refused; one line of each kind a minute.",
    "message_refused": "A message is no valid JSON-RPC.",
    "tokens_in_plain_text": "The token file has tokens that are not hashed.",
    "file_read_again": "The token file or the key file has changed.",
    "file_unusable": "The token file or the key file cannot be used.",
    "issuer_unavailable": "The keys of the issuer of access tokens cannot be fetched.",
    "audit_incomplete": "Writes could not be recorded in the audit file.",
    # Calls
    "call_finished": "A tool call, or the reading of a resource, has ended.",
    "call_rejected": "A call was not admitted: a missing scope, a limit, no Rotor key, or no Redis.",
    "call_crashed": "A call ended with an error in this program.",
    "rows_crashed": "Rows of a batch ended with an error in this program.",
    "batch_cancelled": "The client has cancelled a batch.",
    "question_failed": "A person could not be asked, or did not answer.",
    "preparation_failed": "What the first call needs could not be loaded beforehand.",
    # Rotor
    "rotor_request": "A request to Rotor has ended.",
    "rotor_retry": "A request to Rotor failed, and is sent again.",
    "rotor_request_crashed": "A request to Rotor ended with an error in this program.",
    # Redis
    "redis_available": "Redis can be used again.",
    "redis_unavailable": "Redis cannot be used, or not relied on.",
    "redis_cache_unavailable": "Redis does not keep the pages that searches read.",
    "redis_cache_full": "Redis has no room for more pages that searches read, and ids that results show.",
    # Other
    "output_closed": "Standard output cannot be written.",
    "library": "A warning or an error of a library.",
}
"""Name → when there is such a line."""

log_fields: ContextVar[Mapping[str, object]] = ContextVar("fields", default=MappingProxyType({}))
"""Fields of the request and the call that are under way, for every line, those of libraries as well."""

_STANDARD = {*logging.makeLogRecord({}).__dict__, "asctime", "message", "taskName"}
"""Attributes of every record. Others come from `extra`."""


def event_of(record: logging.LogRecord) -> str:
    """Return the event of a line."""
    return str(getattr(record, "event", "library"))


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields of a line that is being logged, beside time, level, event and message."""
    own = record.__dict__ if hasattr(record, "event") else {"logger": record.name}
    fields = {**log_fields.get(), **own}
    return {
        name: value
        for name, value in fields.items()
        if value is not None and name != "event" and name not in _STANDARD
    }
