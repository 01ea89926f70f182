"""From the start of a process to its answer to `tools/list`, the memory it has then, and the first call."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from bench.baselines.environments import Server
from bench.processes import resident_memory

_HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}

THINKING_SECONDS = 1.0
"""Seconds that nobody is faster than who reads what an assistant can do, and asks for something."""


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
    with _started(server, base_url, folder) as process:
        listed = _list_tools(process)
        return Start(perf_counter() - began, resident_memory(process.pid), listed["tools"])


def first_call(server: Server, base_url: str, folder: Path, pause: float) -> float:
    """Seconds that the first call takes, so many seconds after the tools were listed.

    Raises:
        RuntimeError: if the server does not answer.
    """
    with _started(server, base_url, folder) as process:
        _list_tools(process)
        sleep(pause)
        began = perf_counter()
        call = {"name": server.search, "arguments": {"limit": 5}}
        if _ask(process, {"id": 3, "method": "tools/call", "params": call}).get("isError"):
            raise RuntimeError(f"the first call of {server.name} failed")
        return perf_counter() - began


@contextmanager
def _started(server: Server, base_url: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
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
            yield process
        finally:
            process.kill()


def _list_tools(process: subprocess.Popen[str]) -> dict[str, Any]:
    _ask(process, {"id": 1, "method": "initialize", "params": _HELLO})
    _tell(process, {"method": "notifications/initialized"})
    return _ask(process, {"id": 2, "method": "tools/list"})


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
