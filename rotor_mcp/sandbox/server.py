"""Serves the sandbox over HTTP: until a signal, or for the length of a block."""

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import anyio
import uvicorn
from starlette.requests import ClientDisconnect

from rotor_mcp.sandbox.faults import BASE_PATH, ReplyLost
from rotor_mcp.sandbox.sandbox import Sandbox
from rotor_mcp.sockets import http_url, listen

_SHUTDOWN_TIMEOUT_SECONDS = 1
"""For active requests when the server stops."""


def base_url(listener: socket.socket) -> str:
    """Return the base URL of the API on a socket."""
    return f"{http_url(listener)}{BASE_PATH}"


def serve(sandbox: Sandbox, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM, and return."""
    server = _server(sandbox)
    with ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            stack.callback(signal.signal, number, signal.signal(number, server.handle_exit))
        asyncio.run(server.serve([listener]))


@asynccontextmanager
async def serving(sandbox: Sandbox, port: int = 0) -> AsyncIterator[str]:
    """Serve on a loopback port for the length of a block, and yield the base URL.

    Raises:
        OSError: if the port cannot be used.
    """
    listener = listen(port=port)
    url = base_url(listener)
    server = _server(sandbox)
    # Not a task group: it would wrap an exception of the block in an ExceptionGroup.
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield url
    finally:
        server.should_exit = True
        with anyio.CancelScope(shield=True):
            await task


class _UvicornServer(uvicorn.Server):
    """A uvicorn server that does not handle signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(sandbox: Sandbox) -> _UvicornServer:
    # uvicorn's own log settings would write to stdout. Without them its warnings go to the program's
    # handlers, by default to stderr.
    logging.getLogger("uvicorn.error").addFilter(_is_worth_logging)
    return _UvicornServer(
        uvicorn.Config(
            sandbox.app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT_SECONDS,
        )
    )


def _is_worth_logging(record: logging.LogRecord) -> bool:
    """Whether a record is more than an injected fault, a shutdown or a disconnected client."""
    if record.exc_info:
        return not isinstance(record.exc_info[1], (ReplyLost, asyncio.CancelledError, ClientDisconnect))
    return "graceful shutdown exceeded" not in record.msg
