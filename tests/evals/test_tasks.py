"""Tasks can be done, and what is not done is found out."""

import re
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from mcp import Client

from evals.agent import Limits, converse
from evals.runner import judge
from evals.scripted import scripted
from evals.scripts import SCRIPTS
from evals.task import Task
from evals.tasks import TASKS
from evals.tasks.updating import next_tuesday
from evals.transcript import Transcript
from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY
from rotor_mcp.server.mcp_server import build_server
from tests.conftest import NOW
from tests.evals.ends import End, Turn, judged, names
from tests.evals.right import RIGHT
from tests.evals.wrong import WRONG

SOME_DAYS = [NOW, datetime(2028, 2, 29, 0, 30, tzinfo=UTC)]


@pytest.mark.anyio
@pytest.mark.parametrize("now", SOME_DAYS, ids=lambda now: f"{now:%Y-%m-%d}")
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
async def test_the_script_does_it(task: Task, now: datetime, tmp_path: Path) -> None:
    settings = Settings.load({"api_key": FULL_KEY, "timezone": "UTC"})
    with closing(task.sandbox(lambda: now)) as rotor:
        server = build_server(settings, transport=rotor.transport, clock=lambda: now)
        async with Client(server) as client:
            course = await converse(
                task,
                rotor,
                client,
                scripted(SCRIPTS),
                today=now.date(),
                limits=Limits(),
                log=Transcript(tmp_path / "transcript.jsonl"),
            )
    assert judge(task, course, now.date()) is None


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
