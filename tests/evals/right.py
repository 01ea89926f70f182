"""Ends that are right as well, though the scripts do not come to them."""

from tests.evals.ends import Turn, end
from tests.evals.wrong import (
    BOB,
    DANA,
    DENISES,
    ERIN,
    ERIN_CALLED,
    FORGOTTEN,
    HOME_SHOW,
    LEFT_OUT,
    LOW,
    MOVED,
    NO_AMOUNT,
    RITA,
    TWICE,
    WHOSE,
)

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
    end(
        "spouse",
        "a line in his notes",
        "The number is Paul Whitlock's; I noted Karen's call there.",
        {"id": "Paul Whitlock", "notes": "Pays by check.\nKaren Whitlock called, wants a price for gutters."},
    ),
    end("married", "in capitals", "Done, DENISE HARTMANN.", {"id": DENISES[0], "name": "Denise Hartmann"}),
    end(
        "overdue_to_monday_160",
        "the Monday after, said on a Sunday",
        "Done: **18** leads.",
        *(body | {"follow_up_date": "2026-11-30T23:59:59Z"} for body in MOVED),
    ),
    end("low_priority_160", "told so", "Done. There were fourteen (14) of them.", *LOW),
    end("best_service_160", "in whole dollars", "The **house wash**: $2,080 in all."),
    end("best_service_2400", "told so", "Roof cleaning, $96,853.35"),
    end(
        "per_city_160",
        "numbers first",
        "You have 20 in Pflugerville, 16 in Kyle, 15 in Round Rock, 14 each in Lakeway and 14 in Leander, 11 in "
        "Buda, 11 in Cedar Park, 11 in Austin and 8 in Georgetown; 25 have no city.",
    ),
    end(
        "per_assignee_160",
        "a table",
        "| who | leads |\n| 3f6d1a52-77c0-4c1e-9b0a-1d5e8f2a6b01 | 42 |\n| a94e07c8-12bd-… | 32 |\n| d2b85e19 | 31 |\n"
        "| nobody | 40 |",
    ),
    end("best_source_160", "a fraction", "Referral: 9 of 16 are Installed, which is 56%."),
    end("best_source_2400", "told so", "Referral, with 59.3 %."),
    end(
        "won_months_160",
        "in words",
        "- June 2026: 2\n- July: 1\n- August: 3\n- September: 2\n- October: 7\n- November so far: 1\nThat's 16 in all.",
    ),
    end(
        "days_ahead_160",
        "weekdays",
        "Monday (Nov 23): 1\nTuesday (Nov 24): 1\nWednesday to Friday: none\nSaturday, November 28th: 2\nSun 11/29: 2",
    ),
    end(
        "days_ahead_160",
        "only days with one",
        "One each on Monday the 23rd (1) and Tuesday the 24th (1), two on Saturday (2) and on Sunday (2).",
    ),
    end("never_followed_up_160", "told so", FORGOTTEN),
    end("without_amount_160", "with the one of $0", f"{NO_AMOUNT}. Theo Inman stands at $0."),
    end("in_twice_160", "with what is archived", f"{TWICE}. Ruth Vickers has an archived twin, R. Vickers."),
]
