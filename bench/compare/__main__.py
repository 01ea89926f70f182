"""Measure, and write `bench/results.json` and all that is made of it.

The others are built by `bench.baselines`: one generated from the OpenAPI document, one written with the SDK
alone. All talk to one embedded Rotor over HTTP, in turn within each round, so that a slow moment hits all.
"""

import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import anyio
import click

from bench.baselines.environments import Server, prepare
from bench.compare.calls import ClientEntry, Task, connected, shown, tokens
from bench.compare.measured import AGAIN, BASELINE, CALLS, DIRECT, FIRST_CALLS, READ, TASKS, Answer, Measured
from bench.compare.report import REPORT, write
from bench.compare.results import FILE, condense, differences, dump, load
from bench.compare.starts import first_call, start
from bench.outcomes.situation import play
from bench.outcomes.situations import SITUATIONS
from rotor_mcp.sandbox import Sandbox
from rotor_mcp.sandbox.server import serving

QUOTA = 10_000_000


@click.command()
@click.option("--rounds", default=21, show_default=True, help="How often each is measured.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the environments are kept.")
@click.option("--check", is_flag=True, help="Take no times and write nothing; see that the rest still holds.")
def main(rounds: int, folder: Path | None, *, check: bool) -> None:
    """Measure all, and write data, report and the README's table."""
    logging.disable()
    with tempfile.TemporaryDirectory() as scratch:
        servers = prepare(folder or Path(scratch) / "environments")
        if check:
            sys.exit(_check(anyio.run(partial(_try, servers, Path(scratch)))))
        with _sandbox(servers["rotor-mcp"]) as base_url:
            measured = anyio.run(partial(_measure, servers, base_url, rounds, Path(scratch)))
    FILE.write_text(dump(condense(measured, rounds)), "utf-8")
    write(load(FILE.read_text("utf-8")))
    print(REPORT.read_text("utf-8"))


def _check(measured: Measured) -> bool:
    """Compare what needs no clock with what was written; say what differs, and whether anything does."""
    written = load(FILE.read_text("utf-8"))
    differs = list(differences(measured, written))
    print("\n".join(differs) or f"{len(SITUATIONS)} situations and {len(TASKS)} tasks are as written")
    return bool(differs)


@contextmanager
def _sandbox(server: Server) -> Iterator[str]:
    """Serve the embedded Rotor from a process of its own; yield its base URL."""
    command = [*server.command, "sandbox", "--port", "0", "--quota", str(QUOTA)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tempfile.gettempdir()) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield line.rpartition(" ")[2].strip()
        finally:
            process.terminate()


async def _measure(servers: Mapping[str, Server], base_url: str, rounds: int, folder: Path) -> Measured:
    measured = Measured()
    every = {**servers, AGAIN: servers[BASELINE]}
    for number in range(rounds + 1):
        for name in _turn(list(every), number):
            found = start(every[name], base_url, folder)
            if number:  # the first start of each reads its files from disk
                measured.starts.setdefault(name, []).append(found)
            for when, pause in FIRST_CALLS.items():
                seconds = first_call(every[name], base_url, folder, pause)
                if number:
                    measured.first_calls.setdefault(when, {}).setdefault(name, []).append(seconds)
        print(f"starts: {number}/{rounds}", file=sys.stderr)
    async with AsyncExitStack() as stack:
        running: dict[str, ClientEntry] = {}
        for name, server in {**every, DIRECT: None}.items():
            running[name] = await stack.enter_async_context(connected(server, base_url, folder))
        for task in TASKS:
            await _time(measured, task, running, rounds)
        for number in range(max(rounds // 3, 3) + 1):
            for name in _turn(list(running), number):
                calls = await running[name].throughput(READ, CALLS)
                if number:
                    measured.throughput.setdefault(name, []).append(calls)
    return await _try(servers, folder, measured)


async def _try(servers: Mapping[str, Server], folder: Path, measured: Measured | None = None) -> Measured:
    """See what needs no clock: answers, requests, and what is left behind."""
    measured = measured or Measured()
    await _answers(measured, servers, folder)
    await _outcomes(measured, servers, folder)
    return measured


async def _answers(measured: Measured, servers: Mapping[str, Server], folder: Path) -> None:
    """See what each server answers and asks for, on a Rotor whose requests can be counted."""
    for name, server in servers.items():
        with closing(Sandbox()) as rotor:
            async with serving(rotor) as base_url, connected(server, base_url, folder) as running:
                for task in TASKS:
                    rotor.requests.clear()
                    result = await running.do(task)
                    if result is None:
                        raise RuntimeError(f"{name} gave no result")
                    measured.answers.setdefault(task.title, {})[name] = Answer(
                        tokens(shown(result)),
                        tokens(result.structured_content) if result.structured_content else 0,
                        len(rotor.requests),
                        sum(request.startswith("POST ") for request in rotor.requests),
                    )


async def _outcomes(measured: Measured, servers: Mapping[str, Server], folder: Path) -> None:
    """See what comes of each situation, with a company and a process of its own for each server."""
    for situation in SITUATIONS:
        for name, server in servers.items():
            with closing(situation.sandbox()) as rotor:
                async with serving(rotor) as base_url, connected(server, base_url, folder) as running:
                    verdict = situation.judge(await play(situation, rotor, running.ask))
            measured.outcomes.setdefault(situation.title, {})[name] = verdict
        print(f"{situation.title}: done", file=sys.stderr)


def _turn(names: list[str], number: int) -> Sequence[str]:
    """The order of a round: nobody is always first."""
    at = number % len(names)
    return names[at:] + names[:at]


async def _time(measured: Measured, task: Task, running: Mapping[str, ClientEntry], rounds: int) -> None:
    times = measured.seconds.setdefault(task.title, {})
    for number in range(5 * rounds + 5):
        for name in _turn(list(running), number):
            seconds = await running[name].timed(task)
            if number >= 5:
                times.setdefault(name, []).append(seconds)
    print(f"{task.title}: done", file=sys.stderr)


if __name__ == "__main__":
    main()
