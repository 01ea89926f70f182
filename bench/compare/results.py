"""What a comparison found, as data: the report and the README's table are made from it."""

import os
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bench.compare.calls import tokens
from bench.compare.figures import Spread, ratios
from bench.compare.measured import AGAIN, BASELINE, CALLS, DIRECT, Answer, Measured
from bench.outcomes.situation import Verdict

FILE = Path(__file__).parents[1] / "results.json"
SERVERS = ("rotor-mcp", BASELINE, "from_openapi")
NOISE = (*SERVERS, AGAIN)
WAYS = (*NOISE, DIRECT)


@dataclass(frozen=True)
class Figure:
    """What was measured, and how it relates to the baseline, and perhaps to HTTP alone, in the same round."""

    value: Spread
    ratio: Spread
    to_direct: Spread | None = None


@dataclass(frozen=True)
class Definitions:
    """The tools that a server defines, and their tokens."""

    tools: int
    tokens: int
    """Of names, descriptions and input schemas."""
    whole: int
    """Of everything but `_meta`, which is for clients: no model sees it."""


@dataclass(frozen=True)
class Results:
    """All of it, by the name of the server or way."""

    rounds: int
    day: date
    machine: str
    calls: int
    """Of a round of throughput."""
    starts: dict[str, Figure]
    """Milliseconds."""
    memory: dict[str, Figure]
    """MiB; of none where the system does not tell."""
    first_calls: dict[str, dict[str, Figure]]
    """When the first call comes → server → milliseconds that it takes."""
    definitions: dict[str, Definitions]
    answers: dict[str, dict[str, Answer]]
    """Task → server → its answer."""
    latencies: dict[str, dict[str, Figure]]
    """Task → way → milliseconds."""
    throughput: dict[str, Figure]
    """Calls a second."""
    outcomes: dict[str, dict[str, Verdict]]
    """Situation → server → what came of it."""


_RESULTS = TypeAdapter(Results)


def condense(measured: Measured, rounds: int) -> Results:
    """Make results of what was measured."""
    starts = {name: [1e3 * each.seconds for each in measured.starts[name]] for name in NOISE}
    memory = {name: [each.memory for each in measured.starts[name] if each.memory] for name in NOISE}
    return Results(
        rounds=rounds,
        day=datetime.now(UTC).date(),
        machine=machine(),
        calls=CALLS,
        starts=_figures(starts),
        memory=_figures(memory) if all(memory.values()) else {},
        first_calls={
            when: _figures({name: [1e3 * each for each in seconds] for name, seconds in servers.items()})
            for when, servers in measured.first_calls.items()
        },
        definitions={name: _definitions(measured.starts[name][-1].tools) for name in SERVERS},
        answers=measured.answers,
        latencies={
            title: _figures({way: [1e3 * each for each in seconds] for way, seconds in ways.items()})
            for title, ways in measured.seconds.items()
        },
        throughput=_figures(measured.throughput),
        outcomes=measured.outcomes,
    )


def dump(results: Results) -> str:
    """Write results as JSON, each figure and each answer in a line."""
    text = _RESULTS.dump_json(results, indent=2, exclude_none=True).decode()
    spread = re.compile(r'\{\s+"median": (\S+),\s+"low": (\S+),\s+"high": (\S+)\s+\}')
    text = spread.sub(r'{"median": \1, "low": \2, "high": \3}', text)
    return (
        re.sub(r"(?<=\{)\n\s+([^{}]*)\n\s+(?=\})", lambda leaf: re.sub(r"\n\s+", " ", leaf[1]), text) + "\n"
    )


def load(text: str) -> Results:
    """Read results.

    Raises:
        pydantic.ValidationError: if they are not what `dump` writes.
    """
    return _RESULTS.validate_json(text)


def differences(measured: Measured, written: Results) -> Iterator[str]:
    """Say where requests, writes and outcomes are not as they were written.

    Tokens may differ: the leads are dated by the day, and the others' packages change.
    """
    now, then = _facts(measured), _facts(written)
    for what in dict.fromkeys([*now, *then]):
        if now.get(what) != then.get(what):
            yield f"{what}: {now.get(what)}, but written is: {then.get(what)}"


def _facts(found: Measured | Results) -> dict[str, str]:
    costs = {
        f"{title}, {name}": f"{one.requests} requests, {one.writes} of them to write"
        for title, answers in found.answers.items()
        for name, one in answers.items()
    }
    ends = {
        f"{title}, {name}": f"{'good' if verdict.good else 'bad'}, {verdict.words}"
        for title, verdicts in found.outcomes.items()
        for name, verdict in verdicts.items()
    }
    return costs | ends


def _figures(values: Mapping[str, Sequence[float]]) -> dict[str, Figure]:
    direct = values.get(DIRECT)
    return {
        name: Figure(
            Spread.of(each).rounded(),
            ratios(each, values[BASELINE]).rounded(),
            ratios(each, direct).rounded() if direct else None,
        )
        for name, each in values.items()
    }


def _definitions(tools: list[dict[str, Any]]) -> Definitions:
    known = [{key: tool.get(key) for key in ("name", "description", "inputSchema")} for tool in tools]
    whole = [{key: value for key, value in tool.items() if key != "_meta"} for tool in tools]
    return Definitions(len(tools), sum(map(tokens, known)), sum(map(tokens, whole)))


def machine() -> str:
    cpu = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", cpu.read_text()) if cpu.exists() else None
    processor = found[1] if found else platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores of {processor}, {platform.system()}, Python {platform.python_version()}"
