"""One change for many leads, and for no other."""

from evals.answers import numbers
from evals.companies import SHOW, WAITING, decorators, washers
from evals.leads import Changed, Leads, current, equal, follow_up_day, on
from evals.task import Outcome, Task, in_each_size
from evals.tasks.updating import MONDAY, next_weekday


def _overdue_to_monday(outcome: Outcome) -> None:
    """All that were overdue in this stage are due on next Monday, nobody else; the number is told."""
    monday = on(*next_weekday(MONDAY, outcome.today))
    overdue = [
        lead["id"]
        for lead in current(outcome.before)
        if lead["stage"] == WAITING and (due := follow_up_day(lead)) and due < outcome.today
    ]
    outcome.differs_by(*(Changed(lead_id, must={"follow_up_date": monday}) for lead_id in overdue))
    outcome.answers_if(len(overdue) in numbers(outcome.answer), f"does not say that it was {len(overdue)}")


OVERDUE_TO_MONDAY = Task(
    "overdue_to_monday",
    (
        f'Move all overdue follow-ups in "{WAITING}" to next Monday. Today\'s stay. How many were that? '
        "Leave archived leads alone.",
    ),
    _overdue_to_monday,
)


def without_priority(leads: Leads) -> list[str]:
    """The ids of the leads of the home show that have no priority."""
    return [lead["id"] for lead in current(leads) if lead["source"] == SHOW and not lead["priority"]]


def _low_priority(outcome: Outcome) -> None:
    """Those of the home show without a priority have the priority low; the number is told."""
    found = without_priority(outcome.before)
    outcome.differs_by(*(Changed(lead_id, must={"priority": equal("low")}) for lead_id in found))
    outcome.answers_if(len(found) in numbers(outcome.answer), f"does not say that it was {len(found)}")


LOW_PRIORITY = Task(
    "low_priority",
    (
        f"Everybody from the {SHOW.lower()} who has no priority yet gets priority low, but not the "
        "archived ones. Tell me how many that were.",
    ),
    _low_priority,
)

TASKS = (
    *in_each_size(OVERDUE_TO_MONDAY, washers),
    *in_each_size(LOW_PRIORITY, decorators),
)
