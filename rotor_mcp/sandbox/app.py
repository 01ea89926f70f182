"""The endpoints of the Leads API as a Starlette application.

Every request is checked in this order: key (401), quota (429), version (400), scope (403).
`ASSUMPTIONS.md` lists what the reference leaves open.
"""

import logging
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from typing import Any

from anyio import to_thread
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rotor_mcp.behavior import Behavior
from rotor_mcp.dates import Clock
from rotor_mcp.sandbox import openapi, requests, responses, timestamps
from rotor_mcp.sandbox.api_keys import READ, WRITE, key_id
from rotor_mcp.sandbox.burst_limit import BurstLimit
from rotor_mcp.sandbox.delayed_reads import DelayedReads
from rotor_mcp.sandbox.faults import BASE_PATH, Fault, FaultInjector, Faults
from rotor_mcp.sandbox.store import Store, UnknownLead

API_VERSION = "1.1.0"
COMPANY_ID = "6f0b6a1e-5d0c-4d5f-9a52-3c1f8e7b2a94"
"""The company of all keys."""

logger = logging.getLogger(__name__)


class Rejection(Exception):
    """A request ends with this status and body."""

    def __init__(self, status: int, body: responses.Body, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers


@dataclass(frozen=True)
class LeadsApi:
    """The endpoints of the API."""

    store: Store
    reads: Store | DelayedReads
    keys: Mapping[str, tuple[str, ...]]
    quota: int
    now: Clock
    behavior: Behavior
    burst: BurstLimit

    async def test_authentication(self, request: Request) -> Response:
        """`GET /auth/test`, for a key with any scope."""
        scopes = await self._authenticate(request)
        match self.behavior.auth_test:
            case "missing":
                raise HTTPException(404)
            case "forbidden":
                raise Rejection(403, responses.forbidden("auth:test"))
        timestamp = timestamps.format_utc(self.now().replace(microsecond=0))
        return JSONResponse(responses.authenticated(scopes, COMPANY_ID, timestamp))

    async def leads(self, request: Request) -> Response:
        """`/leads`: list, or create and update."""
        return await (self._upsert if request.method == "POST" else self._list)(request)

    async def get_lead(self, request: Request) -> Response:
        """`GET /leads/{id}`."""
        await self._authenticate(request, READ)
        lead_id = requests.parse_id(request.path_params["id"])
        lead = await to_thread.run_sync(self.reads.get, lead_id) if lead_id else None
        if lead is None:
            raise HTTPException(404)
        return JSONResponse(responses.single_lead(lead, self.behavior))

    async def _list(self, request: Request) -> Response:
        await self._authenticate(request, READ)
        listing = requests.parse_listing(request.query_params, self.behavior)
        leads, total = await to_thread.run_sync(self.reads.page, listing)
        return JSONResponse(responses.lead_page(leads, total, listing, self.behavior))

    async def _upsert(self, request: Request) -> Response:
        await self._authenticate(request, WRITE)
        lead_input = requests.parse_lead(await _json_body(request), self.behavior)
        try:
            written = await to_thread.run_sync(self.store.upsert, lead_input, self.now())
        except UnknownLead:
            raise HTTPException(404) from None
        if isinstance(self.reads, DelayedReads):
            self.reads.write(written.lead)
        body = responses.written_lead(written.lead, self.behavior, created=written.created)
        created = written.created and self.behavior.write_status == "by_outcome"
        return JSONResponse(body, 201 if created else 200)

    async def _authenticate(self, request: Request, scope: str | None = None) -> tuple[str, ...]:
        """Check a request's key, quota, version and scope, and count it. Returns the scopes of its key."""
        key = request.headers.get("x-api-key", "")
        scopes = self.keys.get(key)
        if scopes is None:
            raise Rejection(401, responses.unauthenticated())
        today = self.now().astimezone(UTC).date()
        if not await to_thread.run_sync(self.store.count_request, key_id(key), today, self.quota):
            raise Rejection(429, responses.quota_exceeded(self.quota))
        if self.behavior.burst_limit == "per_second" and not self.burst.admit():
            raise Rejection(429, responses.burst_exceeded(), {"retry-after": "1"})
        required = self.behavior.version_header == "required"
        if required and request.headers.get("rotor-api-version") != API_VERSION:
            raise requests.InvalidInput([("rotor-api-version", f"Required header: expected {API_VERSION}")])
        if scope is not None and scope not in scopes:
            raise Rejection(403, responses.forbidden(scope))
        return scopes


def build_app(
    store: Store,
    reads: Store | DelayedReads,
    *,
    behavior: Behavior,
    keys: Mapping[str, tuple[str, ...]],
    quota: int,
    now: Clock,
    faults: Faults,
    request_log: list[str],
) -> Starlette:
    """Build the application: routes, fault injection and error responses."""
    api = LeadsApi(store, reads, keys, quota, now, behavior, BurstLimit())

    async def document(_: Request) -> Response:
        return JSONResponse(openapi.build_document(BASE_PATH, API_VERSION, quota))

    async def control_faults(request: Request) -> Response:
        if request.method == "DELETE":
            faults.clear()
            return Response(status_code=204)
        try:
            fault = Fault.model_validate(await _json_body(request))
        except ValidationError as exc:
            raise requests.invalid_input(exc) from None
        faults.add(fault)
        return JSONResponse(fault.model_dump(), 201)

    app = Starlette(
        routes=[
            Route(f"{BASE_PATH}/auth/test", api.test_authentication),
            Route(f"{BASE_PATH}/leads", api.leads, methods=["GET", "POST"]),
            Route(f"{BASE_PATH}/leads/{{id}}", api.get_lead),
            # Not part of Rotor's API, so they need no key.
            Route("/openapi.json", document),
            Route("/sandbox/faults", control_faults, methods=["POST", "DELETE"]),
        ],
        middleware=[Middleware(FaultInjector, faults=faults, request_log=request_log, quota=quota)],
        exception_handlers=dict.fromkeys(_HANDLED_ERRORS, partial(_error_response, behavior)),
    )
    app.router.redirect_slashes = False
    return app


async def _json_body(request: Request) -> dict[str, Any]:
    """Parse the body if its content type is JSON.

    Without a preflight request, a web page can post other content types to a port of this machine.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise requests.InvalidInput([("content-type", "Expected application/json")])
    return requests.parse_json(await request.body())


_HANDLED_ERRORS = (Rejection, requests.InvalidInput, HTTPException, sqlite3.Error, Exception)
"""Exceptions that become error responses. `Exception` is also raised again, for the server to log."""


async def _error_response(behavior: Behavior, _: Request, exc: Exception) -> Response:
    body, status, headers = responses.error(500), 500, None
    match exc:
        case Rejection():
            body, status, headers = exc.body, exc.status, exc.headers
        case requests.InvalidInput():
            body, status = responses.invalid(exc.errors), int(behavior.invalid_status)
        case HTTPException():
            body, status, headers = responses.error(exc.status_code), exc.status_code, exc.headers
        case sqlite3.Error():
            logger.error("the sandbox's store failed", exc_info=exc)
    return responses.error_response(body, status, behavior, headers)
