"""An identity provider over real HTTP: what a resource server sees of one, and tokens, good and bad."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.hosting.serving import on_port

PUBLIC_URL = "https://rotor.example.com"
AUDIENCE = f"{PUBLIC_URL}/mcp"


class Keys:
    """An issuer's key pairs."""

    def __init__(self) -> None:
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())

    def public(self) -> list[dict[str, Any]]:
        return [
            {
                **RSAAlgorithm.to_jwk(self.rsa.public_key(), as_dict=True),
                "kid": "r1",
                "alg": "RS256",
                "use": "sig",
            },
            {**ECAlgorithm.to_jwk(self.ec.public_key(), as_dict=True), "kid": "e1", "use": "sig"},
            {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "kid": "o1", "alg": "HS256"},
        ]


@dataclass
class TestIssuer:
    """A running issuer."""

    __test__ = False

    url: str = ""
    keys: Keys = field(default_factory=Keys)
    asked: list[str] = field(default_factory=list)
    away: bool = False
    """Whether it answers nothing but errors."""

    def token(
        self, *, key: Any = None, algorithm: str = "RS256", kid: str | None = "r1", **claims: Any
    ) -> str:
        """Make a token that is good but for what is said."""
        now = int(time.time())
        whole = {
            "iss": self.url,
            "sub": "auth0|7",
            "aud": AUDIENCE,
            "client_id": "assistant",
            "scope": "openid leads:read leads:write",
            "iat": now,
            "exp": now + 600,
        } | claims
        headers = {} if kid is None else {"kid": kid}
        given = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(given, key or self.keys.rsa, algorithm=algorithm, headers=headers)


@asynccontextmanager
async def issuing() -> AsyncIterator[TestIssuer]:
    """Run an issuer for the length of a block."""
    issuer = TestIssuer()

    def noted(answer: Any) -> Any:
        async def endpoint(request: Request) -> Response:
            issuer.asked.append(request.url.path)
            return Response(status_code=503) if issuer.away else JSONResponse(answer())

        return endpoint

    described = noted(lambda: {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"})
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", described),
            Route("/keys", noted(lambda: {"keys": issuer.keys.public()})),
        ]
    )
    async with on_port(app) as url:
        issuer.url = url
        yield issuer
