"""Duplicates: leads that share a phone or an e-mail, against groups that are worked out in another way."""

import re
from typing import Any

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from tests.conftest import content
from tests.leads.companies import company, stored
from tests.leads.test_search import connect, said, search, walk

pytestmark = pytest.mark.anyio

PHONES = {
    "+16125550101": ["(612) 555-0101", "612.555.0101", "6125550101", "+1 612 555 0101", "cell 612-555-0101"],
    "+16125550102": ["612-555-0102", "1 (612) 555-0102"],
    "+442079460018": ["+44 20 7946 0018", "0044 20 7946 0018"],
    "": ["unknown", "000-000-0000", "n/a"],
}
EMAILS = {
    "jane@example.com": ["jane@example.com", "JANE@Example.com", "Jane <jane@example.com>"],
    "bob@example.com": ["bob@example.com", " Bob@example.com"],
    "": ["none", "n/a", "-"],
}
PEOPLE = st.lists(
    st.tuples(
        st.none()
        | st.sampled_from(sorted(PHONES)).flatmap(
            lambda key: st.sampled_from(PHONES[key]).map(lambda text: (key, text))
        ),
        st.none()
        | st.sampled_from(sorted(EMAILS)).flatmap(
            lambda key: st.sampled_from(EMAILS[key]).map(lambda text: (key, text))
        ),
        st.booleans(),
        st.sampled_from(["Won", "Quoted"]),
    ),
    max_size=9,
)


def naive_groups(people: list[Any], scope: set[int]) -> list[set[int]]:
    """Spread from each person to all who share something, until nobody is added."""
    groups: list[set[int]] = []
    for start in sorted(scope):
        if any(start in group for group in groups):
            continue
        group, before = {start}, set[int]()
        while group != before:
            before = set(group)
            for other in scope:
                for one in before:
                    for fact in (0, 1):
                        mine, theirs = people[one][fact], people[other][fact]
                        if mine and theirs and mine[0] and mine[0] == theirs[0]:
                            group.add(other)
        if len(group) > 1:
            groups.append(group)
    return groups


@settings(max_examples=60)
@example(
    people=[
        (("+16125550101", "(612) 555-0101"), None, False, "Won"),
        (("+16125550101", "6125550101"), ("bob@example.com", "bob@example.com"), False, "Quoted"),
        (None, ("bob@example.com", " Bob@example.com"), True, "Quoted"),
    ],
    archived="include",
    stage=None,
    limit=2,
)
@given(
    people=PEOPLE,
    archived=st.sampled_from(["exclude", "include", "only"]),
    stage=st.sampled_from([None, "Won"]),
    limit=st.sampled_from([2, 100]),
)
def test_groups_are_those_that_a_naive_search_finds(
    people: list[Any], archived: str, stage: str | None, limit: int
) -> None:
    leads = [
        stored(
            number,
            phone=phone and phone[1],
            email=email and email[1],
            archived_at="2026-11-01T12:00:00Z" if is_archived else None,
            stage=of,
        )
        for number, (phone, email, is_archived, of) in enumerate(people)
    ]
    numbers = {lead["id"]: number for number, lead in enumerate(leads)}
    scope = {
        n for n, person in enumerate(people) if archived == "include" or person[2] == (archived == "only")
    }
    wanted = [
        group
        for group in naive_groups(people, scope)
        if stage is None or any(people[n][3] == stage for n in group)
    ]

    async def go() -> list[dict[str, Any]]:
        with company(leads) as sandbox:
            async with connect(sandbox) as client:
                given = {"duplicates": True, "archived": archived, "limit": limit}
                results = await walk(client, **given, **({"stage": stage} if stage else {}))
                return [content(result) for result in results]

    results = anyio.run(go)
    found: list[list[int]] = []
    for result in results:
        rows = iter(result["leads"])
        for group in result.get("groups", []):
            found.append([numbers[next(rows)["id"]] for _ in range(group["leads"])])
            assert group["shared"]
        assert not [*rows]
    # A smaller number is a newer lead.
    assert found == sorted(sorted(group) for group in wanted)
    assert results[0]["count"] == sum(map(len, wanted))
    assert results[0]["group_count"] == len(wanted)


async def test_whole_companies_are_compared_in_one_call() -> None:
    def lead(number: int) -> dict[str, Any]:
        twice = {7: 1207, 450: 451, 2_000: 30}.get(number, number)
        spelling = "({0}) 555-{1:04}" if twice == number else "{0}555{1:04}"
        return stored(number, phone=spelling.format(612 + twice // 10_000, twice), stage="Quoted")

    with company(map(lead, range(2_400))) as sandbox:
        async with connect(sandbox) as client:
            result = await search(client, duplicates=True)
    assert said(result) == snapshot("""\
6 leads in 3 groups that share a phone or e-mail, newest first. Today is 2026-11-22. 3 requests spent.
6125551207:
  Lead 7 · Quoted · created 2026-11-22 · id d6ed313e
  Lead 1207 · Quoted · created 2026-11-21 · id 28a7b863
(612) 555-0030:
  Lead 30 · Quoted · created 2026-11-22 · id 720073c2
  Lead 2000 · Quoted · created 2026-11-21 · id 7920a3ee
6125550451:
  Lead 450 · Quoted · created 2026-11-22 · id 693b809f
  Lead 451 · Quoted · created 2026-11-22 · id 4577ee3f\
""")
    assert content(result) == snapshot(
        {
            "today": "2026-11-22",
            "timezone": "America/Chicago",
            "requests": 3,
            "leads": [
                {
                    "name": "Lead 7",
                    "stage": "Quoted",
                    "id": "d6ed313e-533a-55a6-aa06-4c00bc132812",
                    "created_at": "2026-11-22",
                },
                {
                    "name": "Lead 1207",
                    "stage": "Quoted",
                    "id": "28a7b863-2a4c-5154-a529-11e25d210d63",
                    "created_at": "2026-11-21",
                },
                {
                    "name": "Lead 30",
                    "stage": "Quoted",
                    "id": "720073c2-6984-53fa-9546-b893e83e0f62",
                    "created_at": "2026-11-22",
                },
                {
                    "name": "Lead 2000",
                    "stage": "Quoted",
                    "id": "7920a3ee-8171-5279-b023-a1ff03706594",
                    "created_at": "2026-11-21",
                },
                {
                    "name": "Lead 450",
                    "stage": "Quoted",
                    "id": "693b809f-0ad3-58fc-a3a4-6ade114dcaa9",
                    "created_at": "2026-11-22",
                },
                {
                    "name": "Lead 451",
                    "stage": "Quoted",
                    "id": "4577ee3f-3bcc-5488-adf1-b20fe4a707df",
                    "created_at": "2026-11-22",
                },
            ],
            "count": 6,
            "groups": [
                {"shared": ["6125551207"], "leads": 2},
                {"shared": ["(612) 555-0030"], "leads": 2},
                {"shared": ["6125550451"], "leads": 2},
            ],
            "group_count": 3,
        }
    )


async def test_what_could_not_be_compared_is_said() -> None:
    leads = [stored(number, phone="612-555-0101") for number in range(0, 2_400, 1_200)]
    leads += [stored(number) for number in range(2_400) if number % 1_200]
    with company(leads) as sandbox:
        async with connect(sandbox, search_requests="1") as client:
            result = await search(client, duplicates=True)
    assert said(result) == snapshot("""\
No leads share a phone or e-mail so far; archived ones left out. Today is 2026-11-22. 1 request spent.
Only the newest 1,000 of 2,400 leads were compared.\
""")


async def test_some_fields_and_counts_of_duplicates() -> None:
    leads = [stored(1, phone="612-555-0101", stage="Won"), stored(2, phone="(612) 555-0101"), stored(3)]
    with company(leads) as sandbox:
        async with connect(sandbox) as client:
            shown = await search(client, duplicates=True, fields=["name", "stage"], count_by="stage")
            counted = await search(client, duplicates=True, limit=0)
    assert said(shown) == snapshot("""\
2 leads in 1 group that shares a phone or e-mail, newest first. Today is 2026-11-22. 1 request spent.
By stage: Won 1, none 1.
name · stage
612-555-0101:
  Lead 1 · Won
  Lead 2 · -\
""")
    assert said(counted) == snapshot(
        "2 leads in 1 group that shares a phone or e-mail. Today is 2026-11-22. No requests spent. Read up to <age> ago."
    )


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ({"email": "ann+home@example.com"}, {"email": "ann+work@example.com"}, None),
        ({"email": "nick@example.com"}, {"email": "Nick <NICK@example.com>"}, "nick@example.com"),
        ({"email": None}, {"email": None}, None),
        ({"email": "n/a"}, {"email": "n/a"}, None),
        ({"email": "a@example.com"}, {"email": "b@example.com; A@example.com"}, "a@example.com"),
        ({"phone": "000-000-0000"}, {"phone": "0000000000"}, None),
        ({"phone": "612-555-0101 ext. 7"}, {"phone": "(612) 555-0101 x7"}, "612-555-0101 ext. 7"),
        ({"phone": "612-555-0101"}, {"phone": "001 612 555 0101"}, "612-555-0101"),
        ({"phone": "612-555-0101 / 612-555-0102"}, {"phone": "6125550102"}, "612-555-0101 / 612-555-0102"),
        ({"phone": "612-555-0101"}, {"notes": "612-555-0101"}, None),
    ],
    ids=str,
)
async def test_what_others_took_for_the_same_or_missed(
    one: dict[str, Any], other: dict[str, Any], shared: str | None
) -> None:
    with company([stored(1, **one), stored(2, **other)]) as sandbox:
        async with connect(sandbox) as client:
            groups = content(await search(client, duplicates=True)).get("groups", [])
    assert [group["shared"] for group in groups] == ([[shared]] if shared else [])


async def test_a_group_that_shares_several_things() -> None:
    """Each is named once, as the newest lead spells it; what only one of them has is not."""
    leads = [
        stored(1, phone="612-555-0101", email="Ann@example.com", archived_at="2026-11-01T12:00:00Z"),
        stored(2, phone="(612) 555-0101", email="bo@example.com"),
        stored(3, phone="612-555-0103", email="ann@example.com; BO@example.com", projected_value=5),
        stored(4, email="cy@example.com", projected_value=7),
    ]
    with company(leads) as sandbox:
        async with connect(sandbox) as client:
            result = await search(client, duplicates=True, archived="include", order="oldest", limit=1)
            some = await search(client, duplicates=True, fields=["email", "projected_value"])
            of_one = await search(client, duplicates=True, search="lead 4", created_from="2026-11-01")
            alone = [
                said(await search(client, limit=0, **arguments)).partition(" Today")[0]
                for arguments in ({"duplicates": True}, {"fields": "name", "order": "oldest"})
            ]
            listed = said(await search(client, duplicates=True)).partition(" Today")[0]
    assert said(result) == snapshot("""\
3 leads in 1 group that shares a phone or e-mail, oldest first, archived ones too. Today is 2026-11-22. 1 request spent.
612-555-0101, Ann@example.com, bo@example.com:
  Lead 3 · created 2026-11-22 · id 391ada15
  Lead 2 · created 2026-11-22 · id 59e06cf8
  Lead 1 · created 2026-11-22 · archived · id 996ad860\
""")
    assert content(result)["groups"] == snapshot(
        [{"shared": ["612-555-0101", "Ann@example.com", "bo@example.com"], "leads": 3}]
    )
    assert said(some) == snapshot("""\
2 leads in 1 group that shares a phone or e-mail, newest first. Worth $5 in all. Today is 2026-11-22. 1 request spent.
email · projected_value
bo@example.com:
  bo@example.com · -
  ann@example.com; BO@example.com · $5\
""")
    assert [*alone, listed] == snapshot(
        [
            "2 leads in 1 group that shares a phone or e-mail. Worth $5 in all.",
            "3 leads. Worth $12 in all.",
            "2 leads in 1 group that shares a phone or e-mail, newest first.",
        ]
    )
    assert said(of_one) == snapshot(
        'No leads share a phone or e-mail with one that matches search "lead 4", created_from "2026-11-01"; archived ones left out. Today is 2026-11-22. No requests spent. Read up to <age> ago.'
    )


async def test_one_phone_of_very_many_leads() -> None:
    """They are not all listed, and the next group is not kept back by them."""
    leads = [stored(number, phone="612-555-0100") for number in range(300)]
    leads += [stored(1_000 + number, phone="612-555-0101", name="Twin") for number in range(2)]
    with company(leads) as sandbox:
        async with connect(sandbox) as client:
            results = await walk(client, duplicates=True, limit=4, fields=["name"])
    assert [content(result)["groups"] for result in results] == [
        [{"shared": ["612-555-0100"], "leads": 20, "more": 280}],
        [{"shared": ["612-555-0101"], "leads": 2}],
    ]
    assert re.sub(r"cursor \S+", "cursor <cursor>", said(results[0])).splitlines()[-3:] == snapshot(
        [
            "  Lead 19",
            "  and 280 more leads",
            "More: the same search with cursor <cursor>",
        ]
    )
    assert [said(result).splitlines()[:5] for result in results] == snapshot(
        [
            [
                "20 of 302 leads in 2 groups that share a phone or e-mail, newest first. Today is 2026-11-22. 1 request spent.",
                "name",
                "612-555-0100:",
                "  Lead 0",
                "  Lead 1",
            ],
            [
                "2 more, 302 of 302 shown, newest first. Today is 2026-11-22. No requests spent. Read up to <age> ago.",
                "name",
                "612-555-0101:",
                "  Twin · id b0d4bdb3",
                "  Twin · id e116ccc4",
            ],
        ]
    )
