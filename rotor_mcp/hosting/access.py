"""Access control for calls over HTTP: scopes, Rotor API keys, rate limits and budgets."""

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from contextvars import ContextVar

import anyio
from mcp.server.auth.middleware.auth_context import get_access_token

from rotor_mcp.config import is_sendable
from rotor_mcp.errors import CallRejected, PermissionDenied
from rotor_mcp.hosting.audit import Audit
from rotor_mcp.hosting.auth import READ, WRITE
from rotor_mcp.hosting.callers import JWT_PREFIX, caller_of, full_name
from rotor_mcp.hosting.rate_limits import Budgets, RateLimiter, Reservation
from rotor_mcp.hosting.reloading_file import FileUnavailable, ReloadingFile
from rotor_mcp.hosting.settings import HostSettings
from rotor_mcp.server.access import AccessControl, AdmittedCall
from rotor_mcp.tenants import Tenant, TenantRegistry

KEY_HEADER = "x-rotor-api-key"
MAX_UPSERT_REQUESTS = 6
"""Requests that one `upsert_lead` may send: 3, and 3 more to find out the outcome after a lost reply."""

_KEY_LOCATIONS = {
    "server": "It is this server's key: whoever runs the server can renew it",
    "file": "It is the key that this server keeps for you: whoever runs the server can renew it",
    "header": f"It is the key that you send in the header {KEY_HEADER}; one is made in Rotor under "
    "Settings → Integrations and begins with rotor_",
}

request_api_key: ContextVar[str | None] = ContextVar("request_api_key", default=None)
"""The Rotor key in the header of the current request."""


class HostedAccessControl(AccessControl):
    """Admits the calls that the operator's settings allow."""

    def __init__(self, tenants: TenantRegistry, settings: HostSettings) -> None:
        """Open the audit log and the key file.

        Raises:
            ConfigError: if one of them cannot be used.
        """
        audit = settings.open_file("audit_file", Audit)
        super().__init__(tenants, [audit] if audit else [])
        self.uniform_access = not settings.requires_auth
        self._settings = settings
        self._keys = settings.open_file("key_file", lambda file: ReloadingFile(file, parse_keys))
        self._rate_limiter = RateLimiter(settings.calls_at_once, settings.calls_per_minute)
        server_settings = tenants.pool.settings
        self._budgets = Budgets(settings.daily_requests, tenants.state_factory, server_settings.timeout)
        self._max_requests = {
            "upsert_lead": MAX_UPSERT_REQUESTS,
            "upsert_leads": server_settings.batch_requests,
            "search_leads": server_settings.search_requests,
            "get_lead": 1,
        }

    def allows(self, *, writing: bool) -> bool:
        """Whether the current caller has the scope to write, or to read."""
        token = get_access_token()
        return not self._settings.requires_auth or (
            token is not None and (WRITE if writing else READ) in token.scopes
        )

    async def _authorize(self, stack: AsyncExitStack, *, writing: bool, tool: str | None) -> AdmittedCall:
        if not self.allows(writing=writing):
            raise PermissionDenied(
                f"your access token lacks the scope {WRITE if writing else READ}; "
                "whoever gave you the token can grant it"
            )
        caller = caller_of(get_access_token())
        tenant = self._tenant(caller)
        stack.callback(self.tenants.leave, tenant)
        stack.enter_context(self._rate_limiter.hold(caller))
        max_requests = self._max_requests.get(tool or "", tenant.pool.settings.search_requests)
        reservation = await self._budgets.reserve(caller, max_requests)
        notice = reservation.notice if reservation else None
        admitted = AdmittedCall(
            tenant, self.questions, caller, notice, _KEY_LOCATIONS[self._settings.key_from]
        )
        if reservation is not None:
            stack.push_async_callback(self._settle, reservation, admitted)
        return admitted

    async def _settle(self, reservation: Reservation, admitted: AdmittedCall) -> None:
        """Count the requests of a call, even if it was cancelled."""
        with anyio.CancelScope(shield=True):
            await self._budgets.settle(reservation, admitted.summary.requests if admitted.summary else 0)

    def _tenant(self, caller: str) -> Tenant:
        """Return the tenant of the caller's Rotor key. A caller's own key never falls back to another key.

        Raises:
            CallRejected: if the caller has no usable key.
        """
        match self._settings.key_from:
            case "server":
                return self.tenants.default
            case "file":
                try:
                    key = (self._keys.read() if self._keys else {}).get(caller)
                except FileUnavailable:
                    raise CallRejected(
                        "this server cannot read its file of Rotor keys; whoever runs it finds the reason in "
                        "its log. Try again in a minute"
                    ) from None
                if key is None:
                    raise CallRejected("this server knows no Rotor key of yours; whoever runs it can add one")
            case "header":
                key = request_api_key.get()
                if key is None:
                    raise CallRejected(f"send your Rotor API key along, in the header {KEY_HEADER}")
                if not is_sendable(key):
                    raise CallRejected(f"what came in the header {KEY_HEADER} is no API key")
        return self.tenants.for_key(key)


def parse_keys(text: str) -> Mapping[str, str]:
    """Parse a key file, a JSON object of caller → key. Returns full caller name → key.

    Raises:
        ValueError: if the text is invalid. The message contains nothing of it.
    """
    try:
        keys = json.loads(text)
    except (ValueError, RecursionError):  # RecursionError: nested too deeply
        raise ValueError("is not JSON") from None
    if not isinstance(keys, dict) or not all(
        isinstance(key, str) and is_sendable(key) for key in keys.values()
    ):
        raise ValueError('must be an object of callers and keys, such as {"token:ann": "rotor_…"}')
    by_caller = {full_name(name): key for name, key in keys.items()}
    if len(by_caller) < len(keys):
        raise ValueError(f"holds a subject twice, with and without {JWT_PREFIX} before it")
    return by_caller
