"""One process at a time: without a Redis, two that serve the same could file one person twice.

A process cannot see how many others its ASGI server starts. On Linux it binds an abstract socket: the kernel
gives a name to one process only, and frees it when that process ends, however it ends. Containers with a
network of their own do not see each other's names.
"""

import hashlib
import logging
import multiprocessing
import socket
import sys

from rotor_mcp.config import ConfigError, Settings
from rotor_mcp.hosting.settings import HostSettings

_NEED = (
    "several processes need ROTOR_MCP_REDIS_URL, since there calls for one person wait for each other; "
    "without it one person could be filed twice"
)
_claimed: list[socket.socket] = []
"""Open until this process ends."""


def claim(settings: Settings, host: HostSettings) -> None:
    """Become the only process of this machine that serves these settings without a Redis.

    Where the system has no such names, a process that was started by `multiprocessing` logs a warning.

    Raises:
        ConfigError: if there is another one.
    """
    if sys.platform == "linux":
        own = socket.socket(socket.AF_UNIX)
        try:
            own.bind(f"\0rotor-mcp-{_digest(settings, host)}")
        except OSError:
            own.close()
            raise ConfigError(f"another process of this machine serves the same: {_NEED}") from None
        _claimed.append(own)
    elif multiprocessing.parent_process() is not None:
        logging.getLogger(__name__).warning("if other processes serve the same: %s", _NEED)


def _digest(settings: Settings, host: HostSettings) -> str:
    """What processes have in common that write to the same companies: the key, or else all settings."""
    same = settings.key or host.model_dump_json(exclude={"http", "workers"})
    return hashlib.sha256(f"{settings.base_url} {same}".encode()).hexdigest()
