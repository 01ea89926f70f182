"""The server as an application for any ASGI server: `granian --interface asgi rotor_mcp.hosting.asgi:app`.

All settings are environment variables, except for the address and the number of processes, which are the ASGI
server's. The application is built when the lifespan starts, in the process that serves it: importing this
module does nothing. docs/hosting.md says what an ASGI server must be told.
"""

import multiprocessing
import os
import signal
import threading

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from rotor_mcp.config import ConfigError, Settings, environment_variable, is_loopback
from rotor_mcp.hosting.settings import NO_AUTH
from rotor_mcp.hosting.startup import check, host_settings, start
from rotor_mcp.server.backend import load_settings


class Application:
    """Serves what the environment says. Without access tokens, other addresses than loopback answer 403."""

    def __init__(self) -> None:
        self._app: Starlette | None = None
        self._loopback_only = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start or end with the ASGI server, or answer a request.

        Raises:
            RuntimeError: if there is a request before the lifespan started.
        """
        if scope["type"] == "lifespan":
            try:
                self._start()
            except (ConfigError, OSError, ValueError) as exc:
                await receive()
                await send({"type": "lifespan.startup.failed", "message": f"rotor-mcp cannot start: {exc}"})
                return
        if self._app is None:
            raise RuntimeError("rotor-mcp starts with the ASGI lifespan, which must be on")
        if scope["type"] == "http" and self._loopback_only and not _at_loopback(scope):
            await JSONResponse({"error": f"this address {NO_AUTH}"}, 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _start(self) -> None:
        values = {name: os.environ.get(environment_variable(name)) for name in Settings.model_fields}
        settings, host = load_settings(values), host_settings()
        check(settings, host)
        self._app = start(settings, host)
        self._loopback_only = not host.requires_auth
        if multiprocessing.parent_process() is not None:
            threading.Thread(target=_end_with_parent, daemon=True).start()


def _at_loopback(scope: Scope) -> bool:
    """Whether a request came to an address that only this machine reaches."""
    server = scope.get("server")
    return server is not None and is_loopback(server[0])


def _end_with_parent() -> None:
    """End as on SIGTERM when the supervisor is gone: nobody else would ever stop this process."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


app = Application()
