"""A list, pasted as it is: new people, somebody known, and lines that cannot be right."""

from evals.answers import mentions
from evals.leads import Changed, Created, Fits, adding, anything, equal, phone
from evals.task import Outcome, Task

NEW: dict[str, dict[str, Fits]] = {
    "Ann Roe": {"phone": phone("6125550163")},
    "Lou Marsh": {"phone": phone("6125550156"), "email": equal("lou.marsh@example.org")},
    "Kit Sorensen": {"email": equal("kit@example.net")},
    "Ruth Abara": {"phone": phone("6125550157")},
    "Ed Lindgren": {"phone": phone("6125550158")},
    "Mia Castell": {"phone": phone("6125550159"), "email": equal("mia.c@example.com")},
    "Joe Hatch": {"phone": phone("6125550161")},
}
BAD = ("Max Lee", "Pat Quill")


def _home_show(outcome: Outcome) -> None:
    """Seven new leads from the home show and Tom Becker, who is known; the two bad lines are named.

    Tom's own source may stay empty or become the home show; he stays who he is.
    """
    outcome.differs_by(
        *(
            Created(
                name,
                must={**fields, "source": equal("Home show")},
                may={"notes": anything, "service_type": anything, "tags": anything},
            )
            for name, fields in NEW.items()
        ),
        Changed(
            outcome.id_of("Tom Becker"),
            may={
                "phone": phone("7635550119"),
                "source": equal("Home show"),
                "notes": adding(),
                "service_type": anything,
                "tags": lambda was, now: set(was) <= set(now),
            },
        ),
    )
    for name in BAD:
        outcome.answers_if(mentions(outcome.answer, name), f"does not name {name}, who was left out")


HOME_SHOW = Task(
    "home_show",
    (
        """\
From the home show, that's the source ("Home show"). Put them in, but leave out whoever has a phone or e-mail
that can't be right, and tell me who that is:

Ann Roe, 612-555-0163
Lou Marsh 612 555 0156 lou.marsh@example.org
Kit Sorensen, kit@example.net
Max Lee, max at lee dot
Ruth Abara (612) 555-0157
Tom Becker 763.555.0119
Ed Lindgren +1 612 555 0158
Pat Quill, 612-55
Mia Castell mia.c@example.com / 6125550159
Joe Hatch, 612-555-0161""",
    ),
    _home_show,
)

TASKS = (HOME_SHOW,)
