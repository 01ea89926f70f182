"""Somebody new, out of a message as it came; and somebody who only seems new."""

from evals.answers import mentions
from evals.leads import (
    Changed,
    Created,
    Wrong,
    adding,
    anything,
    called,
    equal,
    holding,
    new_leads,
    phone,
    tagged,
)
from evals.task import Outcome, Task
from rotor_mcp.sandbox.edge_cases import JANE_DOE_ID

ABOUT_THE_JOB = {"notes": anything, "service_type": anything, "tags": anything, "priority": anything}


def _voicemail(outcome: Outcome) -> None:
    """One new lead with what was said and nothing else; what she wants and when to call stands somewhere.

    The state may be filled in, because all of Delano's leads are in Minnesota.
    """
    outcome.differs_by(
        Created(
            "Dana Whitfield",
            must={"phone": phone("6125550142"), "address_street1": holding("214 oak")},
            may=ABOUT_THE_JOB
            | {"address_city": equal("Delano"), "address_state": equal("MN"), "source": anything},
        )
    )
    (dana,) = new_leads(outcome.before, outcome.after)
    if not holding("delano")(None, f"{dana['address_street1']} {dana['address_city']}"):
        raise Wrong("Dana Whitfield: Delano is lost")
    told = f"{dana['notes']} {dana['service_type']} {dana['tags']}"
    for asked, ways in {"the windows": ("window",), "when to call": ("5", "five", "17:00")}.items():
        if not any(way in told.casefold() for way in ways):
            raise Wrong(f"{called(dana)}: {asked} stands nowhere")
    outcome.answers_if(mentions(outcome.answer, "Dana"), "does not name Dana")


VOICEMAIL = Task(
    "voicemail",
    (
        """\
can you put this one in pls, off the voicemail:

"hi yeah this is Dana Whitfield, uh, that's W-H-I-T-F-I-E-L-D, we're over at 214 Oak Street in Delano, um,
looking to get all the windows done inside and out. call me after five though, number's six one two five five
five oh one four two. ok thanks bye"

thx""",
    ),
    _voicemail,
)


def _known_by_phone(outcome: Outcome) -> None:
    """Jane Doe herself moves on: stage and value, perhaps what she wants; there is no second Jane."""
    outcome.differs_by(
        Changed(
            JANE_DOE_ID,
            must={"stage": equal("Quoted"), "projected_value": equal(450)},
            may={
                "phone": phone("7635550100"),
                "notes": adding(),
                "service_type": holding("window", "gutter"),
                "tags": lambda was, now: set(was) <= set(now),
            },
        )
    )
    outcome.answers_if(mentions(outcome.answer, "Jane"), "does not name Jane")


KNOWN_BY_PHONE = Task(
    "known_by_phone",
    (
        "Jane Doe rang, 763.555.0100. I've just sent her the quote, $450 for windows and gutters. "
        "Update her in Rotor: stage Quoted, and the amount.",
    ),
    _known_by_phone,
)


def _same_tag(outcome: Outcome) -> None:
    """Tom Becker has that one tag, not its two halves; Nina Castillo's lead is as it was."""
    outcome.differs_by(Changed(outcome.id_of("Tom Becker"), must={"tags": tagged("in, out")}))
    outcome.answers_if(mentions(outcome.answer, "Tom"), "does not name Tom")


SAME_TAG = Task(
    "same_tag",
    (
        'Nina Castillo is tagged "in, out", that is what we call windows inside and outside. '
        "Give Tom Becker the same tag.",
    ),
    _same_tag,
)

TASKS = (VOICEMAIL, KNOWN_BY_PHONE, SAME_TAG)
