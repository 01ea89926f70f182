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
from rotor_mcp.sandbox import FULL_KEY, Sandbox


async def _answers() -> tuple[bytes, bytes]:
    headers = {"x-api-key": FULL_KEY, "rotor-api-version": API_VERSION}
    with closing(Sandbox()) as rotor:
        async with httpx2.AsyncClient(
            transport=rotor.transport(), base_url="http://rotor/open-api/", headers=headers
        ) as http:
            one, many = await http.get(f"leads/{JANE}"), await http.get("leads", params={"limit": 20})
    return one.content, many.content


async def main() -> None:
    """Serve until the process is killed."""
    one, many = await _answers()
    server = await serve(lambda line: one if JANE.encode() in line else many, 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
