"""Runs the HTTP server in one process (uvicorn) or in several (Granian) until SIGINT or SIGTERM."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextvars import Context
from functools import partial
from threading import Thread
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette

from rotor_mcp.config import ConfigError, Settings
from rotor_mcp.extras import install_hint
from rotor_mcp.hosting.connections import MAX_BUSY_CONNECTIONS, LimitedProtocol
from rotor_mcp.hosting.settings import HostSettings

SHUTDOWN_GRACE_SECONDS = 5
"""Seconds for running calls to end, beyond the timeout of a call."""


logger = logging.getLogger(__name__)


def run(app: Starlette, settings: Settings, host: HostSettings, sockets: Sequence[socket.socket]) -> None:
    """Serve an application until SIGINT or SIGTERM, and return."""
    config = uvicorn.Config(
        app,
        http=LimitedProtocol,
        limit_concurrency=MAX_BUSY_CONNECTIONS,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=host.keep_alive,
        timeout_graceful_shutdown=int(settings.timeout) + SHUTDOWN_GRACE_SECONDS,
    )
    # uvicorn raises the signal again after its shutdown, when there is nothing left to interrupt.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        _Server(config).run([*sockets])
    finally:
        log_stop()


class _Server(uvicorn.Server):
    """Ends at once at the second interrupt.

    uvicorn means to, but asyncio waits for all connections since Python 3.12.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Receive a signal."""
        super().handle_exit(sig, frame)
        # Not here: the signal may have interrupted the writing of a line, or the work on a request, whose
        # fields the line would have.
        asyncio.get_running_loop().call_soon_threadsafe(log_signal, sig, context=Context())
        if self.force_exit:
            for connection in [*self.server_state.connections]:
                connection.loop.call_soon_threadsafe(connection.transport.abort)


def log_signal(number: int) -> None:
    """Log that a signal asks the server to stop."""
    name = signal.Signals(number).name
    logger.info(
        "%s: the server completes its calls and stops",
        name,
        extra={"event": "signal_received", "signal": name},
    )


def log_stop() -> None:
    """Log that the server has ended."""
    logger.info("Stopped", extra={"event": "server_stopped"})


def workers(settings: Settings, host: HostSettings, address: str, port: int) -> Callable[[], None]:
    """Return a function that serves `rotor_mcp.hosting.asgi:app` in several processes until a signal.

    Granian restarts a process that died, and on Linux gives each process its own socket for the same port.
    uvicorn's processes share one socket, and one of them gets most connections (bench/LOAD.md).

    Raises:
        ConfigError: if Granian is not installed.
    """
    try:
        from granian import Granian
        from granian.constants import HTTPModes, Interfaces
        from granian.http import HTTP1Settings
        from granian.log import LogLevels
    except ModuleNotFoundError:
        raise ConfigError(
            f"ROTOR_MCP_WORKERS: several processes need another package: {install_hint('workers')}, or serve "
            "with one process"
        ) from None
    server = Granian(
        "rotor_mcp.hosting.asgi:app",
        address=address,
        port=port,
        interface=Interfaces.ASGI,
        workers=host.workers,
        backpressure=MAX_BUSY_CONNECTIONS,
        http=HTTPModes.http1,
        # One limit for the head of a request and for the idle time before it.
        http1_settings=HTTP1Settings(header_read_timeout=host.keep_alive * 1_000),
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig={"handlers": {}, "loggers": {}},  # its lines use the logging of this package
        respawn_failed_workers=True,
        workers_kill_timeout=int(settings.timeout) + SHUTDOWN_GRACE_SECONDS,
    )

    server.on_startup(_log_signals)

    def serve() -> None:
        server.serve()
        log_stop()

    return serve


def _log_signals() -> None:
    """Log the signals for which Granian has set handlers."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, partial(_log_and_handle, signal.getsignal(number)))


def _log_and_handle(handler: Any, number: int, frame: FrameType | None) -> None:
    # A thread, because the signal may have interrupted the writing of a line.
    Thread(target=log_signal, args=(number,)).start()
    handler(number, frame)
