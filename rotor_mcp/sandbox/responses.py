"""The bodies of responses: leads and errors."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from rotor_mcp.api.models import READ_NAMES
from rotor_mcp.sandbox.api_keys import READ, WRITE
from rotor_mcp.sandbox.requests import Listing
from rotor_mcp.sandbox.store import StoredLead

Body = dict[str, Any]

MESSAGES = {True: "Lead created successfully", False: "Lead updated successfully"}
"""Whether the lead was created → the message. The message for an update is assumed."""


def lead(stored: StoredLead) -> Body:
    """Return a lead as reads return it."""
    body = {READ_NAMES.get(name, name): value for name, value in stored.items()}
    return _ordered(body | {"archived": stored["archived_at"] is not None})


def written_lead(stored: StoredLead, *, created: bool) -> Body:
    """Return a lead as writes return it: flat, with the names of reads and of writes."""
    return _ordered(stored | lead(stored)) | {"status": "success", "message": MESSAGES[created]}


def single_lead(stored: StoredLead) -> Body:
    """Return the body for one lead."""
    return {"data": lead(stored), "status": "success"}


def lead_page(stored: Iterable[StoredLead], total: int, listing: Listing) -> Body:
    """Return the body for a page of leads."""
    return {
        "data": [lead(stored_lead) for stored_lead in stored],
        "pagination": {
            "has_more": listing.page * listing.limit < total,
            "limit": listing.limit,
            "page": listing.page,
            "total": total,
        },
        "status": "success",
    }


def authenticated(scopes: Iterable[str], company_id: str, timestamp: str) -> Body:
    """Return the body for a valid key."""
    return {
        "status": "success",
        "message": "Authentication successful",
        "authenticated": True,
        "company_id": company_id,
        "user_id": None,
        "auth_method": "api_key",
        "scopes": list(scopes),
        "timestamp": timestamp,
    }


def invalid(errors: Iterable[tuple[str, str]]) -> Body:
    """Return the body of a 400 that names the invalid fields."""
    listed = [{"field": field, "message": message} for field, message in errors]
    return {"status": "error", "message": "Validation failed", "errors": listed}


def unauthenticated() -> Body:
    """Return the body of a 401: no key, or an unknown one."""
    return _error("Authentication required. Provide x-api-key header.", "AUTHENTICATION_REQUIRED")


def forbidden(scope: str) -> Body:
    """Return the body of a 403: the key lacks this scope."""
    return _error(f"Forbidden: required scope '{scope}' not granted for this API key", "INSUFFICIENT_SCOPE")


def quota_exceeded(quota: int) -> Body:
    """Return the body of a 429: the key has spent its quota."""
    return _error(f"Daily API key request limit of {quota} exceeded", "RATE_LIMIT_EXCEEDED")


def error(status: int) -> Body:
    """Return the body of an error with its standard phrase only: 404, 500 and those not in the reference."""
    known = status in HTTPStatus.__members__.values()
    return _error(HTTPStatus(status).phrase.capitalize() if known else "Error")


def typical_error(status: int, method: str, quota: int) -> Body:
    """Return an example of the body of an error status."""
    match status:
        case 400:
            return invalid([("email", "Invalid email format")])
        case 401:
            return unauthenticated()
        case 403:
            return forbidden(WRITE if method == "POST" else READ)
        case 429:
            return quota_exceeded(quota)
        case _:
            return error(status)


def _error(message: str, code: str | None = None) -> Body:
    body = {"status": "error", "message": message}
    return body | {"error_code": code} if code else body


def _ordered(body: Body) -> Body:
    """Return a body with the id first and the other fields by name, as in Rotor's reference."""
    return {"id": body["id"]} | dict(sorted(body.items()))
