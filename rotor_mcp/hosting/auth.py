"""Bearer authentication (RFC 6750) of HTTP requests, and the scopes of a caller."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken, TokenVerifier
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from rotor_mcp.hosting.callers import caller_of
from rotor_mcp.hosting.refusal_log import RefusalLog
from rotor_mcp.log_events import log_fields

READ = "leads:read"
WRITE = "leads:write"
SCOPES = (READ, WRITE)
SCOPE_CLAIMS = ("scope", "scp", "permissions", "roles")
"""Claims in which issuers put scopes. Only the first that grants one of `SCOPES` is used: what a client
requested (`scope`, `scp`) is narrower than everything a user may do (`permissions`, `roles`)."""

_NOT_QUOTABLE = re.compile(r"[^ !#-\[\]-~]")
"""Characters that RFC 6750 does not allow in `error_description`."""


class InvalidToken(Exception):
    """An access token is not accepted. The text, for caller and log, contains nothing of the token."""


class TokensUnavailable(Exception):
    """Access tokens cannot be verified at the moment."""


class BearerAuthMiddleware:
    """Passes on requests with a valid access token that has one of the scopes; else 401, 403 or 503.

    The responses follow RFC 6750 and RFC 9728.
    """

    def __init__(
        self,
        app: ASGIApp,
        verifiers: Sequence[TokenVerifier],
        scopes: Sequence[str],
        resource_metadata: str | None,
        refusals: RefusalLog,
    ) -> None:
        """Wrap an application.

        Args:
            app: handles the requests that are passed on.
            verifiers: asked in turn until one accepts the token. They raise `InvalidToken` or
                `TokensUnavailable`.
            scopes: a token needs at least one of them. The first is named to callers who have none.
            resource_metadata: URL of the protected resource metadata (RFC 9728).
            refusals: logs refused requests.
        """
        self._app = AuthContextMiddleware(app)
        self._verifiers = verifiers
        self._scopes = scopes
        self._resource_metadata = resource_metadata
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        token = _bearer_token(Headers(scope=scope))
        if token is None:
            answer = self._challenge(401, "invalid_token", "Authentication required")
            await answer(scope, receive, send)
            return
        try:
            access = await self._verify(token)
        except InvalidToken as exc:
            self._refusals.note(str(exc))
            await self._challenge(401, "invalid_token", str(exc))(scope, receive, send)
            return
        except TokensUnavailable as exc:
            self._refusals.note(str(exc))
            await JSONResponse({"error": str(exc)}, 503, {"retry-after": "10"})(scope, receive, send)
            return
        if not set(self._scopes) & set(access.scopes):
            lacking = f"lacks the scope {self._scopes[0]}"
            if len(self._scopes) > 1:
                lacking = f"has none of the scopes {' and '.join(self._scopes)}"
            description = f"the access token {lacking}"
            if self._resource_metadata:
                description += "; ROTOR_MCP_OAUTH_SCOPE_CLAIM says which claim holds them"
            self._refusals.note(description)
            answer = self._challenge(403, "insufficient_scope", description, scope=self._scopes[0])
            await answer(scope, receive, send)
            return
        scope["user"] = AuthenticatedUser(access)
        log_fields.set({**log_fields.get(), "caller": caller_of(access)})
        await self._app(scope, receive, send)

    async def _verify(self, token: str) -> AccessToken:
        failure: Exception = InvalidToken("the access token is not known")
        for verifier in self._verifiers:
            try:
                access = await verifier.verify_token(token)
            except (InvalidToken, TokensUnavailable) as exc:
                if not isinstance(failure, TokensUnavailable):
                    failure = exc
            else:
                if access is not None:
                    return access
        raise failure

    def _challenge(self, status: int, error: str, description: str, **extra: str) -> JSONResponse:
        parameters = {"error": error, **extra, "error_description": description}
        if self._resource_metadata:
            parameters["resource_metadata"] = self._resource_metadata
        quoted = ", ".join(f'{name}="{_NOT_QUOTABLE.sub("?", value)}"' for name, value in parameters.items())
        body = {"error": error, "error_description": description}
        return JSONResponse(body, status, {"www-authenticate": f"Bearer {quoted}"})


def _bearer_token(headers: Headers) -> str | None:
    """Return the access token of a request; None if it has none or several."""
    values = headers.getlist("authorization")
    if len(values) != 1:
        return None
    scheme, _, token = values[0].strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def granted_scopes(claims: Mapping[str, Any], claim: str | None = None) -> list[str]:
    """Return those of `SCOPES` that a token grants."""
    for name in SCOPE_CLAIMS if claim is None else (claim,):
        words = _words(_find_claim(claims, name))
        if granted := [scope for scope in SCOPES if scope in words]:
            return granted
    return []


def _find_claim(claims: Mapping[str, Any], name: str) -> object:
    """Return a claim by its name, or by a path with dots. Names may contain dots themselves."""
    if name in claims:
        return claims[name]
    for position, character in enumerate(name):
        inner = claims.get(name[:position]) if character == "." else None
        if isinstance(inner, Mapping) and (found := _find_claim(inner, name[position + 1 :])) is not None:
            return found
    return None


def _words(value: object) -> set[str]:
    """Return the words of a claim: a text separated by blanks or commas, or a list of such texts."""
    texts = value if isinstance(value, list) else [value]
    return {word for text in texts if isinstance(text, str) for word in text.replace(",", " ").split()}
