"""The text of errors: what happened, whether anything was done, and what to do next. Pure."""

from rotor_mcp.errors import (
    CallError,
    CallRejected,
    InvalidArguments,
    InvalidLead,
    Misconfigured,
    MissingScope,
    NoKey,
    NotAuthorised,
    NotesTooLong,
    NotFound,
    NotSent,
    OutcomeUnknown,
    QuotaExceeded,
    Refused,
    RotorError,
    Throttled,
    TooManyRequests,
    Unanswered,
    UnclearId,
)
from rotor_mcp.sanitize import one_line
from rotor_mcp.tools.phrases import spent

DAILY_LIMIT = 1_000
WHERE_A_KEY_COMES_FROM = (
    "A key is made in Rotor under Settings → Integrations and begins with rotor_. Enter it in the settings "
    "of this server's extension or plugin, or as ROTOR_API_KEY in the env block of its entry in the client's "
    "configuration; restart the client afterwards"
)


def render_error(error: CallError, requests: int, where_the_key_is: str | None = None) -> str:
    """Return the text of the error of a call."""
    match error:
        case UnclearId(faults=faults) if requests:
            return "\n".join([f"Nothing was written. {spent(requests)}", *map(one_line, faults)])
        case InvalidArguments(faults=faults):
            return "\n".join(["Nothing was sent.", *map(one_line, faults)])
        case NotesTooLong():
            text = (
                f"Nothing was written. notes: {error}, beside what is there and the date. Shorten them, or "
                "put them in the place of the old ones with replace_notes."
            )
        case TooManyRequests(requests=needed, limit=limit, writes=writes):
            writing = f", {writes:,} of them for writing," if writes else " only to find out who is there"
            text = (
                f"Nothing was written: this would take {needed:,} requests{writing} of the {DAILY_LIMIT:,} a "
                f"day, and {limit:,} are allowed for one call. Send fewer rows at a time, or raise "
                "ROTOR_MCP_BATCH_REQUESTS; for long lists there is the command rotor-mcp import."
            )
        case NoKey() if where_the_key_is:
            text = f"Nothing was sent: there is no Rotor API key that can be used. {where_the_key_is}."
        case NotAuthorised() if where_the_key_is:
            text = f"Rotor does not accept the API key (401). Nothing was done. {where_the_key_is}."
        case RotorError():
            text = describe(error)
        case _:
            text = f"Nothing was done: {error}."
    return f"{text} {spent(requests)}"


def render_crash(kind: str, requests: int) -> str:
    """Return the text of an unexpected exception."""
    return (
        f"rotor-mcp has a fault of its own here ({kind}); its log on stderr has the details. "
        "If this was a write, look the lead up before sending it again. " + spent(requests)
    )


def describe(error: RotorError) -> str:
    """Return what went wrong, whether anything was done, and what to do next, without the cost."""
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
        case Throttled() | QuotaExceeded():
            return _too_many(error)
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


def _too_many(error: Throttled | QuotaExceeded) -> str:
    if isinstance(error, Throttled):
        return (
            "Rotor takes no more requests for the moment (429), and nothing was done. "
            f"Try again in {max(error.retry_after, 1):.0f} s."
        )
    return (
        f"The requests of this API key are used up for today (429): Rotor allows {DAILY_LIMIT:,} "
        "a day, and the company's website forms may share them. Nothing was done. Try again tomorrow."
    )


def _next_step(error: NotSent) -> str:
    match error:
        case Misconfigured(fix=fix):
            return f" {fix}"
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
