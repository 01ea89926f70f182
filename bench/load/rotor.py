"""Rotor, answering at once with what was learned by heart: `python -m bench.load.rotor` prints its port.

The answers are those of the embedded Rotor, which takes longer to find them than a server to pass them on.
"""

import asyncio
import sys
from contextlib import closing

import httpx2

from bench.compare.measured import JANE
from bench.load.wire import serve
from rotor_mcp.api.pool import API_VERSION
from rotor_mcp.dates import Clock, utc_now
from rotor_mcp.sandbox import FULL_KEY, Sandbox


async def learned(now: Clock = utc_now) -> dict[str, bytes]:
    """Return the embedded Rotor's answers: a lead, lists of 20 and of 1,000 by their limit, and a write."""
    headers = {"x-api-key": FULL_KEY, "rotor-api-version": API_VERSION}
    with closing(Sandbox(now=now)) as rotor:
        async with httpx2.AsyncClient(
            transport=rotor.transport(), base_url="http://rotor/open-api/", headers=headers
        ) as http:
            asked = {
                "one": await http.get(f"leads/{JANE}"),
                "20": await http.get("leads", params={"limit": 20}),
                "1000": await http.get("leads", params={"limit": 1_000}),
                "POST": await http.post("leads", json={"id": JANE, "priority": "high"}),
            }
    return {kind: answer.content for kind, answer in asked.items()}


async def main() -> None:
    """Serve until the process is killed."""
    answers = await learned()
    server = await serve(lambda line: answers["one" if JANE.encode() in line else "20"], 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
