"""Leads that are there already: notes, stages, dates, numbers, and which of two is meant."""

from datetime import date, timedelta

from evals.answers import mentions
from evals.companies import DENISE_PHONE, decorators
from evals.leads import Changed, adding, equal, on, phone, phone_digits
from evals.task import Outcome, Task
from rotor_mcp.sandbox.edge_cases import JANE_DOE_ID

MONDAY, TUESDAY = 0, 1


def _gate_code(outcome: Outcome) -> None:
    """Jane's notes say it, beside all that they said before."""
    outcome.differs_by(Changed(JANE_DOE_ID, must={"notes": adding("4711", "gate")}))
    outcome.answers_if(mentions(outcome.answer, "Jane"), "does not name Jane")


GATE_CODE = Task("gate_code", ("Note for Jane Doe: the gate code is 4711.",), _gate_code)


def next_weekday(weekday: int, today: date) -> tuple[date, ...]:
    """The days that people mean: if the near one is tomorrow or the day after, some mean the one after."""
    ahead = (weekday - today.weekday() - 1) % 7 + 1
    near = today + timedelta(ahead)
    return (near, near + timedelta(7)) if ahead <= 2 else (near,)


def _next_tuesday(outcome: Outcome) -> None:
    """Tom Becker is Scheduled, with a follow-up on next Tuesday; that he said yes may stand in his notes."""
    outcome.differs_by(
        Changed(
            outcome.id_of("Tom Becker"),
            must={"stage": equal("Scheduled"), "follow_up_date": on(*next_weekday(TUESDAY, outcome.today))},
            may={"notes": adding()},
        )
    )
    outcome.answers_if(mentions(outcome.answer, "Tom"), "does not name Tom")


NEXT_TUESDAY = Task(
    "next_tuesday",
    ("Tom Becker said yes! Move him to Scheduled and set his follow-up to next Tuesday.",),
    _next_tuesday,
)


def _wrong_number(outcome: Outcome) -> None:
    """Walt Jensen has the new number, and there is no second Walt."""
    outcome.differs_by(Changed(outcome.id_of("Walt Jensen"), must={"phone": phone("7155550165")}))
    outcome.answers_if(mentions(outcome.answer, "Walt"), "does not name Walt")


WRONG_NUMBER = Task(
    "wrong_number",
    ("We wrote down Walt Jensen's number wrong, it's 715-555-0165. Please correct it.",),
    _wrong_number,
)


def _which_sam(outcome: Outcome) -> None:
    """The Sam of the blue house is quoted; the other one is as he was."""
    sams = [lead for lead in outcome.before.values() if lead["name"] == "Sam"]
    (blue,) = (lead["id"] for lead in sams if "blue house" in lead["notes"])
    outcome.differs_by(
        Changed(blue, must={"stage": equal("Quoted"), "projected_value": equal(350)}, may={"notes": adding()})
    )
    outcome.answers_if(mentions(outcome.answer, "Sam"), "does not name Sam")


WHICH_SAM = Task(
    "which_sam",
    ("Sent the quote to Sam, the one with the blue house at the corner: $350. Put that in, he's Quoted.",),
    _which_sam,
)


def _married(outcome: Outcome) -> None:
    """The Denise of this number has her new name, the other Denise her old one; the old one may be noted."""
    (denise,) = (
        lead_id
        for lead_id, lead in outcome.before.items()
        if phone_digits(lead["phone"]) == phone_digits(DENISE_PHONE)
    )
    outcome.differs_by(
        Changed(
            denise,
            must={"name": equal("Denise Hartmann")},
            may={"notes": adding(), "phone": phone(phone_digits(DENISE_PHONE))},
        )
    )
    outcome.answers_if(mentions(outcome.answer, "Hartmann"), "does not say the new name")


MARRIED = Task(
    "married",
    (
        "Denise Kowalczyk got married, she's Denise Hartmann now. It's the Denise with 905.555.0144. Please "
        "change her name, all else stays.",
    ),
    _married,
    company=decorators(2_400),
)

TASKS = (GATE_CODE, NEXT_TUESDAY, WRONG_NUMBER, WHICH_SAM, MARRIED)
