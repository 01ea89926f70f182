"""Prevents several processes without Redis, which could create one lead twice.

A process cannot see how many others its ASGI server starts. On Linux it binds an abstract socket: the kernel
gives a name to one process only, and frees it when that process ends. Containers with separate networks do
not see each other's names.
"""

import hashlib
import logging
import multiprocessing
import socket
import sys

from rotor_mcp.config import ConfigError, Settings
from rotor_mcp.hosting.settings import HostSettings

NEED_REDIS = (
    "several processes need ROTOR_MCP_REDIS_URL, since there calls for one person wait for each other; "
    "without it one person could be filed twice"
)
_bound: list[socket.socket] = []
"""Sockets that stay open until this process ends."""


def claim(settings: Settings, host: HostSettings) -> None:
    """Become the only process of this machine that serves these settings without Redis.

    On other systems than Linux, a process that was started by `multiprocessing` logs a warning.

    Raises:
        ConfigError: if there is another process.
    """
    if sys.platform == "linux":
        name_holder = socket.socket(socket.AF_UNIX)
        try:
            name_holder.bind(f"\0rotor-mcp-{_digest(settings, host)}")
        except OSError:
            name_holder.close()
            raise ConfigError(f"another process of this machine serves the same: {NEED_REDIS}") from None
        _bound.append(name_holder)
    elif multiprocessing.parent_process() is not None:
        logging.getLogger(__name__).warning(
            "if other processes serve the same: %s", NEED_REDIS, extra={"event": "processes_uncoordinated"}
        )


def _digest(settings: Settings, host: HostSettings) -> str:
    """Return a digest of what processes for the same companies share: the key, or else all settings."""
    shared = settings.key or host.model_dump_json(exclude={"http", "workers"})
    return hashlib.sha256(f"{settings.base_url} {shared}".encode()).hexdigest()
