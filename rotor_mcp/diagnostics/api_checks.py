"""Checks Rotor's API: the connection, the key's access and scopes, and the clocks."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from rotor_mcp import dates
from rotor_mcp.api.client import KeyAccess, LeadsClient
from rotor_mcp.api.pool import ConnectionPool
from rotor_mcp.config import environment_variable
from rotor_mcp.diagnostics.check import Check, crashed_check
from rotor_mcp.errors import (
    ConnectFailure,
    Misconfigured,
    MissingScope,
    NotAuthorised,
    NotFound,
    NotSent,
    QuotaExceeded,
    Refused,
    RotorError,
    Unanswered,
)
from rotor_mcp.tools import error_text
from rotor_mcp.tools.phrases import spent

READ_SCOPE = "leads:read"
"""From Rotor's message on a 403. The name of the scope for writing is not documented."""
CLOCK_TOLERANCE = timedelta(minutes=2)
"""Between the clocks. A larger difference can show leads as overdue on the wrong day."""

_LATER = "Check the network. If everything else can be reached, Rotor is down: try again later."
_ADDRESS = (
    f"Check {environment_variable('base_url')}, and whether a proxy or the login page of a network answers "
    "in Rotor's place."
)
_FIXES: dict[ConnectFailure, str] = {
    "name": f"Check the network and its name server, and {environment_variable('base_url')}.",
    "refusal": _ADDRESS,
    "certificate": "Check the date of this machine. If a company's proxy or a virus scanner reads along, its "
    "root certificate has to be in this system's store, or in a file that SSL_CERT_FILE names.",
    "tls": _ADDRESS,
    "silence": _LATER,
    "proxy": "Check whether that is the right proxy and whether it is up; if none is needed, unset the "
    "variable.",
}


async def run_checks(pool: ConnectionPool) -> AsyncIterator[Check]:
    """Yield the results of a request without the key, which no quota counts, and of one with it."""
    try:
        connection = await _check_connection(pool)
    except Exception as exc:
        connection = crashed_check("connection", exc)
    yield connection
    if connection.state == "failed":
        yield Check("access", "skipped", "there is no connection")
    elif pool.settings.key is None:
        yield Check("access", "skipped", "there is no key")
    else:
        try:
            checks = await check_access(pool)
        except Exception as exc:
            checks = [crashed_check("access", exc)]
        for check in checks:
            yield check


async def _check_connection(pool: ConnectionPool) -> Check:
    """Check the connection: Rotor refuses a request without a key with a known message."""
    host = pool.host
    try:
        await LeadsClient(pool, None).ping()
    except Misconfigured as exc:
        return Check("connection", "failed", exc.reason, exc.fix)
    except NotSent as exc:
        fix = _FIXES[exc.connect_failure] if exc.connect_failure else _LATER
        return Check("connection", "failed", exc.reason, fix)
    except Unanswered as exc:
        fix = _LATER if exc.status is None or exc.status >= 500 else _ADDRESS
        return Check("connection", "failed", exc.reason, fix)
    except Refused as exc:
        if not isinstance(exc, (NotAuthorised, QuotaExceeded)) or not exc.message:
            finding = f"{host} answers {exc.status}, but not as Rotor does"
            return Check("connection", "failed", finding, _ADDRESS)
    except RotorError as exc:
        return Check("connection", "failed", exc.reason, _ADDRESS)
    trusted = pool.networked and pool.settings.base_url.startswith("https:")
    return Check(
        "connection", "ok", f"{host} answers as Rotor does" + ", and its certificate is trusted" * trusted
    )


async def check_access(pool: ConnectionPool) -> list[Check]:
    """Check with one request whether Rotor accepts the key, the key's scopes, and the clock."""
    rotor = LeadsClient(pool, pool.settings.credentials)
    try:
        access = await rotor.access()
    except (NotFound, MissingScope):
        return [await _check_reading(rotor)]
    except RotorError as exc:
        return [_failed_access(exc, spent(rotor.requests))]
    clock = _check_clock(access)
    return [_check_scopes(access, spent(rotor.requests)), *([clock] if clock else [])]


async def _check_reading(rotor: LeadsClient) -> Check:
    """Check whether the key may read leads, where Rotor does not tell what it may do."""
    try:
        await rotor.list_leads(limit=1)
    except RotorError as exc:
        return _failed_access(exc, spent(rotor.requests))
    finding = "Rotor accepts the key for reading, and does not tell its scopes"
    return Check("access", "ok", f"{finding}. {spent(rotor.requests)}")


def _failed_access(exc: RotorError, spent_text: str) -> Check:
    match exc:
        case NotAuthorised():
            finding, fix = "Rotor does not accept this key (401)", f"{error_text.WHERE_A_KEY_COMES_FROM}."
        case QuotaExceeded():
            finding = "the requests of this key are used up for today (429)"
            fix = (
                f"Rotor allows {error_text.DAILY_LIMIT:,} a day, those of the company's website forms too. "
                "Try again tomorrow."
            )
        case Refused():
            finding, fix = exc.reason, error_text.describe(exc)
        case _:
            finding, fix = exc.reason, _LATER
    return Check("access", "failed", f"{finding}. {spent_text}", fix)


def _check_scopes(access: KeyAccess, spent_text: str) -> Check:
    accepted = f"Rotor accepts the key, with the scopes: {', '.join(access.scopes) or 'none named'}"
    if access.scopes and READ_SCOPE not in access.scopes:
        return Check(
            "access",
            "failed",
            f"{accepted}. Without {READ_SCOPE} leads can be neither searched nor read, and upsert_lead "
            f"writes without looking first. {spent_text}",
            f"In Rotor, under Settings → Integrations, make a key with the scope {READ_SCOPE}, and put it in "
            "the place of this one.",
        )
    if access.scopes and all(scope.endswith(":read") for scope in access.scopes):
        return Check(
            "access",
            "note",
            f"{accepted}. None seems to be for writing. {spent_text}",
            "If leads are to be entered, make a key that may. If not, "
            f"{environment_variable('read_only')}=true keeps the tools for it away from assistants.",
        )
    return Check("access", "ok", f"{accepted}. {spent_text}")


def _check_clock(access: KeyAccess) -> Check | None:
    """Compare the clocks; None if the form of Rotor's timestamp is unknown."""
    rotor_time = dates.local(access.timestamp or "", UTC)
    if not isinstance(rotor_time, datetime):
        return None
    ahead = datetime.now(UTC) - rotor_time
    if abs(ahead) <= CLOCK_TOLERANCE:
        return Check("clock", "ok", "as Rotor's")
    seconds = round(abs(ahead).total_seconds())
    return Check(
        "clock",
        "failed",
        f"{timedelta(seconds=seconds)} {'ahead of' if ahead > timedelta() else 'behind'} Rotor's",
        "Let this system set its time by itself: what is overdue is judged by it.",
    )
