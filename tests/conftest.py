import logging
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import hypothesis
import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from rotor_mcp import gc_tuning
from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.sandbox.sample_leads import sample_leads
from rotor_mcp.sandbox.server import serving
from rotor_mcp.sandbox.store import StoredLead
from rotor_mcp.server.mcp_server import build_server
from tests import commands
from tests.homes import Home

# Collecting makes a million objects that stay: to look through them again and again would take a third of its time,
# and part of each test's.
gc_tuning.pause_collection()


SLOW = {"adversary", "test_chaos.py", "test_import_chaos.py", "test_injection.py", "test_memory.py"}
"""Files and folders of tests that draw or sweep hostile input, kill servers or measure memory. `pytest -m slow` runs
them, and single tests that have the mark."""
SLOWEST = (
    "test_chaos.py",
    "test_keyed_locks.py",
    "test_environments.py",
    "test_exporter.py",
    "test_import_chaos.py",
    "test_search.py",
    "test_stages.py",
    "test_leads.py",
    "test_asgi.py",
    "test_importer.py",
    "test_tasks.py",
    "test_plugins.py",
    "test_middleware.py",
)
"""Files that take a worker longest. They come first, so that no worker has one of them left when others are done."""


@pytest.hookimpl(tryfirst=True)  # before those are left out that have another mark
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        parts = item.path.relative_to(item.config.rootpath).parts
        if SLOW.intersection(parts):
            item.add_marker("slow")
        if parts[:2] == ("tests", "view"):
            item.add_marker("view")
    places = {name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


def pytest_collection_finish() -> None:
    gc_tuning.tune_for_serving()


# A test is about what is true, not about how fast this machine is today.
# Where a change is judged, the same examples judge every change; elsewhere new ones are tried each time.
hypothesis.settings.register_profile(
    "default",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("default")

JANE = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"
"""The id of Jane Doe, who is among the sample leads."""

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
"""The moment at which every test that shows dates takes place: a Sunday noon in Chicago."""


posix = pytest.mark.skipif(os.name != "posix", reason="permissions, links and terminals of POSIX")


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    """Whatever level a test configures, the next one finds the level as it was."""
    logger = logging.getLogger("rotor_mcp")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture(autouse=True, scope="session")
def no_process_is_left() -> Iterator[None]:
    yield
    commands.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@cache
def samples() -> list[StoredLead]:
    """The sample leads of that moment, which take most of the time that a sandbox takes."""
    return sample_leads(NOW.date(), 150)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An embedded Rotor with its sample leads."""
    with closing(Sandbox(leads=0, now=lambda: NOW)) as rotor:
        rotor.store.seed(samples)
        yield rotor


@asynccontextmanager
async def sandbox_url(**options: Any) -> AsyncIterator[str]:
    """Serve a sandbox over HTTP, and close it in the end: a database that is forgotten warns on Python 3.13."""
    with closing(Sandbox(**options)) as rotor:
        async with serving(rotor) as url:
            yield url


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The home directory of somebody who uses a command."""
    path = tmp_path / "home of jo"
    path.mkdir()
    return Home(path)


@pytest.fixture(params=["2026-07-28", "legacy"])
async def client(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[Client]:
    """A real client of the real server in this process, once for each era of the protocol."""
    settings = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago"})
    server = build_server(settings, transport=sandbox.transport, clock=lambda: NOW)
    async with Client(server, mode=request.param) as connected:
        yield connected


def text(result: CallToolResult) -> str:
    """What a host shows the model that passes on text."""
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


def content(result: CallToolResult) -> dict[str, Any]:
    """What a host gives to a program."""
    assert result.structured_content is not None, text(result)
    return dict(result.structured_content)


def said(*results: CallToolResult) -> str:
    """What the model reads, with new ids and tokens as placeholders."""
    whole = "\n---\n".join(text(result) for result in results)
    ids = re.findall(r"\bid ([0-9a-f]{8})(-[0-9a-f]{4}-[0-9a-f-]{17}\b)?", whole)
    known = dict.fromkeys(short for short, _ in ids if not JANE.startswith(short))
    for number, short in enumerate(known):
        whole = re.sub(rf"\b{short}-[0-9a-f-]{{27}}\b", f"<id {number}>", whole)
        whole = re.sub(rf"\b{short}\b", f"<short id {number}>", whole)
    return re.sub(r'confirm "[a-z2-7]{8}"', 'confirm "<token>"', whole)


class Rotor:
    """The sandbox as somebody sees it who is not our server."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._http = httpx2.AsyncClient(
            transport=sandbox.transport(),
            base_url="http://rotor/open-api/",
            headers={"x-api-key": FULL_KEY, "rotor-api-version": "1.1.0"},
        )

    async def leads(self, search: str) -> list[dict[str, Any]]:
        answer = await self._http.get("leads", params={"search": search, "archived": "true", "limit": 1000})
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    async def lead(self, lead_id: str) -> dict[str, Any]:
        lead: dict[str, Any] = (await self._http.get(f"leads/{lead_id}")).json()["data"]
        return lead

    async def add(self, **fields: Any) -> str:
        answer = await self._http.post("leads", json=fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def change(self, lead_id: str, **fields: Any) -> None:
        answer = await self._http.post("leads", json={"id": lead_id, **fields})
        assert answer.status_code == 200, answer.text
