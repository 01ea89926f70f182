import pytest

from rotor_mcp.api.models import Lead
from rotor_mcp.leads.compare import same_or_shorter_name
from rotor_mcp.leads.matching import MAX_ALTERNATIVES, Ambiguity, Match, resolve, resolve_by_name


@pytest.mark.parametrize(
    ("wanted", "stored", "same"),
    [
        ("Jane Doe", "Jane Doe", True),
        ("jane doe", "Jane Doe", True),
        ("Doe, Jane", "Jane Doe", True),
        ("Jane", "Jane Doe", True),
        ("J. Doe", "Jane Doe", True),
        ("Jane D", "Jane Doe", True),
        ("Bob Doe", "Jane & Bob Doe", True),
        ("Jane Doe", "Jane", False),
        ("Jane Doe", "J. Doe", False),
        ("Bob Doe", "Jane Doe", False),
        ("Janet Doe", "Jane Doe", False),
        ("Jan", "Jane Doe", False),
        ("Jane Jane", "Jane Doe", False),
        ("🎄", "Jane Doe", False),
        ("🎄", "🎄", True),
        ("Tim O'Brien", "Tim O’Brien", True),
        ("Tim OBrien", "Tim O'Brien", True),
        ("Jose Munoz", "José Muñoz", True),
        ("José", "Jose\u0301 Muñoz", True),
        ("Jane  Doe", "Jane Doe", True),
        ("O'Brien", "Obrian", False),
    ],
)
def test_a_name_that_says_no_more(wanted: str, stored: str, same: bool) -> None:
    assert same_or_shorter_name(wanted, stored) is same


JANE = Lead(id="1", name="Jane Doe", phone="763-555-0100", email="jane@example.com")
BOB = Lead(id="2", name="Bob Doe", phone="763-555-0100")
EVE = Lead(id="3", name="Eve Roe", email="eve@example.com")
OLD = Lead(id="4", name="Old Doe", phone="763-555-0100", archived=True)


@pytest.mark.parametrize(
    ("by_phone", "by_email", "name", "found"),
    [
        ([], [], None, Match()),
        ([JANE], [], None, Match(JANE, "phone")),
        ([], [EVE], None, Match(EVE, "email")),
        ([JANE], [JANE], None, Match(JANE, "phone and email")),
        ([BOB, JANE], [JANE], None, Match(JANE, "phone and email")),
        ([JANE], [EVE], None, Match(JANE, "phone", (EVE,), Ambiguity.CONFLICT)),
        ([BOB, JANE], [], "Jane", Match(JANE, "phone", (BOB,), Ambiguity.SHARED)),
        ([BOB, JANE], [], "Carl", Match(BOB, "phone", (JANE,), Ambiguity.SHARED)),
        ([OLD, JANE], [], None, Match(JANE, "phone")),
        ([OLD], [], None, Match(OLD, "phone")),
    ],
)
def test_which_lead_is_meant(
    by_phone: list[Lead], by_email: list[Lead], name: str | None, found: Match
) -> None:
    assert resolve(by_phone, by_email, name) == found


def test_a_name_alone() -> None:
    assert resolve_by_name([JANE, BOB], "jane  DOE") == Match(
        alternatives=(JANE,), ambiguity=Ambiguity.SAME_NAME
    )
    assert resolve_by_name([JANE, BOB], "Jane") == Match()


def test_of_many_leads_that_share_a_phone_the_first_are_kept_and_the_others_counted() -> None:
    leads = [Lead(id=str(number), name=f"Lead {number}") for number in range(MAX_ALTERNATIVES + 6)]
    assert resolve(leads, [], None) == Match(
        leads[0], "phone", tuple(leads[1 : MAX_ALTERNATIVES + 1]), Ambiguity.SHARED, alternatives_left_out=5
    )
    other = Lead(id="other")
    assert resolve(leads, [other], None) == Match(
        leads[0],
        "phone",
        (*leads[1 : MAX_ALTERNATIVES + 1], other),
        Ambiguity.CONFLICT,
        alternatives_left_out=5,
    )
