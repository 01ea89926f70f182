"""From the start of a process to its answer to `tools/list`, and the memory it has then."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.baselines.environments import Server

_HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}


@dataclass(frozen=True)
class Start:
    """One start."""

    seconds: float
    memory: float | None
    """MiB of resident memory, where the system tells."""
    tools: list[dict[str, Any]]


def start(server: Server, base_url: str, folder: Path) -> Start:
    """Start a server as a client does, list its tools, and end it.

    Raises:
        RuntimeError: if it does not answer.
    """
    began = perf_counter()
    with subprocess.Popen(
        server.command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=server.environment(base_url),
        cwd=folder,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            _ask(process, {"id": 1, "method": "initialize", "params": _HELLO})
            _tell(process, {"method": "notifications/initialized"})
            listed = _ask(process, {"id": 2, "method": "tools/list"})
            return Start(perf_counter() - began, _memory(process.pid), listed["tools"])
        finally:
            process.kill()


def _tell(process: subprocess.Popen[str], message: dict[str, Any]) -> None:
    if process.stdin is None:
        raise RuntimeError("there is nothing to write to")
    process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    process.stdin.flush()


def _ask(process: subprocess.Popen[str], message: dict[str, Any]) -> dict[str, Any]:
    _tell(process, message)
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError(f"{process.args!r} ended before it answered")
    result: dict[str, Any] = json.loads(line)["result"]
    return result


def _memory(pid: int) -> float | None:
    status = Path(f"/proc/{pid}/status")
    found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else None
