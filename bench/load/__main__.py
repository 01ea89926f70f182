"""Load servers over HTTP, and write `bench/LOAD.md`: `python -m bench.load`. It needs `redis-server`.

Everything is on this machine, each in a process of its own: Rotor, which answers at once, the servers, Redis,
and the clients. The servers are measured in turn within each round.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import click

from bench.baselines.environments import prepare
from bench.load.report import BARE, OURS, Long, Rounds, report
from rotor_mcp.sandbox import FULL_KEY

CLIENTS = 32
REPORT = Path(__file__).parents[1] / "LOAD.md"


@click.command()
@click.option("--rounds", default=7, show_default=True, help="How often each is measured.")
@click.option("--calls", default=1_000, show_default=True, help="In each of them.")
@click.option("--long", "stretches", default=30, show_default=True, help="As many calls more, so many times.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the environments are kept.")
def main(rounds: int, calls: int, stretches: int, folder: Path | None) -> None:
    """Measure, and write the report."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        started = stack.enter_context(_servers(folder or Path(scratch) / "environments", Path(scratch)))
        measured: Rounds = {name: [] for name in started}
        for number in range(rounds + 1):
            names = list(started)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                outcome = _load(started[name].port, calls)
                if number:  # the first round warms up
                    measured[name].append(outcome)
            click.echo(f"round {number} of {rounds}", err=True)
        ours = started[OURS]
        before = _handles(ours.process.pid)
        long = Long(calls, [], before, 0)
        for stretch in range(stretches):
            _load(ours.port, calls)
            long.memory.append(_memory(ours.process.pid))
            click.echo(f"stretch {stretch + 1} of {stretches}: {long.memory[-1]:.1f} MiB", err=True)
        time.sleep(6)  # until idle connections were closed
        long.handles_after = _handles(ours.process.pid)
    REPORT.write_text("\n".join([*report(measured, long, CLIENTS, calls), ""]), "utf-8")
    click.echo(REPORT.read_text("utf-8"))


def _load(port: int, calls: int) -> dict[str, float]:
    """Let the clients loose; calls a second, and what the middle and the slowest hundredth took."""
    command = [sys.executable, "-m", "bench.load.clients", str(port), str(CLIENTS), str(calls)]
    ended = subprocess.run(command, capture_output=True, check=True)
    outcome = json.loads(ended.stdout)
    if outcome["failed"]:
        raise RuntimeError(f"{outcome['failed']} of {calls} calls failed")
    hundredths = statistics.quantiles(outcome["milliseconds"], n=100)
    return {"rate": calls / outcome["seconds"], "p50": hundredths[49], "p99": hundredths[98]}


class _Started:
    """A server that runs."""

    def __init__(self, command: list[str], port: int, variables: dict[str, str]) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ROTOR_")}
        self.port = port
        self.process = subprocess.Popen(command, env=kept | variables, stderr=subprocess.DEVNULL)


@contextmanager
def _servers(folder: Path, scratch: Path) -> Iterator[dict[str, _Started]]:
    """Start everything; yield the servers by name."""
    installed = prepare(folder, ["rotor-mcp", "bare"])
    subprocess.run([installed["rotor-mcp"].command[0], "-m", "pip", "install", "-q", "redis"], check=True)
    running: list[subprocess.Popen[bytes]] = []
    try:
        rotor = subprocess.Popen([sys.executable, "-m", "bench.load.rotor"], stdout=subprocess.PIPE)
        running.append(rotor)
        rotor_port = rotor.stdout.readline().decode().strip() if rotor.stdout else ""
        redis_port = _free_port()
        redis = [
            "redis-server",
            "--port",
            str(redis_port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(scratch),
        ]
        running.append(subprocess.Popen(redis, stdout=subprocess.DEVNULL))
        known = {
            "ROTOR_API_KEY": FULL_KEY,
            "ROTOR_BASE_URL": f"http://127.0.0.1:{rotor_port}/open-api",
            "ROTOR_MCP_SEARCH_MEMORY": "0",
            "ROTOR_MCP_CALLS_AT_ONCE": "1000",
            "ROTOR_MCP_CALLS_PER_MINUTE": "100000000",
        }
        shared = {"ROTOR_MCP_REDIS_URL": f"redis://127.0.0.1:{redis_port}"}
        started = {
            OURS: _ours(installed["rotor-mcp"].command, known),
            f"{OURS}, with Redis": _ours(installed["rotor-mcp"].command, known | shared),
            f"{OURS}, 2 processes": _ours(
                installed["rotor-mcp"].command, known | shared | {"ROTOR_MCP_WORKERS": "2"}
            ),
            BARE: _bare(installed["bare"].command, known),
            f"{BARE}, again": _bare(installed["bare"].command, known),
        }
        running += [server.process for server in started.values()]
        for port in (redis_port, *(server.port for server in started.values())):
            _wait_for(port)
        yield started
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)


def _ours(command: tuple[str, ...], variables: dict[str, str]) -> _Started:
    port = _free_port()
    return _Started([*command, "serve", f"--http=127.0.0.1:{port}"], port, variables)


def _bare(command: tuple[str, ...], variables: dict[str, str]) -> _Started:
    port = _free_port()
    return _Started([*command, str(port)], port, variables)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port}")


def _memory(pid: int) -> float:
    """MiB of resident memory."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) / 1_024


def _handles(pid: int) -> int:
    """Open files and connections."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


if __name__ == "__main__":
    main()
