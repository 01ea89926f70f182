"""Budgets of callers with concurrent calls."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from rotor_mcp.config import Settings
from rotor_mcp.errors import BudgetExceeded, RateLimited
from rotor_mcp.hosting.access import HostedAccessControl
from rotor_mcp.hosting.rate_limits import Budgets
from rotor_mcp.hosting.settings import HostSettings
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.server.backend import open_registry
from rotor_mcp.state.request_counter import Budget
from rotor_mcp.state.tenant_state import StateFactory
from rotor_mcp.tools.registry import TOOL_NAMES
from tests.conftest import text
from tests.hosting.servers import server_process
from tests.hosting.serving import calling, hosted, on_port
from tests.state.redis.servers import redis_server

pytestmark = pytest.mark.anyio

ANN, BEN = (f"{name}-{'t0k3n' * 7}" for name in ("ann", "ben"))


class Together(httpx2.AsyncBaseTransport):
    """Rotor, which answers when so many requests wait, or when no more come for a while."""

    def __init__(self, sandbox: Sandbox, number: int, patience: float) -> None:
        self.inner = sandbox.transport()
        self.number = number
        self.patience = patience
        self.waiting = self.most = 0
        self.all_here = anyio.Event()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        if self.waiting == self.number:
            self.all_here.set()
        with anyio.move_on_after(self.patience):
            await self.all_here.wait()
        self.waiting -= 1
        return await self.inner.handle_async_request(request)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(f"ann {ANN} all\nben {BEN} all\n", "utf-8")
    file.chmod(0o600)
    return file


def search(number: int) -> dict[str, Any]:
    return {"search": "aeiounrstlmc"[number], "limit": 0}  # which costs one request each


@pytest.mark.parametrize(
    ("tool", "arguments", "most"),
    [
        ("search_leads", search, 5),
        ("get_lead", lambda number: {"id": f"182bd5e5-6e1a-4fe4-a799-aa6d9a6ab2{number:02}"}, 5),
        (
            "upsert_lead",
            lambda number: {"phone": f"763-555-01{number:02}", "priority": "high", "dry_run": True},
            5,
        ),
        ("upsert_leads", lambda number: {"rows": [{"name": f"{name} {number}"} for name in "ABCD"]}, 9),
    ],
)
async def test_calls_side_by_side_go_beyond_a_budget_by_less_than_one_call(
    tool: str, arguments: Callable[[int], dict[str, Any]], most: int, sandbox: Sandbox, token_file: Path
) -> None:
    rotor = Together(sandbox, 8, 0.1)
    results: list[str] = []
    host = {"token_file": token_file, "daily_requests": 5}
    async with hosted(lambda: rotor, host, search_memory="0") as url, calling(url, ANN) as ann:
        await ann.list_tools()

        async def call(number: int) -> None:
            results.append(text(await ann.call_tool(tool, arguments(number))))

        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(call, number)
    refused = [result for result in results if "are your share" in result]
    assert 5 <= len(sandbox.requests) <= most
    assert refused, "some came too late"
    assert all(result.startswith("Nothing was sent: you have spent") for result in refused)


async def test_far_from_the_end_nobody_waits(sandbox: Sandbox, token_file: Path) -> None:
    rotor = Together(sandbox, 8, 20)
    host = {"token_file": token_file, "daily_requests": 500}
    async with (
        hosted(lambda: rotor, host) as url,
        calling(url, ANN) as ann,
        anyio.create_task_group() as group,
    ):
        for number in range(8):
            group.start_soon(ann.call_tool, "search_leads", search(number))
    assert rotor.most == 8


@pytest.mark.slow
async def test_two_servers_have_one_budget(sandbox: Sandbox, token_file: Path, tmp_path: Path) -> None:
    async with on_port(sandbox.app) as rotor:
        with redis_server(tmp_path) as redis:
            variables = {
                "ROTOR_API_KEY": FULL_KEY,
                "ROTOR_BASE_URL": f"{rotor}/open-api",
                "ROTOR_MCP_REDIS_URL": redis.url,
                "ROTOR_MCP_TOKEN_FILE": str(token_file),
                "ROTOR_MCP_DAILY_REQUESTS": "6",
                "ROTOR_MCP_SEARCH_MEMORY": "0",
            }
            with server_process(variables) as one, server_process(variables) as other:
                async with calling(one.url, ANN) as here, calling(other.url, ANN) as there:
                    async with anyio.create_task_group() as group:
                        for number, client in enumerate((here, there) * 6):
                            group.start_soon(client.call_tool, "search_leads", search(number))
                    late = text(await here.call_tool("search_leads", {}))
    assert len([asked for asked in sandbox.requests if asked == "GET /leads"]) == 6
    assert late.startswith("Nothing was sent: you have spent 6 requests today, and 6 are your share")


async def test_who_waits_too_long_is_told() -> None:
    budgets = Budgets(10, StateFactory(0), max_call_seconds=25, max_wait_seconds=0.1)
    held = await budgets.reserve("ann", 100)
    assert held is not None
    with pytest.raises(RateLimited) as raised:
        await budgets.reserve("ann", 1)
    assert str(raised.value) == (
        "calls of yours that are under way may spend the 10 requests that you have left today; wait for them to end"
    )
    other = await budgets.reserve("ben", 1)
    assert other is not None
    await budgets.settle(held, 9)
    last = await budgets.reserve("ann", 100)
    assert last is not None
    assert last.notice == "of your 10 requests of today (UTC), 9 were spent before this call"
    await budgets.settle(last, 3)
    with pytest.raises(BudgetExceeded, match="you have spent 12 requests today, and 10 are your share"):
        await budgets.reserve("ann", 1)


async def test_whatever_comes_side_by_side() -> None:
    chance = random.Random(5)
    for _ in range(200):
        limit, budget = chance.randint(1, 40), Budget()
        under_way: dict[str, int] = {}
        largest = 0
        for step in range(60):
            if under_way and chance.random() < 0.5:
                token, reserved = under_way.popitem()
                await budget.settle(token, chance.randint(0, reserved))
            else:
                wanted = chance.randint(1, 12)
                _, granted = await budget.reserve(str(step), wanted, limit, 1)
                if granted:
                    under_way[str(step)] = wanted
                    largest = max(largest, wanted)
        for token, reserved in under_way.items():
            await budget.settle(token, reserved)
        assert await budget.today() < limit + largest


def test_every_tool_has_a_reservation_of_its_own(sandbox: Sandbox) -> None:
    desk = HostedAccessControl(open_registry(Settings.load({}), sandbox.transport), HostSettings.load({}))
    assert set(desk._max_requests) == set(TOOL_NAMES)
