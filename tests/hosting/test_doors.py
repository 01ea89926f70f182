"""Who gets in, and who does not: a table of attacks on the door of a server over HTTP."""

import base64
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from rotor_mcp.hosting.doorway import access_log
from rotor_mcp.hosting.issuer import Issuer, IssuerAway
from rotor_mcp.sandbox import Sandbox
from tests.conftest import text
from tests.hosting.issuers import AUDIENCE, PUBLIC_URL, Keys, TestIssuer, issuing
from tests.hosting.serving import calling, hosted, request

pytestmark = pytest.mark.anyio

CALL = request("search_leads", {"search": "jane doe"})
METADATA = f"{PUBLIC_URL}/.well-known/oauth-protected-resource/mcp"


@pytest.fixture
async def issuer() -> AsyncIterator[TestIssuer]:
    async with issuing() as running:
        yield running


@pytest.fixture
async def url(sandbox: Sandbox, issuer: TestIssuer) -> AsyncIterator[str]:
    """A server that trusts the issuer."""
    host = {"oauth_issuer": issuer.url, "public_url": PUBLIC_URL}
    async with hosted(sandbox.transport, host) as address:
        yield address


async def knock(url: str, token: str | None, **headers: str) -> httpx2.Response:
    shown = {} if token is None else {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient() as http:
        return await http.post(f"{url}/mcp", headers=CALL[0] | shown | headers, json=CALL[1])


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_good_token_gets_in(url: str, issuer: TestIssuer, mode: Any) -> None:
    async with calling(url, issuer.token(), mode=mode) as client:
        result = await client.call_tool("search_leads", {"search": "jane doe"})
    assert text(result).startswith("1 of 1 leads")


async def test_so_does_one_signed_with_another_kind_of_key(url: str, issuer: TestIssuer) -> None:
    token = issuer.token(key=issuer.keys.ec, algorithm="ES256", kid="e1", aud=["https://other", AUDIENCE])
    assert (await knock(url, token)).status_code == 200


def _by_hand(issuer: TestIssuer, sign: Callable[[bytes], bytes], **header: str) -> str:
    """A token as no library makes it."""
    claims = base64.urlsafe_b64decode(issuer.token().split(".")[1] + "==")
    signed = b".".join(_part(part) for part in (json.dumps(header).encode(), claims))
    return (signed + b"." + _part(sign(signed))).decode()


def _part(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def _unsigned(issuer: TestIssuer) -> str:
    return _by_hand(issuer, lambda _: b"", alg="none", kid="r1")


def _unsigned_in_capitals(issuer: TestIssuer) -> str:
    return _by_hand(issuer, lambda _: b"", alg="nOnE")


def _public_key_as_secret(issuer: TestIssuer) -> str:
    """The old confusion: signed with the public key as if it were a shared secret."""
    public = issuer.keys.rsa.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _by_hand(issuer, lambda signed: hmac.digest(public, signed, "sha256"), alg="HS256", kid="r1")


def _shared_secret(issuer: TestIssuer) -> str:
    secret = base64.b64decode("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0")
    return _by_hand(issuer, lambda signed: hmac.digest(secret, signed, "sha256"), alg="HS256", kid="o1")


def _changed(issuer: TestIssuer) -> str:
    head, body, signature = issuer.token(scope="leads:read").split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["scope"] = "leads:read leads:write"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{head}.{forged}.{signature}"


def _key_in_the_header(issuer: TestIssuer) -> str:
    """Signed with a key that comes along in the token itself."""
    own = Keys()
    headers = {"kid": "r1", "jwk": own.public()[0], "jku": "http://127.0.0.1:9/keys"}
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    return jwt.encode(claims, own.rsa, algorithm="RS256", headers=headers)


ATTACKS: dict[str, Callable[[TestIssuer], str | None]] = {
    "no token": lambda _: None,
    "no JWT": lambda _: "b0V3aGF0ZXZlcg",
    "expired": lambda issuer: issuer.token(exp=int(time.time()) - 120),
    "without an end": lambda issuer: issuer.token(exp=None),
    "not yet": lambda issuer: issuer.token(nbf=int(time.time()) + 600),
    "for another resource": lambda issuer: issuer.token(aud="https://other.example.com/mcp"),
    "for nobody in particular": lambda issuer: issuer.token(aud=None),
    "from another issuer": lambda issuer: issuer.token(iss="https://evil.example.com"),
    "from the issuer's neighbour": lambda issuer: issuer.token(iss=f"{issuer.url}/"),
    "about a caller of the token file": lambda issuer: issuer.token(sub="token:night-agent"),
    "about nobody": lambda issuer: issuer.token(sub=None),
    "signed by somebody else": lambda issuer: issuer.token(key=Keys().rsa),
    "signed with a key of another name": lambda issuer: issuer.token(key=Keys().rsa, kid="r2"),
    "signed with a key that is for another algorithm": lambda issuer: issuer.token(algorithm="RS512"),
    "not signed": _unsigned,
    "not signed, in capitals": _unsigned_in_capitals,
    "signed with the public key": _public_key_as_secret,
    "signed with a shared secret": _shared_secret,
    "changed": _changed,
    "with a key of its own": _key_in_the_header,
    "very long": lambda issuer: issuer.token(padding="x" * 20_000),
    "a name that is a path": lambda issuer: issuer.token(kid="../../etc/passwd"),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_token_that_is_not_good(attack: str, url: str, issuer: TestIssuer, sandbox: Sandbox) -> None:
    answer = await knock(url, ATTACKS[attack](issuer))
    assert (answer.status_code, answer.json()) == (
        401,
        {"error": "invalid_token", "error_description": "Authentication required"},
    )
    assert answer.headers["www-authenticate"] == (
        f'Bearer error="invalid_token", error_description="Authentication required", resource_metadata="{METADATA}"'
    )
    assert sandbox.requests == []


async def test_where_to_get_a_token_is_said_to_anybody(url: str, issuer: TestIssuer) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"{url}/.well-known/oauth-protected-resource/mcp")
    assert answer.json() == {
        "resource": AUDIENCE,
        "authorization_servers": [issuer.url],
        "scopes_supported": ["leads:read", "leads:write"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Rotor leads",
    }


async def test_unknown_keys_are_not_asked_for_with_every_token(url: str, issuer: TestIssuer) -> None:
    for number in range(20):
        assert (await knock(url, issuer.token(kid=f"unknown {number}"))).status_code == 401
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_an_issuer_that_does_not_answer_is_no_fault_of_the_caller(url: str, issuer: TestIssuer) -> None:
    issuer.away = True
    answer = await knock(url, issuer.token())
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (
        503,
        {"error": "the issuer of tokens does not answer"},
        "10",
    )
    issuer.away = False
    assert (await knock(url, issuer.token())).status_code == 503, "it was asked just now"
    await anyio.sleep(1.1)
    assert (await knock(url, issuer.token())).status_code == 200


async def test_keys_that_are_known_outlive_the_issuer(issuer: TestIssuer) -> None:
    door = Issuer(issuer.url, AUDIENCE, kept=0.2, pause=0.1)
    known = await door.verify_token(issuer.token())
    assert known is not None
    assert (known.subject, known.client_id, known.scopes) == (
        "auth0|7",
        "assistant",
        ["leads:read", "leads:write"],
    )
    await anyio.sleep(0.25)
    issuer.away = True
    assert await door.verify_token(issuer.token()) is not None
    await anyio.sleep(2.1)
    with pytest.raises(IssuerAway):
        await door.verify_token(issuer.token())


async def test_keys_are_renewed(issuer: TestIssuer) -> None:
    door = Issuer(issuer.url, AUDIENCE, kept=3, pause=0.1)
    before, others = issuer.token(), Keys()
    assert await door.verify_token(before) is not None
    issuer.keys = others
    assert await door.verify_token(issuer.token()) is None, "the new key has the name of the old one"
    await anyio.sleep(3.1)
    assert await door.verify_token(issuer.token()) is not None
    assert await door.verify_token(before) is None


async def test_an_issuer_that_calls_itself_otherwise(issuer: TestIssuer) -> None:
    """Whoever can put a page at the issuer's address is not it yet."""
    door = Issuer(issuer.url.replace("127.0.0.1", "localhost"), AUDIENCE)
    with pytest.raises(IssuerAway):
        await door.verify_token(issuer.token(iss=issuer.url.replace("127.0.0.1", "localhost")))


@pytest.mark.parametrize(
    ("claims", "tools"),
    [
        ({"scope": "leads:read leads:write"}, ["upsert_lead", "upsert_leads", "search_leads", "get_lead"]),
        ({"scope": "leads:read"}, ["search_leads", "get_lead"]),
        ({"scope": None, "scp": ["leads:write"]}, ["upsert_lead", "upsert_leads"]),
        ({"scope": "openid profile"}, []),
        ({"scope": None}, []),
    ],
)
@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_scopes_decide_which_tools_there_are(
    claims: dict[str, Any], tools: list[str], mode: Any, url: str, issuer: TestIssuer
) -> None:
    async with calling(url, issuer.token(**claims), mode=mode) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == tools


async def test_one_caller_is_not_shown_the_tools_of_another_from_a_cache(
    url: str, issuer: TestIssuer, sandbox: Sandbox
) -> None:
    async with calling(url, issuer.token()) as client:
        assert (await client.list_tools()).cache_scope == "private"
    async with hosted(sandbox.transport) as open_to_all, calling(open_to_all) as client:
        assert (await client.list_tools()).cache_scope == "public"


@pytest.mark.parametrize(
    ("scope", "tool", "arguments", "lacking"),
    [
        ("leads:read", "upsert_lead", {"name": "Dana", "phone": "612-555-0142"}, "leads:write"),
        ("leads:read", "upsert_leads", {"rows": [{"name": "Dana", "phone": "612-555-0142"}]}, "leads:write"),
        ("leads:write", "search_leads", {}, "leads:read"),
        ("leads:write", "get_lead", {"id": "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"}, "leads:read"),
    ],
)
async def test_a_tool_beyond_the_scopes_cannot_be_called(
    scope: str,
    tool: str,
    arguments: dict[str, Any],
    lacking: str,
    url: str,
    issuer: TestIssuer,
    sandbox: Sandbox,
) -> None:
    async with calling(url, issuer.token(scope=scope)) as client:
        result = await client.call_tool(tool, arguments)
    assert (result.is_error, text(result)) == (
        True,
        f"Nothing was sent: your access token lacks the scope {lacking}; whoever gave you the token can grant it. "
        "No requests spent.",
    )
    assert sandbox.requests == []


TOKENS = """
# callers of the office network
night-agent  b0Vt1qkM3xJ0cC7cWfGqfXn2d4s6a8zZ1p
dashboard    Yk3qA9sPzR5tV7wX2yB4cD6eF8gH0jK1mN  leads:read
"""


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(TOKENS, "utf-8")
    return file


async def test_tokens_of_a_file(token_file: Path, sandbox: Sandbox) -> None:
    async with hosted(sandbox.transport, {"token_file": token_file}) as url:
        async with calling(url, "b0Vt1qkM3xJ0cC7cWfGqfXn2d4s6a8zZ1p") as client:
            assert len((await client.list_tools()).tools) == 4
        async with calling(url, "Yk3qA9sPzR5tV7wX2yB4cD6eF8gH0jK1mN") as client:
            assert len((await client.list_tools()).tools) == 2
        answers = [
            await knock(url, token)
            for token in (None, "night-agent", "b0Vt1qkM3xJ0cC7cWfGqfXn2d4s6a8zZ1", "~" * 40)
        ]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert answers[0].headers["www-authenticate"] == (
        'Bearer error="invalid_token", error_description="Authentication required"'
    )


async def test_a_token_file_that_changes(token_file: Path, sandbox: Sandbox) -> None:
    old, new = "b0Vt1qkM3xJ0cC7cWfGqfXn2d4s6a8zZ1p", "N3wT0k3nN3wT0k3nN3wT0k3nN3wT0k3n"
    async with hosted(sandbox.transport, {"token_file": token_file}) as url:
        assert (await knock(url, old)).status_code == 200
        token_file.write_text(f"night-agent {new}\n", "utf-8")
        assert ((await knock(url, old)).status_code, (await knock(url, new)).status_code) == (401, 200)
        token_file.write_text("night-agent short\n", "utf-8")
        assert (await knock(url, new)).status_code == 200, "what cannot be read leaves what was read"
        token_file.unlink()
        assert (await knock(url, new)).status_code == 200


async def test_both_kinds_of_token(token_file: Path, issuer: TestIssuer, sandbox: Sandbox) -> None:
    host = {"token_file": token_file, "oauth_issuer": issuer.url, "public_url": PUBLIC_URL}
    async with hosted(sandbox.transport, host) as url:
        tokens = (issuer.token(), "b0Vt1qkM3xJ0cC7cWfGqfXn2d4s6a8zZ1p", "b0Vt1qkM3xJ0cC7cWfGqfXn2d4s6a8zZ1q")
        assert [(await knock(url, token)).status_code for token in tokens] == [200, 200, 401]


async def test_a_name_that_looks_like_lines_of_a_log(
    issuer: TestIssuer, sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    forged = 'eve\n{"caller": "ann", "outcome": "created"}\r\n2026-11-25 INFO rotor_mcp: all is well'
    audit = tmp_path / "audit.jsonl"
    host = {"oauth_issuer": issuer.url, "public_url": PUBLIC_URL, "audit_file": audit}
    access_log.propagate = True
    with caplog.at_level(logging.INFO, "rotor_mcp"):
        async with hosted(sandbox.transport, host) as url, calling(url, issuer.token(sub=forged)) as client:
            await client.call_tool("upsert_lead", {"name": "Dana", "phone": "612-555-0142"})
    (line,) = audit.read_text("utf-8").splitlines()
    assert (json.loads(line)["caller"], json.loads(line)["outcome"]) == (forged, "created")
    told = [record.getMessage() for record in caplog.records]
    assert any(json.dumps(forged) in text for text in told)
    assert not any("\n" in text or "\r" in text for text in told)
