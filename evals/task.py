"""A task: what a person says, the company it is said in, and what is right at the end."""

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from evals.answers import named
from evals.companies import SAMPLES, SIZES, Company
from evals.leads import Changed, Created, Leads, Wrong, compare
from rotor_mcp.sandbox import Fault, Sandbox
from rotor_mcp.sandbox.requests import LeadInput


@dataclass(frozen=True)
class Outcome:
    """What a conversation left behind, and what was answered. How that came about is nobody's business."""

    today: date
    states: tuple[Leads, ...]
    """The database before the conversation, and after each turn of it."""
    answers: tuple[str, ...]
    """The last words of each turn."""

    @property
    def before(self) -> Leads:
        """The database before the conversation."""
        return self.states[0]

    @property
    def after(self) -> Leads:
        """The database at the end."""
        return self.states[-1]

    @property
    def answer(self) -> str:
        """The last words."""
        return self.answers[-1]

    def id_of(self, name: str) -> str:
        """The id of the one lead that had this name before."""
        (found,) = (lead_id for lead_id, lead in self.before.items() if lead["name"] == name)
        return found

    def differs_by(self, *expected: Changed | Created, turn: int = -1) -> None:
        """See that the database differs so after a turn, the last one if none is named.

        Raises:
            Wrong: if it does not.
        """
        compare(self.before, self.states[turn], expected)

    def answer_names(self, must: Set[str], others: Iterable[str], may: Set[str] = frozenset()) -> None:
        """See that the answer names all whom it must, and of the others none but those whom it may.

        Raises:
            Wrong: if it does not.
        """
        for name in sorted(must - named(self.answer, must)):
            self.answers_if(False, f"leaves out {name}")
        for name in sorted(named(self.answer, {*others} - must - may)):
            self.answers_if(False, f"names {name}, which is not meant")

    def answers_if(self, told: object, otherwise: str) -> None:
        """See that something holds for the answer.

        Raises:
            Wrong: with these words, if it does not.
        """
        if not told:
            raise Wrong(f"the answer {otherwise}: {self.answer!r}")


@dataclass(frozen=True)
class Task:
    """A task. Its checker sees the database and the answers, never which tools were called."""

    id: str
    says: tuple[str, ...]
    """What the person says, turn by turn."""
    check: Callable[[Outcome], None]
    """Raises `Wrong`. Its docstring says which ends are right."""
    company: Company = SAMPLES
    leads: tuple[LeadInput, ...] = ()
    """Leads beside the company's."""
    faults: tuple[Fault, ...] = ()
    quota: int = 1_000

    def sandbox(self, now: Callable[[], datetime]) -> Sandbox:
        """Found the company in which it takes place."""
        rotor = Sandbox(leads=0, quota=self.quota, now=now)
        rotor.store.seed(lambda: self.company.leads(now().astimezone(UTC).date()))
        for lead in self.leads:
            rotor.store.upsert(lead, now())
        for fault in self.faults:
            rotor.faults.add(fault)
        return rotor

    def judge(self, outcome: Outcome) -> str | None:
        """Say what is wrong with an outcome; None if nothing is."""
        if len(outcome.answers) < len(self.says):
            return f"the conversation ended in turn {len(outcome.answers) + 1} of {len(self.says)}"
        try:
            self.check(outcome)
        except Wrong as exc:
            return str(exc)
        return None


def in_each_size(task: Task, company: Callable[[int], Company]) -> tuple[Task, ...]:
    """The same task in a small and in a large company; the ids end in the number of leads."""
    return tuple(replace(task, id=f"{task.id}_{size}", company=company(size)) for size in SIZES)
