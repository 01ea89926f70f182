"""Who calls, by an access token of an identity provider: a JWT, checked against the issuer's keys (JWKS).

This server is an OAuth 2.1 resource server: it trusts one issuer, and takes only tokens made for it.
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
"""Signatures with a private key. With a shared secret, or none at all, anybody could make a token."""
LEEWAY_SECONDS = 30
"""Seconds by which the clocks of issuer and server may differ."""
KEYS_TTL_SECONDS = 600.0
STALE_FACTOR = 10
"""Keys are used this many times their TTL if the issuer cannot be asked for new ones."""
COOLDOWN_SECONDS = 10.0
"""Between the beginnings of two fetches of keys while keys are known."""
FIRST_KEYS_COOLDOWN_SECONDS = 1.0
"""The same while no keys are known."""
FETCH_TIMEOUT_SECONDS = 5.0
"""For one fetch of keys as a whole: both documents, however slowly they come."""
UNKNOWN_KID_TTL_SECONDS = 60.0
"""For which a key name that the issuer did not publish is not asked for again."""
MAX_UNKNOWN_KIDS = 1_000
MAX_DOCUMENT_BYTES = 500_000
"""Of a document of the issuer, unpacked."""
MAX_KEYS = 100
"""Keys of a JWKS that are read. Issuers publish two to ten."""
MAX_KEY_MEMBER_CHARS = 4_096
"""Of one member of a key: the modulus of an RSA key of 16,384 bits has 2,731."""
MAX_TOKEN_CHARS = 16_000

_PUBLIC_MEMBERS = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")
"""Members of a public key that is used here. Nothing else of a key is read."""

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


class IssuerUnavailable(TokensUnavailable):
    """The issuer's keys cannot be had, so no token can be checked."""


class _InvalidIssuerResponse(ValueError):
    """The issuer answered something that is not what was asked for."""


class _IssuerMismatch(ValueError):
    """The issuer describes itself under another name than the one in the settings."""


class JwtVerifier:
    """Knows callers by access tokens of one issuer.

    Keys are fetched by one background task at a time. A caller whose key is known never waits for it.
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
        """Begin without keys: the first token causes them to be fetched.

        Args:
            url: of the issuer, as its tokens name it.
            audience: who a token must be for.
            scope_claim: the claim that holds the scopes, with dots where claims are nested; the usual ones
                if None.
            ttl_seconds: seconds after which keys are fetched again. If the issuer cannot be asked then, they are
                used `STALE_FACTOR` times as long.
            cooldown_seconds: seconds between the beginnings of two fetches, whatever keys tokens name.
            fetch_timeout_seconds: seconds that one fetch may take as a complete.
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
        """Key names that a fetch did not bring, and when."""
        self._failure = "the issuer of tokens does not answer"
        """Why the keys cannot be had, for callers."""

    async def verify_token(self, token: str) -> AccessToken:
        """Find out whose token this is.

        Raises:
            InvalidToken: if it is not good.
            IssuerUnavailable: if the issuer has to be asked for its keys and does not answer.
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
            token="",  # nobody needs it any more, so nobody can show it
            client_id=f"{JWT_PREFIX}{client or subject}",
            subject=f"{JWT_PREFIX}{subject}",
            scopes=granted_scopes(claims, self._scope_claim),
            expires_at=expires_at,
            resource=self._audience,
            claims={"iss": claims["iss"]},
        )

    async def aclose(self) -> None:
        """End a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            with suppress(asyncio.CancelledError):
                await self._fetching

    async def _claims(self, token: str) -> dict[str, Any]:
        """Check a token's signature and claims.

        Raises:
            InvalidToken: if something about it is not right.
            IssuerUnavailable: if there are no keys to check it with.
        """
        if len(token) > MAX_TOKEN_CHARS:
            raise InvalidToken(f"the access token has more than {MAX_TOKEN_CHARS:,} characters")
        try:
            complete = jwt.decode_complete(token, options={"verify_signature": False})
        except Exception:  # of any kind: anybody can send any text
            raise InvalidToken(_NO_JWT) from None
        key = await self._key(complete["header"].get("kid"))
        if key is None:
            # Not verified, and good enough for a hint.
            if complete["payload"].get("iss", self._url) != self._url:
                raise InvalidToken(_OTHER_ISSUER)
            raise InvalidToken("the access token is signed with a key that the issuer does not publish")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[str(key.algorithm_name)],  # the key's own, whatever the token says
                issuer=self._url,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"], "verify_aud": False},
            )
        except jwt.MissingRequiredClaimError as exc:
            raise InvalidToken(f"the access token has no claim {exc.claim}") from None
        except jwt.PyJWTError as exc:
            raise InvalidToken(_REASONS.get(type(exc), _NO_JWT)) from None
        except Exception:  # claims can have any type and any size, and the library does not foresee all
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
        """Whether a token is for this server. Spellings of one web address are one audience."""
        audiences = claimed if isinstance(claimed, list) else [claimed]
        expected = canonical_url(self._audience)
        return any(isinstance(one, str) and canonical_url(one) == expected for one in audiences)

    async def _key(self, kid: str | None) -> jwt.PyJWK | None:
        """Find the key that a token names; None if the issuer does not publish it.

        Raises:
            IssuerUnavailable: if no keys are known, or only such that are too old.
        """
        asked_at = time.monotonic()
        if self._age < STALE_FACTOR * self._ttl_seconds:
            if self._age >= self._ttl_seconds:
                self._start_fetch()  # nobody whose key is known waits for it
            if (key := self._known_key(kid)) is not None or self._is_known_absent(kid):
                return key
        await self._fetch()
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
        """Seconds since the keys were fetched; infinite if they never were."""
        return time.monotonic() - self._fetched_at

    def _known_key(self, kid: str | None) -> jwt.PyJWK | None:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    def _is_known_absent(self, kid: str | None) -> bool:
        """Whether keys were fetched lately and this one was not among them."""
        return time.monotonic() - self._unknown_kids.get(kid, -math.inf) < UNKNOWN_KID_TTL_SECONDS

    def _note_unknown(self, kid: str | None) -> None:
        self._unknown_kids[kid] = time.monotonic()
        if len(self._unknown_kids) > MAX_UNKNOWN_KIDS:
            self._unknown_kids.popitem(last=False)

    async def _fetch(self) -> None:
        """Wait until keys were fetched, if they may be fetched now."""
        fetching = self._start_fetch()
        if fetching is not None:
            await asyncio.wait([fetching])  # a caller who goes away does not end it for the others

    def _start_fetch(self) -> asyncio.Task[None] | None:
        """Begin to fetch keys, unless that is under way or was begun just now. Returns what is under way."""
        if self._fetching is None or self._fetching.done():
            now = time.monotonic()
            cooldown_seconds = self._cooldown_seconds if self._keys else FIRST_KEYS_COOLDOWN_SECONDS
            if now - self._started_at < cooldown_seconds:
                return None
            self._started_at = now
            self._fetching = asyncio.create_task(self._refresh_keys())
        return self._fetching

    async def _refresh_keys(self) -> None:
        """Fetch keys and use them from now on. Whatever goes wrong leaves those that are known."""
        failure = "the issuer of tokens does not answer"
        try:
            async with asyncio.timeout(self._fetch_timeout_seconds):
                self._keys = await self._fetch_keys()
        except Misconfigured as exc:
            failure = "the issuer of tokens cannot be asked"
            logger.warning("the keys of the issuer cannot be had: %s. %s", exc.reason, exc.cure)
        except _IssuerMismatch as exc:
            failure = "the issuer of tokens has another name than ROTOR_MCP_OAUTH_ISSUER says"
            logger.warning("the keys of the issuer cannot be had: %s", exc)
        except (_InvalidIssuerResponse, UnreadableBody) as exc:
            failure = "the issuer of tokens gives no usable answer"
            logger.warning("the keys of the issuer cannot be had: %s", exc)
        except TimeoutError:
            logger.warning(
                "the keys of the issuer cannot be had: they did not come within %g seconds",
                self._fetch_timeout_seconds,
            )
        except Exception as exc:  # an issuer can answer anything, and no answer may end in more than this
            logger.warning("the keys of the issuer cannot be had (%s)", type(exc).__name__)
        else:
            self._fetched_at = time.monotonic()
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
        """Ask the issuer to describe itself, in the two ways there are.

        Raises:
            _IssuerMismatch: if it calls itself otherwise.
            _InvalidIssuerResponse: if it does not.
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
    """Read one key of a JWKS, by its name. None if it cannot be used: that does not spoil the others."""
    if not isinstance(published, dict):
        return None
    data = {name: published[name] for name in _PUBLIC_MEMBERS if published.get(name) is not None}
    if not all(isinstance(value, str) and len(value) <= MAX_KEY_MEMBER_CHARS for value in data.values()):
        return None
    try:
        key = jwt.PyJWK(data, algorithm=data.get("alg"))
    except Exception:  # what the numbers of a key may be wrong in, several libraries say in several ways
        return None
    if data.get("use", "sig") != "sig" or key.algorithm_name not in ALGORITHMS:
        return None
    return data.get("kid"), key


async def _fetch_json(url: str) -> dict[str, Any]:
    """Get a document of the issuer.

    Raises:
        _InvalidIssuerResponse: if what comes is not a JSON object, or may not be asked for.
        UnreadableBody: if it is too large or cannot be unpacked.
        httpx2.HTTPError: if nothing comes.
        Misconfigured: if this machine names a proxy or certificates that cannot be used.
    """
    try:
        address = httpx2.URL(url)
        host = address.host
    except (httpx2.InvalidURL, ValueError):
        raise _InvalidIssuerResponse("it names an address that is none") from None
    if address.scheme != "https" and not is_loopback(host):
        raise _InvalidIssuerResponse("it names an address that is not https")
    # A client each: keys may lie on another host, which another proxy leads to.
    async with (
        open_client(url, timeout=FETCH_TIMEOUT_SECONDS, follow_redirects=False) as http,
        http.stream("GET", address) as response,
    ):
        if response.status_code != httpx2.codes.OK:
            raise _InvalidIssuerResponse(f"it answers {response.status_code}")
        body = await read_body(response, MAX_DOCUMENT_BYTES)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):  # the second is how deep nesting ends
        raise _InvalidIssuerResponse("its answer is not JSON") from None
    if not isinstance(document, dict):
        raise _InvalidIssuerResponse("its answer is not a JSON object")
    return document
