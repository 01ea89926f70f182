"""Asking the person through the client: only a refusal is a no, and nothing hangs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, cast

import anyio
import pytest
from inline_snapshot import snapshot
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitResult

from rotor_mcp.config import Settings
from rotor_mcp.events import CallFinished, EventListener
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.server import elicitation
from rotor_mcp.server.access import AccessControl
from rotor_mcp.server.backend import open_registry
from rotor_mcp.server.mcp_server import build_server
from tests.conftest import JANE, NOW, Rotor, content, said, text

pytestmark = pytest.mark.anyio

Mode = Literal["2026-07-28", "legacy"]
Person = Callable[[Any, Any], Awaitable[ElicitResult]]

BOB = {"name": "Bob Doe", "phone": "7635550100"}
"""Another name for the phone of Jane Doe, which takes an approval."""


class Requests(EventListener):
    """Keeps how many requests each round of a call has spent."""

    def __init__(self) -> None:
        self.spent: list[int] = []

    def call_finished(self, finished: CallFinished) -> None:
        assert finished.summary is not None
        self.spent.append(finished.summary.requests)


@asynccontextmanager
async def connected(
    sandbox: Sandbox, mode: Mode, person: Person, *, listener: EventListener | None = None, **settings: str
) -> AsyncIterator[Client]:
    loaded = Settings.load({"api_key": FULL_KEY, **settings})
    tenants = open_registry(loaded, sandbox.transport, lambda: NOW, [listener] if listener else [])
    server = build_server(loaded, access=AccessControl(tenants))
    async with Client(server, mode=mode, elicitation_callback=cast("Any", person)) as client:
        yield client


def answers(action: Any, approve: Any = None) -> Person:
    async def person(_: Any, __: Any) -> ElicitResult:
        filled = None if approve is None else {"approve": approve}
        return ElicitResult.model_construct(action=action, content=filled)

    return person


async def cannot(_: Any, __: Any) -> ElicitResult:
    raise MCPError(code=-32603, message="no window to show this in")


@pytest.fixture
def rotor(sandbox: Sandbox) -> Rotor:
    return Rotor(sandbox)


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
@pytest.mark.parametrize(
    ("answer", "person"),
    [
        ("yes", answers("accept", True)),
        ("no", answers("accept", False)),
        ("no", answers("decline")),
        ("none", answers("cancel")),
        ("none", answers("accept")),
        ("none", answers("accept", "perhaps")),
    ],
)
async def test_only_a_refusal_is_a_no(
    sandbox: Sandbox, rotor: Rotor, mode: Mode, answer: str, person: Person
) -> None:
    asked: list[str] = []

    async def asks(context: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return await person(context, params)

    async with connected(sandbox, mode, asks) as client:
        result = await client.call_tool("upsert_lead", BOB)
        harmless = await client.call_tool("upsert_lead", {"phone": "7635550100", "priority": "high"})
    assert asked == snapshot(
        [
            """\
this phone belongs to Jane Doe, whose name would be replaced. Go ahead?
Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
  name: Jane Doe → Bob Doe
  unchanged: phone\
"""
        ]
    )
    assert said(result) == ANSWERED[answer]
    assert content(harmless)["outcome"] == "updated"
    assert (await rotor.lead(JANE))["name"] == ("Bob Doe" if answer == "yes" else "Jane Doe")


ANSWERED: dict[str, str] = snapshot(
    {
        "yes": """\
Updated Bob Doe (matched by phone). 3 requests spent.
  name: Jane Doe → Bob Doe
  unchanged: phone
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e\
""",
        "no": """\
Nothing was written: the person was asked and did not approve; this phone belongs to Jane Doe, whose name would be replaced. 1 request spent. The plan for Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
  name: Jane Doe → Bob Doe
  unchanged: phone\
""",
        "none": """\
Nothing was written: this phone belongs to Jane Doe, whose name would be replaced. 1 request spent. The plan for Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
  name: Jane Doe → Bob Doe
  unchanged: phone
Ask the user first whether this is Jane Doe or somebody else. If the user approves exactly this, call again with the same arguments and confirm "<token>". If it is another person, do not confirm: add a note to this lead, or enter the person without the phone, because Rotor finds this lead by it.
Note: the client was to ask the user and brought no answer: ask in the conversation.\
""",
    }
)


@pytest.mark.parametrize("answer", ["error", "none"])
async def test_the_token_of_a_plan_without_an_answer_fits(
    sandbox: Sandbox, rotor: Rotor, answer: str
) -> None:
    async with connected(sandbox, "legacy", cannot if answer == "error" else answers("cancel")) as client:
        plan = await client.call_tool("upsert_lead", BOB)
        assert said(plan) == ANSWERED["none"]
        done = await client.call_tool("upsert_lead", {**BOB, "confirm": content(plan)["confirm"]})
    assert content(done)["outcome"] == "updated"
    assert (await rotor.lead(JANE))["name"] == "Bob Doe"


async def test_a_client_that_never_answers_does_not_hold_the_call(sandbox: Sandbox) -> None:
    questions = 0

    async def never(_: Any, __: Any) -> ElicitResult:
        nonlocal questions
        questions += 1
        await anyio.sleep_forever()
        raise AssertionError

    async with connected(sandbox, "legacy", never, timeout="0.5") as client:
        plan = await client.call_tool("upsert_lead", BOB)
        assert said(plan) == ANSWERED["none"]
        # It is not asked again, so that the next plan is there at once.
        again = await client.call_tool("upsert_lead", BOB)
    assert (content(again)["outcome"], questions) == ("needs_confirmation", 1)
    assert "brought no answer" not in text(again)


async def test_a_client_that_is_to_come_back_and_does_not_is_not_asked_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    questions = elicitation.OpenQuestions()
    questions.ask("client")
    now = elicitation.ANSWER_TIMEOUT_SECONDS - 1
    assert not questions.given_up("client")
    questions.ask("client")  # the first question counts
    now = elicitation.ANSWER_TIMEOUT_SECONDS
    assert questions.given_up("client")
    assert not questions.given_up("another")
    questions.answered("client")
    assert not questions.given_up("client")
    questions.ask("client")
    now += elicitation.ANSWER_TIMEOUT_SECONDS + elicitation.GIVE_UP_SECONDS
    assert not questions.given_up("client")
    questions.ask("client")
    now += elicitation.ANSWER_TIMEOUT_SECONDS
    assert questions.given_up("client")


def test_few_clients_are_remembered() -> None:
    questions = elicitation.OpenQuestions()
    for number in range(elicitation.MAX_CLIENTS + 1):
        questions.ask(f"client {number}")
        questions.give_up(f"client {number}")
    assert not questions.given_up("client 0")
    assert questions.given_up("client 1")


@pytest.mark.parametrize(
    ("person", "spent"),
    [
        (answers("accept", True), {"2026-07-28": [1, 2], "legacy": [3]}),
        (answers("decline"), {"2026-07-28": [1, 0], "legacy": [1]}),
        (answers("cancel"), {"2026-07-28": [1, 0], "legacy": [1]}),
    ],
)
@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_each_request_is_counted_once(
    sandbox: Sandbox, mode: Mode, person: Person, spent: dict[str, list[int]]
) -> None:
    """What is charged to a caller's budget, over both rounds; the result tells what all of it cost."""
    counted = Requests()
    async with connected(sandbox, mode, person, listener=counted) as client:
        result = await client.call_tool("upsert_lead", BOB)
    assert counted.spent == spent[mode]
    assert content(result)["requests"] == sum(counted.spent) == len(sandbox.requests)
