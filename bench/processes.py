"""Ports and memory of the processes that a benchmark starts."""

import re
import socket
import time
from contextlib import suppress
from pathlib import Path


def free_port() -> int:
    """Return a port of this machine that nobody had a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    """Wait until something listens on a port.

    Raises:
        RuntimeError: if nothing does within a minute.
    """
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port}")


def resident_memory(pid: int) -> float | None:
    """Return the MiB of memory that a process has now; None where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else None
