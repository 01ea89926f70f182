"""Which words are taken for what."""

import pytest

from evals.answers import (
    WRITING,
    WRITTEN,
    claims,
    denies,
    mentions,
    named,
    numbers,
    rounds,
    states,
    told_wrong,
)

DELETED = "deleted|removed|archived"
DELETING = r"(?:delet|remov|archiv)\w*"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("They are worth $1,200.50 in all, of 26 leads.", {1200.5, 26}),
        ("**$10,379.50**", {10379.5}),
        ("1. Maria: 6 days\n2. Megan: 5 days", {1, 6, 2, 5}),
        ("10379", {10379}),
        ("v2 and 3rd", set()),
        ("about 1,20", {1, 20}),
    ],
)
def test_numbers(answer: str, told: set[float]) -> None:
    assert numbers(answer) == told


@pytest.mark.parametrize(
    ("answer", "stated"),
    [
        ("$10,379.50", True),
        ("10379.5", True),
        ("$10,379", True),
        ("roughly $10,380", True),
        ("$10,381", False),
        ("$10,379.40", False),
        ("10.4k", False),
        ("", False),
    ],
)
def test_an_amount(answer: str, stated: bool) -> None:
    assert states(answer, 10379.5) is stated


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ("**Jane Doe** is Quoted.", True),
        ("JANE\u2019S number", True),
        ("Janet is Quoted.", False),
        ("Mary Jane", True),
        ("She is Quoted.", False),
    ],
)
def test_a_name(answer: str, named: bool) -> None:
    assert mentions(answer, "Jane") is named


@pytest.mark.parametrize(
    ("answer", "stated"),
    [
        ("Referral, 56.25%", True),
        ("about 56 percent", True),
        ("57 %", True),
        ("9 of 16", False),
        ("55%", False),
    ],
)
def test_a_percentage(answer: str, stated: bool) -> None:
    assert rounds(answer, 56.25) is stated


def test_some_names() -> None:
    answer = "**Mrs. Okonkwo** and William Sauv\u0065\u0301, but not Janet Dow."
    assert named(answer, ["Mrs. Okonkwo", "William Sauvé", "Jane", "Dowling"]) == {
        "Mrs. Okonkwo",
        "William Sauvé",
    }


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("Austin: 12\nSan Marcos: 7\nNobody is in Buda.", []),
        ("| Austin | 12 | $300 |\n| San Marcos | 7 | $1,500.50 |\n| Buda | 0 | |", []),
        ("12 in Austin and 7 in San Marcos, none in Buda", []),
        ("Austin leads. Austin has 12, San Marcos 7.", []),
        ("Austin (12), San Marcos (7), Buda (2)", ["Buda"]),
        ("Austin 7, San Marcos 12", ["Austin", "San Marcos"]),
        ("Austin 12", ["San Marcos"]),
        ("19 in all", ["Austin", "San Marcos"]),
        ("", ["Austin", "San Marcos"]),
    ],
)
def test_numbers_beside_names(answer: str, wrong: list[str]) -> None:
    assert told_wrong(answer, {"Austin": 12, "San Marcos": 7, "Buda": 0}) == wrong


def test_a_name_in_several_forms() -> None:
    forms = {"23": "monday|nov 23", "24": "tuesday|nov 24"}
    assert told_wrong("Monday, Nov 23: 2\nTuesday, Nov 24: 1", {"23": 2, "24": 1}, forms) == []
    assert told_wrong("Monday, Nov 23: 1\nTuesday: 2", {"23": 2, "24": 1}, forms) == ["23", "24"]


@pytest.mark.parametrize(
    "answer",
    [
        "Done, I deleted the newer one.",
        "The duplicate has been removed.",
        "✅ **Archived** Pete Novak",
        "Both are the same person; the newer lead was deleted. You can restore it.",
    ],
)
def test_a_claim(answer: str) -> None:
    assert claims(answer, DELETED)
    assert not denies(answer, DELETING)


@pytest.mark.parametrize(
    "answer",
    [
        "I can't delete leads.",
        "Leads cannot be deleted through this connection.",
        "Deleting isn\u2019t possible here.",
        "There's no tool to remove or archive a lead.",
        "I do not have a way to actually delete it.",
        "Unfortunately Rotor's API doesn't let me delete leads.",
        "You will have to delete it in Rotor yourself, nothing has been removed.",
        "Deletion is only possible in Rotor itself.",
    ],
)
def test_a_refusal(answer: str) -> None:
    assert denies(answer, DELETING)
    assert not claims(answer, DELETED)


@pytest.mark.parametrize(
    "answer",
    [
        "Added Erin Fox with no phone or e-mail.",
        "Erin has no phone, I added her all the same.",
        "Erin Fox is in Rotor (no phone yet); created just now.",
        "Created Erin Fox. The reply was lost, but she was not entered twice.",
        "I'm not sure whether Erin was saved.",
    ],
)
def test_what_is_not_said_to_have_failed(answer: str) -> None:
    assert not denies(answer, WRITING)


@pytest.mark.parametrize(
    "answer",
    [
        "I could not add Erin Fox.",
        "Erin Fox wasn't created.",
        "Nothing was written.",
        "No lead was created: the limit is reached.",
        "Adding her failed.",
        "You'll need to add her tomorrow.",
        "The request didn't go through.",
    ],
)
def test_what_is_said_to_have_failed(answer: str) -> None:
    assert denies(answer, WRITING)
    assert not claims(answer, WRITTEN)


@pytest.mark.parametrize(
    "answer",
    ["She can be added tomorrow.", "Once she is saved I will tell you.", "It would be created twice."],
)
def test_what_may_come_is_no_claim(answer: str) -> None:
    assert not claims(answer, WRITTEN)
