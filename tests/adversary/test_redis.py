"""Whatever answers in the place of Redis: calls are answered in words, and a write says if nobody else was asked."""

import asyncio
from contextlib import closing, suppress
from typing import Any

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mcp import Client

from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.server.mcp_server import build_server
from rotor_mcp.state.redis import connection
from tests.adversary import EXAMPLES
from tests.adversary.judging import fault_of_answer
from tests.conftest import NOW, text

ANSWERS = (
    b"+OK\r\n",
    b"+PONG\r\n",
    b"-ERR unknown command\r\n",
    b"-WRONGPASS no\r\n",
    b"-OOM no memory\r\n",
    b"-MOVED 1 127.0.0.1:1\r\n",
    b"-" + b"x" * 100_000 + b"\r\n",
    b":1\r\n",
    b":-1\r\n",
    b":99999999999999999999\r\n",
    b":x\r\n",
    b"$-1\r\n",
    b"$0\r\n\r\n",
    b"$5\r\nhello\r\n",
    b"$20\r\nused_memory:1\r\nmaxm:\r\n",
    b"$999999999999\r\n",
    b"$-5\r\n",
    b"*0\r\n",
    b"*-1\r\n",
    b"*3\r\n:1\r\n:2\r\n:3\r\n",
    b"*1000000000\r\n",
    b"*1\r\n" * 20_000,
    b"%1\r\n+a\r\n+b\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\xff\xfe\r\n",
    b"\r\n",
    b"",
)
SAID = "other servers were not asked"
DANA = {"name": "Dana", "phone": "612-555-0142", "notes": "CallSummary"}


async def faults(answers: list[bytes], *, required: bool) -> list[str]:
    given = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal given
        with closing(writer), suppress(OSError):
            while await reader.read(65_536):
                answer = answers[given % len(answers)]
                given += 1
                if not answer:
                    return
                writer.write(answer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    configuration = Settings.load(
        {"api_key": FULL_KEY, "timezone": "UTC", "redis_url": url, "redis_required": str(required)}
    )
    found = []
    async with server:
        with closing(Sandbox(leads=5, now=lambda: NOW)) as rotor, anyio.fail_after(20):
            built = build_server(configuration, transport=rotor.transport, clock=lambda: NOW)
            async with Client(built) as client:
                calls: list[tuple[str, dict[str, Any]]] = [
                    ("upsert_lead", DANA),
                    ("search_leads", {"search": "dana"}),
                    ("upsert_leads", {"rows": [DANA, {"name": "Bo", "email": "bo@example.com"}]}),
                ]
                for tool, arguments in calls:
                    answer = await client.call_tool(tool, arguments)
                    if fault := fault_of_answer(answer):
                        found.append(f"{tool}: {fault}")
                    if tool == "upsert_lead" and not answer.is_error and SAID not in text(answer):
                        found.append(f"{tool} does not say that {SAID}: {text(answer)}")
            imitated = any(b"used_memory" in answer for answer in answers)
            if required and not imitated and "POST /leads" in rotor.requests:
                found.append("wrote without Redis")
    return found


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for such a Redis for no longer than the machine needs."""
    monkeypatch.setattr(connection, "ANSWER_TIMEOUT_SECONDS", 0.3)


@settings(max_examples=max(EXAMPLES // 2, 1))
@given(st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=5), st.booleans())
@example([b"*1\r\n" * 20_000], True)
@example([b"$999999999999\r\n"], False)
def test_whatever_answers(answers: list[bytes], required: bool) -> None:
    assert anyio.run(lambda: faults(answers, required=required)) == []
