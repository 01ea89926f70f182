"""Issuers with invalid, slow or endless responses: callers get 401 or 503, and known keys stay in use."""

import asyncio
import gzip
import json
import resource
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import Any

import anyio
import httpx2
import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.api_jws import PyJWS

from rotor_mcp.hosting.auth import InvalidToken
from rotor_mcp.hosting.auth_jwt import MAX_DOCUMENT_BYTES, IssuerUnavailable, JwtVerifier
from rotor_mcp.sandbox import Sandbox
from tests.hosting.issuers import AUDIENCE, PUBLIC_URL, TestIssuer
from tests.hosting.serving import hosted, request
from tests.waiting import until

pytestmark = pytest.mark.anyio

Body = Callable[[asyncio.StreamWriter], Any]
"""Writes the whole answer to a request for the keys."""


class RawIssuer(TestIssuer):
    """An issuer on a bare socket. What it answers to a request for its keys is decided by `answer`."""

    answer: Body
    fetches: int = 0
    described: Mapping[str, Any] = MappingProxyType({})
    """What it says of itself beside, or in the place of, what is right."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        try:
            if b"GET /keys " in head:
                self.fetches += 1
                await self.answer(writer)
            else:
                described = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **self.described}
                await whole(described)(writer)
        except ConnectionError:
            pass  # the other side had enough
        finally:
            writer.close()


def whole(document: Any, head: str = "") -> Body:
    """An answer that holds a document."""
    return raw(json.dumps(document).encode(), head)


def raw(body: bytes, head: str = "") -> Body:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n{head}\r\n".encode() + body)
        await writer.drain()

    return answer


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send a byte now and then, each before any timeout of a single read."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await anyio.sleep(0.1)


async def endless(writer: asyncio.StreamWriter) -> None:
    """Send blanks without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b" " * 65_536)
        await writer.drain()


@asynccontextmanager
async def raw_issuer() -> AsyncIterator[RawIssuer]:
    issuer = RawIssuer()
    issuer.answer = whole({"keys": issuer.keys.public()})
    server = await asyncio.start_server(issuer.serve, "127.0.0.1", 0)
    issuer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield issuer


@pytest.fixture
async def issuer() -> AsyncIterator[RawIssuer]:
    async with raw_issuer() as running:
        yield running


@asynccontextmanager
async def verifier(issuer: TestIssuer, **options: Any) -> AsyncIterator[JwtVerifier]:
    known = JwtVerifier(issuer.url, AUDIENCE, **options)
    try:
        yield known
    finally:
        await known.aclose()


def key(**members: Any) -> dict[str, Any]:
    """The issuer's RSA key, but for what is said."""
    return TestIssuer().keys.public()[0] | members


UNUSABLE: dict[str, Any] = {
    "no keys": {},
    "keys that are null": {"keys": None},
    "keys that are a text": {"keys": "r1"},
    "keys that are an object": {"keys": {"r1": key()}},
    "a list": [key()],
    "a number": 7,
    "null": None,
    "no key": {"keys": []},
    "a null key": {"keys": [None]},
    "keys of other types": {"keys": [7, "r1", [], True, [key()]]},
    "a name that is a list": {"keys": [key(kid=["r1"])]},
    "a name that is an object": {"keys": [key(kid={"r1": 1})]},
    "an algorithm that is a list": {"keys": [key(alg=["RS256"])]},
    "a number that is a number": {"keys": [key(n=7)]},
    "a number that is not Base64": {"keys": [key(n="§", e="!")]},
    "an even exponent": {"keys": [key(e="AA")]},
    "a short number": {"keys": [key(n="AQAB")]},
    "a long number": {"keys": [key(n="A" * 400_000)]},
    "a point on no curve": {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "r1"}]},
    "an unknown curve": {"keys": [{"kty": "EC", "crv": "P-1", "x": "AA", "y": "AA", "kid": "r1"}]},
    "a curve that is a list": {"keys": [{"kty": "OKP", "crv": ["Ed25519"], "x": "AA", "kid": "r1"}]},
    "an unknown kind": {"keys": [{"kty": "new", "kid": "r1"}]},
    "no kind": {"keys": [{"kid": "r1"}]},
}


@pytest.mark.parametrize("name", UNUSABLE)
async def test_keys_that_cannot_be_used(name: str, issuer: RawIssuer, sandbox: Sandbox) -> None:
    issuer.answer = whole(UNUSABLE[name])
    host = {"oauth_issuer": issuer.url, "public_url": PUBLIC_URL}
    headers, body = request("search_leads", {"search": "jane doe"})
    async with hosted(sandbox.transport, host) as url, httpx2.AsyncClient() as http:
        shown = headers | {"authorization": f"Bearer {issuer.token()}"}
        answer = await http.post(f"{url}/mcp", headers=shown, json=body)
    assert (answer.status_code, answer.json()) == (
        503,
        {"error": "the issuer of tokens gives no usable answer"},
    )


@pytest.mark.parametrize(
    "bad",
    [None, 7, {}, {"kid": ["x"]}, {"kid": "x", "kty": "RSA", "n": None}, key(kid="x", n="A" * 400_000)],
    ids=lambda bad: str(bad)[:40],
)
async def test_a_key_that_cannot_be_used_spoils_no_other(bad: Any, issuer: RawIssuer) -> None:
    issuer.answer = whole({"keys": [bad, *issuer.keys.public()]})
    async with verifier(issuer) as known:
        assert (await known.verify_token(issuer.token())).subject == "jwt:auth0|7"


@pytest.mark.parametrize(
    "answer",
    [
        raw(b""),
        raw(b"{"),
        raw(b"[" * 400_000),
        raw(b'{"keys":' + b"[" * 200_000),
        raw(b"\xff\xfe"),
        raw(b'{"keys": [' + b"9" * 100_000 + b"]}"),
        whole({"keys": [None] * 90_000}),
        raw(b" " * (MAX_DOCUMENT_BYTES + 1)),
        raw(gzip.compress(b" " * (MAX_DOCUMENT_BYTES + 1)), "content-encoding: gzip\r\n"),
        raw(b"no gzip", "content-encoding: gzip\r\n"),
        raw(b"{}", "content-encoding: br\r\n"),
        endless,
        drip,
    ],
)
async def test_an_answer_that_cannot_be_used(answer: Body, issuer: RawIssuer) -> None:
    issuer.answer = answer
    async with verifier(issuer, fetch_timeout_seconds=1) as known:
        with anyio.fail_after(3), pytest.raises(IssuerUnavailable):
            await known.verify_token(issuer.token())


async def test_a_small_answer_that_unpacks_to_a_large_one(issuer: RawIssuer) -> None:
    packing = zlib.compressobj(wbits=31)
    bomb = b"".join(packing.compress(b" " * 1_000_000) for _ in range(300)) + packing.flush()
    issuer.answer = raw(bomb, "content-encoding: gzip\r\n")
    before = _peak()
    async with verifier(issuer) as known:
        with pytest.raises(IssuerUnavailable):
            await known.verify_token(issuer.token())
    assert _peak() - before < 20_000_000


def _peak() -> int:
    """The most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1_024)


async def test_a_compressed_answer_is_read(issuer: RawIssuer) -> None:
    packed = gzip.compress(json.dumps({"keys": issuer.keys.public()}).encode())
    issuer.answer = raw(packed, "content-encoding: gzip\r\n")
    async with verifier(issuer) as known:
        assert (await known.verify_token(issuer.token())).subject == "jwt:auth0|7"


@pytest.mark.parametrize(
    "described", [None, 7, [], {}, {"issuer": None}, {"jwks_uri": 7}, {"jwks_uri": None}]
)
async def test_an_issuer_that_describes_itself_badly(described: Any) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        document = {"issuer": url, **described} if isinstance(described, dict) else described
        await whole(document)(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, verifier(TestIssuer(url)) as known:
        with pytest.raises(IssuerUnavailable):
            await known.verify_token(TestIssuer(url).token())


@pytest.mark.parametrize(
    "address",
    ["", "keys", "//", "http://keys.example.com/", "https://[::/", "https://a:b:c", "ftp://x", "https://\0"],
)
async def test_keys_at_an_address_that_is_none(address: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await whole({"issuer": url, "jwks_uri": address})(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, verifier(TestIssuer(url)) as known:
        with pytest.raises(IssuerUnavailable):
            await known.verify_token(TestIssuer(url).token())


names = st.sampled_from(
    ["issuer", "jwks_uri", "keys", "kty", "kid", "alg", "use", "n", "e", "crv", "x", "y", "d"]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | names
documents = st.recursive(
    leaves | st.builds(key, kid=leaves, alg=leaves, n=leaves),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
    max_leaves=15,
)


@settings(max_examples=80, deadline=None)
@given(
    documents | st.lists(documents, max_size=4).map(lambda keys: {"keys": keys}),
    st.dictionaries(names, documents),
)
def test_whatever_an_issuer_answers(jwks: Any, described: dict[str, Any]) -> None:
    async def verify() -> None:
        async with raw_issuer() as issuer, verifier(issuer) as known:
            issuer.answer, issuer.described = whole(jwks), described
            with anyio.fail_after(10), suppress(IssuerUnavailable, InvalidToken):
                await known.verify_token(issuer.token())

    anyio.run(verify)


claim_names = st.sampled_from(
    ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "client_id", "azp", "scp"]
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(claim_names, documents))
def test_whatever_claims_a_token_has(claims: dict[str, Any]) -> None:
    """They are signed by the issuer."""

    async def verify() -> None:
        async with raw_issuer() as issuer, verifier(issuer) as known:
            good = jwt.decode(issuer.token(), options={"verify_signature": False})
            payload = json.dumps(good | claims).encode()
            token = PyJWS().encode(payload, issuer.keys.rsa, "RS256", {"kid": "r1"})
            with suppress(InvalidToken):
                access = await known.verify_token(token)
                assert (access.subject or "").startswith("jwt:")

    anyio.run(verify)


# Known keys


async def test_known_keys_do_not_wait_for_an_issuer_that_drips(issuer: RawIssuer) -> None:
    """Tokens with unknown keys make the server ask, and wait; good callers never do."""
    async with verifier(issuer, cooldown_seconds=0, fetch_timeout_seconds=1) as known:
        await known.verify_token(issuer.token())
        issuer.answer = drip
        good = 0

        async def bad(number: int) -> None:
            with pytest.raises((IssuerUnavailable, InvalidToken)):
                await known.verify_token(issuer.token(kid=f"unknown {number}"))

        async with anyio.create_task_group() as bad_ones:
            for number in range(6):
                bad_ones.start_soon(bad, number)
            await until(lambda: issuer.fetches == 2)
            with anyio.fail_after(0.5):
                for _ in range(50):
                    await known.verify_token(issuer.token())
                    good += 1
        assert (good, issuer.fetches) == (50, 2)


async def test_old_keys_are_renewed_while_they_are_used(issuer: RawIssuer) -> None:
    async with verifier(issuer, ttl_seconds=0.1, cooldown_seconds=0, fetch_timeout_seconds=1) as known:
        await known.verify_token(issuer.token())
        issuer.answer = drip
        await anyio.sleep(0.15)
        with anyio.fail_after(0.5):
            await known.verify_token(issuer.token())
        await until(lambda: issuer.fetches == 2)


async def test_callers_who_come_first_share_one_fetch(issuer: RawIssuer) -> None:
    async with verifier(issuer) as known, anyio.create_task_group() as callers:
        for _ in range(20):
            callers.start_soon(known.verify_token, issuer.token())
    assert issuer.fetches == 1


async def test_a_caller_who_goes_away_does_not_end_the_fetch_of_the_others(issuer: RawIssuer) -> None:
    asked, answered = anyio.Event(), anyio.Event()
    keys = issuer.answer

    async def wait(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await answered.wait()
        await keys(writer)

    issuer.answer = wait
    async with verifier(issuer) as known, anyio.create_task_group() as callers:
        with anyio.CancelScope() as first:

            async def go_away() -> None:
                await asked.wait()
                first.cancel()

            callers.start_soon(go_away)
            await known.verify_token(issuer.token())
        assert first.cancelled_caught
        callers.start_soon(known.verify_token, issuer.token())
        answered.set()
    assert issuer.fetches == 1


async def test_a_key_that_is_not_published_is_not_asked_for_again(issuer: RawIssuer) -> None:
    async with verifier(issuer, cooldown_seconds=0) as known:
        for _ in range(3):
            with pytest.raises(InvalidToken, match="a key that the issuer does not publish"):
                await known.verify_token(issuer.token(kid="revoked"))
        assert issuer.fetches == 1
        with pytest.raises(InvalidToken):
            await known.verify_token(issuer.token(kid="another"))
        assert issuer.fetches == 2


async def test_a_new_key_is_found_at_once(issuer: RawIssuer) -> None:
    async with verifier(issuer, cooldown_seconds=0) as known:
        await known.verify_token(issuer.token())
        issuer.answer = whole({"keys": [*issuer.keys.public(), key(kid="r2")]})
        assert (await known.verify_token(issuer.token(kid="r2"))).subject == "jwt:auth0|7"
    assert issuer.fetches == 2


async def test_an_unknown_key_is_no_fault_of_the_caller_while_the_issuer_is_away(issuer: RawIssuer) -> None:
    async with verifier(issuer, cooldown_seconds=0) as known:
        await known.verify_token(issuer.token())
        issuer.answer = raw(b"")
        with pytest.raises(IssuerUnavailable):
            await known.verify_token(issuer.token(kid="r2"))
        assert (await known.verify_token(issuer.token())).subject == "jwt:auth0|7"
