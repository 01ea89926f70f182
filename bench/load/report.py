"""The report of a load."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.compare.figures import Spread, ratios
from bench.compare.results import machine

OURS = "rotor-mcp"
BARE = "bare"

PAIRS = {
    "ours": (f"{OURS}, with Redis", f"{OURS}, 2 processes"),
    "nginx": (f"{OURS}, with Redis", f"{OURS}, 2 servers behind nginx"),
    "granian": ("granian", "granian, 2 processes"),
    "uvicorn": ("uvicorn", "uvicorn, 2 processes"),
    "gunicorn": ("gunicorn", "gunicorn, 2 processes"),
}
"""Servers with one process, and with two; all with Redis."""

Rounds = dict[str, list[dict[str, float]]]
"""Server → its rounds: calls a second, milliseconds of the middle call and of the slowest hundredth."""


@dataclass
class Long:
    """A long run of one server."""

    calls: int
    """In each stretch."""
    memory: list[float]
    """MiB after each stretch."""
    handles_before: int
    handles_after: int


def report(measured: Rounds, long: Long, clients: int, calls: int) -> Iterator[str]:
    """Yield the lines of the report."""
    rounds = len(measured[OURS])
    yield "# Load over HTTP"
    yield ""
    yield (
        f"Measured by `python -m bench.load --rounds {rounds} --calls {calls}` on "
        f"{datetime.now(UTC):%Y-%m-%d}, on {machine()}. {clients} clients, each with a connection of "
        "its own, ask for a lead and for a list of 20 in turn, each as soon as it was answered; nothing is "
        f"remembered between calls. Figures are medians with the middle half of {rounds} rounds; ratios are "
        f"taken within each round, to `{BARE}`. The row `{BARE}, again` is the same server once more: what "
        "it differs by is noise."
    )
    yield ""
    yield (
        "`bare` is the server of `bench/baselines`, over the SDK's own Streamable HTTP. Rotor answers at "
        "once with what it has learned by heart. Rotor, Redis, the servers and the clients share the cores, "
        "so two processes have less than two of them."
    )
    yield ""
    yield "| server | calls a second | ratio | ms, middle | ratio | ms, slowest hundredth | ratio |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    asgi = [name for pair in (PAIRS["granian"], PAIRS["uvicorn"], PAIRS["gunicorn"]) for name in pair]
    for name, runs in measured.items():
        if name in asgi:
            continue
        cells = []
        for figure, digits in (("rate", 0), ("p50", 1), ("p99", 1)):
            values = [one[figure] for one in runs]
            baseline = [one[figure] for one in measured[BARE]]
            cells += [Spread.of(values).show(digits), ratios(values, baseline).show(2)]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""
    yield from _growth(measured)
    yield ""
    yield "## A long run"
    yield ""
    tenth = max(len(long.memory) // 10, 1)
    first, last = (
        sum(some) / len(some)
        for some in (long.memory[tenth : 2 * tenth] or long.memory, long.memory[-tenth:])
    )
    yield (
        f"{long.calls * len(long.memory):,} further calls to one process without Redis: {first:.1f} MiB "
        f"after the first tenth, {last:.1f} MiB after the last, {max(long.memory):.1f} MiB at most. Open "
        f"files and connections: {long.handles_before} before, {long.handles_after} after."
    )


def _growth(measured: Rounds) -> Iterator[str]:
    yield "## From one process to two"
    yield ""
    yield (
        f"All with Redis. The row `{OURS}, 2 processes` is `ROTOR_MCP_WORKERS=2`, which runs Granian. The "
        "last three are ASGI servers with `rotor_mcp.hosting.asgi:app`, gunicorn with the worker "
        "`uvicorn_worker.UvicornWorker`. Granian gives each process a socket of its own, so that the "
        "kernel spreads connections; those of uvicorn and gunicorn share one, and one of them gets most."
    )
    yield ""
    yield "| one | two | calls a second with one | with two | factor |"
    yield "| --- | --- | --- | --- | --- |"
    for one, two in PAIRS.values():
        single, double = ([each["rate"] for each in measured[name]] for name in (one, two))
        figures = Spread.of(single).show(), Spread.of(double).show(), ratios(double, single).show(2)
        yield f"| {one} | {two} | {' | '.join(figures)} |"
