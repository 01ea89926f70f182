"""Rows that are one person: put together where they agree, refused where they do not."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotor_mcp.api.models import Lead
from rotor_mcp.leads.dedupe import ClashError, RowGroup, combine, merge
from rotor_mcp.leads.locale import Locale
from rotor_mcp.leads.matching import Match
from rotor_mcp.leads.plan import make_plan
from rotor_mcp.leads.requests import UpsertRequest
from tests.conftest import NOW

CONTEXT = Locale(NOW.date(), ZoneInfo("America/Chicago"), "US")
ID = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"


def entries(*rows: dict[str, Any]) -> list[RowGroup]:
    return [
        RowGroup.of((number,), UpsertRequest.model_validate(row), "US") for number, row in enumerate(rows, 1)
    ]


def merged(*rows: dict[str, Any]) -> tuple[list[tuple[tuple[int, ...], dict[str, Any]]], list[str]]:
    """What is written for which rows, and what is refused."""
    written, clashes = merge(entries(*rows), CONTEXT)
    said = [(entry.rows, entry.request.model_dump(exclude_unset=True)) for entry in written]
    return said, [f"{list(clash.rows)} {clash}" for clash in clashes]


def test_rows_that_complete_each_other_become_one() -> None:
    assert merged(
        {"name": "Dana", "phone": "(612) 555-0142", "tags": ["Website"], "notes": "Two dogs."},
        {"name": "Bob Roe", "phone": "612-555-0199"},
        {"phone": "6125550142", "email": "Dana@Example.com", "tags": ["website", "VIP"]},
        {"name": "Dana Whitfield", "email": "dana@example.com", "notes": "two dogs."},
        {"email": "DANA@example.com", "notes": "Gate code 4711.", "projected_value": "$1,200"},
    ) == (
        [
            (
                (1, 3, 4, 5),
                {
                    "name": "Dana Whitfield",
                    "phone": "(612) 555-0142",
                    "email": "Dana@Example.com",
                    "tags": ["Website", "website", "VIP"],
                    "notes": "Two dogs.\nGate code 4711.",
                    "projected_value": 1200,
                },
            ),
            ((2,), {"name": "Bob Roe", "phone": "612-555-0199"}),
        ],
        [],
    )


MULTIPLE = "make one row of them, or give each person a phone or e-mail of their own"
SAME_NAME = (
    "have the same name; without a phone or e-mail it is not certain that they are one person; "
    "add one, or make one row of them"
)
PHONE = {"phone": "555-0142"}


@pytest.mark.parametrize(
    ("rows", "refused"),
    {
        "a household": (
            [{"name": "Dana", **PHONE}, {"name": "Bob", **PHONE}],
            [f"[1, 2] rows 1 and 2 are the same person, but differ in name (Dana / Bob); {MULTIPLE}"],
        ),
        "several fields": (
            [{"stage": "Quoted", "priority": "low", **PHONE}, {"stage": "Won", "priority": "high", **PHONE}],
            [
                f"[1, 2] rows 1 and 2 are the same person, but differ in stage (Quoted / Won), priority (low / high); {MULTIPLE}"
            ],
        ),
        "one e-mail, two phones": (
            [{"email": "a@b.co", **PHONE}, {"email": "A@b.co", "phone": "555-0143"}],
            [
                f"[1, 2] rows 1 and 2 are the same person, but differ in phone (555-0142 / 555-0143); {MULTIPLE}"
            ],
        ),
        "linked by a third": (
            [PHONE, {"email": "a@b.co", "phone": "555-0143"}, {"email": "a@b.co", **PHONE}],
            [
                f"[1, 2, 3] rows 1 and 2 and 3 are the same person, but differ in phone (555-0142 / 555-0143); {MULTIPLE}"
            ],
        ),
        "two addresses": (
            [
                {"address_street1": "214 Oak Street", "address_city": "Delano", **PHONE},
                {"address_street1": "9 Elm Ave", "address_city": "delano", **PHONE},
                {"address_street1": "9  elm ave.", **PHONE},
            ],
            [
                "[1, 2, 3] rows 1 and 2 and 3 are the same person, but differ in address_street1 (214 Oak "
                "Street / 9 Elm Ave / 9 elm ave.); a lead has one address: keep one of them, and put the "
                "other into the notes of one row"
            ],
        ),
        "an address and a name": (
            [
                {"name": "Dana", "address_city": "Delano", **PHONE},
                {"name": "Bob", "address_city": "Rockford", **PHONE},
            ],
            [
                "[1, 2] rows 1 and 2 are the same person, but differ in name (Dana / Bob), address_city "
                f"(Delano / Rockford); {MULTIPLE}"
            ],
        ),
        "many values": (
            [{"projected_value": value, **PHONE} for value in (1, 2, 2.5, 4, 5, 6)],
            [
                "[1, 2, 3, 4, 5, 6] rows 1 and 2 and 3 and 4 and 5 and 6 are the same person, but differ in "
                f"projected_value (1 / 2 / 2.5 / 4 / 5 / …); {MULTIPLE}"
            ],
        ),
        "replaced notes": (
            [{"notes": "One.", "replace_notes": True, **PHONE}, {"notes": "Two.", **PHONE}],
            [f"[1, 2] rows 1 and 2 are the same person, but differ in notes (One. / Two.); {MULTIPLE}"],
        ),
        "notes too long together": (
            [{"notes": "a" * 1_500, **PHONE}, {"notes": "b" * 1_500, **PHONE}],
            [
                f"[1, 2] rows 1 and 2 are the same person, but differ in notes ({'a' * 60}… / {'b' * 60}…); "
                f"{MULTIPLE}"
            ],
        ),
        "two tokens": (
            [{"confirm": "aaaaaaaa", **PHONE}, {"confirm": "bbbbbbbb", **PHONE}],
            [
                f"[1, 2] rows 1 and 2 are the same person, but differ in confirm (aaaaaaaa / bbbbbbbb); {MULTIPLE}"
            ],
        ),
        "two days": (
            [{"follow_up_date": "2026-12-01", **PHONE}, {"follow_up_date": "2026-12-02", **PHONE}],
            [
                f"[1, 2] rows 1 and 2 are the same person, but differ in follow_up_date (2026-12-01 / 2026-12-02); {MULTIPLE}"
            ],
        ),
        "a name is no proof": (
            [{"name": "Sam"}, {"name": "sam", "address_city": "Delano"}],
            [f"[1, 2] rows 1 and 2 {SAME_NAME}"],
        ),
        "a name beside a lead of that name": (
            [{"name": "Sam", **PHONE}, {"name": "SAM"}],
            [f"[2] rows 1 and 2 {SAME_NAME}"],
        ),
        "one moment of a day": (
            [{"follow_up_date": "2026-12-01", **PHONE}, {"follow_up_date": "2026-12-01T09:30", **PHONE}],
            [],
        ),
        "the same again": ([{"name": "Sam"}, {"name": "Sam"}], []),
        "one lead by its id": ([{"id": ID, "stage": "Won"}, {"id": ID, "priority": "low"}], []),
        "namesakes that can be told apart": (
            [{"name": "Sam", **PHONE}, {"name": "Sam", "phone": "5550143"}],
            [],
        ),
    }.values(),
)
def test_rows_that_disagree_are_refused(rows: list[dict[str, Any]], refused: list[str]) -> None:
    assert merged(*rows)[1] == refused


def test_notes_keep_their_parts() -> None:
    """Each is added to a lead if it is not there, so that the order of rows makes no second copy."""
    rows = [{"notes": "One.\nMore.", **PHONE}, {"notes": "Two.", **PHONE}, {"notes": "Two.\nThree.", **PHONE}]
    (entry,) = merge(entries(*rows), CONTEXT)[0]
    assert entry.request.given.notes == ("One.\nMore.", "Two.\nThree.")
    assert entry.request.notes == "One.\nMore.\nTwo.\nThree."
    stored = Lead(notes="Old.\n2026-11-01: Two.\nThree.")
    plan = make_plan(entry.request, Match(stored, "phone"), CONTEXT)
    assert plan.fields.notes == "Old.\n2026-11-01: Two.\nThree.\n2026-11-22: One.\nMore."


def test_the_moment_of_a_day_is_kept() -> None:
    (entry,) = merge(
        entries({"follow_up_date": "2026-12-01", **PHONE}, {"follow_up_date": "2026-12-01T09:30", **PHONE}),
        CONTEXT,
    )[0]
    assert entry.request.follow_up_date == "2026-12-01T09:30"


ROWS = st.lists(
    st.fixed_dictionaries(
        {"phone": st.sampled_from(["555-0101", "5550101", "555-0102", "(763) 555-0103"])},
        optional={
            "email": st.sampled_from(["a@b.co", "A@B.CO", "c@d.co"]),
            "name": st.sampled_from(["Jane", "Jane Doe", "Doe, Jane", "Bob"]),
            "stage": st.sampled_from(["Won", "won", "Lost"]),
            "tags": st.lists(st.sampled_from(["A", "a", "B"])),
            "notes": st.sampled_from(["one", "two", "one\ntwo"]),
        },
    ),
    max_size=6,
)


@given(ROWS)
def test_every_row_is_written_or_refused_once(rows: list[dict[str, Any]]) -> None:
    written, clashes = merge(entries(*rows), CONTEXT)
    dealt_with = [row for entry in written for row in entry.rows] + [
        row for clash in clashes for row in clash.rows
    ]
    assert sorted(dealt_with) == list(range(1, len(rows) + 1))


@given(ROWS)
def test_what_is_written_says_all_that_its_rows_say(rows: list[dict[str, Any]]) -> None:
    for entry in merge(entries(*rows), CONTEXT)[0]:
        together = entry.request
        for row in (rows[number - 1] for number in entry.rows):
            assert set(row.get("tags", ())) <= set(together.tags)
            assert set(row.get("notes", "").splitlines()) <= set((together.notes or "").splitlines())
            for name in ("stage", "email"):
                assert row.get(name, "").casefold() in ("", (getattr(together, name) or "").casefold())
            assert set(row.get("name", "").replace(",", "").split()) <= set(
                (together.name or "").replace(",", "").split()
            )


@given(ROWS)
def test_the_order_of_rows_changes_nothing_but_spelling(rows: list[dict[str, Any]]) -> None:
    def sizes(them: list[dict[str, Any]]) -> tuple[list[int], int]:
        written, clashes = merge(entries(*them), CONTEXT)
        return sorted(len(entry.rows) for entry in written), sum(len(clash.rows) for clash in clashes)

    assert sizes(rows) == sizes(rows[::-1])


def test_what_is_combined_stands_under_all_its_rows() -> None:
    one, two = entries(PHONE, PHONE)
    together = combine([two, one], CONTEXT)
    assert together.rows == (1, 2)
    with pytest.raises(ClashError):
        combine([together, RowGroup.of((3,), UpsertRequest(phone="555-0143"), "US")], CONTEXT)
