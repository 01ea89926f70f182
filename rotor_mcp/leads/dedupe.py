"""Rows that are one person → one write, or why they cannot be. Pure.

Sent one after the other, the last row would win. Here rows are put together where they say the same or
complete each other, and refused where they disagree.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rotor_mcp import dates
from rotor_mcp.api.models import NOTES_LIMIT
from rotor_mcp.leads.compare import is_same
from rotor_mcp.leads.locale import Locale
from rotor_mcp.leads.matching import request_keys
from rotor_mcp.leads.plan import holds_lines
from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.normalize import name_form

_REACHABLE_BY = frozenset({"id", "phone", "email"})
_SAME_NAME = (
    "have the same name; without a phone or e-mail it is not certain that they are one person; "
    "add one, or make one row of them"
)


@dataclass(frozen=True)
class RowGroup:
    """What one row asks for, or several that are one person."""

    rows: tuple[int, ...]
    """Their numbers. The result stands under the first."""
    request: UpsertRequest


class ClashError(Exception):
    """Rows that cannot be written because of each other. The text says what to do about it."""

    def __init__(
        self, groups: Sequence[RowGroup], reason: str, refused: Sequence[RowGroup] | None = None
    ) -> None:
        self.rows = _rows(groups if refused is None else refused)
        """The rows that are refused; all of them, unless only some are."""
        super().__init__(f"rows {' and '.join(map(str, _rows(groups)))} {reason}")


def merge(groups: Sequence[RowGroup], locale: Locale) -> tuple[list[RowGroup], list[ClashError]]:
    """Combine the rows of one person. Returns the combined rows, and why the others cannot be written.

    Rows with the same id are one person; without ids, those with the same phone or e-mail; without these,
    those with the same name.
    """
    merged: list[RowGroup] = []
    clashes: list[ClashError] = []
    for same_person in _groups(groups, locale.region):
        try:
            merged.append(combine(same_person, locale))
        except ClashError as exc:
            clashes.append(exc)
        except Exception as exc:  # whatever it is, it is these rows' alone
            reason = f"cannot be put together: rotor-mcp has a fault of its own here ({type(exc).__name__})"
            clashes.append(ClashError(same_person, reason))
    named = {name_form(group.request.name or ""): group for group in merged if _is_reachable(group)}
    for group in [group for group in merged if not _is_reachable(group)]:
        if namesake := named.get(name_form(group.request.name or "")):
            merged.remove(group)
            clashes.append(ClashError([namesake, group], _SAME_NAME, refused=[group]))
    return merged, clashes


def _rows(groups: Iterable[RowGroup]) -> tuple[int, ...]:
    return tuple(sorted(row for group in groups for row in group.rows))


def _is_reachable(group: RowGroup) -> bool:
    return not _REACHABLE_BY.isdisjoint(group.request.model_fields_set)


def _groups(groups: Iterable[RowGroup], region: str) -> list[list[RowGroup]]:
    keys = {group.rows: request_keys(group.request, region) for group in groups}
    nearer: dict[str, str] = {}

    def root(key: str) -> str:
        while key in nearer:
            key = nearer[key]
        return key

    for first, *others in keys.values():
        for other in others:
            if root(other) != root(first):
                nearer[root(other)] = root(first)
    together: dict[str, list[RowGroup]] = {}
    for group in groups:
        together.setdefault(root(keys[group.rows][0]), []).append(group)
    return list(together.values())


def combine(groups: Sequence[RowGroup], locale: Locale) -> RowGroup:
    """Combine several groups of one person into one.

    Raises:
        ClashError: if they give different values to a field that holds one, or it is not certain that they
            are one person.
    """
    given = [_given(group.request) for group in groups]
    weak: set[str] = set()
    if not any(map(_is_reachable, groups)) and any(fields != given[0] for fields in given):
        raise ClashError(groups, _SAME_NAME)
    values: dict[str, Any] = {}
    notes: list[str] = []
    differing: dict[str, None] = {}
    for group, fields in zip(groups, given, strict=True):
        for name, value in fields.items():
            # What a row gives itself comes before what is given for all rows.
            is_weak = name in group.request.given.only_if_blank
            if name in values and is_weak and name not in weak:
                continue
            try:
                joins = name in values and (is_weak or name not in weak)
                values[name] = _join(name, values[name], value, locale) if joins else value
            except ValueError:
                differing[name] = None
            if is_weak:
                weak.add(name)
            else:
                weak.discard(name)
    for part in (part for group in groups for part in _notes(group.request)):
        if not any(holds_lines(other, part) for other in notes):
            notes = [*(other for other in notes if not holds_lines(part, other)), part]
    if len("\n".join(notes)) > NOTES_LIMIT or (values.get("replace_notes") and len(notes) > 1):
        differing["notes"] = None
    if differing:
        raise ClashError(
            groups,
            f"are the same person, but differ in {', '.join(differing)}; make one row of them, or give each "
            "person a phone or e-mail of their own",
        )
    together = groups[0].request.with_values(values, notes=tuple(notes), only_if_blank=weak)
    return RowGroup(_rows(groups), together)


def _notes(request: UpsertRequest) -> tuple[str, ...]:
    return request.given.notes or ((request.notes,) if request.notes else ())


def _given(arguments: UpsertRequest) -> dict[str, Any]:
    names = (name for name in UpsertRequest.model_fields if name in arguments.model_fields_set)
    return {name: getattr(arguments, name) for name in names}


def _join(name: str, one: Any, other: Any, locale: Locale) -> Any:
    """Find the value that says what both say.

    Raises:
        ValueError: if there is none.
    """
    match name:
        case "tags":
            return list(dict.fromkeys([*one, *other]))
        case "replace_notes":
            return one or other
        case "notes":
            return one  # all of them are put together by themselves
        case "id" | "confirm":
            holds, also_holds = one == other, False
        case "follow_up_date":
            first, second = (dates.to_rotor(date, locale.zone) for date in (one, other))
            # A date says nothing more than a date-time of that day.
            holds = dates.to_rotor(other, locale.zone, before=first) == first
            also_holds = dates.to_rotor(one, locale.zone, before=second) == second
        case _:
            holds = is_same(name, one, other, locale, exact=False)
            also_holds = is_same(name, other, one, locale, exact=False)
    if not (holds or also_holds):
        raise ValueError("two values")
    return one if holds else other
