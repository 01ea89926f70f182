"""Conversations as they end: what was written in each turn, and what was answered."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from evals.leads import Leads, all_leads
from evals.task import Outcome
from evals.tasks import TASKS
from rotor_mcp.sandbox import requests
from tests.conftest import NOW

Body = dict[str, Any]
"""What the API is sent. An `id` may also be a lead's name, or words of its notes."""


@dataclass(frozen=True)
class Turn:
    answer: str
    writes: tuple[Body, ...] = ()


@dataclass(frozen=True)
class End:
    task: str
    what: str
    turns: tuple[Turn, ...]
    reason: str = ""
    """What the checker has to find wrong: a pattern."""

    def __str__(self) -> str:
        return f"{self.task}: {self.what}"


def end(task: str, what: str, answer: str, *writes: Body, reason: str = "", first: Turn | None = None) -> End:
    """A conversation of one turn, or of two if there is a first one."""
    return End(task, what, (*([first] if first else []), Turn(answer, writes)), reason)


def judged(ended: End) -> str | None:
    """What the task's checker says, or None if all is well."""
    task = TASKS[ended.task]
    with closing(task.sandbox(lambda: NOW)) as rotor:
        states = [all_leads(rotor)]
        for turn in ended.turns:
            for body in turn.writes:
                sent = requests.parse_lead(body | _id(states[0], body))
                assert rotor.store.upsert(sent, NOW)
            states.append(all_leads(rotor))
    return task.judge(Outcome(NOW.date(), tuple(states), tuple(turn.answer for turn in ended.turns)))


def _id(leads: Leads, body: Body) -> Body:
    if "id" not in body or body["id"] in leads:
        return {}
    named = [lead_id for lead_id, lead in leads.items() if lead["name"] == body["id"]]
    noted = [lead_id for lead_id, lead in leads.items() if body["id"] in (lead["notes"] or "")]
    (found,) = named or noted
    return {"id": found}


def names(ends: Sequence[End]) -> list[str]:
    return [str(each) for each in ends]
