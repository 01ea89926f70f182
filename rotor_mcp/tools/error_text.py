"""Errors → the text a model reads: what happened, whether anything was done, what to do next. Pure."""

from collections.abc import Sequence

from rotor_mcp.errors import (
    CallRejected,
    InvalidLead,
    Misconfigured,
    MissingScope,
    NoKey,
    NotAuthorised,
    NotFound,
    NotSent,
    OutcomeUnknown,
    QuotaExceeded,
    Refused,
    RotorError,
    Unanswered,
)
from rotor_mcp.leads.lookup import TooManyRequestsError
from rotor_mcp.leads.plan import NotesTooLongError
from rotor_mcp.leads.validation import InvalidArguments
from rotor_mcp.sanitize import one_line
from rotor_mcp.tools.phrases import spent

DAILY_LIMIT = 1_000
WHERE_A_KEY_COMES_FROM = (
    "A key is made in Rotor under Settings → Integrations and begins with rotor_. It belongs in "
    "ROTOR_API_KEY, in the env block of this server's entry in the client's configuration; restart the "
    "client afterwards"
)


def failed(error: RotorError, requests: int, where_the_key_is: str | None = None) -> str:
    """Say what went wrong, whether anything was done, and what to do next.

    Args:
        error: what went wrong.
        requests: spent by the call.
        where_the_key_is: a sentence about that, if not with whoever started this process.
    """
    if where_the_key_is and isinstance(error, NoKey):
        text = f"Nothing was sent: there is no Rotor API key that can be used. {where_the_key_is}."
    elif where_the_key_is and isinstance(error, NotAuthorised):
        text = f"Rotor does not accept the API key (401). Nothing was done. {where_the_key_is}."
    else:
        text = describe(error)
    return f"{text} {spent(requests)}"


def notes_too_long(error: NotesTooLongError, requests: int) -> str:
    """Say how much room the notes have."""
    return (
        f"Nothing was written. notes: {error}, beside what is there and the date. Shorten them, or put them "
        f"in the place of the old ones with replace_notes. {spent(requests)}"
    )


def too_costly(error: TooManyRequestsError, requests: int) -> str:
    """Say what a batch would cost, and what to do about it."""
    writing = f", {error.writes:,} of them for writing," if error.writes else " only to find out who is there"
    return (
        f"Nothing was written: this would take {error.requests:,} requests{writing} of the {DAILY_LIMIT:,} a "
        f"day, and {error.limit:,} are allowed for one call. Send fewer rows at a time, or raise "
        f"ROTOR_MCP_BATCH_REQUESTS; for long lists there is the command rotor-mcp import. {spent(requests)}"
    )


def of_row(trouble: Exception | str) -> list[str]:
    """Say what is wrong with one row of many."""
    match trouble:
        case InvalidArguments(faults=faults):
            return list(faults)
        case NotesTooLongError():
            return [f"notes: {trouble}, beside what is there and the date"]
        case RotorError():
            return [describe(trouble).removesuffix(".")]
        case _:
            return [str(trouble)]


def crashed(kind: str, requests: int) -> str:
    """Say that the fault is ours."""
    return (
        f"rotor-mcp has a fault of its own here ({kind}); its log on stderr has the details. "
        "If this was a write, look the lead up before sending it again. " + spent(requests)
    )


def invalid_arguments(faults: Sequence[str]) -> str:
    """Say what is wrong with a call's arguments."""
    return "\n".join(["Nothing was sent.", *(one_line(fault) for fault in faults)])


def describe(error: RotorError) -> str:
    """Say what went wrong, whether anything was done, and what to do next, but not what it cost."""
    match error:
        case NoKey():
            return f"Nothing was sent: {error.reason}. {WHERE_A_KEY_COMES_FROM}."
        case NotSent():
            return f"Nothing was sent: {error.reason}.{_next_step(error)}"
        case InvalidLead(fields=fields) if fields:
            named = "; ".join(f"{one_line(name)}: {one_line(what)}" for name, what in fields)
            return f"Rotor does not accept this, and nothing was written. {named}."
        case InvalidLead():
            return f"Rotor does not accept this, and nothing was written.{_in_rotors_words(error)}"
        case NotAuthorised(odd_key=odd_key):
            odd = f" {odd_key}." if odd_key else ""
            return (
                f"Rotor does not accept this API key (401). Nothing was done.{odd} {WHERE_A_KEY_COMES_FROM}."
            )
        case MissingScope():
            return _missing_scope(error)
        case NotFound():
            return (
                "Rotor has no lead with this id (404). search_leads finds leads by name, phone or e-mail; "
                "archived ones only with archived: include."
            )
        case QuotaExceeded():
            return (
                f"The requests of this API key are used up for today (429): Rotor allows {DAILY_LIMIT:,} "
                "a day, and the company's website forms may share them. Nothing was done. Try again tomorrow."
            )
        case Refused():
            more = _redirect(error) + _in_rotors_words(error)
            return f"Rotor refused this ({error.status}); nothing was done.{more}"
        case OutcomeUnknown():
            return (
                f"It is not known whether this was written: {error.reason}. This key could not look. "
                "Before sending it again, check in Rotor."
            )
        case Unanswered():
            return (
                f"Rotor gave no usable answer: {error.reason}. Nothing was changed, so it can be tried again."
            )
        case _:
            return f"Rotor could not be asked: {error.reason}."


def _next_step(error: NotSent) -> str:
    match error:
        case Misconfigured(cure=cure):
            return f" {cure}"
        case CallRejected():
            return ""
        case _:
            return " It is safe to try again."


def _missing_scope(error: MissingScope) -> str:
    if error.scope is None:
        return f"This API key may not do that (403).{_in_rotors_words(error)} Nothing was done."
    works = (
        " Entering leads with upsert_lead may still work: such keys exist, made only for creating leads."
        if error.scope.endswith(":read")
        else " Reading with search_leads and get_lead may still work."
    )
    return (
        f"This API key lacks the scope {one_line(error.scope)} (403), and nothing was done. "
        f"Whoever made it can make one with that scope in Rotor under Settings → Integrations.{works}"
    )


def _redirect(error: Refused) -> str:
    if 300 <= error.status < 400:
        return (
            " It points to another address, which is not followed because the key would go along: "
            "check ROTOR_BASE_URL."
        )
    return ""


def _in_rotors_words(error: Refused) -> str:
    return f' Rotor says: "{one_line(error.message)}".' if error.message else ""
