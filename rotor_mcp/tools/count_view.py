"""Shows counts of leads: as fields of a result, and as text."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Annotated, Any

from pydantic import BaseModel, PlainSerializer

from rotor_mcp.api.models import LEAD_ID, MIN_SHORT_ID_CHARS, whole_if_it_is
from rotor_mcp.leads import counts
from rotor_mcp.sanitize import one_line
from rotor_mcp.state.shown_ids import group_of, prefix_lengths
from rotor_mcp.tools.phrases import dollars

MAX_NAME_CHARS = 100
"""Characters of the name of a group."""
_NONE = "none"
"""Stands for a missing value."""

Part = tuple[int, Annotated[float, PlainSerializer(whole_if_it_is)]]
"""How many leads, and the sum of their values."""


class Count(BaseModel):
    """How many leads have something in common, and what they may bring together."""

    name: str
    count: int
    value: Annotated[float, PlainSerializer(whole_if_it_is)]
    parts: dict[str, Part] = {}
    """The same leads by the second fact: its value → how many, and the sum of their values."""


def count_of(group: counts.Group) -> Count:
    """Return a group as results show it."""
    return Count(
        name=_name(group.name),
        count=group.count,
        value=group.value,
        parts=_parts(group.parts),
    )


def counts_of(counted: counts.Counts | None) -> dict[str, Any]:
    """Return the fields `counts`, `counted_by`, `others` and `totals` of a result."""
    if counted is None:
        return {}
    return {
        "counts": [count_of(group) for group in counted.groups],
        "counted_by": list(counted.by),
        "others": None if counted.others is None else count_of(counted.others),
        "totals": [count_of(group) for group in counted.totals],
    }


def _parts(groups: Iterable[counts.Group | Count]) -> dict[str, Part]:
    """Return name → how many, and the sum of their values, also where what is shown of two names is alike."""
    parts: dict[str, Part] = {}
    for group in groups:
        name = _name(group.name) or _NONE
        number, value = parts.get(name, (0, 0))
        parts[name] = (number + group.count, counts.total_value((value, group.value)))
    return parts


def _name(text: str) -> str:
    return one_line(text)[:MAX_NAME_CHARS]


def count_lines(
    by: Sequence[str],
    groups: Sequence[Count],
    others: Count | None,
    totals: Sequence[Count] = (),
    *,
    count: int = 0,
    value: float = 0,
) -> list[str]:
    """Return counts as text: one fact in one line, two facts as a table with a line for each group.

    Args:
        by: what is counted by.
        groups: by the first fact.
        others: what the groups that are left out add up to.
        totals: of two facts, all leads by the second.
        count: of two facts, the number of all leads.
        value: of two facts, the sum of the values of all leads.
    """
    if not groups:
        return []
    short = _short_names({*(group.name for group in (*groups, *totals))})
    left_out = [] if others is None else [others.model_copy(update={"name": f"{others.name} others"})]
    if len(by) == 1:
        return [f"By {by[0]}: {', '.join(_texts([*groups, *left_out], short))}."]
    every = Count(name="all", count=count, value=value, parts=_parts(totals))
    lines = (_table_line(group, short) for group in (*groups, *left_out, every))
    return [f"By {' and '.join(by)}:", *lines]


def _short_names(names: Set[str]) -> dict[str, str]:
    """Return id of a user → its shortest prefix that tells it apart from the others."""
    ids = {name for name in names if LEAD_ID.fullmatch(name)}
    lengths = prefix_lengths(ids, dict.fromkeys(map(group_of, ids), ids), MIN_SHORT_ID_CHARS)
    return {user_id: user_id[:chars] for user_id, chars in lengths.items()}


def _table_line(group: Count, short: Mapping[str, str]) -> str:
    parts = [Count(name=name, count=number, value=value) for name, (number, value) in group.parts.items()]
    return f"{_texts([group], short)[0]}: {', '.join(_texts(parts, short))}"


def _texts(groups: Sequence[Count], short: Mapping[str, str]) -> list[str]:
    """Return a text for each group: Won 11 ($4,200)."""
    return [
        f"{short.get(group.name, group.name) or _NONE} {group.count:,}"
        f"{f' ({dollars(group.value)})' if group.value else ''}"
        for group in groups
    ]
