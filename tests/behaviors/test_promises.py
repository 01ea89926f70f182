"""Every promise under every answer that Rotor may give to a question, together with any answer to any other."""

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from allpairspy import AllPairs
from mcp import Client

from rotor_mcp.behavior import ANSWERS, Behavior
from tests.behaviors.promises import (
    PROMISES,
    Company,
    Promise,
    an_import_and_an_export_agree,
    company_of,
    server_of,
)

pytestmark = pytest.mark.anyio

ALONE = [
    Behavior.parse(answers)
    for answers in (
        "",
        "notes=appended",
        "omitted_fields=blanked",
        "follow_up_input=date",
        "read_delay=two_reads",
        "page_cap=100,pagination=missing",
        "write_reply=without_id,write_status=always_200",
        "burst_limit=per_second",
        "created_at=unordered",
    )
]
"""What the server has mechanisms of its own for."""
PAIRS = [
    Behavior.parse(",".join(map("=".join, zip(ANSWERS, row, strict=True))))
    for row in AllPairs([*ANSWERS.values()])
]
"""Behaviors among which any two answers to two questions come together."""


def named(behavior: Behavior) -> str:
    return str(behavior) or "assumed"


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("behavior", ALONE, ids=named)
async def test_a_promise(behavior: Behavior, promise: Promise) -> None:
    with closing(company_of(behavior)) as rotor:
        async with Client(server_of(rotor)) as client:
            await promise(Company(rotor, client))


@pytest.fixture
def _signals() -> Iterator[None]:
    """An export is a process of its own and takes the signals for itself."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_signals")
@pytest.mark.parametrize("behavior", ALONE, ids=named)
def test_files(behavior: Behavior, tmp_path: Path) -> None:
    an_import_and_an_export_agree(behavior, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("behavior", PAIRS, ids=range(len(PAIRS)))
async def test_a_promise_under_pairs(behavior: Behavior, promise: Promise) -> None:
    await test_a_promise(behavior, promise)


@pytest.mark.slow
@pytest.mark.usefixtures("_signals")
@pytest.mark.parametrize("behavior", PAIRS, ids=range(len(PAIRS)))
def test_files_under_pairs(behavior: Behavior, tmp_path: Path) -> None:
    an_import_and_an_export_agree(behavior, tmp_path)
