"""How long a call waits for Rotor: `python -m bench.waiting` measures it and writes `bench/WAITING.md`.

Rotor answers each request after a delay. What a call takes, divided by the delay, is how many round trips
stand in a row, and with them what this server adds. Pages are answered by heart, so that only the delay and
this server take time.
"""

import logging
import os
import platform
import statistics
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio
import httpx2
from mcp import Client

from rotor_mcp import gc_tuning
from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.server.mcp_server import build_server

DELAYS = (0.05, 0.15, 0.4)
"""Seconds from a request to its answer."""
RUNS = 5
NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
REPORT = Path(__file__).with_name("WAITING.md")
_numbers = count(1)


@dataclass(frozen=True)
class Task:
    """A call whose waiting is measured."""

    title: str
    leads: int
    """Of the company."""
    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)
    new_leads: int = 0
    """New leads that are written, if the tool writes."""

    def made(self) -> dict[str, Any]:
        """Return the arguments, with other people each time."""
        people = [
            {"name": f"New {n}", "phone": f"+1651{n:07}", "email": f"new{n}@example.com"}
            for n in (next(_numbers) for _ in range(self.new_leads))
        ]
        if self.tool == "upsert_leads":
            return {"rows": [{name: person[name] for name in ("name", "phone")} for person in people]}
        return self.arguments | (people[0] if people else {})


TASKS = (
    Task("find a lead by its phone", 5_000, "search_leads", {"search": "763-555-0100"}),
    Task("a new lead with a phone", 5_000, "upsert_lead", new_leads=1),
    Task("a new lead with phone and e-mail", 5_000, "upsert_lead", new_leads=1),
    Task("count 5,000 leads by source", 5_000, "search_leads", {"count_by": "source", "limit": 0}),
    Task("count 18,000 leads by source", 18_000, "search_leads", {"count_by": "source", "limit": 0}),
    Task("duplicates among 5,000 leads", 5_000, "search_leads", {"duplicates": True}),
    Task("40 new leads beside 2,000", 2_000, "upsert_leads", new_leads=40),
)


class Delayed(httpx2.AsyncBaseTransport):
    """Answers each request after a delay; pages of the list from memory, once they were read."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox.transport()
        self._pages: dict[str, httpx2.Response] = {}
        self.delay = 0.0
        self.requests = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests += 1
        due = anyio.current_time() + self.delay
        url = str(request.url)
        if request.method != "GET":
            answer = await self._answer(request)
        else:
            answer = self._pages.get(url) or await self._answer(request)
            if "search" not in request.url.params:
                self._pages[url] = answer
        await anyio.sleep_until(due)
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._sandbox.handle_async_request(request)
        await answer.aread()
        return answer


@dataclass
class Waited:
    """How long the runs of a task took, in delays."""

    task: Task
    requests: int = 0
    trips: dict[float, list[float]] = field(default_factory=dict)


@contextmanager
def _company(leads: int) -> Iterator[Sandbox]:
    with closing(Sandbox(leads=leads, quota=1_000_000, now=lambda: NOW)) as sandbox:
        yield sandbox


async def measure(task: Task, sandbox: Sandbox) -> Waited:
    """Measure a task with each delay, in turn."""
    delayed = Delayed(sandbox)
    settings = {"api_key": FULL_KEY, "timezone": "America/Chicago", "search_memory": "0"}
    server = build_server(
        Settings.load(settings | {"search_requests": "25"}), transport=lambda: delayed, clock=lambda: NOW
    )
    waited = Waited(task)
    async with Client(server) as client:

        async def call() -> float:
            began = perf_counter()
            result = await client.call_tool(task.tool, task.made())
            if result.is_error:
                raise RuntimeError(f"{task.title}: {result.content}")
            return perf_counter() - began

        await call()  # loads what is behind the tools, and fills the memory of pages
        for _ in range(RUNS):
            for delay in DELAYS:
                delayed.delay, delayed.requests = delay, 0
                waited.trips.setdefault(delay, []).append(await call() / delay)
        waited.requests = delayed.requests
    return waited


def report(measured: list[Waited]) -> str:
    """Write it all down as Markdown."""
    delays = " | ".join(f"at {1e3 * delay:.0f} ms" for delay in DELAYS)
    rows = []
    for waited in measured:
        cells = [
            f"{statistics.median(trips):.2f} ({min(trips):.2f}-{max(trips):.2f})"
            for trips in waited.trips.values()
        ]
        rows.append(f"| {' | '.join([waited.task.title, str(waited.requests), *cells])} |")
    return "\n".join(
        [
            "# Round trips in a row",
            "",
            "What a call takes, in round trips to a Rotor that answers each request after a delay. "
            f"Median (lowest-highest) of {RUNS} runs, the delays in turn.",
            "",
            f"| Call | Requests | {delays} |",
            f"|---|--:|{'--:|' * len(DELAYS)}",
            *rows,
            "",
            "- Up to 4 requests of a call are sent side by side. What is more than a whole number is what "
            "this server and the client add; at a longer delay it is a smaller part.",
            "- Pages of the list are answered from memory, other requests by the embedded Rotor, which is "
            "part of the delay if it is quick enough.",
            f"- {datetime.now(UTC).date()}; Python {platform.python_version()}, {platform.system()}, "
            f"{os.cpu_count()} cores, shared and noisy. `tests/leads/test_round_trips.py` counts the round "
            "trips without a clock.",
            "",
            "To repeat it: `python -m bench.waiting` in the root of the repository. It overwrites this file.",
            "",
        ]
    )


def main() -> None:
    """Measure, and write the report."""
    logging.disable(logging.INFO)
    gc_tuning.tune_for_serving()  # as the server's command does
    measured = []
    for task in TASKS:
        with _company(task.leads) as sandbox:
            measured.append(anyio.run(measure, task, sandbox))
        sys.stderr.write(f"{task.title}\n")
    text = report(measured)
    REPORT.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
