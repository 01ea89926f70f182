"""Filters and sorts leads. Pure.

Rotor's API filters by text, stage, tags and archived only, newest first.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote

from rotor_mcp import dates
from rotor_mcp.api.models import Lead
from rotor_mcp.leads.locale import Locale
from rotor_mcp.leads.phones import is_phone_query, phone_matches
from rotor_mcp.leads.requests import SearchRequest, SortOrder
from rotor_mcp.normalize import address_form, caseless, name_form, text_form, words

NEW_LEAD_DAYS = timedelta(days=2)
"""Rotor's own triage rule: a lead created within two days that has no follow-up date needs action."""

MAX_TAGS_BYTES = 4_000
"""Limit of the tags in a URL. Servers refuse URLs of more than 8,000 bytes."""
_OF_THE_API = frozenset({"search", "stage", "tags", "archived"})
"""Arguments by which the API filters; by one stage at a time."""


def is_for_the_api(request: SearchRequest) -> bool:
    """Whether the API can do this search alone: then one request for the leads shown is enough."""
    return (
        _OF_THE_API.issuperset(_given(request) & _FILTERS)
        and len(request.stage) <= 1
        and request.sorted_by == "newest"
        and not request.count_by
        and request.archived != "only"
        and are_for_the_api(request.tags)
        and not (request.search and is_phone_query(request.search))
    )


def are_for_the_api(tags: Sequence[str]) -> bool:
    """Whether the API can filter by any of these tags, which a URL separates by commas."""
    joined = ",".join(tags)
    if len(joined) > MAX_TAGS_BYTES or any("," in tag for tag in tags):
        return False
    return len(quote(joined)) <= MAX_TAGS_BYTES


Predicate = Callable[[Lead], bool]


def matcher(request: SearchRequest, locale: Locale, *, compare_text: bool) -> Predicate:
    """Return the predicate of a search; without `compare_text`, Rotor has filtered by `search`."""
    given = _given(request)
    tests = [test(request, locale) for test, names in _TESTS.items() if not given.isdisjoint(names)]
    if request.archived != "include":
        tests.insert(0, _archived(request))
    if compare_text and request.search:
        tests.append(text_matcher(request.search, locale.region))

    if len(tests) == 1:
        return tests[0]

    def matches(lead: Lead) -> bool:
        for test in tests:  # noqa: SIM110 - twice as fast as `all`, and called for each lead of a company
            if not test(lead):
                return False
        return True

    return matches


def _given(request: SearchRequest) -> set[str]:
    """Return the arguments that differ from their defaults."""
    defaults = SearchRequest.model_fields
    return {name for name in request.model_fields_set if getattr(request, name) != defaults[name].default}


# Each of these returns a test of leads, and is called if one of its arguments, listed in `_TESTS`, is given.
# What depends on the search alone is read once. Texts are compared without case, accents and punctuation,
# phones by their digits.


def _archived(request: SearchRequest) -> Predicate:
    only = request.archived == "only"
    return lambda lead: lead.archived == only


def text_matcher(text: str, region: str) -> Predicate:
    """Return whether the name, phone or e-mail of a lead contains a text, in any spelling."""
    form, email, parts = name_form(text), caseless(text), words(text)

    def test(lead: Lead) -> bool:
        return (
            phone_matches(text, lead.phone or "", region)
            or email in caseless(lead.email or "")
            or form in name_form(lead.name or "")
            or _are_parts(parts, words(lead.name or ""))
        )

    return test


def _are_parts(parts: Sequence[str], of: Sequence[str]) -> bool:
    """Whether each of some words is part of one of others."""
    return bool(parts) and all(any(part in word for word in of) for part in parts)


def _stage(request: SearchRequest, _: Locale) -> Predicate:
    return _is_in_one_of(request.stage)


def _not_stage(request: SearchRequest, _: Locale) -> Predicate:
    is_in = _is_in_one_of(request.not_stage)
    return lambda lead: not is_in(lead)


def _is_in_one_of(stages: Sequence[str]) -> Predicate:
    forms = {text_form(stage) for stage in stages}
    return lambda lead: text_form(lead.stage or "") in forms


def _tags(request: SearchRequest, _: Locale) -> Predicate:
    wanted = {text_form(tag) for tag in request.tags}
    if request.all_tags:
        return lambda lead: wanted.issubset(map(text_form, lead.tags))
    return lambda lead: not wanted.isdisjoint(map(text_form, lead.tags))


def _created(request: SearchRequest, locale: Locale) -> Predicate:
    is_within = _within(request.created_from, request.created_to, locale)
    return lambda lead: bool(lead.created_at) and is_within(dates.local(lead.created_at or "", UTC))


def _followed_up(request: SearchRequest, locale: Locale) -> Predicate:
    is_within = _within(request.follow_up_from, request.follow_up_to, locale)

    def test(lead: Lead) -> bool:
        return bool(lead.follow_up_date) and is_within(
            dates.follow_up(lead.follow_up_date or "", locale.zone)
        )

    return test


def _within(start: str | None, end: str | None, locale: Locale) -> Callable[[date | datetime | None], bool]:
    """Return whether a time is within two bounds, inclusive; a bound without a time is the whole day.

    A time without a time of day is compared by days.
    """
    first = _instant(start, locale, time.min) if start else _FIRST
    # Where clocks are changed at midnight, an hour of the day may come twice: the last is meant.
    last = _instant(end, locale, time.max.replace(fold=1)) if end else _LAST
    first_day, last_day = (_day(start) if start else date.min), (_day(end) if end else date.max)

    def is_within(moment: date | datetime | None) -> bool:
        if isinstance(moment, datetime):
            return first <= moment <= last
        return moment is not None and first_day <= moment <= last_day

    return is_within


_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


def _instant(bound: str, locale: Locale, time_of_day: time) -> datetime:
    """Return the instant of a bound, of a day at a time of day.

    It is in UTC, if UTC has a date for it: instants of one zone are compared 30 times as fast.
    """
    instant = dates.instant(bound, locale.zone, time_of_day)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        return instant


def _day(bound: str) -> date:
    limit = dates.parse(bound)
    return limit.date() if isinstance(limit, datetime) else limit


def created_day(lead: Lead, locale: Locale) -> date | None:
    """Return the day on which a lead was created; None if that is not known."""
    return dates.day(lead.created_at, locale.zone) if lead.created_at else None


def follow_up_day(lead: Lead, locale: Locale) -> date | None:
    """Return the day of the follow-up of a lead; None if there is none, or its form is unknown."""
    return dates.day(lead.follow_up_date, locale.zone, dates.follow_up) if lead.follow_up_date else None


def _overdue(_: SearchRequest, locale: Locale) -> Predicate:
    def test(lead: Lead) -> bool:
        due = follow_up_day(lead, locale)
        return due is not None and due < locale.today

    return test


def _needs_action(_: SearchRequest, locale: Locale) -> Predicate:
    def test(lead: Lead) -> bool:
        if lead.follow_up_date:
            due = follow_up_day(lead, locale)
            return due is not None and due <= locale.today
        created = created_day(lead, locale)
        return created is not None and locale.today - created <= NEW_LEAD_DAYS

    return test


def _priority(request: SearchRequest, _: Locale) -> Predicate:
    return lambda lead: lead.priority == request.priority


def _words(request: SearchRequest, _: Locale) -> Predicate:
    parts = {
        name: text_form(part)
        for name in ("source", "service_type")
        if (part := getattr(request, name)) is not None
    }
    return lambda lead: all(part in text_form(getattr(lead, name) or "") for name, part in parts.items())


def _place(request: SearchRequest, _: Locale) -> Predicate:
    forms = {
        name: address_form(name, text)
        for name in ("address_city", "address_state")
        if (text := getattr(request, name)) is not None
    }
    start = None if request.address_zip is None else address_form("address_zip", request.address_zip)

    def test(lead: Lead) -> bool:
        if any(address_form(name, getattr(lead, name) or "") != form for name, form in forms.items()):
            return False
        return start is None or address_form("address_zip", lead.address_zip or "").startswith(start)

    return test


def _value(request: SearchRequest, _: Locale) -> Predicate:
    start, end = request.value_from, request.value_to

    def test(lead: Lead) -> bool:
        value = lead.projected_value
        return value is not None and (start is None or value >= start) and (end is None or value <= end)

    return test


def _has(request: SearchRequest, _: Locale) -> Predicate:
    return lambda lead: not any(is_missing(lead, name) for name in request.has)


def _lacks(request: SearchRequest, _: Locale) -> Predicate:
    return lambda lead: all(is_missing(lead, name) for name in request.lacks)


def is_missing(lead: Lead, name: str) -> bool:
    """Whether a lead has no value in a field; 0 is one."""
    return getattr(lead, name) in (None, "", [])


_TESTS: dict[Callable[[SearchRequest, Locale], Predicate], tuple[str, ...]] = {
    _stage: ("stage",),
    _not_stage: ("not_stage",),
    _tags: ("tags", "all_tags"),
    _created: ("created_from", "created_to"),
    _followed_up: ("follow_up_from", "follow_up_to"),
    _overdue: ("overdue",),
    _needs_action: ("needs_action",),
    _priority: ("priority",),
    _words: ("source", "service_type"),
    _place: ("address_city", "address_state", "address_zip"),
    _value: ("value_from", "value_to"),
    _has: ("has",),
    _lacks: ("lacks",),
}
"""Tests → the arguments that ask for them."""
_FILTERS = frozenset(name for names in _TESTS.values() for name in names)


def is_past(lead: Lead, request: SearchRequest, locale: Locale) -> bool:
    """Whether this lead and all older ones are too old, so that reading can stop."""
    if not (lead.created_at and request.created_from):
        return False
    moment = dates.local(lead.created_at, UTC)
    return moment is not None and not _within(request.created_from, None, locale)(moment)


SortKey = tuple[bool, float | str, str]


def sort_key(order: SortOrder, locale: Locale) -> Callable[[Lead], SortKey]:
    """Return what returns the sort key of a lead, which is unique. Unknown values come last."""
    value_of, unknown = _SORTED_BY[order], "" if order == "name" else 0.0

    def key(lead: Lead) -> SortKey:
        value = value_of(lead, locale)
        return (True, unknown, lead.id or "") if value is None else (False, value, lead.id or "")

    return key


def _seconds(value: str | None, read: dates.ReadDate, locale: Locale, sign: int = 1) -> float | None:
    moment = read(value, locale.zone) if value else None
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, dates.NOON, locale.zone)
    return sign * moment.timestamp()


_SORTED_BY: dict[SortOrder, Callable[[Lead, Locale], float | str | None]] = {
    "newest": lambda lead, locale: _seconds(lead.created_at, dates.local, locale, sign=-1),
    "oldest": lambda lead, locale: _seconds(lead.created_at, dates.local, locale),
    "follow_up": lambda lead, locale: _seconds(lead.follow_up_date, dates.follow_up, locale),
    "value": lambda lead, _: None if lead.projected_value is None else -lead.projected_value,
    "name": lambda lead, _: caseless(lead.name) if lead.name else None,
}
"""Order → the value by which leads are sorted, ascending; None if it is unknown."""
