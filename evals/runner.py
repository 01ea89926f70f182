"""Runs: a task, a server, a model, and what came of it."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter

from mcp import Client
from mcp.client.stdio import stdio_client

from bench.baselines.environments import Server
from evals.agent import Course, Limits, converse
from evals.chat import Model
from evals.leads import Wrong, differences
from evals.servers import started
from evals.task import Outcome, Task
from evals.transcript import Transcript
from rotor_mcp.sandbox.server import serving


@dataclass(frozen=True)
class Run:
    """What came of one run."""

    task: str
    server: str
    reason: str | None
    """Why it failed; None if it did not."""
    endpoint_failed: bool
    """It did not end because of the model's endpoint: nothing was learned of model or server."""
    calls: int
    requests: int
    """That Rotor counted."""
    tokens_in: int | None
    tokens_out: int | None
    seconds: float


async def run(task: Task, server: Server, model: Model, *, limits: Limits, folder: Path, number: int) -> Run:
    """Run a task, in a company of its own and with a server of its own; leave a transcript in a folder.

    The server takes its day from the machine, so the company does, too. A run over which midnight passes is
    done again.
    """
    while True:
        today = _today()
        log = Transcript(folder / server.name / f"{task.id}-{number}.jsonl")
        log.note("task", id=task.id, server=server.name, today=today)
        began = perf_counter()
        with closing(task.sandbox(lambda: datetime.now(UTC))) as rotor:
            stderr = (folder / server.name / "stderr.log").open("a", encoding="utf-8")
            async with serving(rotor) as base_url:
                with closing(stderr):
                    async with Client(stdio_client(started(server, base_url), errlog=stderr)) as client:
                        course = await converse(
                            task, rotor, client, model, today=today, limits=limits, log=log
                        )
            requests = len(rotor.requests)
        if today == _today():
            break
    reason = judge(task, course, today)
    seconds = perf_counter() - began
    log.note(
        "end",
        reason=reason,
        differences=[*differences(course.states[0], course.states[-1])],
        calls=course.calls,
        requests=requests,
        tokens_in=course.tokens_in,
        tokens_out=course.tokens_out,
        seconds=round(seconds, 1),
    )
    return Run(
        task.id,
        server.name,
        reason,
        course.endpoint_failed,
        course.calls,
        requests,
        course.tokens_in,
        course.tokens_out,
        seconds,
    )


def judge(task: Task, course: Course, today: date) -> str | None:
    """Say why a conversation failed; None if it did not."""
    if course.given_up:
        return course.given_up
    try:
        task.check(Outcome(today, tuple(course.states), tuple(course.answers)))
    except Wrong as exc:
        return str(exc)
    return None


def _today() -> date:
    return datetime.now(UTC).date()
