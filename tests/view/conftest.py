from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.view.chats import HOSTS, Chats, HostName, Stage, lacking, stage


@pytest.fixture(scope="session")
def browser_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The browser and the pages of both hosts."""
    if reason := lacking():
        pytest.skip(reason)
    with stage(tmp_path_factory.mktemp("hosts")) as shared:
        yield shared


@pytest.fixture(scope="session")
def chats(browser_stage: Stage) -> Iterator[Chats]:
    """A company that all tests share. Each test writes to leads of its own."""
    with browser_stage.chats(search_memory="0") as company:
        yield company


@pytest.fixture(scope="session")
def reading(browser_stage: Stage) -> Iterator[Chats]:
    """A company whose server only reads."""
    with browser_stage.chats(read_only="true") as company:
        yield company


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> HostName:
    """Each of the two hosts."""
    name: HostName = request.param
    return name


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    """Closes the chats of a test."""
    with ExitStack() as stack:
        yield stack
