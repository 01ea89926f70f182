"""The web application: the protocol at /mcp, behind a door, and what load balancers ask for."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.server.mcpserver import RequestStateSecurity
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl, ConfigDict, TypeAdapter
from starlette.applications import Starlette
from starlette.authentication import AuthenticationError
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from rotor_mcp.config import Settings
from rotor_mcp.hosting import health
from rotor_mcp.hosting.desk import Desk
from rotor_mcp.hosting.doorway import LARGEST_BODY, AccessLog, KeyFromHeader, WholeBody
from rotor_mcp.hosting.issuer import Issuer
from rotor_mcp.hosting.scopes import SCOPES
from rotor_mcp.hosting.settings import PATH, HostSettings
from rotor_mcp.hosting.tokens import FileTokens
from rotor_mcp.server import build_server
from rotor_mcp.workplaces import Workplaces


def build_app(settings: Settings, host: HostSettings, workplaces: Workplaces) -> Starlette:
    """Build the application. It has no state that a second one would have to share, but for Redis.

    Args:
        settings: of the server.
        host: what is particular to HTTP.
        workplaces: where calls work; closed with the application.

    Raises:
        OSError: if a file of the settings cannot be read or written.
        ValueError: if one does not hold what it should.
    """
    server = build_server(
        settings,
        reception=Desk(workplaces, host),
        request_state_security=RequestStateSecurity(keys=[_state_key(settings, host)]),
    )
    protocol = server.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        max_request_body_size=LARGEST_BODY,
        transport_security=TransportSecuritySettings(allowed_hosts=host.hosts, allowed_origins=host.origins),
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with protocol.router.lifespan_context(protocol):
            yield

    return Starlette(
        routes=[
            Route("/healthz", health.alive),
            Route("/readyz", health.Readiness(workplaces.pool).answer),
            *_metadata(host),
            Mount("/", _behind_a_door(KeyFromHeader(WholeBody(protocol)), host)),
        ],
        middleware=[Middleware(AccessLog), *_cross_origin(host)],
        lifespan=lifespan,
    )


def _state_key(settings: Settings, host: HostSettings) -> bytes:
    """What seals the state of a call that waits for an answer, which may come to another replica."""
    if host.state_secret is not None:
        return hashlib.sha256(host.state_secret.get_secret_value().encode()).digest()
    if settings.key is not None:
        return hashlib.sha256(b"rotor-mcp request state " + settings.key.encode()).digest()
    return secrets.token_bytes(32)


class _Verifiers:
    """Takes a token that one of several knows."""

    def __init__(self, verifiers: Sequence[TokenVerifier]) -> None:
        self._verifiers = verifiers

    async def verify_token(self, token: str) -> AccessToken | None:
        for verifier in self._verifiers:
            if (known := await verifier.verify_token(token)) is not None:
                return known
        return None


def _behind_a_door(app: ASGIApp, host: HostSettings) -> ASGIApp:
    """Let nobody through who does not show a good token, if the settings ask for tokens."""
    verifiers: list[TokenVerifier] = []
    if host.token_file is not None:
        verifiers.append(FileTokens(host.token_file))
    resource = None
    if host.oauth_issuer is not None:
        resource = build_resource_metadata_url(_address(_resource(host)))
        verifiers.append(Issuer(host.oauth_issuer, host.audience or ""))
    if not verifiers:
        return app
    door = AuthContextMiddleware(RequireAuthMiddleware(app, [], resource))
    return AuthenticationMiddleware(door, BearerAuthBackend(_Verifiers(verifiers)), on_error=_no_issuer)


def _no_issuer(_: HTTPConnection, exc: AuthenticationError) -> Response:
    return JSONResponse({"error": str(exc)}, 503, {"retry-after": "10"})


def _address(url: str) -> AnyHttpUrl:
    """A web address as it is written: clients compare an issuer's letter by letter, the last slash too."""
    kept = ConfigDict(url_preserve_empty_path=True)
    return TypeAdapter(AnyHttpUrl, config=kept).validate_python(url)


def _resource(host: HostSettings) -> str:
    """How this server is called as a resource of OAuth."""
    return f"{host.public_url}{PATH}"


def _metadata(host: HostSettings) -> list[BaseRoute]:
    """Where clients learn whom to ask for a token."""
    if host.oauth_issuer is None:
        return []
    return list(
        create_protected_resource_routes(
            resource_url=_address(_resource(host)),
            authorization_servers=[_address(host.oauth_issuer)],
            scopes_supported=list(SCOPES),
            resource_name="Rotor leads",
        )
    )


def _cross_origin(host: HostSettings) -> list[Middleware]:
    """What browsers want to hear before they let a web page call."""
    if not host.allowed_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=host.allowed_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["mcp-session-id", "www-authenticate"],
        )
    ]
