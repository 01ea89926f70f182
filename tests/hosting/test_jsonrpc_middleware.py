"""Bodies that are no message: over HTTP they are refused as on standard input, and the same is mended."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from rotor_mcp.sandbox import Sandbox
from tests.hosting.serving import hosted, request
from tests.server.test_stdio import ANSWERS, REFUSED

pytestmark = pytest.mark.anyio

HEADERS, BODY = request("search_leads", {"search": "jane doe"})
MODERN = {name.replace("_", "-"): value for name, value in HEADERS.items()}
LEGACY = {"mcp-protocol-version": "2025-11-25", "accept": "application/json, text/event-stream"}


@pytest.fixture
async def url(sandbox: Sandbox) -> AsyncIterator[str]:
    async with hosted(sandbox.transport) as address:
        yield address


async def post(url: str, body: bytes, headers: dict[str, str]) -> httpx2.Response:
    async with httpx2.AsyncClient() as http:
        return await http.post(
            f"{url}/mcp", content=body, headers={**headers, "content-type": "application/json"}
        )


@pytest.mark.parametrize("headers", [MODERN, LEGACY], ids=["2026-07-28", "2025-11-25"])
@pytest.mark.parametrize("kind", REFUSED)
async def test_what_is_no_message_is_answered(
    kind: str, headers: dict[str, str], url: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = REFUSED[kind] if isinstance(REFUSED[kind], bytes) else json.dumps(REFUSED[kind]).encode()
    with caplog.at_level(logging.WARNING):
        answer = await post(url, body, headers)
    told = answer.json()
    assert answer.status_code == 400
    assert (told["id"], told["error"]["code"], told["error"]["message"]) == ANSWERS[kind]
    assert [record.message for record in caplog.records] == [
        f"a message was refused ({told['error']['code']}): {told['error']['message'].partition(': ')[2]}"
    ]


@pytest.mark.parametrize("headers", [MODERN, LEGACY], ids=["2026-07-28", "2025-11-25"])
@pytest.mark.parametrize("begin", [b"\xef\xbb\xbf", b"\xef\xbb\xbf\n ", b"  \r\n"])
async def test_a_byte_order_mark_is_as_if_it_were_not_there(
    begin: bytes, headers: dict[str, str], url: str
) -> None:
    answer = await post(url, begin + json.dumps(BODY).encode(), headers)
    assert answer.status_code == 200
    assert _result(answer)["structuredContent"]["count"] == 1


@pytest.mark.parametrize("headers", [MODERN, LEGACY], ids=["2026-07-28", "2025-11-25"])
async def test_half_a_surrogate_pair_is_replaced(headers: dict[str, str], url: str) -> None:
    _, body = request("search_leads", {"search": "zz \ud83d"})
    answer = await post(url, json.dumps(body).encode(), headers)
    assert answer.status_code == 200
    assert 'No lead matches search "zz \ufffd"' in _result(answer)["content"][0]["text"]


def _result(answer: httpx2.Response) -> dict[str, Any]:
    text = answer.text
    if answer.headers["content-type"].startswith("text/event-stream"):
        text = next(line for line in text.splitlines() if line.startswith("data: {")).removeprefix("data: ")
    result: dict[str, Any] = json.loads(text)["result"]
    return result
