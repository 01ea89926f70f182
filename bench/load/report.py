"""The report of a load."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.compare.figures import Spread, ratios
from bench.compare.results import machine

OURS = "rotor-mcp"
BARE = "bare"

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
    for name, runs in measured.items():
        cells = []
        for figure, digits in (("rate", 0), ("p50", 1), ("p99", 1)):
            values = [one[figure] for one in runs]
            baseline = [one[figure] for one in measured[BARE]]
            cells += [Spread.of(values).show(digits), ratios(values, baseline).show(2)]
        yield f"| {name} | {' | '.join(cells)} |"
    two, one = (
        [each["rate"] for each in measured[name]] for name in (f"{OURS}, 2 processes", f"{OURS}, with Redis")
    )
    yield ""
    growth = ratios(two, one).show(2)
    yield f"From one process to two, both with Redis, throughput grows by the factor {growth}."
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
