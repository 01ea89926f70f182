"""Counts leads, and sums their projected values, by one or two of their facts.

Texts are grouped without case, accents and punctuation, under the spelling that most leads have. Days, weeks
and months are those of the company's time zone.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

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


@dataclass(frozen=True)
class _Alike:
    """Leads whose facts have the same texts. There are few such sets, so that each text is read once."""

    keys: tuple[dict[str, str], ...]
    """For each fact, key of a group → the leads' own spelling."""
    values: list[float]
    """Their projected values."""
    count: int


class _Names:
    """The groups of leads by one fact, and the name of each."""

    def __init__(self, alike: Sequence[_Alike], place: int, by: CountedBy, most: int) -> None:
        """Find the groups by the fact at a place, and name those with most leads."""
        spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for each in alike:
            for key, spelling in each.keys[place].items():
                spellings[key][spelling] += each.count
        largest = sorted(spellings, key=lambda key: -spellings[key].total())[:most]
        if by in _PERIODS:
            largest.sort(key=lambda key: (not key, key))  # leads without a date come last
        self.names = {key: spellings[key].most_common(1)[0][0] for key in largest}
        """Key → name of the groups that are counted by name, in their order."""
        self.left_out = len(spellings) - len(largest)

    def groups_of(self, keys: Iterable[str]) -> list[object]:
        """Return the groups that some keys stand for."""
        return [key if key in self.names else _OTHERS for key in keys]


@dataclass
class _Tally:
    count: int = 0
    values: list[float] = field(default_factory=list)
    parts: "defaultdict[object, _Tally]" = field(default_factory=lambda: defaultdict(_Tally))
    """Group by the second fact → the same leads in it."""

    def add(self, alike: _Alike, parts: Sequence[object] = ()) -> None:
        self.count += alike.count
        self.values += alike.values
        for part in parts:
            self.parts[part].add(alike)

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
    by_texts: defaultdict[tuple[tuple[str | None, ...], ...], list[Lead]] = defaultdict(list)
    async for lead in paced(leads):
        by_texts[tuple([_texts(lead, fact, locale) for fact in by])].append(lead)
    alike = [
        _Alike(
            keys=tuple(_keys(texts, fact) for texts, fact in zip(of_facts, by, strict=True)),
            values=[lead.projected_value for lead in group if lead.projected_value],
            count=len(group),
        )
        async for of_facts, group in paced(by_texts.items())
    ]
    rows = _Names(alike, 0, by[0], MAX_GROUPS if len(by) == 1 else MAX_ROWS)
    columns = _Names(alike, 1, by[1], MAX_COLUMNS) if len(by) > 1 else None
    tallies: defaultdict[object, _Tally] = defaultdict(_Tally)
    every = _Tally()
    async for each in paced(alike):
        parts = columns.groups_of(each.keys[1]) if columns else []
        every.add(each, parts)
        for key in rows.groups_of(each.keys[0]):
            tallies[key].add(each, parts)

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


def _texts(lead: Lead, by: CountedBy, locale: Locale) -> tuple[str | None, ...]:
    """Return what a lead is counted by, in its own spelling."""
    if by in _PERIODS:
        return (_PERIODS[by](lead, locale),)
    return tuple(lead.tags) if by == "tag" else (getattr(lead, _FIELDS.get(by, by)),)


def _keys(texts: Iterable[str | None], by: CountedBy) -> dict[str, str]:
    """Return the groups that texts belong to: key → the spelling; the key of a missing value is empty."""
    form = str if by in _PERIODS else _FORMS.get(by, text_form)
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
