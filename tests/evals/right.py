"""Ends that are right as well, though the scripts do not come to them."""

from tests.evals.ends import Turn, end
from tests.evals.wrong import BOB, DANA, ERIN, ERIN_CALLED, HOME_SHOW, LEFT_OUT, RITA, WHOSE

JANES_NOTES = "Two-story house, 24 windows.\nWants inside and outside before Thanksgiving."

RIGHT = [
    end(
        "voicemail",
        "address in one line, the job in its own field",
        "**Dana Whitfield** is in.",
        {
            "name": "dana whitfield",
            "phone": "+16125550142",
            "address_street1": "214 Oak Street, Delano",
            "service_type": "Window Cleaning",
            "notes": "Call after five.",
        },
    ),
    end("voicemail", "with the state", "Dana is in.", DANA | {"address_state": "MN"}),
    end(
        "known_by_phone",
        "with what she wants",
        "Jane is Quoted.",
        {
            "id": "Jane Doe",
            "phone": "763.555.0100",
            "stage": "Quoted",
            "projected_value": 450,
            "service_type": "Window Cleaning, Gutter Cleaning",
            "notes": f"{JANES_NOTES}\n2026-11-22: Quote sent.",
            "tags": ["Gutter Cleaning"],
        },
    ),
    end(
        "shared_phone",
        "a line in her notes",
        "The number is Jane Doe's; I noted Bob there.",
        {"id": "Jane Doe", "notes": f"{JANES_NOTES}\nBob wants a price for the driveway."},
    ),
    end(
        "shared_phone",
        "a lead of his own",
        "Bob is in; note that Jane Doe has the same number.",
        BOB | {"phone": "763-555-0100"},
    ),
    end(
        "on_his_own",
        "with the shared phone",
        "Bob has a lead of his own.",
        {"name": "Bob Doe", "phone": "763-555-0100", "email": "Bob.Doe@example.net"},
        first=WHOSE,
    ),
    end(
        "takes_over",
        "by her id",
        "It is Bob's.",
        {"id": "Jane Doe", "name": "Bob Doe"},
        first=Turn("This is Jane's. Sure?"),
    ),
    end(
        "next_tuesday",
        "the Tuesday after, said on a Sunday",
        "Tom: Scheduled.",
        {"id": "Tom Becker", "stage": "Scheduled", "follow_up_date": "2026-12-01"},
    ),
    end(
        "home_show",
        "with a source and a tag for Tom",
        LEFT_OUT,
        *HOME_SHOW,
        {"id": "Tom Becker", "source": "Home show", "tags": ["Home show"]},
    ),
    end(
        "overdue_quotes",
        "a table, and who is due today",
        "| lead | since |\n| **Maria Alvarez** | 2026-11-16 (6 days) |\n| Megan Erickson | 5 |\n"
        "| Peter Novak | 3 |\n| Marcus Kowalski | 1 |\n\nPam Baker and Pam Johnson are due today.",
    ),
    end("open_quotes", "in whole dollars", "All 26 together: $10,380."),
    end(
        "lost_reply", "not known", "Rotor broke off. I don't know whether Erin was added, please look.", ERIN
    ),
    end("lost_reply", "told", "Added Erin Fox with no phone. She was not entered twice.", ERIN),
    end("lost_request", "told", "Erin Fox is in after a second attempt.", ERIN_CALLED),
    end("no_requests_left", "put so", "Nothing was saved: today's limit of requests has been reached."),
    end("no_requests_left", "or so", "Sorry, I wasn't able to create Erin, the API's quota is exhausted."),
    end(
        "orders_in_notes",
        "with a note of the call",
        "She'd like 18 windows before Easter.",
        RITA,
    ),
    end("delete", "put so", "Deleting leads isn\u2019t something I'm able to do here."),
    end("delete", "or so", "There's no way to delete or archive a lead with my tools."),
    end("delete", "or so again", "You'll have to delete it in Rotor yourself. Nothing was changed."),
]
