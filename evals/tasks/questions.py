"""Questions, whose answers are in the database and nowhere else. None of them changes anything."""

import re
from datetime import date

from evals.answers import mentions, numbers, plain, states
from evals.leads import Leads, current, follow_up_day
from evals.task import Outcome, Task
from rotor_mcp.sandbox.store import StoredLead


def overdue_days(lead: StoredLead, today: date) -> int:
    """Days since the follow-up of a lead; 0 if none is overdue."""
    due = follow_up_day(lead)
    return max(0, (today - due).days) if due else 0


def _overdue_quotes(outcome: Outcome) -> None:
    """All overdue leads of Quoted, in order, each with its days; nobody else but who is due today."""
    outcome.differs_by()
    quoted = [lead for lead in current(outcome.before) if lead["stage"] == "Quoted"]
    days = {lead["name"]: overdue_days(lead, outcome.today) for lead in quoted}
    overdue = sorted((name for name in days if days[name]), key=lambda name: -days[name])
    answer = plain(outcome.answer)
    for name in overdue:
        outcome.answers_if(mentions(answer, name), f"leaves out {name}")
    places = [answer.index(plain(name)) for name in overdue]
    outcome.answers_if(places == sorted(places), "is not in order")
    for name, beginning, end in zip(overdue, [0, *places], [*places[1:], len(answer)], strict=False):
        told = numbers(re.sub(r"\d{4}-\d\d-\d\d", "", answer[beginning:end]))
        outcome.answers_if(days[name] in told, f"does not say that {name} is {days[name]} days overdue")
    due_today = {lead["name"] for lead in quoted if follow_up_day(lead) == outcome.today}
    for name in {lead["name"] for lead in current(outcome.before)} - {*overdue, *due_today, "", "Sam"}:
        outcome.answers_if(not mentions(answer, name), f"names {name}, who is not meant")


OVERDUE_QUOTES = Task(
    "overdue_quotes",
    ("Which leads in Quoted are overdue for a follow-up? Longest overdue first, with the number of days.",),
    _overdue_quotes,
)


def _worth(leads: Leads) -> float:
    return sum(lead["projected_value"] or 0 for lead in current(leads) if lead["stage"] == "Quoted")


def _open_quotes(outcome: Outcome) -> None:
    """The sum, perhaps in whole dollars."""
    outcome.differs_by()
    worth = _worth(outcome.before)
    outcome.answers_if(states(outcome.answer, worth), f"does not state the sum, {worth:,.2f}")


OPEN_QUOTES = Task(
    "open_quotes",
    ("What are our open quotes worth in all? Everything that is in the stage Quoted.",),
    _open_quotes,
)


def _without_phone(outcome: Outcome) -> None:
    """The number of leads without a phone, archived ones left out."""
    outcome.differs_by()
    count = sum(1 for lead in current(outcome.before) if not lead["phone"])
    outcome.answers_if(count in numbers(outcome.answer), f"does not state how many there are, {count}")


WITHOUT_PHONE = Task(
    "without_phone",
    ("How many of our leads, not counting the archived ones, have no phone number?",),
    _without_phone,
)

TASKS = (OVERDUE_QUOTES, OPEN_QUOTES, WITHOUT_PHONE)
