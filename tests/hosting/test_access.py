"""Access control over HTTP: Rotor keys, scopes, limits, and the isolation of tenants."""

import json
import logging
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.types import CallToolResult

from evals.leads import all_leads
from rotor_mcp import log_setup
from rotor_mcp.config import Credentials, Settings
from rotor_mcp.errors import CallRejected
from rotor_mcp.hosting.access import HostedAccessControl, parse_keys
from rotor_mcp.hosting.reloading_file import ReloadingFile
from rotor_mcp.hosting.settings import HostSettings
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.server.backend import open_registry
from tests.conftest import NOW, text
from tests.hosting.issuers import PUBLIC_URL, issuing
from tests.hosting.serving import calling, hosted, request
from tests.waiting import until

pytestmark = pytest.mark.anyio

ANN, BEN, EVE = (f"{name}-{'t0k3n' * 7}" for name in ("ann", "ben", "eve"))
COMPANIES = {"token:ann": "rotor_acme_s3cr3tofacme", "token:ben": "rotor_bolt_s3cr3tofbolt"}


class StateFactory:
    """Several companies behind one address, as they are at Rotor: the key says which is meant."""

    def __init__(self, keys: dict[str, str]) -> None:
        self.of = {
            key: Sandbox(now=lambda: NOW, leads=20, keys={key: ("leads:read", "leads:write")})
            for key in keys.values()
        }
        self.seen: list[str] = []

    def transport(self) -> httpx2.AsyncBaseTransport:
        inner = {key: sandbox.transport() for key, sandbox in self.of.items()}
        outer = self

        class ByKey(httpx2.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
                key = request.headers.get("x-api-key", "")
                outer.seen.append(key)
                if key not in inner:
                    return httpx2.Response(401, json={"message": "Authentication required."})
                response = await inner[key].handle_async_request(request)
                # What one company's browser would get is not for another's.
                response.headers["set-cookie"] = f"session={key[6:10]}; Path=/"
                assert "cookie" not in request.headers
                return response

        return ByKey()


@pytest.fixture
def state_factory() -> Iterator[StateFactory]:
    several = StateFactory(COMPANIES)
    yield several
    for sandbox in several.of.values():
        sandbox.close()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(f"ann {ANN} all\nben {BEN} all\neve {EVE} all\n", "utf-8")
    file.chmod(0o600)
    return file


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(COMPANIES), "utf-8")
    file.chmod(0o600)
    return file


async def test_each_caller_has_the_key_of_the_file(
    state_factory: StateFactory, token_file: Path, key_file: Path
) -> None:
    host = {"token_file": token_file, "key_from": "file", "key_file": key_file}
    async with hosted(state_factory.transport, host) as url:
        async with calling(url, ANN) as ann, calling(url, BEN) as ben:
            await ann.call_tool("upsert_lead", {"name": "Only Acme's", "phone": "612-555-0142"})
            found = [await client.call_tool("search_leads", {"search": "Only Acme"}) for client in (ann, ben)]
        async with calling(url, EVE) as eve:
            refused = await eve.call_tool("search_leads", {})
    assert [result.structured_content and result.structured_content["count"] for result in found] == [1, 0]
    assert text(refused) == (
        "Nothing was sent: this server knows no Rotor key of yours; whoever runs it can add one. No requests spent."
    )
    assert set(state_factory.seen) == set(COMPANIES.values()), "nobody ever used this server's own key"


async def test_the_key_of_a_header(state_factory: StateFactory) -> None:
    async with hosted(state_factory.transport, {"key_from": "header"}) as url:
        for key, start in (
            (COMPANIES["token:ann"], "2 of "),
            (None, "Nothing was sent: send your Rotor API key along, in the header x-rotor-api-key."),
            ("${ROTOR_API_KEY}", "Nothing was sent: what came in the header x-rotor-api-key is no API key."),
            ("has a space", "Nothing was sent: what came in the header x-rotor-api-key is no API key."),
            (
                "rotor_nobodys_s3cr3tofnobody",
                "Rotor does not accept the API key (401). Nothing was done. It is the key that you send in the header "
                "x-rotor-api-key; one is made in Rotor under Settings → Integrations and begins with rotor_. "
                "1 request spent.",
            ),
        ):
            headers = {} if key is None else {"x-rotor-api-key": key}
            async with calling(url, headers=headers) as client:
                assert text(await client.call_tool("search_leads", {"limit": 2})).startswith(start)
    assert FULL_KEY not in state_factory.seen


async def test_a_server_without_a_key_says_who_can_give_it_one(sandbox: Sandbox) -> None:
    async with hosted(sandbox.transport, api_key="") as url, calling(url) as client:
        result = await client.call_tool("search_leads", {})
    assert text(result) == (
        "Nothing was sent: there is no Rotor API key that can be used. It is this server's key: whoever runs the "
        "server can renew it. No requests spent."
    )


async def test_a_key_in_the_header_counts_only_where_the_operator_allows_it(
    state_factory: StateFactory,
) -> None:
    async with (
        hosted(state_factory.transport, api_key=COMPANIES["token:ann"]) as url,
        calling(url, headers={"x-rotor-api-key": COMPANIES["token:ben"]}) as client,
    ):
        await client.call_tool("search_leads", {})
    assert state_factory.seen == [COMPANIES["token:ann"]]


@pytest.mark.slow
async def test_companies_never_meet() -> None:
    """Many companies and calls at once, with the same people everywhere, and one connection to Rotor.

    Every name tells whose it is. Whatever a caller is shown, or a company holds in the end, is its own.
    """
    numbers = range(12)
    keys = {f"company {number}": f"rotor_c{number}x_s3cr3tof{number:04}" for number in numbers}
    state_factory = StateFactory(keys)
    chance = random.Random(7)

    def mine(number: int, step: int) -> tuple[str, dict[str, Any]]:
        person = {"phone": f"612-555-01{step % 4:02}", "name": f"Person {step % 4} of <{number}>"}
        calls: list[tuple[str, dict[str, Any]]] = [
            ("upsert_lead", {**person, "notes": f"Said to <{number}>: {step}", "tags": [f"<{number}>"]}),
            ("upsert_lead", {**person, "stage": f"Stage <{number}>", "dry_run": True}),
            ("search_leads", {"search": "Person", "count_by": "tag"}),
            ("search_leads", {"order": "name", "limit": 50}),
            ("upsert_leads", {"rows": [person, {**person, "notes": f"Row <{number}> {step}"}]}),
        ]
        return chance.choice(calls)

    shown: dict[int, list[str]] = {number: [] for number in numbers}
    host = {"key_from": "header", "calls_at_once": 100, "calls_per_minute": 10_000}
    async with hosted(state_factory.transport, host) as url, AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(calling(url, headers={"x-rotor-api-key": key}))
            for key in keys.values()
        ]

        async def work(number: int) -> None:
            for step in range(12):
                result = await clients[number].call_tool(*mine(number, step))
                shown[number].append(result.model_dump_json())

        async with anyio.create_task_group() as group:
            for number in numbers:
                group.start_soon(work, number)
                group.start_soon(work, number)
    for number, key in zip(numbers, keys.values(), strict=True):
        seen = "".join(shown[number])
        assert f"<{number}>" in seen
        for other, other_key in zip(numbers, keys.values(), strict=True):
            if other != number:
                assert f"<{other}>" not in seen
                assert other_key not in seen
        leads = [
            lead for lead in all_leads(state_factory.of[key]).values() if "Person" in (lead["name"] or "")
        ]
        assert f"<{number}>" in repr(leads)
        assert not any(f"<{other}>" in repr(leads) for other in numbers if other != number)
        state_factory.of[key].close()


def test_a_key_file_that_cannot_be_read_for_long(
    state_factory: StateFactory, token_file: Path, key_file: Path
) -> None:
    settings = HostSettings.load(
        {"token_file": str(token_file), "key_from": "file", "key_file": str(key_file)}
    )
    access = HostedAccessControl(open_registry(Settings.load({}), state_factory.transport), settings)
    access._keys = ReloadingFile(key_file, parse_keys, max_stale_seconds=0)
    key_file.write_text("{", "utf-8")
    with pytest.raises(CallRejected) as raised:
        access._tenant("token:ann")
    assert str(raised.value) == (
        "this server cannot read its file of Rotor keys; whoever runs it finds the reason in its log. "
        "Try again in a minute"
    )
    key_file.write_text(json.dumps(COMPANIES), "utf-8")
    assert access._tenant("token:ann").credentials == Credentials(COMPANIES["token:ann"])


async def test_a_company_is_remembered_between_calls(state_factory: StateFactory) -> None:
    key = COMPANIES["token:ann"]
    async with hosted(state_factory.transport, {"key_from": "header"}) as url:
        for _ in range(2):
            async with calling(url, headers={"x-rotor-api-key": key}) as client:
                await client.call_tool("search_leads", {"count_by": "tag"})
    assert state_factory.seen == [key], "the second call answers from what the first one read"


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "[]",
        '{"ann": 7}',
        '{"ann": ""}',
        '{"ann": "rotor_a b_c"}',
        '{"ann": "rotor_x_y"',
        "{'a': 'b'}",
        "[" * 100_000,
    ],
)
def test_a_key_file_that_is_not_right(broken: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is looked at
        parse_keys(broken)
    assert str(raised.value) in (
        "is not JSON",
        'must be an object of callers and keys, such as {"token:ann": "rotor_…"}',
    )


def test_a_subject_stands_in_the_key_file_with_or_without_its_prefix() -> None:
    keys = {
        "auth0|7": "rotor_a_1",
        "jwt:auth0|8": "rotor_b_2",
        "token:ann": "rotor_c_3",
        "jwt:jwt:x": "rotor_d_4",
    }
    assert parse_keys(json.dumps(keys)) == {
        "jwt:auth0|7": "rotor_a_1",
        "jwt:auth0|8": "rotor_b_2",
        "token:ann": "rotor_c_3",
        "jwt:jwt:x": "rotor_d_4",
    }
    with pytest.raises(ValueError, match="holds a subject twice, with and without jwt: before it"):
        parse_keys(json.dumps({"ann": "rotor_a_1", "jwt:ann": "rotor_b_2"}))


@pytest.mark.parametrize("sub", ["jwt:ann", "token:ann", "token:", "Token:ann", "ben", "jwt:token:ann"])
async def test_callers_of_one_kind_have_no_keys_of_another(
    sub: str, state_factory: StateFactory, token_file: Path, tmp_path: Path
) -> None:
    """A subject of the issuer can be any text, and so can the name of a caller of the token file."""
    token_file.write_text(f"ann {ANN} all\njwt:ben {BEN} all\n")
    key_file = tmp_path / "keys.json"
    key_file.write_text(json.dumps({"ann": COMPANIES["token:ann"], "token:ann": COMPANIES["token:ben"]}))
    key_file.chmod(0o600)
    async with issuing() as issuer:
        host = {"token_file": token_file, "key_from": "file", "key_file": key_file}
        host |= {"oauth_issuer": issuer.url, "public_url": PUBLIC_URL}
        async with hosted(state_factory.transport, host) as url:
            headers, call = request("search_leads", {})
            async with httpx2.AsyncClient() as http:
                shown = headers | {"authorization": f"Bearer {issuer.token(sub=sub)}"}
                answer = await http.post(f"{url}/mcp", headers=shown, json=call)
            async with calling(url, BEN) as ben:
                other = text(await ben.call_tool("search_leads", {}))
            assert state_factory.seen == []
            async with calling(url, issuer.token(sub="ann")) as ann:
                await ann.call_tool("search_leads", {})
    assert answer.status_code == 401 or "this server knows no Rotor key of yours" in answer.text
    assert "this server knows no Rotor key of yours" in other
    assert state_factory.seen == [COMPANIES["token:ann"]]


class Slow(httpx2.AsyncBaseTransport):
    """Rotor, once somebody lets it answer."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.inner = sandbox.transport()
        self.may_answer = anyio.Event()
        self.asked = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        await self.may_answer.wait()
        return await self.inner.handle_async_request(request)


async def test_too_many_calls_at_once(sandbox: Sandbox, token_file: Path) -> None:
    slow = Slow(sandbox)
    results: list[CallToolResult] = []

    async def call(client: Client, **arguments: Any) -> None:
        results.append(await client.call_tool("search_leads", arguments))

    host = {"token_file": token_file, "calls_at_once": 2}
    async with hosted(lambda: slow, host) as url, calling(url, ANN) as ann, calling(url, BEN) as ben:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: call(ann, search="a"))
            group.start_soon(lambda: call(ann, search="b"))
            await until(lambda: slow.asked == 2)
            refused = await ann.call_tool("search_leads", {"search": "c"})
            group.start_soon(lambda: call(ben, search="d"))
            await until(lambda: slow.asked == 3)
            slow.may_answer.set()
        assert [result.is_error for result in results] == [False] * 3, "another caller is not held up"
        assert not (await ann.call_tool("search_leads", {"search": "e"})).is_error
    assert text(refused) == (
        "Nothing was sent: 2 calls of yours are under way, and more are not allowed at once; "
        "wait for one of them to end. No requests spent."
    )


async def test_too_many_calls_within_a_minute(sandbox: Sandbox, token_file: Path) -> None:
    host = {"token_file": token_file, "calls_per_minute": 3}
    async with hosted(sandbox.transport, host) as url, calling(url, ANN) as ann, calling(url, BEN) as ben:
        results = [await ann.call_tool("search_leads", {}) for _ in range(4)]
        other = await ben.call_tool("search_leads", {})
    assert [result.is_error for result in (*results, other)] == [False, False, False, True, False]
    assert text(results[3]).startswith("Nothing was sent: 3 calls within a minute are all that is allowed; ")


async def test_a_budget_warns_and_then_ends(sandbox: Sandbox, token_file: Path) -> None:
    host = {"token_file": token_file, "daily_requests": 5}
    settings = {"search_memory": "0"}
    async with (
        hosted(sandbox.transport, host, **settings) as url,
        calling(url, ANN) as ann,
        calling(url, BEN) as ben,
    ):
        results = [await ann.call_tool("search_leads", {"limit": 0}) for _ in range(6)]
        other = await ben.call_tool("search_leads", {"limit": 0})
    assert [text(result).splitlines()[-1] for result in results] == [
        *["139 leads. Today is 2026-11-22. 1 request spent."] * 4,
        "Note: of your 5 requests of today (UTC), 4 were spent before this call.",
        "Nothing was sent: you have spent 5 requests today, and 5 are your share (this server's own count; its day "
        "begins at midnight UTC). Trying again today will not help. No requests spent.",
    ]
    assert results[4].structured_content is not None
    assert results[4].structured_content["notice"] == (
        "of your 5 requests of today (UTC), 4 were spent before this call"
    )
    assert not other.is_error
    assert len(sandbox.requests) == 6


async def test_the_audit_log(sandbox: Sandbox, token_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    host = {"token_file": token_file, "audit_file": file}
    async with hosted(sandbox.transport, host) as url, calling(url, ANN) as ann, calling(url, BEN) as ben:
        created = await ann.call_tool("upsert_lead", {"name": "Dana Whitfield", "phone": "612-555-0142"})
        await ann.call_tool("upsert_lead", {"phone": "612-555-0142", "stage": "Quoted", "notes": "Call her."})
        await ann.call_tool("upsert_lead", {"phone": "612-555-0142", "stage": "Quoted"})
        await ann.call_tool("upsert_lead", {"phone": "612-555-0142", "name": "Bob"})
        await ben.call_tool("search_leads", {})
        rows = [{"name": "Max", "phone": "612-555-0143"}, {"phone": "612-555-0142", "priority": "high"}]
        await ben.call_tool("upsert_leads", {"rows": rows})
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert created.structured_content is not None
    dana = created.structured_content["id"]
    for line in lines:
        assert line.pop("time").startswith("20")
        assert len(line.pop("company")) == 12
    max_id = next(line["lead"] for line in lines if line["outcome"] == "created" and line["lead"] != dana)
    assert sorted(lines, key=json.dumps) == sorted(
        [
            _line("token:ann", "upsert_lead", dana, ["name", "phone"], "created"),
            _line("token:ann", "upsert_lead", dana, ["stage", "notes"], "updated"),
            _line("token:ben", "upsert_leads", max_id, ["name", "phone"], "created"),
            _line("token:ben", "upsert_leads", dana, ["priority"], "updated"),
        ],
        key=json.dumps,
    )
    assert file.stat().st_mode & 0o777 == 0o600
    for secret in ("Dana", "612-555", "612) 555", "612555", "Call her", "Quoted", FULL_KEY, ANN):
        assert secret not in file.read_text("utf-8")


def _line(caller: str, tool: str, lead: str, fields: list[str], outcome: str) -> dict[str, Any]:
    return {"caller": caller, "tool": tool, "lead": lead, "fields": fields, "outcome": outcome}


def test_no_key_of_any_company_gets_into_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings.load({"api_key": FULL_KEY, "log_level": "info"})
    tenants = open_registry(settings)
    open_ones = [tenants.for_key(key) for key in COMPANIES.values()]
    log_setup.configure(settings, tenants.redact)
    try:
        for key in (FULL_KEY, *COMPANIES.values()):
            logging.getLogger("rotor_mcp.test").info("a fault that repeats %s and %s", key, key[12:])
    finally:
        logging.basicConfig(handlers=[], force=True)
    said = capsys.readouterr().err
    assert len(open_ones) == 2
    assert said.count("«API key»") >= 3
    for key in (FULL_KEY, *COMPANIES.values()):
        assert key.rpartition("_")[2] not in said
