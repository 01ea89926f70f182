"""What is missing in leads: questions that change nothing."""

from collections.abc import Iterable

from evals.answers import named, numbers
from evals.companies import decorators, washers
from evals.leads import current
from evals.task import Outcome, Task, in_each_size
from rotor_mcp.sandbox.store import StoredLead

TOP = 5


def forgotten(leads: Iterable[StoredLead]) -> list[StoredLead]:
    """The open leads without a follow-up, the most valuable first."""
    found = [
        lead for lead in leads if lead["stage"] not in ("Won", "Lost") and lead["follow_up_date"] is None
    ]
    return sorted(found, key=lambda lead: -(lead["projected_value"] or 0))


def _never_followed_up(outcome: Outcome) -> None:
    """How many they are, and the names of the five that are worth most; of equal ones any."""
    outcome.differs_by()
    found = forgotten(current(outcome.before))
    outcome.answers_if(
        len(found) in numbers(outcome.answer), f"does not state how many there are, {len(found)}"
    )
    least = found[TOP - 1]["projected_value"]
    worthy = {lead["name"] for lead in found if (lead["projected_value"] or 0) >= least}
    certain = {lead["name"] for lead in found if (lead["projected_value"] or 0) > least}
    outcome.answer_names(certain, {lead["name"] for lead in outcome.before.values()}, may=worthy)
    outcome.answers_if(len(named(outcome.answer, worthy)) >= TOP, f"names less than {TOP}")


NEVER_FOLLOWED_UP = Task(
    "never_followed_up",
    (
        "How many open leads (neither Won nor Lost, not archived) have no follow-up date at all? And name "
        "the 5 of them with the highest value.",
    ),
    _never_followed_up,
)


def _without_amount(outcome: Outcome) -> None:
    """All quoted leads without a value; those with 0 may be named, nobody else."""
    outcome.differs_by()
    quoted = [lead for lead in current(outcome.before) if lead["stage"] == "Quoted"]
    meant = {lead["name"] for lead in quoted if lead["projected_value"] is None}
    may = {lead["name"] for lead in quoted if not lead["projected_value"]}
    outcome.answer_names(meant, {lead["name"] for lead in outcome.before.values()}, may)


WITHOUT_AMOUNT = Task(
    "without_amount",
    ("Which leads in Quoted have no amount yet? Just the names, please.",),
    _without_amount,
)

TASKS = (
    *in_each_size(NEVER_FOLLOWED_UP, washers),
    *in_each_size(WITHOUT_AMOUNT, decorators),
)
