"""Rows that are one person → one write, or why they cannot be. Pure.

Sent one after the other, the last row would win. Here rows are put together where they say the same or
complete each other, and refused where they disagree.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rotor_mcp import dates
from rotor_mcp.api.models import NOTES_LIMIT
from rotor_mcp.leads.matching import wanted_keys
from rotor_mcp.leads.normalize import name_form
from rotor_mcp.leads.plan import Locale, holds_lines, is_same
from rotor_mcp.leads.requests import UpsertLead

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
    arguments: UpsertLead


class ClashError(Exception):
    """Rows that cannot be written because of each other. The text says what to do about it."""

    def __init__(
        self, entries: Sequence[RowGroup], reason: str, refused: Sequence[RowGroup] | None = None
    ) -> None:
        self.rows = _rows(entries if refused is None else refused)
        """The rows that are refused; all of them, unless only some are."""
        super().__init__(f"rows {' and '.join(map(str, _rows(entries)))} {reason}")


def merge(entries: Sequence[RowGroup], context: Locale) -> tuple[list[RowGroup], list[ClashError]]:
    """Put together what is for the same person; return it, and why the rest cannot be written.

    Rows with the same id are one person; without ids, those with the same phone or e-mail; without these,
    those with the same name.
    """
    merged: list[RowGroup] = []
    clashes: list[ClashError] = []
    for group in _groups(entries, context.region):
        try:
            merged.append(combine(group, context))
        except ClashError as exc:
            clashes.append(exc)
        except Exception as exc:  # whatever it is, it is these rows' alone
            reason = f"cannot be put together: rotor-mcp has a fault of its own here ({type(exc).__name__})"
            clashes.append(ClashError(group, reason))
    named = {name_form(entry.arguments.name or ""): entry for entry in merged if _is_reachable(entry)}
    for entry in [entry for entry in merged if not _is_reachable(entry)]:
        if namesake := named.get(name_form(entry.arguments.name or "")):
            merged.remove(entry)
            clashes.append(ClashError([namesake, entry], _SAME_NAME, refused=[entry]))
    return merged, clashes


def _rows(entries: Iterable[RowGroup]) -> tuple[int, ...]:
    return tuple(sorted(row for entry in entries for row in entry.rows))


def _is_reachable(entry: RowGroup) -> bool:
    return not _REACHABLE_BY.isdisjoint(entry.arguments.model_fields_set)


def _groups(entries: Iterable[RowGroup], region: str) -> list[list[RowGroup]]:
    keys = {entry.rows: wanted_keys(entry.arguments, region) for entry in entries}
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
    for entry in entries:
        together.setdefault(root(keys[entry.rows][0]), []).append(entry)
    return list(together.values())


def combine(entries: Sequence[RowGroup], context: Locale) -> RowGroup:
    """Make one entry of several for the same person.

    Raises:
        ClashError: if they give different values to a field that holds one, or it is not certain that they
            are one person.
    """
    given = [_given(entry.arguments) for entry in entries]
    weak: set[str] = set()
    if not any(map(_is_reachable, entries)) and any(fields != given[0] for fields in given):
        raise ClashError(entries, _SAME_NAME)
    values: dict[str, Any] = {}
    notes: list[str] = []
    differing: dict[str, None] = {}
    for entry, fields in zip(entries, given, strict=True):
        for name, value in fields.items():
            # What a row gives itself comes before what is given for all rows.
            is_weak = name in entry.arguments.only_if_blank
            if name in values and is_weak and name not in weak:
                continue
            try:
                joins = name in values and (is_weak or name not in weak)
                values[name] = _join(name, values[name], value, context) if joins else value
            except ValueError:
                differing[name] = None
            if is_weak:
                weak.add(name)
            else:
                weak.discard(name)
    for part in (part for entry in entries for part in entry.arguments.notes_to_add):
        if not any(holds_lines(other, part) for other in notes):
            notes = [*(other for other in notes if not holds_lines(part, other)), part]
    if len("\n".join(notes)) > NOTES_LIMIT or (values.get("replace_notes") and len(notes) > 1):
        differing["notes"] = None
    if differing:
        raise ClashError(
            entries,
            f"are the same person, but differ in {', '.join(differing)}; make one row of them, or give each "
            "person a phone or e-mail of their own",
        )
    together = entries[0].arguments.with_values(values, notes=tuple(notes), only_if_blank=weak)
    return RowGroup(_rows(entries), together)


def _given(arguments: UpsertLead) -> dict[str, Any]:
    names = (name for name in UpsertLead.model_fields if name in arguments.model_fields_set)
    return {name: getattr(arguments, name) for name in names}


def _join(name: str, one: Any, other: Any, context: Locale) -> Any:
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
            first, second = (dates.to_rotor(date, context.zone) for date in (one, other))
            # A date says nothing more than a date-time of that day.
            holds = dates.to_rotor(other, context.zone, before=first) == first
            also_holds = dates.to_rotor(one, context.zone, before=second) == second
        case _:
            holds = is_same(name, one, other, context, exact=False)
            also_holds = is_same(name, other, one, context, exact=False)
    if not (holds or also_holds):
        raise ValueError("two values")
    return one if holds else other
