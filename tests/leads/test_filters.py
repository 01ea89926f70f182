"""Bounds of dates and times. `tests/leads/test_search.py` has the filters together, over a whole company."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

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


def test_a_lead_without_the_date_is_within_no_bounds() -> None:
    for bounds in ({"created_from": "2026-01-01"}, {"follow_up_to": "2026-12-31T09:00"}):
        matches = matcher(SearchRequest(**bounds), CHICAGO, compare_text=False)
        assert matches(Lead(id="1", created_at="some day", follow_up_date="")) is False
