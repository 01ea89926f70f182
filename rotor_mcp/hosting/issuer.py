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

from rotor_mcp.config import is_loopback
from rotor_mcp.errors import Misconfigured
from rotor_mcp.hosting.addresses import canonical_url
from rotor_mcp.hosting.auth import InvalidToken, TokensUnavailable
from rotor_mcp.hosting.scopes import granted_scopes
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


_NO_JWT = "the access token is not a JWT that this server can read"
_OTHER_ISSUER = "the access token is from another issuer than ROTOR_MCP_OAUTH_ISSUER names"
_REASONS: dict[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "the access token has expired",
    jwt.ImmatureSignatureError: "the access token is not valid yet",
    jwt.InvalidIssuedAtError: "the access token has no usable time of issue (claim iat)",
    jwt.InvalidIssuerError: _OTHER_ISSUER,
    jwt.exceptions.InvalidSubjectError: "the subject of the access token (claim sub) is no text",
    jwt.InvalidAlgorithmError: "the access token is signed with an algorithm that its key is not for",
    jwt.InvalidSignatureError: "the signature of the access token does not fit the issuer's key",
}
"""What a caller is told. No text repeats anything of a token."""


class IssuerAway(TokensUnavailable):
    """The issuer's keys cannot be had, so no token can be checked."""


class _OtherName(ValueError):
    """The issuer describes itself under another name than the one in the settings."""


class Issuer:
    """Knows callers by access tokens of one issuer."""

    def __init__(
        self,
        url: str,
        audience: str,
        scope_claim: str | None = None,
        kept: float = KEPT,
        pause: float = PAUSE,
    ) -> None:
        """Begin without keys: the first token asks for them.

        Args:
            url: of the issuer, as its tokens name it.
            audience: who a token must be for.
            scope_claim: the claim that holds the scopes, with dots where claims are nested; the usual ones
                if None.
            kept: seconds for which keys are used without asking again. If the issuer does not answer then,
                they are used ten times as long.
            pause: seconds between two questions at least, whatever tokens name unknown keys.
        """
        self._url = url
        self._audience = audience
        self._scope_claim = scope_claim
        self._kept = kept
        self._pause = pause
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._asked_at = self._renewed_at = -math.inf
        self._asking = anyio.Lock()
        self._trouble = ""
        """Why the keys cannot be had, for callers."""

    async def verify_token(self, token: str) -> AccessToken:
        """Find out whose token this is.

        Raises:
            InvalidToken: if it is not good.
            IssuerAway: if the issuer has to be asked for its keys and does not answer.
        """
        claims = await self._claims(token)
        if str(claims["sub"]).startswith(PREFIX):
            raise InvalidToken("the subject of the access token has the form of a caller of the token file")
        return AccessToken(
            token="",  # nobody needs it any more, so nobody can show it
            client_id=str(claims.get("client_id") or claims.get("azp") or claims["sub"]),
            subject=str(claims["sub"]),
            scopes=granted_scopes(claims, self._scope_claim),
            expires_at=int(claims["exp"]) + LEEWAY,
            resource=self._audience,
            claims={"iss": claims["iss"]},
        )

    async def _claims(self, token: str) -> dict[str, Any]:
        """Check a token's signature and claims.

        Raises:
            InvalidToken: if something about it is not right.
        """
        if len(token) > LONGEST_TOKEN:
            raise InvalidToken(f"the access token has more than {LONGEST_TOKEN:,} characters")
        try:
            whole = jwt.decode_complete(token, options={"verify_signature": False})
        except (jwt.PyJWTError, RecursionError):  # the second is how deep nesting ends
            raise InvalidToken(_NO_JWT) from None
        key = await self._key(whole["header"].get("kid"))
        if key is None:
            if (
                whole["payload"].get("iss", self._url) != self._url
            ):  # not verified, and good enough for a hint
                raise InvalidToken(_OTHER_ISSUER)
            raise InvalidToken("the access token is signed with a key that the issuer does not publish")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[str(key.algorithm_name)],  # the key's own, whatever the token says
                issuer=self._url,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"], "verify_aud": False},
            )
        except jwt.MissingRequiredClaimError as exc:
            raise InvalidToken(f"the access token has no claim {exc.claim}") from None
        except jwt.PyJWTError as exc:
            raise InvalidToken(_REASONS.get(type(exc), _NO_JWT)) from None
        if not claims["sub"].strip():
            raise InvalidToken("the access token has no claim sub")
        if not self._is_audience(claims["aud"]):
            raise InvalidToken(
                f"the access token is for another audience than {self._audience}; ROTOR_MCP_OAUTH_AUDIENCE "
                "says which one this server takes"
            )
        return claims

    def _is_audience(self, claimed: object) -> bool:
        """Whether a token is for this server. Spellings of one web address are one audience."""
        audiences = claimed if isinstance(claimed, list) else [claimed]
        wanted = canonical_url(self._audience)
        return any(isinstance(one, str) and canonical_url(one) == wanted for one in audiences)

    async def _key(self, kid: str | None) -> jwt.PyJWK | None:
        """Find the key that a token names."""
        async with self._asking:
            now = time.monotonic()
            wanted = self._find(kid) is None or now - self._renewed_at >= self._kept
            if wanted and now - self._asked_at >= (self._pause if self._keys else RETRY):
                await self._renew()
            if not self._keys or now - self._renewed_at >= 10 * self._kept:
                raise IssuerAway(self._trouble)
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
            self._trouble = "the issuer of tokens cannot be asked"
            logger.warning("the keys of the issuer cannot be had: %s. %s", exc.reason, exc.cure)
        except _OtherName as exc:
            self._trouble = "the issuer of tokens has another name than ROTOR_MCP_OAUTH_ISSUER says"
            logger.warning("the keys of the issuer cannot be had: %s", exc)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, jwt.PyJWTError) as exc:
            self._trouble = "the issuer of tokens does not answer"
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
            _OtherName: if it calls itself otherwise.
            ValueError: if it does not.
        """
        other = None
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
            other = described.get("issuer")
        if isinstance(other, str) and other != self._url:
            raise _OtherName(
                f"it calls itself {other[:200]!a}, which ROTOR_MCP_OAUTH_ISSUER must repeat exactly"
            )
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
