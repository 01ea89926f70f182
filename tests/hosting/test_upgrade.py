"""A server of the last release and one of this version, on one Redis, as while replicas are replaced one by one."""

import io
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from release.version import ROOT
from rotor_mcp.sandbox import FULL_KEY, Fault, Sandbox
from rotor_mcp.sandbox.server import serving
from tests.conftest import content, text
from tests.hosting.servers import SERVING, VARIABLES, free_port, server_process
from tests.hosting.serving import calling
from tests.state.redis.servers import RedisServer, redis_server

pytestmark = pytest.mark.anyio

BEFORE_THE_FIRST_RELEASE = "657d248b3c486a0d4f4881ba7940e3ab9e349ea0"
"""What counts as the last release as long as no tag does."""
NEW, OLD = 0, 1


def git(*arguments: str) -> bytes | None:
    """What git says; None if it fails."""
    try:
        ended = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return ended.stdout if ended.returncode == 0 else None


@pytest.fixture(scope="module")
def last_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the last release."""
    tag = git("describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^")
    packed = git("archive", tag.decode().strip() if tag else BEFORE_THE_FIRST_RELEASE, "rotor_mcp")
    if packed is None:
        pytest.skip("the history of this repository is not here")
    folder = tmp_path_factory.mktemp("last-release")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@contextmanager
def server_of(sources: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Run the server of other sources, and yield its address."""
    port = free_port()
    log = sources / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "rotor_mcp", "serve", "--http", f"127.0.0.1:{port}"],
            env={**VARIABLES, **environment, "PYTHONPATH": str(sources), "PATH": os.defpath},
            cwd=sources,
            stdin=subprocess.DEVNULL,
            stderr=output,
        )
    try:
        until = time.monotonic() + 30
        while SERVING not in log.read_text():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text())
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@dataclass
class Versions:
    """A client of each version, this one first, and the Redis that both use."""

    clients: tuple[Client, Client]
    redis: RedisServer

    async def call(self, version: int, tool: str, **arguments: Any) -> Any:
        result = await self.clients[version].call_tool(tool, arguments)
        assert not result.is_error, text(result)
        return content(result)


@asynccontextmanager
async def both(sandbox: Sandbox, last_release: Path, directory: Path, **more: str) -> AsyncIterator[Versions]:
    async with serving(sandbox) as rotor:
        with ExitStack() as running:
            redis = running.enter_context(redis_server(directory))
            given = {
                "ROTOR_API_KEY": FULL_KEY,
                "ROTOR_BASE_URL": rotor,
                "ROTOR_MCP_REDIS_URL": redis.url,
                "ROTOR_MCP_STATE_SECRET": "s" * 32,
                **more,
            }
            new = running.enter_context(server_process(given))
            old = running.enter_context(server_of(last_release, given))
            async with calling(new.url) as first, calling(old) as second:
                yield Versions((first, second), redis)


def test_they_are_two_versions(last_release: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import rotor_mcp; print(rotor_mcp.__file__)"],
        env={"PYTHONPATH": str(last_release)},
        cwd=last_release,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(told.stdout.strip()) == last_release / "rotor_mcp/__init__.py"


@pytest.mark.parametrize("first", [NEW, OLD])
async def test_writes_for_one_person_wait_for_each_other(
    sandbox: Sandbox, last_release: Path, tmp_path: Path, first: int
) -> None:
    fields = [{"stage": "Quoted"}, {"priority": "high"}, {"source": "Home show"}, {"service_type": "Gutters"}]
    sandbox.faults.add(Fault(method="POST", delay=0.1, times=len(fields)))
    async with both(sandbox, last_release, tmp_path) as versions:
        results = []

        async def write(number: int, given: dict[str, str]) -> None:
            results.append(
                await versions.call(
                    (first + number) % 2, "upsert_lead", name="Ann Upgrade", phone="218-555-0199", **given
                )
            )

        async with anyio.create_task_group() as group:
            for number, given in enumerate(fields):
                group.start_soon(write, number, given)
        found = await versions.call(NEW, "search_leads", search="Ann Upgrade")
    assert sorted(result["outcome"] for result in results) == ["created", "updated", "updated", "updated"]
    (lead,) = found["leads"]
    shown = {name: lead.get(name) for given in fields for name in given}
    assert shown == {name: value for given in fields for name, value in given.items()}


@pytest.mark.parametrize(("writer", "reader"), [(OLD, NEW), (NEW, OLD)])
async def test_what_one_writes_the_other_finds(
    sandbox: Sandbox, last_release: Path, tmp_path: Path, writer: int, reader: int
) -> None:
    """A write drops what searches of the other version have read."""
    async with both(sandbox, last_release, tmp_path) as versions:
        before = (await versions.call(reader, "search_leads", count_by="stage", limit=0))["count"]
        again = await versions.call(reader, "search_leads", count_by="source", limit=0)
        assert (again["count"], again["requests"]) == (before, 0), "it was remembered"
        other = await versions.call(writer, "search_leads", count_by="source", limit=0)
        assert (other["count"], other["requests"]) == (before, 1), "not what another version read"
        created = await versions.call(writer, "upsert_lead", name="Ann Upgrade", phone="218-555-0199")
        found = await versions.call(reader, "search_leads", count_by="stage", limit=0)
        assert found["count"] == before + 1
        told = await versions.call(reader, "get_lead", id=created["id"])
    assert told["lead"]["name"] == "Ann Upgrade"


@pytest.mark.parametrize(("begun", "continued"), [(OLD, NEW), (NEW, OLD)])
async def test_what_one_began_the_other_continues(
    sandbox: Sandbox, last_release: Path, tmp_path: Path, begun: int, continued: int
) -> None:
    """Cursors, and the tokens with which a person's approval comes back."""
    async with both(sandbox, last_release, tmp_path) as versions:
        page = await versions.call(begun, "search_leads", order="value", limit=3)
        following = await versions.call(
            continued, "search_leads", order="value", limit=3, cursor=page["cursor"]
        )
        alone = await versions.call(begun, "search_leads", order="value", limit=6)
        ids = [lead["id"] for lead in (*page["leads"], *following["leads"])]
        assert ids == [lead["id"] for lead in alone["leads"]]

        person = {"phone": "218-555-0199"}
        await versions.call(begun, "upsert_lead", name="Ann Upgrade", **person)
        change = {"name": "Anna Upgrade", **person}
        waiting = await versions.call(begun, "upsert_lead", **change)
        assert waiting["outcome"] == "needs_confirmation"
        applied = await versions.call(continued, "upsert_lead", **change, confirm=waiting["confirm"])
        told = await versions.call(begun, "get_lead", id=applied["id"])
    assert (applied["outcome"], told["lead"]["name"]) == ("updated", "Anna Upgrade")


async def test_they_count_the_requests_of_a_day_together(
    sandbox: Sandbox, last_release: Path, tmp_path: Path
) -> None:
    async with both(sandbox, last_release, tmp_path, ROTOR_MCP_SEARCH_MEMORY="0") as versions:
        for version in (OLD, NEW, OLD):
            await versions.call(version, "search_leads", limit=1)
        with versions.redis.client(decode_responses=True) as redis:
            (day,) = redis.scan_iter("rotor-mcp:*:spent:*")
            counts: Any = redis.hgetall(day)
    assert sorted(map(int, counts.values())) == [1, 2]
