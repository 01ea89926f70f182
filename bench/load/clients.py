"""Many clients of one server, each with a connection of its own, each asking as soon as it was answered.

`python -m bench.load.clients PORT CLIENTS CALLS` prints what came of it as JSON.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import cycle
from time import perf_counter

from bench.compare.measured import JANE
from bench.load.wire import read_message
from bench.tool_call import tool_call

CALLS: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("get_lead", {"id": JANE}),
    ("search_leads", {"limit": 20}),
)
"""Made in turn."""


@dataclass(frozen=True)
class Outcome:
    """What came of a load."""

    seconds: float
    failed: int
    milliseconds: list[float]
    """What each call took."""


def _request(port: int, tool: str, arguments: Mapping[str, object]) -> bytes:
    headers, body = tool_call(tool, arguments, f"127.0.0.1:{port}")
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + body


async def load(port: int, clients: int, calls: int) -> Outcome:
    """Make calls."""
    requests = cycle([_request(port, tool, arguments) for tool, arguments in CALLS])
    left = iter(range(calls))
    took: list[float] = []
    failed = 0

    async def client() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            began = perf_counter()
            writer.write(next(requests))
            head, body = await read_message(reader)
            took.append(1e3 * (perf_counter() - began))
            failed += not (head.startswith(b"HTTP/1.1 200") and b'"isError":false' in body.replace(b" ", b""))
        writer.close()

    began = perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return Outcome(perf_counter() - began, failed, took)


if __name__ == "__main__":
    outcome = asyncio.run(load(*map(int, sys.argv[1:])))
    sys.stdout.write(json.dumps(asdict(outcome)))
