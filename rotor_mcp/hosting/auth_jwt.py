"""Verifies access tokens (JWT) against the keys of an issuer (JWKS).

This server is an OAuth 2.1 resource server: it trusts one issuer, and accepts only tokens for its audience.
"""

import asyncio
import json
import logging
import math
import time
from collections import OrderedDict
from contextlib import suppress
from typing import Any

import httpx2
import jwt
from mcp.server.auth.provider import AccessToken

from rotor_mcp.api.http_client import open_client
from rotor_mcp.api.response_body import UnreadableBody, read_body
from rotor_mcp.config import is_loopback
from rotor_mcp.errors import Misconfigured
from rotor_mcp.hosting.addresses import canonical_url
from rotor_mcp.hosting.auth import InvalidToken, TokensUnavailable, granted_scopes
from rotor_mcp.hosting.callers import JWT_PREFIX, TOKEN_FILE_PREFIX

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Asymmetric signatures only. With a shared secret or no signature, anybody could create a token."""
LEEWAY_SECONDS = 30
"""Clock difference allowed between issuer and server."""
KEYS_TTL_SECONDS = 600.0
STALE_FACTOR = 10
"""Keys are used for this many times their TTL while the issuer is unavailable."""
COOLDOWN_SECONDS = 10.0
"""Time between the starts of two fetches while keys are known."""
FIRST_KEYS_COOLDOWN_SECONDS = 1.0
"""Time between the starts of two fetches while no keys are known."""
FETCH_TIMEOUT_SECONDS = 5.0
"""Time for one fetch of keys as a whole: metadata and JWKS."""
UNKNOWN_KID_TTL_SECONDS = 60.0
"""A key id that the issuer did not publish causes no other fetch for this time."""
MAX_UNKNOWN_KIDS = 1_000
MAX_DOCUMENT_BYTES = 500_000
"""Limit of a document of the issuer, decompressed."""
MAX_KEYS = 100
"""Keys read from a JWKS. Issuers publish two to ten."""
MAX_KEY_MEMBER_CHARS = 4_096
"""Limit of one member of a key. The modulus of an RSA key of 16,384 bits has 2,731."""
MAX_TOKEN_CHARS = 16_000

_PUBLIC_MEMBERS = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")
"""The members of a key that are read."""

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
"""Texts for callers. They contain nothing of a token."""


class IssuerUnavailable(TokensUnavailable):
    """The keys of the issuer cannot be fetched, so no token can be verified."""


class _InvalidIssuerResponse(ValueError):
    """The issuer did not respond with the document that was requested."""


class _IssuerMismatch(ValueError):
    """The metadata of the issuer names another issuer than the settings."""


class JwtVerifier:
    """Identifies callers by access tokens of one issuer.

    One background task at a time fetches keys. A caller whose key is known does not wait for it.
    """

    def __init__(
        self,
        url: str,
        audience: str,
        scope_claim: str | None = None,
        *,
        ttl_seconds: float = KEYS_TTL_SECONDS,
        cooldown_seconds: float = COOLDOWN_SECONDS,
        fetch_timeout_seconds: float = FETCH_TIMEOUT_SECONDS,
    ) -> None:
        """Create a verifier without keys. The first token causes a fetch.

        Args:
            url: the issuer, as in its tokens.
            audience: the required audience.
            scope_claim: the claim with the scopes, with dots where claims are nested; `SCOPE_CLAIMS` if None.
            ttl_seconds: after which keys are fetched again. While the issuer is unavailable, they are used
                `STALE_FACTOR` times as long.
            cooldown_seconds: between the starts of two fetches, whatever keys tokens name.
            fetch_timeout_seconds: for one fetch as a whole.
        """
        self._url = url
        self._audience = audience
        self._scope_claim = scope_claim
        self._ttl_seconds = ttl_seconds
        self._cooldown_seconds = cooldown_seconds
        self._fetch_timeout_seconds = fetch_timeout_seconds
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetching: asyncio.Task[None] | None = None
        self._started_at = self._fetched_at = -math.inf
        self._unknown_kids: OrderedDict[str | None, float] = OrderedDict()
        """Key id that a fetch did not return → time of that."""
        self._failure = "the issuer of tokens does not answer"
        """Why no keys could be fetched; a text for callers."""

    async def verify_token(self, token: str) -> AccessToken:
        """Verify a token, and return its caller and scopes.

        Raises:
            InvalidToken: if the token is not accepted.
            IssuerUnavailable: if the keys that it needs cannot be fetched.
        """
        claims = await self._claims(token)
        subject, expires_at = claims["sub"], int(claims["exp"]) + LEEWAY_SECONDS
        client = next(
            (value for name in ("client_id", "azp") if isinstance(value := claims.get(name), str)), ""
        )
        for what, name in (("subject", subject), ("client", client)):
            if name.strip().lower().startswith(TOKEN_FILE_PREFIX):
                raise InvalidToken(
                    f"the {what} of the access token has the form of a caller of the token file"
                )
        return AccessToken(
            token="",  # not kept, so that it cannot leak
            client_id=f"{JWT_PREFIX}{client or subject}",
            subject=f"{JWT_PREFIX}{subject}",
            scopes=granted_scopes(claims, self._scope_claim),
            expires_at=expires_at,
            resource=self._audience,
            claims={"iss": claims["iss"]},
        )

    async def aclose(self) -> None:
        """Cancel a fetch that is running."""
        if self._fetching is not None:
            self._fetching.cancel()
            with suppress(asyncio.CancelledError):
                await self._fetching

    async def _claims(self, token: str) -> dict[str, Any]:
        """Verify the signature and the claims of a token, and return the claims; errors as `verify_token`."""
        if len(token) > MAX_TOKEN_CHARS:
            raise InvalidToken(f"the access token has more than {MAX_TOKEN_CHARS:,} characters")
        try:
            complete = jwt.decode_complete(token, options={"verify_signature": False})
        except Exception:  # anybody can send any text, and the library raises errors of many types
            raise InvalidToken(_NO_JWT) from None
        key = await self._key(complete["header"].get("kid"))
        if key is None:
            # The payload is not verified; it only decides which hint the caller gets.
            if complete["payload"].get("iss", self._url) != self._url:
                raise InvalidToken(_OTHER_ISSUER)
            raise InvalidToken("the access token is signed with a key that the issuer does not publish")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[str(key.algorithm_name)],  # of the key, whatever the token says
                issuer=self._url,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"], "verify_aud": False},
            )
        except jwt.MissingRequiredClaimError as exc:
            raise InvalidToken(f"the access token has no claim {exc.claim}") from None
        except jwt.PyJWTError as exc:
            raise InvalidToken(_REASONS.get(type(exc), _NO_JWT)) from None
        except Exception:  # claims can have any type and any size, which the library does not always handle
            raise InvalidToken(_NO_JWT) from None
        if not claims["sub"].strip():
            raise InvalidToken("the access token has no claim sub")
        if not self._is_audience(claims["aud"]):
            raise InvalidToken(
                f"the access token is for another audience than {self._audience}; ROTOR_MCP_OAUTH_AUDIENCE "
                "says which one this server takes"
            )
        return claims

    def _is_audience(self, claimed: object) -> bool:
        """Whether the audience of a token is this server. URLs are compared in normalized form."""
        audiences = claimed if isinstance(claimed, list) else [claimed]
        expected = canonical_url(self._audience)
        return any(isinstance(text, str) and canonical_url(text) == expected for text in audiences)

    async def _key(self, kid: str | None) -> jwt.PyJWK | None:
        """Return the key with an id; None if the issuer does not publish it.

        Raises:
            IssuerUnavailable: if no keys are known, or they are too old.
        """
        asked_at = time.monotonic()
        if self._age < STALE_FACTOR * self._ttl_seconds:
            if self._age >= self._ttl_seconds:
                self._start_fetch()  # in the background
            if (key := self._known_key(kid)) is not None or self._is_known_absent(kid):
                return key
        if (fetching := self._start_fetch()) is not None:
            await asyncio.wait([fetching])  # a caller that is cancelled does not cancel it for the others
        if self._age >= STALE_FACTOR * self._ttl_seconds:
            raise IssuerUnavailable(self._failure)
        if (key := self._known_key(kid)) is not None:
            return key
        if self._fetched_at < self._started_at:
            raise IssuerUnavailable(self._failure)  # it may be a new key
        if self._fetched_at >= asked_at:
            self._note_unknown(kid)
        return None

    @property
    def _age(self) -> float:
        """Seconds since the keys were fetched; infinite before the first fetch."""
        return time.monotonic() - self._fetched_at

    def _known_key(self, kid: str | None) -> jwt.PyJWK | None:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    def _is_known_absent(self, kid: str | None) -> bool:
        """Whether a recent fetch did not return this key."""
        return time.monotonic() - self._unknown_kids.get(kid, -math.inf) < UNKNOWN_KID_TTL_SECONDS

    def _note_unknown(self, kid: str | None) -> None:
        self._unknown_kids[kid] = time.monotonic()
        if len(self._unknown_kids) > MAX_UNKNOWN_KIDS:
            self._unknown_kids.popitem(last=False)

    def _start_fetch(self) -> asyncio.Task[None] | None:
        """Return the running fetch, or start one; None during the cooldown."""
        if self._fetching is None or self._fetching.done():
            now = time.monotonic()
            cooldown_seconds = self._cooldown_seconds if self._keys else FIRST_KEYS_COOLDOWN_SECONDS
            if now - self._started_at < cooldown_seconds:
                return None
            self._started_at = now
            self._fetching = asyncio.create_task(self._refresh_keys())
        return self._fetching

    async def _refresh_keys(self) -> None:
        """Fetch keys. After a failure the known keys stay in use."""
        failure, trouble = "the issuer of tokens does not answer", ""
        try:
            async with asyncio.timeout(self._fetch_timeout_seconds):
                self._keys = await self._fetch_keys()
        except Misconfigured as exc:
            failure, trouble = "the issuer of tokens cannot be asked", f"{exc.reason}. {exc.fix}"
        except _IssuerMismatch as exc:
            failure = "the issuer of tokens has another name than ROTOR_MCP_OAUTH_ISSUER says"
            trouble = str(exc)
        except (_InvalidIssuerResponse, UnreadableBody) as exc:
            failure, trouble = "the issuer of tokens gives no usable answer", str(exc)
        except TimeoutError:
            trouble = f"they did not come within {self._fetch_timeout_seconds:g} seconds"
        except Exception as exc:  # an issuer can send any response, and none may have other consequences
            trouble = f"the request failed with {type(exc).__name__}"
        else:
            self._fetched_at = time.monotonic()
        if trouble:
            logger.warning(
                "the keys of the issuer cannot be had: %s",
                trouble,
                extra={"event": "issuer_unavailable", "reason": trouble},
            )
        self._failure = failure

    async def _fetch_keys(self) -> dict[str | None, jwt.PyJWK]:
        metadata = await self._fetch_metadata()
        published = (await _fetch_json(metadata["jwks_uri"])).get("keys")
        if not isinstance(published, list):
            raise _InvalidIssuerResponse("its JWKS has no list of keys")
        keys = dict(filter(None, map(_read_key, published[:MAX_KEYS])))
        if not keys:
            raise _InvalidIssuerResponse("its JWKS has no key that can be used")
        return keys

    async def _fetch_metadata(self) -> dict[str, Any]:
        """Fetch the metadata of the issuer, by OpenID Connect Discovery or RFC 8414.

        Raises:
            _IssuerMismatch: if the metadata names another issuer.
            _InvalidIssuerResponse: if there are no metadata.
        """
        other = None
        url = httpx2.URL(self._url)
        path = url.path.rstrip("/")
        for candidate in (
            url.copy_with(path=f"{path}/.well-known/openid-configuration"),
            url.copy_with(path=f"/.well-known/oauth-authorization-server{path}"),
        ):
            try:
                metadata = await _fetch_json(str(candidate))
            except (_InvalidIssuerResponse, UnreadableBody):
                continue
            if metadata.get("issuer") == self._url and isinstance(metadata.get("jwks_uri"), str):
                return metadata
            other = metadata.get("issuer")
        if isinstance(other, str) and other != self._url:
            raise _IssuerMismatch(
                f"it calls itself {other[:200]!a}, which ROTOR_MCP_OAUTH_ISSUER must repeat exactly"
            )
        raise _InvalidIssuerResponse("it does not describe itself")


def _read_key(published: object) -> tuple[str | None, jwt.PyJWK] | None:
    """Return a key of a JWKS with its id; None if it cannot be used, which does not affect the others."""
    if not isinstance(published, dict):
        return None
    data = {name: published[name] for name in _PUBLIC_MEMBERS if published.get(name) is not None}
    if not all(isinstance(value, str) and len(value) <= MAX_KEY_MEMBER_CHARS for value in data.values()):
        return None
    try:
        key = jwt.PyJWK(data, algorithm=data.get("alg"))
    except Exception:  # several libraries report invalid numbers of a key by different errors
        return None
    if data.get("use", "sig") != "sig" or key.algorithm_name not in ALGORITHMS:
        return None
    return data.get("kid"), key


async def _fetch_json(url: str) -> dict[str, Any]:
    """Fetch a document of the issuer, a JSON object.

    Raises:
        _InvalidIssuerResponse: if the URL is not allowed, or the response is no JSON object.
        UnreadableBody: if the body is too large or cannot be decompressed.
        httpx2.HTTPError: if there is no response.
        Misconfigured: if the proxy or the certificates of this machine cannot be used.
    """
    try:
        address = httpx2.URL(url)
        host = address.host
    except (httpx2.InvalidURL, ValueError):
        raise _InvalidIssuerResponse("it names an address that is none") from None
    if address.scheme != "https" and not is_loopback(host):
        raise _InvalidIssuerResponse("it names an address that is not https")
    # A client for each document: the JWKS may be on another host, behind another proxy.
    async with (
        open_client(url, timeout=FETCH_TIMEOUT_SECONDS, follow_redirects=False) as http,
        http.stream("GET", address) as response,
    ):
        if response.status_code != httpx2.codes.OK:
            raise _InvalidIssuerResponse(f"it answers {response.status_code}")
        body = await read_body(response, MAX_DOCUMENT_BYTES)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):  # RecursionError: nested too deeply
        raise _InvalidIssuerResponse("its answer is not JSON") from None
    if not isinstance(document, dict):
        raise _InvalidIssuerResponse("its answer is not a JSON object")
    return document
