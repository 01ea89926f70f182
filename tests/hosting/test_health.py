"""What load balancers are told, and what it costs."""

from typing import Any

import httpx2
import pytest

from rotor_mcp.sandbox import CREATE_ONLY_KEY, FULL_KEY, Fault, Sandbox
from tests.conftest import JANE, text
from tests.hosting.serving import calling, hosted
from tests.logs import logged_json

pytestmark = pytest.mark.anyio

OTHER_KEY = "rotor_other_k3y-of-n0body"


def reason(status: int) -> str:
    return (
        f"Rotor refuses the key in ROTOR_API_KEY ({status}): make a new one in Rotor under Settings → "
        "Integrations, and restart this server with it"
    )


def refuse(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("refused")


async def probe(url: str, path: str = "/readyz") -> tuple[int, dict[str, Any]]:
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"{url}{path}")
    said = answer.json()
    said.pop("rotor_answered_seconds_ago", None)
    return answer.status_code, said


async def test_a_key_that_rotor_accepts_is_asked_about_once(sandbox: Sandbox) -> None:
    async with hosted(sandbox.transport) as url:
        assert await probe(url, "/healthz") == (200, {"alive": True})
        assert sandbox.requests == []
        assert [await probe(url) for _ in range(3)] == [(200, {"ready": True})] * 3
    assert sandbox.requests == ["GET /auth/test"]


async def test_a_call_that_succeeded_is_proof_enough(sandbox: Sandbox) -> None:
    async with hosted(sandbox.transport) as url:
        async with calling(url) as client:
            await client.call_tool("get_lead", {"id": JANE})
        assert await probe(url) == (200, {"ready": True})
    assert sandbox.requests == [f"GET /leads/{JANE}"]


async def test_without_a_key_nobody_is_served(sandbox: Sandbox) -> None:
    async with hosted(sandbox.transport, api_key="") as url:
        assert await probe(url) == (503, {"ready": False, "reason": "ROTOR_API_KEY is not set"})
    assert sandbox.requests == []


@pytest.mark.parametrize("key_from", ["header", "file"])
async def test_where_callers_have_keys_the_server_needs_none(
    key_from: str, sandbox: Sandbox, tmp_path: Any
) -> None:
    host: dict[str, object] = {"key_from": key_from}
    if key_from == "file":
        for name, content in (("tokens", f"ann {'t0k3n' * 8} all\n"), ("keys", "{}")):
            (tmp_path / name).write_text(content)
            (tmp_path / name).chmod(0o600)
        host |= {"token_file": tmp_path / "tokens", "key_file": tmp_path / "keys"}
    async with hosted(sandbox.transport, host, api_key="") as url:
        assert await probe(url) == (200, {"ready": True})
    assert sandbox.requests == []


async def test_a_key_that_rotor_refuses_is_found_by_the_first_probe(sandbox: Sandbox) -> None:
    with logged_json() as lines:
        async with hosted(sandbox.transport, api_key=OTHER_KEY) as url:
            answers = [await probe(url) for _ in range(3)]
        told = [line for line in lines() if line["event"] in ("not_ready", "ready")]
    assert answers == [(503, {"ready": False, "reason": reason(401)})] * 3
    assert sandbox.requests == ["GET /auth/test"], "asked again later"
    assert [(line["event"], line["level"], line["reason"]) for line in told] == [
        ("not_ready", "warning", reason(401))
    ]


async def test_a_key_that_is_refused_by_a_call_and_accepted_by_another(sandbox: Sandbox) -> None:
    with logged_json() as lines:
        async with hosted(sandbox.transport) as url, calling(url) as client:
            sandbox.faults.add(Fault(status=401))
            assert await probe(url) == (503, {"ready": False, "reason": reason(401)})
            await client.call_tool("get_lead", {"id": JANE})
            assert await probe(url) == (200, {"ready": True})
            sandbox.faults.add(Fault(status=401))
            await client.call_tool("get_lead", {"id": JANE})
            assert await probe(url) == (503, {"ready": False, "reason": reason(401)})
        events = [line["event"] for line in lines() if line["event"] in ("not_ready", "ready")]
    assert events == ["not_ready", "ready", "not_ready"]


async def test_what_an_accepted_key_may_not_do_is_no_refusal(sandbox: Sandbox) -> None:
    """Nor is a key that may only write: it writes without looking first."""
    async with hosted(sandbox.transport, api_key=CREATE_ONLY_KEY) as url, calling(url) as client:
        assert await probe(url) == (200, {"ready": True})
        assert (await client.call_tool("get_lead", {"id": JANE})).is_error
        assert await probe(url) == (200, {"ready": True})


async def test_a_403_to_a_key_that_was_never_accepted(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(status=403))
    async with hosted(sandbox.transport) as url, calling(url) as client:
        await client.call_tool("get_lead", {"id": JANE})
        sandbox.faults.add(Fault(status=403))
        assert await probe(url) == (503, {"ready": False, "reason": reason(403)})
        await client.call_tool("get_lead", {"id": JANE})
        assert await probe(url) == (200, {"ready": True})


async def test_while_rotor_is_away_calls_are_answered_in_words() -> None:
    async with hosted(lambda: httpx2.MockTransport(refuse)) as url, calling(url) as client:
        assert await probe(url) == (200, {"ready": True, "rotor": "no connection to api.getrotor.com"})
        answer = await client.call_tool("get_lead", {"id": JANE})
    assert text(answer).startswith("Nothing was sent: no connection to api.getrotor.com.")


async def test_a_rotor_that_is_required(sandbox: Sandbox) -> None:
    away = True

    class Link(httpx2.AsyncBaseTransport):
        def __init__(self) -> None:
            self.inner = sandbox.transport()

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if away:
                raise httpx2.ConnectError("refused")
            return await self.inner.handle_async_request(request)

    async with hosted(Link, {"rotor_required": "true"}) as url, calling(url) as client:
        assert await probe(url) == (503, {"ready": False, "reason": "no connection to api.getrotor.com"})
        away = False
        await client.call_tool("get_lead", {"id": JANE})
        assert await probe(url) == (200, {"ready": True})


async def test_the_key_is_in_no_answer(sandbox: Sandbox) -> None:
    for key in (FULL_KEY, OTHER_KEY):
        async with hosted(sandbox.transport, api_key=key) as url:
            assert key not in str(await probe(url))
