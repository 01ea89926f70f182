"""What searches cost: `python -m bench.search` measures them and writes `bench/SEARCH.md`.

Each search goes through the real server and a real client in this process. Its baseline is the plain GETs of
the very pages it read, parsed as JSON. Both are measured in turn, so that a slow moment hits both.
"""

import json
import logging
import os
import platform
import resource
import statistics
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio
import httpx2
from mcp import Client

from rotor_mcp import gc_tuning
from rotor_mcp.api.pool import API_VERSION
from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.server.mcp_server import build_server

LEADS = 20_000
RUNS = 5
NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
"""A fixed moment: the sample leads are dated relative to it, and the same are found every time."""
REPORT = Path(__file__).with_name("SEARCH.md")


@dataclass(frozen=True)
class Kind:
    """A kind of search."""

    title: str
    arguments: dict[str, Any]
    calls: int = 1
    """Calls made one after the other, each with the cursor of the one before."""


KINDS = (
    Kind("API alone: newest 20", {}),
    Kind("API alone: text", {"search": "miller"}),
    Kind("API alone: stage", {"stage": "New Leads"}),
    Kind("overdue, by follow-up", {"overdue": True, "order": "follow_up"}),
    Kind("created this month", {"created_from": "2026-11-01"}),
    Kind("needs action, count only", {"needs_action": True, "limit": 0}),
    Kind("most valuable 20", {"order": "value"}),
    Kind("count by source", {"count_by": "source"}),
    Kind("count by source and stage", {"count_by": ["source", "stage"], "limit": 0}),
    Kind("in one of two stages", {"stage": ["New Leads", "Quoted"]}),
    Kind("duplicates", {"duplicates": True}),
    Kind("without a phone", {"lacks": ["phone"]}),
    Kind("3 cursor pages of a high priority", {"priority": "high"}, calls=3),
)


@dataclass
class Measured:
    """Seconds of each run, and what was read in one."""

    kind: Kind
    urls: list[str]
    shown: int
    characters: int
    ours: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    parsing: list[float] = field(default_factory=list)
    """Of the plain GETs, the seconds that `json.loads` alone takes."""


class _Recorder(httpx2.AsyncBaseTransport):
    """Notes what is asked for, so that it can be asked for again without the server."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, urls: list[str]) -> None:
        self._inner = inner
        self._urls = urls

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self._urls.append(str(request.url))
        return await self._inner.handle_async_request(request)


async def search(client: Client, kind: Kind) -> tuple[int, int]:
    """Make the calls of one search; count the leads shown and the characters of text."""
    shown = characters = 0
    cursor: str | None = None
    for _ in range(kind.calls):
        arguments = kind.arguments | ({"cursor": cursor} if cursor else {})
        result = await client.call_tool("search_leads", arguments)
        content = result.structured_content
        if result.is_error or content is None:
            raise RuntimeError(f"{kind.title}: {result.content}")
        shown += len(content["leads"])
        characters += sum(len(getattr(part, "text", "")) for part in result.content)
        cursor = content.get("cursor")
        if kind.calls > 1 and cursor is None:
            raise RuntimeError(f"{kind.title}: there is no page to go on with")
    return shown, characters


async def get_plainly(http: httpx2.AsyncClient, measured: Measured) -> None:
    """Get the same pages as anybody could without this server; note the seconds that parsing takes."""
    parsing = 0.0
    for url in measured.urls:
        body = (await http.get(url)).content
        began = perf_counter()
        json.loads(body)
        parsing += perf_counter() - began
    measured.parsing.append(parsing)


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    began = perf_counter()
    await work()
    return perf_counter() - began


async def measure(sandbox: Sandbox) -> list[Measured]:
    """Measure every kind of search."""
    urls: list[str] = []
    settings = Settings.load(
        {"api_key": FULL_KEY, "timezone": "America/Chicago", "search_memory": "0", "search_requests": "25"}
    )

    def transport() -> httpx2.AsyncBaseTransport:
        return _Recorder(sandbox.transport(), urls)

    server = build_server(settings, transport=transport, clock=lambda: NOW)
    headers = {"x-api-key": FULL_KEY, "rotor-api-version": API_VERSION}
    results = []
    async with (
        Client(server) as client,
        httpx2.AsyncClient(transport=sandbox.transport(), headers=headers) as http,
    ):
        for kind in KINDS:
            urls.clear()
            shown, characters = await search(client, kind)  # also warms up
            measured = Measured(kind, list(urls), shown, characters)
            await get_plainly(http, measured)
            measured.parsing.clear()
            for run in range(RUNS):
                pair = [
                    (measured.ours, lambda kind=kind: search(client, kind)),
                    (measured.plain, lambda measured=measured: get_plainly(http, measured)),
                ]
                for times, work in pair if run % 2 == 0 else reversed(pair):
                    times.append(await _seconds(work))
            results.append(measured)
            sys.stderr.write(f"{kind.title}: {len(measured.urls)} requests\n")
    return results


def peak_memory() -> float:
    """The most memory that this process ever had, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)  # bytes there, kilobytes elsewhere


def _times(seconds: list[float]) -> str:
    low, high = 1e3 * min(seconds), 1e3 * max(seconds)
    return f"{1e3 * statistics.median(seconds):,.0f} ({low:,.0f}-{high:,.0f})"


def _row(measured: Measured) -> str:
    ratios = [ours / plain for ours, plain in zip(measured.ours, measured.plain, strict=True)]
    requests = len(measured.urls)
    own = 1e3 * statistics.median(
        [ours - plain for ours, plain in zip(measured.ours, measured.plain, strict=True)]
    )
    cells = (
        measured.kind.title,
        str(requests),
        str(measured.shown),
        f"{measured.characters:,}",
        _times(measured.ours),
        _times(measured.plain),
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
        f"{own / requests:,.1f}",
        f"{1e3 * statistics.median(measured.parsing) / requests:,.1f}",
    )
    return f"| {' | '.join(cells)} |"


def report(results: list[Measured], before: float, after: float) -> str:
    """Write it all down as Markdown."""
    spreads = [max(times) / min(times) for each in results for times in (each.ours, each.plain)]
    return "\n".join(
        [
            "# What searches cost",
            "",
            f"A company of {LEADS:,} leads; pages of 1,000; nothing remembered between searches. "
            f"Median (lowest-highest) of {RUNS} runs, ours and plain in turn.",
            "",
            "| Search | Requests | Leads shown | Characters of text | Ours, ms | Plain GETs, ms | Ratio "
            "| Ours alone, ms a request | json.loads alone, ms a request |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
            *map(_row, results),
            "",
            "- *Ours*: a call by an MCP client, through the server, to the sandbox and back. *Plain GETs*: "
            "the same pages from the same sandbox, parsed as JSON and thrown away, without MCP, models, "
            "filters and wording.",
            "- *Ratio*: median (lowest-highest) of the runs' own ratios. *Ours alone*: the difference of a "
            "pair, per request; for searches by the API alone that is the cost of the MCP call itself. "
            "*json.loads alone*: the part of the plain GETs that is parsing; the rest is the sandbox.",
            "- The sandbox answers in the same process without a network. Against the real service the "
            "waiting is added to both sides alike, and the ratio comes nearer to 1.",
            f"- Memory: the process had {before:,.0f} MB at most before the first search, with all leads in "
            f"the sandbox, and {after:,.0f} MB at most in the end. The difference holds both sides, the "
            "sandbox's own answers among them.",
            f"- Python {platform.python_version()} ({platform.python_implementation()}), "
            f"{platform.system()}, {os.cpu_count()} cores. The machine is shared and noisy: the slowest run "
            f"of a cell took {statistics.median(spreads):.2f} times as long as the fastest in the median, "
            f"{max(spreads):.2f} times in the worst case. Differences smaller than that mean nothing.",
            "",
            "To repeat it: `python -m bench.search` in the root of the repository. It overwrites this file.",
            "",
        ]
    )


def main() -> None:
    """Measure, and write the report."""
    # The server's command writes warnings only; the SDK left to itself prints a line for every request.
    logging.disable(logging.INFO)
    gc_tuning.tune_for_serving()  # as that command does
    with closing(Sandbox(leads=LEADS, quota=1_000_000, now=lambda: NOW)) as sandbox:
        before = peak_memory()
        results = anyio.run(measure, sandbox)
    text = report(results, before, peak_memory())
    REPORT.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
