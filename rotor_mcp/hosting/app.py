"""Builds the Starlette application: MCP at /mcp behind the middleware, health checks, OAuth metadata."""

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
from rotor_mcp.hosting.access_log import AccessLogMiddleware
from rotor_mcp.hosting.auth import READ, SCOPES, BearerAuthMiddleware
from rotor_mcp.hosting.auth_jwt import JwtVerifier
from rotor_mcp.hosting.auth_token_file import TokenFileVerifier
from rotor_mcp.hosting.jsonrpc_middleware import JsonRpcMiddleware
from rotor_mcp.hosting.middleware import (
    MAX_BODY_BYTES,
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
"""Concurrent requests of a caller beyond its tool calls, such as those that list tools."""


def build_app(settings: Settings, host: HostSettings, tenants: TenantRegistry) -> Starlette:
    """Build the application. Several instances share state only through Redis.

    Raises:
        ConfigError: if a file of the settings cannot be used.
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
        # `HostOriginMiddleware` does this: the SDK compares exact text, and its errors name no setting.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    scopes = (READ,) if settings.read_only else SCOPES
    refusals = RefusalLog()
    endpoint: ASGIApp = PostOnlyMiddleware(
        ApiKeyHeaderMiddleware(BodyLimitMiddleware(JsonRpcMiddleware(AcceptHeaderMiddleware(protocol))))
    )
    endpoint = CallerConcurrencyMiddleware(endpoint, host.calls_at_once + SPARE_REQUESTS)
    token_file = host.open_file("token_file", TokenFileVerifier)
    verifiers: list[TokenVerifier] = [token_file] if token_file else []
    issuer = metadata_url = None
    if host.oauth_issuer is not None:
        issuer = JwtVerifier(host.oauth_issuer, host.audience or "", host.oauth_scope_claim)
        metadata_url = str(build_resource_metadata_url(_resource(host)))
        verifiers.append(issuer)
    if verifiers:
        endpoint = BearerAuthMiddleware(endpoint, verifiers, scopes, metadata_url, refusals)
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
            Route("/readyz", health.Readiness(tenants, host).answer),
            *_metadata(host, scopes),
            Route(PATH, endpoint),
        ],
        middleware=[
            Middleware(TrailingSlashMiddleware),
            Middleware(AccessLogMiddleware, log_probes=host.log_probes),
            *([Middleware(AllowedOriginsMiddleware, origins=host.page_origins)] if host.page_origins else []),
        ],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def _state_key(settings: Settings, host: HostSettings) -> bytes:
    """Return the key that seals the request state of an elicitation; every replica needs the same key."""
    if host.state_secret is not None:
        return hashlib.sha256(host.state_secret.get_secret_value().encode()).digest()
    if settings.key is not None:
        return hashlib.sha256(b"rotor-mcp request state " + settings.key.encode()).digest()
    return secrets.token_bytes(32)


def _address(url: str) -> AnyHttpUrl:
    """Return a URL without normalization: clients compare an issuer as exact text, with its last slash."""
    config = ConfigDict(url_preserve_empty_path=True)
    return TypeAdapter(AnyHttpUrl, config=config).validate_python(url)


def _resource(host: HostSettings) -> AnyHttpUrl:
    """Return the OAuth resource identifier of this server."""
    return _address(f"{host.public_url}{PATH}")


def _metadata(host: HostSettings, scopes: tuple[str, ...]) -> list[Route]:
    """Return the routes of the protected resource metadata (RFC 9728): for the path of the resource, and at
    the root."""
    if host.oauth_issuer is None:
        return []
    (document,) = create_protected_resource_routes(
        resource_url=_resource(host),
        authorization_servers=[_address(host.oauth_issuer)],
        scopes_supported=list(scopes),
        resource_name="Rotor leads",
    )
    at_root = Route(document.path.removesuffix(PATH), document.endpoint, methods=["GET", "OPTIONS"])
    return [document, at_root]
