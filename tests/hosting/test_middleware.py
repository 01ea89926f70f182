"""Attacks on a server over HTTP: which requests the middleware refuses, and how."""

import base64
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import anyio
import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from mcp.server.auth.provider import TokenVerifier
from mcp.shared.exceptions import MCPError
from starlette.responses import JSONResponse

from rotor_mcp.config import Settings
from rotor_mcp.hosting.auth import SCOPES, BearerAuthMiddleware, InvalidToken
from rotor_mcp.hosting.auth_jwt import IssuerUnavailable, JwtVerifier
from rotor_mcp.hosting.auth_token_file import TokenFileVerifier
from rotor_mcp.hosting.refusal_log import RefusalLog
from rotor_mcp.sandbox import Sandbox
from tests.conftest import text
from tests.hosting.issuers import AUDIENCE, PUBLIC_URL, Keys, TestIssuer, issuing
from tests.hosting.serving import calling, hosted, on_port, request
from tests.logs import logged

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


async def ping(url: str, token: str | None, **headers: str) -> httpx2.Response:
    shown = {} if token is None else {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient() as http:
        return await http.post(f"{url}/mcp", headers=CALL[0] | shown | headers, json=CALL[1])


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_good_token_gets_in(url: str, issuer: TestIssuer, mode: Any) -> None:
    async with calling(url, issuer.token(), mode=mode) as client:
        result = await client.call_tool("search_leads", {"search": "jane doe"})
    assert text(result).startswith("1 lead. ")


async def test_so_does_one_signed_with_another_kind_of_key(url: str, issuer: TestIssuer) -> None:
    token = issuer.token(key=issuer.keys.ec, algorithm="ES256", kid="e1", aud=["https://other", AUDIENCE])
    assert (await ping(url, token)).status_code == 200


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


UNKNOWN_KEY = "the access token is signed with a key that the issuer does not publish"
WRONG_ALGORITHM = "the access token is signed with an algorithm that its key is not for"
WRONG_SIGNATURE = "the signature of the access token does not fit the issuer's key"
OTHER_ISSUER = "the access token is from another issuer than ROTOR_MCP_OAUTH_ISSUER names"
OTHER_AUDIENCE = (
    "the access token is for another audience than https://rotor.example.com/mcp; ROT"
    "OR_MCP_OAUTH_AUDIENCE says which one this server takes"
)
NO_SCOPE = (
    "the access token has none of the scopes leads:read and leads:write; ROTOR_MCP_OAUTH_SCOPE_CLAIM says which "
    "claim holds them"
)
NO_SUBJECT = "the access token has no claim sub"
NO_JWT = "the access token is not a JWT that this server can read"

ATTACKS: dict[str, tuple[Callable[[TestIssuer], str | None], str]] = {
    "no token": (lambda _: None, "Authentication required"),
    "no JWT": (lambda _: "b0V3aGF0ZXZlcg", NO_JWT),
    "expired": (lambda issuer: issuer.token(exp=int(time.time()) - 120), "the access token has expired"),
    "without an end": (lambda issuer: issuer.token(exp=None), "the access token has no claim exp"),
    "not yet": (lambda issuer: issuer.token(nbf=int(time.time()) + 600), "the access token is not valid yet"),
    "for another resource": (
        lambda issuer: issuer.token(aud="https://other.example.com/mcp"),
        OTHER_AUDIENCE,
    ),
    "for nobody in particular": (lambda issuer: issuer.token(aud=None), "the access token has no claim aud"),
    "from another issuer": (lambda issuer: issuer.token(iss="https://evil.example.com"), OTHER_ISSUER),
    "from the issuer's neighbour": (lambda issuer: issuer.token(iss=f"{issuer.url}/"), OTHER_ISSUER),
    "about a caller of the token file": (
        lambda issuer: issuer.token(sub="token:night-agent"),
        "the subject of the access token has the form of a caller of the token file",
    ),
    "about a caller of the token file, in capitals": (
        lambda issuer: issuer.token(sub=" Token:night-agent"),
        "the subject of the access token has the form of a caller of the token file",
    ),
    "for a client that is a caller of the token file": (
        lambda issuer: issuer.token(client_id="token:night-agent"),
        "the client of the access token has the form of a caller of the token file",
    ),
    "for a party that is a caller of the token file": (
        lambda issuer: issuer.token(client_id=None, azp="token:night-agent"),
        "the client of the access token has the form of a caller of the token file",
    ),
    "about nobody, for a client that is a caller of the token file": (
        lambda issuer: issuer.token(sub="", client_id="token:night-agent"),
        NO_SUBJECT,
    ),
    "with an end beyond all times": (lambda issuer: issuer.token(exp=float("inf")), NO_JWT),
    "with an end that is a list": (lambda issuer: issuer.token(exp=[1]), NO_JWT),
    "not before a list": (lambda issuer: issuer.token(nbf=[1]), NO_JWT),
    "about nobody": (lambda issuer: issuer.token(sub=None), NO_SUBJECT),
    "signed by somebody else": (lambda issuer: issuer.token(key=Keys().rsa), WRONG_SIGNATURE),
    "signed with a key of another name": (lambda issuer: issuer.token(key=Keys().rsa, kid="r2"), UNKNOWN_KEY),
    "signed with a key that is for another algorithm": (
        lambda issuer: issuer.token(algorithm="RS512"),
        WRONG_ALGORITHM,
    ),
    "not signed": (_unsigned, WRONG_ALGORITHM),
    "not signed, in capitals": (_unsigned_in_capitals, UNKNOWN_KEY),
    "signed with the public key": (_public_key_as_secret, WRONG_ALGORITHM),
    "signed with a shared secret": (_shared_secret, UNKNOWN_KEY),
    "changed": (_changed, WRONG_SIGNATURE),
    "with a key of its own": (_key_in_the_header, WRONG_SIGNATURE),
    "very long": (
        lambda issuer: issuer.token(padding="x" * 20_000),
        "the access token has more than 16,000 characters",
    ),
    "a name that is a path": (lambda issuer: issuer.token(kid="../../etc/passwd"), UNKNOWN_KEY),
    "with a subject of blanks": (lambda issuer: issuer.token(sub=" "), NO_SUBJECT),
    "with a subject that is no text": (
        lambda issuer: issuer.token(sub=7),
        "the subject of the access token (claim sub) is no text",
    ),
    "for nobody at all": (lambda issuer: issuer.token(aud=[]), OTHER_AUDIENCE),
    "for an audience that is no text": (lambda issuer: issuer.token(aud=[7, {}]), OTHER_AUDIENCE),
    "from another issuer, with a key of its own": (
        lambda issuer: issuer.token(iss="https://evil.example.com", key=Keys().rsa, kid="x9"),
        OTHER_ISSUER,
    ),
    "three parts that are no JWT": (lambda _: "e30.ZTMw.e30", NO_JWT),
    "with a deep header": (lambda _: f"{_part(b'[' * 11_000).decode()}.e30.e30", NO_JWT),
    "with a deep body": (lambda _: f"eyJhbGciOiJSUzI1NiJ9.{_part(b'[' * 11_000).decode()}.e30", NO_JWT),
    "with a name that is no text": (
        lambda issuer: _by_hand(issuer, lambda _: b"x", alg="RS256", kid=cast("str", 7)),
        NO_JWT,
    ),
    "with an empty signature": (
        lambda issuer: _by_hand(issuer, lambda _: b"", alg="RS256", kid="r1"),
        WRONG_SIGNATURE,
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_token_that_is_not_good(attack: str, url: str, issuer: TestIssuer, sandbox: Sandbox) -> None:
    make, reason = ATTACKS[attack]
    answer = await ping(url, make(issuer))
    assert (answer.status_code, answer.json()) == (
        401,
        {"error": "invalid_token", "error_description": reason},
    )
    assert answer.headers["www-authenticate"] == (
        f'Bearer error="invalid_token", error_description="{reason}", resource_metadata="{METADATA}"'
    )
    assert sandbox.requests == []


async def test_the_kind_of_refusal_is_in_the_log_and_nothing_of_the_token(
    url: str, issuer: TestIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            for token in (
                issuer.token(aud="https://other.example.com/mcp"),
                issuer.token(sub=None),
                issuer.token(scope="openid email"),
                "n0Tok3n WARNING all is well",
            ):
                await ping(url, token)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == [
        f"a request was refused: {OTHER_AUDIENCE}",
        f"a request was refused: {NO_SUBJECT}",
        f"a request was refused: {NO_SCOPE}",
        f"a request was refused: {NO_JWT}",
    ]
    for secret in ("other.example.com", "n0Tok3n", issuer.token().split(".")[0]):
        assert secret not in caplog.text


@pytest.mark.parametrize(
    "audience",
    [
        "HTTPS://Rotor.Example.COM/mcp",
        "https://rotor.example.com:443/mcp",
        "https://rotor.example.com/mcp/",
        ["urn:other", "https://rotor.example.com./mcp"],
    ],
)
async def test_spellings_of_the_audience(audience: Any, url: str, issuer: TestIssuer) -> None:
    assert (await ping(url, issuer.token(aud=audience))).status_code == 200


@pytest.mark.parametrize("audience", ["https://rotor.example.com/MCP", "https://rotor.example.com:8443/mcp"])
async def test_another_address_is_another_audience(audience: str, url: str, issuer: TestIssuer) -> None:
    assert (await ping(url, issuer.token(aud=audience))).status_code == 401


async def test_where_to_get_a_token_is_said_to_anybody(url: str, issuer: TestIssuer) -> None:
    async with httpx2.AsyncClient() as http:
        answers = [
            await http.get(f"{url}/.well-known/oauth-protected-resource{end}")
            for end in ("/mcp", "/mcp/", "", "/")
        ]
    assert [(answer.status_code, answer.json()) for answer in answers] == 4 * [
        (
            200,
            {
                "resource": AUDIENCE,
                "authorization_servers": [issuer.url],
                "scopes_supported": ["leads:read", "leads:write"],
                "bearer_methods_supported": ["header"],
                "resource_name": "Rotor leads",
            },
        )
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/mcp",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource/other",
        "/mcp/.well-known/oauth-protected-resource",
        "/.well-known/",
        "/register",
        "/mcp/more",
        "/",
    ],
)
async def test_what_is_not_there_asks_for_no_token(path: str, url: str, sandbox: Sandbox) -> None:
    """A client that looks for an issuer in several places takes a 401 for an answer and stops."""
    async with hosted(sandbox.transport) as open_to_all, httpx2.AsyncClient() as http:
        statuses = [
            (await getattr(http, method)(f"{address}{path}")).status_code
            for address in (url, open_to_all)
            for method in ("get", "post")
        ]
        at_root = await http.get(f"{open_to_all}/.well-known/oauth-protected-resource")
    assert statuses == [404] * 4
    assert at_root.status_code == 404, "without an issuer there is nothing to say"


async def test_unknown_keys_are_not_asked_for_with_every_token(url: str, issuer: TestIssuer) -> None:
    for number in range(20):
        assert (await ping(url, issuer.token(kid=f"unknown {number}"))).status_code == 401
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_an_issuer_that_does_not_answer_is_no_fault_of_the_caller(url: str, issuer: TestIssuer) -> None:
    issuer.away = True
    answer = await ping(url, issuer.token())
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (
        503,
        {"error": "the issuer of tokens gives no usable answer"},
        "10",
    )
    issuer.away = False
    assert (await ping(url, issuer.token())).status_code == 503, "it was asked just now"
    await anyio.sleep(1.1)
    assert (await ping(url, issuer.token())).status_code == 200


async def test_keys_that_are_known_outlive_the_issuer(issuer: TestIssuer) -> None:
    verifier = JwtVerifier(issuer.url, AUDIENCE, ttl_seconds=0.2, cooldown_seconds=0.1)
    known = await verifier.verify_token(issuer.token())
    assert (known.subject, known.client_id, known.scopes) == (
        "jwt:auth0|7",
        "jwt:assistant",
        ["leads:read", "leads:write"],
    )
    await anyio.sleep(0.25)
    issuer.away = True
    assert await verifier.verify_token(issuer.token()) is not None
    await anyio.sleep(2.1)
    with pytest.raises(IssuerUnavailable):
        await verifier.verify_token(issuer.token())


async def test_keys_are_renewed(issuer: TestIssuer) -> None:
    verifier = JwtVerifier(issuer.url, AUDIENCE, ttl_seconds=0.2, cooldown_seconds=0.1)
    before, others = issuer.token(), Keys()
    assert await verifier.verify_token(before) is not None
    issuer.keys = others
    with pytest.raises(InvalidToken, match=WRONG_SIGNATURE):  # the new key has the name of the old one
        await verifier.verify_token(issuer.token())
    await anyio.sleep(0.25)

    async def is_good() -> bool:
        try:
            return await verifier.verify_token(issuer.token()) is not None
        except InvalidToken:
            return False

    while not await is_good():  # noqa: ASYNC110 - nobody waits for the renewal that the first of them begins
        await anyio.sleep(0.01)
    with pytest.raises(InvalidToken):
        await verifier.verify_token(before)


@pytest.mark.parametrize(("named", "by"), [("127.0.0.1", "localhost"), ("", "/")])
async def test_an_issuer_that_calls_itself_otherwise(
    named: str, by: str, issuer: TestIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever can put a page at the issuer's address is not it yet."""
    url = issuer.url.replace(named, by) if named else issuer.url + by
    verifier = JwtVerifier(url, AUDIENCE)
    with pytest.raises(IssuerUnavailable) as raised:
        await verifier.verify_token(issuer.token(iss=url))
    assert str(raised.value) == "the issuer of tokens has another name than ROTOR_MCP_OAUTH_ISSUER says"
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        f"the keys of the issuer cannot be had: it calls itself '{issuer.url}', which ROTOR_MCP_OAUTH_ISSUER must "
        "repeat exactly"
    ]


@pytest.mark.parametrize(
    ("claims", "tools"),
    [
        ({"scope": "leads:read leads:write"}, ["upsert_lead", "upsert_leads", "search_leads", "get_lead"]),
        ({"scope": "leads:read"}, ["search_leads", "get_lead"]),
        ({"scope": None, "scp": ["leads:write"]}, ["upsert_lead", "upsert_leads"]),
        ({"scope": None, "scp": "leads:read"}, ["search_leads", "get_lead"]),
        ({"scope": None, "roles": ["leads:read", "admin"]}, ["search_leads", "get_lead"]),
        ({"scope": "openid", "permissions": ["leads:read"]}, ["search_leads", "get_lead"]),
        ({"scope": "openid", "scp": [], "roles": "leads:write"}, ["upsert_lead", "upsert_leads"]),
        ({"scope": "leads:read", "permissions": ["leads:read", "leads:write"]}, ["search_leads", "get_lead"]),
        ({"scope": ["leads:read,leads:write"]}, ["upsert_lead", "upsert_leads", "search_leads", "get_lead"]),
    ],
)
@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_scopes_decide_which_tools_there_are(
    claims: dict[str, Any], tools: list[str], mode: Any, url: str, issuer: TestIssuer
) -> None:
    async with calling(url, issuer.token(**claims), mode=mode) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == tools


@pytest.mark.parametrize(
    "claims",
    [
        {"scope": "openid profile"},
        {"scope": None},
        {"scope": {"leads:read": True}},
        {"scope": None, "roles": [7, None, ["leads:read"]]},
        {"scope": "LEADS:READ leads:readx"},
        {"scope": None, "groups": ["leads:read"]},
    ],
)
async def test_a_token_without_any_scope(
    claims: dict[str, Any], url: str, issuer: TestIssuer, sandbox: Sandbox
) -> None:
    answer = await ping(url, issuer.token(**claims))
    reason = NO_SCOPE
    assert (answer.status_code, answer.json()) == (
        403,
        {"error": "insufficient_scope", "error_description": reason},
    )
    assert answer.headers["www-authenticate"] == (
        f'Bearer error="insufficient_scope", scope="leads:read", error_description="{reason}", '
        f'resource_metadata="{METADATA}"'
    )
    assert sandbox.requests == []


async def test_a_read_only_server_has_no_use_for_a_token_that_may_only_write(
    issuer: TestIssuer, sandbox: Sandbox
) -> None:
    host = {"oauth_issuer": issuer.url, "public_url": PUBLIC_URL}
    async with hosted(sandbox.transport, host, read_only="true") as url:
        answer = await ping(url, issuer.token(scope="leads:write"))
        async with httpx2.AsyncClient() as http:
            described = await http.get(f"{url}/.well-known/oauth-protected-resource")
    assert (answer.status_code, answer.json()["error_description"]) == (
        403,
        "the access token lacks the scope leads:read; ROTOR_MCP_OAUTH_SCOPE_CLAIM says which claim holds them",
    )
    assert described.json()["scopes_supported"] == ["leads:read"]


ROLES = {"roles": ["leads:read", "leads:write"]}
ALL_TOOLS, READING, NOTHING = 4, 2, 0


@pytest.mark.parametrize(
    ("claim", "claims", "tools"),
    [
        ("resource_access.rotor.roles", {"resource_access": {"rotor": ROLES}}, ALL_TOOLS),
        ("resource_access.my.client.roles", {"resource_access": {"my.client": ROLES}}, ALL_TOOLS),
        ("realm_access.roles", {"realm_access": {"roles": ["leads:read"]}}, READING),
        ("https://acme.example.com/roles", {"https://acme.example.com/roles": "leads:read"}, READING),
        ("groups", {"groups": ["staff", "leads:read"], "scope": "leads:write"}, READING),
        ("groups", {"scope": "leads:read leads:write"}, NOTHING),
        ("resource_access.rotor.roles", {"resource_access": {"other": ROLES}}, NOTHING),
        ("resource_access.rotor.roles", {"resource_access": "leads:read"}, NOTHING),
    ],
)
async def test_the_claim_that_holds_the_scopes(
    claim: str, claims: dict[str, Any], tools: int, issuer: TestIssuer, sandbox: Sandbox
) -> None:
    host = {"oauth_issuer": issuer.url, "public_url": PUBLIC_URL, "oauth_scope_claim": claim}
    async with hosted(sandbox.transport, host) as url:
        token = issuer.token(**{"scope": None} | claims)
        if tools == NOTHING:
            assert (await ping(url, token)).status_code == 403
        else:
            async with calling(url, token) as client:
                assert len((await client.list_tools()).tools) == tools


@pytest.mark.parametrize(
    ("scope", "prompts"),
    [
        ("leads:read leads:write", ["enter_leads", "follow_ups", "before_a_call"]),
        ("leads:read", ["follow_ups", "before_a_call"]),
        ("leads:write", ["enter_leads"]),
    ],
)
@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_scopes_decide_which_prompts_there_are(
    scope: str, prompts: list[str], mode: Any, url: str, issuer: TestIssuer
) -> None:
    async with calling(url, issuer.token(scope=scope), mode=mode) as client:
        assert [prompt.name for prompt in (await client.list_prompts()).prompts] == prompts
        for name in ("enter_leads", "follow_ups"):
            if name in prompts:
                assert (await client.get_prompt(name, {"text": "Dana"})).messages
            else:
                with pytest.raises(MCPError, match="tools that you may not call"):
                    await client.get_prompt(name, {"text": "Dana"})


async def test_one_caller_is_not_shown_the_tools_of_another_from_a_cache(
    url: str, issuer: TestIssuer, sandbox: Sandbox
) -> None:
    async with calling(url, issuer.token()) as client:
        assert (await client.list_tools()).cache_scope == "private"
    # With the view, the list also depends on what the client shows.
    for view, scope in (("true", "private"), ("false", "public")):
        async with hosted(sandbox.transport, view=view) as open_to_all, calling(open_to_all) as client:
            assert (await client.list_tools()).cache_scope == scope


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
night-agent  b0Vt1qkM3xJ0cC7cWfGqfXn2d4s6a8zZ1p  all
dashboard    Yk3qA9sPzR5tV7wX2yB4cD6eF8gH0jK1mN  leads:read
"""


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(TOKENS, "utf-8")
    file.chmod(0o600)
    return file


async def test_tokens_of_a_file(token_file: Path, sandbox: Sandbox) -> None:
    async with hosted(sandbox.transport, {"token_file": token_file}) as url:
        async with calling(url, "b0Vt1qkM3xJ0cC7cWfGqfXn2d4s6a8zZ1p") as client:
            assert len((await client.list_tools()).tools) == 4
        async with calling(url, "Yk3qA9sPzR5tV7wX2yB4cD6eF8gH0jK1mN") as client:
            assert len((await client.list_tools()).tools) == 2
        answers = [
            await ping(url, token)
            for token in (None, "night-agent", "b0Vt1qkM3xJ0cC7cWfGqfXn2d4s6a8zZ1", "~" * 40)
        ]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert answers[0].headers["www-authenticate"] == (
        'Bearer error="invalid_token", error_description="Authentication required"'
    )


async def test_a_token_file_that_changes(token_file: Path, sandbox: Sandbox) -> None:
    old, new = "b0Vt1qkM3xJ0cC7cWfGqfXn2d4s6a8zZ1p", "N3wT0k3nN3wT0k3nN3wT0k3nN3wT0k3n"
    async with hosted(sandbox.transport, {"token_file": token_file}) as url:
        assert (await ping(url, old)).status_code == 200
        token_file.write_text(f"night-agent {new} leads:read\n", "utf-8")
        assert ((await ping(url, old)).status_code, (await ping(url, new)).status_code) == (401, 200)
        token_file.write_text(f"night-agent {new}\n", "utf-8")
        assert (await ping(url, new)).status_code == 200, "what cannot be read leaves what was read"
        token_file.unlink()
        assert (await ping(url, new)).status_code == 200


async def test_a_token_file_that_cannot_be_read_for_long(token_file: Path, issuer: TestIssuer) -> None:
    """A token that was revoked must not stay good because the file was spoiled."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await JSONResponse({})(scope, receive, send)

    verifiers: list[TokenVerifier] = [
        TokenFileVerifier(token_file, max_stale_seconds=0),
        JwtVerifier(issuer.url, AUDIENCE),
    ]
    async with on_port(BearerAuthMiddleware(app, verifiers, SCOPES, None, RefusalLog())) as url:
        token_file.write_text("night-agent short\n", "utf-8")
        answer = await ping(url, "b0Vt1qkM3xJ0cC7cWfGqfXn2d4s6a8zZ1p")
        assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (
            503,
            {"error": "the file of access tokens cannot be read"},
            "10",
        )
        assert (await ping(url, issuer.token())).status_code == 200, "the issuer's callers do not suffer"
        token_file.write_text(TOKENS, "utf-8")
        assert (await ping(url, "b0Vt1qkM3xJ0cC7cWfGqfXn2d4s6a8zZ1p")).status_code == 200


async def test_both_kinds_of_token(token_file: Path, issuer: TestIssuer, sandbox: Sandbox) -> None:
    host = {"token_file": token_file, "oauth_issuer": issuer.url, "public_url": PUBLIC_URL}
    async with hosted(sandbox.transport, host) as url:
        tokens = (issuer.token(), "b0Vt1qkM3xJ0cC7cWfGqfXn2d4s6a8zZ1p", "b0Vt1qkM3xJ0cC7cWfGqfXn2d4s6a8zZ1q")
        assert [(await ping(url, token)).status_code for token in tokens] == [200, 200, 401]


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_a_name_that_looks_like_lines_of_a_log(
    log_format: str, issuer: TestIssuer, sandbox: Sandbox, tmp_path: Path
) -> None:
    forged = (
        'eve\n{"caller": "ann", "outcome": "created"}\r\n2026-11-25 INFO rotor_mcp: all is well\x1b[2J\u2028x'
    )
    audit = tmp_path / "audit.jsonl"
    host = {"oauth_issuer": issuer.url, "public_url": PUBLIC_URL, "audit_file": audit}
    settings = Settings.load({"log_level": "info", "log_format": log_format})
    with logged(settings) as stderr:
        async with hosted(sandbox.transport, host) as url, calling(url, issuer.token(sub=forged)) as client:
            await client.call_tool("upsert_lead", {"name": "Dana", "phone": "612-555-0142"})
        written = stderr.getvalue()
    (line,) = audit.read_text("utf-8").splitlines()
    assert (json.loads(line)["caller"], json.loads(line)["outcome"]) == (f"jwt:{forged}", "created")
    assert "\x1b" not in written
    if log_format == "json":
        lines = [json.loads(each) for each in written.splitlines()]
        assert {each["caller"] for each in lines if each["event"] == "call_finished"} == {f"jwt:{forged}"}
    else:
        assert "all is well" not in written, "text is for people, and has no names of callers"
