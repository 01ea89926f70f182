"""Which leads match, in which order, and what they come to. Pure.

Rotor's API filters by text, stage, tags and archived, newest first, and by nothing else. The rest is here.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta

from rotor_mcp import dates
from rotor_mcp.identity import caseless
from rotor_mcp.inputs import CountedBy, SearchLeads, SortOrder
from rotor_mcp.models import Lead
from rotor_mcp.plan import Context

NEW_FOR = timedelta(days=2)
"""Rotor's own triage rule: a lead created within two days that has no follow-up date needs action."""

_NOT_FILTERS = frozenset({"order", "count_by", "fields", "limit", "cursor"})
_OF_THE_API = frozenset({"search", "stage", "tags", "archived"})
_OF_OURS = frozenset(SearchLeads.model_fields) - _NOT_FILTERS - _OF_THE_API


def is_for_the_api(wanted: SearchLeads) -> bool:
    """Whether Rotor can do all of this alone: then one request of the size shown is enough."""
    ours = any(getattr(wanted, name) != SearchLeads.model_fields[name].default for name in _OF_OURS)
    return (
        not ours
        and wanted.order == "newest"
        and wanted.count_by is None
        and wanted.archived != "only"
        and not any("," in tag for tag in wanted.tags)
    )


def matches(lead: Lead, wanted: SearchLeads, context: Context) -> bool:
    """Whether a lead is one that is wanted. `search` is left to Rotor."""
    return all(test(lead, wanted, context) for test in _TESTS)


def _stage(lead: Lead, wanted: SearchLeads, _: Context) -> bool:
    return wanted.stage is None or caseless(lead.stage or "") == caseless(wanted.stage)


def _tags(lead: Lead, wanted: SearchLeads, _: Context) -> bool:
    if not wanted.tags:
        return True
    has = {caseless(tag) for tag in lead.tags}
    hits = [caseless(tag) in has for tag in wanted.tags]
    return all(hits) if wanted.all_tags else any(hits)


def _archived(lead: Lead, wanted: SearchLeads, _: Context) -> bool:
    return wanted.archived == "include" or lead.archived == (wanted.archived == "only")


def _created(lead: Lead, wanted: SearchLeads, context: Context) -> bool:
    return _within(lead.created_at, wanted.created_from, wanted.created_to, context)


def _followed_up(lead: Lead, wanted: SearchLeads, context: Context) -> bool:
    return _within(lead.follow_up_date, wanted.follow_up_from, wanted.follow_up_to, context)


def _within(value: str | None, start: str | None, end: str | None, context: Context) -> bool:
    """Whether a moment lies between two others; a bound without a time is the whole day."""
    if start is None and end is None:
        return True
    moment = dates.local(value, context.zone) if value else None
    return (
        moment is not None
        and (start is None or _compare(moment, start, context) >= 0)
        and (end is None or _compare(moment, end, context) <= 0)
    )


def _compare(moment: date | datetime, bound: str, context: Context) -> int:
    """-1, 0 or 1: before, at or after. By the day, unless both have a time."""
    limit = dates.parse(bound)
    if isinstance(limit, datetime) and isinstance(moment, datetime):
        limit = limit if limit.tzinfo else limit.replace(tzinfo=context.zone)
        return (moment > limit) - (moment < limit)
    if isinstance(limit, datetime):
        limit = limit.date()
    day = moment.date() if isinstance(moment, datetime) else moment
    return (day > limit) - (day < limit)


def _due(lead: Lead, context: Context) -> date | None:
    return dates.day(lead.follow_up_date, context.zone) if lead.follow_up_date else None


def _overdue(lead: Lead, wanted: SearchLeads, context: Context) -> bool:
    due = _due(lead, context)
    return not wanted.overdue or (due is not None and due < context.today)


def _needs_action(lead: Lead, wanted: SearchLeads, context: Context) -> bool:
    if not wanted.needs_action:
        return True
    if lead.follow_up_date:
        due = _due(lead, context)
        return due is not None and due <= context.today
    created = dates.day(lead.created_at, context.zone) if lead.created_at else None
    return created is not None and context.today - created <= NEW_FOR


def _priority(lead: Lead, wanted: SearchLeads, _: Context) -> bool:
    return wanted.priority is None or lead.priority == wanted.priority


def _words(lead: Lead, wanted: SearchLeads, _: Context) -> bool:
    for name in ("source", "service_type"):
        part = getattr(wanted, name)
        if part is not None and caseless(part) not in caseless(getattr(lead, name) or ""):
            return False
    return True


def _place(lead: Lead, wanted: SearchLeads, _: Context) -> bool:
    for name in ("address_city", "address_state"):
        text = getattr(wanted, name)
        if text is not None and caseless(text) != caseless(getattr(lead, name) or ""):
            return False
    return wanted.address_zip is None or (lead.address_zip or "").startswith(wanted.address_zip)


def _assigned(lead: Lead, wanted: SearchLeads, _: Context) -> bool:
    return wanted.assigned is None or bool(lead.assigned_to) == wanted.assigned


def _value(lead: Lead, wanted: SearchLeads, _: Context) -> bool:
    if wanted.value_from is None and wanted.value_to is None:
        return True
    value = lead.projected_value
    return (
        value is not None
        and (wanted.value_from is None or value >= wanted.value_from)
        and (wanted.value_to is None or value <= wanted.value_to)
    )


def _contact(lead: Lead, wanted: SearchLeads, _: Context) -> bool:
    return all(
        has is None or bool(getattr(lead, name)) == has
        for name, has in (("phone", wanted.has_phone), ("email", wanted.has_email))
    )


_TESTS: tuple[Callable[[Lead, SearchLeads, Context], bool], ...] = (
    _stage,
    _tags,
    _archived,
    _created,
    _followed_up,
    _overdue,
    _needs_action,
    _priority,
    _words,
    _place,
    _assigned,
    _value,
    _contact,
)


def is_past(lead: Lead, wanted: SearchLeads, context: Context) -> bool:
    """Whether this lead and all older ones are too old: newest first, reading can stop here."""
    moment = dates.local(lead.created_at, context.zone) if lead.created_at and wanted.created_from else None
    return moment is not None and _compare(moment, wanted.created_from or "", context) < 0


SortKey = tuple[bool, float | str, str]


def sort_key(lead: Lead, order: SortOrder, context: Context) -> SortKey:
    """What leads are sorted by, different for every two. What is not known comes last."""
    value: float | str | None
    match order:
        case "newest":
            value = _seconds(lead.created_at, context, sign=-1)
        case "oldest":
            value = _seconds(lead.created_at, context)
        case "follow_up":
            value = _seconds(lead.follow_up_date, context)
        case "value":
            value = None if lead.projected_value is None else -lead.projected_value
        case "name":
            value = caseless(lead.name) if lead.name else None
    unknown = "" if order == "name" else 0.0
    return (value is None, unknown if value is None else value, lead.id or "")


def _seconds(value: str | None, context: Context, sign: int = 1) -> float | None:
    local = dates.local(value, context.zone) if value else None
    if local is None:
        return None
    if not isinstance(local, datetime):
        local = datetime.combine(local, dates.NOON, context.zone)
    return sign * local.timestamp()


def count(leads: Iterable[Lead], by: CountedBy) -> dict[str, tuple[int, float]]:
    """Count leads, and add up what they may bring, by a field; the most numerous first."""
    counts: Counter[str] = Counter()
    values: Counter[str] = Counter()
    for lead in leads:
        names = lead.tags or [""] if by == "tag" else [getattr(lead, by) or ""]
        for name in names:
            counts[name] += 1
            values[name] += lead.projected_value or 0  # type: ignore[assignment]
    return {name: (number, values[name]) for name, number in counts.most_common()}
