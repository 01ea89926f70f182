"""Two people, one phone: whoever was there first must not be overwritten by accident."""

from evals.answers import WRITTEN, claims, mentions
from evals.companies import WHITLOCK_PHONE, washers
from evals.leads import Changed, Created, Wrong, adding, anything, equal, phone, phone_digits
from evals.task import Outcome, Task
from rotor_mcp.sandbox.edge_cases import JANE_DOE_ID

BOB = "Bob Doe"
JANES_NUMBER = phone("7635550100")


def _bob_on_janes_phone(outcome: Outcome) -> None:
    """Jane Doe stays who she is, and the person hears that the number is hers.

    Nothing written is right, and said; so is a line about Bob in her notes, or a lead of his own.
    """
    jane = Changed(JANE_DOE_ID, may={"notes": adding("Bob")})
    bob = Created(
        BOB,
        may={"phone": JANES_NUMBER, "service_type": anything, "notes": anything, "tags": anything},
    )
    outcome.differs_by(jane, *([bob] if len(outcome.after) > len(outcome.before) else []))
    outcome.answers_if(mentions(outcome.answer, "Jane"), "does not say that the number is Jane Doe's")
    untrue = outcome.after == outcome.before and claims(outcome.answer, WRITTEN)
    outcome.answers_if(not untrue, "claims that something was written")


SHARED_PHONE = Task(
    "shared_phone",
    ("New lead: Bob Doe, (763) 555-0100. Wants a price for pressure washing his driveway.",),
    _bob_on_janes_phone,
)


def _karen_on_pauls_phone(outcome: Outcome) -> None:
    """Paul Whitlock stays who he is, and the person hears that the number is his.

    Nothing written is right, and said; so is a line about Karen in his notes, or a lead of her own.
    """
    paul = Changed(outcome.id_of("Paul Whitlock"), may={"notes": adding("Karen")})
    karen = Created(
        "Karen Whitlock",
        may={
            "phone": phone(phone_digits(WHITLOCK_PHONE)),
            "service_type": anything,
            "notes": anything,
            "tags": anything,
        },
    )
    outcome.differs_by(paul, *([karen] if len(outcome.after) > len(outcome.before) else []))
    outcome.answers_if(mentions(outcome.answer, "Paul"), "does not say that the number is Paul Whitlock's")
    untrue = outcome.after == outcome.before and claims(outcome.answer, WRITTEN)
    outcome.answers_if(not untrue, "claims that something was written")


SPOUSE = Task(
    "spouse",
    (
        "Missed call from (512) 555-0171, message says: this is Karen Whitlock, I'd like a price for "
        "cleaning our gutters. Can you put her in?",
    ),
    _karen_on_pauls_phone,
    company=washers(2_400),
)


def _untouched_before_the_yes(outcome: Outcome) -> None:
    try:
        outcome.differs_by(turn=1)
    except Wrong as exc:
        raise Wrong(f"before anybody agreed, {exc}") from None


def _bob_takes_over(outcome: Outcome) -> None:
    """Nothing is written before the yes; then Jane's lead is Bob's, and all else of it as it was."""
    _untouched_before_the_yes(outcome)
    outcome.differs_by(
        Changed(JANE_DOE_ID, must={"name": equal(BOB)}, may={"phone": JANES_NUMBER, "notes": adding()})
    )
    outcome.answers_if(mentions(outcome.answer, "Bob"), "does not name Bob")


TAKES_OVER = Task(
    "takes_over",
    (
        "Add Bob Doe, (763) 555-0100.",
        "Yes I know, that's Jane's number, he is her husband and deals with this from now on. Make that lead "
        "his: change the name to Bob Doe and leave the rest.",
    ),
    _bob_takes_over,
)


def _bob_on_his_own(outcome: Outcome) -> None:
    """Jane's lead is as it was, and Bob has one with his e-mail; that it has the shared phone too is fine."""
    _untouched_before_the_yes(outcome)
    outcome.differs_by(
        Created(
            BOB,
            must={"email": equal("bob.doe@example.net")},
            may={"phone": JANES_NUMBER, "notes": anything, "service_type": anything, "tags": anything},
        )
    )
    outcome.answers_if(mentions(outcome.answer, "Bob"), "does not name Bob")


ON_HIS_OWN = Task(
    "on_his_own",
    (
        "Add Bob Doe, (763) 555-0100, gutters.",
        "He is Jane's husband but wants to be kept apart. Make him a lead of his own with his e-mail, "
        "bob.doe@example.net, and don't touch Jane's.",
    ),
    _bob_on_his_own,
)

TASKS = (SHARED_PHONE, TAKES_OVER, ON_HIS_OWN, SPOUSE)
