"""Counts by one and two facts, against counts that are worked out in another way."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot
from mcp import Client

from rotor_mcp.leads.requests import CountedBy
from tests.conftest import content
from tests.leads.companies import company, stored
from tests.leads.test_search import connect, said, search

pytestmark = pytest.mark.anyio

# Around both changes of the clock in each zone, and around midnight.
MOMENTS = st.sampled_from(
    [
        *(datetime(2026, 3, day, 7, tzinfo=UTC) for day in (7, 8, 9, 29)),
        *(datetime(2026, 11, day, 6, tzinfo=UTC) for day in (1, 2, 30)),
        datetime(2026, 10, 25, 1, tzinfo=UTC),
        datetime(2026, 4, 4, 14, tzinfo=UTC),
        datetime(2025, 12, 31, 12, tzinfo=UTC),
    ]
).flatmap(lambda moment: st.integers(-900, 900).map(lambda minutes: moment + timedelta(minutes=minutes)))
ZONES = st.sampled_from(
    [
        "America/Chicago",
        "America/St_Johns",
        "Europe/London",
        "Australia/Lord_Howe",
        "Pacific/Kiritimati",
        "UTC",
    ]
)
WORDS = {
    "stage": ["Quoted", "Won", "Won back"],
    "source": ["Google ads", "Referral", "Yard sign"],
    "priority": ["low", "high"],
    "service_type": ["Window Cleaning", "House Washing, Roof"],
    "address_city": ["Madison", "Minneapolis"],
    "assigned_to": ["0d0ad6b7-9a5c-4bb5-8e52-5f3c1a6e7d01", "7be4c1f2-33a8-4e0f-9d7e-a1b2c3d4e502"],
}
SPELLINGS = st.sampled_from([str, str, str, str.upper, lambda text: f" {text} "])
LEADS = st.fixed_dictionaries(
    {"created_at": MOMENTS},
    optional={
        **{name: st.sampled_from(words) for name, words in WORDS.items()},
        "tags": st.lists(st.sampled_from(["Website", "Referral", "Lights"]), max_size=3, unique=True),
        "follow_up_date": MOMENTS,
        "projected_value": st.sampled_from([0, 0.1, 0.2, 99, 1234.56]),
    },
)


def naive_groups(lead: dict[str, Any], by: str, zone: ZoneInfo) -> list[str]:
    if by == "tag":
        return lead["tags"] or [""]
    name, _, period = by.rpartition("_")
    if name not in ("created", "follow_up"):
        return [lead[{"city": "address_city"}.get(by, by)] or ""]
    value = lead["created_at" if name == "created" else "follow_up_date"]
    if value is None:
        return [""]
    moment = datetime.fromisoformat(value)
    local = moment.astimezone(zone)
    day = local.strftime("%Y-%m-%d")
    if name == "follow_up" and "00:00:00" in (local.strftime("%H:%M:%S"), moment.strftime("%H:%M:%S")):
        day = value[:10] if value[11:19] == "00:00:00" else day  # midnight UTC is how a mere day is stored
    if period == "month":
        return [day[:7]]
    if period == "week":
        noon = datetime.fromisoformat(f"{day}T12:00")
        return [(noon - timedelta(days=int(noon.strftime("%u")) - 1)).strftime("%Y-%m-%d")]
    return [day]


@settings(max_examples=50)
@example(
    people=[{"created_at": datetime(2026, 11, 1, 5, 30, tzinfo=UTC)}],
    by=["created_day"],
    zone="America/Chicago",
)
@given(
    people=st.lists(LEADS, min_size=1, max_size=25),
    by=st.lists(st.sampled_from(get_args(CountedBy)), min_size=1, max_size=2, unique=True),
    zone=ZONES,
)
def test_groups_and_tables_are_what_a_naive_count_gives(
    people: list[dict[str, Any]], by: list[str], zone: str
) -> None:
    leads = [
        stored(
            number,
            **{
                n: v.isoformat().replace("+00:00", "Z") if isinstance(v, datetime) else v
                for n, v in fields.items()
            },
        )
        for number, fields in enumerate(people)
    ]

    async def go() -> dict[str, Any]:
        with company(leads) as sandbox:
            async with connect(sandbox, timezone=zone) as client:
                return content(await search(client, count_by=by, limit=0, archived="include"))

    result = anyio.run(go)
    local = ZoneInfo(zone)
    cells: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for lead in leads:
        for first in naive_groups(lead, by[0], local):
            cells[(first,)].append(lead["projected_value"] or 0)
            for second in naive_groups(lead, by[1], local) if len(by) == 2 else ():
                cells[(first, second)].append(lead["projected_value"] or 0)
    shown: dict[tuple[str, ...], tuple[int, float]] = {}
    for entry in result["counts"]:
        shown[(entry["name"],)] = (entry["count"], entry.get("value", 0))
        for name, (number, value) in entry.get("parts", {}).items():
            shown[(entry["name"], "" if name == "none" else name)] = (number, value)
    assert shown == {key: (len(values), round(sum(values), 2)) for key, values in cells.items()}
    assert result["counted_by"] == by


@settings(max_examples=40)
@given(
    words=st.lists(
        st.tuples(st.sampled_from(["Won", "won", "WON", "Lost", "lost", "Schéduled", "scheduled"])),
        max_size=20,
    )
)
def test_spellings_of_one_word_are_one_group_under_the_most_used(words: list[tuple[str]]) -> None:
    stages = [word for (word,) in words]

    async def go() -> list[dict[str, Any]]:
        with company(stored(number, stage=stage) for number, stage in enumerate(stages)) as sandbox:
            async with connect(sandbox) as client:
                return list(content(await search(client, count_by="stage", limit=0)).get("counts", []))

    counts = anyio.run(go)
    plain = [stage.lower().replace("é", "e") for stage in stages]
    assert sorted(entry["count"] for entry in counts) == sorted(plain.count(form) for form in {*plain})
    for entry in counts:
        same = [
            stage
            for stage in stages
            if stage.lower().replace("é", "e") == entry["name"].lower().replace("é", "e")
        ]
        assert same.count(entry["name"]) == max(same.count(spelling) for spelling in same)


async def test_groups_that_do_not_fit_are_added_up() -> None:
    """The largest are named; the rest is one figure, with its value."""

    def source(number: int) -> str:
        return f"Source {number % 79}" if number % 2 else "Google ads"

    leads = [stored(number, source=source(number), projected_value=10) for number in range(200)]
    with company(leads) as sandbox:
        async with connect(sandbox) as client:
            result = await search(client, count_by="source", limit=0)
            table = await search(client, count_by=["source", "created_day"], limit=0)
    counts, others = content(result)["counts"], content(result).get("others")
    assert counts[0] == {"name": "Google ads", "count": 100, "value": 1000}
    assert others == {"name": "50", "count": 50, "value": 500}
    assert said(table).splitlines()[-2:] == snapshot(
        ["60 others 62 ($620): 2026-11-22 62 ($620)", "all 200 ($2,000): 2026-11-22 200 ($2,000)"]
    )


async def test_a_moment_that_is_not_known_is_counted_last() -> None:
    moments = ["2026-11-20T18:00:00Z", None, "2026-11-08T18:00:00Z", None, "some day"]
    leads = [
        stored(number) | {"created_at": moment, "follow_up_date": moment}
        for number, moment in enumerate(moments)
    ]
    periods = ["created_month", "created_week", "created_day", "follow_up_month", "follow_up_day"]
    with company(leads) as sandbox:
        async with connect(sandbox) as client:
            results = [await search(client, count_by=by, limit=0) for by in periods]
    assert [said(result).splitlines()[1] for result in results] == snapshot(
        [
            "By created_month: 2026-11 2, none 3.",
            "By created_week: 2026-11-02 1, 2026-11-16 1, none 3.",
            "By created_day: 2026-11-08 1, 2026-11-20 1, none 3.",
            "By follow_up_month: 2026-11 2, none 3.",
            "By follow_up_day: 2026-11-08 1, 2026-11-20 1, none 3.",
        ]
    )


async def test_names_that_look_alike_when_shown_are_counted_together_in_a_table() -> None:
    sources = [None, "none", "x" * 100 + "a", "x" * 100 + "b", "two\n  lines"]
    leads = [stored(number, source=source, projected_value=0.1) for number, source in enumerate(sources)]
    with company(leads) as sandbox:
        async with connect(sandbox) as client:
            table = await search(client, count_by=["priority", "source"], limit=0)
            rows = await search(client, count_by=["source", "priority"], limit=0)
    assert said(table).replace("x" * 100, "x…x") == snapshot("""\
5 leads. Worth $0.50 in all. Today is 2026-11-22. 1 request spent.
By priority and source:
none 5 ($0.50): none 2 ($0.20), x…x 2 ($0.20), two lines 1 ($0.10)
all 5 ($0.50): none 2 ($0.20), x…x 2 ($0.20), two lines 1 ($0.10)\
""")
    assert said(rows).replace("x" * 100, "x…x") == snapshot("""\
5 leads. Worth $0.50 in all. Today is 2026-11-22. No requests spent. Read up to <age> ago.
By source and priority:
none 1 ($0.10): none 1 ($0.10)
none 1 ($0.10): none 1 ($0.10)
x…x 1 ($0.10): none 1 ($0.10)
x…x 1 ($0.10): none 1 ($0.10)
two lines 1 ($0.10): none 1 ($0.10)
all 5 ($0.50): none 5 ($0.50)\
""")
    assert [len(entry["name"]) for entry in content(rows)["counts"]] == [0, 4, 100, 100, 9]


async def test_most_days_are_kept_in_order_of_time() -> None:
    leads = [
        stored(
            number,
            follow_up_date=f"2026-{1 + number // 28 % 12:02}-{1 + number % 28:02}T17:00:00Z",
            projected_value=1,
        )
        for number in range(100)
    ] + [stored(200 + number, follow_up_date="2026-03-01T17:00:00Z") for number in range(5)]
    with company(leads) as sandbox:
        async with connect(sandbox) as client:
            result = content(await search(client, count_by="follow_up_day", limit=0))
    names = [entry["name"] for entry in result["counts"]]
    assert names == sorted(names)
    assert len(names) == 30
    assert "2026-03-01" in names
    assert result["others"] == {"name": "70", "count": 70, "value": 70}


async def test_a_table(client: Client) -> None:
    result = await search(client, count_by=["priority", "stage"], source="referral", limit=0)
    assert said(result) == snapshot("""\
21 leads. Worth $9,869.50 in all. Today is 2026-11-22. 1 request spent.
By priority and stage:
none 7 ($2,525.50): New Leads 4 ($1,908), Quoted 1 ($219), none 1 ($299), Scheduled 1 ($99.50)
medium 6 ($2,667): New Leads 1 ($900), Quoted 1 ($425), Contacted 2 ($844), Won 1 ($189), none 1 ($309)
high 5 ($958.50): New Leads 1, Contacted 1 ($99.50), Lost 1 ($760), Won 1, Scheduled 1 ($99)
low 3 ($3,718.50): New Leads 1 ($3,200), Quoted 1 ($419), Lost 1 ($99.50)
all 21 ($9,869.50): New Leads 7 ($6,008), Quoted 3 ($1,063), Contacted 3 ($943.50), Lost 2 ($859.50), Won 2 ($189), none 2 ($608), Scheduled 2 ($198.50)\
""")
    assert content(result) == snapshot(
        {
            "today": "2026-11-22",
            "timezone": "America/Chicago",
            "requests": 1,
            "leads": [],
            "count": 21,
            "value": 9869.5,
            "counts": [
                {
                    "name": "",
                    "count": 7,
                    "value": 2525.5,
                    "parts": {
                        "New Leads": [4, 1908],
                        "Quoted": [1, 219],
                        "none": [1, 299],
                        "Scheduled": [1, 99.5],
                    },
                },
                {
                    "name": "medium",
                    "count": 6,
                    "value": 2667,
                    "parts": {
                        "New Leads": [1, 900],
                        "Quoted": [1, 425],
                        "Contacted": [2, 844],
                        "Won": [1, 189],
                        "none": [1, 309],
                    },
                },
                {
                    "name": "high",
                    "count": 5,
                    "value": 958.5,
                    "parts": {
                        "New Leads": [1, 0],
                        "Contacted": [1, 99.5],
                        "Lost": [1, 760],
                        "Won": [1, 0],
                        "Scheduled": [1, 99],
                    },
                },
                {
                    "name": "low",
                    "count": 3,
                    "value": 3718.5,
                    "parts": {"New Leads": [1, 3200], "Quoted": [1, 419], "Lost": [1, 99.5]},
                },
            ],
            "counted_by": ["priority", "stage"],
            "totals": [
                {"name": "New Leads", "count": 7, "value": 6008},
                {"name": "Quoted", "count": 3, "value": 1063},
                {"name": "Contacted", "count": 3, "value": 943.5},
                {"name": "Lost", "count": 2, "value": 859.5},
                {"name": "Won", "count": 2, "value": 189},
                {"name": "", "count": 2, "value": 608},
                {"name": "Scheduled", "count": 2, "value": 198.5},
            ],
        }
    )


@pytest.mark.parametrize(
    "given",
    [
        ["stage", "stage"],
        ["stage", "source", "tag"],
        ["colour"],
        "stage, source, city",
        [7],
        7,
        {"by": "tag"},
    ],
    ids=str,
)
async def test_what_cannot_be_counted_by_is_refused(client: Client, given: object) -> None:
    result = await client.call_tool("search_leads", {"count_by": given})
    assert result.is_error
    assert "count_by" in said(result)


async def test_a_text_and_a_list_count_the_same(client: Client) -> None:
    texts = {
        said(await search(client, count_by=given, limit=0)).partition("By ")[2]
        for given in ("stage, source", ["stage", "source"], '["stage", "source"]')
    }
    assert len(texts) == 1


async def test_users_are_told_apart_by_short_ids() -> None:
    """Rotor names users by ids only; the structured content has them whole."""
    users = ["0d0ad6b7-9a5c-4bb5-8e52-5f3c1a6e7d01", "0d0ad6b7-9a5d-4bb5-8e52-5f3c1a6e7d01", None]
    with company(
        stored(number, assigned_to=users[number % 3], stage="Won") for number in range(7)
    ) as sandbox:
        async with connect(sandbox) as connected:
            result = await search(connected, count_by="assigned_to", limit=0)
            table = await search(connected, count_by=["stage", "assigned_to"], limit=0)
    assert said(result).splitlines()[1:] == snapshot(
        ["By assigned_to: 0d0ad6b7-9a5c 3, 0d0ad6b7-9a5d 2, none 2."]
    )
    assert said(table).splitlines()[1:] == snapshot(
        [
            "By stage and assigned_to:",
            "Won 7: 0d0ad6b7-9a5c 3, 0d0ad6b7-9a5d 2, none 2",
            "all 7: 0d0ad6b7-9a5c 3, 0d0ad6b7-9a5d 2, none 2",
        ]
    )
    assert [entry["name"] for entry in content(result)["counts"]] == [users[0], users[1], ""]
