"""What the view shows of each kind of result, and in each state, in both hosts."""

from contextlib import ExitStack
from typing import Any

from inline_snapshot import snapshot

from tests.conftest import JANE
from tests.view.chats import Chats, HostName


def shown(chats: Chats, host: HostName, tool: str, arguments: dict[str, Any], **options: Any) -> str:
    with chats.chat(host, tool, arguments, **options) as chat:
        return chat.text


def test_a_search(reading: Chats, host: HostName) -> None:
    """By stage, the one with most leads first; in it in the order of the result."""
    arguments = {"overdue": True, "order": "follow_up", "limit": 6}
    assert shown(reading, host, "search_leads", arguments) == snapshot("""\
23 leads
6 shown · $9,681 in all · as of Sun Nov 22
Contacted (3)
Omar Ueda
$509
14 days overdue (Sun Nov 8) · Hamilton · Window Cleaning, Gutter Cleaning
Rosa Ramirez
$189.50
5 days overdue (Tue Nov 17) · Madison · Gutter Cleaning
Xavier Baker
$850.50
5 days overdue (Tue Nov 17) · 5125550128 · Hudson · Christmas Light Installation
Quoted (2)
Maria Alvarez
6 days overdue (Mon Nov 16) · (612) 555-0117 · Plymouth · Gutter Cleaning
Megan Erickson
$425.50
5 days overdue (Tue Nov 17) · megan.erickson40@example.com · Minneapolis · House Washing
No stage (1)
The others\
""")


def test_what_does_not_fit_is_folded(reading: Chats, host: HostName) -> None:
    with reading.chat(host, "search_leads", {"limit": 20}) as chat:
        assert chat.heading == "139 leads"
        others = chat.view.get_by_text("The others")
        rows = chat.view.locator("button.row")
        assert rows.count() == 20
        hidden = [row for row in rows.all() if not row.is_visible()]
        assert len(hidden) == 13
        others.click()
        assert all(row.is_visible() for row in rows.all())


def test_the_stages_are_in_the_order_of_their_use(reading: Chats, host: HostName) -> None:
    """As far as the result tells: here it counts all leads, not only those that it lists."""
    arguments = {"count_by": "stage", "order": "value", "limit": 12}
    with reading.chat(host, "search_leads", arguments) as chat:
        assert chat.heading == "139 leads"
        assert chat.view.locator("h2").all_text_contents() == snapshot(
            ["By stage", "New Leads (7)", "Quoted (1)", "Scheduled (1)", "Lost (1)", "No stage (2)"]
        )


def test_counts(reading: Chats, host: HostName) -> None:
    assert shown(reading, host, "search_leads", {"count_by": "source", "limit": 0}) == snapshot("""\
139 leads
$63,069.50 in all · as of Sun Nov 22
By source
none
29 · $9,380.50
Website quote form
22 · $9,936
Door-to-door
21 · $11,348.50
Referral Program
21 · $9,869.50
Google ads
18 · $7,223.50
Nextdoor
17 · $11,910
Meta ads
11 · $3,401.50\
""")


def test_counts_by_two_facts(reading: Chats, host: HostName) -> None:
    arguments = {"count_by": ["priority", "stage"], "limit": 0}
    assert shown(reading, host, "search_leads", arguments) == snapshot("""\
139 leads
$63,069.50 in all · as of Sun Nov 22
By priority and stage
none
55 · $22,603.50
New Leads 20 · Contacted 6 · Quoted 10 · Scheduled 7 · none 7 · Won 5
medium
31 · $16,656
New Leads 6 · Contacted 6 · Quoted 9 · Scheduled 3 · none 2 · Lost 3 · Won 2
high
28 · $9,335
New Leads 5 · Contacted 7 · Quoted 3 · Scheduled 4 · none 4 · Lost 3 · Won 2
low
25 · $14,475
New Leads 3 · Contacted 7 · Quoted 4 · Scheduled 2 · none 1 · Lost 6 · Won 2\
""")


def test_duplicates(reading: Chats, host: HostName) -> None:
    assert shown(reading, host, "search_leads", {"duplicates": True}) == snapshot("""\
4 leads
as of Sun Nov 22
+1 (763) 555-0101 (2)
Pete Novak
Peter Novak
3 days overdue
(612) 555-0117 (2)
Luis Alvarez
follow up today
Maria Alvarez
6 days overdue\
""")


def test_chosen_fields(reading: Chats, host: HostName) -> None:
    arguments = {"search": "novak", "fields": ["phone"]}
    assert shown(reading, host, "search_leads", arguments) == snapshot("""\
2 leads
as of Sun Nov 22
+1 (763) 555-0101
763-555-0101
3 days overdue\
""")


def test_no_lead(reading: Chats, host: HostName) -> None:
    arguments = {"stage": ["Quoted", "Won"], "address_city": "Paris"}
    assert shown(reading, host, "search_leads", arguments) == snapshot("""\
No lead matches
Stage: Quoted, Won · City: Paris · as of Sun Nov 22\
""")


def test_a_lead(reading: Chats, host: HostName) -> None:
    assert shown(reading, host, "get_lead", {"id": JANE}) == snapshot("""\
Jane Doe
New Leads · medium priority
(763) 555-0100
jane.doe@example.com
Value
$299
Service
Window Cleaning
Source
Website quote form
Tags
Website
Address
118 River Street, Delano, MN, 55328
Created
Sat Nov 21 16:09
Notes
words of customers and staff
Two-story house, 24 windows.
Wants inside and outside before Thanksgiving.\
""")


def test_the_only_match_is_shown_as_a_lead(reading: Chats, host: HostName) -> None:
    found = shown(reading, host, "search_leads", {"search": "jane doe"})
    assert found == shown(reading, host, "get_lead", {"id": JANE})


def test_long_notes_are_cut(chats: Chats, host: HostName) -> None:
    lead = chats.add(name="Nora Notes", email=f"nora.{host}@example.com", notes="word " * 300)
    with chats.chat(host, "get_lead", {"id": lead}) as chat:
        assert "words of customers and staff · the beginning" in chat.text
        assert len(chat.view.locator("blockquote").inner_text()) == 601


def test_a_plan_that_waits(chats: Chats, host: HostName) -> None:
    arguments = {
        "name": "Bob Doe",
        "phone": "763-555-0100",
        "stage": "Quoted",
        "projected_value": 1450.5,
        "follow_up_date": "2026-12-01",
        "tags": ["Gutters"],
        "notes": "Husband called.",
        "source": "Referral",
    }
    assert shown(chats, host, "upsert_lead", arguments) == snapshot("""\
Change Jane Doe?
found by phone
This phone belongs to Jane Doe, whose name would be replaced
Field | Now | After
Name | Jane Doe | Bob Doe
Stage | New Leads | Quoted
Value | $299 | $1,450.50
Follow up |  | Tue Dec 1
Notes |  | + 2026-11-22: Husband called.
Tags |  | + Gutters
Source | Website quote form | stays
A new stage, a new tag and a follow-up date can make the company's automations text or e-mail the person
Apply
Cancel\
""")


def test_a_plan_that_could_mean_others(chats: Chats, host: HostName) -> None:
    arguments = {"phone": "612-555-0117", "notes": "Called."}
    assert shown(chats, host, "upsert_lead", arguments) == snapshot("""\
Change Luis Alvarez?
found by phone
Several leads share this phone or e-mail
Field | Now | After
Notes |  | 2026-11-22: Called.
Who else it could be
Maria Alvarez
6 days overdue · (612) 555-0117
Apply
Cancel\
""")


def test_a_dry_run(chats: Chats, host: HostName) -> None:
    arguments = {"name": "Dora Dry", "email": "dora@example.com", "dry_run": True}
    assert shown(chats, host, "upsert_lead", arguments) == snapshot("""\
Enter Dora Dry?
Field | After
Name | Dora Dry
Email | dora@example.com
A new lead can make the company's automations text or e-mail the person
Apply
Cancel\
""")


def test_what_was_written(chats: Chats, host: HostName) -> None:
    arguments = {"name": "Wanda Written", "email": f"wanda.{host}@example.com"}
    assert shown(chats, host, "upsert_lead", arguments) == (
        "Created: Wanda Written\n"
        "Field | After\n"
        "Name | Wanda Written\n"
        f"Email | wanda.{host}@example.com\n"
        "A new lead can make the company's automations text or e-mail the person\n"
        "Rotor gave it the stage New Leads"
    )
    assert shown(chats, host, "upsert_lead", arguments) == "Unchanged: Wanda Written\nfound by email"


def test_a_batch(chats: Chats, host: HostName) -> None:
    rows = [
        {"name": "Rita Row", "email": f"rita.{host}@example.com"},
        {"name": "Max Lee", "email": "max at lee dot com"},
        {"name": "Bob Doe", "phone": "763-555-0100"},
    ]
    assert shown(chats, host, "upsert_leads", {"rows": rows, "source": "Nextdoor"}) == snapshot("""\
1 created, 1 needs confirmation, 1 invalid
Invalid: row 2
Email: not an e-mail address such as name@example.com
Change Jane Doe?
found by phone
This phone belongs to Jane Doe, whose name would be replaced
Field | Now | After
Name | Jane Doe | Bob Doe
Source | Website quote form | stays
Apply
Cancel
Rita Row
created
Row 1: a new lead can make the company's automations text or e-mail the person
Row 1: Rotor gave it the stage New Leads\
""")


def test_a_batch_that_writes_nothing_says_so(chats: Chats, host: HostName) -> None:
    rows = [{"name": "Ned New", "email": "ned@example.com"}]
    assert shown(chats, host, "upsert_leads", {"rows": rows, "dry_run": True}) == snapshot("""\
1 created
nothing was written
Ned New
created
Row 1: a new lead can make the company's automations text or e-mail the person\
""")


# States


def test_it_waits(reading: Chats, host: HostName) -> None:
    with reading.chat(host, "get_lead") as chat:
        main = chat.view.locator("main[aria-busy=true]")
        assert main.inner_text() == "Waiting for the result…"


def test_an_error(chats: Chats, host: HostName) -> None:
    with chats.chat(host, "upsert_lead", {"name": "Sam", "city": "Delano"}) as chat:
        assert chat.heading == "That did not work"
        assert chat.view.get_by_role("alert").inner_text() == (
            "Nothing was sent.\nthere is no argument city: did you mean address_city?"
        )


def test_a_call_that_was_stopped(reading: Chats, host: HostName) -> None:
    with reading.chat(host, "get_lead") as chat:
        chat.until_asked("size")
        chat.host("cancel", "the user stopped it")
        assert chat.text == "Cancelled\nthe call was stopped"


BROKEN = [
    {"today": "2026-11-22", "leads": {"not": "a list"}},
    {"today": "2026-11-22", "lead": {"name": {"no": "text"}, "phone": 7}},
    {"today": "2026-11-22", "counts": None},
    {"leads": []},
    {},
    None,
]


def test_what_cannot_be_shown_is_an_error(reading: Chats, closing: ExitStack) -> None:
    """Nothing of what was shown before stays in sight; the text of the result is there."""
    chat = closing.enter_context(reading.chat("app-bridge", "get_lead", {"id": JANE}))
    assert chat.heading == "Jane Doe"
    good = {"today": "2026-11-22", "lead": {"name": "Jane Doe"}}
    for broken in BROKEN:
        chat.host("result", {"content": [], "structuredContent": good})
        chat.view.get_by_role("heading", name="Jane Doe").wait_for()
        told = {"content": [{"type": "text", "text": "All that it said."}]}
        chat.host("result", told | ({} if broken is None else {"structuredContent": broken}))
        chat.view.get_by_role("alert").wait_for()
        assert chat.text == "That did not work\nAll that it said.", broken
