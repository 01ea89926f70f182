"""Tasks can be done, and what is not done is found out."""

import re
from contextlib import closing
from datetime import UTC, date, datetime

import pytest
from mcp import Client

from evals.leads import Leads, all_leads, differences
from evals.scripts import SCRIPTS, Ask
from evals.task import Outcome, Task
from evals.tasks import TASKS
from evals.tasks.updating import next_tuesday
from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, requests
from rotor_mcp.server.mcp_server import build_server
from tests.conftest import JANE, NOW, text
from tests.evals.ends import End, Turn, judged, names
from tests.evals.right import RIGHT
from tests.evals.wrong import WRONG

SOME_DAYS = [NOW, datetime(2028, 2, 29, 0, 30, tzinfo=UTC)]


@pytest.mark.anyio
@pytest.mark.parametrize("now", SOME_DAYS, ids=lambda now: f"{now:%Y-%m-%d}")
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
async def test_the_script_does_it(task: Task, now: datetime) -> None:
    settings = Settings.load({"api_key": FULL_KEY, "timezone": "UTC"})
    states: list[Leads] = []
    answers: list[str] = []
    with closing(task.sandbox(lambda: now)) as rotor:
        server = build_server(settings, transport=rotor.transport, clock=lambda: now)
        states.append(all_leads(rotor))
        async with Client(server) as client:
            script = SCRIPTS[task.id](now.date())
            step: Ask | str | None = next(script)
            while step is not None:
                if isinstance(step, Ask):
                    step = script.send(text(await client.call_tool(step.tool, step.arguments)))
                else:
                    answers.append(step)
                    states.append(all_leads(rotor))
                    step = next(script, None)
    assert task.judge(Outcome(now.date(), tuple(states), tuple(answers))) is None


@pytest.mark.parametrize("ended", WRONG, ids=names(WRONG))
def test_what_is_wrong_is_found_out(ended: End) -> None:
    assert re.search(ended.reason, judged(ended) or "nothing is wrong")


@pytest.mark.parametrize("ended", RIGHT, ids=names(RIGHT))
def test_what_is_right_as_well_is_let_pass(ended: End) -> None:
    assert judged(ended) is None


def test_every_task_is_failed_in_two_ways_at_least() -> None:
    wrong = [ended.task for ended in WRONG]
    assert [task for task in TASKS if wrong.count(task) < 2] == []


@pytest.mark.parametrize("task", TASKS)
def test_nothing_done_and_nothing_said_fails(task: str) -> None:
    turns = (Turn(""),) * len(TASKS[task].says)
    assert judged(End(task, "nothing", turns))


def test_a_conversation_that_was_given_up_fails() -> None:
    agreed = Turn("That number is Jane Doe's. Shall her lead become Bob's?")
    assert judged(End("takes_over", "no second answer", (agreed,))) == "the conversation ended in turn 2 of 2"


def test_differences_are_told() -> None:
    with closing(TASKS["gate_code"].sandbox(lambda: NOW)) as rotor:
        before = all_leads(rotor)
        assert list(differences(before, before)) == []
        rotor.store.upsert(requests.parse_lead({"id": JANE, "name": "Bob Doe"}), NOW)
        rotor.store.upsert({"name": "Erin Fox"}, NOW)
        erin, bob = differences(before, all_leads(rotor))
    assert bob == "Jane Doe changed: {'name': 'Bob Doe'}"
    assert erin.startswith("Erin Fox created: {")
    assert "'name': 'Erin Fox'" in erin


@pytest.mark.parametrize(
    ("today", "days"),
    [
        ("2026-11-20", ["2026-11-24"]),
        ("2026-11-21", ["2026-11-24"]),
        ("2026-11-22", ["2026-11-24", "2026-12-01"]),
        ("2026-11-23", ["2026-11-24", "2026-12-01"]),
        ("2026-11-24", ["2026-12-01"]),
        ("2026-11-25", ["2026-12-01"]),
    ],
)
def test_next_tuesday(today: str, days: list[str]) -> None:
    assert [str(day) for day in next_tuesday(date.fromisoformat(today))] == days
