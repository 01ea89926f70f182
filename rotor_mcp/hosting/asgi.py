"""The ASGI application, for any ASGI server: `granian --interface asgi rotor_mcp.hosting.asgi:app`.

All settings are environment variables, except for the address and the number of processes, which are set in
the ASGI server. The application is built when the lifespan starts, in the process that serves it, not when
this module is imported. docs/hosting.md lists the required settings of the ASGI server.
"""

import logging
import multiprocessing
import os
import signal
import threading

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from rotor_mcp import __version__
from rotor_mcp.config import ConfigError, is_loopback
from rotor_mcp.config_file import given_by_environment
from rotor_mcp.hosting.settings import NO_AUTH, SETTING_NAMES, HostSettings
from rotor_mcp.hosting.startup import check, start
from rotor_mcp.server.backend import load_settings

logger = logging.getLogger(__name__)


class Application:
    """Serves by the settings of the environment. Without access tokens, it serves loopback only, else 403."""

    def __init__(self) -> None:
        self._app: Starlette | None = None
        self._loopback_only = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle the lifespan or a request.

        Raises:
            RuntimeError: if a request comes before the lifespan started.
        """
        if scope["type"] == "lifespan":
            try:
                self._start()
            except ConfigError as exc:
                await receive()
                await send({"type": "lifespan.startup.failed", "message": f"rotor-mcp cannot start: {exc}"})
                return
            send = _logging(send)
        if self._app is None:
            raise RuntimeError("rotor-mcp starts with the ASGI lifespan, which must be on")
        if scope["type"] == "http" and self._loopback_only and not _at_loopback(scope):
            await JSONResponse({"error": f"this address {NO_AUTH}"}, 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _start(self) -> None:
        given = given_by_environment(SETTING_NAMES)
        settings = load_settings(given.values, given.sources)
        host = HostSettings.load(given.values, given.sources)
        check(settings, host)
        self._app = start(settings, host)
        self._loopback_only = not host.requires_auth
        if multiprocessing.parent_process() is not None:
            threading.Thread(target=_end_with_parent, daemon=True).start()


def _logging(send: Send) -> Send:
    """Return an ASGI `send` of the lifespan that logs the start and the end of this process."""

    async def send_and_log(message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            started = {"event": "worker_started", "version": __version__, "pid": os.getpid()}
            logger.info("Process %d is ready", os.getpid(), extra=started)
        await send(message)
        if message["type"] == "lifespan.shutdown.complete":
            stopped = {"event": "worker_stopped", "pid": os.getpid()}
            logger.info("Process %d has stopped", os.getpid(), extra=stopped)

    return send_and_log


def _at_loopback(scope: Scope) -> bool:
    """Whether a request came to a loopback address."""
    server = scope.get("server")
    return server is not None and is_loopback(server[0])


def _end_with_parent() -> None:
    """Send SIGTERM to this process when its supervisor has ended: nothing else would stop it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


app = Application()
