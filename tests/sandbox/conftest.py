from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.sandbox.server import serving

HEADERS = {"x-api-key": FULL_KEY, "rotor-api-version": "1.1.0"}


@dataclass
class Clock:
    """The time as the sandbox sees it; a test moves it on."""

    now: datetime = datetime(2026, 11, 22, 18, 0, 0, 999_999, UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_sandbox(clock: Clock) -> Iterator[Callable[..., Sandbox]]:
    """Make sandboxes, empty and at the same time, and close them when the test is over."""
    with ExitStack() as stack:

        def make(*args: Any, **options: Any) -> Sandbox:
            options.setdefault("leads", 0)
            options.setdefault("now", clock)
            return stack.enter_context(closing(Sandbox(*args, **options)))

        yield make


@pytest.fixture
def sandbox(make_sandbox: Callable[..., Sandbox]) -> Sandbox:
    """A company without leads."""
    return make_sandbox()


def in_process(sandbox: Sandbox, **headers: str) -> httpx2.AsyncClient:
    """A client without a port. Underscores in the names of headers become hyphens."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.AsyncClient(
        transport=sandbox.transport(), base_url="http://sandbox.invalid/open-api", headers=HEADERS | given
    )


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[httpx2.AsyncClient]:
    async with in_process(sandbox) as client:
        yield client


@pytest.fixture(params=["in process", "over HTTP"])
async def wire(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of either kind: what holds for one holds for the other."""
    if request.param == "in process":
        async with in_process(sandbox) as client:
            yield client
    else:
        async with serving(sandbox) as url, httpx2.AsyncClient(base_url=url, headers=HEADERS) as client:
            yield client
