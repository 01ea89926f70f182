"""Playing a script: the calls go out, and what they said and what was sent is kept for `judging.py`."""

import json
import random
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.types import CallToolResult, TextContent

from rotor_mcp.behavior import ANSWERS, Behavior
from rotor_mcp.sandbox import FULL_KEY, Sandbox, responses
from tests.chaos.people import Person
from tests.chaos.replicas import NOW, Replicas
from tests.chaos.script import Call, Step, entering, script

TIMEOUT = 1.5
"""Seconds that a call may take: short, because some faults use up all of it."""
PARALLEL = 16

CLAIMS = frozenset({"created", "updated", "unchanged"})
"""Outcomes after which what was asked for is there."""
DOUBTFUL = frozenset({"unknown", "cancelled", "not shown"})
"""Outcomes that say nothing either way. After all the others, nothing was written."""

EXPECTED = (
    *sorted(CLAIMS),
    "cancelled",
    "unknown",
    "needs_confirmation",
    "error",
    "confirmed by reading back",
    "sent once more",
    "read again after a cut",
    "looked again after a cut",
    "created in a batch",
    "updated in a batch",
    "unchanged in a batch",
    "needs_confirmation in a batch",
    "invalid in a batch",
    "unknown in a batch",
    "not_sent in a batch",
    "cancelled in a batch",
    "error in a batch",
)
"""What a run must have seen, or it has tested less than it promises."""


@dataclass(frozen=True)
class Called:
    """A step that was made, and what was said of it."""

    step: Step
    outcome: str
    content: dict[str, Any] = field(default_factory=dict)
    """All that is told of it; of most rows of a batch that is little."""
    text: str = ""
    in_batch: bool = False


@dataclass(frozen=True)
class Sent:
    """A write that went out."""

    body: dict[str, Any]


@dataclass(frozen=True)
class Read:
    """A read that was answered: what it asked for, an id or a text, or nothing; and what it showed."""

    asked: str
    leads: list[dict[str, Any]]


class Wire(httpx2.AsyncBaseTransport):
    """Listens in on the requests to the sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.rotor = sandbox
        self._transport = sandbox.transport()
        self.log: list[Sent | Read] = []
        self.open = 0
        self.survived: Counter[str] = Counter()
        """How often a read was answered whose first try had been cut."""
        self._cut: set[httpx2.URL] = set()
        self._lost: set[str] = set()
        """Whom the writes were about whose replies were lost: ids, phones and e-mails."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            self.sent(request.content)
        self.open += 1
        try:
            response = await self._transport.handle_async_request(request)
            await response.aread()
        except httpx2.ReadError:
            self._note_cut(request)
            raise
        finally:
            self.open -= 1
        if request.method == "GET" and response.status_code == 200:
            self.shown(request.url, response.content)
            self._note_answer(request.url)
        return response

    def _note_cut(self, request: httpx2.Request) -> None:
        if request.method == "GET":
            self._cut.add(request.url)
            return
        body = json.loads(request.content)
        self._lost |= {body[name] for name in ("id", "phone", "email") if body.get(name)}

    def _note_answer(self, url: httpx2.URL) -> None:
        if url not in self._cut:
            return
        self._cut.remove(url)
        self.survived["read again after a cut"] += 1
        asked = url.params.get("search") or url.path.rpartition("/")[2]
        if any(who.endswith(asked) for who in self._lost):
            self.survived["looked again after a cut"] += 1

    def sent(self, body: bytes) -> None:
        """A write has come."""
        self.log.append(Sent(json.loads(body)))

    def shown(self, asked: httpx2.URL, body: bytes) -> None:
        """A read was answered."""
        data = json.loads(body)["data"]
        for lead in data if isinstance(data, list) else [data]:
            lead["id"] = lead["id"].lower()
        if isinstance(data, list):
            self.log.append(Read(asked.params.get("search", ""), data))
        elif asked.path.rpartition("/")[2] != "test":
            self.log.append(Read(asked.path.rpartition("/")[2], [data]))


TICK = 0.02
"""Seconds for which a task sleeps to find out how late this process is run."""


@dataclass
class Run:
    """How it went."""

    seed: int
    behavior: Behavior
    """How Rotor behaved."""
    called: list[Called] = field(default_factory=list)
    """Every step, in calls of their own and in batches."""
    leads: list[dict[str, Any]] = field(default_factory=list)
    """All that the sandbox holds afterwards."""
    log: list[Sent | Read] = field(default_factory=list)
    survived: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    calls: int = 0
    longest: float = 0
    """Seconds that the longest call took, without those in which this process was not run."""
    late: float = 0
    """Seconds by which a task that only sleeps was woken too late, all in all: a busy machine is no fault."""
    slowest: Call | None = None
    requests: int = 0
    seconds: float = 0

    @property
    def counts(self) -> Counter[str]:
        """How often each outcome came, and each way out of a lost connection."""
        counts = Counter(f"{one.outcome}{' in a batch' * one.in_batch}" for one in self.called)
        counts += self.survived
        evidence = [one.content.get("evidence", "") for one in self.called]
        counts["confirmed by reading back"] = sum("reading it back shows" in text for text in evidence)
        counts["sent once more"] = sum("sent once more" in text for text in evidence)
        return counts

    @property
    def missing(self) -> list[str]:
        """What did not come about although the run is meant to provoke it."""
        return [name for name in EXPECTED if not self.counts[name]]

    def share(self, outcomes: Collection[str]) -> float:
        """Which part of the steps ended in one of these outcomes."""
        return sum(one.outcome in outcomes for one in self.called) / len(self.called)

    def report(self) -> str:
        """All of it, as text."""
        return "\n".join(
            [
                f"seed {self.seed}: {self.calls} calls with {len(self.called)} rows, {self.requests} requests, "
                f"{self.seconds:.1f} s; the longest call took {self.longest:.2f} s",
                f"Rotor behaved as with --assume {self.behavior}",
                ", ".join(f"{name}: {self.counts[name]}" for name in EXPECTED),
                f"{len(self.violations)} violations",
                *self.violations,
            ]
        )


JUDGED_ELSEWHERE = frozenset(
    {
        *("omitted_fields", "notes", "unknown_stage", "read_delay", "burst_limit", "search", "write_reply"),
        *("page_cap", "pagination"),
    }
)
"""Questions whose other answers cost more requests, notes that stand twice, or certainty (docs/write-safety.md).

The judge here takes that for a fault, and too few calls come through in their short time. `tests/behaviors` has them all.
"""


def drawn(seed: int) -> Behavior:
    """A Rotor that behaves in some way."""
    rng = random.Random(seed)
    return Behavior.of(
        {name: rng.choice(answers) for name, answers in ANSWERS.items() if name not in JUDGED_ELSEWHERE}
    )


async def play(
    seed: int, people: list[Person], calls: int, deadline: float, mode: str, *, replicas: Replicas
) -> Run:
    """Play one script in a new company."""
    rng = random.Random(seed)
    done = Run(seed, drawn(seed))
    started = anyio.current_time()
    with closing(Sandbox(leads=0, quota=1_000_000, now=lambda: NOW, behavior=done.behavior)) as rotor:
        wire = Wire(rotor)
        settings = {"api_key": FULL_KEY, "timezone": "America/Chicago", "timeout": str(deadline)}
        async with anyio.create_task_group() as watching, AsyncExitStack() as stack:
            watching.start_soon(_watch, done)
            table = _Table(await replicas.open(stack, wire, settings, mode), done)
            for call in entering(people):
                await table.call(call)
            steps = script(rng, people, calls, deadline)
            begun = 0

            async def worker() -> None:
                nonlocal begun
                for call in steps:
                    begun += 1
                    async with replicas.parts(call) as parts:
                        for fault in call.faults:
                            rotor.faults.add(fault)
                        for server, part in parts:
                            await table.call(part, server)

            async with anyio.create_task_group() as workers:
                workers.start_soon(replicas.outage, lambda: begun / calls, lambda: wire.open > 0)
                for _ in range(PARALLEL):
                    workers.start_soon(worker)
            watching.cancel_scope.cancel()
        # With the client gone, every write has come to its end.
        rotor.faults.clear()
        if wire.open:
            done.violations.append(f"{wire.open} requests outlived the server")
        done.requests = len(rotor.requests)
        done.leads = _stored(rotor)
        done.log = wire.log
        done.survived = wire.survived
    done.seconds = anyio.current_time() - started
    return done


async def _watch(done: Run) -> None:
    """Note by how much this process is late."""
    while True:
        asleep = anyio.current_time()
        await anyio.sleep(TICK)
        done.late += anyio.current_time() - asleep - TICK


class _Table:
    """Where the calls are made, and the ids of the people entered at first are known."""

    def __init__(self, clients: Sequence[Client], done: Run) -> None:
        self._clients = clients
        self._done = done
        self._ids: dict[Person, str] = {}

    async def call(self, call: Call, server: int = 0) -> None:
        """Make a call, and note what it said of each of its steps."""
        client = self._clients[server]
        rows = [step.arguments | self._id(step) for step in call.steps]
        result: CallToolResult | None = None
        started, late = anyio.current_time(), self._done.late
        # A call whose server is killed ends with an error of whoever stands before it, which says nothing.
        with anyio.move_on_after(call.patience), suppress(MCPError):
            if call.batch:
                result = await client.call_tool("upsert_leads", {"rows": rows, **dict(call.shared)})
            else:
                result = await client.call_tool("upsert_lead", rows[0])
        seconds = anyio.current_time() - started - (self._done.late - late)
        if seconds > self._done.longest:
            self._done.longest, self._done.slowest = seconds, call
        self._done.calls += 1
        told = list(_told(call, result) if call.batch else [_told_of_one(call.steps[0], result)])
        self._done.called += told
        for one in told:
            if one.content.get("id"):
                self._ids.setdefault(one.step.person, one.content["id"])

    def _id(self, step: Step) -> dict[str, str]:
        return {"id": self._ids[step.person]} if step.by_id else {}


def _told_of_one(step: Step, result: CallToolResult | None) -> Called:
    if result is None:
        return Called(step, "cancelled")
    content = result.structured_content or {}
    return Called(step, content.get("outcome", "error"), content, _text(result))


def _told(call: Call, result: CallToolResult | None) -> Iterator[Called]:
    """What a batch says of each of its rows, whose steps are completed by what was given for all."""
    steps = [replace(step, arguments=_complete(step.arguments, dict(call.shared))) for step in call.steps]
    if result is None or result.structured_content is None:
        outcome = "cancelled" if result is None else "error"
        yield from (Called(step, outcome, text=_text(result), in_batch=True) for step in steps)
        return
    content = result.structured_content
    told: dict[int, list[dict[str, Any]]] = {row: [] for row in range(1, len(steps) + 1)}
    for shown in content.get("attention", []):
        for row in shown.get("rows", [shown["row"]]):
            told[row].append(shown)
    for line in content.get("rows", []):
        told[line["row"]].append(line)
    for row in content.get("not_sent", []):
        told[row].append({"outcome": "not_sent"})
    for row in content.get("not_shown", []):
        told[row].append({"outcome": "not shown"})
    for row, entries in told.items():
        # What is told of a row twice or never is no outcome at all; `judging.py` knows none of that name.
        (entry,) = entries if len(entries) == 1 else [{"outcome": f"told {len(entries)} times"}]
        yield Called(steps[row - 1], entry["outcome"], entry, _text(result), in_batch=True)


def _complete(arguments: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    complete = shared | arguments
    if "tags" in shared:
        complete["tags"] = [*arguments.get("tags", []), *shared["tags"]]
    return complete


def _text(result: CallToolResult | None) -> str:
    parts = result.content if result else []
    return "\n".join(part.text for part in parts if isinstance(part, TextContent))


def _stored(rotor: Sandbox) -> list[dict[str, Any]]:
    """All that the sandbox holds, as the reference has it."""
    return [responses.lead(lead) for lead in rotor.store.all()]
