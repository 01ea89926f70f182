import os
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime

import hypothesis
import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.server import build_server

# A test is about what is true, not about how fast this machine is today.
# Where a change is judged, the same examples judge every change; elsewhere new ones are tried each time.
hypothesis.settings.register_profile(
    "default",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("default")

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
"""The moment at which every test that shows dates takes place: a Sunday noon in Chicago."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An embedded Rotor with its sample leads."""
    with closing(Sandbox(now=lambda: NOW)) as rotor:
        yield rotor


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
