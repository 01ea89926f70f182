"""Short ids of leads, as git has them: the shortest prefix of an id that tells it apart.

Which lead a short id means is decided by what was shown. An id that was only read makes other short ids
longer or ambiguous; it is never meant by a short id.
"""

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from rotor_mcp.api.models import LEAD_ID, LEAD_ID_CHARS, MIN_SHORT_ID_CHARS

MAX_READ_IDS = 20_000
"""Ids that were read and are kept, the most recent."""
MAX_SORTED_IN = 200
"""New ids up to which each is sorted in by itself; sorting all anew is faster for more."""
MAX_GROUPS = 5_000
"""Groups of ids that were shown and are kept, the most recent."""
MAX_GROUP_IDS = 32
"""Ids of one group up to which they are shortened. Where more are known, they are shown whole."""

Shown = tuple[int, str]
"""Length of a prefix that was shown for an id, and the id."""


@dataclass(frozen=True)
class Candidates:
    """The known ids that begin with a prefix."""

    shown: tuple[str, ...]
    """Those for which this very prefix was shown."""
    others: tuple[str, ...]
    """Those that were read, or shown only by another prefix."""


class _ReadIds:
    """The ids that were read last, at most `MAX_READ_IDS`, and found by how they begin."""

    def __init__(self) -> None:
        self._new: deque[str | None] = deque(maxlen=MAX_READ_IDS)
        """Those that are not sorted in yet."""
        self._in_order: OrderedDict[str, None] = OrderedDict()
        self._sorted: list[str] = []
        self.learn: Callable[[Iterable[str | None]], None] = self._new.extend
        """Keeps the ids of leads that were read. Called for each page, it does no more."""

    def beginning(self, prefix: str) -> list[str]:
        """Return the ids that begin with a prefix."""
        if self._new:
            self._sort_in()
        first = last = bisect_left(self._sorted, prefix)
        while last < len(self._sorted) and self._sorted[last].startswith(prefix):
            last += 1
        return self._sorted[first:last]

    def _sort_in(self) -> None:
        new = {lead_id for lead_id in self._new if lead_id and lead_id not in self._in_order}
        for lead_id in self._new:
            if lead_id:
                self._in_order[lead_id] = None
                self._in_order.move_to_end(lead_id)
        self._new.clear()
        gone = [self._in_order.popitem(last=False)[0] for _ in range(len(self._in_order) - MAX_READ_IDS)]
        if len(new) > MAX_SORTED_IN:
            self._sorted = sorted(self._in_order)
            return
        for lead_id in new:
            insort(self._sorted, lead_id)
        for lead_id in gone:
            del self._sorted[bisect_left(self._sorted, lead_id)]


class ShownIds:
    """The ids of one company's leads that results have shown, within one process.

    Ids with the same first 8 characters form a group, which is kept or forgotten as a whole. After a restart
    nothing is known: a short id that was shown before for one lead and then for another means the latter.
    """

    def __init__(self) -> None:
        self._read = _ReadIds()
        self.learn = self._read.learn
        self._groups: OrderedDict[str, set[Shown]] = OrderedDict()
        """First 8 characters → what was shown."""

    async def shorten(self, ids: Sequence[str], min_chars: int = MIN_SHORT_ID_CHARS) -> dict[str, str]:
        """Return id → the shortest prefix with which no other known id begins, and keep that it was shown.

        A prefix has at least `min_chars` characters and does not end with a hyphen. What has not the form of
        a lead id is returned whole.
        """
        return self._show(ids, prefix_lengths(ids, self._known(ids), min_chars))

    async def find(self, prefix: str) -> Candidates:
        """Return the known ids that begin with a prefix of at least 8 characters."""
        return self._candidates(prefix, set())

    def _known(self, ids: Iterable[str]) -> dict[str, set[str]]:
        """Return the groups of some ids, with all ids of these groups that are known here."""
        groups: dict[str, set[str]] = {}
        for lead_id in ids:
            group = group_of(lead_id)
            if group not in groups:
                groups[group] = {shown for _, shown in self._groups.get(group, ())}
                groups[group].update(self._read.beginning(group))
            groups[group].add(lead_id)
        return groups

    def _show(self, ids: Iterable[str], lengths: Mapping[str, int]) -> dict[str, str]:
        """Return the short ids of some lengths, and keep that they were shown."""
        for lead_id, chars in lengths.items():
            if chars < LEAD_ID_CHARS:
                group = group_of(lead_id)
                self._groups.setdefault(group, set()).add((chars, lead_id))
                self._groups.move_to_end(group)
        while len(self._groups) > MAX_GROUPS:
            self._groups.popitem(last=False)
        return {lead_id: lead_id[: lengths.get(lead_id)] for lead_id in ids}

    def _candidates(self, prefix: str, elsewhere: Set[Shown]) -> Candidates:
        """Return the ids that begin with a prefix; `elsewhere` is what other servers have shown."""
        entries = elsewhere | self._groups.get(group_of(prefix), set())
        known = {*self._read.beginning(prefix)}
        known |= {lead_id for _, lead_id in entries if lead_id.startswith(prefix)}
        shown = {lead_id for lead_id in known if (len(prefix), lead_id) in entries}
        return Candidates(tuple(sorted(shown)), tuple(sorted(known - shown)))


def group_of(lead_id: str) -> str:
    """Return the first 8 characters of an id or of a prefix."""
    return lead_id[:MIN_SHORT_ID_CHARS]


def prefix_lengths(ids: Iterable[str], known: Mapping[str, Set[str]], min_chars: int) -> dict[str, int]:
    """Return id → the length of the shortest prefix with which no other known id of its group begins.

    It is the whole length if too many are known. What has not the form of a lead id is left out.
    """
    lengths: dict[str, int] = {}
    for lead_id in filter(LEAD_ID.fullmatch, ids):
        group = known[group_of(lead_id)]
        lengths[lead_id] = LEAD_ID_CHARS if len(group) > MAX_GROUP_IDS else _length(lead_id, group, min_chars)
    return lengths


def _length(lead_id: str, group: Set[str], min_chars: int) -> int:
    others = group - {lead_id}
    for chars in range(min_chars, LEAD_ID_CHARS):
        prefix = lead_id[:chars]
        if not prefix.endswith("-") and not any(other.startswith(prefix) for other in others):
            return chars
    return LEAD_ID_CHARS
