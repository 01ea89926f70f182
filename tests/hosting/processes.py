"""`rotor-mcp serve --http` as a process of its own, and clients of it."""

import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

SERVING = "Serving MCP at "


class ServerProcess:
    """A running server."""

    def __init__(self, environment: Mapping[str, str], *flags: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rotor_mcp", "serve", "--http", f"127.0.0.1:{self.port}", *flags],
            env={"PATH": "", "ROTOR_MCP_TIMEZONE": "America/Chicago", **environment},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        before: list[str] = []
        for line in self.process.stderr:
            before.append(line)
            if line.startswith(SERVING):
                break
        else:
            raise RuntimeError("".join(before))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """End it as a machine ends that loses its power."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout: float = 40) -> str:
        """Ask it to end, and return what it wrote since it began to serve."""
        self.process.send_signal(signal.SIGTERM)
        _, written = self.process.communicate(timeout=timeout)
        return written


@contextmanager
def server_process(environment: Mapping[str, str], *flags: str) -> Iterator[ServerProcess]:
    """Run a server."""
    server = ServerProcess(environment, *flags)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()
        if server.process.stderr and not server.process.stderr.closed:
            server.process.stderr.close()


@asynccontextmanager
async def client_of(url: str, token: str | None = None, mode: Any = "2026-07-28") -> AsyncIterator[Client]:
    """A client of a server over HTTP."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client
