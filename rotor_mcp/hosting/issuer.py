"""Who calls, by an access token of an identity provider: a JWT, checked against the issuer's keys (JWKS).

This server is an OAuth 2.1 resource server: it trusts one issuer, and takes only tokens made for it.
"""

import logging
import math
import time
from typing import Any

import anyio
import httpx2
import jwt
from mcp.server.auth.provider import AccessToken
from starlette.authentication import AuthenticationError

from rotor_mcp.config import is_loopback
from rotor_mcp.errors import Misconfigured
from rotor_mcp.hosting.scopes import SCOPES
from rotor_mcp.hosting.tokens import PREFIX
from rotor_mcp.http_client import open_client

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Signatures with a private key. With a shared secret, or none at all, anybody could make a token."""
LEEWAY = 30
"""Seconds by which the clocks of issuer and server may differ."""
KEPT = 600.0
PAUSE = 10.0
RETRY = 1.0
"""Seconds between two questions while no keys are known."""
PATIENCE = 5.0
"""Seconds that the issuer may take to answer."""
LARGEST = 1_000_000
"""Characters of an answer of the issuer, at most."""
LONGEST_TOKEN = 16_000

logger = logging.getLogger(__name__)


class IssuerAway(AuthenticationError):
    """The issuer's keys cannot be had, so no token can be checked."""


class Issuer:
    """Knows callers by access tokens of one issuer."""

    def __init__(self, url: str, audience: str, kept: float = KEPT, pause: float = PAUSE) -> None:
        """Begin without keys: the first token asks for them.

        Args:
            url: of the issuer, as its tokens name it.
            audience: who a token must be for.
            kept: seconds for which keys are used without asking again. If the issuer does not answer then,
                they are used ten times as long.
            pause: seconds between two questions at least, whatever tokens name unknown keys.
        """
        self._url = url
        self._audience = audience
        self._kept = kept
        self._pause = pause
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._asked_at = self._renewed_at = -math.inf
        self._asking = anyio.Lock()

    async def verify_token(self, token: str) -> AccessToken | None:
        """Find out whose token this is; None if it is not good.

        Raises:
            IssuerAway: if the issuer has to be asked for its keys and does not answer.
        """
        if len(token) > LONGEST_TOKEN:
            return None
        try:
            header = jwt.get_unverified_header(token)
            key = await self._key(header.get("kid"))
            if key is None:
                return None
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[str(key.algorithm_name)],  # the key's own, whatever the token says
                audience=self._audience,
                issuer=self._url,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.InvalidTokenError as exc:
            logger.info("a token was refused: %s", type(exc).__name__)
            return None
        if str(claims["sub"]).startswith(PREFIX):
            logger.warning("a token was refused: its subject has the form of a caller of the token file")
            return None
        return AccessToken(
            token="",  # nobody needs it any more, so nobody can show it
            client_id=str(claims.get("client_id") or claims.get("azp") or claims["sub"]),
            subject=str(claims["sub"]),
            scopes=_scopes(claims),
            expires_at=int(claims["exp"]) + LEEWAY,
            resource=self._audience,
            claims={"iss": claims["iss"]},
        )

    async def _key(self, kid: str | None) -> jwt.PyJWK | None:
        """Find the key that a token names."""
        async with self._asking:
            now = time.monotonic()
            wanted = self._find(kid) is None or now - self._renewed_at >= self._kept
            if wanted and now - self._asked_at >= (self._pause if self._keys else RETRY):
                await self._renew()
            if not self._keys or now - self._renewed_at >= 10 * self._kept:
                raise IssuerAway("the issuer of tokens does not answer")
        return self._find(kid)

    def _find(self, kid: str | None) -> jwt.PyJWK | None:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    async def _renew(self) -> None:
        self._asked_at = time.monotonic()
        try:
            self._keys = await self._ask()
        except Misconfigured as exc:
            logger.warning("the keys of the issuer cannot be had: %s. %s", exc.reason, exc.cure)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, jwt.PyJWTError) as exc:
            logger.warning("the keys of the issuer cannot be had (%s)", type(exc).__name__)
        else:
            self._renewed_at = time.monotonic()

    async def _ask(self) -> dict[str | None, jwt.PyJWK]:
        described = await self._describe()
        answer = await _get(str(described["jwks_uri"]))
        keys = {}
        for data in answer.get("keys", []):
            try:
                key = jwt.PyJWK(data, algorithm=data.get("alg"))
            except jwt.PyJWTError:
                continue  # one that we cannot use does not spoil the others
            if data.get("use", "sig") == "sig" and key.algorithm_name in ALGORITHMS:
                keys[data.get("kid")] = key
        if not keys:
            raise ValueError("no key that can be used")
        return keys

    async def _describe(self) -> dict[str, Any]:
        """Ask the issuer to describe itself, in the two ways there are.

        Raises:
            ValueError: if it does not, or calls itself otherwise.
        """
        url = httpx2.URL(self._url)
        path = url.path.rstrip("/")
        for place in (
            url.copy_with(path=f"{path}/.well-known/openid-configuration"),
            url.copy_with(path=f"/.well-known/oauth-authorization-server{path}"),
        ):
            try:
                described = await _get(str(place))
            except (ValueError, httpx2.HTTPStatusError):
                continue
            if described.get("issuer") == self._url and "jwks_uri" in described:
                return described
        raise ValueError("the issuer does not describe itself")


async def _get(url: str) -> dict[str, Any]:
    address = httpx2.URL(url)
    if address.scheme != "https" and not is_loopback(address.host):
        raise ValueError("not over https")
    # A client each: keys may lie on another host, which another proxy leads to.
    async with open_client(url, timeout=PATIENCE, follow_redirects=False) as http:
        response = await http.get(address)
    response.raise_for_status()
    if response.is_redirect or len(response.content) > LARGEST:
        raise ValueError("not an answer")
    answer = response.json()
    if not isinstance(answer, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - of what came, not of how it was called
    return answer


def _scopes(claims: dict[str, Any]) -> list[str]:
    """The scopes of a token that mean something here: issuers name the claim `scope` or `scp`."""
    named = claims.get("scope", claims.get("scp", ""))
    words = named.split() if isinstance(named, str) else named if isinstance(named, list) else []
    return [scope for scope in SCOPES if scope in words]
