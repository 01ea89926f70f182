"""Bounds of dates and times. `tests/leads/test_search.py` has the filters together, over a whole company."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rotor_mcp.api.models import Lead
from rotor_mcp.leads.filters import matcher
from rotor_mcp.leads.locale import Locale
from rotor_mcp.leads.requests import SearchRequest

CHICAGO = Locale(date(2026, 11, 22), ZoneInfo("America/Chicago"), "US")
AT_NINE = "2026-11-20T15:00:00Z"
"""Nine o'clock in Chicago."""


@pytest.mark.parametrize(
    ("bounds", "found"),
    [
        ({"created_from": "2026-11-20T09:00"}, True),
        ({"created_from": "2026-11-20T09:00:01"}, False),
        ({"created_from": "2026-11-20T15:00:00Z"}, True),
        ({"created_from": "2026-11-20T15:00:01Z"}, False),
        ({"created_from": "2026-11-20T16:00+01:00"}, True),
        ({"created_to": "2026-11-20T09:00"}, True),
        ({"created_to": "2026-11-20T08:59:59"}, False),
        ({"created_to": "2026-11-20T14:59:59Z"}, False),
        ({"created_from": "2026-11-20T08:00", "created_to": "2026-11-20T10:00"}, True),
        ({"created_from": "2026-11-20", "created_to": "2026-11-20"}, True),
        ({"created_from": "2026-11-21"}, False),
        ({"created_to": "2026-11-19"}, False),
    ],
)
def test_a_bound_with_a_time_is_that_moment_and_one_without_a_whole_day(
    bounds: dict[str, str], found: bool
) -> None:
    matches = matcher(SearchRequest(**bounds), CHICAGO, compare_text=False)
    assert matches(Lead(id="1", created_at=AT_NINE)) is found


@pytest.mark.parametrize(
    ("bounds", "found"),
    [
        ({"follow_up_from": "2026-11-20T23:00"}, True),
        ({"follow_up_to": "2026-11-20T00:30"}, True),
        ({"follow_up_from": "2026-11-21T00:00"}, False),
        ({"follow_up_to": "2026-11-19T23:59"}, False),
    ],
)
def test_a_follow_up_without_a_time_is_compared_by_its_day(bounds: dict[str, str], found: bool) -> None:
    matches = matcher(SearchRequest(**bounds), CHICAGO, compare_text=False)
    assert matches(Lead(id="1", follow_up_date="2026-11-20T00:00:00Z")) is found


CLOCKS_CHANGED_AT_MIDNIGHT = [
    ("America/Havana", "2026-03-08"),  # 00:00 becomes 01:00
    ("America/Havana", "2026-11-01"),  # 01:00 becomes 00:00
    ("Asia/Beirut", "2026-10-25"),  # 00:00 becomes 23:00 of the day before
    ("Pacific/Apia", "2011-12-30"),  # a day that was left out
    ("America/Chicago", "2026-11-01"),
]


@given(
    changed=st.sampled_from(CLOCKS_CHANGED_AT_MIDNIGHT),
    days=st.integers(-1, 1),
    seconds=st.integers(-2 * 86_400, 2 * 86_400),
)
@example(changed=("America/Havana", "2026-11-01"), days=0, seconds=-20 * 3_600)
def test_a_day_has_the_moments_that_its_time_zone_says(
    changed: tuple[str, str], days: int, seconds: int
) -> None:
    zone, noon = ZoneInfo(changed[0]), datetime.fromisoformat(f"{changed[1]}T12:00:00Z")
    moment, day = noon + timedelta(seconds=seconds), noon.date() + timedelta(days=days)
    lead = Lead(id="1", created_at=moment.isoformat())

    def found(**bounds: str) -> bool:
        return matcher(SearchRequest(**bounds), Locale(day, zone, "US"), compare_text=False)(lead)

    of_moment = moment.astimezone(zone).date()
    assert found(created_from=str(day)) == (of_moment >= day)
    assert found(created_to=str(day)) == (of_moment <= day)
    assert found(created_from=str(day), created_to=str(day)) == (of_moment == day)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Chicago"])
def test_the_first_and_the_last_day_of_all_are_bounds(zone: str) -> None:
    locale = Locale(date(2026, 11, 22), ZoneInfo(zone), "US")
    request = SearchRequest(created_from="0001-01-01", created_to="9999-12-31")
    assert matcher(request, locale, compare_text=False)(Lead(id="1", created_at=AT_NINE))


def test_a_lead_without_the_date_is_within_no_bounds() -> None:
    for bounds in ({"created_from": "2026-01-01"}, {"follow_up_to": "2026-12-31T09:00"}):
        matches = matcher(SearchRequest(**bounds), CHICAGO, compare_text=False)
        assert matches(Lead(id="1", created_at="some day", follow_up_date="")) is False
