"""Serve HTTP in one process, with limits of its own, or in several. SIGTERM lets calls in hand end."""

import signal
import socket
import sys
from collections.abc import Callable, Sequence

import uvicorn
from starlette.applications import Starlette

from rotor_mcp.config import ConfigError, Settings
from rotor_mcp.hosting.connections import MAX_BUSY_CONNECTIONS, LimitedProtocol
from rotor_mcp.hosting.settings import HostSettings

SHUTDOWN_GRACE_SECONDS = 5
"""Seconds that calls in hand get beyond what a call may take."""


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
    # uvicorn raises a signal once more when all is done; by then there is nothing to interrupt.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    uvicorn.Server(config).run([*sockets])


def workers(settings: Settings, host: HostSettings, address: str, port: int) -> Callable[[], None]:
    """Prepare several processes that serve `rotor_mcp.hosting.asgi:app`. Returns what serves until a signal.

    Granian starts a process again that died, and on Linux gives each a socket of its own for the same port.
    The processes of uvicorn's supervisor share one, and one of them gets most connections: bench/LOAD.md has
    the figures.

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
            "ROTOR_MCP_WORKERS: several processes need another package: pip install 'rotor-mcp[workers]'; or "
            "serve with one process"
        ) from None
    return Granian(
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
        log_dictconfig={"handlers": {}, "loggers": {}},  # its lines go where ours go
        respawn_failed_workers=True,
        workers_kill_timeout=int(settings.timeout) + SHUTDOWN_GRACE_SECONDS,
    ).serve
