"""The words of a company: which are in use, how they are spelled, and when that may be said."""

from dataclasses import replace

import pytest

from rotor_mcp.api.models import Lead
from rotor_mcp.state.vocabulary import LEADS_TO_JUDGE, MAX_LEADS, MAX_NAMED, Unused, Vocabulary


def learned(*leads: Lead) -> Vocabulary:
    vocabulary = Vocabulary()
    vocabulary.learn(replace(lead, id=lead.id or f"L{number}") for number, lead in enumerate(leads))
    return vocabulary


def test_a_word_is_unused_only_if_enough_leads_were_read() -> None:
    few = learned(*[Lead(stage="Quoted")] * (LEADS_TO_JUDGE - 1))
    assert few.unused("stage", ["Quotd"]) == []
    enough = learned(*[Lead(stage="Quoted")] * (LEADS_TO_JUDGE - 1), Lead(stage="Won"))
    assert enough.unused("stage", ["Quotd", "quoted", "QUOTED "]) == [
        Unused("stage", "Quotd", "Quoted", ("Quoted", "Won"))
    ]
    assert enough.unused("source", ["Website"]) == [Unused("source", "Website", None, ())]


def test_a_lead_that_is_read_many_times_counts_once() -> None:
    vocabulary = learned(*[Lead(id="L1", stage="Qualified")] * 100)
    assert not vocabulary.enough
    vocabulary.learn([Lead(id="L1", stage="Won")])
    assert vocabulary.most_used("stage") == [("Won", 1)]


def test_what_is_no_word_is_not_learned() -> None:
    lead = Lead(stage="x" * 101, tags=["x" * 100, "x" * 101, *(f"Tag {number}" for number in range(30))])
    vocabulary = learned(lead)
    assert vocabulary.most_used("stage") == []
    assert [word for word, _ in vocabulary.most_used("tag")] == ["x" * 100, *(f"Tag {n}" for n in range(19))]


def test_a_tag_that_a_lead_has_twice_counts_once() -> None:
    assert learned(Lead(tags=["VIP", "VIP", "vip"])).most_used("tag") == [("VIP", 1), ("vip", 1)]


def test_a_lead_without_an_id_counts_for_nothing() -> None:
    vocabulary = Vocabulary()
    vocabulary.learn([Lead(stage="Won")])
    assert vocabulary.most_used("stage") == []


def test_few_leads_are_enough_if_there_are_no_others() -> None:
    vocabulary = learned(Lead(stage="Won"))
    vocabulary.surveyed()
    assert vocabulary.unused("stage", ["New"]) == [Unused("stage", "New", None, ("Won",))]


def test_a_part_of_a_word_in_use_is_no_unused_word() -> None:
    vocabulary = learned(*[Lead(source="Website quote form")] * LEADS_TO_JUDGE)
    assert vocabulary.unused("source", ["website"], part=True) == []
    assert [one.word for one in vocabulary.unused("source", ["website"])] == ["website"]


def test_the_most_used_words_are_named_first() -> None:
    leads = [Lead(stage=f"Stage {number}") for number in range(MAX_NAMED + 5)]
    vocabulary = learned(*leads, *leads[3:5], leads[4])
    (unused,) = vocabulary.unused("stage", ["Nowhere at all"])
    assert unused.in_use[:2] == ("Stage 4", "Stage 3")
    assert len(unused.in_use) == MAX_NAMED


def test_the_leads_read_last_are_remembered() -> None:
    vocabulary = learned(*(Lead(stage=f"Stage {number}") for number in range(MAX_LEADS + 1)))
    assert vocabulary.most_used("stage") == [(f"Stage {number}", 1) for number in range(1, MAX_LEADS + 1)]
    assert vocabulary.spelling("stage", "STAGE 0") is None
    assert vocabulary.spelling("stage", "STAGE 1") == "Stage 1"


@pytest.mark.parametrize(
    ("word", "except_lead", "spelling"),
    [
        ("quoted", None, "Quoted"),
        ("QUOTED", None, "Quoted"),
        (" quoted ", None, "Quoted"),
        ("Quoted", None, "Quoted"),
        ("Lost", None, None),
        ("won", None, "won"),  # as many leads spell it so as otherwise
        ("Won", None, "Won"),
        ("WON", "L3", "won"),
        ("Quote d", None, None),
    ],
)
def test_a_word_is_spelled_as_most_leads_spell_it(
    word: str, except_lead: str | None, spelling: str | None
) -> None:
    leads = [Lead(stage=stage) for stage in ("Quoted", "Quoted", "quoted", "Won", "won")]
    assert learned(*leads).spelling("stage", word, except_lead) == spelling


def test_words_are_completed_without_accents() -> None:
    vocabulary = learned(Lead(tags=["Été", "été"]), Lead(tags=["Été", "Etc"]), Lead(tags=["Winter"]))
    assert vocabulary.beginning("tag", "et") == ["Été", "été", "Etc"]
    assert vocabulary.spellings("tag", "ete") == ["Été", "été"]


@pytest.mark.parametrize(
    ("lead", "may"),
    [
        (Lead(name="Jane"), False),
        (Lead(stage="On hold", tags=["PLAN: quarterly"]), False),  # in another spelling
        (Lead(stage="Called back"), True),
        (Lead(stage="Called Back"), False),  # in title case
        (Lead(stage="CALLED BACK"), True),
        (Lead(tags=["HVAC", "2026", "Gutter Cleaning"]), False),
        (Lead(tags=["VIP", "website"]), True),
        (Lead(source="nowhere"), False),  # a source is not looked up for its spelling
    ],
)
def test_which_words_the_company_may_spell_otherwise(lead: Lead, may: bool) -> None:
    few = learned(Lead(stage="on hold", tags=["plan: quarterly"]))
    assert few.may_spell_otherwise(lead) is may
    few.surveyed()
    assert not few.may_spell_otherwise(lead)
