"""The invented companies hold what the tasks are about, in each size and on any day."""

from collections import Counter
from collections.abc import Callable
from datetime import date

import pytest

from evals.companies import SHOW, SIZES, WAITING, Company, decorators, washers
from evals.leads import current, follow_up_day
from evals.tasks.bulk_changes import without_priority
from evals.tasks.counting import won_shares, worth_by_service
from evals.tasks.duplicates import sharing
from rotor_mcp.api.models import LEAD_FIELDS
from rotor_mcp.sandbox.store import StoredLead

DAYS = [date(2026, 11, 22), date(2028, 2, 29), date(2027, 1, 1)]

pytestmark = [
    pytest.mark.parametrize("today", DAYS, ids=str),
    pytest.mark.parametrize("size", SIZES),
]
both = pytest.mark.parametrize("company", [washers, decorators])


def leads_of(company: Company, today: date) -> list[StoredLead]:
    return current({lead["id"]: lead for lead in company.leads(today)})


@both
def test_leads(company: Callable[[int], Company], size: int, today: date) -> None:
    leads = company(size).leads(today)
    assert len({lead["id"] for lead in leads}) == size
    assert all(set(lead) == set(LEAD_FIELDS) - {"archived"} for lead in leads)
    assert max(lead["created_at"] for lead in leads) < f"{today}T00:00:00Z"
    names = Counter(lead["name"] for lead in leads)
    assert {name for name, count in names.items() if count > 1} <= {"Denise Kowalczyk", "Wes Whelan"}


@both
def test_a_smaller_company_is_a_part_of_a_larger_one(
    company: Callable[[int], Company], size: int, today: date
) -> None:
    larger = {lead["id"]: lead for lead in company(max(SIZES)).leads(today)}
    assert all(larger[lead["id"]] == lead for lead in company(size).leads(today))


def test_overdue_follow_ups_of_one_stage(size: int, today: date) -> None:
    waiting = [lead for lead in leads_of(washers(size), today) if lead["stage"] == WAITING]
    days = [follow_up_day(lead) for lead in waiting]
    assert sum(day is not None and day < today for day in days) == 18
    assert days.count(today) == 3
    assert len({lead["id"][:8] for lead in waiting}) == len(waiting) - 1


def test_leads_without_priority(size: int, today: date) -> None:
    leads = decorators(size).leads(today)
    assert len(without_priority({lead["id"]: lead for lead in leads})) == 14
    assert sum(lead["source"] == SHOW for lead in leads) == 19


def test_groups_of_leads_that_share_a_contact(size: int, today: date) -> None:
    groups = sharing(leads_of(decorators(size), today))
    assert sorted(map(len, groups)) == [2] * (len(groups) - 2) + [3, 3]
    assert len(groups) == (6 if size == 160 else 18)


def test_the_best_is_not_in_doubt(size: int, today: date) -> None:
    second, first = sorted(won_shares(leads_of(decorators(size), today)).values())[-2:]
    assert first > second + 5
    second, first = sorted(worth_by_service(leads_of(washers(size), today)).values())[-2:]
    assert first > 1.2 * second
