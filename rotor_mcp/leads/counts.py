"""Counts leads, and sums their projected values, by one or two of their facts.

Texts are grouped without case, accents and punctuation, under the spelling that most leads have. Days, weeks
and months are those of the company's time zone.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Self

from rotor_mcp.api.models import Lead
from rotor_mcp.concurrency import paced
from rotor_mcp.leads.filters import created_day, follow_up_day
from rotor_mcp.leads.locale import Locale
from rotor_mcp.leads.requests import CountedBy
from rotor_mcp.normalize import address_form, text_form

MAX_GROUPS = 30
"""Groups that are counted by name, those with most leads."""
MAX_ROWS = 20
"""The same of the rows of a table."""
MAX_COLUMNS = 12
"""The same of its columns."""
_PLACES = 6
"""Decimals to which sums are rounded: cents, without the error of binary fractions."""


@dataclass(frozen=True)
class Group:
    """Leads that have something in common."""

    name: str
    """What they have in common; empty if they have no such value."""
    count: int
    value: float
    """Sum of their projected values."""
    parts: "tuple[Group, ...]" = ()
    """The same leads by the second fact."""


@dataclass(frozen=True)
class Counts:
    """Leads by one or two facts."""

    by: tuple[CountedBy, ...]
    groups: tuple[Group, ...] = ()
    """Days, weeks and months in order of time, other groups by their number of leads."""
    others: Group | None = None
    """What the groups that are not in `groups` add up to; its name is their number."""
    totals: tuple[Group, ...] = ()
    """Of two facts, all leads by the second."""


_OTHERS = object()
"""In the place of a key: a group beyond those that are counted by name."""


class _Names:
    """The groups of leads by one fact: the key of each, and its name."""

    def __init__(self) -> None:
        self.keys_of: list[dict[str, str]] = []
        """For each lead, key → the lead's own spelling."""
        self.names: dict[str, str] = {}
        """Key → name of the groups that are counted by name, in their order."""
        self.left_out = 0

    @classmethod
    async def find(cls, leads: Sequence[Lead], by: CountedBy, locale: Locale, most: int) -> Self:
        """Find the groups, and name those with most leads."""
        found = cls()
        spellings: dict[str, Counter[str]] = {}
        async for lead in paced(leads):
            keys = _keys(lead, by, locale)
            found.keys_of.append(keys)
            for key, spelling in keys.items():
                spellings.setdefault(key, Counter())[spelling] += 1
        largest = sorted(spellings, key=lambda key: -spellings[key].total())[:most]
        if by in _PERIODS:
            largest.sort(key=lambda key: (not key, key))  # leads without a date come last
        found.names = {key: spellings[key].most_common(1)[0][0] for key in largest}
        found.left_out = len(spellings) - len(largest)
        return found

    def groups_of(self, place: int) -> list[object]:
        """Return the groups of the lead at a place."""
        return [key if key in self.names else _OTHERS for key in self.keys_of[place]]


@dataclass
class _Tally:
    count: int = 0
    values: list[float] = field(default_factory=list)
    parts: "dict[object, _Tally]" = field(default_factory=dict)
    """Group by the second fact → the same leads in it."""

    def add(self, lead: Lead, parts: Sequence[object] = ()) -> None:
        self.count += 1
        if lead.projected_value:
            self.values.append(lead.projected_value)
        for part in parts:
            self.parts.setdefault(part, _Tally()).add(lead)

    def group(self, name: str, columns: _Names | None = None) -> Group:
        """Return the group, with its parts, but empty ones."""
        names: dict[object, str] = {}
        if columns:
            names.update(columns.names)
            names[_OTHERS] = f"{columns.left_out} others"
        parts = tuple(self.parts[key].group(part) for key, part in names.items() if key in self.parts)
        return Group(name, self.count, total_value(self.values), parts)


async def count(leads: Sequence[Lead], by: Sequence[CountedBy], locale: Locale) -> Counts:
    """Count leads by one or two facts. A lead with several tags counts for each.

    Other tasks run meanwhile.
    """
    rows = await _Names.find(leads, by[0], locale, MAX_GROUPS if len(by) == 1 else MAX_ROWS)
    columns = await _Names.find(leads, by[1], locale, MAX_COLUMNS) if len(by) > 1 else None
    tallies: dict[object, _Tally] = {}
    every = _Tally()
    async for place in paced(range(len(leads))):
        parts = columns.groups_of(place) if columns else []
        every.add(leads[place], parts)
        for key in rows.groups_of(place):
            tallies.setdefault(key, _Tally()).add(leads[place], parts)

    def group(key: object, name: str) -> Group:
        return tallies[key].group(name, columns)

    return Counts(
        by=tuple(by),
        groups=tuple(group(key, name) for key, name in rows.names.items()),
        others=group(_OTHERS, str(rows.left_out)) if rows.left_out else None,
        totals=every.group("all", columns).parts,
    )


def total_value(values: Iterable[float]) -> float:
    """Return the sum of amounts of money."""
    return round(math.fsum(values), _PLACES)


def _keys(lead: Lead, by: CountedBy, locale: Locale) -> dict[str, str]:
    """Return the groups of a lead: key → the lead's own spelling; the key of a missing value is empty."""
    if by in _PERIODS:
        period = _PERIODS[by](lead, locale)
        return {period: period}
    form = _FORMS.get(by, text_form)
    texts = lead.tags if by == "tag" else [getattr(lead, _FIELDS.get(by, by))]
    return {form(text) or text: text for text in texts if text} or {"": ""}


_FIELDS = {"city": "address_city"}
"""What is counted → the field of a lead, where that has another name."""
_FORMS: dict[str, Callable[[str], str]] = {"city": lambda text: address_form("address_city", text)}
"""What is counted → how its texts are compared, where that is not `text_form`."""


def _month(day: date | None) -> str:
    return str(day)[: len("2026-12")] if day else ""


def _week(day: date | None) -> str:
    """Return the Monday of the week of a day."""
    return str(day - timedelta(day.weekday())) if day else ""


def _day(day: date | None) -> str:
    return str(day or "")


_PERIODS: dict[str, Callable[[Lead, Locale], str]] = {
    "created_month": lambda lead, locale: _month(created_day(lead, locale)),
    "created_week": lambda lead, locale: _week(created_day(lead, locale)),
    "created_day": lambda lead, locale: _day(created_day(lead, locale)),
    "follow_up_month": lambda lead, locale: _month(follow_up_day(lead, locale)),
    "follow_up_day": lambda lead, locale: _day(follow_up_day(lead, locale)),
}
"""What is counted → the day, or the first day, of the period of a lead; empty if that is not known."""
