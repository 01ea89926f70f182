"""Short ids within one process: how long they are, and which ids they could mean."""

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotor_mcp.api.models import LEAD_ID
from rotor_mcp.state import shown_ids
from rotor_mcp.state.shown_ids import Candidates, ShownIds

pytestmark = pytest.mark.anyio

JANE = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"


def sharing(chars: int, number: int = 0) -> str:
    """Return an id that has the first characters of Jane's, and differs in the next digit or the one after."""
    rest = "".join("f" if one in "0123456789" else one for one in JANE[chars:])
    rest = "".join("0" if one in "abcde" else one for one in rest)
    return (JANE[:chars] + rest)[:-4] + f"{number:04x}"


OTHER = "9f0c1b22-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("shared", "short"),
    [
        (0, "182bd5e5"),
        (7, "182bd5e5"),
        (8, "182bd5e5-6"),  # after the hyphen, which both have, comes the first digit that differs
        (9, "182bd5e5-6"),
        (10, "182bd5e5-6e"),
        (12, "182bd5e5-6e1a"),
        (13, "182bd5e5-6e1a-4"),
        (18, "182bd5e5-6e1a-4fe4-a"),
        (23, "182bd5e5-6e1a-4fe4-a799-a"),
        (35, JANE),
    ],
)
@pytest.mark.parametrize("how", ["read", "shown before", "shown together"])
async def test_a_short_id_is_as_long_as_it_must_be(how: str, shared: int, short: str) -> None:
    other = JANE[:-1] + "0" if shared == 35 else sharing(shared)
    assert LEAD_ID.fullmatch(other)
    ids = ShownIds()
    ids.learn([other if how == "read" else None])
    if how == "shown before":
        await ids.shorten([other])
    shown = await ids.shorten([JANE, other] if how == "shown together" else [JANE])
    assert shown[JANE] == short


async def test_what_is_no_lead_id_is_shown_whole_and_means_nothing() -> None:
    ids = ShownIds()
    odd = ["", "12", "182bd5e5", JANE.upper(), f"{JANE}0", "x" * 36]
    assert await ids.shorten(odd) == {one: one for one in odd}
    assert await ids.find("182bd5e5") == Candidates((), ())


async def test_an_odd_id_that_was_read_is_told_apart() -> None:
    ids = ShownIds()
    ids.learn(["182bd5e5"])
    ids.learn(["182bd5e5-6 by hand"])
    assert await ids.shorten([JANE]) == {JANE: "182bd5e5-6e"}
    assert await ids.find("182bd5e5") == Candidates((), ("182bd5e5", "182bd5e5-6 by hand", JANE))


async def test_only_the_prefix_that_was_shown_means_the_lead() -> None:
    ids = ShownIds()
    assert await ids.shorten([JANE]) == {JANE: "182bd5e5"}
    assert await ids.find("182bd5e5") == Candidates((JANE,), ())
    assert await ids.find("182bd5e5-") == Candidates((), (JANE,))
    assert await ids.find("182bd5e5-6e1a") == Candidates((), (JANE,))
    assert await ids.find("182bd5e6") == Candidates((), ())


async def test_what_was_read_never_is_meant() -> None:
    ids = ShownIds()
    ids.learn([JANE])
    assert await ids.find("182bd5e5") == Candidates((), (JANE,))
    assert await ids.shorten([JANE, OTHER]) == {JANE: "182bd5e5", OTHER: "9f0c1b22"}
    ids.learn([sharing(9)])
    assert await ids.find("182bd5e5") == Candidates((JANE,), (sharing(9),))


async def test_a_short_id_that_becomes_ambiguous_later() -> None:
    ids = ShownIds()
    near = sharing(9)
    assert await ids.shorten([JANE]) == {JANE: "182bd5e5"}
    assert await ids.shorten([near]) == {near: near[:10]}
    assert await ids.shorten([JANE]) == {JANE: "182bd5e5-6"}
    assert await ids.find("182bd5e5") == Candidates((JANE,), (near,))
    assert await ids.find("182bd5e5-6") == Candidates((JANE,), ())


async def test_a_longer_prefix_can_be_asked_for() -> None:
    ids = ShownIds()
    assert await ids.shorten([JANE], 13) == {JANE: "182bd5e5-6e1a"}
    assert await ids.shorten([JANE], 14) == {JANE: "182bd5e5-6e1a-4"}
    assert await ids.find("182bd5e5-6e1a") == Candidates((JANE,), ())


async def test_the_oldest_are_forgotten_with_all_that_begin_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown_ids, "MAX_GROUPS", 2)
    ids = ShownIds()
    near, others = sharing(9), [f"{number:08x}{OTHER[8:]}" for number in range(2)]
    await ids.shorten([JANE])
    await ids.shorten([others[0]])
    await ids.shorten([near])  # keeps Jane too: else her short id could mean this one
    await ids.shorten([others[1]])
    assert await ids.find("182bd5e5") == Candidates((JANE,), (near,))
    assert await ids.find("00000000") == Candidates((), ())
    assert await ids.find("00000001") == Candidates((others[1],), ())


async def test_beyond_a_number_all_that_begin_alike_are_shown_whole() -> None:
    ids = ShownIds()
    many = [f"{JANE[:9]}{number:04x}{JANE[13:]}" for number in range(shown_ids.MAX_GROUP_IDS + 1)]
    assert all(len(short) < 36 for short in (await ids.shorten(many[:-1])).values())
    assert await ids.shorten(many) == {one: one for one in many}


async def test_the_oldest_that_were_read_are_forgotten() -> None:
    ids = ShownIds()
    ids.learn([JANE])
    ids.learn(f"{number:08x}{OTHER[8:]}" for number in range(shown_ids.MAX_READ_IDS - 1))
    assert await ids.find("182bd5e5") == Candidates((), (JANE,))
    ids.learn([OTHER])
    assert await ids.find("182bd5e5") == Candidates((), ())


LIKE_EACH_OTHER = [JANE, *(sharing(chars, 1) for chars in (7, 8, 9, 10, 12, 13, 14, 18, 23, 31)), OTHER]


@given(
    st.lists(
        st.tuples(st.booleans(), st.lists(st.sampled_from(LIKE_EACH_OTHER), unique=True, max_size=4)),
        max_size=8,
    )
)
def test_a_short_id_is_the_shortest_that_tells_apart(steps: list[tuple[bool, list[str]]]) -> None:
    async def run() -> None:
        ids, known, shown = ShownIds(), set[str](), dict[str, set[str]]()
        for is_shown, of in steps:
            known.update(of)
            if not is_shown:
                ids.learn(of)
                continue
            for lead_id, short in (await ids.shorten(of)).items():
                lengths = [
                    n
                    for n in range(8, 37)
                    if lead_id[n - 1] != "-"
                    and not any(other.startswith(lead_id[:n]) for other in known - {lead_id})
                ]
                assert short == lead_id[: lengths[0]]
                shown.setdefault(short, set()).add(lead_id)
        for short, meant in shown.items():
            found = await ids.find(short)
            assert set(found.shown) == meant
            assert {*found.shown, *found.others} == {one for one in known if one.startswith(short)}

    anyio.run(run)
