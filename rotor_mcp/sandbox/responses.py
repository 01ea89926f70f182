"""The bodies of responses: leads and errors."""

import html
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from rotor_mcp.api.models import READ_NAMES
from rotor_mcp.behavior import ASSUMED, Behavior
from rotor_mcp.sandbox import timestamps
from rotor_mcp.sandbox.api_keys import READ, WRITE
from rotor_mcp.sandbox.requests import Listing
from rotor_mcp.sandbox.store import StoredLead

Body = dict[str, Any]

MESSAGES = {True: "Lead created successfully", False: "Lead updated successfully"}
"""Whether the lead was created → the message. The message for an update is assumed."""


def lead(stored: StoredLead, behavior: Behavior = ASSUMED) -> Body:
    """Return a lead as reads return it."""
    formed = _formed(stored, behavior)
    body = {READ_NAMES.get(name, name): value for name, value in formed.items()}
    return _ordered(body | {"archived": stored["archived_at"] is not None})


def _formed(stored: StoredLead, behavior: Behavior = ASSUMED) -> StoredLead:
    """Return a lead whose values have the form that answers have."""
    formed = dict(stored)
    if behavior.id_case == "upper":
        formed["id"] = stored["id"].upper()
    if behavior.numbers == "texts":
        formed |= {
            name: f"{stored[name]:.2f}"
            for name in ("projected_value", "value_score")
            if stored[name] is not None
        }
    if due := stored["follow_up_date"]:
        formed["follow_up_date"] = timestamps.write_as(due, behavior.follow_up_output)
    return formed


def written_lead(stored: StoredLead, behavior: Behavior = ASSUMED, *, created: bool) -> Body:
    """Return a lead as writes return it: flat, with the names of reads and of writes."""
    body = _ordered(_formed(stored, behavior) | lead(stored, behavior))
    told = {"status": "success", "message": MESSAGES[created and behavior.write_status == "by_outcome"]}
    match behavior.write_reply:
        case "wrapped":
            return {"data": body} | told
        case "without_id":
            del body["id"]
        case "without_tags":
            del body["tags"]
    return body | told


def single_lead(stored: StoredLead, behavior: Behavior = ASSUMED) -> Body:
    """Return the body for one lead."""
    return {"data": lead(stored, behavior), "status": "success"}


def lead_page(
    stored: Iterable[StoredLead], total: int, listing: Listing, behavior: Behavior = ASSUMED
) -> Body:
    """Return the body for a page of leads."""
    body: Body = {"data": [lead(stored_lead, behavior) for stored_lead in stored], "status": "success"}
    if behavior.pagination == "missing":
        return body
    pagination: Body = {
        "has_more": listing.page * listing.limit < total,
        "limit": listing.limit,
        "page": listing.page,
    }
    if behavior.pagination != "without_total":
        pagination["total"] = str(total) if behavior.pagination == "total_as_text" else total
    return dict(sorted((body | {"pagination": pagination}).items()))


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


def burst_exceeded() -> Body:
    """Return the body of a 429: too many requests in a second."""
    return _error("Too many requests, please slow down", "TOO_MANY_REQUESTS")


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


def error_response(
    body: Body, status: int, behavior: Behavior, headers: Mapping[str, str] | None
) -> Response:
    """Return the response to a request that failed."""
    match behavior.error_body:
        case "html":
            page = f"<html><body><h1>{html.escape(body['message'])}</h1></body></html>"
            return HTMLResponse(page, status, headers)
        case "no_status":
            body = {name: value for name, value in body.items() if name != "status"}
        case "error_field":
            others = {name: value for name, value in body.items() if name not in ("status", "message")}
            body = {"error": body["message"]} | others
    return JSONResponse(body, status, headers)


def _ordered(body: Body) -> Body:
    """Return a body with the id first and the other fields by name, as in Rotor's reference."""
    return {"id": body["id"]} | dict(sorted(body.items()))
