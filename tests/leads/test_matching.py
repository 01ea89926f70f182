import pytest

from rotor_mcp.api.models import Lead
from rotor_mcp.leads.matching import MAX_RIVALS, Doubt, Found, same_or_shorter_name, settle, settle_by_name


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
        ([], [], None, Found()),
        ([JANE], [], None, Found(JANE, "phone")),
        ([], [EVE], None, Found(EVE, "email")),
        ([JANE], [JANE], None, Found(JANE, "phone and email")),
        ([BOB, JANE], [JANE], None, Found(JANE, "phone and email")),
        ([JANE], [EVE], None, Found(JANE, "phone", (EVE,), Doubt.CONFLICT)),
        ([BOB, JANE], [], "Jane", Found(JANE, "phone", (BOB,), Doubt.SHARED)),
        ([BOB, JANE], [], "Carl", Found(BOB, "phone", (JANE,), Doubt.SHARED)),
        ([OLD, JANE], [], None, Found(JANE, "phone")),
        ([OLD], [], None, Found(OLD, "phone")),
    ],
)
def test_which_lead_is_meant(
    by_phone: list[Lead], by_email: list[Lead], name: str | None, found: Found
) -> None:
    assert settle(by_phone, by_email, name) == found


def test_a_name_alone() -> None:
    assert settle_by_name([JANE, BOB], "jane  DOE") == Found(rivals=(JANE,), doubt=Doubt.SAME_NAME)
    assert settle_by_name([JANE, BOB], "Jane") == Found()


def test_of_many_leads_that_share_a_phone_the_first_are_kept_and_the_others_counted() -> None:
    leads = [Lead(id=str(number), name=f"Lead {number}") for number in range(MAX_RIVALS + 6)]
    assert settle(leads, [], None) == Found(
        leads[0], "phone", tuple(leads[1 : MAX_RIVALS + 1]), Doubt.SHARED, rivals_left_out=5
    )
    other = Lead(id="other")
    assert settle(leads, [other], None) == Found(
        leads[0], "phone", (*leads[1 : MAX_RIVALS + 1], other), Doubt.CONFLICT, rivals_left_out=5
    )
