"""Load servers over HTTP, and write `bench/LOAD.md`: `python -m bench.load`.

It needs `redis-server` and `nginx`.

Everything is on this machine, each in a process of its own: Rotor, which answers at once, the servers, Redis,
and the clients. The servers are measured in turn within each round.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click

from bench.load.report import OURS, Long, Rounds, report
from bench.load.servers import servers
from bench.processes import resident_memory

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
        started = stack.enter_context(servers(folder or Path(scratch) / "environments", Path(scratch)))
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
            long.memory.append(resident_memory(ours.process.pid) or 0.0)
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


def _handles(pid: int) -> int:
    """Open files and connections."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


if __name__ == "__main__":
    main()
