"""Imports to be disturbed: a Rotor that watches, the command as a process, and the judge of what is stored."""

import csv
import io
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import httpx2
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.sandbox.server import serving
from tests.cli.test_main import ENVIRONMENT
from tests.commands import begun
from tests.import_export.cases import COLUMNS, Case, Lead

# Rotor


@dataclass(frozen=True)
class CarriedOut:
    """A write that Rotor did."""

    lead_id: str
    body: dict[str, Any]


@dataclass
class Watch:
    """What was carried out, and which replies are held back."""

    writes: list[CarriedOut] = field(default_factory=list)
    open: int = 0
    """Requests in hand."""
    held: int = 0
    """Replies that are held back."""
    _to_hold: int = 0
    _released: anyio.Event = field(default_factory=anyio.Event)

    def hold(self, replies: int) -> None:
        """Hold back the replies to the next writes that are carried out."""
        self._to_hold = replies
        self._released = anyio.Event()

    def release(self) -> None:
        """Let go all that is held back, and hold no more."""
        self._to_hold = self.held = 0
        self._released.set()

    async def idle(self) -> None:
        """Wait until everything that has arrived is carried out."""
        while self.open:  # noqa: ASYNC110 - nobody calls when it happens
            await anyio.sleep(0.002)

    async def carried_out(self, write: CarriedOut) -> None:
        """Note a write, and wait if its reply is to be held back."""
        self.writes.append(write)
        if self._to_hold:
            self._to_hold -= 1
            self.held += 1
            await self._released.wait()


class _Gate:
    """ASGI middleware between the sandbox's faults and its endpoints: all that passes it is carried out."""

    def __init__(self, app: ASGIApp, watch: Watch) -> None:
        self._app = app
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).json()
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        async def replay() -> Message:
            return {"type": "http.request", "body": httpx2.Request("POST", "http://x", json=body).content}

        self._watch.open += 1
        await self._app(scope, replay, keep)
        self._watch.open -= 1
        if answer[0]["status"] < 300:
            lead = httpx2.Response(200, content=b"".join(part.get("body", b"") for part in answer)).json()
            await self._watch.carried_out(CarriedOut(lead["id"], body))
        for message in answer:
            await send(message)


@dataclass(frozen=True)
class Rotor:
    """A sandbox on a port, that is watched."""

    sandbox: Sandbox
    url: str
    watch: Watch

    async def leads(self) -> list[Lead]:
        """All that it holds."""
        headers = {"x-api-key": FULL_KEY, "rotor-api-version": "1.1.0"}
        async with httpx2.AsyncClient(transport=self.sandbox.transport(), headers=headers) as http:
            answer = await http.get("http://x/open-api/leads", params={"archived": "true", "limit": "1000"})
        leads: list[Lead] = answer.json()["data"]
        return leads

    def posts(self) -> int:
        """How many writes reached it, carried out or not."""
        return self.sandbox.requests.count("POST /leads")


@asynccontextmanager
async def rotor(existing: Sequence[Lead] = (), **options: Any) -> AsyncIterator[Rotor]:
    """A company with these leads alone."""
    with closing(Sandbox(**{"leads": 0} | options)) as sandbox:
        watch = Watch()
        sandbox.app.user_middleware.append(Middleware(_Gate, watch=watch))
        headers = {"x-api-key": "rotor_create_sandbox-key-not-secret", "rotor-api-version": "1.1.0"}
        async with httpx2.AsyncClient(transport=sandbox.transport(), headers=headers) as http:
            for lead in existing:
                (await http.post("http://x/open-api/leads", json=lead)).raise_for_status()
        watch.writes.clear()
        sandbox.requests.clear()
        async with serving(sandbox) as url:
            try:
                yield Rotor(sandbox, url, watch)
            finally:
                watch.release()


# The command


@dataclass
class Running:
    """An import that runs while the test does something else."""

    process: anyio.abc.Process

    @property
    def is_over(self) -> bool:
        """Whether the process has ended."""
        return self.process.returncode is not None

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until something has happened, or the process has ended without it."""
        with anyio.fail_after(20):
            while not (happened() or self.is_over):  # noqa: ASYNC110 - nobody calls when it happens
                await anyio.sleep(0.002)

    async def until_seconds(self, seconds: float) -> None:
        """Wait so long, or until the process has ended."""
        until = anyio.current_time() + seconds
        await self.until(lambda: anyio.current_time() >= until)

    async def kill(self) -> None:
        """Kill it. Nothing of it runs any more afterwards."""
        if not self.is_over:
            self.process.kill()
        await self.process.wait()

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    async def ended(self) -> tuple[int, str]:
        """Wait for its end; return its status and all that it said."""
        with anyio.fail_after(30):
            said = [await _rest(self.process.stdout), await _rest(self.process.stderr)]
            return await self.process.wait(), "".join(said)


async def _rest(stream: anyio.abc.ByteReceiveStream | None) -> str:
    return b"".join([part async for part in stream]).decode() if stream else ""


@asynccontextmanager
async def importing(
    file: Path, url: str, *arguments: str, file_bytes: int | None = None
) -> AsyncIterator[Running]:
    """Start `rotor-mcp import FILE --yes`, which may write so many bytes into a file."""
    environment = ENVIRONMENT | {
        "ROTOR_MCP_TIMEZONE": "America/Chicago",
        "ROTOR_API_KEY": FULL_KEY,
        "ROTOR_BASE_URL": url,
    }
    command = ["import", str(file), "--yes", *arguments]
    async with (
        begun(command, environment)
        if file_bytes is None
        else limited(command, environment, file_bytes) as process
    ):
        running = Running(process)
        try:
            yield running
        finally:
            await running.kill()


@asynccontextmanager
async def limited(
    arguments: Sequence[str], environment: dict[str, str], file_bytes: int
) -> AsyncIterator[anyio.abc.Process]:
    """Start a command that may write so many bytes into a file."""
    limit = f'ulimit -f {file_bytes // 512}; exec "$@"'
    command = ["/bin/sh", "-c", limit, "sh", sys.executable, "-m", "rotor_mcp", *arguments]
    async with await anyio.open_process(command, env=environment) as process:
        yield process


async def imported(file: Path, url: str, *arguments: str) -> tuple[int, str]:
    """Import a file without disturbing it; return the status and what was said.

    What earlier runs have put aside is dealt with.
    """
    for other in attention_files(file):
        other.unlink()
    async with importing(file, url, *arguments) as running:
        return await running.ended()


async def imported_to_the_end(file: Path, company: Rotor) -> None:
    """Import a file again and again until there is nothing to send."""
    for _ in range(5):
        before = company.posts()
        await imported(file, company.url)
        if company.posts() == before:
            return
    raise AssertionError("five runs, and each of them sends something")


# Judging


async def violations(made: Case, company: Rotor, file: Path) -> list[str]:
    """Name everything that is not as it must be after a file was imported."""
    leads = await company.leads()
    wrong = list(_misfits(made, leads, Counter(write.lead_id for write in company.watch.writes)))
    return wrong + list(_attention(made, file))


def _misfits(made: Case, leads: Sequence[Lead], writes: Counter[str]) -> Iterator[str]:
    for wanted in made.wanted:
        mine = [lead for lead in leads if _is(wanted.lead, lead)]
        if len(mine) != 1:
            yield f"{wanted.lead['name']} is there {len(mine)} times"
            continue
        (lead,) = mine
        stored = {name: lead[name] for name in wanted.lead} | {"notes": _lines(lead["notes"])}
        differing = {
            name: stored[name]
            for name, value in wanted.lead.items()
            if (sorted(stored[name]) != sorted(value) if isinstance(value, list) else stored[name] != value)
        }
        if differing:
            yield f"{wanted.lead} is stored with {differing}"
        if writes[lead["id"]] != wanted.writes:
            yield f"{lead['name']} was written {writes[lead['id']]} times, not {wanted.writes}"
    for lead in leads:
        if not any(_is(wanted.lead, lead) for wanted in made.wanted):
            yield f"nobody asked for {lead['name']} {lead['phone']} {lead['email']} {lead['notes']}"


def _is(wanted: Lead, lead: Lead) -> bool:
    by = next(name for name in ("phone", "email", "name") if name in wanted)
    return bool(wanted[by] == lead[by])


def _lines(notes: str | None) -> list[str]:
    return [re.sub(r"^\d{4}-\d\d-\d\d: ", "", line) for line in (notes or "").splitlines()]


def _attention(made: Case, file: Path) -> Iterator[str]:
    put_aside = attention_files(file)
    if len(put_aside) != bool(made.refused):
        yield f"the rows that need attention are in {len(put_aside)} files"
    for other in put_aside:
        rows = list(csv.DictReader(io.StringIO(other.read_text("utf-8-sig"))))
        came = Counter(tuple(row[name] for name in COLUMNS) for row in rows)
        refused = Counter(tuple(row.get(name, "") for name in COLUMNS) for row in made.refused)
        yield from (f"needs no attention: {cells}" for cells in came - refused)
        yield from (f"needs attention, and is not put aside: {cells}" for cells in refused - came)
        yield from (f"no reason is given: {row}" for row in rows if not row["reason"])


def attention_files(file: Path) -> list[Path]:
    """The files of rows that need attention."""
    return list(file.parent.glob(f"{file.stem}.attention*.csv"))
