"""Filters and sorts leads. Pure.

Rotor's API filters by text, stage, tags and archived only, newest first.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
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


def matcher(request: SearchRequest, locale: Locale, *, compare_text: bool) -> Callable[[Lead], bool]:
    """Return the predicate of a search; without `compare_text`, Rotor has filtered by `search`."""
    given = _given(request)
    tests = [test for test, names in _TESTS.items() if not given.isdisjoint(names)]
    if request.archived != "include":
        tests.insert(0, _archived)
    if compare_text and request.search:
        tests.append(_text)

    def matches(lead: Lead) -> bool:
        for test in tests:  # noqa: SIM110 - twice as fast as `all`, and called for each lead of a company
            if not test(lead, request, locale):
                return False
        return True

    return matches


def _given(request: SearchRequest) -> set[str]:
    """Return the arguments that differ from their defaults."""
    defaults = SearchRequest.model_fields
    return {name for name in request.model_fields_set if getattr(request, name) != defaults[name].default}


# Each test runs only if one of its arguments, listed in `_TESTS`, is given. Texts are compared without case,
# accents and punctuation, phones by their digits.


def _archived(lead: Lead, request: SearchRequest, _: Locale) -> bool:
    return lead.archived == (request.archived == "only")


def _text(lead: Lead, request: SearchRequest, locale: Locale) -> bool:
    return matches_text(lead, request.search or "", locale.region)


def matches_text(lead: Lead, text: str, region: str) -> bool:
    """Whether a lead's name, phone or e-mail contains a text, in any spelling."""
    return (
        phone_matches(text, lead.phone or "", region)
        or caseless(text) in caseless(lead.email or "")
        or _is_part(text, lead.name or "")
    )


def _is_part(text: str, name: str) -> bool:
    """Whether a text is part of a name, or each of its words is part of a word of the name."""
    form, parts, has = name_form(text), words(text), words(name)
    return form in name_form(name) or (
        bool(parts) and all(any(part in word for word in has) for part in parts)
    )


def _stage(lead: Lead, request: SearchRequest, _: Locale) -> bool:
    return _is_one_of(lead.stage, request.stage)


def _not_stage(lead: Lead, request: SearchRequest, _: Locale) -> bool:
    return not _is_one_of(lead.stage, request.not_stage)


def _is_one_of(text: str | None, others: Sequence[str]) -> bool:
    return text_form(text or "") in {text_form(other) for other in others}


def _tags(lead: Lead, request: SearchRequest, _: Locale) -> bool:
    has = {text_form(tag) for tag in lead.tags}
    hits = [text_form(tag) in has for tag in request.tags]
    return all(hits) if request.all_tags else any(hits)


def _created(lead: Lead, request: SearchRequest, locale: Locale) -> bool:
    return _within(lead.created_at, dates.local, request.created_from, request.created_to, locale)


def _followed_up(lead: Lead, request: SearchRequest, locale: Locale) -> bool:
    return _within(lead.follow_up_date, dates.follow_up, request.follow_up_from, request.follow_up_to, locale)


def _within(
    value: str | None, read: dates.ReadDate, start: str | None, end: str | None, locale: Locale
) -> bool:
    """Whether a time is within two bounds, inclusive; a bound without a time is the whole day."""
    moment = read(value, locale.zone) if value else None
    return (
        moment is not None
        and (start is None or _compare(moment, start, locale) >= 0)
        and (end is None or _compare(moment, end, locale) <= 0)
    )


def _compare(moment: date | datetime, bound: str, locale: Locale) -> int:
    """Return -1, 0 or 1: before, at or after. Compares days unless both have a time."""
    limit = dates.parse(bound)
    if isinstance(limit, datetime) and isinstance(moment, datetime):
        limit = limit if limit.tzinfo else limit.replace(tzinfo=locale.zone)
        return (moment > limit) - (moment < limit)
    if isinstance(limit, datetime):
        limit = limit.date()
    day = moment.date() if isinstance(moment, datetime) else moment
    return (day > limit) - (day < limit)


def created_day(lead: Lead, locale: Locale) -> date | None:
    """Return the day on which a lead was created; None if that is not known."""
    return dates.day(lead.created_at, locale.zone) if lead.created_at else None


def follow_up_day(lead: Lead, locale: Locale) -> date | None:
    """Return the day of the follow-up of a lead; None if there is none, or its form is unknown."""
    return dates.day(lead.follow_up_date, locale.zone, dates.follow_up) if lead.follow_up_date else None


def _overdue(lead: Lead, _: SearchRequest, locale: Locale) -> bool:
    due = follow_up_day(lead, locale)
    return due is not None and due < locale.today


def _needs_action(lead: Lead, _: SearchRequest, locale: Locale) -> bool:
    if lead.follow_up_date:
        due = follow_up_day(lead, locale)
        return due is not None and due <= locale.today
    created = created_day(lead, locale)
    return created is not None and locale.today - created <= NEW_LEAD_DAYS


def _priority(lead: Lead, request: SearchRequest, _: Locale) -> bool:
    return lead.priority == request.priority


def _words(lead: Lead, request: SearchRequest, _: Locale) -> bool:
    for name in ("source", "service_type"):
        part = getattr(request, name)
        if part is not None and text_form(part) not in text_form(getattr(lead, name) or ""):
            return False
    return True


def _place(lead: Lead, request: SearchRequest, _: Locale) -> bool:
    for name in ("address_city", "address_state"):
        text = getattr(request, name)
        if text is not None and address_form(name, text) != address_form(name, getattr(lead, name) or ""):
            return False
    if request.address_zip is None:
        return True
    start, code = (
        address_form("address_zip", text or "") for text in (request.address_zip, lead.address_zip)
    )
    return code.startswith(start)


def _value(lead: Lead, request: SearchRequest, _: Locale) -> bool:
    value = lead.projected_value
    return (
        value is not None
        and (request.value_from is None or value >= request.value_from)
        and (request.value_to is None or value <= request.value_to)
    )


def _has(lead: Lead, request: SearchRequest, _: Locale) -> bool:
    return not any(is_missing(lead, name) for name in request.has)


def _lacks(lead: Lead, request: SearchRequest, _: Locale) -> bool:
    return all(is_missing(lead, name) for name in request.lacks)


def is_missing(lead: Lead, name: str) -> bool:
    """Whether a lead has no value in a field; 0 is one."""
    return getattr(lead, name) in (None, "", [])


_TESTS: dict[Callable[[Lead, SearchRequest, Locale], bool], tuple[str, ...]] = {
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
    moment = dates.local(lead.created_at, locale.zone) if lead.created_at and request.created_from else None
    return moment is not None and _compare(moment, request.created_from or "", locale) < 0


SortKey = tuple[bool, float | str, str]


def sort_key(lead: Lead, order: SortOrder, locale: Locale) -> SortKey:
    """Return the sort key of a lead, which is unique. Unknown values come last."""
    value: float | str | None
    match order:
        case "newest":
            value = _seconds(lead.created_at, dates.local, locale, sign=-1)
        case "oldest":
            value = _seconds(lead.created_at, dates.local, locale)
        case "follow_up":
            value = _seconds(lead.follow_up_date, dates.follow_up, locale)
        case "value":
            value = None if lead.projected_value is None else -float(lead.projected_value)
        case "name":
            value = caseless(lead.name) if lead.name else None
    unknown = "" if order == "name" else 0.0
    return (value is None, unknown if value is None else value, lead.id or "")


def _seconds(value: str | None, read: dates.ReadDate, locale: Locale, sign: int = 1) -> float | None:
    moment = read(value, locale.zone) if value else None
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, dates.NOON, locale.zone)
    return sign * moment.timestamp()
