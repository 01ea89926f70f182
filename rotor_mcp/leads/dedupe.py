"""Merges the rows of a batch that are one person into one write, or refuses them. Pure.

Written one after the other, the last row would win. Rows that agree or complement each other are merged, and
rows that contradict each other are refused.
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
from rotor_mcp.leads.shared_keys import group_by_shared_keys
from rotor_mcp.normalize import name_form

_REACHABLE_BY = frozenset({"id", "phone", "email"})
_SAME_NAME = (
    "have the same name; without a phone or e-mail it is not certain that they are one person; "
    "add one, or make one row of them"
)


@dataclass(frozen=True)
class RowGroup:
    """One row, or several rows of one person."""

    rows: tuple[int, ...]
    """Their numbers. The first one identifies the result."""
    request: UpsertRequest


class ClashError(Exception):
    """Rows that conflict with each other. The message says what to do."""

    def __init__(
        self, groups: Sequence[RowGroup], reason: str, refused: Sequence[RowGroup] | None = None
    ) -> None:
        self.rows = _rows(groups if refused is None else refused)
        """The rows that are refused; all of them, unless only some are."""
        super().__init__(f"rows {' and '.join(map(str, _rows(groups)))} {reason}")


def merge(groups: Sequence[RowGroup], locale: Locale) -> tuple[list[RowGroup], list[ClashError]]:
    """Merge the rows of each person. Returns the merged rows, and the conflicts of the others.

    Rows are one person if they have the same id; without ids, the same phone or e-mail; without these, the
    same name.
    """
    merged: list[RowGroup] = []
    clashes: list[ClashError] = []
    keys = [request_keys(group.request, locale.region) for group in groups]
    for same_person in group_by_shared_keys(groups, keys):
        try:
            merged.append(combine(same_person, locale))
        except ClashError as exc:
            clashes.append(exc)
        except Exception as exc:  # the other rows are not affected
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


def combine(groups: Sequence[RowGroup], locale: Locale) -> RowGroup:
    """Merge several groups of one person into one.

    Raises:
        ClashError: if they have different values for a field, or it is not certain that they are one person.
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
            # A value of a row takes precedence over a value for all rows.
            is_weak = name in group.request.given.only_if_blank
            if name in values and is_weak and name not in weak:
                continue
            try:
                merges = name in values and (is_weak or name not in weak)
                values[name] = _merge_values(name, values[name], value, locale) if merges else value
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
    merged = groups[0].request.with_values(values, notes=tuple(notes), only_if_blank=weak)
    return RowGroup(_rows(groups), merged)


def _notes(request: UpsertRequest) -> tuple[str, ...]:
    return request.given.notes or ((request.notes,) if request.notes else ())


def _given(arguments: UpsertRequest) -> dict[str, Any]:
    names = (name for name in UpsertRequest.model_fields if name in arguments.model_fields_set)
    return {name: getattr(arguments, name) for name in names}


def _merge_values(name: str, one: Any, other: Any, locale: Locale) -> Any:
    """Return the value that includes both.

    Raises:
        ValueError: if the values contradict each other.
    """
    match name:
        case "tags":
            return list(dict.fromkeys([*one, *other]))
        case "replace_notes":
            return one or other
        case "notes":
            return one  # merged separately
        case "id" | "confirm":
            holds, also_holds = one == other, False
        case "follow_up_date":
            first, second = (dates.to_rotor(date, locale.zone) for date in (one, other))
            # A date-time includes the date of its day.
            holds = dates.to_rotor(other, locale.zone, before=first) == first
            also_holds = dates.to_rotor(one, locale.zone, before=second) == second
        case _:
            holds = is_same(name, one, other, locale, exact=False)
            also_holds = is_same(name, other, one, locale, exact=False)
    if not (holds or also_holds):
        raise ValueError("two values")
    return one if holds else other
