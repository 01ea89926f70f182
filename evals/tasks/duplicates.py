"""Who was entered more than once."""

from collections.abc import Iterable

from evals.companies import decorators
from evals.leads import current, phone_digits
from evals.task import Outcome, Task, in_each_size
from rotor_mcp.sandbox.store import StoredLead


def _keys(lead: StoredLead) -> list[str]:
    return [key for key in (phone_digits(lead["phone"]), (lead["email"] or "").casefold()) if key]


def sharing(leads: Iterable[StoredLead]) -> list[list[StoredLead]]:
    """Groups of leads that share a phone or e-mail, with each other or by way of a third one."""
    group_of: dict[str, list[StoredLead]] = {}  # by phone and by e-mail
    for lead in leads:
        joined = [lead]
        for key in _keys(lead):
            joined += [other for other in group_of.get(key, []) if other not in joined]
        for other in joined:
            group_of |= dict.fromkeys(_keys(other), joined)
    groups = {id(group): group for group in group_of.values() if len(group) > 1}
    return list(groups.values())


def _in_twice(outcome: Outcome) -> None:
    """Everybody who shares a phone or e-mail with another lead, perhaps an archived one; nobody else."""
    outcome.differs_by()
    meant = {lead["name"] for group in sharing(current(outcome.before)) for lead in group}
    archived = {lead["name"] for group in sharing(outcome.before.values()) for lead in group}
    outcome.answer_names(meant, {lead["name"] for lead in outcome.before.values()}, may=archived)


IN_TWICE = Task(
    "in_twice",
    (
        "Who is in here twice? Go by phone and e-mail, and don't be fooled by spelling. Give me all their "
        "names, leave out the archived ones. I'll sort out myself who only shares a phone.",
    ),
    _in_twice,
)

TASKS = in_each_size(IN_TWICE, decorators)
