"""Merges the rows of a batch that are one person into one write, or refuses them. Pure.

Written one after the other, the last row would win. Rows that agree or complement each other are merged, and
rows that contradict each other are refused.
"""

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from rotor_mcp import dates
from rotor_mcp.api.models import NOTES_LIMIT, whole_if_it_is
from rotor_mcp.leads.compare import ADDRESS_FIELDS, is_same
from rotor_mcp.leads.locale import Locale
from rotor_mcp.leads.matching import request_keys
from rotor_mcp.leads.plan import holds_lines
from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.leads.shared_keys import group_by_shared_keys
from rotor_mcp.normalize import name_form
from rotor_mcp.sanitize import cut, one_line

MAX_VALUE_CHARS = 60
"""Characters of a value that a refusal shows."""
MAX_VALUES = 5
"""Values of a field that a refusal shows."""

_SAME_NAME = (
    "have the same name; without a phone or e-mail it is not certain that they are one person; "
    "add one, or make one row of them"
)


@dataclass(frozen=True, slots=True)
class RowGroup:
    """One row, or several rows of one person. One row can be read anew each time, so that a file fits."""

    rows: tuple[int, ...]
    """Their numbers. The first one identifies the result."""
    keys: tuple[str, ...]
    """What the request looks for, as `request_keys` returns it."""
    name: str
    """The form of the name; blank if there is none."""
    source: UpsertRequest | Callable[[int], UpsertRequest]
    """The request, or what reads it from the number of the row."""

    @classmethod
    def of(
        cls,
        rows: tuple[int, ...],
        request: UpsertRequest,
        region: str,
        read: Callable[[int], UpsertRequest] | None = None,
    ) -> Self:
        """Return the group of a request. It holds the request, unless `read` reads it.

        Raises:
            InvalidArguments: if the phone could not exist in the region (ISO 3166), and there is no id.
        """
        return cls(rows, tuple(request_keys(request, region)), name_form(request.name or ""), read or request)

    @property
    def request(self) -> UpsertRequest:
        """What is to be written."""
        return self.source if isinstance(self.source, UpsertRequest) else self.source(self.rows[0])


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
    for same_person in group_by_shared_keys(groups, [group.keys for group in groups]):
        try:
            merged.append(same_person[0] if len(same_person) == 1 else combine(same_person, locale))
        except ClashError as exc:
            clashes.append(exc.with_traceback(None))  # it holds the requests
        except Exception as exc:  # the other rows are not affected
            reason = f"cannot be put together: rotor-mcp has a fault of its own here ({type(exc).__name__})"
            clashes.append(ClashError(same_person, reason))
    only_named = {group.name for group in merged if not _is_reachable(group)}
    namesakes = {group.name: group for group in merged if group.name in only_named and _is_reachable(group)}
    refused = [group for group in merged if group.name in namesakes and not _is_reachable(group)]
    clashes += (ClashError([namesakes[one.name], one], _SAME_NAME, refused=[one]) for one in refused)
    if refused:
        rows = {group.rows for group in refused}
        merged = [group for group in merged if group.rows not in rows]
    return merged, clashes


def _rows(groups: Iterable[RowGroup]) -> tuple[int, ...]:
    return tuple(sorted(row for group in groups for row in group.rows))


def _is_reachable(group: RowGroup) -> bool:
    return not group.keys[0].startswith("name ")


def combine(groups: Sequence[RowGroup], locale: Locale) -> RowGroup:
    """Merge several groups of one person into one.

    Raises:
        ClashError: if they have different values for a field, or it is not certain that they are one person.
    """
    requests = [group.request for group in groups]
    given = [_given(request) for request in requests]
    weak: set[str] = set()
    if not any(map(_is_reachable, groups)) and any(fields != given[0] for fields in given):
        raise ClashError(groups, _SAME_NAME)
    values: dict[str, Any] = {}
    notes: list[str] = []
    differing: dict[str, None] = {}
    for request, fields in zip(requests, given, strict=True):
        for name, value in fields.items():
            # A value of a row takes precedence over a value for all rows.
            is_weak = name in request.given.only_if_blank
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
    for part in (part for request in requests for part in _notes(request)):
        if not any(holds_lines(other, part) for other in notes):
            notes = [*(other for other in notes if not holds_lines(part, other)), part]
    if len("\n".join(notes)) > NOTES_LIMIT or (values.get("replace_notes") and len(notes) > 1):
        differing["notes"] = None
    if differing:
        raise ClashError(groups, _differences_text({name: _values(name, requests) for name in differing}))
    merged = requests[0].with_values(values, notes=tuple(notes), only_if_blank=weak)
    # In a file there may be 50,000 of them. Packed, a request takes a quarter of the memory.
    is_of_file = not any(isinstance(group.source, UpsertRequest) for group in groups)
    read = partial(_unpack, pickle.dumps(merged)) if is_of_file else None
    return RowGroup.of(_rows(groups), merged, locale.region, read)


def _unpack(packed: bytes, _row: int) -> UpsertRequest:
    request: UpsertRequest = pickle.loads(packed)  # noqa: S301 - packed by this process
    return request


def _differences_text(differing: Mapping[str, Sequence[str]]) -> str:
    """Return why rows of one person are refused, and what to do. `differing` is field → the values."""
    fields = ", ".join(f"{name} ({' / '.join(values)})" for name, values in differing.items())
    if differing.keys() <= {*ADDRESS_FIELDS}:
        advice = "a lead has one address: keep one of them, and put the other into the notes of one row"
    else:
        advice = "make one row of them, or give each person a phone or e-mail of their own"
    return f"are the same person, but differ in {fields}; {advice}"


def _values(name: str, requests: Iterable[UpsertRequest]) -> list[str]:
    """Return the different values of a field, each in one line and cut; values for all rows are left out."""
    given = [request for request in requests if name in request.model_fields_set]
    own = [request for request in given if name not in request.given.only_if_blank] or given
    texts = list(dict.fromkeys(one_line(str(whole_if_it_is(getattr(request, name)))) for request in own))
    more = ["…"] if len(texts) > MAX_VALUES else []
    return [cut(text, MAX_VALUE_CHARS) for text in texts[:MAX_VALUES]] + more


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
