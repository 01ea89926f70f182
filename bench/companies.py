"""How many companies a server carries: `python -m bench.companies` writes `bench/COMPANIES.md`.

It needs `redis-server`. The real application serves many companies, each with a key of its own, through a day
of a simulated clock. Rotor answers at once, and counts each company's requests. From what a call takes, the
busiest hour of many companies is simulated.
"""

import heapq
import json
import math
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import anyio
import click
import httpx2
import redis
from starlette.types import ASGIApp

from bench.compare.measured import JANE
from bench.compare.results import machine
from bench.load.rotor import learned
from bench.processes import free_port, resident_memory, wait_for
from bench.tool_call import tool_call
from rotor_mcp import gc_tuning
from rotor_mcp.config import Settings
from rotor_mcp.hosting.app import build_app
from rotor_mcp.hosting.settings import HostSettings
from rotor_mcp.server.backend import open_registry

QUOTA = 1_000
"""Requests that Rotor answers for one key in a day."""
MORNING = datetime(2026, 11, 23, 12, tzinfo=UTC)
"""When the simulated day begins: six o'clock in Chicago."""
AT_ONCE = 32
BUSIEST_HOUR = 0.12
"""Share of a day's calls in its busiest hour."""
MAX_WAIT_MS = 50.0
"""Milliseconds that the slowest hundredth of calls may wait for a free process."""
REPORT = Path(__file__).with_name("COMPANIES.md")
LOAD = Path(__file__).with_name("LOAD.md")

CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("get_lead", {"id": JANE}),
    ("search_leads", {}),
    ("upsert_lead", {"id": JANE, "priority": "high"}),
    ("search_leads", {"count_by": "stage"}),
)
"""The calls that each company makes in turn."""


def name_of(company: int) -> str:
    """Return the name of a company."""
    return f"company{company:06}"


def key_of(company: int) -> str:
    """Return the Rotor key of a company."""
    return f"rotor_{name_of(company)}_{'s' * 32}"


class Rotor(httpx2.AsyncBaseTransport):
    """Answers by heart, in the name of the company that asks, up to its quota of the day."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self._answers = answers
        self.now = MORNING
        self.requests: Counter[tuple[str, str]] = Counter()
        """Day and company → requests."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        company = request.headers["x-api-key"].split("_")[1]
        day = str(self.now.date()), company
        self.requests[day] += 1
        if self.requests[day] > QUOTA:
            said = {"message": f"Daily API key request limit of {QUOTA} exceeded"}
            return httpx2.Response(429, json={"status": "error", "error_code": "RATE_LIMIT_EXCEEDED", **said})
        kind = request.method if request.method == "POST" else request.url.params.get("limit", "one")
        body = self._answers[kind].replace(b"Jane Doe", company.encode())
        return httpx2.Response(200, content=body, headers={"content-type": "application/json"})


async def call(app: ASGIApp, company: int, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Call a tool over HTTP, with nothing between. Returns the result."""
    headers, body = tool_call(tool, arguments, "127.0.0.1:8080")
    headers["x-rotor-api-key"] = key_of(company)
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8080),
    }
    sent, received = False, bytearray()
    ended = anyio.Event()

    async def receive() -> Any:
        nonlocal sent
        if sent:
            await ended.wait()
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        received.extend(message.get("body", b""))

    await app(scope, receive, send)
    ended.set()
    lines = bytes(received).splitlines()
    (data,) = [line for line in lines if line.startswith((b"data: {", b"{"))]
    answer: dict[str, Any] = json.loads(data.removeprefix(b"data: "))
    result: dict[str, Any] = answer["result"]
    return result


@dataclass
class Day:
    """What the day of the companies took."""

    companies: list[int] = field(default_factory=list)
    """How many had made all of their calls, at several moments."""
    memory: list[float] = field(default_factory=list)
    """MiB of the process at these moments, Rotor and the clients among them."""
    in_redis: list[float] = field(default_factory=list)
    """MiB of Redis at these moments."""
    milliseconds: list[float] = field(default_factory=list)
    """Of the processor for a call, Rotor and the client among them, between these moments."""
    commands: float = 0.0
    """Of Redis, for a call."""
    refused: int = 0
    """Calls of the company that spent its quota, beyond it."""


@contextmanager
def redis_server() -> Iterator[int]:
    """Run a Redis, and yield its port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--save", "", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            wait_for(port)
            yield port
        finally:
            process.kill()
            process.wait()


async def live(companies: int, port: int) -> Day:
    """Let each company make its calls within a day, those of many companies at a time."""
    rotor = Rotor(await learned(lambda: MORNING))
    values = {"timezone": "America/Chicago", "redis_url": f"redis://127.0.0.1:{port}", "search_memory": "0"}
    settings = Settings.load(values)
    host = HostSettings.load(
        {
            "key_from": "header",
            "state_secret": "s" * 32,
            "calls_per_minute": "1000000",
            "calls_at_once": "1000",
        }
    )
    day, steps = Day(), 10
    tenants = open_registry(settings, lambda: rotor, lambda: rotor.now)
    app = build_app(settings, host, tenants)

    async def visit(company: int) -> None:
        for tool, arguments in CALLS:
            result = await call(app, company, tool, arguments)
            text = json.dumps(result)
            named = set(re.findall(r"company\d{6}", text))
            if result.get("isError") or not named <= {name_of(company)}:
                raise RuntimeError(f"company {company}, {tool}: {text}")

    async def client(waiting: Iterator[int]) -> None:
        for company in waiting:
            await visit(company)

    store = redis.Redis(port=port)
    async with app.router.lifespan_context(app):
        await visit(0)  # opens the connections
        for step in range(steps):
            rotor.now = MORNING + timedelta(hours=9 * step / steps)  # within one day of UTC
            began = process_time()
            part = range(max(companies * step // steps, 1), companies * (step + 1) // steps)
            waiting = iter(part)
            async with anyio.create_task_group() as group:
                for _ in range(AT_ONCE):
                    group.start_soon(client, waiting)
            day.companies.append(part.stop)
            day.memory.append(resident_memory(os.getpid()) or 0.0)
            day.in_redis.append(int(store.info("memory")["used_memory"]) / 2**20)
            day.milliseconds.append(1e3 * (process_time() - began) / (len(CALLS) * len(part)))
        day.commands = int(store.info("stats")["total_commands_processed"]) / (len(CALLS) * companies)
        # The very first write reads its lead twice: a Redis that is empty knows no writes before.
        others = [count for (_, company), count in rotor.requests.items() if company != name_of(0)]
        if len(others) != companies - 1 or len(set(others)) != 1:
            raise RuntimeError(f"requests of the companies: {Counter(others)}")
        day.refused = await spend_quota(app, rotor)
    await tenants.aclose()
    return day


async def spend_quota(app: ASGIApp, rotor: Rotor) -> int:
    """Let one company spend its quota. Another one is answered all the same, and itself on the next day.

    Returns how many of its calls were refused.
    """
    refused = 0
    for _ in range(QUOTA + 10):
        refused += bool((await call(app, 0, *CALLS[0])).get("isError"))
    other = await call(app, 1, *CALLS[0])
    rotor.now += timedelta(days=1)
    again = await call(app, 0, *CALLS[0])
    if other.get("isError") or again.get("isError"):
        raise RuntimeError(f"{other}, {again}")
    return refused


def waits(a_second: float, milliseconds: float, processes: int, rng: random.Random) -> float:
    """Simulate an hour of calls that arrive at random. Returns the wait of the slowest hundredth, in ms."""
    free = [0.0] * processes
    now, waited = 0.0, []
    for _ in range(min(round(a_second * 3_600), 400_000)):
        now += rng.expovariate(a_second)
        start = max(now, free[0])
        heapq.heapreplace(free, start + milliseconds / 1e3)
        waited.append(1e3 * (start - now))
    return statistics.quantiles(waited, n=100)[98] if len(waited) > 1 else 0.0


def needed(a_second: float, milliseconds: float) -> tuple[int, float]:
    """Return how many processes keep the wait below the limit, and the wait."""
    processes = max(math.ceil(a_second * milliseconds / 1e3), 1)
    while (wait := waits(a_second, milliseconds, processes, random.Random(1))) > MAX_WAIT_MS:  # noqa: S311
        processes += 1
    return processes, wait


def over_http() -> float:
    """Return the milliseconds that a call over real HTTP takes of a process with Redis (`bench.load`)."""
    row = re.search(r"^\| rotor-mcp, with Redis \| (\d+) ", LOAD.read_text("utf-8"), re.MULTILINE)
    if row is None:
        raise click.ClickException("bench/LOAD.md has no figure: run python -m bench.load")
    return 1e3 / int(row[1])


def report(day: Day, seconds: float) -> Iterator[str]:
    """Yield the lines of the report."""
    milliseconds = max(over_http(), statistics.median(day.milliseconds))
    requests = 5 / len(CALLS)  # a change reads the lead first
    yield "# Many companies"
    yield ""
    yield (
        f"Measured by `python -m bench.companies --companies {day.companies[-1]}` on "
        f"{datetime.now(UTC):%Y-%m-%d}, on {machine()}, in {seconds:.0f} s. One process of the real "
        "application with a Redis serves companies that each bring their own key. A company asks for a lead, "
        "for the newest 20, changes a lead, and counts its leads by stage. Rotor and the clients are in the "
        "same process and answer at once. The clock is simulated: the calls are those of nine hours."
    )
    yield ""
    yield (
        "Every answer was that of the company which asked, and each company spent the same number of "
        f"requests. One company called until its {QUOTA:,} requests were spent: {day.refused} further calls "
        "were refused, another company was answered, and on the next day it was answered again."
    )
    yield ""
    yield "| companies | MiB of the process | MiB of Redis | ms of the processor for a call |"
    yield "| --: | --: | --: | --: |"
    for row in zip(day.companies, day.memory, day.in_redis, day.milliseconds, strict=True):
        yield "| {:,} | {:.0f} | {:.1f} | {:.1f} |".format(*row)
    yield ""
    yield f"Redis ran {day.commands:.1f} commands for a call, those within scripts among them."
    yield ""
    yield "## The busiest hour"
    yield ""
    yield (
        f"Simulated: each company spends its {QUOTA:,} requests of a day, {requests:.2g} for a call, and "
        f"{BUSIEST_HOUR:.0%} of them in one hour. Calls arrive at random, take {milliseconds:.1f} ms of a "
        "process (the larger of the figure above and that of [LOAD.md](LOAD.md), over real HTTP with Redis), "
        "and go to the process that is free first. "
        "Processes: as many as keep the wait of the slowest hundredth below "
        f"{MAX_WAIT_MS:.0f} ms. The time that Rotor takes comes on top."
    )
    yield ""
    yield "| companies | calls a second | processes | busy | wait, ms | commands of Redis a second |"
    yield "| --: | --: | --: | --: | --: | --: |"
    for number in (10, 100, 1_000, 10_000, 50_000):
        a_second = number * QUOTA / requests * BUSIEST_HOUR / 3_600
        processes, wait = needed(a_second, milliseconds)
        busy = a_second * milliseconds / 1e3 / processes
        commands = a_second * day.commands
        yield f"| {number:,} | {a_second:.1f} | {processes} | {busy:.0%} | {wait:.0f} | {commands:,.0f} |"


@click.command()
@click.option("--companies", default=10_000, show_default=True)
def main(companies: int) -> None:
    """Measure, simulate, and write the report."""
    gc_tuning.tune_for_serving()
    began = perf_counter()
    with redis_server() as port:
        day = anyio.run(live, companies, port)
    REPORT.write_text("\n".join([*report(day, perf_counter() - began), ""]), "utf-8")
    sys.stdout.write(REPORT.read_text("utf-8"))


if __name__ == "__main__":
    main()
