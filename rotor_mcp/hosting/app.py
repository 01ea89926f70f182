"""The web application: the protocol at /mcp, behind a door, and what load balancers ask for."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.server.mcpserver import RequestStateSecurity
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl, ConfigDict, TypeAdapter
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp

from rotor_mcp.config import Settings
from rotor_mcp.hosting import health
from rotor_mcp.hosting.accept_header import AcceptHeaderMiddleware
from rotor_mcp.hosting.access import HostedAccessControl
from rotor_mcp.hosting.auth import READ, SCOPES, BearerAuthMiddleware
from rotor_mcp.hosting.auth_jwt import JwtVerifier
from rotor_mcp.hosting.auth_token_file import TokenFileVerifier
from rotor_mcp.hosting.jsonrpc_middleware import JsonRpcMiddleware
from rotor_mcp.hosting.middleware import (
    MAX_BODY_BYTES,
    AccessLogMiddleware,
    AllowedOriginsMiddleware,
    ApiKeyHeaderMiddleware,
    BodyLimitMiddleware,
    CallerConcurrencyMiddleware,
    HostOriginMiddleware,
    PostOnlyMiddleware,
    TrailingSlashMiddleware,
)
from rotor_mcp.hosting.refusal_log import RefusalLog
from rotor_mcp.hosting.settings import PATH, HostSettings
from rotor_mcp.server.mcp_server import build_server
from rotor_mcp.tenants import TenantRegistry

SPARE_REQUESTS = 24
"""Requests that a caller may have under way beside its calls of tools, such as those that list tools."""


def build_app(settings: Settings, host: HostSettings, tenants: TenantRegistry) -> Starlette:
    """Build the application. It has no state that a second one would have to share, but for Redis.

    Raises:
        OSError: if a file of the settings cannot be read or written.
        ValueError: if one does not hold what it should.
    """
    server = build_server(
        settings,
        access=HostedAccessControl(tenants, host),
        request_state_security=RequestStateSecurity(keys=[_state_key(settings, host)]),
    )
    protocol = server.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        max_request_body_size=MAX_BODY_BYTES,
        # `HostOriginMiddleware` does this: the SDK compares letter by letter and does not say what to change.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    scopes = (READ,) if settings.read_only else SCOPES
    refusals = RefusalLog()
    endpoint: ASGIApp = PostOnlyMiddleware(
        ApiKeyHeaderMiddleware(BodyLimitMiddleware(JsonRpcMiddleware(AcceptHeaderMiddleware(protocol))))
    )
    endpoint = CallerConcurrencyMiddleware(endpoint, host.calls_at_once + SPARE_REQUESTS)
    issuer = None
    if host.oauth_issuer is not None:
        issuer = JwtVerifier(host.oauth_issuer, host.audience or "", host.oauth_scope_claim)
    endpoint = _authenticated(endpoint, host, issuer, scopes, refusals)
    endpoint = HostOriginMiddleware(endpoint, host.hosts, host.origins, refusals)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as closing:
            if issuer is not None:
                closing.push_async_callback(issuer.aclose)
            await closing.enter_async_context(protocol.router.lifespan_context(protocol))
            yield

    app = Starlette(
        routes=[
            Route("/healthz", health.alive),
            Route("/readyz", health.Readiness(tenants.pool, tenants.state_factory).answer),
            *_metadata(host, scopes),
            Route(PATH, endpoint),
        ],
        middleware=[
            Middleware(TrailingSlashMiddleware),
            Middleware(AccessLogMiddleware),
            *_cross_origin(host),
        ],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def _state_key(settings: Settings, host: HostSettings) -> bytes:
    """What seals the state of a call that waits for an answer, which may come to another replica."""
    if host.state_secret is not None:
        return hashlib.sha256(host.state_secret.get_secret_value().encode()).digest()
    if settings.key is not None:
        return hashlib.sha256(b"rotor-mcp request state " + settings.key.encode()).digest()
    return secrets.token_bytes(32)


def _authenticated(
    app: ASGIApp,
    host: HostSettings,
    issuer: JwtVerifier | None,
    scopes: tuple[str, ...],
    refusals: RefusalLog,
) -> ASGIApp:
    """Let nobody through who does not show a good token, if the settings ask for tokens."""
    verifiers: list[TokenVerifier] = []
    if host.token_file is not None:
        verifiers.append(TokenFileVerifier(host.token_file))
    resource = None
    if issuer is not None:
        resource = str(build_resource_metadata_url(_address(_resource(host))))
        verifiers.append(issuer)
    return BearerAuthMiddleware(app, verifiers, scopes, resource, refusals) if verifiers else app


def _address(url: str) -> AnyHttpUrl:
    """A web address as it is written: clients compare an issuer's letter by letter, the last slash too."""
    kept = ConfigDict(url_preserve_empty_path=True)
    return TypeAdapter(AnyHttpUrl, config=kept).validate_python(url)


def _resource(host: HostSettings) -> str:
    """How this server is called as a resource of OAuth."""
    return f"{host.public_url}{PATH}"


def _metadata(host: HostSettings, scopes: tuple[str, ...]) -> list[Route]:
    """Where clients learn whom to ask for a token: below the path of the resource, and at the root."""
    if host.oauth_issuer is None:
        return []
    (document,) = create_protected_resource_routes(
        resource_url=_address(_resource(host)),
        authorization_servers=[_address(host.oauth_issuer)],
        scopes_supported=list(scopes),
        resource_name="Rotor leads",
    )
    at_root = Route(document.path.removesuffix(PATH), document.endpoint, methods=["GET", "OPTIONS"])
    return [document, at_root]


def _cross_origin(host: HostSettings) -> list[Middleware]:
    """What browsers want to hear before they let a web page call."""
    if not host.page_origins:
        return []
    return [Middleware(AllowedOriginsMiddleware, origins=host.page_origins)]
